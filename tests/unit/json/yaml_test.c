/* SPDX-License-Identifier: Apache-2.0 */
/* What YAML means (tests/data/yaml-scalars.test, as kubectl reads it), where it is wrong, what it
 * may not do to us, and that what is written reads back the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/json/yaml.h"
#include "common/mem.h"
#include "data.h"

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    struct err err = {0};
    if (yaml_parse(text, strlen(text), &v, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return v;
}

static void assert_yaml(const char *text, const char *json)
{
    json_auto_t *v = parse(text);
    cleanup_free char *got = jx_dump_text(v);
    assert_string_equal(got, json);
}

/* ---- scalars ---- */

static char *answer_scalar(const char *scalar, const char *place)
{
    bool key = strcmp(place, "key") == 0;
    cleanup_free char *text = xasprintf(key ? "{? %s : 1}\n" : "v: %s\n", scalar);
    struct err err = {0};
    json_auto_t *v = NULL;
    if (yaml_parse(text, strlen(text), &v, &err) < 0) {
        return xasprintf("%s", err.msg);
    }
    return jx_dump_text(jx_path(v, key ? "[0]" : "[0].v"));
}

static void scalars(void **state)
{
    struct data d;
    int bad = 0;
    data_open(&d, "yaml-scalars");
    while (data_next(&d)) {
        cleanup_free char *got = answer_scalar(d.text[0], d.text[1]);
        bad += !data_check(&d, got);
    }
    assert_true(d.groups > 100);
    data_close(&d);
    assert_int_equal(bad, 0);
}

/* ---- structure ---- */

static void documents_are_read_in_order(void **state)
{
    assert_yaml("", "[]");
    assert_yaml("# only a comment\n", "[]");
    assert_yaml("---\n---\n# nothing\n---\n", "[]");
    assert_yaml("a: 1\n---\n---\nb: [1, two]\n...\n---\nnull\n---\n- c\n",
                "[{\"a\":1},{\"b\":[1,\"two\"]},[\"c\"]]");
    assert_yaml("\xef\xbb\xbf"
                "a: 1\n",
                "[{\"a\":1}]");
    assert_yaml("{\"json\": [true, null, \"x\"]}", "[{\"json\":[true,null,\"x\"]}]");
    assert_yaml("a:\nb: \"\"\n", "[{\"a\":null,\"b\":\"\"}]");
    assert_yaml("a: |\n  x\n   y\nb: >-\n  x\n  y\n", "[{\"a\":\"x\\n y\\n\",\"b\":\"x y\"}]");
    assert_yaml("%YAML 1.1\n---\na: 1\n", "[{\"a\":1}]");
}

static void aliases_and_merges(void **state)
{
    assert_yaml("a: &x {k: [1]}\nb: *x\n", "[{\"a\":{\"k\":[1]},\"b\":{\"k\":[1]}}]");
    assert_yaml("a: &x web\n*x : 1\n", "[{\"a\":\"web\",\"web\":1}]");
    assert_yaml("a: &x 1\nb: &x 2\nc: *x\n", "[{\"a\":1,\"b\":2,\"c\":2}]");
    assert_yaml("a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}\nc: {l: 4, <<: *x}\n",
                "[{\"a\":{\"k\":1,\"l\":2},\"b\":{\"l\":3,\"k\":1},\"c\":{\"l\":4,\"k\":1}}]");
    assert_yaml("a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc:\n  <<: [*x, *y]\n",
                "[{\"a\":{\"k\":1},\"b\":{\"k\":2,\"m\":3},\"c\":{\"k\":1,\"m\":3}}]");
    assert_yaml("a:\n  <<: {k: 1}\n  <<: {l: 2}\n", "[{\"a\":{\"k\":1,\"l\":2}}]");
    assert_yaml("'<<': 1\n", "[{\"<<\":1}]");
    assert_yaml("a: <<\n", "[{\"a\":\"<<\"}]");
}

static void a_copy_is_a_copy(void **state)
{
    json_auto_t *v = parse("a: &x {k: 1}\nb: *x\nc: {<<: &y {z: {q: 1}}}\n");
    json_t *root = json_array_get(v, 0);
    jx_put_int(root, "a.k", 2);
    assert_int_equal(jx_int(root, "b.k", 0), 1);
    assert_int_equal(jx_path(root, "c.z")->refcount, 1);
}

static void assert_refused(const char *text, const char *message)
{
    json_t *v = NULL;
    struct err err = {0};
    if (yaml_parse(text, strlen(text), &v, &err) == 0) {
        fail_msg("accepted: %s", text);
    }
    assert_null(v);
    assert_int_equal(err.code, ERR_BAD_REQUEST);
    assert_string_equal(err.msg, message);
}

static void errors_say_where(void **state)
{
    assert_refused("a: 1\na: 2\n",
                   "invalid YAML: line 2, column 1: key \"a\" occurs twice in one map");
    assert_refused("yes: 1\n\"true\": 2\n",
                   "invalid YAML: line 2, column 1: key \"true\" occurs twice in one map");
    assert_refused("a:\n  - b: 1\n    b: 2\n",
                   "invalid YAML: line 3, column 5: key \"b\" occurs twice in one map");
    assert_refused("a: *x\n", "invalid YAML: line 1, column 4: *x: there is no complete value with "
                              "the anchor &x before it");
    assert_refused("a: &x [*x]\n", "invalid YAML: line 1, column 8: *x: there is no complete value "
                                   "with the anchor &x before it");
    assert_refused("a: &x 1\n---\nb: *x\n",
                   "invalid YAML: line 3, column 4: *x: there is no complete value with the anchor "
                   "&x before it");
    assert_refused("? [a]\n: 1\n",
                   "invalid YAML: line 1, column 3: a key may not be null, a list or a map");
    assert_refused("{a: 1}: 1\n",
                   "invalid YAML: line 1, column 1: a key may not be null, a list or a map");
    assert_refused("~: 1\n",
                   "invalid YAML: line 1, column 1: a key may not be null, a list or a map");
    assert_refused("a: &x [1]\n*x : 1\n",
                   "invalid YAML: line 2, column 1: a key may not be null, a list or a map");
    assert_refused("a:\n  <<: 1\n",
                   "invalid YAML: line 2, column 7: a merge (<<) takes a map or a list of maps");
    assert_refused("a:\n  <<: [{b: 1}, 2]\n",
                   "invalid YAML: line 2, column 7: a merge (<<) takes a map or a list of maps");
    assert_refused("a: !!binary aGk=\n", "invalid YAML: line 1, column 4: this tag is not known: "
                                         "leave it out, or use !!str");
    assert_refused("a: !mine {b: 1}\n",
                   "invalid YAML: line 1, column 4: this tag is not known: leave it out");
    assert_refused("a: !!set [b]\n",
                   "invalid YAML: line 1, column 4: this tag is not known: leave it out");
    assert_refused("a: !!int x\n",
                   "invalid YAML: line 1, column 4: the value does not fit its tag");
    assert_refused("a: \"\\0\"\n", "invalid YAML: line 1, column 4: a string may not contain \\0");
    assert_refused("a: .nan\n", "invalid YAML: line 1, column 4: JSON has no infinite numbers and "
                                "no .nan");
    assert_refused("a: [1, 2\n", "invalid YAML: line 2, column 1: did not find expected ',' or "
                                 "']', while parsing a flow sequence");
    assert_refused("a:\n\tb: 1\n",
                   "invalid YAML: line 2, column 1: found character that cannot start any token, "
                   "while scanning for the next token: indent with spaces, not with tabs");
    assert_refused(
        "a: b: c\n",
        "invalid YAML: line 1, column 5: mapping values are not allowed in this context");
    assert_refused("a: \xff\n", "invalid YAML: byte 3: invalid leading UTF-8 octet");
}

/* ---- what must not hurt ---- */

static void nasty_inputs_do_no_harm(void **state)
{
    static const char *const texts[] = {
        "{",
        "[",
        "]",
        "}",
        "- - - -",
        "? ? ?",
        ": : :",
        "&a",
        "*",
        "&a *a",
        "!",
        "!!",
        "!<",
        "!<x> y",
        "|",
        ">",
        "|9\n x",
        "%",
        "%TAG",
        "%YAML 9.9",
        "---",
        "...",
        "--- ---",
        "\t",
        "a:\r\rb",
        "'",
        "\"",
        "\"\\",
        "\"\\u\"",
        "\"\\ud800\"",
        "\"\\U00110000\"",
        "`",
        "@",
        "a: 'b",
        "#",
        "- \n-\n -",
        "a: - b",
        "{a, b}",
        "[a: b, {c}]",
        "? a",
        "? \n: \n",
        "<<: *x",
        "<<:",
        "<<: ~",
        "- <<",
        "? <<\n: {}",
        "*a : b",
        "&a &b c",
        "!!str !!int 1",
        "a: |-\n",
        "\xfe\xff",
        "\xff\xfe",
        "\xff\xfe"
        "a",
        "\xc3",
        "\x01",
        "a\x7f: 1",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err err = {0};
        json_t *v = NULL;
        if (yaml_parse(texts[i], strlen(texts[i]), &v, &err) == 0) {
            json_decref(v);
        } else {
            assert_memory_equal(err.msg, "invalid YAML: ", 14);
        }
        struct yaml_marks *marks = NULL;
        if (yaml_parse_marks(texts[i], strlen(texts[i]), &v, &marks, &err) == 0) {
            json_decref(v);
            yaml_marks_free(marks);
        }
    }
    json_t *v = NULL;
    struct err err = {0};
    assert_int_equal(yaml_parse(NULL, 0, &v, &err), 0);
    json_decref(v);
    assert_int_equal(yaml_parse("a: b\0c", 6, &v, &err), -1);
}

static void depth_is_bounded(void **state)
{
    cleanup_str struct str deep = STR_INIT;
    for (int i = 0; i < 100; i++) {
        str_add(&deep, "[");
    }
    cleanup_str struct str fits = STR_INIT;
    str_add(&fits, str_c(&deep));
    for (int i = 0; i < 100; i++) {
        str_add(&fits, "]");
    }
    json_decref(parse(str_c(&fits)));
    str_add(&deep, "[");
    assert_refused(str_c(&deep), "invalid YAML: line 1, column 101: nested deeper than 100 levels");
    cleanup_str struct str dashes = STR_INIT;
    for (int i = 0; i < 100000; i++) {
        str_add(&dashes, "- ");
    }
    assert_refused(str_c(&dashes),
                   "invalid YAML: line 1, column 201: nested deeper than 100 levels");
    cleanup_str struct str chain = STR_INIT;
    str_add(&chain, "a0: &a0 [[[[[[[[[[x]]]]]]]]]]\n");
    for (int i = 1; i < 11; i++) {
        str_add_f(&chain, "a%d: &a%d [[[[[[[[[[*a%d]]]]]]]]]]\n", i, i, i - 1);
    }
    assert_refused(str_c(&chain), "invalid YAML: line 10, column 19: aliases expand to too much "
                                  "(200,000 values or 10 MiB), or too deep");
}

static void alias_bombs_are_stopped(void **state)
{
    cleanup_str struct str laughs = STR_INIT;
    str_add(&laughs, "a: &a [x,x,x,x,x,x,x,x,x,x]\n");
    for (char c = 'b'; c < 'k'; c++) {
        char p = (char)(c - 1);
        str_add_f(&laughs, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, p, p, p, p,
                  p, p, p, p, p, p);
    }
    assert_refused(str_c(&laughs), "invalid YAML: line 6, column 8: aliases expand to too much "
                                   "(200,000 values or 10 MiB), or too deep");
    cleanup_str struct str wide = STR_INIT;
    str_add(&wide, "a: &a \"");
    for (int i = 0; i < 100000; i++) {
        str_add(&wide, "0123456789");
    }
    str_add(&wide, "\"\nb: [");
    for (int i = 0; i < 11; i++) {
        str_add(&wide, "*a,");
    }
    str_add(&wide, "]\n");
    struct err err = {0};
    json_t *v = NULL;
    assert_int_equal(yaml_parse(wide.p, wide.len, &v, &err), -1);
    assert_non_null(strstr(err.msg, "line 2, column 35: aliases expand to too much"));
}

static void floods_of_tag_lines_are_refused(void **state)
{
    cleanup_str struct str s = STR_INIT;
    for (int i = 0; i < 101; i++) {
        str_add_f(&s, "%%TAG !a%d! b\n", i);
    }
    str_add(&s, "---\na: 1\n");
    assert_refused(str_c(&s), "invalid YAML: more than 100 %TAG lines");
}

/* ---- marks ---- */

static const char LAB[] = "# a lab\n"
                          "title: x\n"
                          "steps:\n"
                          "  - id: one\n"
                          "    checks:\n"
                          "      - {id: a, expect: .x}\n"
                          "      - id: b\n"
                          "        expect:   .y\n"
                          "  - id: two\n"
                          "labels:\n"
                          "  app.kubernetes.io/name: n\n"
                          "  app: m\n";

static void values_have_places(void **state)
{
    static const struct {
        const char *path;
        int line, column;
    } rows[] = {
        {"", 2, 1},
        {"title", 2, 8},
        {"steps", 4, 3},
        {"steps[0]", 4, 5},
        {"steps[0].checks[0].expect", 6, 25},
        {"steps[0].checks[1].expect", 8, 19},
        {"steps[1].id", 9, 9},
        {"steps[1].checks", 9, 5},    /* not there: the step */
        {"steps[7].checks[0]", 4, 3}, /* not there: the list */
        {"labels.app.kubernetes.io/name", 11, 27},
        {"labels.app", 12, 8},
        {"labels.apple", 11, 3},
        {"nothing", 2, 1},
        {"[0]", 2, 1},
        {"steps[", 4, 3},
        {"steps[99999999999999999999]", 4, 3},
        {"...", 2, 1},
    };
    json_auto_t *v = NULL;
    struct yaml_marks *marks = NULL;
    struct err err = {0};
    assert_int_equal(yaml_parse_marks(LAB, strlen(LAB), &v, &marks, &err), 0);
    assert_string_equal(jx_str(v, "steps[0].checks[1].expect", ""), ".y");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int line = 0;
        int column = 0;
        yaml_marks_at(marks, rows[i].path, &line, &column);
        if (line != rows[i].line || column != rows[i].column) {
            fail_msg("%s: line %d, column %d", rows[i].path, line, column);
        }
    }
    yaml_marks_free(marks);
    yaml_marks_free(NULL);
}

static void marks_are_those_of_the_first_document(void **state)
{
    const char *text = "---\n---\n\na: &x\n  b: 1\nc: *x\nd: {<<: *x}\n---\n[oops\n";
    json_auto_t *v = NULL;
    struct yaml_marks *marks = NULL;
    struct err err = {0};
    int line = 0;
    int column = 0;
    assert_int_equal(yaml_parse_marks(text, strlen(text), &v, &marks, &err), 0);
    yaml_marks_at(marks, "a.b", &line, &column);
    assert_true(line == 5 && column == 6);
    yaml_marks_at(marks, "c.b", &line, &column);
    assert_true(line == 6 && column == 4);
    yaml_marks_free(marks);
    json_auto_t *none = NULL;
    assert_int_equal(yaml_parse_marks("# nothing\n", 10, &none, NULL, &err), 0);
    assert_true(json_is_null(none));
    yaml_marks_at(NULL, "a", &line, &column);
    assert_true(line == 1 && column == 1);
}

/* ---- writing ---- */

static void objects_are_written_as_kubectl_does(void **state)
{
    const char *json =
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"annotations\":{\"n\":\"1\","
        "\"flag\":\"yes\",\"e\":\"\"},\"creationTimestamp\":\"2026-01-01T00:00:00Z\",\"labels\":"
        "{}},\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"-c\",\"sleep 1: x\",\"# no\","
        "\"it's\"],\"ports\":[{\"containerPort\":80}],\"x\":[]},{\"name\":\"b\",\"l\":[[1,[2]],[]]"
        "}],\"ip\":\"10.0.0.1\",\"real\":0.5,\"on\":true,\"nil\":null},\"data\":{\"a.conf\":"
        "\"x {\\n  y;\\n}\\n\",\"b\":\"1\\n\\n2\",\"c\":\"z\\n\\n\"}}";
    const char *yaml = "apiVersion: v1\n"
                       "kind: Pod\n"
                       "metadata:\n"
                       "  annotations:\n"
                       "    \"n\": \"1\"\n"
                       "    flag: \"yes\"\n"
                       "    e: \"\"\n"
                       "  creationTimestamp: \"2026-01-01T00:00:00Z\"\n"
                       "  labels: {}\n"
                       "spec:\n"
                       "  containers:\n"
                       "  - name: a\n"
                       "    args:\n"
                       "    - -c\n"
                       "    - 'sleep 1: x'\n"
                       "    - '# no'\n"
                       "    - it's\n"
                       "    ports:\n"
                       "    - containerPort: 80\n"
                       "    x: []\n"
                       "  - name: b\n"
                       "    l:\n"
                       "    - - 1\n"
                       "      - - 2\n"
                       "    - []\n"
                       "  ip: 10.0.0.1\n"
                       "  real: 0.5\n"
                       "  \"on\": true\n"
                       "  nil: null\n"
                       "data:\n"
                       "  a.conf: |\n"
                       "    x {\n"
                       "      y;\n"
                       "    }\n"
                       "  b: |-\n"
                       "    1\n"
                       "\n"
                       "    2\n"
                       "  c: |+\n"
                       "    z\n"
                       "\n";
    json_auto_t *v = NULL;
    struct err err = {0};
    assert_int_equal(jx_parse(json, strlen(json), true, &v, &err), 0);
    cleanup_str struct str out = STR_INIT;
    yaml_dump(&out, v);
    assert_string_equal(str_c(&out), yaml);
}

static void assert_round(const json_t *v)
{
    cleanup_str struct str out = STR_INIT;
    struct err err = {0};
    json_auto_t *back = NULL;
    yaml_dump(&out, v);
    if (yaml_parse_marks(str_c(&out), out.len, &back, NULL, &err) < 0) {
        fail_msg("%s\n%s", err.msg, str_c(&out));
    }
    if (!jx_equal(v, back)) {
        fail_msg("came back different:\n%s", str_c(&out));
    }
}

/* As a value, a key, an item, and deep inside. */
static void assert_text_round(const char *s)
{
    json_auto_t *v = json_string(s);
    assert_non_null(v);
    json_auto_t *tree = json_pack("{sO s{s[O[O]{sO}]}}", "a", v, "m", "l", v, v, "k", v);
    json_object_set(tree, s, v);
    assert_round(v);
    assert_round(tree);
}

static void strings_come_back_the_same(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "a",
        "a b",
        " a",
        "a ",
        "\ta",
        "a\t",
        "a\tb",
        "\n",
        "a\n",
        "a\n\n",
        "\na",
        "a\nb",
        "a\n b\n",
        " a\nb",
        "a \nb",
        "a\n \nb",
        "a\n\tb",
        "a\r\nb",
        "\r",
        "a: b",
        "a:b",
        "a:",
        ":a",
        ":",
        "a #b",
        "a#b",
        "#a",
        "- a",
        "-a",
        "-",
        "--",
        "---",
        "--- a",
        "...",
        "? a",
        "?",
        "?a",
        "*a",
        "&a",
        "!a",
        "|",
        ">",
        "'",
        "''",
        "\"",
        "\\",
        "a'b",
        "a\"b",
        "a\\nb",
        "%a",
        "@a",
        "`a",
        "{a}",
        "[a]",
        "a,b",
        ",",
        "yes",
        "y",
        "no",
        "null",
        "~",
        "true",
        "1",
        "0x1f",
        "017",
        "1e3",
        "1_0",
        ".5",
        ".inf",
        ".nan",
        "1:30",
        "12:30:45",
        "2001-01-01",
        "<<",
        "=",
        "10.0.0.1",
        "1.2.3",
        "+1",
        "gr\xc3\xbc\xc3\x9f",
        "\xf0\x9f\x90\xb3",
        "\xc2\x85",
        "\xe2\x80\xa8",
        "a\xe2\x80\xa9"
        "b",
        "\xef\xbb\xbf"
        "a",
        "\x01\x1f\x7f",
        "\xc2\x80\xc2\x9f",
        "a\xc2\xa0"
        "b",
        "\xef\xbf\xbd",
        "\xef\xbf\xbf",
        "key: |\n  text\n",
        "#!/bin/sh\nset -e\necho \"$1\"\n",
        "a\n---\nb\n",
        "a: 1\n...\n",
        "line\n# comment\n",
        "a\n\n\n",
        "\n\n",
        "x\n  ",
        "{{ .a }}",
        "-\ta",
        "?\ta",
        ":\ta",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_text_round(texts[i]);
    }
}

static void long_keys_come_back_the_same(void **state)
{
    cleanup_str struct str key = STR_INIT;
    for (int i = 0; i < 300; i++) {
        str_add(&key, "0123456789: ");
    }
    json_auto_t *v = json_object();
    jx_put(jx_make(v, "a"), "b", json_pack("[{s{si}}]", str_c(&key), "x", 1));
    assert_round(v);
    str_clear(&key);
    for (int i = 0; i < 300; i++) {
        str_add(&key, "\x7f\xe2\x80\xa8"); /* long only once it is escaped */
    }
    jx_put(jx_make(v, "a"), "b", json_pack("[{s{si}}]", str_c(&key), "x", 1));
    assert_round(v);
}

static void numbers_come_back_the_same(void **state)
{
    json_auto_t *v = NULL;
    struct err err = {0};
    const char *text = "[0,-1,9223372036854775807,-9223372036854775808,0.5,1e30,1e-30,-0.1,"
                       "123456.789,true,false,null,{},[],[[]],[{}]]";
    assert_int_equal(jx_parse(text, strlen(text), true, &v, &err), 0);
    assert_round(v);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars),
        cmocka_unit_test(documents_are_read_in_order),
        cmocka_unit_test(aliases_and_merges),
        cmocka_unit_test(a_copy_is_a_copy),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(nasty_inputs_do_no_harm),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(alias_bombs_are_stopped),
        cmocka_unit_test(floods_of_tag_lines_are_refused),
        cmocka_unit_test(values_have_places),
        cmocka_unit_test(marks_are_those_of_the_first_document),
        cmocka_unit_test(objects_are_written_as_kubectl_does),
        cmocka_unit_test(strings_come_back_the_same),
        cmocka_unit_test(long_keys_come_back_the_same),
        cmocka_unit_test(numbers_come_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
