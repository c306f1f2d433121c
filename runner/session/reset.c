/* SPDX-License-Identifier: Apache-2.0 */
/* Empties the lab's namespace through the API, as any user could. */
#include "session/reset.h"

#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/kube.h"

enum { TRIES = 600 };
#define PAUSE LOOP_MS(100)

/* Owners before what they own, so that nothing is made again meanwhile. */
static const char *const resources[] = {
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "cronjobs.batch",
    "jobs.batch",
    "replicasets.apps",
    "services",
    "pods",
    "configmaps",
    "secrets",
    "persistentvolumeclaims",
};

struct reset {
    struct kube *kube;
    char *ns;
    struct loop_timer *timer;
    unsigned waiting; /* answers to come */
    unsigned left;    /* objects seen in this round */
    unsigned tries;
    struct err err;
    reset_done *done;
    void *arg;
};

static void look(struct reset *r);

static void finish(struct reset *r, const struct err *err)
{
    struct err copy = *err;
    reset_done *done = r->done;
    void *arg = r->arg;
    reset_cancel(r);
    done(arg, &copy);
}

static bool is_system_namespace(const char *name)
{
    return str_has_prefix(name, "kube-") || str_eq(name, "local-path-storage");
}

/* What a cluster puts into a namespace by itself. */
static bool is_furniture(const json_t *obj, const char *resource)
{
    const char *name = jx_str(obj, "metadata.name", "");
    return (str_eq(resource, "services") && str_eq(name, "kubernetes")) ||
           (str_eq(resource, "configmaps") && str_eq(name, "kube-root-ca.crt")) ||
           (str_eq(resource, "secrets") &&
            str_eq(jx_str(obj, "type", ""), "kubernetes.io/service-account-token"));
}

static void round_over(struct reset *r)
{
    static const struct err none;
    if (r->err.code != ERR_NONE) {
        finish(r, &r->err);
    } else if (r->left == 0) {
        finish(r, &none);
    } else if (++r->tries == TRIES) {
        struct err late;
        err_set(&late, ERR_TIMEOUT, "%u objects of the lab are not gone after 60 s", r->left);
        finish(r, &late);
    } else {
        loop_timer_start(r->timer, PAUSE);
    }
}

static void one_answer(struct reset *r)
{
    if (--r->waiting == 0) {
        round_over(r);
    }
}

static void on_deleted(void *arg, const struct kube_answer *a)
{
    struct reset *r = arg;
    if (a->status == 0 && r->err.code == ERR_NONE) {
        r->err = *a->err;
    }
    one_answer(r); /* a 404 is what we want; another refusal shows in the next round */
}

static void delete_object(struct reset *r, const struct kube_resource *resource, const json_t *obj)
{
    bool pod = str_eq(resource->name, "pods");
    cleanup_free char *path = kube_path(resource, jx_str(obj, "metadata.namespace", NULL),
                                        jx_str(obj, "metadata.name", ""));
    r->waiting++;
    kube_request(r->kube, "DELETE", path, "application/json",
                 pod ? "{\"gracePeriodSeconds\":1}" : "{\"propagationPolicy\":\"Background\"}", 0,
                 on_deleted, r);
}

static void on_listed(struct reset *r, const char *word, const struct kube_answer *a)
{
    const struct kube_resource *resource = kube_find_resource(r->kube, word);
    const json_t *items = jx_arr(a->answer, "items");
    size_t i;
    json_t *obj;
    if (a->status == 0 && r->err.code == ERR_NONE) {
        r->err = *a->err;
    }
    jx_each(i, obj, items)
    {
        const char *ns = jx_str(obj, "metadata.namespace", "");
        if (resource == NULL || is_system_namespace(ns) || is_furniture(obj, resource->name)) {
            continue;
        }
        r->left++;
        if (jx_path(obj, "metadata.deletionTimestamp") == NULL) {
            delete_object(r, resource, obj);
        }
    }
    one_answer(r);
}

static void on_namespaces(void *arg, const struct kube_answer *a)
{
    struct reset *r = arg;
    const struct kube_resource *resource = kube_find_resource(r->kube, "namespaces");
    const json_t *items = jx_arr(a->answer, "items");
    size_t i;
    json_t *obj;
    jx_each(i, obj, items)
    {
        const char *name = jx_str(obj, "metadata.name", "");
        if (str_eq(name, "default") || str_eq(name, r->ns) || is_system_namespace(name)) {
            continue;
        }
        r->left++;
        if (resource != NULL && jx_path(obj, "metadata.deletionTimestamp") == NULL) {
            delete_object(r, resource, obj);
        }
    }
    one_answer(r);
}

/* The resource is told from the answer: kube_done has one arg only. */
static void on_list(void *arg, const struct kube_answer *a)
{
    struct reset *r = arg;
    char kind[128];
    str_copy(kind, sizeof(kind), jx_str(a->answer, "kind", ""));
    if (str_has_suffix(kind, "List")) {
        kind[strlen(kind) - 4] = '\0';
    }
    on_listed(r, kind, a);
}

static void look(struct reset *r)
{
    r->left = 0;
    r->waiting = 1;
    for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
        const struct kube_resource *resource = kube_find_resource(r->kube, resources[i]);
        if (resource != NULL) {
            cleanup_free char *path = kube_path(resource, NULL, NULL);
            r->waiting++;
            kube_get(r->kube, path, 0, on_list, r);
        }
    }
    kube_get(r->kube, "/api/v1/namespaces", 0, on_namespaces, r);
}

static void on_timer(void *arg)
{
    look(arg);
}

static void on_discovered(void *arg, const struct err *err)
{
    struct reset *r = arg;
    if (err->code != ERR_NONE) {
        finish(r, err);
        return;
    }
    look(r);
}

struct reset *reset_start(struct kube *kube, const char *ns, reset_done *done, void *arg)
{
    struct reset *r = xnew(struct reset);
    r->kube = kube;
    r->ns = xstrdup(ns);
    r->timer = loop_timer_new(kube_loop(kube), on_timer, r);
    r->done = done;
    r->arg = arg;
    if (kube_find_resource(kube, "pods") != NULL) {
        loop_timer_start(r->timer, 0);
    } else {
        kube_discover(kube, on_discovered, r);
    }
    return r;
}

void reset_cancel(struct reset *r)
{
    if (r == NULL) {
        return;
    }
    kube_forget(r->kube, r);
    loop_timer_free(r->timer);
    free(r->ns);
    free(r);
}
