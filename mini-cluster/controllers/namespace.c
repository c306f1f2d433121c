/* SPDX-License-Identifier: Apache-2.0 */
/* Empties a namespace that is being deleted, then lets it go. */
#include "api/api.h"
#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "controllers/controller.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "store/store.h"

/* Pods take their grace period; what is left is looked at again this often. */
#define LOOK_AGAIN LOOP_MS(200)

struct namespaces {
    struct client *client;
    const struct kind *kind;
    struct workqueue *queue;
    struct client_watch *watch;
};

struct emptying {
    struct namespaces *c;
    const struct kind *kind;
    struct err *err;
    int rc;
    size_t left;
};

static bool delete_one(void *arg, const struct store_entry *e)
{
    struct emptying *m = arg;
    struct client_delete_opts opts = {.grace_s = -1, .policy = "Background"};
    struct err err;
    m->left++;
    if (!e->deleting &&
        client_delete(m->c->client, m->kind, e->key.ns, e->key.name, &opts, &err) < 0 &&
        err.code != ERR_NOT_FOUND) {
        *m->err = err;
        m->rc = -1;
    }
    return true;
}

/* Deletes everything in it; *ret_left says how much was still there. */
static int empty(struct namespaces *c, const char *ns, size_t *ret_left, struct err *err)
{
    struct emptying m = {.c = c, .err = err};
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        m.kind = kinds_all[i];
        if (m.kind->namespaced && m.kind->served) {
            struct client_filter f = {.ns = ns};
            client_each_entry(c->client, m.kind, &f, delete_one, &m);
        }
    }
    *ret_left = m.left;
    return m.rc;
}

static int reconcile(void *arg, const char *ns, struct err *err)
{
    struct namespaces *c = arg;
    struct err gone;
    const json_t *obj = client_get(c->client, c->kind, NULL, ns, &gone);
    size_t left = 0;
    if (obj == NULL || !object_deleting(obj) || jx_len(obj, "spec.finalizers") == 0) {
        return 0;
    }
    if (empty(c, ns, &left, err) < 0) {
        return -1;
    }
    if (left > 0) {
        workqueue_add_after(c->queue, ns, LOOK_AGAIN);
        return 0;
    }
    json_t *patch = json_pack("{s:{s:[]}}", "spec", "finalizers");
    int rc = client_patch(c->client, c->kind, NULL, ns, "finalize", patch, NULL, err);
    return rc < 0 && err->code != ERR_NOT_FOUND ? -1 : 0;
}

static void on_namespace(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct namespaces *c = arg;
    if ((type == CLIENT_ADDED || type == CLIENT_MODIFIED) && object_deleting(obj)) {
        workqueue_add(c->queue, object_name(obj));
    }
}

static void *create(struct api *api, const struct clock *const *clock)
{
    struct namespaces *c = xnew(struct namespaces);
    c->client = client_new(api, "system:serviceaccount:kube-system:namespace-controller");
    c->kind = kinds_find_gr("namespaces");
    c->queue = workqueue_new(api_loop(api), "namespace", reconcile, c);
    c->watch = client_watch(c->client, c->kind, on_namespace, c);
    return c;
}

static void destroy(void *self)
{
    struct namespaces *c = self;
    client_watch_free(c->watch);
    workqueue_free(c->queue);
    client_free(c->client);
    free(c);
}

const struct controller_ops namespace_controller = {
    .name = "namespace", .create = create, .destroy = destroy};
