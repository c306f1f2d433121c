/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind in the data can be described: whatever is added there, discovery, OpenAPI and tables
 * hold together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/json/jx.h"
#include "kinds/kinds.h"
#include "kinds/print.h"

#define V2_PREFIX "#/definitions/"
#define V3_PREFIX "#/components/schemas/"

static bool is_first_of_version(size_t i)
{
    const struct kind *k = kinds_all[i];
    for (size_t j = 0; j < i; j++) {
        if (kinds_all[j]->served && str_eq(kinds_all[j]->api_version, k->api_version)) {
            return false;
        }
    }
    return k->served;
}

static json_t *members_iter(const json_t *v)
{
    return (json_t *)(uintptr_t)v; /* jansson's iterators want it so */
}

/* Every $ref in `v` must name one of `schemas`. */
static void check_refs(const json_t *v, const json_t *schemas, const char *prefix)
{
    const json_t *item;
    size_t i;
    jx_each(i, item, v)
    {
        check_refs(item, schemas, prefix);
    }
    json_t *walked = members_iter(v);
    for (void *it = json_object_iter(walked); it != NULL; it = json_object_iter_next(walked, it)) {
        const json_t *member = json_object_iter_value(it);
        if (str_eq(json_object_iter_key(it), "$ref") && json_is_string(member)) {
            const char *ref = json_string_value(member);
            if (!str_has_prefix(ref, prefix) || !jx_get(schemas, ref + strlen(prefix))) {
                fail_msg("%s refers to nothing", ref);
            }
        }
        check_refs(member, schemas, prefix);
    }
}

static void references_lead_somewhere(void **state)
{
    json_auto_t *v2 = kinds_openapi_v2_json();
    check_refs(v2, jx_get(v2, "definitions"), V2_PREFIX);
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        if (is_first_of_version(i)) {
            json_auto_t *v3 = kinds_openapi_v3(kinds_all[i]->group, kinds_all[i]->version);
            check_refs(v3, jx_path(v3, "components.schemas"), V3_PREFIX);
        }
    }
}

static void check_operation(const char *url, const char *method, const json_t *operation,
                            json_t *ids)
{
    const char *id = jx_get_str(operation, "operationId", "");
    if (*id == '\0' || json_object_get(ids, id) != NULL) {
        fail_msg("%s %s: its id \"%s\" is empty or taken", method, url, id);
    }
    json_object_set_new(ids, id, json_true());
    const json_t *gvk = jx_get(operation, "x-kubernetes-group-version-kind");
    if (jx_get(gvk, "group") == NULL || *jx_get_str(gvk, "kind", "") == '\0') {
        fail_msg("%s %s has no kind", method, url);
    }
    const json_t *parameters = jx_arr(operation, "parameters");
    if (str_eq(method, "patch") && (jx_find(parameters, "name", "dryRun") == NULL ||
                                    jx_find(parameters, "name", "fieldValidation") == NULL)) {
        fail_msg("%s %s does not know dryRun or fieldValidation", method, url);
    }
}

static void operations_are_complete(void **state)
{
    json_auto_t *v2 = kinds_openapi_v2_json();
    json_auto_t *ids = json_object();
    json_t *paths = members_iter(jx_get(v2, "paths"));
    assert_true(json_object_size(paths) > 0);
    for (void *p = json_object_iter(paths); p != NULL; p = json_object_iter_next(paths, p)) {
        json_t *item = json_object_iter_value(p);
        for (void *o = json_object_iter(item); o != NULL; o = json_object_iter_next(item, o)) {
            if (!str_eq(json_object_iter_key(o), "parameters")) {
                check_operation(json_object_iter_key(p), json_object_iter_key(o),
                                json_object_iter_value(o), ids);
            }
        }
    }
}

static void every_kind_has_a_schema_with_properties(void **state)
{
    json_auto_t *v2 = kinds_openapi_v2_json();
    const json_t *definitions = jx_get(v2, "definitions");
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        const struct kind *k = kinds_all[i];
        const json_t *schema = jx_get(definitions, k->message->full_name);
        if (k->served && (jx_len(schema, "properties") < 2 ||
                          jx_len(schema, "x-kubernetes-group-version-kind") == 0)) {
            fail_msg("%s %s is not described", k->api_version, k->kind);
        }
    }
}

static void every_served_kind_is_discovered(void **state)
{
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        const struct kind *k = kinds_all[i];
        json_auto_t *list = kinds_discovery_resources(k->group, k->version);
        const json_t *found =
            jx_find(jx_arr(list, "resources"), "name", k->resource != NULL ? k->resource : "");
        if (k->served != (found != NULL)) {
            fail_msg("%s %s: served is %d, found is %d", k->api_version, k->kind, k->served,
                     found != NULL);
        }
    }
}

static void every_column_has_a_printer(void **state)
{
    json_auto_t *nothing = json_object();
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        const struct kind *k = kinds_all[i];
        for (size_t j = 0; j < k->ncolumns; j++) {
            const char *print = k->columns[j].print;
            if (print != NULL && print_find(print) == NULL) {
                fail_msg("%s: column %s wants the printer \"%s\", which does not exist", k->gr,
                         k->columns[j].name, print);
            }
        }
        json_auto_t *columns = kinds_table_columns(k);
        json_auto_t *row = kinds_table_row(k, nothing, KIND_TABLE_NONE, 0);
        assert_int_equal(jx_len(row, "cells"), json_array_size(columns));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_lead_somewhere),
        cmocka_unit_test(operations_are_complete),
        cmocka_unit_test(every_kind_has_a_schema_with_properties),
        cmocka_unit_test(every_served_kind_is_discovered),
        cmocka_unit_test(every_column_has_a_printer),
    };
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
