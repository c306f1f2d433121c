/* SPDX-License-Identifier: Apache-2.0 */
/* The only way in to the cluster for every worker: the api room called in-process, as a named
 * system user.
 *
 * Calls answer at once, against the staged view: a worker sees its own writes. What a worker does
 * OUTSIDE the cluster because of what it read or wrote (a Docker call, a frame to a guest) waits
 * for client_on_commit. Watch handlers run after publication, from the loop.
 *
 * Objects given out are frozen and borrowed until the tick ends; json_incref keeps one longer,
 * jx_edit makes a copy to change. Objects given in are taken, also when the call fails. */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"

struct api;
struct client;
struct kind;
struct loop;
struct selector;
struct store_entry;

/* `user` is "system:kube-scheduler" and the like; authorised as such. */
struct client *client_new(struct api *api, const char *user);
void client_free(struct client *c); /* ends its watches; NULL is fine */
struct loop *client_loop(const struct client *c);

/* ---- reading ---- */

/* NULL and ERR_NOT_FOUND when there is none. */
const json_t *client_get(struct client *c, const struct kind *k, const char *ns, const char *name,
                         struct err *err);
/* By uid, of any kind; NULL when there is none. */
const json_t *client_find_uid(struct client *c, const char *uid);

struct client_filter {
    const char *ns;                /* NULL: all */
    const char *owner_uid;         /* controlled by */
    const char *node;              /* spec.nodeName */
    const struct selector *labels; /* NULL: all */
};
/* Calls fn for each, by namespace and name, until it returns false. `f` may be NULL. fn may write.
 */
void client_each(struct client *c, const struct kind *k, const struct client_filter *f,
                 bool (*fn)(void *arg, const json_t *obj), void *arg);
/* The same without parsing: entries with their index fields only, where thousands are read. */
void client_each_entry(struct client *c, const struct kind *k, const struct client_filter *f,
                       bool (*fn)(void *arg, const struct store_entry *e), void *arg);
size_t client_count(struct client *c, const struct kind *k, const struct client_filter *f);

/* ---- writing; *ret (may be NULL) is the stored object, borrowed ---- */

int client_create(struct client *c, const struct kind *k, const char *ns, json_t *obj,
                  const json_t **ret, struct err *err) WARN_UNUSED;
/* The whole object; a resourceVersion in it is compared (ERR_CONFLICT). Status is kept as it was.
 */
int client_update(struct client *c, const struct kind *k, json_t *obj, const json_t **ret,
                  struct err *err) WARN_UNUSED;
/* Only the status of obj is written. */
int client_update_status(struct client *c, const struct kind *k, json_t *obj, const json_t **ret,
                         struct err *err) WARN_UNUSED;
/* A merge patch; `subresource` is NULL, "status", "scale", or "finalize" of a namespace. With
 * "scale", *ret is NULL. */
int client_patch(struct client *c, const struct kind *k, const char *ns, const char *name,
                 const char *subresource, json_t *patch, const json_t **ret,
                 struct err *err) WARN_UNUSED;

struct client_delete_opts {
    int64_t grace_s;    /* -1: the object's own */
    const char *policy; /* "Background", "Foreground", "Orphan"; NULL: the kind's default */
    const char *uid;    /* precondition; NULL: none */
};
/* `opts` may be NULL. Pods with a node and a grace period are marked and wait for their node. */
int client_delete(struct client *c, const struct kind *k, const char *ns, const char *name,
                  const struct client_delete_opts *opts, struct err *err) WARN_UNUSED;
/* Binds a pod to a node (pods/binding). */
int client_bind(struct client *c, const char *ns, const char *pod, const char *node,
                struct err *err) WARN_UNUSED;

/* ---- watching ---- */

enum client_event { CLIENT_ADDED, CLIENT_MODIFIED, CLIENT_DELETED, CLIENT_SYNCED };

struct client_watch;
/* First every object there is as ADDED, then one SYNCED (obj NULL), then what is published, in
 * order. Never within this call. `prev` is the version before, NULL for ADDED. A watch that fell
 * behind begins again by itself with ADDED for everything and SYNCED: what was deleted meanwhile is
 * reported first as DELETED. Objects are borrowed as all are. */
struct client_watch *client_watch(struct client *c, const struct kind *k,
                                  void (*fn)(void *arg, enum client_event type, const json_t *obj,
                                             const json_t *prev),
                                  void *arg);
/* The same with entries, unparsed; client_tree parses one. */
struct client_watch *client_watch_entries(struct client *c, const struct kind *k,
                                          void (*fn)(void *arg, enum client_event type,
                                                     const struct store_entry *obj,
                                                     const struct store_entry *prev),
                                          void *arg);
void client_watch_free(struct client_watch *w); /* NULL is fine; no call after */
const json_t *client_tree(struct client *c, const struct store_entry *e);

/* ---- what follows a commit ---- */

/* Calls fn when what is staged by now is committed and published; at the next tick's beginning when
 * nothing is. ok is false when the commit failed: then nothing of it happened. */
void client_on_commit(struct client *c, void (*fn)(void *arg, bool ok), void *arg);
void client_off_commit(struct client *c, const void *arg);

/* Private facts of this worker, in the same transactions (store_record_*). `table` is the worker's
 * own. */
void client_record_put(struct client *c, const char *table, const char *key, json_t *value);
void client_record_delete(struct client *c, const char *table, const char *key);
const json_t *client_record_find(struct client *c, const char *table, const char *key);
void client_record_each(struct client *c, const char *table,
                        bool (*fn)(void *arg, const char *key, const json_t *value), void *arg);

#endif
