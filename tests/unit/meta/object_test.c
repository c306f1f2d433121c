/* SPDX-License-Identifier: Apache-2.0 */
/* Names, generated names, and the parts of metadata and status that every room touches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "meta/name.h"
#include "meta/object.h"

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    struct err err = {0};
    if (jx_parse(text, strlen(text), true, &v, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return v;
}

#define TEN "aaaaaaaaaa"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define TWO_HUNDRED_FORTY SIXTY SIXTY SIXTY SIXTY

static void names_are_checked(void **state)
{
    /* The sentence, or its first words; NULL when the name is fine. */
    static const struct {
        const char *(*check)(const char *);
        const char *name, *begins;
    } rows[] = {
        {name_check_label, "web", NULL},
        {name_check_label, "0-a", NULL},
        {name_check_label, SIXTY "aaa", NULL},
        {name_check_label, SIXTY "aaaa", "must be no more than 63 bytes"},
        {name_check_label, "a.b", "must not contain dots"},
        {name_check_label, "a..b", "a lowercase RFC 1123 label must consist of lower case"},
        {name_check_label, "", "a lowercase RFC 1123 label must"},
        {name_check_label, "-a", "a lowercase RFC 1123 label must"},
        {name_check_label, "a-", "a lowercase RFC 1123 label must"},
        {name_check_label, "Web", "a lowercase RFC 1123 label must"},
        {name_check_label, "a_b", "a lowercase RFC 1123 label must"},
        {name_check_label, "\xc3\xbc", "a lowercase RFC 1123 label must"},
        {name_check_subdomain, "a.b-c.1", NULL},
        {name_check_subdomain, TWO_HUNDRED_FORTY TEN "aaa", NULL},
        {name_check_subdomain, TWO_HUNDRED_FORTY TEN "aaaa", "must be no more than 253 bytes"},
        {name_check_subdomain, "a.", "a lowercase RFC 1123 subdomain must"},
        {name_check_subdomain, ".", "a lowercase RFC 1123 subdomain must"},
        {name_check_subdomain, "", "a lowercase RFC 1123 subdomain must"},
        {name_check_subdomain, "a.-b", "a lowercase RFC 1123 subdomain must"},
        {name_check_dns1035, "web-1", NULL},
        {name_check_dns1035, "1web", "a DNS-1035 label must"},
        {name_check_dns1035, "", "a DNS-1035 label must"},
        {name_check_dns1035, SIXTY "aaaa", "must be no more than 63 bytes"},
        {name_check_key, "app", NULL},
        {name_check_key, "app.kubernetes.io/name", NULL},
        {name_check_key, "A_b.C-d", NULL},
        {name_check_key, "/a", "prefix part must be non-empty"},
        {name_check_key, "a/", "name part must be non-empty"},
        {name_check_key, "", "name part must be non-empty"},
        {name_check_key, "a/b/c", "a qualified name must consist of"},
        {name_check_key, "A/b", "prefix part a lowercase RFC 1123 subdomain"},
        {name_check_key, "-a", "name part must consist of alphanumeric"},
        {name_check_key, "a b", "name part must consist of alphanumeric"},
        {name_check_key, SIXTY "aaaa", "name part must be no more than 63 bytes"},
        {name_check_key, TWO_HUNDRED_FORTY TEN "aaaa/b",
         "prefix part must be no more than 253 bytes"},
        {name_check_label_value, "", NULL},
        {name_check_label_value, "A_b.c-1", NULL},
        {name_check_label_value, "a b", "a valid label must be an empty string or"},
        {name_check_label_value, "-", "a valid label must be an empty string or"},
        {name_check_label_value, SIXTY "aaaa", "must be no more than 63 bytes"},
        {name_check_env, "PATH", NULL},
        {name_check_env, "my var.1-x", NULL},
        {name_check_env, "9a", NULL},
        {name_check_env, "a=b", "a valid environment variable name must consist only of"},
        {name_check_env, "\xc3\xbc", "a valid environment variable name must"},
        {name_check_env, "", "environment variable name must be non-empty"},
        {name_check_config_key, "app.properties", NULL},
        {name_check_config_key, ".env", NULL},
        {name_check_config_key, ".", "must not be '.'"},
        {name_check_config_key, "..", "must not be '..'"},
        {name_check_config_key, "..a", "must not start with '..'"},
        {name_check_config_key, "a/b", "a valid config key must consist of"},
        {name_check_config_key, "", "a valid config key must consist of"},
        {name_check_config_key, TWO_HUNDRED_FORTY TEN "aaaa", "must be no more than 253 bytes"},
        {name_check_port, "http", NULL},
        {name_check_port, "8a-b", NULL},
        {name_check_port, "aaaaaaaaaaaaaaaa", "must be no more than 15 bytes"},
        {name_check_port, "HTTP", "must contain only alpha-numeric characters (a-z, 0-9)"},
        {name_check_port, "80", "must contain at least one letter (a-z)"},
        {name_check_port, "", "must contain at least one letter (a-z)"},
        {name_check_port, "a--b", "must not contain consecutive hyphens"},
        {name_check_port, "a-", "must not begin or end with a hyphen"},
        {name_check_port, "-a", "must not begin or end with a hyphen"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *got = rows[i].check(rows[i].name);
        bool ok = rows[i].begins == NULL ? got == NULL
                                         : got != NULL && str_has_prefix(got, rows[i].begins);
        if (!ok) {
            fail_msg("\"%s\": %s", rows[i].name, got != NULL ? got : "accepted");
        }
    }
}

static void the_label_sentence_is_kubernetes_own(void **state)
{
    assert_string_equal(
        name_check_label("My_Name"),
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
        "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "
        "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
}

static void generated_names_fit(void **state)
{
    struct loop *loop = loop_sim_new(1);
    cleanup_free char *a = name_generate(loop, "web-");
    cleanup_free char *b = name_generate(loop, "web-");
    cleanup_free char *cut = name_generate(loop, SIXTY "zzzz");
    assert_int_equal(strlen(a), 9);
    assert_memory_equal(a, "web-", 4);
    assert_string_not_equal(a, b);
    assert_int_equal(strspn(a + 4, "bcdfghjklmnpqrstvwxz2456789"), 5);
    assert_int_equal(strlen(cut), 63);
    assert_null(name_check_label(cut));
    loop_free(loop);
}

static void hashes_have_no_vowels(void **state)
{
    char buf[11];
    name_safe_hash(buf, 4294967295u);
    assert_int_equal(strlen(buf), 10);
    assert_int_equal(strspn(buf, "bcdfghjklmnpqrstvwxz2456789"), 10);
    name_safe_hash(buf, 0);
    assert_string_equal(buf, "4"); /* '0' is 48, and 48 % 27 is 21 */
}

static void uids_are_version_4(void **state)
{
    struct loop *loop = loop_sim_new(7);
    for (int i = 0; i < 50; i++) {
        char uid[37];
        name_uid(loop, uid);
        assert_int_equal(strlen(uid), 36);
        assert_int_equal(strspn(uid, "0123456789abcdef-"), 36);
        assert_true(uid[8] == '-' && uid[13] == '-' && uid[18] == '-' && uid[23] == '-');
        assert_true(uid[14] == '4' && strchr("89ab", uid[19]) != NULL);
    }
    loop_free(loop);
}

static void metadata_is_read(void **state)
{
    json_auto_t *o = parse("{\"metadata\":{\"name\":\"n\",\"namespace\":\"s\",\"uid\":\"u\","
                           "\"generation\":3,\"resourceVersion\":\"42\",\"labels\":{\"a.b/c\":"
                           "\"d\"},\"annotations\":{\"x\":\"y\"},\"deletionTimestamp\":"
                           "\"2026-01-01T00:00:00Z\",\"finalizers\":[\"f\"],\"ownerReferences\":["
                           "{\"uid\":\"o1\"},{\"uid\":\"o2\",\"controller\":true}]}}");
    assert_string_equal(object_name(o), "n");
    assert_string_equal(object_namespace(o), "s");
    assert_string_equal(object_uid(o), "u");
    assert_int_equal(object_generation(o), 3);
    assert_int_equal(object_revision(o), 42);
    assert_string_equal(object_label(o, "a.b/c"), "d");
    assert_string_equal(object_annotation(o, "x"), "y");
    assert_true(object_deleting(o));
    assert_true(object_has_finalizer(o, "f"));
    assert_true(object_controlled_by(o, "o2"));
    assert_false(object_controlled_by(o, "o1"));
}

static void what_is_missing_or_ill_typed_reads_as_nothing(void **state)
{
    static const char *const texts[] = {
        "{}", "[]", "1", "{\"metadata\":[]}",
        "{\"metadata\":{\"name\":1,\"namespace\":null,\"uid\":{},\"labels\":[],\"annotations\":1,"
        "\"finalizers\":{},\"ownerReferences\":[1,{\"controller\":true}],\"resourceVersion\":"
        "\"x\",\"generation\":\"3\",\"deletionTimestamp\":null},\"status\":{\"conditions\":[1,"
        "{\"type\":1}]}}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_auto_t *o = parse(texts[i]);
        assert_string_equal(object_name(o), "");
        assert_string_equal(object_namespace(o), "");
        assert_string_equal(object_uid(o), "");
        assert_int_equal(object_generation(o), 0);
        assert_int_equal(object_revision(o), 0);
        assert_null(object_labels(o));
        assert_null(object_label(o, "a"));
        assert_null(object_annotation(o, "a"));
        assert_false(object_deleting(o));
        assert_false(object_has_finalizer(o, "f"));
        assert_false(object_remove_finalizer(o, "f"));
        assert_false(object_controlled_by(o, ""));
        assert_null(object_condition(o, "Ready"));
        assert_false(object_pod_ready(o));
        assert_false(object_pod_terminal(o));
    }
    assert_string_equal(object_name(NULL), "");
}

static void metadata_is_written(void **state)
{
    json_auto_t *o = json_object();
    object_set_label(o, "a.b/c", "1");
    object_set_label(o, "x", "2");
    object_set_annotation(o, "n", "3");
    object_set_annotation(o, "n", NULL);
    object_set_label(o, "x", NULL);
    object_set_label(o, "none", NULL);
    assert_true(object_add_finalizer(o, "f"));
    assert_false(object_add_finalizer(o, "f"));
    cleanup_free char *text = jx_dump_text(o);
    assert_string_equal(text,
                        "{\"metadata\":{\"labels\":{\"a.b/c\":\"1\"},\"finalizers\":[\"f\"]}}");
    assert_true(object_remove_finalizer(o, "f"));
    assert_null(jx_path(o, "metadata.finalizers"));
}

static void controller_refs_name_their_owner(void **state)
{
    json_auto_t *owner = parse("{\"metadata\":{\"name\":\"rs\",\"uid\":\"u1\"}}");
    json_auto_t *ref = object_controller_ref(owner, "apps/v1", "ReplicaSet");
    cleanup_free char *text = jx_dump_text(ref);
    assert_string_equal(text, "{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"rs\","
                              "\"uid\":\"u1\",\"controller\":true,\"blockOwnerDeletion\":true}");
}

static void transitions_move_only_with_the_status(void **state)
{
    json_auto_t *o = parse("{\"status\":{\"conditions\":[{\"type\":\"Other\"}]}}");
    int64_t second = 1000000;
    assert_true(object_set_condition(o, "Ready", "False", "Starting", "one", 0, true));
    assert_false(object_set_condition(o, "Ready", "False", "Starting", "one", second, true));
    assert_true(object_set_condition(o, "Ready", "False", "Starting", "two", 2 * second, true));
    const json_t *c = object_condition(o, "Ready");
    assert_string_equal(jx_get_str(c, "lastTransitionTime", ""), "1970-01-01T00:00:00Z");
    assert_string_equal(jx_get_str(c, "lastUpdateTime", ""), "1970-01-01T00:00:02Z");
    assert_true(object_set_condition(o, "Ready", "True", NULL, "", 3 * second, false));
    assert_string_equal(jx_get_str(c, "lastTransitionTime", ""), "1970-01-01T00:00:03Z");
    assert_string_equal(jx_get_str(c, "lastUpdateTime", ""), "1970-01-01T00:00:02Z");
    assert_null(jx_get(c, "reason"));
    assert_null(jx_get(c, "message"));
    assert_true(object_pod_ready(o));
    assert_int_equal(jx_len(o, "status.conditions"), 2);
    assert_false(object_set_condition(o, "Ready", "True", "", NULL, 4 * second, true));
}

static void a_finished_pod_is_terminal(void **state)
{
    static const struct {
        const char *text;
        bool terminal;
    } rows[] = {{"{\"status\":{\"phase\":\"Failed\"}}", true},
                {"{\"status\":{\"phase\":\"Succeeded\"}}", true},
                {"{\"status\":{\"phase\":\"Running\"}}", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *pod = parse(rows[i].text);
        assert_int_equal(object_pod_terminal(pod), rows[i].terminal);
    }
}

/* Of a list that was copied without its items. */
static void a_shared_condition_is_not_changed(void **state)
{
    json_auto_t *frozen =
        parse("{\"status\":{\"conditions\":[{\"type\":\"A\",\"status\":\"False\"},"
              "{\"type\":\"B\",\"status\":\"True\"}]}}");
    json_auto_t *was = jx_edit(frozen);
    json_auto_t *o = json_object();
    jx_put(o, "status.conditions",
           json_copy((json_t *)(uintptr_t)jx_path(frozen, "status.conditions")));
    assert_true(object_set_condition(o, "A", "True", "Now", NULL, 0, false));
    assert_false(object_set_condition(o, "B", "True", NULL, NULL, 0, false));
    assert_true(object_set_condition(o, "C", "True", NULL, NULL, 0, false));
    assert_true(object_condition_is(o, "A", "True"));
    assert_true(jx_equal(frozen, was));
    assert_ptr_equal(object_condition(o, "B"), object_condition(frozen, "B"));
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(the_label_sentence_is_kubernetes_own),
        cmocka_unit_test(generated_names_fit),
        cmocka_unit_test(hashes_have_no_vowels),
        cmocka_unit_test(uids_are_version_4),
        cmocka_unit_test(metadata_is_read),
        cmocka_unit_test(what_is_missing_or_ill_typed_reads_as_nothing),
        cmocka_unit_test(metadata_is_written),
        cmocka_unit_test(controller_refs_name_their_owner),
        cmocka_unit_test(transitions_move_only_with_the_status),
        cmocka_unit_test(a_shared_condition_is_not_changed),
        cmocka_unit_test(a_finished_pod_is_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
