/* SPDX-License-Identifier: Apache-2.0 */
/* One row per image, asked for by any number of containers. That an image is here is remembered
 * until a start says otherwise. */
#include "node/pull.h"

#include <string.h>

#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "meta/clock.h"
#include "node/container.h"
#include "node/pod.h"

/* One question to the runtime, and who waits for its answer. */
struct question {
    bool asked;
    VEC(struct container *) waiting;
};

struct pull {
    struct nodes *nodes;
    char *image;
    bool here;
    struct question find, fetch;
    uint64_t since_ns; /* of the fetch */
};

void pull_free(void *arg)
{
    struct pull *pl = arg;
    vec_fini(&pl->find.waiting);
    vec_fini(&pl->fetch.waiting);
    free(pl->image);
    free(pl);
}

static struct pull *get(struct nodes *n, const char *image)
{
    struct pull *pl = map_find(n->pulls, image);
    if (pl == NULL) {
        pl = xnew(struct pull);
        pl->nodes = n;
        pl->image = xstrdup(image);
        map_put(n->pulls, image, pl);
    }
    return pl;
}

static void leave(struct question *q, const struct container *c)
{
    for (size_t i = 0; i < q->waiting.n; i++) {
        if (q->waiting.v[i] == c) {
            vec_remove(&q->waiting, i);
            return;
        }
    }
}

void pull_forget(struct container *c)
{
    if (c->pull_waits) {
        leave(&c->pull->find, c);
        leave(&c->pull->fetch, c);
        c->pull_waits = false;
    }
}

void pull_invalidate(struct container *c)
{
    if (c->pull != NULL) {
        c->pull->here = false;
    }
}

void pull_invalidate_all(struct nodes *n)
{
    void *pl;
    for (size_t it = 0; map_next(n->pulls, &it, NULL, &pl);) {
        ((struct pull *)pl)->here = false;
    }
}

/* ---- what cannot be had ---- */

static const struct clock *clock_of(const struct container *c)
{
    return *c->pod->nodes->clock;
}

static void failed(struct container *c, const char *image, const char *reason, const char *why)
{
    struct pod *p = c->pod;
    backoff_next(&c->pulls, loop_mono_ns(p->nodes->loop));
    container_wait(c, reason, why);
    if (strcmp(reason, "ErrImagePull") == 0) {
        say_pod(p, "Warning", "Failed", "Failed to pull image \"%s\": %s", image, why);
        say_pod(p, "Warning", "Failed", "Error: ErrImagePull");
    } else {
        say_pod(p, "Warning", reason, "%s", why);
        say_pod(p, "Warning", "Failed", "Error: %s", reason);
    }
    pod_queue(p);
}

/* Between two tries: first what was wrong, then that it waits. True while it has to wait. */
static bool backs_off(struct container *c, const char *image)
{
    const struct clock *clock = clock_of(c);
    uint64_t now = loop_mono_ns(c->pod->nodes->loop);
    uint64_t first = clock->image_backoff_first;
    uint64_t max = clock->image_backoff_max;
    uint64_t left = backoff_left(&c->pulls, now, first, max);
    uint64_t shown = backoff_delay(&c->pulls, first, max) / 4; /* how long the error is seen */
    if (left == 0) {
        return false;
    }
    uint64_t passed = now - c->pulls.since_ns;
    if (passed < shown) {
        pod_queue_after(c->pod, shown - passed);
        return true;
    }
    if (str_eq(c->reason, "ErrImagePull")) {
        cleanup_free char *why = xasprintf("Back-off pulling image \"%s\": ErrImagePull: %s", image,
                                           c->message != NULL ? c->message : "");
        container_wait(c, "ImagePullBackOff", why);
        say_pod(c->pod, "Normal", "BackOff", "Back-off pulling image \"%s\"", image);
        say_pod(c->pod, "Warning", "Failed", "Error: ImagePullBackOff");
    }
    pod_queue_after(c->pod, left);
    return true;
}

/* ---- asking ---- */

static void found(struct container *c, const char *image)
{
    c->image_here = true;
    c->pulls.steps = 0;
    say_pod(c->pod, "Normal", "Pulled", "Container image \"%s\" already present on machine", image);
    pod_queue(c->pod);
}

static void wait_for(struct container *c, struct question *q)
{
    c->pull_waits = true;
    vec_push(&q->waiting, c);
}

/* Those who waited; none of them does any more. The caller frees the array. */
static struct container **take_waiting(struct question *q, size_t *ret_n)
{
    struct container **waiting = q->waiting.v;
    *ret_n = q->waiting.n;
    memset(&q->waiting, 0, sizeof(q->waiting));
    q->asked = false;
    for (size_t i = 0; i < *ret_n; i++) {
        waiting[i]->pull_waits = false;
    }
    return waiting;
}

/* ---- fetching ---- */

static void fetched(struct container *c, const struct pull *pl, const char *took)
{
    c->image_here = true;
    c->pulls.steps = 0;
    say_pod(c->pod, "Normal", "Pulled",
            "Successfully pulled image \"%s\" in %s (%s including waiting)", pl->image, took, took);
    pod_queue(c->pod);
}

static void on_fetched(void *arg, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    struct pull *pl = arg;
    size_t n;
    char took[32];
    (void)st;
    pl->here = result == RUNTIME_OK;
    backoff_format(took, sizeof(took), loop_mono_ns(pl->nodes->loop) - pl->since_ns);
    struct container **waiting = take_waiting(&pl->fetch, &n);
    for (size_t i = 0; i < n; i++) {
        if (pl->here) {
            fetched(waiting[i], pl, took);
        } else {
            bool bad = err->code == ERR_INVALID;
            failed(waiting[i], pl->image, bad ? "InvalidImageName" : "ErrImagePull", err->msg);
        }
    }
    free(waiting);
}

static void fetch(struct container *c, struct pull *pl)
{
    struct nodes *n = pl->nodes;
    wait_for(c, &pl->fetch);
    say_pod(c->pod, "Normal", "Pulling", "Pulling image \"%s\"", pl->image);
    if (!pl->fetch.asked) {
        pl->fetch.asked = true;
        pl->since_ns = loop_mono_ns(n->loop);
        n->rt.ops->image_pull(n->rt.self, pl->image, NULL, on_fetched, pl);
    }
}

/* ---- finding ---- */

/* Looked for, and not here, or nobody knows. */
static void not_found(struct container *c, struct pull *pl, enum runtime_result result,
                      const struct err *err)
{
    if (result == RUNTIME_UNKNOWN || err->code == ERR_UNAVAILABLE) {
        pod_queue_after(c->pod, LOOP_S(1));
    } else if (err->code == ERR_INVALID) {
        failed(c, pl->image, "InvalidImageName", err->msg);
    } else if (c->never_pull) {
        cleanup_free char *why =
            xasprintf("Container image \"%s\" is not present with pull policy of Never", pl->image);
        failed(c, pl->image, "ErrImageNeverPull", why);
    } else {
        fetch(c, pl);
    }
}

static void on_found(void *arg, enum runtime_result result, const struct runtime_status *st,
                     const struct err *err)
{
    struct pull *pl = arg;
    size_t n;
    (void)st;
    pl->here = result == RUNTIME_OK;
    struct container **waiting = take_waiting(&pl->find, &n);
    for (size_t i = 0; i < n; i++) {
        if (pl->here) {
            found(waiting[i], pl->image);
        } else {
            not_found(waiting[i], pl, result, err);
        }
    }
    free(waiting);
}

static void find(struct container *c, struct pull *pl)
{
    struct nodes *n = pl->nodes;
    wait_for(c, &pl->find);
    if (!pl->find.asked) {
        pl->find.asked = true;
        n->rt.ops->image_find(n->rt.self, pl->image, on_found, pl);
    }
}

bool pull_ready(struct container *c, const char *image, const char *policy)
{
    if (c->image_here || c->pull_waits || backs_off(c, image)) {
        return c->image_here;
    }
    c->pull = get(c->pod->nodes, image);
    c->never_pull = strcmp(policy, "Never") == 0;
    if (strcmp(policy, "Always") == 0) {
        fetch(c, c->pull);
    } else if (c->pull->here) {
        found(c, image);
    } else {
        find(c, c->pull);
    }
    return c->image_here;
}
