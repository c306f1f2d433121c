/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as rows: the cells of every kind, from tests/data/table.test and table_print.test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "data.h"
#include "kinds/kinds.h"
#include "kinds/print.h"
#include "meta/time.h"

static int64_t now(void)
{
    int64_t us = 0;
    assert_true(time_parse("2026-01-01T01:00:00Z", &us));
    return us;
}

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    struct err err = {0};
    if (jx_parse(text, strlen(text), true, &v, &err) != 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return v;
}

static size_t column_index(const struct kind *k, const char *name)
{
    for (size_t i = 0; i < k->ncolumns; i++) {
        if (strcmp(k->columns[i].name, name) == 0) {
            return i;
        }
    }
    fail_msg("%s has no column %s", k->gr, name);
    return 0;
}

/* The cells of `columns` ("Ready,Status"), or of all. */
static void format_row(struct str *out, const struct kind *k, const json_t *row, char *columns)
{
    const json_t *cells = jx_arr(row, "cells");
    assert_int_equal(json_array_size(cells), k->ncolumns);
    if (columns == NULL) {
        for (size_t i = 0; i < k->ncolumns; i++) {
            str_add(out, i > 0 ? " | " : "");
            print_scalar(out, json_array_get(cells, i));
        }
        return;
    }
    char *rest = NULL;
    bool first = true;
    for (char *c = strtok_r(columns, ",", &rest); c != NULL; c = strtok_r(NULL, ",", &rest)) {
        str_add(out, first ? "" : " | ");
        print_scalar(out, json_array_get(cells, column_index(k, c)));
        first = false;
    }
}

static void rows_look_like_kubectl(void **state)
{
    struct data d;
    bool good = true;
    for (data_open(&d, "table"); data_next(&d);) {
        cleanup_free char *head = xstrdup(d.text[0]);
        char *columns = strchr(head, ' ');
        if (columns != NULL) {
            *columns++ = '\0';
        }
        const struct kind *k = kinds_find_gr(head);
        if (k == NULL) {
            fail_msg("table.test:%d: no kind %s", d.line, head);
        }
        json_auto_t *obj = parse(d.text[1]);
        json_auto_t *row = kinds_table_row(k, obj, KIND_TABLE_NONE, now());
        cleanup_str struct str got = STR_INIT;
        format_row(&got, k, row, columns);
        good &= data_check(&d, str_c(&got));
    }
    assert_true(good);
    assert_true(d.groups > 60);
    data_close(&d);
}

static const char *unless_underscore(const char *word)
{
    return word == NULL || strcmp(word, "_") == 0 ? NULL : word;
}

static void printers_print(void **state)
{
    struct data d;
    bool good = true;
    for (data_open(&d, "table_print"); data_next(&d);) {
        cleanup_free char *head = xstrdup(d.text[0]);
        char *rest = NULL;
        struct kind_column column = {.name = "X"};
        column.print = strtok_r(head, " ", &rest);
        column.type = strtok_r(NULL, " ", &rest);
        column.path = unless_underscore(strtok_r(NULL, " ", &rest));
        column.dflt = unless_underscore(strtok_r(NULL, " ", &rest));
        struct kind k = {.columns = &column, .ncolumns = 1};
        json_auto_t *obj = parse(d.text[1]);
        json_auto_t *row = kinds_table_row(&k, obj, KIND_TABLE_NONE, now());
        cleanup_free char *got = jx_dump_text(json_array_get(jx_arr(row, "cells"), 0));
        good &= data_check(&d, got);
    }
    assert_true(good);
    assert_true(d.groups > 40);
    data_close(&d);
}

static void every_printer_is_found(void **state)
{
#define PRINT_CHECK(name, fn) assert_true(print_find(name) == (fn));
    PRINT_NAMES(PRINT_CHECK)
#undef PRINT_CHECK
    assert_null(print_find("horoscope"));
    assert_null(print_find(""));
}

static void rows_carry_what_was_asked_for(void **state)
{
    const struct kind *k = kinds_find("", "v1", "pods");
    json_auto_t *obj = parse("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\","
                             "\"labels\":{\"b\":\"c\"}},\"spec\":{\"nodeName\":\"n\"}}");
    json_auto_t *bare = kinds_table_row(k, obj, KIND_TABLE_NONE, now());
    assert_null(jx_get(bare, "object"));

    json_auto_t *some = kinds_table_row(k, obj, KIND_TABLE_METADATA, now());
    json_auto_t *want = parse("{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":"
                              "\"meta.k8s.io/v1\",\"metadata\":{\"name\":\"a\",\"labels\":"
                              "{\"b\":\"c\"}}}");
    assert_true(jx_equal(jx_get(some, "object"), want));

    json_auto_t *all = kinds_table_row(k, obj, KIND_TABLE_OBJECT, now());
    assert_true(jx_equal(jx_get(all, "object"), obj));
}

/* Whoever changes a row's metadata, as the API does for managedFields, must not reach the object.
 */
static void rows_leave_the_object_alone(void **state)
{
    const struct kind *k = kinds_find("", "v1", "pods");
    json_auto_t *obj = parse("{\"metadata\":{\"name\":\"a\",\"uid\":\"u\"}}");
    json_auto_t *before = jx_edit(obj);
    json_auto_t *some = kinds_table_row(k, obj, KIND_TABLE_METADATA, now());
    jx_del(some, "object.metadata.uid");
    json_auto_t *all = kinds_table_row(k, obj, KIND_TABLE_OBJECT, now());
    jx_put_str(all, "object.kind", "Pod");
    assert_true(jx_equal(obj, before));
}

static void an_object_without_metadata_has_an_empty_one(void **state)
{
    json_auto_t *obj = parse("{\"metadata\":4}");
    json_auto_t *got = kinds_partial_metadata(obj);
    assert_true(json_is_object(jx_get(got, "metadata")));
    assert_int_equal(jx_len(got, "metadata"), 0);
}

static void columns_tell_name_type_and_priority(void **state)
{
    const struct kind *k = kinds_find("", "v1", "pods");
    json_auto_t *columns = kinds_table_columns(k);
    assert_int_equal(json_array_size(columns), k->ncolumns);
    const json_t *name = json_array_get(columns, 0);
    assert_string_equal(jx_get_str(name, "name", ""), "Name");
    assert_string_equal(jx_get_str(name, "type", ""), "string");
    assert_string_equal(jx_get_str(name, "format", ""), "name");
    assert_int_equal(jx_int(name, "priority", -1), 0);
    const json_t *node = jx_find(columns, "name", "Node");
    assert_int_equal(jx_int(node, "priority", -1), 1);
    assert_string_equal(jx_get_str(node, "format", "?"), "");
}

static void a_kind_without_columns_has_name_and_age(void **state)
{
    struct kind k = {.kind = "Thing"};
    json_auto_t *columns = kinds_table_columns(&k);
    assert_int_equal(json_array_size(columns), 2);
    json_auto_t *obj =
        parse("{\"metadata\":{\"name\":\"a\",\"creationTimestamp\":\"2026-01-01T00:59:00Z\"}}");
    json_auto_t *row = kinds_table_row(&k, obj, KIND_TABLE_NONE, now());
    cleanup_free char *got = jx_dump_text(jx_get(row, "cells"));
    assert_string_equal(got, "[\"a\",\"60s\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_look_like_kubectl),
        cmocka_unit_test(printers_print),
        cmocka_unit_test(every_printer_is_found),
        cmocka_unit_test(rows_carry_what_was_asked_for),
        cmocka_unit_test(rows_leave_the_object_alone),
        cmocka_unit_test(an_object_without_metadata_has_an_empty_one),
        cmocka_unit_test(columns_tell_name_type_and_priority),
        cmocka_unit_test(a_kind_without_columns_has_name_and_age),
    };
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
