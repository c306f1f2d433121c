/* SPDX-License-Identifier: Apache-2.0 */
/* A kind is data: tests/data/kinds/example.yaml alone makes a Widget that is discovered, described,
 * checked, defaulted, decoded, merged and printed. This file brings the tables that were made with
 * it and so replaces the room's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"

#include "kinds_example.c"

static const struct kind *widget(void)
{
    const struct kind *k = kinds_find("lab.example", "v1", "widgets");
    assert_non_null(k);
    return k;
}

static json_t *parsed(const char *text)
{
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    return v;
}

static void it_is_found(void **state)
{
    const struct kind *k = widget();
    assert_string_equal(k->gr, "widgets.lab.example");
    assert_string_equal(k->singular, "widget");
    assert_string_equal(k->message->full_name, "example.lab.v1.Widget");
    assert_ptr_equal(k, kinds_find_gr("widgets.lab.example"));
    assert_non_null(kinds_find("", "v1", "pods"));
}

static void it_is_discovered(void **state)
{
    json_auto_t *groups = kinds_discovery_groups();
    assert_non_null(jx_find(jx_arr(groups, "groups"), "name", "lab.example"));
    json_auto_t *resources = kinds_discovery_resources("lab.example", "v1");
    const json_t *r = jx_find(jx_arr(resources, "resources"), "name", "widgets");
    assert_string_equal(jx_str(r, "shortNames[0]", ""), "wd");
    assert_non_null(jx_find(jx_arr(resources, "resources"), "name", "widgets/scale"));
}

static void it_is_described(void **state)
{
    json_auto_t *doc = kinds_openapi_v3("lab.example", "v1");
    const json_t *schemas = jx_obj(doc, "components.schemas");
    const json_t *spec = jx_get(schemas, "example.lab.v1.WidgetSpec");
    assert_string_equal(jx_str(spec, "properties.lamp.description", ""), "On or Off.");
    assert_non_null(jx_path(spec, "properties.shop"));
    assert_non_null(jx_get(schemas, "io.k8s.api.core.v1.PodTemplateSpec"));
}

static void it_is_defaulted(void **state)
{
    json_auto_t *obj = parsed("{\"spec\":{\"color\":\"blue\",\"weight\":1024,\"lamp\":true}}");
    kinds_default(widget(), obj);
    assert_int_equal(jx_int(obj, "spec.copies", 0), 2);
    assert_string_equal(jx_str(obj, "spec.shade", ""), "dark");
    assert_string_equal(jx_str(obj, "spec.weight", ""), "1024");
    assert_string_equal(jx_str(obj, "spec.lamp", ""), "On");
    json_auto_t *red = parsed("{}");
    kinds_default(widget(), red);
    assert_string_equal(jx_str(red, "spec.color", ""), "red");
    assert_null(jx_path(red, "spec.shade"));
}

static void it_is_checked(void **state)
{
    struct err err;
    struct field_errs errs = {0};
    json_auto_t *typed = parsed("{\"spec\":{\"copies\":\"two\"}}");
    assert_int_equal(kinds_check_types(widget(), typed, &err), -1);
    assert_string_equal(err.msg, "json: cannot unmarshal string into Go struct field "
                                 "WidgetSpec.spec.copies of type int32");
    json_auto_t *obj = parsed("{\"metadata\":{\"name\":\"w\",\"namespace\":\"n\"},\"spec\":{"
                              "\"copies\":10,\"parts\":[{\"name\":\"a\"},{\"name\":\"a\"},{}]}}");
    kinds_validate(widget(), obj, &errs);
    assert_int_equal(errs.n, 3);
    assert_string_equal(errs.v[0].message, "Invalid value: 10: must be between 0 and 9, inclusive");
    assert_string_equal(errs.v[1].field, "spec.parts[1].name");
    assert_string_equal(errs.v[1].message, "Duplicate value: \"a\"");
    assert_string_equal(errs.v[2].field, "spec.parts[2].name");
    field_errs_fini(&errs);
}

static void its_changes_are_checked(void **state)
{
    struct field_errs errs = {0};
    json_auto_t *old = parsed("{\"spec\":{\"serial\":\"1\",\"color\":\"red\"}}");
    json_auto_t *new = parsed("{\"spec\":{\"serial\":\"2\",\"color\":\"blue\"}}");
    kinds_validate_update(widget(), old, new, &errs);
    assert_int_equal(errs.n, 1);
    assert_string_equal(errs.v[0].field, "spec.serial");
    field_errs_fini(&errs);
}

static void unknown_fields_are_named(void **state)
{
    json_auto_t *obj = parsed("{\"spec\":{\"colour\":\"red\",\"shop\":\"x\",\"origin\":{}}}");
    json_auto_t *paths = json_array();
    kinds_unknown(widget(), obj, paths);
    assert_int_equal(json_array_size(paths), 2);
    kinds_prune(widget(), obj);
    assert_int_equal(jx_len(obj, "spec"), 1);
}

static void it_is_decoded(void **state)
{
    static const char body[] = "k8s\0"
                               "\x0a\x18\x0a\x0elab.example/v1\x12\x06Widget"
                               "\x12\x1b\x0a\x03\x0a\x01w\x12\x14"
                               "\x0a\x03red\x10\x00\x1a\x03\x0a\x01p\x42\x06\x0a\x02hm\x10\x00";
    struct err err;
    json_t *obj = NULL;
    if (kinds_proto_decode(body, sizeof(body) - 1, &obj, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    cleanup_free char *text = json_dumps(obj, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(obj);
    assert_string_equal(text, "{\"apiVersion\":\"lab.example/v1\",\"kind\":\"Widget\","
                              "\"metadata\":{\"name\":\"w\"},\"spec\":{\"color\":\"red\","
                              "\"copies\":0,\"made\":false,\"parts\":[{\"name\":\"p\"}],"
                              "\"shop\":\"hm\"}}");
}

static void its_lists_merge(void **state)
{
    const void *spec = kinds_merge_child(kinds_merge_root(widget()), "spec");
    assert_string_equal(kinds_merge_key(kinds_merge_child(spec, "parts")), "name");
}

static void it_is_printed(void **state)
{
    json_auto_t *obj = parsed("{\"metadata\":{\"name\":\"w\"},\"spec\":{\"color\":\"red\","
                              "\"parts\":[{},{}]}}");
    json_auto_t *row = kinds_table_row(widget(), obj, KIND_TABLE_NONE, 0);
    cleanup_free char *cells = json_dumps(jx_arr(row, "cells"), JSON_COMPACT);
    assert_string_equal(cells, "[\"w\",\"red\",2,\"<unknown>\",\"<none>\"]");
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_found),
        cmocka_unit_test(it_is_discovered),
        cmocka_unit_test(it_is_described),
        cmocka_unit_test(it_is_defaulted),
        cmocka_unit_test(it_is_checked),
        cmocka_unit_test(its_changes_are_checked),
        cmocka_unit_test(unknown_fields_are_named),
        cmocka_unit_test(it_is_decoded),
        cmocka_unit_test(its_lists_merge),
        cmocka_unit_test(it_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
