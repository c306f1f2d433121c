/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a JSON body by a table of what may be in it: everything else is refused by its name. */
#ifndef HOSTS_DOCK_DOCK_FIELDS_H
#define HOSTS_DOCK_DOCK_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"

enum dock_rule {
    DOCK_BOOL = 1,
    DOCK_INT,    /* from min to max */
    DOCK_STR,    /* at most 4 KiB */
    DOCK_STRS,   /* a list of them */
    DOCK_WORDS,  /* a list of them, or one, which becomes a list */
    DOCK_TEXTS,  /* an object of strings */
    DOCK_OBJECT, /* by a table of its own: `fields` */
    DOCK_OWN,    /* by `fn`, which puts what it likes */
    DOCK_IGNORE, /* means nothing here: left out */
    DOCK_EMPTY,  /* false, 0, "", [] and {} are left out; anything else is refused: `why` */
};

/* Reads `value` of the field at `path` into `out`. `arg` is the caller's. */
typedef int dock_field_fn(void *arg, const char *path, const json_t *value, json_t *out,
                          struct err *err);

/* Tables end with a zeroed row. null is as good as absent everywhere. */
struct dock_field {
    const char *name;
    enum dock_rule rule;
    const char *why;
    const struct dock_field *fields;
    dock_field_fn *fn;
    int64_t min, max;
};
#define DOCK_TAKE(field, how, ...)                                                                 \
    {                                                                                              \
        .name = (field), .rule = (how), ##__VA_ARGS__                                              \
    }
#define DOCK_REFUSE(field, because) DOCK_TAKE(field, DOCK_EMPTY, .why = (because))

/* Parses and refuses: no JSON object (an empty text counts as an empty one), a key twice, keys that
 * are unknown or only nearly right, and values that the table does not allow. What it allows is put
 * to `out`. ERR_BAD_REQUEST: it is no such body; ERR_FORBIDDEN: it is, and asks for too much. */
int dock_fields_parse(const struct dock_field *table, const char *text, size_t n, json_t *out,
                      void *arg, struct err *err) WARN_UNUSED;
/* The same for a value that was parsed already; `path` is where it stands ("" for the whole). */
int dock_fields_read(const struct dock_field *table, const json_t *value, const char *path,
                     json_t *out, void *arg, struct err *err) WARN_UNUSED;
/* The member of this table. NULL when there is none. */
const struct dock_field *dock_fields_find(const struct dock_field *table, const char *name);

#endif
