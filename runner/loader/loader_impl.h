/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: the document that is being read, and the way to say what is
 * wrong with it. */
#ifndef LOADER_LOADER_IMPL_H
#define LOADER_LOADER_IMPL_H

#include <stdint.h>

#include "common/json/jx.h"
#include "common/json/yaml.h"
#include "lab/arena.h"
#include "loader/loader.h"

struct reading {
    struct lab *lab;
    struct arena *arena;
    char *file; /* of lab.yaml, for messages */
    struct yaml_marks *marks;
    struct err *err;
};

enum read_type {
    READ_TEXT,
    READ_WORD, /* text, or what YAML takes for true and false: Off */
    READ_INT,
    READ_BOOL,
    READ_OBJECT,
    READ_ARRAY
};

/* One key that may stand in an object; a NULL name ends the table. */
struct read_key {
    const char *name;
    enum read_type type;
    bool required;
};

/* "FILE:LINE:COLUMN: PATH: ..."; returns -1. */
int read_fail(struct reading *r, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Only known keys, of the right types, and the required ones there. */
int read_keys(struct reading *r, const json_t *obj, const char *path,
              const struct read_key *keys) WARN_UNUSED;
/* A member's text, copied to the arena; NULL when missing. */
const char *read_text(struct reading *r, const json_t *obj, const char *key);
/* A list of texts, NULL-terminated, never NULL. */
int read_texts(struct reading *r, const json_t *obj, const char *key, const char *path,
               const char *const **ret) WARN_UNUSED;
/* "30s", "500ms", "2m", or a number of seconds, in milliseconds; 0 when missing. */
int read_duration(struct reading *r, const json_t *obj, const char *key, const char *path,
                  int64_t *ret) WARN_UNUSED;
/* "worker-1:8080", perhaps with a path behind it. */
bool read_is_address(const char *text);
/* A file of the lab's folder, whole; NULL when it is not there. The arena owns it. */
char *read_file(struct reading *r, const char *name);

int read_check(struct reading *r, const json_t *obj, const char *path, bool alternative,
               struct lab_check *ret) WARN_UNUSED;
/* A step's `faults`, once its checks are read, and its `clock`. */
int read_faults(struct reading *r, const json_t *obj, const char *path,
                struct lab_step *step) WARN_UNUSED;
int read_clock(struct reading *r, const json_t *obj, const char *path,
               struct lab_step *step) WARN_UNUSED;
int read_step(struct reading *r, const json_t *obj, const char *path,
              struct lab_step *ret) WARN_UNUSED;
/* Cuts "## Hint" sections off a step's text. */
void read_hints(struct reading *r, char *markdown, struct lab_step *step);
/* solution/NN*.sh and near-miss/NN-*.sh of step number n (from 1). */
int read_scripts(struct reading *r, size_t n, struct lab_step *step) WARN_UNUSED;
/* Scripts that belong to none of the steps would never run. */
int read_stray_scripts(struct reading *r) WARN_UNUSED;

#endif
