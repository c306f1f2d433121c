/* SPDX-License-Identifier: Apache-2.0 */
/* Patches the Clock object: a merge patch that names every field, so that nothing of an earlier
 * step stays. */
#include "session/clockwork.h"

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kube/kube.h"
#include "lab/lab.h"

#define CLOCKS "clocks.podlab.dev"

struct clockwork {
    struct kube *kube;
    const struct lab *lab;
    bool foreign;
    bool lab_uses_it; /* any step sets it */
    bool set;         /* at least once */
    json_t *was;      /* foreign: its spec before we changed it; NULL: we did not */
    const struct lab_clock *step;
    struct err err;
    void (*done)(void *arg, const struct err *err); /* NULL: nothing is under way */
    void *arg;
};

static void finish(void *arg)
{
    struct clockwork *c = arg;
    struct err err = c->err;
    steal(c->done)(c->arg, &err);
}

static void on_patched(void *arg, const struct kube_answer *a)
{
    struct clockwork *c = arg;
    if (a->status != 200) {
        err_set(&c->err, ERR_UNAVAILABLE, "The lab cannot set the cluster's clock: %s",
                a->status == 0 ? a->err->msg : jx_str(a->answer, "message", a->text));
    }
    finish(c);
}

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

/* The whole spec: what is null is as the preset has it. */
static json_t *spec_of(const struct clockwork *c)
{
    static const struct lab_clock none;
    const struct lab_clock *step = c->step != NULL ? c->step : &none;
    const char *preset = jx_str(c->lab->cluster, "clock", "lab");
    if (c->step == NULL && c->was != NULL) {
        return jx_edit(c->was);
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "preset", step->preset != NULL ? step->preset : preset,
                     "heartbeat", text_or_null(step->heartbeat), "grace", text_or_null(step->grace),
                     "eviction", text_or_null(step->eviction));
}

static void patch(struct clockwork *c)
{
    const struct kube_resource *r = kube_find_resource(c->kube, CLOCKS);
    json_auto_t *whole = json_pack("{s:o}", "spec", spec_of(c));
    cleanup_free char *body = jx_dump_text(whole);
    cleanup_free char *path = kube_path(r, NULL, "cluster");
    c->set = true;
    kube_request(c->kube, "PATCH", path, "application/merge-patch+json", body, 0, on_patched, c);
}

/* A field that is not there is kept as null, so that it will not be there again. */
static void on_was(void *arg, const struct kube_answer *a)
{
    static const char *const keys[] = {"preset", "heartbeat", "grace", "eviction"};
    struct clockwork *c = arg;
    c->was = json_object();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const json_t *v = jx_get(jx_obj(a->answer, "spec"), keys[i]);
        json_object_set_new(c->was, keys[i], v != NULL ? jx_edit(v) : json_null());
    }
    patch(c);
}

void clockwork_set(struct clockwork *c, const struct lab_clock *step,
                   void (*done)(void *arg, const struct err *err), void *arg)
{
    const struct kube_resource *r = kube_find_resource(c->kube, CLOCKS);
    if (c->done != NULL) { /* what is under way is not wanted any more */
        loop_undefer(kube_loop(c->kube), c);
        kube_forget(c->kube, c);
        finish(c);
    }
    c->step = step;
    c->err = (struct err){0};
    c->done = done;
    c->arg = arg;
    /* On a cluster of ours the first time is for what another lab may have left. */
    bool idle = step == NULL && (c->foreign ? c->was == NULL : c->set && !c->lab_uses_it);
    if (r == NULL && step != NULL) {
        err_set(&c->err, ERR_NOT_FOUND,
                "This cluster's clock cannot be changed: waits may be longer or shorter than the "
                "text says.");
    }
    if (r == NULL || idle) {
        loop_defer(kube_loop(c->kube), finish, c);
    } else if (c->foreign && c->was == NULL) {
        cleanup_free char *path = kube_path(r, NULL, "cluster");
        kube_get(c->kube, path, 0, on_was, c);
    } else {
        patch(c);
    }
}

struct clockwork *clockwork_new(struct kube *kube, const struct lab *lab, bool foreign)
{
    struct clockwork *c = xnew(struct clockwork);
    *c = (struct clockwork){.kube = kube, .lab = lab, .foreign = foreign};
    for (size_t i = 0; i < lab->nsteps; i++) {
        c->lab_uses_it |= lab->steps[i].clock != NULL;
    }
    return c;
}

void clockwork_free(struct clockwork *c)
{
    if (c == NULL) {
        return;
    }
    loop_undefer(kube_loop(c->kube), c);
    kube_forget(c->kube, c);
    json_decref(c->was);
    free(c);
}
