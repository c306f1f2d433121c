/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML reader: libyaml's events become jansson values. Depth is bounded, and so is what aliases
 * expand to: nine lines of YAML can otherwise ask for a billion nodes. */
#include "common/json/yaml.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "common/json/jx.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/vec.h"
#include "yaml_impl.h"

enum {
    MAX_EXPANDED_NODES = 200000,
    MAX_EXPANDED_BYTES = 10 * 1024 * 1024,
    MAX_TAG_LINES = 100,
};

/* A list or map that is not complete yet. */
struct frame {
    json_t *value;  /* owned */
    char *key;      /* a map's key that waits for its value; owned */
    bool merge;     /* the waiting key is "<<" */
    json_t *merges; /* the maps to merge in at the end, or NULL */
    char *anchor;
    size_t mark;
    yaml_mark_t at; /* where it begins */
};

struct reader {
    yaml_parser_t parser;
    const char *text;
    size_t n;
    struct frame frames[JX_MAX_DEPTH];
    size_t depth;
    json_t *root;             /* the document's value, once complete */
    struct map *anchors;      /* name -> json_t, owned */
    size_t nodes, bytes;      /* that aliases have cost so far */
    struct yaml_marks *marks; /* or NULL */
    struct err *err;
};

/* ---- errors ---- */

static int fail_at(struct reader *r, yaml_mark_t at, const char *what)
{
    return err_set(r->err, ERR_BAD_REQUEST, "invalid YAML: line %zu, column %zu: %s", at.line + 1,
                   at.column + 1, what);
}

/* Whether the line of the mark is indented with a tab, the usual reason for a puzzling message. */
static bool has_tab(const struct reader *r, size_t line)
{
    const char *p = r->text;
    const char *end = r->text + r->n;
    for (; line > 0 && p < end; line--) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        p = newline != NULL ? newline + 1 : end;
    }
    while (p < end && *p == ' ') {
        p++;
    }
    return p < end && *p == '\t';
}

static int fail_parser(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem != NULL ? p->problem : "cannot be read";
    if (p->error == YAML_READER_ERROR) {
        return err_set(r->err, ERR_BAD_REQUEST, "invalid YAML: byte %zu: %s", p->problem_offset,
                       problem);
    }
    cleanup_free char *what = xasprintf(
        "%s%s%s%s", problem, p->context != NULL ? ", " : "", p->context != NULL ? p->context : "",
        has_tab(r, p->problem_mark.line) ? ": indent with spaces, not with tabs" : "");
    return fail_at(r, p->problem_mark, what);
}

/* ---- values into their places ---- */

static struct frame *top(struct reader *r)
{
    return r->depth > 0 ? &r->frames[r->depth - 1] : NULL;
}

static bool wants_key(const struct frame *f)
{
    return f != NULL && json_is_object(f->value) && f->key == NULL && !f->merge;
}

static size_t add_mark(struct reader *r, yaml_mark_t at)
{
    const struct frame *f = top(r);
    if (r->marks == NULL) {
        return YAML_MARK_ROOT;
    }
    const char *key = f != NULL && f->merge ? "<<" : f != NULL ? f->key : NULL;
    size_t index = f != NULL ? json_array_size(f->value) : 0;
    return yaml_marks_add(r->marks, f != NULL ? f->mark : YAML_MARK_ROOT, key, index,
                          (int)at.line + 1, (int)at.column + 1);
}

static void decref_value(void *v)
{
    json_decref(v);
}

static void put_anchor(struct reader *r, const char *name, json_t *value)
{
    if (name != NULL) {
        map_put(r->anchors, name, json_incref(value));
    }
}

/* The maps of "<<: *a" or "<<: [*a, *b]" wait for the end of the map: its own keys come first. */
static int put_merge(struct reader *r, struct frame *f, json_t *value, yaml_mark_t at)
{
    json_auto_t *owned = value;
    json_auto_t *list = json_is_array(owned) ? json_incref(owned) : json_pack("[O]", owned);
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (!json_is_object(item)) {
            return fail_at(r, at, "a merge (<<) takes a map or a list of maps");
        }
    }
    if (f->merges == NULL) {
        f->merges = json_array();
    }
    json_array_extend(f->merges, list);
    f->merge = false;
    return 0;
}

/* Takes the value. */
static int put_value(struct reader *r, json_t *value, yaml_mark_t at)
{
    struct frame *f = top(r);
    if (f == NULL) {
        r->root = value;
        return 0;
    }
    if (json_is_array(f->value)) {
        json_array_append_new(f->value, value);
        return 0;
    }
    if (f->merge) {
        return put_merge(r, f, value, at);
    }
    json_object_set_new_nocheck(f->value, f->key, value);
    free(steal(f->key));
    return 0;
}

/* ---- scalars ---- */

/* The value of a scalar; NULL with an error. */
static json_t *read_scalar(struct reader *r, const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value;
    size_t n = e->data.scalar.length;
    const char *tag = (const char *)e->data.scalar.tag;
    const char *wrong = NULL;
    json_t *v = NULL;
    if (memchr(text, '\0', n) != NULL) {
        fail_at(r, e->start_mark, "a string may not contain \\0");
        return NULL;
    }
    if (tag != NULL) {
        v = yaml_scalar_tagged(text, n, tag, &wrong);
    } else if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        v = yaml_scalar_resolve(text, n, &wrong);
    }
    if (wrong != NULL) {
        fail_at(r, e->start_mark, wrong);
        return NULL;
    }
    return v != NULL ? v : json_stringn_nocheck(text, n);
}

static int put_key(struct reader *r, const json_t *v, const yaml_event_t *e)
{
    struct frame *f = top(r);
    cleanup_free char *key = yaml_scalar_key(v);
    if (key == NULL) {
        return fail_at(r, e->start_mark, "a key may not be null, a list or a map");
    }
    if (json_object_get(f->value, key) != NULL) {
        cleanup_free char *what = xasprintf("key \"%.100s\" occurs twice in one map", key);
        return fail_at(r, e->start_mark, what);
    }
    f->key = steal(key);
    return 0;
}

static bool is_merge_key(const yaml_event_t *e)
{
    return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && e->data.scalar.tag == NULL &&
           strcmp((const char *)e->data.scalar.value, "<<") == 0;
}

static int on_scalar(struct reader *r, const yaml_event_t *e)
{
    struct frame *f = top(r);
    if (wants_key(f) && is_merge_key(e)) {
        f->merge = true;
        return 0;
    }
    json_auto_t *v = read_scalar(r, e);
    if (v == NULL) {
        return -1;
    }
    put_anchor(r, (const char *)e->data.scalar.anchor, v);
    if (wants_key(f)) {
        return put_key(r, v, e);
    }
    add_mark(r, e->start_mark);
    return put_value(r, steal(v), e->start_mark);
}

/* ---- aliases ---- */

/* Counts what a copy of v will cost; false when it is too much, or would be too deep. */
static bool measure(struct reader *r, const json_t *v, size_t depth)
{
    size_t i;
    const json_t *item;
    bool container = json_is_array(v) || json_is_object(v);
    r->nodes++;
    r->bytes += json_string_length(v);
    if (r->nodes > MAX_EXPANDED_NODES || r->bytes > MAX_EXPANDED_BYTES ||
        depth + container > JX_MAX_DEPTH) {
        return false;
    }
    jx_each(i, item, v)
    {
        if (!measure(r, item, depth + 1)) {
            return false;
        }
    }
    json_t *walk = (json_t *)(uintptr_t)v; /* the iterator takes no const, but writes nothing */
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        r->bytes += json_object_iter_key_len(it);
        if (!measure(r, json_object_iter_value(it), depth + 1)) {
            return false;
        }
    }
    return true;
}

static int on_alias(struct reader *r, const yaml_event_t *e)
{
    const char *name = (const char *)e->data.alias.anchor;
    const json_t *v = map_find(r->anchors, name);
    if (v == NULL) {
        cleanup_free char *what = xasprintf(
            "*%.100s: there is no complete value with the anchor &%.100s before it", name, name);
        return fail_at(r, e->start_mark, what);
    }
    if (!measure(r, v, r->depth)) {
        return fail_at(r, e->start_mark,
                       "aliases expand to too much (200,000 values or 10 MiB), or too deep");
    }
    if (wants_key(top(r))) {
        return put_key(r, v, e);
    }
    add_mark(r, e->start_mark);
    return put_value(r, jx_edit(v), e->start_mark);
}

/* ---- lists and maps ---- */

static bool is_core_tag(const yaml_char_t *tag, const char *core)
{
    return tag == NULL || strcmp((const char *)tag, "!") == 0 ||
           strcmp((const char *)tag, core) == 0;
}

/* Takes the value. */
static int open_frame(struct reader *r, json_t *value, const yaml_char_t *anchor, yaml_mark_t at)
{
    json_auto_t *owned = value;
    if (wants_key(top(r))) {
        return fail_at(r, at, "a key may not be null, a list or a map");
    }
    if (r->depth == JX_MAX_DEPTH) {
        return fail_at(r, at, "nested deeper than 100 levels");
    }
    size_t mark = add_mark(r, at);
    struct frame *f = &r->frames[r->depth++];
    *f = (struct frame){.value = steal(owned), .mark = mark, .at = at};
    f->anchor = xstrdup((const char *)anchor);
    return 0;
}

static void apply_merges(struct frame *f)
{
    size_t i;
    json_t *map;
    json_array_foreach(f->merges, i, map)
    {
        json_object_update_missing(f->value, map);
    }
}

static int close_frame(struct reader *r)
{
    struct frame *f = top(r);
    yaml_mark_t at = f->at;
    apply_merges(f);
    json_t *value = steal(f->value);
    put_anchor(r, f->anchor, value);
    free(f->anchor);
    json_decref(f->merges);
    *f = (struct frame){0};
    r->depth--;
    return put_value(r, value, at);
}

static int on_sequence(struct reader *r, const yaml_event_t *e)
{
    if (!is_core_tag(e->data.sequence_start.tag, YAML_SEQ_TAG)) {
        return fail_at(r, e->start_mark, "this tag is not known: leave it out");
    }
    return open_frame(r, json_array(), e->data.sequence_start.anchor, e->start_mark);
}

static int on_mapping(struct reader *r, const yaml_event_t *e)
{
    if (!is_core_tag(e->data.mapping_start.tag, YAML_MAP_TAG)) {
        return fail_at(r, e->start_mark, "this tag is not known: leave it out");
    }
    return open_frame(r, json_object(), e->data.mapping_start.anchor, e->start_mark);
}

/* ---- documents ---- */

static int on_event(struct reader *r, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return on_alias(r, e);
    case YAML_SCALAR_EVENT:
        return on_scalar(r, e);
    case YAML_SEQUENCE_START_EVENT:
        return on_sequence(r, e);
    case YAML_MAPPING_START_EVENT:
        return on_mapping(r, e);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_frame(r);
    default:
        return 0;
    }
}

static void reader_init(struct reader *r, const char *text, size_t n, struct err *err)
{
    *r = (struct reader){.text = text != NULL ? text : "", .n = n, .err = err};
    if (yaml_parser_initialize(&r->parser) == 0) {
        xmalloc(SIZE_MAX); /* says "out of memory" and ends the program */
    }
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->text, n);
    r->anchors = map_new(decref_value);
}

static void reader_fini(struct reader *r)
{
    while (r->depth > 0) {
        struct frame *f = &r->frames[--r->depth];
        json_decref(f->value);
        json_decref(f->merges);
        free(f->key);
        free(f->anchor);
    }
    json_decref(r->root);
    map_free(r->anchors);
    yaml_parser_delete(&r->parser);
}

static void forget_marks(struct reader *r)
{
    if (r->marks != NULL) {
        yaml_marks_free(r->marks);
        r->marks = yaml_marks_new();
    }
}

/* libyaml compares each %TAG line with all before it. */
static int check_directives(const struct reader *r)
{
    const char *p = r->text;
    const char *end = r->text + r->n;
    size_t found = 0;
    while (p < end) {
        found += end - p >= 4 && memcmp(p, "%TAG", 4) == 0;
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        p = newline != NULL ? newline + 1 : end;
    }
    return found <= MAX_TAG_LINES
               ? 0
               : err_set(r->err, ERR_BAD_REQUEST, "invalid YAML: more than %d %%TAG lines",
                         (int)MAX_TAG_LINES);
}

/* The next document that is not empty. 1: *ret is it; 0: there is none; -1: an error. */
static int next_document(struct reader *r, json_t **ret)
{
    yaml_event_t e;
    for (;;) {
        if (yaml_parser_parse(&r->parser, &e) == 0) {
            return fail_parser(r);
        }
        yaml_event_type_t type = e.type;
        int rc = on_event(r, &e);
        yaml_event_delete(&e);
        if (rc < 0) {
            return -1;
        }
        if (type == YAML_STREAM_END_EVENT) {
            return 0;
        }
        if (type == YAML_DOCUMENT_END_EVENT) {
            json_t *root = steal(r->root);
            map_clear(r->anchors);
            if (!json_is_null(root)) {
                *ret = root;
                return 1;
            }
            json_decref(root);
            forget_marks(r);
        }
    }
}

int yaml_parse(const char *text, size_t n, json_t **ret, struct err *err)
{
    struct reader r;
    json_auto_t *documents = json_array();
    json_t *document = NULL;
    reader_init(&r, text, n, err);
    int rc = check_directives(&r) < 0 ? -1 : 1;
    while (rc > 0) {
        rc = next_document(&r, &document);
        if (rc > 0) {
            json_array_append_new(documents, document);
        }
    }
    reader_fini(&r);
    if (rc < 0) {
        return -1;
    }
    *ret = steal(documents);
    return 0;
}

int yaml_parse_marks(const char *text, size_t n, json_t **ret, struct yaml_marks **ret_marks,
                     struct err *err)
{
    struct reader r;
    json_t *document = NULL;
    reader_init(&r, text, n, err);
    r.marks = ret_marks != NULL ? yaml_marks_new() : NULL;
    int rc = check_directives(&r) < 0 ? -1 : next_document(&r, &document);
    reader_fini(&r);
    if (rc < 0) {
        yaml_marks_free(r.marks);
        return -1;
    }
    *ret = rc > 0 ? document : json_null();
    if (ret_marks != NULL) {
        *ret_marks = r.marks;
    }
    return 0;
}
