/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and changing JSON values by path, without chains of gets and without allocating. */
#include "common/json/jx.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "common/mem.h"

void jx_init(void)
{
    json_set_alloc_funcs(xmalloc, free);
    json_object_seed(0);
}

json_t *jx_edit(const json_t *frozen)
{
    return json_deep_copy(frozen);
}

/* ---- equality ---- */

static bool equal_mixed(json_int_t i, double r)
{
    /* Every double in this range is a whole number of 64 bits once its fraction is gone. */
    return r >= -0x1p63 && r < 0x1p63 && r == floor(r) && (json_int_t)r == i;
}

static bool equal_numbers(const json_t *a, const json_t *b)
{
    if (json_is_integer(a)) {
        return json_is_integer(b) ? json_integer_value(a) == json_integer_value(b)
                                  : equal_mixed(json_integer_value(a), json_real_value(b));
    }
    return json_is_integer(b) ? equal_mixed(json_integer_value(b), json_real_value(a))
                              : json_real_value(a) == json_real_value(b);
}

static bool equal_objects(const json_t *a, const json_t *b)
{
    if (json_object_size(a) != json_object_size(b)) {
        return false;
    }
    json_t *walk = (json_t *)(uintptr_t)a; /* the iterator takes no const, but writes nothing */
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        const json_t *other =
            json_object_getn(b, json_object_iter_key(it), json_object_iter_key_len(it));
        if (other == NULL || !jx_equal(json_object_iter_value(it), other)) {
            return false;
        }
    }
    return true;
}

static bool equal_arrays(const json_t *a, const json_t *b)
{
    size_t n = json_array_size(a);
    if (n != json_array_size(b)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!jx_equal(json_array_get(a, i), json_array_get(b, i))) {
            return false;
        }
    }
    return true;
}

bool jx_equal(const json_t *a, const json_t *b)
{
    if (a == b || a == NULL || b == NULL) {
        return a == b;
    }
    if (json_is_number(a) && json_is_number(b)) {
        return equal_numbers(a, b);
    }
    if (json_typeof(a) != json_typeof(b)) {
        return false;
    }
    switch (json_typeof(a)) {
    case JSON_OBJECT:
        return equal_objects(a, b);
    case JSON_ARRAY:
        return equal_arrays(a, b);
    case JSON_STRING:
        return json_string_length(a) == json_string_length(b) &&
               memcmp(json_string_value(a), json_string_value(b), json_string_length(a)) == 0;
    default:
        return true; /* true, false, null */
    }
}

/* ---- reading ---- */

/* "[12]" at *p; steps over it. */
static const json_t *step_index(const json_t *v, const char **p)
{
    size_t index = 0;
    const char *c = *p + 1;
    if (*c < '0' || *c > '9') {
        return NULL;
    }
    for (; *c >= '0' && *c <= '9'; c++) {
        if (index > INT_MAX) {
            return NULL;
        }
        index = index * 10 + (size_t)(*c - '0');
    }
    *p = c + 1;
    return *c == ']' ? json_array_get(v, index) : NULL;
}

const json_t *jx_path(const json_t *v, const char *path)
{
    const char *p = path;
    while (v != NULL && *p != '\0') {
        if (*p == '[') {
            v = step_index(v, &p);
        } else {
            size_t n = strcspn(p, ".[");
            v = json_object_getn(v, p, n);
            p += n;
        }
        if (v != NULL && *p == '.') {
            p++;
        }
    }
    return v;
}

const char *jx_str(const json_t *v, const char *path, const char *dflt)
{
    const char *s = json_string_value(jx_path(v, path));
    return s != NULL ? s : dflt;
}

int64_t jx_int(const json_t *v, const char *path, int64_t dflt)
{
    const json_t *found = jx_path(v, path);
    if (json_is_real(found)) { /* 3.0 is the integer 3 */
        double r = json_real_value(found);
        return r == floor(r) && fabs(r) < 0x1p63 ? (int64_t)r : dflt;
    }
    return json_is_integer(found) ? json_integer_value(found) : dflt;
}

bool jx_bool(const json_t *v, const char *path, bool dflt)
{
    const json_t *found = jx_path(v, path);
    return json_is_boolean(found) ? json_is_true(found) : dflt;
}

const json_t *jx_obj(const json_t *v, const char *path)
{
    const json_t *found = jx_path(v, path);
    return json_is_object(found) ? found : NULL;
}

const json_t *jx_arr(const json_t *v, const char *path)
{
    const json_t *found = jx_path(v, path);
    return json_is_array(found) ? found : NULL;
}

size_t jx_len(const json_t *v, const char *path)
{
    const json_t *found = jx_path(v, path);
    return json_is_array(found) ? json_array_size(found) : json_object_size(found);
}

const json_t *jx_get(const json_t *v, const char *key)
{
    return json_object_get(v, key);
}

const char *jx_get_str(const json_t *v, const char *key, const char *dflt)
{
    const char *s = json_string_value(json_object_get(v, key));
    return s != NULL ? s : dflt;
}

size_t jx_find_index(const json_t *array, const char *key, const char *value)
{
    size_t i;
    const json_t *item;
    jx_each(i, item, array)
    {
        const char *s = json_string_value(json_object_get(item, key));
        if (s != NULL && strcmp(s, value) == 0) {
            return i;
        }
    }
    return (size_t)-1;
}

const json_t *jx_find(const json_t *array, const char *key, const char *value)
{
    return json_array_get(array, jx_find_index(array, key, value));
}

/* ---- changing ---- */

/* The object that holds the last key of the path, which *ret_last points to. When `make`, what is
 * missing, or is no object, becomes an empty one; else NULL. */
static json_t *parent_of(json_t *v, const char *path, bool make, const char **ret_last)
{
    const char *p = path;
    for (const char *dot = strchr(p, '.'); dot != NULL; dot = strchr(p, '.')) {
        size_t n = (size_t)(dot - p);
        json_t *child = json_object_getn(v, p, n);
        if (!json_is_object(child)) {
            if (!make) {
                return NULL;
            }
            child = json_object();
            json_object_setn_new_nocheck(v, p, n, child);
        }
        v = child;
        p = dot + 1;
    }
    *ret_last = p;
    return v;
}

void jx_put(json_t *v, const char *path, json_t *value)
{
    if (value == NULL) {
        jx_del(v, path);
        return;
    }
    const char *last = NULL;
    json_t *parent = parent_of(v, path, true, &last);
    json_object_set_new_nocheck(parent, last, value);
}

void jx_put_str(json_t *v, const char *path, const char *value)
{
    jx_put(v, path, value != NULL ? json_string_nocheck(value) : NULL);
}

void jx_put_int(json_t *v, const char *path, int64_t value)
{
    jx_put(v, path, json_integer(value));
}

void jx_put_bool(json_t *v, const char *path, bool value)
{
    jx_put(v, path, json_boolean(value));
}

void jx_del(json_t *v, const char *path)
{
    const char *last = NULL;
    json_t *parent = parent_of(v, path, false, &last);
    if (parent != NULL) {
        json_object_del(parent, last);
    }
}

json_t *jx_make(json_t *v, const char *path)
{
    const char *last = NULL;
    json_t *parent = parent_of(v, path, true, &last);
    json_t *object = json_object_get(parent, last);
    if (!json_is_object(object)) {
        object = json_object();
        json_object_set_new_nocheck(parent, last, object);
    }
    return object;
}
