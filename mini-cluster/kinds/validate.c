/* SPDX-License-Identifier: Apache-2.0 */
/* Goes through an object and holds every value against its field: required, enums, bounds, formats,
 * unique keys. Types were checked before; what has the wrong one is passed over here. */
#include "kinds/validate.h"

#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"

static void message_validate(const struct kind_message *m, const json_t *obj,
                             const struct walk_at *at, struct field_errs *errs);

/* ---- one value ---- */

static void check_enum(const struct kind_field *f, const json_t *v, const struct walk_at *at,
                       struct field_errs *errs)
{
    const char *text = json_string_value(v);
    if (text == NULL || (text[0] == '\0' && !f->pointer)) {
        return;
    }
    for (const char *const *e = f->enums; *e != NULL; e++) {
        if (strcmp(*e, text) == 0) {
            return;
        }
    }
    cleanup_str struct str path = STR_INIT;
    field_errs_not_supported(errs, walk_text(at, &path), v, f->enums);
}

static void check_range(const struct kind_field *f, const json_t *v, const struct walk_at *at,
                        struct field_errs *errs)
{
    json_int_t i = json_integer_value(v);
    if ((!f->has_min || i >= f->min) && (!f->has_max || i <= f->max)) {
        return;
    }
    char detail[96];
    if (f->has_min && f->has_max) {
        snprintf(detail, sizeof(detail), "must be between %lld and %lld, inclusive",
                 (long long)f->min, (long long)f->max);
    } else {
        bool low = f->has_min;
        snprintf(detail, sizeof(detail), "must be %s than or equal to %lld",
                 low ? "greater" : "less", (long long)(low ? f->min : f->max));
    }
    cleanup_str struct str path = STR_INIT;
    field_errs_invalid(errs, walk_text(at, &path), v, detail);
}

static void check_length(const struct kind_field *f, size_t n, const struct walk_at *at,
                         struct field_errs *errs)
{
    if (f->has_max && n > (size_t)f->max) {
        cleanup_str struct str path = STR_INIT;
        if (f->shape == KIND_LIST) {
            field_errs_too_many(errs, walk_text(at, &path), n, (size_t)f->max);
        } else {
            field_errs_too_long(errs, walk_text(at, &path), (size_t)f->max);
        }
    }
}

static void value_validate(const struct kind_field *f, json_t *v, const struct walk_at *at,
                           void *ctx)
{
    struct field_errs *errs = ctx;
    if (f->type == KIND_MESSAGE) {
        message_validate(f->message, v, at, errs);
        return;
    }
    if (f->enums != NULL) {
        check_enum(f, v, at, errs);
    }
    if (f->shape != KIND_MAP || f->type == KIND_QUANTITY) {
        format_validate(f, v, at, errs);
    }
    if (json_is_integer(v)) {
        check_range(f, v, at, errs);
    } else if (json_is_string(v) && f->type == KIND_STRING && f->shape == KIND_ONE) {
        check_length(f, json_string_length(v), at, errs);
    }
}

/* ---- unique keys of lists ---- */

/* The members of an item that are its key; NULL when it has none of them. */
static json_t *key_of(const struct kind_field *f, const json_t *item)
{
    json_auto_t *key = json_object();
    for (const char *p = f->list_keys; *p != '\0';) {
        size_t n = strcspn(p, ",");
        json_t *v = json_object_getn(item, p, n);
        if (v != NULL) {
            json_object_setn(key, p, n, v);
        }
        p += n + (p[n] == ',');
    }
    return json_object_size(key) > 0 ? steal(key) : NULL;
}

/* "containers[1].name: Duplicate value: "web"" when one field is the key, else the item's place and
 * all of the key. */
static void say_duplicate(const struct kind_field *f, size_t i, const json_t *key,
                          const struct walk_at *at, struct field_errs *errs)
{
    const struct walk_at item = {.up = at, .index = i};
    const struct walk_at member = {.up = &item, .name = f->list_keys};
    bool one = strchr(f->list_keys, ',') == NULL;
    cleanup_str struct str path = STR_INIT;
    field_errs_duplicate(errs, walk_text(one ? &member : &item, &path),
                         one ? json_object_get(key, f->list_keys) : key);
}

static void check_unique(const struct kind_field *f, const json_t *list, const struct walk_at *at,
                         struct field_errs *errs)
{
    if (json_array_size(list) < 2) {
        return;
    }
    json_auto_t *seen = json_object();
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_auto_t *key = key_of(f, json_array_get(list, i));
        if (key == NULL) {
            continue;
        }
        cleanup_free char *text = jx_dump_text(key); /* its members are in the order of list_keys */
        if (json_object_get(seen, text) != NULL) {
            say_duplicate(f, i, key, at, errs);
        } else {
            json_object_set_new(seen, text, json_true());
        }
    }
}

/* ---- fields and messages ---- */

static bool is_missing(const struct kind_field *f, const json_t *v)
{
    return walk_unset(f, v) || (f->shape == KIND_LIST && json_array_size(v) == 0) ||
           (f->shape == KIND_MAP && json_object_size(v) == 0);
}

static void field_validate(const struct kind_field *f, json_t *v, const struct walk_at *at,
                           struct field_errs *errs)
{
    if (is_missing(f, v)) {
        if (f->required && f->has_min && json_is_integer(v)) {
            check_range(f, v, at, errs); /* a 0 that was written down */
        } else if (f->required) {
            cleanup_str struct str path = STR_INIT;
            field_errs_required(errs, walk_text(at, &path), "");
        }
        return;
    }
    if (f->shape == KIND_LIST) {
        check_length(f, json_array_size(v), at, errs);
        if (f->list_keys != NULL && !f->may_repeat) {
            check_unique(f, v, at, errs);
        }
    } else if (f->shape == KIND_MAP && f->type != KIND_QUANTITY) {
        format_validate(f, v, at, errs);
    }
    walk_values(f, v, at, value_validate, errs);
}

static void message_validate(const struct kind_message *m, const json_t *obj,
                             const struct walk_at *at, struct field_errs *errs)
{
    for (size_t i = 0; json_is_object(obj) && i < m->nfields; i++) {
        const struct kind_field *f = &m->fields[i];
        if (f->inlined) {
            message_validate(f->message, obj, at, errs);
            continue;
        }
        const struct walk_at here = {.up = at, .name = f->name};
        field_validate(f, json_object_get(obj, f->name), &here, errs);
    }
}

void kinds_validate(const struct kind *k, const json_t *obj, struct field_errs *errs)
{
    if (k->served) {
        validate_object_meta(k, jx_obj(obj, "metadata"), errs);
    }
    message_validate(k->message, obj, NULL, errs);
}

/* ---- changes ---- */

static void message_update(const struct kind_message *m, const json_t *old, const json_t *obj,
                           const struct walk_at *at, struct field_errs *errs)
{
    for (size_t i = 0; i < m->nfields; i++) {
        const struct kind_field *f = &m->fields[i];
        const json_t *was = f->inlined ? old : json_object_get(old, f->name);
        const json_t *is = f->inlined ? obj : json_object_get(obj, f->name);
        if (walk_unset(f, was)) {
            continue;
        }
        const struct walk_at field = {.up = at, .name = f->name};
        const struct walk_at *here = f->inlined ? at : &field;
        if (f->immutable && !(is != NULL && jx_equal(was, is))) {
            cleanup_str struct str path = STR_INIT;
            field_errs_invalid(errs, walk_text(here, &path), is, "field is immutable");
        } else if (f->type == KIND_MESSAGE && f->shape == KIND_ONE && was != is) {
            message_update(f->message, was, is, here, errs);
        }
    }
}

void kinds_validate_update(const struct kind *k, const json_t *old, const json_t *obj,
                           struct field_errs *errs)
{
    message_update(k->message, old, obj, NULL, errs);
}
