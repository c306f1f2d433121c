/* SPDX-License-Identifier: Apache-2.0 */
/* Where a pod stood when its status was written last: what a new life of its agent begins with. */
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/object.h"
#include "meta/time.h"
#include "node/container.h"
#include "node/pod.h"

/* ---- the spec ---- */

static enum container_kind kind_of(const json_t *spec, bool init)
{
    if (!init) {
        return CONTAINER_APP;
    }
    return str_eq(jx_get_str(spec, "restartPolicy", NULL), "Always") ? CONTAINER_SIDECAR
                                                                     : CONTAINER_INIT;
}

static void make_containers(struct pod *p, const json_t *list, bool init)
{
    size_t i;
    const json_t *spec;
    jx_each(i, spec, list)
    {
        pod_add_container(p, jx_get_str(spec, "name", ""), kind_of(spec, init));
    }
}

/* ---- the status ---- */

/* Words from a status as constants: only those that we write ourselves. */
static const char *known_reason(const char *text)
{
    static const char *const known[] = {"Completed", "OOMKilled", "StartError",
                                        "ContainerStatusUnknown"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(known[i], text) == 0) {
            return known[i];
        }
    }
    return "Error";
}

static int64_t time_of(const json_t *obj, const char *key)
{
    int64_t us = 0;
    return time_parse(jx_get_str(obj, key, ""), &us) ? us : 0;
}

static struct container_end *read_end(const json_t *state)
{
    const json_t *t = jx_get(state, "terminated");
    if (t == NULL) {
        return NULL;
    }
    struct container_end *e =
        container_end_new((int)jx_int(t, "exitCode", 0), known_reason(jx_get_str(t, "reason", "")));
    const char *id = jx_get_str(t, "containerID", "");
    const char *slashes = strstr(id, "://");
    e->message = xstrdup(jx_get_str(t, "message", NULL));
    e->id = slashes != NULL ? xstrdup(slashes + 3) : NULL;
    e->started_us = time_of(t, "startedAt");
    e->finished_us = time_of(t, "finishedAt");
    return e;
}

/* Its end may be known only from the status: the container itself may be gone by now. */
static void load_end(struct container *c, struct container_end *end)
{
    bool vanished = c->seen && !c->asked && c->state != CONTAINER_RUNNING;
    if (end == NULL || !vanished) {
        container_end_free(end);
        return;
    }
    container_end_free(c->end);
    c->end = end;
    c->state = CONTAINER_ENDED;
}

/* The status belongs to this attempt; or it was not written since the one before. */
static void load_container(struct container *c, const json_t *status)
{
    if (status == NULL) {
        return;
    }
    bool current = jx_int(status, "restartCount", 0) == c->attempt;
    struct container_end *last = read_end(jx_get(status, current ? "lastState" : "state"));
    if (last != NULL) {
        container_end_free(c->last);
        c->last = last;
    }
    if (!current) {
        return;
    }
    if (c->state == CONTAINER_RUNNING) {
        c->ready = jx_bool(status, "ready", false);
        c->started = jx_bool(status, "started", false);
    }
    const json_t *state = jx_get(status, "state");
    bool backs_off = jx_get(state, "waiting") != NULL; /* then its end is in lastState already */
    load_end(c, read_end(backs_off ? jx_get(status, "lastState") : state));
    if (backs_off && c->state == CONTAINER_ENDED) {
        container_end_free(steal(c->last));
    }
}

static const json_t *status_of(const json_t *tree, const struct container *c)
{
    const char *list =
        c->kind == CONTAINER_APP ? "status.containerStatuses" : "status.initContainerStatuses";
    return jx_find(jx_arr(tree, list), "name", c->name);
}

/* It was seen to run, and now there is no trace of it. */
static void check_lost(struct container *c)
{
    if (c->seen && !c->asked && c->state == CONTAINER_WAITING) {
        container_lost(c);
    }
}

static enum pod_phase phase_of(const json_t *tree)
{
    const char *text = jx_str(tree, "status.phase", "Pending");
    for (enum pod_phase phase = POD_PENDING; phase <= POD_FAILED; phase++) {
        if (strcmp(pod_phase_name(phase), text) == 0) {
            return phase;
        }
    }
    return POD_PENDING;
}

void pod_load(struct pod *p, const json_t *tree)
{
    p->loaded = true;
    p->phase = phase_of(tree);
    p->final = p->frozen = p->phase == POD_SUCCEEDED || p->phase == POD_FAILED;
    p->grace_s = jx_int(tree, "spec.terminationGracePeriodSeconds", 30);
    p->start_us = time_of(jx_get(tree, "status"), "startTime");
    p->generation = object_generation(tree);
    if (!p->adopted) {
        admit_demand(tree, &p->cpu_milli, &p->memory);
        make_containers(p, jx_arr(tree, "spec.initContainers"), true);
        make_containers(p, jx_arr(tree, "spec.containers"), false);
    }
    for (size_t i = 0; i < p->containers.n; i++) {
        load_container(p->containers.v[i], status_of(tree, p->containers.v[i]));
        check_lost(p->containers.v[i]);
    }
    if (p->sandbox.seen && !p->sandbox.asked && p->sandbox.state == CONTAINER_WAITING) {
        container_lost(&p->sandbox);
    }
    if (p->final) {
        pod_count(p, false);
    }
}
