/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's status from what is known of it: the same every time, so that what did not change is not
 * written. */
#include <stdio.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "meta/object.h"
#include "meta/time.h"
#include "node/container.h"
#include "node/pod.h"

static void put_time(json_t *obj, const char *key, int64_t wall_us)
{
    char text[21];
    if (wall_us != 0) {
        time_format(text, wall_us);
        json_object_set_new(obj, key, json_string(text));
    }
}

static void put_id(json_t *obj, const char *key, const char *id)
{
    if (id != NULL && id[0] != '\0') {
        json_object_set_new(obj, key, json_sprintf("docker://%s", id));
    }
}

static void put_text(json_t *obj, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        json_t *v = json_string(text);
        json_object_set_new(obj, key, v != NULL ? v : json_string("(not UTF-8)"));
    }
}

/* ---- states ---- */

static json_t *terminated(const struct container_end *e)
{
    json_t *t = json_pack("{s:i, s:s}", "exitCode", e->exit_code, "reason", e->reason);
    put_text(t, "message", e->message);
    put_time(t, "startedAt", e->started_us);
    put_time(t, "finishedAt", e->finished_us);
    put_id(t, "containerID", e->id);
    return json_pack("{s:o}", "terminated", t);
}

static json_t *waiting(const struct container *c, const char *dflt)
{
    json_t *w = json_object();
    put_text(w, "reason", c->reason != NULL ? c->reason : dflt);
    if (c->reason != NULL) { /* a message of its own is only noted for later otherwise */
        put_text(w, "message", c->message);
    }
    return json_pack("{s:o}", "waiting", w);
}

static json_t *running(const struct container *c)
{
    json_t *r = json_object();
    put_time(r, "startedAt", c->started_us);
    return json_pack("{s:o}", "running", r);
}

/* It ended and waits for its next attempt: the end is the last state already. */
static bool is_between(const struct container *c)
{
    return c->state == CONTAINER_ENDED && (c->restarting || c->reason != NULL);
}

static json_t *state_of(const struct container *c, const char *dflt)
{
    if (c->restarting || is_between(c)) {
        return waiting(c, dflt);
    }
    if (c->state == CONTAINER_RUNNING && !container_is_beginning(c)) {
        return running(c);
    }
    return c->state == CONTAINER_ENDED && c->end != NULL ? terminated(c->end) : waiting(c, dflt);
}

static json_t *container_status(const struct pod *p, const json_t *spec, const struct container *c)
{
    bool init = p->containers.n > 0 && p->containers.v[0]->kind != CONTAINER_APP;
    const char *dflt = init && (!p->initialized || c->kind != CONTAINER_APP) ? "PodInitializing"
                                                                             : "ContainerCreating";
    const struct container_end *last = is_between(c) ? c->end : c->last;
    json_t *s = json_object();
    json_object_set_new(s, "name", json_string(c->name));
    json_object_set_new(s, "state", state_of(c, dflt));
    json_object_set_new(s, "lastState", last != NULL ? terminated(last) : json_object());
    json_object_set_new(s, "ready", json_boolean(pod_is_ready_to_serve(c)));
    json_object_set_new(s, "restartCount", json_integer(c->attempt + (c->restarting ? 1 : 0)));
    json_object_set_new(s, "image", json_string(jx_get_str(spec, "image", "")));
    if (c->image_id != NULL && c->image_id[0] != '\0') {
        json_object_set_new(s, "imageID", json_sprintf("docker://%s", c->image_id));
    } else {
        json_object_set_new(s, "imageID", json_string(""));
    }
    put_id(s, "containerID", c->id);
    bool started = c->state == CONTAINER_RUNNING && c->started && !c->restarting;
    json_object_set_new(s, "started", json_boolean(started));
    return s;
}

static void put_containers(const struct pod *p, const json_t *tree, json_t *status)
{
    json_t *init = json_array();
    json_t *apps = json_array();
    for (size_t i = 0; i < p->containers.n; i++) {
        const struct container *c = p->containers.v[i];
        const json_t *spec = pod_container_spec(p, tree, c->name);
        json_array_append_new(c->kind == CONTAINER_APP ? apps : init, container_status(p, spec, c));
    }
    if (json_array_size(init) > 0) {
        json_object_set(status, "initContainerStatuses", init);
    }
    if (json_array_size(apps) > 0) {
        json_object_set(status, "containerStatuses", apps);
    }
    json_decref(init);
    json_decref(apps);
}

/* ---- addresses ---- */

static void put_addresses(const struct pod *p, json_t *status)
{
    const char *host = p->agent->address;
    json_object_set_new(status, "hostIP", json_string(host));
    json_object_set_new(status, "hostIPs", json_pack("[{s:s}]", "ip", host));
    if (p->address[0] != '\0' && p->sandbox.state == CONTAINER_RUNNING) {
        json_object_set_new(status, "podIP", json_string(p->address));
        json_object_set_new(status, "podIPs", json_pack("[{s:s}]", "ip", p->address));
    }
}

json_t *pod_status(const struct pod *p, const json_t *tree, const json_t *old)
{
    /* what others wrote, and what does not change, stays */
    json_t *status = old != NULL ? json_copy((json_t *)(uintptr_t)old) : json_object();
    static const char *const ours[] = {"initContainerStatuses", "containerStatuses", "reason",
                                       "message"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        json_object_del(status, ours[i]);
    }
    json_object_set_new(status, "observedGeneration", json_integer(object_generation(tree)));
    json_object_set_new(status, "phase", json_string(pod_phase_name(p->phase)));
    pod_conditions(p, tree, old, status);
    put_text(status, "reason", p->reason);
    put_text(status, "message", p->message);
    put_addresses(p, status);
    put_time(status, "startTime", p->start_us);
    put_containers(p, tree, status);
    return status;
}
