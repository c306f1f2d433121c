/* SPDX-License-Identifier: Apache-2.0 */
/* Goes through an object and holds every value against its field: required, enums, bounds, formats,
 * unique keys. Types were checked before; what has the wrong one is passed over here. */
#include "kinds/validate.h"

#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"

static void message_validate(const struct kind_message *m, const json_t *obj, struct str *path,
                             struct field_errs *errs);

/* ---- one value ---- */

static void check_enum(const struct kind_field *f, const json_t *v, struct str *path,
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
    field_errs_not_supported(errs, str_c(path), v, f->enums);
}

static void check_range(const struct kind_field *f, const json_t *v, struct str *path,
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
    field_errs_invalid(errs, str_c(path), v, detail);
}

static void check_length(const struct kind_field *f, size_t n, struct str *path,
                         struct field_errs *errs)
{
    if (f->has_max && n > (size_t)f->max) {
        if (f->shape == KIND_LIST) {
            field_errs_too_many(errs, str_c(path), n, (size_t)f->max);
        } else {
            field_errs_too_long(errs, str_c(path), (size_t)f->max);
        }
    }
}

static void value_validate(const struct kind_field *f, json_t *v, struct str *path, void *ctx)
{
    struct field_errs *errs = ctx;
    if (f->type == KIND_MESSAGE) {
        message_validate(f->message, v, path, errs);
        return;
    }
    if (f->enums != NULL) {
        check_enum(f, v, path, errs);
    }
    if (f->shape != KIND_MAP || f->type == KIND_QUANTITY) {
        format_validate(f, v, path, errs);
    }
    if (json_is_integer(v)) {
        check_range(f, v, path, errs);
    } else if (json_is_string(v) && f->type == KIND_STRING && f->shape == KIND_ONE) {
        check_length(f, json_string_length(v), path, errs);
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
static void say_duplicate(const struct kind_field *f, size_t i, const json_t *key, struct str *path,
                          struct field_errs *errs)
{
    size_t len = walk_index(path, i);
    if (strchr(f->list_keys, ',') == NULL) {
        walk_field(path, f->list_keys);
        key = json_object_get(key, f->list_keys);
    }
    field_errs_duplicate(errs, str_c(path), key);
    walk_up(path, len);
}

static void check_unique(const struct kind_field *f, const json_t *list, struct str *path,
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
            say_duplicate(f, i, key, path, errs);
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

static void field_validate(const struct kind_field *f, json_t *v, struct str *path,
                           struct field_errs *errs)
{
    if (is_missing(f, v)) {
        if (f->required && f->has_min && json_is_integer(v)) {
            check_range(f, v, path, errs); /* a 0 that was written down */
        } else if (f->required) {
            field_errs_required(errs, str_c(path), "");
        }
        return;
    }
    if (f->shape == KIND_LIST) {
        check_length(f, json_array_size(v), path, errs);
        if (f->list_keys != NULL && !f->may_repeat) {
            check_unique(f, v, path, errs);
        }
    } else if (f->shape == KIND_MAP && f->type != KIND_QUANTITY) {
        format_validate(f, v, path, errs);
    }
    walk_values(f, v, path, value_validate, errs);
}

static void message_validate(const struct kind_message *m, const json_t *obj, struct str *path,
                             struct field_errs *errs)
{
    for (size_t i = 0; json_is_object(obj) && i < m->nfields; i++) {
        const struct kind_field *f = &m->fields[i];
        if (f->inlined) {
            message_validate(f->message, obj, path, errs);
            continue;
        }
        size_t len = walk_field(path, f->name);
        field_validate(f, json_object_get(obj, f->name), path, errs);
        walk_up(path, len);
    }
}

void kinds_validate(const struct kind *k, const json_t *obj, struct field_errs *errs)
{
    cleanup_str struct str path = STR_INIT;
    if (k->served) {
        validate_object_meta(k, jx_obj(obj, "metadata"), errs);
    }
    message_validate(k->message, obj, &path, errs);
}

/* ---- changes ---- */

static void message_update(const struct kind_message *m, const json_t *old, const json_t *obj,
                           struct str *path, struct field_errs *errs)
{
    for (size_t i = 0; i < m->nfields; i++) {
        const struct kind_field *f = &m->fields[i];
        const json_t *was = f->inlined ? old : json_object_get(old, f->name);
        const json_t *is = f->inlined ? obj : json_object_get(obj, f->name);
        if (walk_unset(f, was)) {
            continue;
        }
        size_t len = f->inlined ? path->len : walk_field(path, f->name);
        if (f->immutable && !(is != NULL && jx_equal(was, is))) {
            field_errs_invalid(errs, str_c(path), is, "field is immutable");
        } else if (f->type == KIND_MESSAGE && f->shape == KIND_ONE) {
            message_update(f->message, was, is, path, errs);
        }
        walk_up(path, len);
    }
}

void kinds_validate_update(const struct kind *k, const json_t *old, const json_t *obj,
                           struct field_errs *errs)
{
    cleanup_str struct str path = STR_INIT;
    message_update(k->message, old, obj, &path, errs);
}
