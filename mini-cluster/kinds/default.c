/* SPDX-License-Identifier: Apache-2.0 */
/* Fills in what was left out, as the data says, and writes values in their one canonical form. */
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/walk.h"
#include "meta/quantity.h"

static void message_default(const struct kind_message *m, json_t *obj);

/* ---- canonical forms ---- */

/* The quantity's canonical text; NULL when it is none, or is in that form already. */
static json_t *canonical_quantity(const json_t *v)
{
    char canonical[64];
    cleanup_free char *text = json_is_string(v)   ? xstrdup(json_string_value(v))
                              : json_is_number(v) ? jx_dump_text(v)
                                                  : NULL;
    if (text == NULL || !quantity_canonical(text, canonical, sizeof(canonical)) ||
        (json_is_string(v) && strcmp(canonical, text) == 0)) {
        return NULL;
    }
    return json_string(canonical);
}

/* Base64 may come in lines; it is kept in one. NULL when it is one already. */
static json_t *canonical_bytes(const json_t *v)
{
    const char *text = json_string_value(v);
    if (text == NULL || strpbrk(text, "\r\n") == NULL) {
        return NULL;
    }
    cleanup_str struct str line = STR_INIT;
    while (*text != '\0') {
        size_t n = strcspn(text, "\r\n");
        str_add_n(&line, text, n);
        text += n + strspn(text + n, "\r\n");
    }
    return json_string(str_c(&line));
}

static json_t *canonical(const struct kind_field *f, const json_t *v)
{
    if (f->type == KIND_QUANTITY) {
        return canonical_quantity(v);
    }
    if (f->type == KIND_BYTES) {
        return canonical_bytes(v);
    }
    if (f->bool_words != NULL && json_is_boolean(v)) {
        return json_string(f->bool_words[json_is_true(v)]);
    }
    return NULL;
}

/* Replaces the members or items that have a canonical form and are not in it. */
static void bring_to_form(const struct kind_field *f, json_t *parent, const char *name, json_t *v)
{
    json_t *new;
    if (f->shape == KIND_ONE && (new = canonical(f, v)) != NULL) {
        json_object_set_new(parent, name, new);
    }
    for (size_t i = 0; f->shape == KIND_LIST && i < json_array_size(v); i++) {
        if ((new = canonical(f, json_array_get(v, i))) != NULL) {
            json_array_set_new(v, i, new);
        }
    }
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(f->shape == KIND_MAP ? v : NULL, next, key, value)
    {
        if ((new = canonical(f, value)) != NULL) {
            json_object_set_new(v, key, new);
        }
    }
}

/* ---- defaults ---- */

/* Whether "type=NodePort|LoadBalancer" holds in obj. */
static bool holds(const char *when, const json_t *obj)
{
    const char *eq = strchr(when, '=');
    for (const char *p = eq + 1;;) {
        const json_t *v = json_object_getn(obj, when, (size_t)(eq - when));
        size_t n = strcspn(p, "|");
        if (json_is_string(v) && json_string_length(v) == n &&
            strncmp(json_string_value(v), p, n) == 0) {
            return true;
        }
        if (p[n] == '\0') {
            return false;
        }
        p += n + 1;
    }
}

/* Nearly all are plain words, numbers or {}: those need no parser. */
static json_t *parse_default(const char *text)
{
    size_t n = strlen(text);
    int64_t i;
    if (text[0] == '"' && strchr(text, '\\') == NULL) {
        return json_stringn(text + 1, n - 2);
    }
    if (strcmp(text, "{}") == 0) {
        return json_object();
    }
    if (str_to_i64(text, INT64_MIN, INT64_MAX, &i)) {
        return json_integer(i);
    }
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

static void field_default(const struct kind_field *f, json_t *obj)
{
    if (f->dflt != NULL && walk_unset(f, json_object_get(obj, f->name)) &&
        (f->dflt_when == NULL || holds(f->dflt_when, obj))) {
        json_object_set_new(obj, f->name, parse_default(f->dflt));
    }
}

/* First what stands alone, then what depends on siblings: those have their defaults by then. */
static void fill_in(const struct kind_message *m, json_t *obj)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < m->nfields; i++) {
            const struct kind_field *f = &m->fields[i];
            if (!f->inlined && (f->dflt_when != NULL) == (pass == 1)) {
                field_default(f, obj);
            }
        }
    }
}

static void value_default(const struct kind_field *f, json_t *v, const struct walk_at *at,
                          void *ctx)
{
    (void)at, (void)ctx;
    message_default(f->message, v);
}

static bool has_forms(const struct kind_field *f)
{
    return !f->inlined &&
           (f->type == KIND_QUANTITY || f->type == KIND_BYTES || f->bool_words != NULL);
}

/* A message has many fields and an object few of them: a field is looked up when there is something
 * to do about it. */
static void message_default(const struct kind_message *m, json_t *obj)
{
    if (!json_is_object(obj)) {
        return;
    }
    for (size_t i = 0; i < m->nfields; i++) { /* words first: dflt_when reads them */
        const struct kind_field *f = &m->fields[i];
        json_t *v = has_forms(f) ? json_object_get(obj, f->name) : NULL;
        if (v != NULL) {
            bring_to_form(f, obj, f->name, v);
        }
    }
    fill_in(m, obj);
    for (size_t i = 0; i < m->nfields; i++) {
        const struct kind_field *f = &m->fields[i];
        json_t *v = f->type == KIND_MESSAGE && !f->inlined ? json_object_get(obj, f->name) : NULL;
        if (f->inlined) {
            message_default(f->message, obj);
        } else if (v != NULL) {
            walk_values(f, v, NULL, value_default, NULL);
        }
    }
}

void kinds_default(const struct kind *k, json_t *obj)
{
    message_default(k->message, obj);
}
