/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the cluster for the objects of a scene, all at once, and has it judged. */
#include "why/why.h"

#include <stdlib.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/vec.h"
#include "kube/kube.h"
#include "lab/lab.h"
#include "why/causes.h"
#include "why/judge.h"
#include "why/scene.h"

#define ASK_TIMEOUT LOOP_MS(1500)
#define LOG_TIMEOUT LOOP_MS(700)
#define GUARD LOOP_MS(2500) /* then it answers with what it has */

struct asking {
    struct why *why;
    char resource[64], kind[64];
    bool everywhere; /* all namespaces; when that is refused, only the check's */
    bool namespaced;
};

struct why {
    struct kube *kube;
    struct loop *loop;
    char *locale;
    struct scene scene;
    VEC(struct asking *) askings;
    struct loop_timer *guard;
    char *resource; /* of the check, until discovery says its kind; NULL */
    bool answered;  /* anything at all */
    why_done *done;
    void *arg;
};

/* ---- the end ---- */

static void forget_askings(struct why *w)
{
    for (size_t i = 0; i < w->askings.n; i++) {
        kube_forget(w->kube, w->askings.v[i]);
        free(w->askings.v[i]);
    }
    w->askings.n = 0;
}

void why_cancel(struct why *w)
{
    if (w == NULL) {
        return;
    }
    forget_askings(w);
    vec_fini(&w->askings);
    kube_forget(w->kube, w);
    loop_timer_free(w->guard);
    scene_fini(&w->scene);
    free(w->resource);
    free(w->locale);
    free(w);
}

static void answer(struct why *w)
{
    why_done *done = w->done;
    void *arg = w->arg;
    if (w->scene.pods == NULL) {
        scene_derive(&w->scene);
    }
    json_t *out = judge_scene(&w->scene, w->locale);
    why_cancel(w);
    done(arg, out);
}

static void on_guard(void *arg)
{
    struct why *w = arg;
    w->scene.unanswered = !w->answered;
    answer(w);
}

/* ---- last words ---- */

static void on_log(void *arg, const struct kube_answer *a)
{
    struct why *w = arg;
    const char *pod, *container;
    if (a->status == 200 && cause_wants_log(&w->scene, &pod, &container)) {
        json_t *text = json_string(a->text);
        json_object_set_new(w->scene.logs, pod, text != NULL ? text : json_string(""));
    }
    answer(w);
}

static void ask_log(struct why *w)
{
    const char *pod, *container;
    w->scene.unanswered = !w->answered;
    scene_derive(&w->scene);
    if (!cause_wants_log(&w->scene, &pod, &container)) {
        answer(w);
        return;
    }
    cleanup_free char *path =
        xasprintf("/api/v1/namespaces/%s/pods/%s/log?container=%s&previous=true&tailLines=1",
                  w->scene.ns, pod, container);
    kube_get(w->kube, path, LOG_TIMEOUT, on_log, w);
}

/* ---- lists ---- */

static void ask(struct asking *a);

static void remove_asking(struct why *w, struct asking *a)
{
    for (size_t i = 0; i < w->askings.n; i++) {
        if (w->askings.v[i] == a) {
            vec_remove(&w->askings, i);
            break;
        }
    }
    free(a);
}

/* Items of a list do not say their kind. */
static void take_items(struct why *w, const struct asking *a, const json_t *list)
{
    json_t *all = json_array();
    size_t i;
    json_t *item;
    jx_each(i, item, jx_arr(list, "items"))
    {
        json_t *obj = json_copy(item);
        json_object_set_new(obj, "kind", json_string(a->kind));
        json_array_append_new(all, obj);
    }
    json_object_set_new(w->scene.objects, a->kind, all);
}

static void on_list(void *arg, const struct kube_answer *answer_)
{
    struct asking *a = arg;
    struct why *w = a->why;
    w->answered |= answer_->status > 0;
    if (answer_->status == 200 && answer_->answer != NULL) {
        take_items(w, a, answer_->answer);
    } else if (answer_->status == 403 && a->everywhere) {
        a->everywhere = false;
        ask(a);
        return;
    } else if (answer_->status == 0 && !w->answered) {
        free(w->scene.message);
        w->scene.message = xstrdup(answer_->err->msg);
    }
    remove_asking(w, a);
    if (w->askings.n == 0) {
        ask_log(w);
    }
}

static void ask(struct asking *a)
{
    struct why *w = a->why;
    const struct kube_resource *r = kube_find_resource(w->kube, a->resource);
    bool leases = strcmp(a->kind, "Lease") == 0;
    const char *ns = leases ? "kube-node-lease" : a->everywhere ? NULL : w->scene.ns;
    cleanup_free char *path = kube_path(r, ns, NULL);
    kube_get(w->kube, path, ASK_TIMEOUT, on_list, a);
}

static void add_asking(struct why *w, const char *resource, bool everywhere)
{
    const struct kube_resource *r = kube_find_resource(w->kube, resource);
    for (size_t i = 0; r != NULL && i < w->askings.n; i++) {
        if (strcmp(w->askings.v[i]->kind, r->kind) == 0) {
            return;
        }
    }
    if (r == NULL) {
        return;
    }
    struct asking *a = xnew(struct asking);
    a->why = w;
    a->everywhere = everywhere && r->namespaced;
    str_copy(a->resource, sizeof(a->resource), resource);
    str_copy(a->kind, sizeof(a->kind), r->kind);
    vec_push(&w->askings, a);
}

static void ask_all(struct why *w)
{
    static const struct {
        const char *resource;
        bool everywhere;
    } wanted[] = {
        {"pods", true},
        {"deployments", true},
        {"services", true},
        {"events", false},
        {"replicasets", false},
        {"endpointslices", false},
        {"nodes", false},
        {"leases", false},
        {"hosts.podlab.dev", false},
        {"clocks.podlab.dev", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        add_asking(w, wanted[i].resource, wanted[i].everywhere);
    }
    if (w->resource != NULL) {
        add_asking(w, w->resource, true);
    }
    for (size_t i = 0; i < w->askings.n; i++) {
        ask(w->askings.v[i]);
    }
}

static void on_discovered(void *arg, const struct err *err)
{
    struct why *w = arg;
    if (err->code != ERR_NONE) {
        w->scene.unanswered = true;
        free(w->scene.message);
        w->scene.message = xstrdup(err->msg);
        answer(w);
        return;
    }
    const struct kube_resource *r =
        w->resource != NULL ? kube_find_resource(w->kube, w->resource) : NULL;
    if (r != NULL) {
        str_copy(w->scene.kind, sizeof(w->scene.kind), r->kind);
        w->scene.namespaced = r->namespaced;
    }
    ask_all(w);
}

/* ---- beginning ---- */

/* "web", "web:80", "https:web:443" */
static void take_service(struct scene *s, const char *service)
{
    const char *first = strchr(service, ':');
    const char *last = strrchr(service, ':');
    const char *name = first != NULL && first != last ? first + 1 : service;
    size_t n = strcspn(name, ":");
    str_copy(s->port, sizeof(s->port), first != NULL ? last + 1 : "");
    str_copy(s->service, sizeof(s->service), name);
    if (n < sizeof(s->service)) {
        s->service[n] = '\0';
    }
}

static void take_verdict(struct scene *s, const struct why_opts *opts,
                         const struct check_verdict *v)
{
    const struct lab_check *c = v->judged;
    const char *lab_ns = v->lab != NULL && v->lab->ns != NULL ? v->lab->ns : "default";
    const char *ns = c->ns != NULL ? c->ns : opts->ns != NULL ? opts->ns : lab_ns;
    s->check = v->check;
    s->judged = c;
    s->state = v->state;
    s->seen = json_incref((json_t *)(uintptr_t)v->seen);
    s->clauses = json_incref((json_t *)(uintptr_t)v->clauses);
    s->message = xstrdup(v->message);
    s->began_us = v->began_us;
    s->objects = json_object();
    s->logs = json_object();
    str_copy(s->ns, sizeof(s->ns), ns);
    const struct lab_probe *probe = c->kind == LAB_PROBE && v->lab != NULL && c->probe != NULL
                                        ? lab_find_probe(v->lab, c->probe)
                                        : NULL;
    const char *service = probe != NULL ? probe->service : c->service;
    if (service != NULL) {
        take_service(s, service);
    }
}

struct why *why_explain(const struct why_opts *opts, const struct check_verdict *v, why_done *done,
                        void *arg)
{
    struct why *w = xnew(struct why);
    w->kube = opts->kube;
    w->loop = kube_loop(opts->kube);
    w->locale = xstrdup(opts->locale != NULL ? opts->locale : "en");
    w->done = done;
    w->arg = arg;
    w->resource = xstrdup(v->judged->resource);
    take_verdict(&w->scene, opts, v);
    w->scene.now_us = loop_wall_us(w->loop);
    w->guard = loop_timer_new(w->loop, on_guard, w);
    loop_timer_start(w->guard, GUARD);
    kube_discover(w->kube, on_discovered, w);
    return w;
}
