/* SPDX-License-Identifier: Apache-2.0 */
/* Gives every namespace its default service account, and gives it back when it is deleted. */
#include "api/api.h"
#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "controllers/controller.h"
#include "kinds/kinds.h"
#include "meta/object.h"

struct accounts {
    struct client *client;
    const struct kind *namespaces, *accounts;
    struct workqueue *queue;
    struct client_watch *watch, *account_watch;
};

static int reconcile(void *arg, const char *ns, struct err *err)
{
    struct accounts *c = arg;
    struct err gone;
    const json_t *obj = client_get(c->client, c->namespaces, NULL, ns, &gone);
    if (obj == NULL || object_deleting(obj) ||
        client_get(c->client, c->accounts, ns, "default", &gone) != NULL) {
        return 0;
    }
    json_t *account = json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", "v1", "kind",
                                "ServiceAccount", "metadata", "name", "default", "namespace", ns);
    return client_create(c->client, c->accounts, ns, account, NULL, err);
}

static void on_namespace(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct accounts *c = arg;
    if (type == CLIENT_ADDED) {
        workqueue_add(c->queue, object_name(obj));
    }
}

static void on_account(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct accounts *c = arg;
    if (type == CLIENT_DELETED && str_eq(object_name(obj), "default")) {
        workqueue_add(c->queue, object_namespace(obj));
    }
}

static void *create(struct api *api, const struct clock *const *clock)
{
    struct accounts *c = xnew(struct accounts);
    c->client = client_new(api, "system:serviceaccount:kube-system:service-account-controller");
    c->namespaces = kinds_find_gr("namespaces");
    c->accounts = kinds_find_gr("serviceaccounts");
    c->queue = workqueue_new(api_loop(api), "serviceaccount", reconcile, c);
    c->watch = client_watch(c->client, c->namespaces, on_namespace, c);
    c->account_watch = client_watch(c->client, c->accounts, on_account, c);
    return c;
}

static void destroy(void *self)
{
    struct accounts *c = self;
    client_watch_free(c->watch);
    client_watch_free(c->account_watch);
    workqueue_free(c->queue);
    client_free(c->client);
    free(c);
}

const struct controller_ops serviceaccount_controller = {
    .name = "serviceaccount", .create = create, .destroy = destroy};
