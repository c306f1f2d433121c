/* SPDX-License-Identifier: Apache-2.0 */
/* The three patches, by the groups in tests/data/patches-*.test (old, patch, result), and what must
 * not hurt: deep, long and malformed ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "data.h"
#include "patch/patch.h"

/* ---- a schema as the kinds would derive it: fields are known by their names alone ---- */

struct node {
    const char *field;
    const char *merge_key;
};

static const struct node ROOT = {"", NULL};
static const struct node NODES[] = {
    {"conditions", "type"}, {"containers", "name"},        {"env", "name"},
    {"finalizers", ""},     {"ports", "containerPort"},    {"volumes", "name"},
    {"numbers", ""},        {"volumeMounts", "mountPath"},
};

static const void *child(const void *node, const char *field)
{
    for (size_t i = 0; field != NULL && i < ARRAY_LEN(NODES); i++) {
        if (strcmp(NODES[i].field, field) == 0) {
            return &NODES[i];
        }
    }
    return field != NULL && strcmp(field, "unknown") == 0 ? NULL : &ROOT;
}

static const char *merge_key(const void *node)
{
    return ((const struct node *)node)->merge_key;
}

static int retain_keys(const void *node)
{
    return 0;
}

static const struct patch_schema SCHEMA = {child, merge_key, retain_keys, &ROOT};

static int apply_strategic(const json_t *old, const json_t *patch, json_t **ret, struct err *err)
{
    return patch_strategic(old, patch, &SCHEMA, ret, err);
}

typedef int patch_fn(const json_t *old, const json_t *patch, json_t **ret, struct err *err);

/* ---- groups ---- */

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    struct err err = {0};
    if (jx_parse(text, strlen(text), true, &v, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return v;
}

/* False, and says so, when a group does not come out as it should; the old object must not change.
 */
static bool run_group(const struct data *d, patch_fn *fn)
{
    struct err err = {0};
    json_auto_t *old = parse(d->text[0]);
    json_auto_t *patch = parse(d->text[1]);
    json_auto_t *old_before = jx_edit(old);
    json_auto_t *patch_before = jx_edit(patch);
    json_auto_t *got = NULL;
    cleanup_free char *text = NULL;
    if (fn(old, patch, &got, &err) < 0) {
        text = xasprintf("%s: %s", err_reason(err.code), err.msg);
        assert_null(got);
        return data_check(d, text);
    }
    assert_true(jx_equal(old, old_before));
    assert_true(jx_equal(patch, patch_before));
    text = jx_dump_text(got);
    return data_check(d, text);
}

static void run_file(const char *name, patch_fn *fn, int at_least)
{
    struct data d;
    int bad = 0;
    data_open(&d, name);
    while (data_next(&d)) {
        bad += !run_group(&d, fn);
    }
    data_close(&d);
    assert_true(d.groups >= at_least);
    assert_int_equal(bad, 0);
}

static void merge_patches(void **state)
{
    run_file("patches-merge", patch_merge, 15);
}

static void json_patches(void **state)
{
    run_file("patches-json", patch_json, 50);
}

static void strategic_patches(void **state)
{
    run_file("patches-strategic", apply_strategic, 60);
}

/* ---- what must not hurt ---- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static json_t *nested(size_t depth)
{
    json_t *v = json_object();
    for (size_t i = 1; i < depth; i++) {
        v = json_pack("{so}", "a", v);
    }
    return v;
}

/* {"containers": [{"name": "0"}, ...]} */
static json_t *many(int n, const char *also)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", i);
        json_array_append_new(list, json_pack("{ssss}", "name", name, also, "x"));
    }
    return json_pack("{so}", "containers", list);
}

static void long_lists_merge_in_time(void **state)
{
    enum { N = 50000 };
    json_auto_t *old = many(N, "image");
    json_auto_t *patch = many(N, "$patch");
    json_auto_t *also = many(N, "command");
    struct err err = {0};
    json_t *got = NULL;
    double start = seconds();
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(patch, "containers"), i, item)
    {
        jx_put_str(item, "$patch", i % 2 == 0 ? "delete" : "merge");
    }
    assert_int_equal(apply_strategic(old, patch, &got, &err), 0);
    assert_int_equal(jx_len(got, "containers"), N / 2);
    json_decref(got);
    assert_int_equal(apply_strategic(old, also, &got, &err), 0);
    assert_string_equal(jx_str(got, "containers[49999].command", ""), "x");
    json_decref(got);
    json_object_set(also, "$setElementOrder/containers", json_object_get(also, "containers"));
    assert_int_equal(apply_strategic(old, also, &got, &err), 0);
    json_decref(got);
    assert_true(seconds() - start < 10); /* quadratic work would take minutes */
}

static void naming_an_item_again_and_again_is_refused(void **state)
{
    json_auto_t *old = many(1, "image");
    json_auto_t *patch = json_pack("{s[]}", "containers");
    struct err err = {0};
    json_t *got = NULL;
    for (int i = 0; i < 102; i++) {
        json_t *item = json_pack("{sssi}", "name", "0", "x", i);
        json_array_append_new(json_object_get(patch, "containers"), item);
        assert_int_equal(apply_strategic(old, patch, &got, &err), i <= 100 ? 0 : -1);
        if (i <= 100) {
            assert_int_equal(jx_int(got, "containers[0].x", -1), i);
            json_decref(got);
        }
    }
    assert_string_equal(err.msg, "containers[101]: the patch names items again and again: at most "
                                 "100 times");
}

static void the_deepest_objects_patch(void **state)
{
    struct err err = {0};
    json_auto_t *old = nested(JX_MAX_DEPTH);
    json_auto_t *patch = nested(JX_MAX_DEPTH);
    json_auto_t *deeper = nested(JX_MAX_DEPTH + 5);
    json_t *got = NULL;
    assert_int_equal(apply_strategic(old, patch, &got, &err), 0);
    assert_true(jx_equal(got, old));
    json_decref(got);
    assert_int_equal(patch_merge(old, patch, &got, &err), 0);
    json_decref(got);
    assert_int_equal(apply_strategic(old, deeper, &got, &err), -1);
    assert_int_equal(err.code, ERR_BAD_REQUEST);
}

static int run_json(const char *old_text, json_t *patch, struct err *err)
{
    json_auto_t *owned = patch;
    json_auto_t *old = parse(old_text);
    json_auto_t *got = NULL;
    return patch_json(old, owned, &got, err);
}

static json_t *operations(int n, const char *op, const char *from, const char *path)
{
    json_t *patch = json_array();
    for (int i = 0; i < n; i++) {
        json_array_append_new(patch, json_pack("{ssssss}", "op", op, "from", from, "path", path));
    }
    return patch;
}

static void copies_that_double_are_stopped(void **state)
{
    struct err err = {0};
    assert_int_equal(run_json("{\"a\":[1]}", operations(60, "copy", "/a", "/a/-"), &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_int_equal(run_json("{\"a\":{}}", operations(200, "copy", "", "/a/b"), &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void moves_that_nest_are_stopped(void **state)
{
    struct err err = {0};
    json_t *patch = json_array();
    for (int i = 0; i < 5000; i++) {
        json_t *shell = json_pack("{s{ss}}", "c", "x", "y");
        json_array_append_new(patch,
                              json_pack("{sssssO}", "op", "add", "path", "/b", "value", shell));
        json_array_append_new(patch,
                              json_pack("{ssssss}", "op", "move", "from", "/a", "path", "/b/c/d"));
        json_array_append_new(patch,
                              json_pack("{ssssss}", "op", "move", "from", "/b", "path", "/a"));
        json_decref(shell);
        if (json_array_size(patch) > 9990) {
            break;
        }
    }
    assert_int_equal(run_json("{\"a\":{}}", patch, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void added_depth_is_bounded(void **state)
{
    struct err err = {0};
    json_auto_t *deep = nested(60);
    json_t *patch = json_array();
    cleanup_str struct str path = STR_INIT;
    for (int i = 0; i < 60; i++) {
        str_add(&path, "/a");
    }
    json_array_append_new(patch, json_pack("{sssssO}", "op", "add", "path", "/a", "value", deep));
    json_array_append_new(patch,
                          json_pack("{sssssO}", "op", "add", "path", str_c(&path), "value", deep));
    assert_int_equal(run_json("{}", patch, &err), -1);
    assert_string_equal(err.msg, "the patched object is nested deeper than 100 levels");
    str_clear(&path);
    for (int i = 0; i < 101; i++) {
        str_add(&path, "/a");
    }
    patch = json_pack("[{ssssss}]", "op", "add", "path", str_c(&path), "value", "x");
    assert_int_equal(run_json("{}", patch, &err), -1);
    assert_string_equal(err.msg, "JSON patch operation 0 (add): the path is too deep");
}

static void too_many_operations_are_refused(void **state)
{
    struct err err = {0};
    assert_int_equal(run_json("{\"a\":1}", operations(10001, "copy", "/a", "/b"), &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_string_equal(err.msg,
                        "The allowed maximum operations in a JSON patch is 10000, got 10001");
    assert_int_equal(run_json("{\"a\":1}", operations(10000, "copy", "/a", "/b"), &err), 0);
}

static void shifting_long_lists_is_bounded(void **state)
{
    struct err err = {0};
    cleanup_str struct str text = STR_INIT;
    str_add(&text, "{\"l\":[0");
    for (int i = 0; i < 500000; i++) {
        str_add(&text, ",0");
    }
    str_add(&text, "]}");
    double start = seconds();
    assert_int_equal(run_json(str_c(&text), operations(10000, "copy", "/l/0", "/l/0"), &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_true(seconds() - start < 10);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_patches),
        cmocka_unit_test(json_patches),
        cmocka_unit_test(strategic_patches),
        cmocka_unit_test(long_lists_merge_in_time),
        cmocka_unit_test(naming_an_item_again_and_again_is_refused),
        cmocka_unit_test(the_deepest_objects_patch),
        cmocka_unit_test(copies_that_double_are_stopped),
        cmocka_unit_test(moves_that_nest_are_stopped),
        cmocka_unit_test(added_depth_is_bounded),
        cmocka_unit_test(too_many_operations_are_refused),
        cmocka_unit_test(shifting_long_lists_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
