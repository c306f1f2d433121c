/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler of the kinds: YAML in, const C tables out, ill-made data refused by line and column.
 */
#ifndef KINDS_GEN_KINDC_H
#define KINDS_GEN_KINDC_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "common/err.h"
#include "common/map.h"
#include "common/str.h"
#include "common/vec.h"

struct yaml_marks;

/* One file: a group and version. */
struct source {
    const char *path;
    json_t *doc;
    struct yaml_marks *marks;
    const char *group, *version, *package; /* borrowed from doc */
    int order;
};

/* One message, and what it became in the tables: `messages[index]`. */
struct message {
    const struct source *src;
    const char *name;
    char *full_name;
    char *where; /* its path in the file, for complaints */
    const json_t *def;
    const json_t *kind; /* the kind it is the whole of; NULL: none */
    size_t index;
};

struct kindc {
    VEC(struct source *) sources;
    VEC(struct message *) messages;
    struct map *by_full_name; /* to struct message */
    unsigned complaints;
};

/* What a field's `type` says. */
struct field_type {
    const char *type;  /* the enumerator, "KIND_STRING" */
    const char *shape; /* "KIND_LIST" */
    const struct message *message;
};

/* Prints "file:line:column: message" to stderr and counts it. `where` is a path in the file. */
void complain(struct kindc *c, const struct source *s, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- load.c ---- */
int load_source(struct kindc *c, const char *path, struct err *err) WARN_UNUSED;
/* After the last file: sorts the files and collects their messages. */
void load_finish(struct kindc *c);
void load_free(struct kindc *c);
/* The message a type's name means in a file: the file's own, else meta's, else the only one of that
 * name; a full name is itself. NULL and *ret_many > 1 when the name is ambiguous. */
const struct message *load_message(const struct kindc *c, const struct source *s, const char *name,
                                   size_t *ret_many);

/* ---- check.c, check_field.c: each complains about what is ill-made ---- */
void check_source(struct kindc *c, const struct source *s);
void check_message(struct kindc *c, const struct message *m);
/* What a field's type is; false (after a complaint when `where` is not NULL) when it is none. */
bool check_type(struct kindc *c, const struct source *s, const char *where, const json_t *type,
                struct field_type *ret);

/* ---- emit.c ---- */
void emit(struct kindc *c, struct str *out);

#endif
