/* SPDX-License-Identifier: Apache-2.0 */
/* Label and field selectors: what they match, print and refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "data.h"
#include "meta/selector.h"

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    struct err err = {0};
    if (*text != '\0' && jx_parse(text, strlen(text), true, &v, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return v;
}

static void answer(const char *selector, const char *labels_text, struct str *out)
{
    struct err err = {0};
    struct selector *s = NULL;
    json_auto_t *labels = parse(labels_text);
    str_clear(out);
    if (selector_parse(selector, &s, &err) < 0) {
        assert_int_equal(err.code, ERR_BAD_REQUEST);
        str_add_f(out, "error: %s", err.msg);
        return;
    }
    str_add(out, selector_match(s, labels) ? "yes" : "no");
    selector_free(s);
}

static void selectors(void **state)
{
    struct data d;
    int bad = 0;
    cleanup_str struct str out = STR_INIT;
    data_open(&d, "selectors");
    while (data_next(&d)) {
        answer(d.text[0], d.text[1], &out);
        bad += !data_check(&d, str_c(&out));
    }
    assert_true(d.groups > 50);
    data_close(&d);
    assert_int_equal(bad, 0);
}

static void assert_format(struct selector *s, const char *expected)
{
    cleanup_str struct str out = STR_INIT;
    selector_format(s, &out);
    assert_string_equal(str_c(&out), expected);
    selector_free(s);
}

static void they_print_as_kubectl_prints_them(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"b=1, a in (y,x,y), !c,d,e!=2,f notin (z),g==1,h>4,i<5",
         "a in (x,y),b=1,!c,d,e!=2,f notin (z),g==1,h>4,i<5"},
        {"a=2,a!=3,a", "a=2,a!=3,a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct selector *s = NULL;
        struct err err = {0};
        assert_int_equal(selector_parse(rows[i][0], &s, &err), 0);
        assert_format(s, rows[i][1]);
    }
}

static struct selector *from(const char *text)
{
    struct selector *s = NULL;
    struct err err = {0};
    json_auto_t *v = parse(text);
    if (selector_from_json(v, &s, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return s;
}

static void objects_become_selectors(void **state)
{
    assert_format(from("{\"matchLabels\":{\"tier\":\"a\",\"app\":\"web\"},\"matchExpressions\":["
                       "{\"key\":\"env\",\"operator\":\"In\",\"values\":[\"p\",\"d\"]},"
                       "{\"key\":\"old\",\"operator\":\"DoesNotExist\"},"
                       "{\"key\":\"new\",\"operator\":\"Exists\",\"values\":[]},"
                       "{\"key\":\"x\",\"operator\":\"NotIn\",\"values\":[\"1\"]}]}"),
                  "app=web,env in (d,p),new,!old,tier=a,x notin (1)");
    assert_format(from("{}"), "");
    assert_format(from("{\"matchLabels\":null,\"matchExpressions\":null}"), "");
}

static void nothing_and_everything_differ(void **state)
{
    json_auto_t *labels = parse("{\"app\":\"web\"}");
    struct selector *everything = from("{}");
    struct selector *nothing = from("");
    struct selector *null_json = from("null");
    struct selector *no_map = selector_from_map(NULL);
    json_auto_t *empty_object = json_object();
    struct selector *empty_map = selector_from_map(empty_object);
    struct selector *map = selector_from_map(labels);
    assert_true(selector_match(everything, NULL) && selector_is_everything(everything));
    assert_true(selector_match(NULL, labels) && selector_is_everything(NULL));
    assert_false(selector_match(nothing, labels) || selector_is_everything(nothing));
    assert_false(selector_match(null_json, labels) || selector_match(null_json, NULL));
    assert_false(selector_match(no_map, labels) || selector_match(empty_map, labels));
    assert_true(selector_match(map, labels));
    assert_false(selector_match(map, NULL) || selector_is_everything(map));
    selector_free(everything);
    selector_free(nothing);
    selector_free(null_json);
    selector_free(no_map);
    selector_free(empty_map);
    selector_free(map);
    selector_free(NULL);
}

static void ill_made_objects_are_refused(void **state)
{
    static const char *const rows[][2] = {
        {"1", "a label selector must be an object"},
        {"{\"matchLabels\":[]}", "matchLabels: Invalid value: must be a map of strings"},
        {"{\"matchLabels\":{\"a\":1}}", "matchLabels.a: Invalid value: must be a string"},
        {"{\"matchLabels\":{\"\":\"b\"}}", "key: Invalid value: \"\": name part must be non-empty"},
        {"{\"matchExpressions\":{}}", "matchExpressions: Invalid value: must be a list"},
        {"{\"matchExpressions\":[1]}",
         "matchExpressions[0]: \"\" is not a valid label selector operator"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\"},"
         "{\"key\":\"a\",\"operator\":\"in\"}]}",
         "matchExpressions[1]: \"in\" is not a valid label selector operator"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\"}]}",
         "matchExpressions[0]: values: Invalid value: []: for 'in', 'notin' operators, values set "
         "can't be empty"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\",\"values\":[\"b\"]}]}",
         "matchExpressions[0]: values: Invalid value: values set must be empty for exists and "
         "does not exist"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":\"b\"}]}",
         "matchExpressions[0]: values: Invalid value: must be a list of strings"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[1]}]}",
         "matchExpressions[0]: values[0]: Invalid value: must be a string"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct selector *s = NULL;
        struct err err = {0};
        json_auto_t *v = parse(rows[i][0]);
        assert_int_equal(selector_from_json(v, &s, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.msg, rows[i][1]);
    }
    json_auto_t *labels = parse("{\"a\":1}");
    struct selector *s = selector_from_map(labels);
    assert_false(selector_match(s, labels));
    selector_free(s);
}

static const char POD[] =
    "{\"metadata\":{\"name\":\"web\",\"namespace\":\"default\"},\"spec\":{\"nodeName\":\"n1\","
    "\"hostNetwork\":true},\"status\":{\"phase\":\"Running\",\"succeeded\":2}}";

static void field_selectors_match(void **state)
{
    static const char *const known[] = {"spec.nodeName",
                                        "status.phase",
                                        "spec.hostNetwork",
                                        "spec.unschedulable",
                                        "status.succeeded",
                                        "spec.x",
                                        NULL};
    static const struct {
        const char *text;
        bool match;
    } rows[] = {
        {"", true},
        {"metadata.name=web", true},
        {"metadata.name==web,metadata.namespace=default", true},
        {"metadata.name!=web", false},
        {"spec.nodeName=n1,status.phase!=Failed", true},
        {"spec.nodeName=", false},
        {"spec.nodeName!=", true},
        {"spec.x=", true},
        {"spec.x!=", false},
        {",metadata.name=web,", true},
        {"spec.hostNetwork=true", true},
        {"spec.unschedulable=false", true},
        {"spec.unschedulable!=true", true},
        {"status.succeeded=2", true},
        {"metadata.name=a\\,b", false},
    };
    json_auto_t *pod = parse(POD);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct field_selector *s = NULL;
        struct err err = {0};
        if (field_selector_parse(rows[i].text, known, &s, &err) < 0 ||
            field_selector_match(s, pod) != rows[i].match) {
            fail_msg("%s: %s", rows[i].text, err.msg);
        }
        field_selector_free(s);
    }
    assert_true(field_selector_match(NULL, pod));
}

static void field_selectors_tell_what_they_require(void **state)
{
    struct field_selector *s = NULL;
    struct err err = {0};
    const char *text = "metadata.name=a\\,b\\=\\\\,metadata.namespace!=x";
    assert_int_equal(field_selector_parse(text, NULL, &s, &err), 0);
    assert_string_equal(field_selector_requires(s, "metadata.name"), "a,b=\\");
    assert_null(field_selector_requires(s, "metadata.namespace"));
    assert_null(field_selector_requires(NULL, "metadata.name"));
    field_selector_free(s);
    field_selector_free(NULL);
}

static void field_selectors_refuse(void **state)
{
    static const char *const rows[][2] = {
        {"spec.nodeName=x", "field label not supported: spec.nodeName"},
        {"metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"},
        {"metadata.name!", "invalid selector: 'metadata.name!'; can't understand 'metadata.name!'"},
        {"a=b=c", "invalid selector: 'a=b=c'; can't understand 'a=b=c'"},
        {"=x", "field label not supported: "},
        {"metadata.name=\\x", "invalid selector: 'metadata.name=\\x'; can't understand "
                              "'metadata.name=\\x'"},
        {"metadata.name=\\", "invalid selector: 'metadata.name=\\'; can't understand "
                             "'metadata.name=\\'"},
        {"metadata.name===x",
         "invalid selector: 'metadata.name===x'; can't understand 'metadata.name===x'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct field_selector *s = NULL;
        struct err err = {0};
        assert_int_equal(field_selector_parse(rows[i][0], NULL, &s, &err), -1);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
        assert_string_equal(err.msg, rows[i][1]);
    }
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selectors),
        cmocka_unit_test(they_print_as_kubectl_prints_them),
        cmocka_unit_test(objects_become_selectors),
        cmocka_unit_test(nothing_and_everything_differ),
        cmocka_unit_test(ill_made_objects_are_refused),
        cmocka_unit_test(field_selectors_match),
        cmocka_unit_test(field_selectors_tell_what_they_require),
        cmocka_unit_test(field_selectors_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
