/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster as a kubeconfig: requests, and live copies of what is watched. */
#ifndef KUBE_KUBE_H
#define KUBE_KUBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"

struct kube;
struct kube_watch;
struct loop;

/* Reads a kubeconfig (its current context, or `context`): server, CA, token or client certificate,
 * as data or as files beside it. Nothing is asked of the cluster yet. ERR_INVALID names the file
 * and field. */
int kube_open(struct loop *loop, const char *path, const char *context, struct kube **ret,
              struct err *err) WARN_UNUSED;
/* Ends every watch and request; no callback comes after. NULL is fine. */
void kube_free(struct kube *k);
const char *kube_server(const struct kube *k);
const char *kube_context(const struct kube *k);
struct loop *kube_loop(const struct kube *k);

/* ---- one request ---- */

/* status is 0 and err set when no answer came. `answer` is the JSON of the body, or NULL when it is
 * none; then `text` is the body. All borrowed for the time of the call. */
struct kube_answer {
    int status;
    const json_t *answer;
    const char *text;
    size_t len;
    uint64_t took_ns;
    const struct err *err;
};
typedef void kube_done(void *arg, const struct kube_answer *a);

/* path: "/api/v1/namespaces/default/pods?labelSelector=app%3Dweb". timeout 0: 10 s. */
void kube_get(struct kube *k, const char *path, uint64_t timeout_ns, kube_done *done, void *arg);
/* body may be NULL. */
void kube_request(struct kube *k, const char *method, const char *path, const char *content_type,
                  const char *body, uint64_t timeout_ns, kube_done *done, void *arg);
/* Cancels every request with this arg, and takes back its wish for discovery. */
void kube_forget(struct kube *k, const void *arg);

/* ---- what there is ---- */

struct kube_resource {
    const char *group, *version, *name, *kind; /* "apps", "v1", "deployments", "Deployment" */
    const char *singular;
    bool namespaced;
};
/* Loads discovery; `done` with ERR_NONE once kube_find_resource may be used. Called from the loop;
 * again is cheap. */
void kube_discover(struct kube *k, void (*done)(void *arg, const struct err *err), void *arg);
/* The next kube_discover loads anew, as new kinds may have come: what kube_find_resource gave
 * before is gone when that answers. */
void kube_discover_again(struct kube *k);
/* By plural, singular, short name, kind, or "deployments.apps"; NULL when there is none. */
const struct kube_resource *kube_find_resource(const struct kube *k, const char *word);
/* The path of a collection or an object (name may be NULL; ns is ignored for cluster scope). The
 * caller frees. */
char *kube_path(const struct kube_resource *r, const char *ns, const char *name);
/* Percent-encodes for a query's value; the caller frees. */
char *kube_escape(const char *text);

/* ---- live copies ---- */

/* Watches a collection: ns NULL is all namespaces, selector NULL all labels. on_change is called
 * from the loop after every batch of changes, when the first list is in, and when the connection is
 * lost or comes back. It heals by itself: lost connections are resumed, 410 lists anew. */
struct kube_watch *kube_watch(struct kube *k, const struct kube_resource *r, const char *ns,
                              const char *selector, void (*on_change)(void *arg), void *arg);
void kube_watch_free(struct kube_watch *w); /* NULL is fine; no call after */
bool kube_watch_synced(const struct kube_watch *w);
/* False while the cluster does not answer; *ret_why (may be NULL) says what it said. */
bool kube_watch_alive(const struct kube_watch *w, const char **ret_why);
/* Borrowed until the next change. */
const json_t *kube_watch_find(const struct kube_watch *w, const char *ns, const char *name);
/* A List object of everything, in order of namespace and name; the caller owns it, its items are
 * shared. */
json_t *kube_watch_list(const struct kube_watch *w);
size_t kube_watch_count(const struct kube_watch *w);
/* When anything in it last changed, on the loop's clock; of one object's phase or generation, what
 * settling goes by. */
uint64_t kube_watch_changed_ns(const struct kube_watch *w);

#endif
