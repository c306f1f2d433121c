/* SPDX-License-Identifier: Apache-2.0 */
/* Names, attempts, and what the runtime said: a state and its reasons. What to do about it is
 * decided in pod_run.c and pod_stop.c. */
#include "node/container.h"

#include <stdio.h>
#include <string.h>

#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/clock.h"
#include "node/hook.h"
#include "node/pipes.h"
#include "node/pod.h"
#include "node/probe.h"
#include "node/pull.h"
#include "node/warm.h"

static const char *const kinds[] = {
    [CONTAINER_SANDBOX] = "sandbox",
    [CONTAINER_INIT] = "init",
    [CONTAINER_SIDECAR] = "sidecar",
    [CONTAINER_APP] = "app",
};

const char *container_kind_name(enum container_kind kind)
{
    return kinds[kind];
}

enum container_kind container_kind_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i], name) == 0) {
            return (enum container_kind)i;
        }
    }
    return CONTAINER_APP;
}

/* ---- making one ---- */

void container_init(struct container *c, struct pod *p, const char *name, enum container_kind kind)
{
    *c = (struct container){.pod = p, .name = xstrdup(name), .kind = kind};
}

static void forget_name(struct container *c, const char *name)
{
    struct map *names = c->pod->nodes->names;
    if (map_find(names, name) == c) {
        map_remove(names, name);
    }
}

void container_fini(struct container *c)
{
    probes_end(c);
    hooks_end(c);
    pull_forget(c);
    forget_name(c, c->runtime_name);
    if (c->previous != NULL) {
        forget_name(c, c->previous);
    }
    container_end_free(c->end);
    container_end_free(c->last);
    free(c->name);
    free(c->message);
    free(c->id);
    free(c->image_id);
    free(c->previous);
}

/* The identity is what must be unique; the rest of the name is for people. */
void container_format_name(const struct container *c, int attempt, char ret[RUNTIME_NAME_SIZE])
{
    const struct pod *p = c->pod;
    bool sandbox = c->kind == CONTAINER_SANDBOX;
    cleanup_free char *hint = xasprintf("%s-%s%s%s", p->ns, p->name, sandbox ? "" : "-", c->name);
    cleanup_free char *identity = xasprintf("%s/%s/%d", p->uid, c->name, attempt);
    runtime_name(ret, p->nodes->key, hint, identity);
}

void container_claim_name(struct container *c)
{
    container_format_name(c, c->attempt, c->runtime_name);
    map_put(c->pod->nodes->names, c->runtime_name, c);
}

void container_wait(struct container *c, const char *reason, const char *message)
{
    c->reason = reason;
    if (!str_eq(c->message, message)) {
        free(c->message);
        c->message = xstrdup(message);
    }
}

bool container_is_beginning(const struct container *c)
{
    return c->state == CONTAINER_RUNNING && c->fresh;
}

bool container_alive(const struct container *c)
{
    return c->state == CONTAINER_RUNNING || c->state == CONTAINER_STARTING;
}

/* ---- ends ---- */

struct container_end *container_end_new(int exit_code, const char *reason)
{
    struct container_end *e = xnew(struct container_end);
    e->exit_code = exit_code;
    e->reason = reason;
    return e;
}

void container_end_free(struct container_end *e)
{
    if (e != NULL) {
        free(e->message);
        free(e->id);
        free(e);
    }
}

/* It ran long enough for what was before to be forgotten. */
static void settle_backoff(struct container *c)
{
    const struct clock *clock = *c->pod->nodes->clock;
    if (c->began_ns != 0 && c->ended_ns - c->began_ns >= clock->backoff_reset) {
        c->crashes.steps = 0;
    }
}

static void end_with(struct container *c, struct container_end *end)
{
    c->ended_ns = loop_mono_ns(c->pod->nodes->loop);
    c->changed_ns = c->ended_ns;
    settle_backoff(c);
    container_end_free(c->end);
    c->end = end;
    c->state = CONTAINER_ENDED;
    c->ready = c->started = c->killing = c->fresh = false;
    container_wait(c, NULL, NULL);
    probes_end(c);
    hooks_end(c);
    pipes_container_ended(c);
}

void container_set_end(struct container *c, int exit_code, const char *reason, const char *message)
{
    struct container_end *e = container_end_new(exit_code, reason);
    int64_t now = loop_wall_us(c->pod->nodes->loop);
    e->message = xstrdup(message);
    e->id = xstrdup(c->id);
    e->started_us = c->started_us != 0 ? c->started_us : now;
    e->finished_us = now;
    end_with(c, e);
}

void container_lost(struct container *c)
{
    container_set_end(c, 137, "ContainerStatusUnknown",
                      "The container could not be located when the pod was looked at. It used to "
                      "be Running");
    c->asked = false;
}

/* ---- what the runtime says ---- */

static void set_ids(struct container *c, const struct runtime_status *st)
{
    if (!str_eq(c->id, st->id)) {
        free(c->id);
        c->id = xstrdup(st->id);
    }
    if (!str_eq(c->image_id, st->image_id)) {
        free(c->image_id);
        c->image_id = xstrdup(st->image_id);
    }
}

/* It was started, by the call under way or before; said once an attempt. */
static void mark_started(struct container *c, const struct runtime_status *st)
{
    struct pod *p = c->pod;
    set_ids(c, st);
    c->started_us = st->started_us;
    c->retries = 0;
    c->retry_ns = 0;
    if (!c->seen) {
        c->seen = true;
        p->record_dirty = true;
    }
    if (c->state == CONTAINER_STARTING && c->kind != CONTAINER_SANDBOX) {
        say_pod(p, "Normal", "Created", "Created container: %s", c->name);
        say_pod(p, "Normal", "Started", "Started container %s", c->name);
    }
}

static void seen_running(struct container *c, const struct runtime_status *st)
{
    bool ours = c->state == CONTAINER_STARTING;
    if (c->state == CONTAINER_RUNNING) {
        return;
    }
    c->fresh = !c->seen && c->kind != CONTAINER_SANDBOX;
    mark_started(c, st);
    container_end_free(steal(c->end));
    container_wait(c, NULL, NULL);
    c->state = CONTAINER_RUNNING;
    c->changed_ns = loop_mono_ns(c->pod->nodes->loop);
    c->began_ns = ours ? c->changed_ns : 0;
}

static void seen_ended(struct container *c, const struct runtime_status *st)
{
    if (c->state == CONTAINER_ENDED) {
        return;
    }
    mark_started(c, st);
    struct container_end *e = container_end_new(st->exit_code, "Error");
    if (st->oom_killed) {
        e->reason = "OOMKilled";
    } else if (st->exit_code == 0) {
        e->reason = "Completed";
    }
    if (st->error != NULL && st->error[0] != '\0') {
        e->message = xstrdup(st->error);
    }
    e->id = xstrdup(st->id);
    e->started_us = st->started_us;
    e->finished_us = st->finished_us;
    end_with(c, e);
}

void container_seen(struct container *c, const struct runtime_status *st)
{
    c->asked = true;
    if (c->kind == CONTAINER_SANDBOX) {
        c->pod->shares = runtime_status_label(st, NODE_LABEL_SHARE) != NULL;
        warm_forget_claim(c->pod); /* it has its own name now */
    }
    if (st->state == RUNTIME_RUNNING || st->state == RUNTIME_PAUSED) {
        seen_running(c, st);
    } else if (st->state == RUNTIME_EXITED) {
        seen_ended(c, st);
    } else if (c->state == CONTAINER_STARTING) {
        c->state = CONTAINER_WAITING; /* made and not started: ensuring it again starts it */
    }
}

void container_missing(struct container *c)
{
    if (c->state == CONTAINER_RUNNING) {
        container_lost(c);
    } else if (c->state == CONTAINER_STARTING) {
        c->state = CONTAINER_WAITING;
    }
    c->asked = false;
}

void container_renew(struct container *c)
{
    struct pod *p = c->pod;
    if (c->previous != NULL) {
        pod_doom(p, c->previous);
        free(steal(c->previous));
    }
    if (c->kind == CONTAINER_SANDBOX) {
        warm_give_up_claim(p);
    }
    if (c->asked && c->kind == CONTAINER_SANDBOX) {
        pod_doom(p, c->runtime_name);
    } else if (c->asked && !c->seen) { /* nobody knows whether it runs */
        pod_doom_alive(p, c->runtime_name);
    } else if (c->asked) {
        c->previous = xstrdup(c->runtime_name);
    } else {
        forget_name(c, c->runtime_name);
    }
    container_end_free(c->last);
    c->last = steal(c->end);
    free(steal(c->id));
    c->attempt++;
    c->state = CONTAINER_WAITING;
    c->restarting = c->burnt = c->asked = c->seen = c->look = c->killing = c->changed = false;
    c->ready = c->started = c->probing = c->fresh = false;
    c->started_us = 0;
    c->began_ns = c->retry_ns = 0;
    c->retries = 0;
    container_wait(c, NULL, NULL);
    container_claim_name(c);
}
