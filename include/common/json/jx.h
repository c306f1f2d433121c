/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in and out, and who owns it: `const json_t *` is borrowed and frozen, a returned `json_t *`
 * is the caller's (json_auto_t or json_decref). Only jx_edit() makes a frozen value changeable. */
#ifndef COMMON_JSON_JX_H
#define COMMON_JSON_JX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"
#include "common/str.h"

enum { JX_MAX_DEPTH = 100 }; /* of anything that comes from outside */

/* Call once, before any use: out of memory ends the program, and hashes are seeded at random, which
 * nobody sees, because objects keep the order of insertion. */
void jx_init(void);

/* After that, in a program that has thousands of values at a time: their memory comes from a pool of
 * its own. From then on the text that json_dumps() returns may not be given to free(): use
 * jx_dump_text() or jx_dump_sorted(). */
void jx_use_pool(void);

/* Parses a whole document. Refuses duplicate keys when `strict` (else the last one wins), nesting
 * past JX_MAX_DEPTH, NUL in strings, and anything after the value. ERR_BAD_REQUEST names line and
 * column. */
int jx_parse(const char *text, size_t n, bool strict, json_t **ret, struct err *err) WARN_UNUSED;
/* Which keys occur twice in one object, as paths ("spec.containers[0].name"), appended to `paths`
 * as JSON strings: what strict and warn field validation report. The text must parse. */
void jx_duplicates(const char *text, size_t n, json_t *paths);

/* Compact, in the order of insertion. */
void jx_dump(struct str *out, const json_t *v);
/* A text as a JSON string, with its quotes; what is not UTF-8 becomes "(not UTF-8)". */
void jx_dump_str(struct str *out, const char *text);
char *jx_dump_text(const json_t *v);          /* the caller frees */
char *jx_dump_sorted(const json_t *v);        /* compact, keys in order; the caller frees */
char *jx_dump_pretty(const json_t *v);        /* two spaces; the caller frees */

/* A deep copy that may be changed. */
json_t *jx_edit(const json_t *frozen);
/* Equal as Kubernetes means it: the order of keys does not matter, 1 equals 1.0. */
bool jx_equal(const json_t *a, const json_t *b);

/* ---- paths: "spec.template.metadata.labels", "status.conditions[0].type". A key with dots is
 * reached with jx_get on its parent. The value when something is missing or of another type is the
 * default. */
const json_t *jx_path(const json_t *v, const char *path);   /* NULL when missing */
const char *jx_str(const json_t *v, const char *path, const char *dflt);
int64_t jx_int(const json_t *v, const char *path, int64_t dflt);
bool jx_bool(const json_t *v, const char *path, bool dflt);
const json_t *jx_obj(const json_t *v, const char *path);    /* an object, or NULL */
const json_t *jx_arr(const json_t *v, const char *path);    /* an array, or NULL */
size_t jx_len(const json_t *v, const char *path);           /* of an array or object; 0 otherwise */
/* A member by its exact key; NULL when v is no object. */
const json_t *jx_get(const json_t *v, const char *key);
const char *jx_get_str(const json_t *v, const char *key, const char *dflt);

/* Change what the caller owns. Missing objects on the way are made. `jx_put` takes the value. No
 * array indices here. A NULL value deletes. */
void jx_put(json_t *v, const char *path, json_t *value);
void jx_put_str(json_t *v, const char *path, const char *value);  /* NULL deletes */
void jx_put_int(json_t *v, const char *path, int64_t value);
void jx_put_bool(json_t *v, const char *path, bool value);
void jx_del(json_t *v, const char *path);
/* The object at path, made when missing; borrowed, changeable. */
json_t *jx_make(json_t *v, const char *path);

/* The item of an array of objects whose `key` is `value`; NULL when there is none. */
const json_t *jx_find(const json_t *array, const char *key, const char *value);
size_t jx_find_index(const json_t *array, const char *key, const char *value); /* (size_t)-1 */

#define jx_each(i, item, array)                                                                    \
    for ((i) = 0; (i) < json_array_size(array) && ((item) = json_array_get((array), (i))) != NULL; \
         (i)++)

#endif
