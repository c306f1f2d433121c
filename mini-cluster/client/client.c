/* SPDX-License-Identifier: Apache-2.0 */
/* Workers ask in C calls what others ask over HTTP, and get the same answers from the same verbs.
 */
#include "client/client.h"

#include <string.h>

#include "client/client_impl.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "meta/selector.h"

static const char *const system_groups[] = {"system:masters", "system:authenticated", NULL};

struct client *client_new(struct api *api, const char *user)
{
    struct client *c = xnew(struct client);
    c->api = api;
    c->store = api_store(api);
    c->loop = api_loop(api);
    c->user = xstrdup(user);
    return c;
}

struct loop *client_loop(const struct client *c)
{
    return c->loop;
}

/* Workers are trusted: they run in this process. What they write is still defaulted and validated.
 */
static struct api_ctx context(const struct client *c)
{
    return (struct api_ctx){.user = {.name = c->user, .uid = "", .groups = system_groups},
                            .field_manager = c->user,
                            .validation = API_VALIDATION_IGNORE,
                            .in_process = true};
}

static struct api_target target(const struct kind *k, const char *ns, const char *name,
                                const char *subresource)
{
    return (struct api_target){.kind = k,
                               .ns = k->namespaced && ns != NULL ? ns : "",
                               .name = name,
                               .subresource = subresource != NULL ? subresource : ""};
}

/* ---- reading ---- */

const json_t *client_get(struct client *c, const struct kind *k, const char *ns, const char *name,
                         struct err *err)
{
    struct store_key key = {k->gr, k->namespaced && ns != NULL ? ns : "", name};
    cleanup_entry const struct store_entry *e = store_find(c->store, STORE_STAGED, &key);
    if (e == NULL) {
        (void)err_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", k->gr, name);
        return NULL;
    }
    return store_tree(c->store, e);
}

const json_t *client_find_uid(struct client *c, const char *uid)
{
    cleanup_entry const struct store_entry *e = store_find_uid(c->store, STORE_STAGED, uid);
    return e != NULL ? store_tree(c->store, e) : NULL;
}

struct walk {
    struct client *client;
    const struct selector *labels;
    bool (*on_tree)(void *arg, const json_t *obj);
    bool (*on_entry)(void *arg, const struct store_entry *e);
    void *arg;
    size_t n;
};

static bool walk_one(void *arg, const struct store_entry *e)
{
    struct walk *w = arg;
    if (w->labels != NULL && !selector_match(w->labels, e->labels)) {
        return true;
    }
    w->n++;
    if (w->on_tree != NULL) {
        return w->on_tree(w->arg, store_tree(w->client->store, e));
    }
    return w->on_entry == NULL || w->on_entry(w->arg, e);
}

static void walk(struct walk *w, const struct kind *k, const struct client_filter *f)
{
    struct store_filter filter = {.gr = k->gr};
    if (f != NULL) {
        filter.ns = k->namespaced ? f->ns : NULL;
        filter.owner_uid = f->owner_uid;
        filter.node = f->node;
        w->labels = f->labels;
    }
    store_each(w->client->store, STORE_STAGED, &filter, walk_one, w);
}

void client_each(struct client *c, const struct kind *k, const struct client_filter *f,
                 bool (*fn)(void *arg, const json_t *obj), void *arg)
{
    struct walk w = {.client = c, .on_tree = fn, .arg = arg};
    walk(&w, k, f);
}

void client_each_entry(struct client *c, const struct kind *k, const struct client_filter *f,
                       bool (*fn)(void *arg, const struct store_entry *e), void *arg)
{
    struct walk w = {.client = c, .on_entry = fn, .arg = arg};
    walk(&w, k, f);
}

size_t client_count(struct client *c, const struct kind *k, const struct client_filter *f)
{
    if (f == NULL || (f->owner_uid == NULL && f->node == NULL && f->labels == NULL)) {
        return store_count(c->store, STORE_STAGED, k->gr, f != NULL ? f->ns : NULL);
    }
    struct walk w = {.client = c};
    walk(&w, k, f);
    return w.n;
}

const json_t *client_tree(struct client *c, const struct store_entry *e)
{
    return store_tree(c->store, e);
}

/* ---- writing ---- */

/* Ends a call: the object for the caller, the rest freed. */
static int finish(struct client *c, int rc, struct api_ctx *ctx, struct api_object *out,
                  const json_t **ret)
{
    if (rc == 0 && ret != NULL) {
        *ret = out->entry != NULL ? store_tree(c->store, out->entry) : NULL;
    }
    api_object_fini(out);
    api_ctx_fini(ctx);
    return rc;
}

int client_create(struct client *c, const struct kind *k, const char *ns, json_t *obj,
                  const json_t **ret, struct err *err)
{
    struct api_ctx ctx = context(c);
    struct api_target t = target(k, ns, "", NULL);
    struct api_object out = {0};
    int rc = api_create(c->api, &ctx, &t, obj, &out, err);
    return finish(c, rc, &ctx, &out, ret);
}

static int update(struct client *c, const struct kind *k, const char *subresource, json_t *obj,
                  const json_t **ret, struct err *err)
{
    struct api_ctx ctx = context(c);
    cleanup_free char *ns = xstrdup(object_namespace(obj));
    cleanup_free char *name = xstrdup(object_name(obj));
    struct api_target t = target(k, ns, name, subresource);
    struct api_object out = {0};
    int rc = api_update(c->api, &ctx, &t, obj, &out, err);
    return finish(c, rc, &ctx, &out, ret);
}

int client_update(struct client *c, const struct kind *k, json_t *obj, const json_t **ret,
                  struct err *err)
{
    return update(c, k, NULL, obj, ret, err);
}

int client_update_status(struct client *c, const struct kind *k, json_t *obj, const json_t **ret,
                         struct err *err)
{
    return update(c, k, "status", obj, ret, err);
}

int client_patch(struct client *c, const struct kind *k, const char *ns, const char *name,
                 const char *subresource, json_t *patch, const json_t **ret, struct err *err)
{
    struct api_ctx ctx = context(c);
    struct api_target t = target(k, ns, name, subresource);
    struct api_object out = {0};
    int rc = api_patch(c->api, &ctx, &t, API_PATCH_MERGE, patch, &out, err);
    json_decref(patch);
    return finish(c, rc, &ctx, &out, ret);
}

int client_delete(struct client *c, const struct kind *k, const char *ns, const char *name,
                  const struct client_delete_opts *opts, struct err *err)
{
    struct api_ctx ctx = context(c);
    struct api_target t = target(k, ns, name, NULL);
    struct api_delete_opts o = {.grace_s = -1};
    if (opts != NULL) {
        o.grace_s = opts->grace_s;
        o.policy = opts->policy;
        o.uid = opts->uid;
    }
    struct api_object out = {0};
    int rc = api_delete(c->api, &ctx, &t, &o, &out, err);
    return finish(c, rc, &ctx, &out, NULL);
}

int client_bind(struct client *c, const char *ns, const char *pod, const char *node,
                struct err *err)
{
    struct api_ctx ctx = context(c);
    struct api_target t = target(kinds_find("", "v1", "pods"), ns, pod, "binding");
    json_auto_t *binding = json_pack("{s:{s:s, s:s}}", "target", "kind", "Node", "name", node);
    int rc = api_bind(c->api, &ctx, &t, binding, err);
    api_ctx_fini(&ctx);
    return rc;
}

/* ---- what follows a commit ---- */

struct commit_waiter {
    struct client *client;
    void (*fn)(void *arg, bool ok);
    void *arg;
};

static void on_commit(void *arg, bool ok, const char *why)
{
    (void)why; /* the store says it once, in the log */
    struct commit_waiter *w = arg;
    struct client *c = w->client;
    for (size_t i = 0; i < c->waiters.n; i++) {
        if (c->waiters.v[i] == w) {
            vec_remove(&c->waiters, i);
            break;
        }
    }
    void (*fn)(void *, bool) = w->fn;
    void *fn_arg = w->arg;
    free(w);
    fn(fn_arg, ok);
}

void client_on_commit(struct client *c, void (*fn)(void *arg, bool ok), void *arg)
{
    struct commit_waiter *w = xnew(struct commit_waiter);
    w->client = c;
    w->fn = fn;
    w->arg = arg;
    vec_push(&c->waiters, w);
    store_on_commit(c->store, on_commit, w);
}

static void drop_waiter(struct client *c, size_t i)
{
    store_off_commit(c->store, c->waiters.v[i]);
    free(c->waiters.v[i]);
    vec_remove(&c->waiters, i);
}

void client_off_commit(struct client *c, const void *arg)
{
    for (size_t i = c->waiters.n; i-- > 0;) {
        if (c->waiters.v[i]->arg == arg) {
            drop_waiter(c, i);
        }
    }
}

/* ---- records ---- */

void client_record_put(struct client *c, const char *table, const char *key, json_t *value)
{
    store_record_put(c->store, table, key, value);
}

void client_record_delete(struct client *c, const char *table, const char *key)
{
    store_record_delete(c->store, table, key);
}

const json_t *client_record_find(struct client *c, const char *table, const char *key)
{
    return store_record_find(c->store, table, key);
}

void client_record_each(struct client *c, const char *table,
                        bool (*fn)(void *arg, const char *key, const json_t *value), void *arg)
{
    store_record_each(c->store, table, fn, arg);
}

void client_free(struct client *c)
{
    if (c == NULL) {
        return;
    }
    while (c->watches.n > 0) {
        client_watch_free(c->watches.v[c->watches.n - 1]);
    }
    while (c->waiters.n > 0) {
        drop_waiter(c, c->waiters.n - 1);
    }
    vec_fini(&c->watches);
    vec_fini(&c->waiters);
    str_fini(&c->event);
    free(c->user);
    free(c);
}
