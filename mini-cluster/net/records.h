/* SPDX-License-Identifier: Apache-2.0 */
/* What the guests must know, as the bytes they are sent: sets of records, each with the owner who
 * last said it (a service, a host's port). */
#ifndef NET_RECORDS_H
#define NET_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct records;

/* The sets: of the guest with the services, of every host; another name is one host's own. */
#define RECORDS_SERVICES ""
#define RECORDS_EVERY_HOST "*"

/* One record of guest/table.h. Its id says what it is about, so that it can be deleted by id alone:
 * "f" and the key of a forward, "n", the kind's digit and a name, "c" for the configuration. */
struct record {
    const char *id;
    const char *owner;
    const uint8_t *bytes;
    size_t len;
};

/* `changed` is called for each record that is new, different or gone. */
struct records *records_new(void (*changed)(void *arg, const char *set, const char *id), void *arg);
void records_free(struct records *r); /* NULL is fine */

/* Between begin and end the owner says everything it has to say; what it said before and not again
 * is gone. Not nested. */
void records_begin(struct records *r, const char *owner);
void records_put(struct records *r, const char *set, const char *id, const void *bytes, size_t n);
void records_end(struct records *r);

/* NULL when there is none. Borrowed until the next change. */
const struct record *records_find(const struct records *r, const char *set, const char *id);
/* Calls fn for each of a set until it returns false. */
void records_each(const struct records *r, const char *set,
                  bool (*fn)(void *arg, const struct record *rec), void *arg);
/* The ids an owner has in a set. */
void records_each_of(const struct records *r, const char *owner, const char *set,
                     bool (*fn)(void *arg, const struct record *rec), void *arg);
void records_each_owner(const struct records *r, bool (*fn)(void *arg, const char *owner),
                        void *arg);

#endif
