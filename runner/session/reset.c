/* SPDX-License-Identifier: Apache-2.0 */
/* Empties the lab's namespace through the API, as any user could: in rounds, each of which looks at
 * what is there and asks for what is still wrong to go. */
#include "session/reset.h"

#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/kube.h"
#include "kube/units.h"
#include "session/script.h"

enum { TRIES = 600, CLEANING = 20 /* as many as a round of docker counts */ };
#define PAUSE LOOP_MS(100)

struct reset {
    struct reset_opts o;
    struct loop_timer *timer;
    unsigned waiting; /* answers to come */
    unsigned left;    /* what is still wrong in this round */
    char example[160];
    unsigned tries;
    struct str clean; /* what bash is to do on hosts in the next round */
    struct str names; /* " worker-1 worker-2" */
    bool swept;
    struct script *script;
    struct err err;
    reset_done *done;
    void *arg;
};

/* ---- rounds ---- */

static void finish(struct reset *r, const struct err *err)
{
    struct err copy = *err;
    reset_done *done = r->done;
    void *arg = r->arg;
    reset_cancel(r);
    done(arg, &copy);
}

/* It may have failed because something was gone already: the next round sees what is left. */
static void on_cleaned(void *arg, int exit, const char *output)
{
    struct reset *r = arg;
    r->script = NULL;
    if (exit != 0) {
        log_debug("reset", "docker: %s", output);
    }
    loop_timer_start(r->timer, 0);
}

static void clean_hosts(struct reset *r)
{
    str_add(&r->clean, "wait\n");
    struct script_opts opts = {
        .loop = kube_loop(r->o.kube), .text = str_c(&r->clean), .workdir = "/", .env = r->o.env};
    r->tries += CLEANING;
    r->script = script_run(&opts, on_cleaned, r);
}

/* No pod is left by now: what docker still shows was made by hand. */
static void sweep_hosts(struct reset *r)
{
    r->swept = true;
    str_add_f(
        &r->clean,
        "for host in%s; do {\n"
        "  ids=$(docker -c $host ps -aq) && [ -z \"$ids\" ] || docker -c $host rm -f -v $ids\n"
        "  docker -c $host volume ls -q | xargs -r docker -c $host volume rm\n"
        "} >/dev/null & done\n",
        str_c(&r->names));
    clean_hosts(r);
}

static void round_over(struct reset *r)
{
    static const struct err none;
    if (r->err.code != ERR_NONE) {
        finish(r, &r->err);
    } else if (r->clean.len > 0 && r->tries < TRIES) {
        clean_hosts(r);
    } else if (r->left == 0 && r->o.docker && r->o.env != NULL && !r->swept && r->names.len > 0) {
        sweep_hosts(r);
    } else if (r->left == 0) {
        finish(r, &none);
    } else if (++r->tries >= TRIES) {
        struct err late;
        err_set(&late, ERR_TIMEOUT, "%u things of the lab are not gone after 60 s, such as %s",
                r->left, r->example);
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

/* A refusal of one request shows again in the next round; no answer at all ends it. */
static void on_asked(void *arg, const struct kube_answer *a)
{
    struct reset *r = arg;
    if (a->status == 0 && r->err.code == ERR_NONE) {
        r->err = *a->err;
    }
    one_answer(r);
}

static void request(struct reset *r, const char *method, const struct kube_resource *resource,
                    const json_t *obj, const char *content_type, const char *body)
{
    cleanup_free char *path = kube_path(resource, jx_str(obj, "metadata.namespace", NULL),
                                        jx_str(obj, "metadata.name", ""));
    r->waiting++;
    kube_request(r->o.kube, method, path, content_type, body, 0, on_asked, r);
}

static void count(struct reset *r, const struct kube_resource *resource, const json_t *obj)
{
    r->left++;
    snprintf(r->example, sizeof(r->example), "%.60s/%.80s", resource->name,
             jx_str(obj, "metadata.name", ""));
}

/* ---- what is wrong about one object ---- */

static bool is_system(const char *name)
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

static bool is_ours(const struct reset *r, const json_t *obj)
{
    int64_t made_us;
    if (!r->o.foreign) {
        return !is_system(jx_str(obj, "metadata.namespace", ""));
    }
    return str_eq(jx_str(obj, "metadata.namespace", ""), r->o.ns) &&
           kube_time(jx_str(obj, "metadata.creationTimestamp", ""), &made_us) &&
           made_us >= r->o.since_us;
}

static void fix_object(struct reset *r, const struct kube_resource *resource, const json_t *obj)
{
    if (!is_ours(r, obj) || is_furniture(obj, resource->name)) {
        return;
    }
    count(r, resource, obj);
    if (jx_path(obj, "metadata.deletionTimestamp") == NULL) {
        request(r, "DELETE", resource, obj, "application/json",
                str_eq(resource->name, "pods") ? "{\"gracePeriodSeconds\":1}"
                                               : "{\"propagationPolicy\":\"Background\"}");
    }
}

static void fix_namespace(struct reset *r, const struct kube_resource *resource, const json_t *obj)
{
    const char *name = jx_str(obj, "metadata.name", "");
    if (str_eq(name, "default") || str_eq(name, r->o.ns) || is_system(name)) {
        return;
    }
    count(r, resource, obj);
    if (jx_path(obj, "metadata.deletionTimestamp") == NULL) {
        request(r, "DELETE", resource, obj, NULL, NULL);
    }
}

/* Volumes go with the containers: those that nobody uses any more. */
static void fix_containers(struct reset *r, const struct kube_resource *resource,
                           const json_t *host)
{
    const char *name = jx_str(host, "metadata.name", "");
    cleanup_str struct str ids = STR_INIT;
    size_t i;
    const json_t *c;
    jx_each(i, c, jx_arr(host, "status.containers"))
    {
        if (jx_str(c, "pod", "")[0] == '\0') {
            str_add_f(&ids, " %s", jx_str(c, "id", ""));
        }
    }
    if (ids.len > 0) {
        count(r, resource, host);
        str_add_f(&r->clean,
                  "{ docker -c %s rm -f -v%s; docker -c %s volume ls -q | xargs -r docker -c %s "
                  "volume rm; } >/dev/null &\n",
                  name, str_c(&ids), name, name);
    }
}

static void fix_host(struct reset *r, const struct kube_resource *resource, const json_t *obj)
{
    bool asked = str_eq(jx_str(obj, "spec.power", "On"), "On") &&
                 str_eq(jx_str(obj, "spec.network", "Connected"), "Connected");
    bool is = str_eq(jx_str(obj, "status.power", "On"), "On") &&
              str_eq(jx_str(obj, "status.network", "Connected"), "Connected");
    if (!str_eq(jx_str(obj, "metadata.name", ""), "control-plane")) {
        str_add_f(&r->names, " %s", jx_str(obj, "metadata.name", ""));
    }
    if (asked && is && r->o.env != NULL) {
        fix_containers(r, resource, obj);
    }
    if (asked && is) {
        return;
    }
    count(r, resource, obj);
    if (!asked) {
        request(r, "PATCH", resource, obj, "application/merge-patch+json",
                "{\"spec\":{\"power\":\"On\",\"network\":\"Connected\"}}");
    }
}

static void fix_node(struct reset *r, const struct kube_resource *resource, const json_t *obj)
{
    const json_t *ready = jx_find(jx_arr(obj, "status.conditions"), "type", "Ready");
    if (jx_bool(obj, "spec.unschedulable", false)) {
        count(r, resource, obj);
        request(r, "PATCH", resource, obj, "application/merge-patch+json",
                "{\"spec\":{\"unschedulable\":null}}");
    } else if (!str_eq(jx_get_str(ready, "status", "True"), "True")) {
        count(r, resource, obj); /* its host is on again; it says so by and by */
    }
}

/* ---- the table: owners before what they own, so that nothing is made again meanwhile ---- */

struct row {
    const char *word;
    void (*fix)(struct reset *r, const struct kube_resource *resource, const json_t *obj);
    bool ours_only; /* not on a cluster of somebody else */
};

static const struct row rows[] = {
    {"hosts.podlab.dev", fix_host, true},
    {"nodes", fix_node, true},
    {"horizontalpodautoscalers.autoscaling", fix_object, false},
    {"poddisruptionbudgets.policy", fix_object, false},
    {"deployments.apps", fix_object, false},
    {"statefulsets.apps", fix_object, false},
    {"daemonsets.apps", fix_object, false},
    {"cronjobs.batch", fix_object, false},
    {"jobs.batch", fix_object, false},
    {"replicasets.apps", fix_object, false},
    {"services", fix_object, false},
    {"ingresses.networking.k8s.io", fix_object, false},
    {"networkpolicies.networking.k8s.io", fix_object, false},
    {"pods", fix_object, false},
    {"configmaps", fix_object, false},
    {"secrets", fix_object, false},
    {"persistentvolumeclaims", fix_object, false},
    {"namespaces", fix_namespace, true},
};

/* Which row a list answers, by its kind: kube_done has one argument only. */
static const struct row *row_of(struct reset *r, const char *list_kind,
                                const struct kube_resource **ret)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct kube_resource *resource = kube_find_resource(r->o.kube, rows[i].word);
        size_t n = resource != NULL ? strlen(resource->kind) : 0;
        if (n > 0 && strncmp(resource->kind, list_kind, n) == 0 && str_eq(list_kind + n, "List")) {
            *ret = resource;
            return &rows[i];
        }
    }
    return NULL;
}

static void on_list(void *arg, const struct kube_answer *a)
{
    struct reset *r = arg;
    const struct kube_resource *resource;
    const struct row *row = row_of(r, jx_str(a->answer, "kind", ""), &resource);
    const json_t *items = jx_arr(a->answer, "items");
    size_t i;
    json_t *obj;
    if (a->status == 0 && r->err.code == ERR_NONE) {
        r->err = *a->err;
    } else if ((a->status != 200 || row == NULL) && r->err.code == ERR_NONE) {
        err_set(&r->err, ERR_UNAVAILABLE, "the cluster does not list what is there (status %d): %s",
                a->status, jx_str(a->answer, "message", ""));
    }
    jx_each(i, obj, items)
    {
        if (row != NULL) {
            row->fix(r, resource, obj);
        }
    }
    one_answer(r);
}

static void look(void *arg)
{
    struct reset *r = arg;
    r->left = 0;
    str_clear(&r->clean);
    str_clear(&r->names);
    r->waiting = 1;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct kube_resource *resource = kube_find_resource(r->o.kube, rows[i].word);
        if (resource == NULL || (rows[i].ours_only && r->o.foreign)) {
            continue;
        }
        const char *ns = r->o.foreign ? r->o.ns : NULL;
        cleanup_free char *path = kube_path(resource, ns, NULL);
        r->waiting++;
        kube_get(r->o.kube, path, 0, on_list, r);
    }
    one_answer(r);
}

/* ---- making and ending ---- */

static void on_discovered(void *arg, const struct err *err)
{
    struct reset *r = arg;
    if (err->code != ERR_NONE) {
        finish(r, err);
        return;
    }
    look(r);
}

struct reset *reset_start(const struct reset_opts *opts, reset_done *done, void *arg)
{
    struct reset *r = xnew(struct reset);
    r->o = *opts;
    r->timer = loop_timer_new(kube_loop(opts->kube), look, r);
    r->done = done;
    r->arg = arg;
    if (kube_find_resource(opts->kube, "pods") != NULL) {
        loop_timer_start(r->timer, 0);
    } else {
        kube_discover(opts->kube, on_discovered, r);
    }
    return r;
}

void reset_cancel(struct reset *r)
{
    if (r == NULL) {
        return;
    }
    kube_forget(r->o.kube, r);
    loop_timer_free(r->timer);
    script_cancel(r->script);
    str_fini(&r->clean);
    str_fini(&r->names);
    free(r);
}
