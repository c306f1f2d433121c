/* SPDX-License-Identifier: Apache-2.0 */
/* JSON patch (RFC 6902). The work one patch may cause is bounded: a few bytes of "copy" and "move"
 * could otherwise double a document ten thousand times. */
#include "patch/patch.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "patch_pointer.h"

enum {
    MAX_OPERATIONS = 10000,
    MAX_NODES = 200000,     /* copied or measured by copy and move, in one patch */
    MAX_SHIFTED = 50000000, /* items of arrays moved up or down */
    MAX_COPIED_BYTES = 3 * 1024 * 1024,
};

struct patcher {
    json_t *doc; /* owned */
    size_t nodes, shifted, bytes;
    size_t index; /* of the operation */
    const char *op, *path_text, *from_text;
    struct pointer path, from;
    const json_t *value;
    struct err *err;
};

/* ---- errors ---- */

static int fail_form(struct patcher *p, const char *what)
{
    return err_set(p->err, ERR_BAD_REQUEST, "JSON patch operation %zu (%.20s): %s", p->index,
                   p->op != NULL ? p->op : "no op", what);
}

static int fail_apply(struct patcher *p, const char *what, const char *path)
{
    return err_set(p->err, ERR_INVALID, "JSON patch operation %zu (%s) does not apply: %s: %.200s",
                   p->index, p->op, what, path);
}

static int fail_size(struct patcher *p)
{
    return err_set(p->err, ERR_TOO_LARGE,
                   "JSON patch operation %zu (%s): the patch moves or copies too much", p->index,
                   p->op);
}

/* ---- bounds ---- */

/* Counts what is below v; false past the limits, of which depth is one. */
static bool measure(struct patcher *p, const json_t *v, size_t depth)
{
    size_t i;
    const json_t *item;
    if (++p->nodes > MAX_NODES || depth > JX_MAX_DEPTH) {
        return false;
    }
    if (json_is_string(v)) {
        p->bytes += json_string_length(v);
        return p->bytes <= MAX_COPIED_BYTES;
    }
    jx_each(i, item, v)
    {
        if (!measure(p, item, depth + 1)) {
            return false;
        }
    }
    json_t *walk = (json_t *)(uintptr_t)v; /* the iterator takes no const, but writes nothing */
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        p->bytes += json_object_iter_key_len(it);
        if (p->bytes > MAX_COPIED_BYTES || !measure(p, json_object_iter_value(it), depth + 1)) {
            return false;
        }
    }
    return true;
}

static bool count_shift(struct patcher *p, const json_t *array, size_t at)
{
    p->shifted += json_array_size(array) - at;
    return p->shifted <= MAX_SHIFTED;
}

/* ---- the three things that happen to a document ---- */

/* The container of the place `at` names. */
static json_t *parent_of(struct patcher *p, const struct pointer *at)
{
    json_t *parent = at->n > 0 ? patch_pointer_walk(p->doc, at, at->n - 1) : NULL;
    return json_is_object(parent) || json_is_array(parent) ? parent : NULL;
}

/* Puts a value (taken) at the path; in an array it goes in front of what is there. */
static int insert(struct patcher *p, json_t *value)
{
    json_auto_t *owned = value;
    if (p->path.n == 0) {
        json_decref(p->doc);
        p->doc = steal(owned);
        return 0;
    }
    json_t *parent = parent_of(p, &p->path);
    const char *last = p->path.tokens[p->path.n - 1];
    size_t at = 0;
    if (parent == NULL) {
        return fail_apply(p, "doc is missing path", p->path_text);
    }
    if (json_is_object(parent)) {
        json_object_set_new_nocheck(parent, last, steal(owned));
        return 0;
    }
    if (!patch_pointer_index(last, json_array_size(parent), true, &at)) {
        return fail_apply(p, "unable to access invalid index", p->path_text);
    }
    if (!count_shift(p, parent, at)) {
        return fail_size(p);
    }
    json_array_insert_new(parent, at, steal(owned));
    return 0;
}

static int remove_at(struct patcher *p, const struct pointer *at, const char *text)
{
    json_t *parent = parent_of(p, at);
    if (parent == NULL) {
        return fail_apply(p, "doc is missing path", text);
    }
    const char *last = at->tokens[at->n - 1];
    size_t i = 0;
    if (json_is_object(parent)) {
        return json_object_del(parent, last) == 0
                   ? 0
                   : fail_apply(p, "unable to remove nonexistent key", text);
    }
    if (!patch_pointer_index(last, json_array_size(parent), false, &i)) {
        return fail_apply(p, "unable to access invalid index", text);
    }
    if (!count_shift(p, parent, i)) {
        return fail_size(p);
    }
    json_array_remove(parent, i);
    return 0;
}

static int replace(struct patcher *p)
{
    json_t *parent = parent_of(p, &p->path);
    size_t i = 0;
    if (!json_is_array(parent)) {
        return insert(p,
                      jx_edit(p->value)); /* a member that is missing is made, as in Kubernetes */
    }
    if (!patch_pointer_index(p->path.tokens[p->path.n - 1], json_array_size(parent), false, &i)) {
        return fail_apply(p, "unable to access invalid index", p->path_text);
    }
    json_array_set_new(parent, i, jx_edit(p->value));
    return 0;
}

/* ---- operations ---- */

static int run_add(struct patcher *p)
{
    return insert(p, jx_edit(p->value));
}

static int run_remove(struct patcher *p)
{
    return remove_at(p, &p->path, p->path_text);
}

static int run_move(struct patcher *p)
{
    json_t *found = patch_pointer_walk(p->doc, &p->from, p->from.n);
    if (found == NULL) {
        return fail_apply(p, "doc is missing from path", p->from_text);
    }
    if (patch_pointer_is_inside(&p->path, &p->from)) {
        return fail_apply(p, "a value cannot be moved into itself", p->path_text);
    }
    if (!measure(p, found, p->path.n)) {
        return fail_size(p);
    }
    if (p->from.n == 0) {
        return 0; /* the whole document to where it is */
    }
    json_auto_t *value = json_incref(found);
    if (remove_at(p, &p->from, p->from_text) < 0) {
        return -1;
    }
    return insert(p, steal(value));
}

static int run_copy(struct patcher *p)
{
    json_t *found = patch_pointer_walk(p->doc, &p->from, p->from.n);
    if (found == NULL) {
        return fail_apply(p, "doc is missing from path", p->from_text);
    }
    return measure(p, found, p->path.n) ? insert(p, jx_edit(found)) : fail_size(p);
}

static int run_test(struct patcher *p)
{
    const json_t *found = patch_pointer_walk(p->doc, &p->path, p->path.n);
    bool absent = found == NULL && json_is_null(p->value) && json_is_object(parent_of(p, &p->path));
    if (absent || jx_equal(found, p->value)) {
        return 0;
    }
    cleanup_free char *text = found != NULL ? jx_dump_text(found) : xstrdup("missing");
    return err_set(
        p->err, ERR_INVALID,
        "JSON patch operation %zu (test) does not apply: testing value %.200s failed: it "
        "is %.100s",
        p->index, p->path_text, text);
}

static const struct operation {
    const char *name;
    int (*run)(struct patcher *p);
    bool value, from;
} OPERATIONS[] = {
    {"add", run_add, true, false},     {"copy", run_copy, false, true},
    {"move", run_move, false, true},   {"remove", run_remove, false, false},
    {"replace", replace, true, false}, {"test", run_test, true, false},
};

static const struct operation *find_operation(const char *name)
{
    for (size_t i = 0; name != NULL && i < ARRAY_LEN(OPERATIONS); i++) {
        if (strcmp(name, OPERATIONS[i].name) == 0) {
            return &OPERATIONS[i];
        }
    }
    return NULL;
}

/* Reads one operation into the patcher. */
static int read_operation(struct patcher *p, const json_t *v, const struct operation **ret)
{
    p->op = jx_get_str(v, "op", NULL);
    p->path_text = jx_get_str(v, "path", NULL);
    p->from_text = jx_get_str(v, "from", NULL);
    p->value = jx_get(v, "value");
    const struct operation *op = find_operation(p->op);
    if (!json_is_object(v)) {
        return fail_form(p, "an operation must be an object");
    }
    if (op == NULL) {
        return fail_form(p, "\"op\" must be one of add, copy, move, remove, replace, test");
    }
    if (p->path_text == NULL) {
        return fail_form(p, "missing \"path\"");
    }
    if (op->value && p->value == NULL) {
        return fail_form(p, "missing \"value\"");
    }
    if (op->from && p->from_text == NULL) {
        return fail_form(p, "missing \"from\"");
    }
    const char *wrong = patch_pointer_parse(p->path_text, &p->path);
    if (wrong == NULL && op->from) {
        wrong = patch_pointer_parse(p->from_text, &p->from);
    }
    *ret = op;
    return wrong == NULL ? 0 : fail_form(p, wrong);
}

static int apply(struct patcher *p, const json_t *v)
{
    const struct operation *op = NULL;
    int rc = read_operation(p, v, &op) < 0 ? -1 : op->run(p);
    patch_pointer_fini(&p->path);
    patch_pointer_fini(&p->from);
    return rc;
}

static int apply_all(struct patcher *p, const json_t *patch)
{
    size_t i;
    const json_t *v;
    jx_each(i, v, patch)
    {
        p->index = i;
        if (apply(p, v) < 0) {
            return -1;
        }
    }
    return 0;
}

/* An added value may reach below the limit by its own depth; that shows only at the end. */
static bool too_deep(const json_t *v, size_t depth)
{
    size_t i;
    const json_t *item;
    if ((json_is_array(v) || json_is_object(v)) && depth == JX_MAX_DEPTH) {
        return true;
    }
    jx_each(i, item, v)
    {
        if (too_deep(item, depth + 1)) {
            return true;
        }
    }
    json_t *walk = (json_t *)(uintptr_t)v; /* the iterator takes no const, but writes nothing */
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        if (too_deep(json_object_iter_value(it), depth + 1)) {
            return true;
        }
    }
    return false;
}

int patch_json(const json_t *old, const json_t *patch, json_t **ret, struct err *err)
{
    if (!json_is_array(patch)) {
        return err_set(err, ERR_BAD_REQUEST, "a JSON patch must be a list of operations");
    }
    if (json_array_size(patch) > MAX_OPERATIONS) {
        return err_set(err, ERR_TOO_LARGE,
                       "The allowed maximum operations in a JSON patch is %d, got %zu",
                       (int)MAX_OPERATIONS, json_array_size(patch));
    }
    struct patcher p = {.doc = jx_edit(old), .err = err};
    json_auto_t *doc = NULL;
    int rc = apply_all(&p, patch);
    doc = p.doc;
    if (rc < 0) {
        return -1;
    }
    if (too_deep(doc, 0)) {
        return err_set(err, ERR_BAD_REQUEST, "the patched object is nested deeper than %d levels",
                       (int)JX_MAX_DEPTH);
    }
    *ret = steal(doc);
    return 0;
}
