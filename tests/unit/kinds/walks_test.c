/* SPDX-License-Identifier: Apache-2.0 */
/* Objects against their kinds: unknown fields, pruning, defaults, types, validation, as the groups
 * in tests/data/kinds.test say; and finding, merging and wording what fits no group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "data.h"
#include "kinds/kinds.h"

/* "apps/v1 Deployment" */
static const struct kind *kind_named(const char *api_version, const char *kind)
{
    json_auto_t *obj = json_pack("{s:s, s:s}", "apiVersion", api_version, "kind", kind);
    const struct kind *k = kinds_of(obj);
    if (k == NULL) {
        fail_msg("there is no %s %s", api_version, kind);
    }
    return k;
}

static void put_json(struct str *out, const json_t *v)
{
    char *text = v != NULL ? json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
    str_add(out, text != NULL ? text : "nothing");
    free(text);
}

static void put_findings(struct str *out, struct field_errs *errs)
{
    for (size_t i = 0; i < errs->n; i++) {
        str_add_f(out, "%s%s: %s", i > 0 ? " | " : "", errs->v[i].field, errs->v[i].message);
    }
    str_add(out, errs->n == 0 ? "ok" : "");
    field_errs_fini(errs);
}

/* What `verb` makes of `obj`. */
static void answer(const char *verb, const struct kind *k, const char *path, json_t *obj,
                   struct str *out)
{
    struct field_errs errs = {0};
    struct err err;
    if (strcmp(verb, "unknown") == 0) {
        json_auto_t *paths = json_array();
        kinds_unknown(k, obj, paths);
        put_json(out, paths);
    } else if (strcmp(verb, "prune") == 0) {
        kinds_prune(k, obj);
        put_json(out, obj);
    } else if (strcmp(verb, "default") == 0) {
        kinds_default(k, obj);
        put_json(out, path[0] != '\0' ? jx_path(obj, path) : obj);
    } else if (strcmp(verb, "types") == 0) {
        str_add(out, kinds_check_types(k, obj, &err) == 0 ? "ok" : err.msg);
    } else if (strcmp(verb, "validate") == 0) {
        kinds_validate(k, obj, &errs);
        put_findings(out, &errs);
    } else if (strcmp(verb, "update") == 0) {
        kinds_validate_update(k, json_array_get(obj, 0), json_array_get(obj, 1), &errs);
        put_findings(out, &errs);
    } else {
        fail_msg("no verb %s", verb);
    }
}

static void groups(void **state)
{
    struct data d;
    int bad = 0;
    data_open(&d, "kinds");
    while (data_next(&d)) {
        char verb[16], api_version[64], kind[64], path[128] = "";
        struct err err;
        json_t *obj = NULL;
        cleanup_str struct str out = STR_INIT;
        if (sscanf(d.text[0], "%15s %63s %63s %127s", verb, api_version, kind, path) < 3 ||
            jx_parse(d.text[1], strlen(d.text[1]), true, &obj, &err) < 0) {
            fail_msg("kinds.test:%d: %s", d.line, obj == NULL ? err.msg : "VERB APIVERSION KIND");
        }
        answer(verb, kind_named(api_version, kind), path, obj, &out);
        bad += !data_check(&d, str_c(&out));
        json_decref(obj);
    }
    assert_true(d.groups > 80);
    data_close(&d);
    assert_int_equal(bad, 0);
}

/* ---- finding ---- */

static void kinds_are_found(void **state)
{
    const struct kind *k = kinds_find("apps", "v1", "deployments");
    assert_non_null(k);
    assert_string_equal(k->kind, "Deployment");
    assert_string_equal(k->gr, "deployments.apps");
    assert_string_equal(k->api_version, "apps/v1");
    assert_string_equal(k->list_kind, "DeploymentList");
    assert_ptr_equal(k, kinds_find_gr("deployments.apps"));
    assert_ptr_equal(k, kinds_find_kind("apps", "v1", "Deployment"));
    assert_string_equal(kinds_find_gr("pods")->singular, "pod");
    assert_string_equal(kinds_find_gr("endpoints")->list_kind, "EndpointsList");
    assert_null(kinds_find("apps", "v1", "pods"));
    assert_null(kinds_find("apps", "v2", "deployments"));
    assert_null(kinds_find_gr("deployments"));
}

static void bodies_are_known_and_not_served(void **state)
{
    assert_null(kinds_find("policy", "v1", ""));
    assert_false(kinds_find_kind("policy", "v1", "Eviction")->served);
    assert_null(kinds_find_gr(""));
    /* The bodies of meta belong to every group. */
    assert_string_equal(kinds_find_kind("apps", "v1", "DeleteOptions")->kind, "DeleteOptions");
    assert_non_null(kind_named("v1", "DeleteOptions"));
    assert_null(kinds_find_kind("apps", "v1", "Nothing"));
}

static void objects_without_a_kind_have_none(void **state)
{
    static const char *const texts[] = {"{}",
                                        "[]",
                                        "{\"kind\":\"Pod\"}",
                                        "{\"apiVersion\":\"v1\"}",
                                        "{\"apiVersion\":1,\"kind\":\"Pod\"}",
                                        "{\"apiVersion\":\"apps/v1/x\",\"kind\":\"Deployment\"}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_auto_t *obj = json_loads(texts[i], 0, NULL);
        assert_null(kinds_of(obj));
    }
    assert_null(kinds_of(NULL));
}

static void fields_are_found_through_inlined_ones(void **state)
{
    const struct kind_message *pod = kinds_find_gr("pods")->message;
    const struct kind_message *spec = kinds_field(pod, "spec")->message;
    const struct kind_message *volume = kinds_field(spec, "volumes")->message;
    assert_string_equal(kinds_field(volume, "emptyDir")->message->name, "EmptyDirVolumeSource");
    assert_null(kinds_field(volume, "volumeSource"));
    assert_null(kinds_field(volume, ""));
    const struct kind_message *eph = kinds_field(spec, "ephemeralContainers")->message;
    assert_int_equal(kinds_field(eph, "terminationMessagePath")->pb, 13);
}

static void verbs_and_subresources(void **state)
{
    const struct kind *ns = kinds_find_gr("namespaces");
    assert_true(kinds_has_verb(ns, "watch"));
    assert_false(kinds_has_verb(ns, "deletecollection"));
    assert_string_equal(kinds_subresource(kinds_find_gr("pods"), "eviction")->group, "policy");
    assert_string_equal(kinds_subresource(kinds_find_gr("deployments.apps"), "status")->kind,
                        "Deployment");
    assert_null(kinds_subresource(ns, "log"));
}

/* Every field's table is in order: find relies on it. And nothing is left unexplained. */
static void tables_are_whole(void **state)
{
    for (const struct kind *const *k = kinds_all; *k != NULL; k++) {
        const struct kind_message *m = (*k)->message;
        assert_non_null(kinds_field(m, "apiVersion"));
        assert_non_null(kinds_field(m, "kind"));
        assert_ptr_equal(m->as_value->message, m);
        for (size_t i = 0; i < m->nfields; i++) {
            assert_true(i == 0 || strcmp(m->fields[i - 1].name, m->fields[i].name) < 0);
            assert_true(strlen(m->fields[i].doc) > 2);
            assert_true((m->fields[i].type == KIND_MESSAGE) == (m->fields[i].message != NULL));
        }
    }
}

/* ---- strategic merge ---- */

static void merge_keys_follow_the_data(void **state)
{
    const void *root = kinds_merge_root(kinds_find_gr("deployments.apps"));
    const void *spec = kinds_merge_child(root, "spec");
    const void *strategy = kinds_merge_child(spec, "strategy");
    const void *pod = kinds_merge_child(kinds_merge_child(spec, "template"), "spec");
    const void *containers = kinds_merge_child(pod, "containers");
    const void *container = kinds_merge_child(containers, NULL);
    assert_null(kinds_merge_key(root));
    assert_string_equal(kinds_merge_key(containers), "name");
    assert_null(kinds_merge_key(container));
    assert_string_equal(kinds_merge_key(kinds_merge_child(container, "ports")), "containerPort");
    assert_string_equal(kinds_merge_key(kinds_merge_child(container, "env")), "name");
    assert_null(kinds_merge_key(kinds_merge_child(container, "args")));
    assert_null(kinds_merge_key(kinds_merge_child(pod, "tolerations")));
    assert_int_equal(kinds_merge_retain_keys(strategy), 1);
    assert_int_equal(kinds_merge_retain_keys(kinds_merge_child(pod, "volumes")), 1);
    assert_int_equal(kinds_merge_retain_keys(containers), 0);
}

static void merge_nodes_end(void **state)
{
    const void *root = kinds_merge_root(kinds_find_gr("pods"));
    const void *meta = kinds_merge_child(root, "metadata");
    const void *finalizers = kinds_merge_child(meta, "finalizers");
    assert_string_equal(kinds_merge_key(finalizers), "");
    assert_null(kinds_merge_child(finalizers, NULL));
    assert_null(kinds_merge_child(kinds_merge_child(meta, "labels"), "app"));
    assert_null(kinds_merge_child(root, "nothing"));
    assert_null(kinds_merge_child(NULL, "x"));
    assert_null(kinds_merge_key(NULL));
    assert_int_equal(kinds_merge_retain_keys(NULL), 0);
}

/* ---- wording ---- */

static void findings_become_a_sentence(void **state)
{
    struct field_errs errs = {0};
    struct err err = {0};
    json_auto_t *minus = json_integer(-1);
    assert_int_equal(field_errs_finish(&errs, "Deployment", "apps", "web", &err), 0);
    field_errs_invalid(&errs, "spec.replicas", minus, "must be greater than or equal to 0");
    field_errs_invalid(&errs, "spec.replicas", minus, "must be greater than or equal to 0");
    assert_int_equal(field_errs_finish(&errs, "Deployment", "apps", "web", &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.msg, "Deployment.apps \"web\" is invalid: spec.replicas: Invalid "
                                 "value: -1: must be greater than or equal to 0");
    field_errs_required(&errs, "spec.selector", "");
    (void)!field_errs_finish(&errs, "Deployment", "apps", "web", &err);
    assert_string_equal(err.msg, "Deployment.apps \"web\" is invalid: [spec.replicas: Invalid "
                                 "value: -1: must be greater than or equal to 0, spec.selector: "
                                 "Required value]");
    json_auto_t *causes = field_errs_causes(&errs);
    assert_int_equal(json_array_size(causes), 2);
    assert_string_equal(jx_str(causes, "[1].reason", ""), "FieldValueRequired");
    field_errs_fini(&errs);
}

static void every_finding_has_its_words(void **state)
{
    struct field_errs errs = {0};
    cleanup_str struct str out = STR_INIT;
    json_auto_t *v = json_string("x\"y");
    static const char *const allowed[] = {"a", "b", NULL};
    field_errs_not_supported(&errs, "f", v, allowed);
    field_errs_duplicate(&errs, "f", v);
    field_errs_forbidden(&errs, "f", "no");
    field_errs_not_found(&errs, "f", v);
    field_errs_too_long(&errs, "f", 63);
    field_errs_too_many(&errs, "f", 5, 1);
    field_errs_type(&errs, "f", NULL, "must be a number");
    field_errs_required(&errs, "f", "name it");
    put_findings(&out, &errs);
    assert_string_equal(
        str_c(&out),
        "f: Unsupported value: \"x\\\"y\": supported values: \"a\", \"b\" | "
        "f: Duplicate value: \"x\\\"y\" | f: Forbidden: no | f: Not found: \"x\\\"y\" | "
        "f: Too long: may not be more than 63 bytes | f: Too many: 5: must have at most 1 item | "
        "f: Invalid value: null: must be a number | f: Required value: name it");
}

/* ---- bounds ---- */

static json_t *pod_of(size_t ncontainers)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ncontainers; i++) {
        json_array_append_new(list, json_object());
    }
    return json_pack("{s:{s:o}}", "spec", "containers", list);
}

static void findings_are_bounded(void **state)
{
    struct field_errs errs = {0};
    json_auto_t *pod = pod_of(40000);
    kinds_validate(kinds_find_gr("pods"), pod, &errs);
    assert_int_equal(errs.n, 100);
    field_errs_fini(&errs);
}

static void parts_are_bounded(void **state)
{
    struct err err;
    json_auto_t *many = pod_of(49990);
    json_auto_t *too_many = pod_of(50000);
    assert_int_equal(kinds_check_types(kinds_find_gr("pods"), many, &err), 0);
    assert_int_equal(kinds_check_types(kinds_find_gr("pods"), too_many, &err), -1);
    assert_string_equal(err.msg, "the object has too many parts (at spec.containers[49998])");
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups),
        cmocka_unit_test(kinds_are_found),
        cmocka_unit_test(bodies_are_known_and_not_served),
        cmocka_unit_test(objects_without_a_kind_have_none),
        cmocka_unit_test(fields_are_found_through_inlined_ones),
        cmocka_unit_test(verbs_and_subresources),
        cmocka_unit_test(tables_are_whole),
        cmocka_unit_test(merge_keys_follow_the_data),
        cmocka_unit_test(merge_nodes_end),
        cmocka_unit_test(findings_become_a_sentence),
        cmocka_unit_test(every_finding_has_its_words),
        cmocka_unit_test(findings_are_bounded),
        cmocka_unit_test(parts_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
