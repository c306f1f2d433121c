/* SPDX-License-Identifier: Apache-2.0 */
/* One control stream to one guest: keeps it told of its sets of records, whatever happens to the
 * stream. include/guest/wire.h says what goes over it. */
#ifndef NET_LINK_H
#define NET_LINK_H

#include <stdbool.h>

struct link;
struct loop;
struct records;
struct runtime;
struct table_count;

struct link_opts {
    struct loop *loop;
    const struct runtime *rt;
    const struct records *records;
    const char *host; /* for the log */
    const char *container;
    const char *sets[2]; /* of records; NULL: none */
    bool hold;           /* begin so: see link_hold */
    void (*counted)(void *arg, const char *host, const struct table_count *c);
    void *arg;
};

/* Attaches at once, and again whenever the stream ends. Strings are copied. */
struct link *link_new(const struct link_opts *o);
void link_free(struct link *l); /* NULL is fine */
const char *link_container(const struct link *l);
/* A record of one of its sets is new, different or gone; sent at the next link_flush. */
void link_changed(struct link *l, const char *set, const char *id);
/* While held nothing leaves: what is known may not be committed. */
void link_hold(struct link *l, bool hold);
/* Sends what may be sent. */
void link_flush(struct link *l);
/* Everything is acknowledged. */
bool link_synced(const struct link *l);

#endif
