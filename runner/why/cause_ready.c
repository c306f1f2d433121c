/* SPDX-License-Identifier: Apache-2.0 */
/* Running is not ready: what the readiness probe says, and the rollout that waits for it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "why/causes.h"

/* ---- what the probe said ---- */

struct unhealthy {
    int64_t count;
    const char *message; /* of the newest; NULL: none */
};

static bool on_unhealthy(void *arg, const json_t *event)
{
    static const char prefix[] = "Readiness probe failed: ";
    struct unhealthy *u = arg;
    const char *message = jx_str(event, "message", "");
    if (str_eq(jx_str(event, "reason", ""), "Unhealthy") && str_has_prefix(message, prefix)) {
        u->count += scene_event_count(event);
        u->message = message + strlen(prefix);
    }
    return true;
}

static bool runs(const json_t *pod)
{
    size_t i;
    const json_t *c;
    jx_each(i, c, jx_arr(pod, "status.containerStatuses"))
    {
        if (jx_path(c, "state.running") != NULL) {
            return true;
        }
    }
    return false;
}

/* The container that runs and is not ready. */
static const json_t *unready(const json_t *pod)
{
    size_t i;
    const json_t *c;
    jx_each(i, c, jx_arr(pod, "status.containerStatuses"))
    {
        if (jx_path(c, "state.running") != NULL && !jx_bool(c, "ready", false)) {
            return c;
        }
    }
    return NULL;
}

/* A probe's port may be a name. */
static void say_probe(struct finding *f, const json_t *container)
{
    const json_t *get = jx_path(container, "readinessProbe.httpGet");
    const json_t *port = jx_get(get, "port");
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(port));
    if (json_is_string(port)) {
        const json_t *named = jx_find(jx_arr(container, "ports"), "name", json_string_value(port));
        snprintf(text, sizeof(text), "%lld", (long long)jx_int(named, "containerPort", 0));
    }
    finding_text(f, "port", text);
    finding_text(f, "path", jx_get_str(get, "path", "/"));
}

/* "HTTP probe failed with statuscode: 404". */
static int code_in(const char *message)
{
    const char *p = strstr(message, "statuscode: ");
    return p != NULL ? atoi(p + strlen("statuscode: ")) : 0;
}

static const char *detail_words(struct finding *f, const json_t *container,
                                const struct unhealthy *u)
{
    bool http = jx_path(container, "readinessProbe.httpGet") != NULL;
    if (u->message == NULL) {
        return "probe.none";
    }
    int code = code_in(u->message);
    cleanup_free char *line = xstrndup(u->message, strcspn(u->message, "\n"));
    finding_number(f, "n", u->count);
    finding_number(f, "code", code);
    finding_text(f, "message", line);
    if (http && code > 0) {
        return code == 404 ? "probe.404" : "probe.code";
    }
    if (http && strstr(u->message, "refused") != NULL) {
        return "probe.refused";
    }
    return jx_path(container, "readinessProbe.exec") != NULL ? "probe.exec" : "probe.said";
}

bool cause_ready_detail(const struct scene *s, struct finding *f, const json_t **ret_pod)
{
    size_t i;
    const json_t *pod;
    jx_each(i, pod, s->pods)
    {
        const json_t *c = unready(pod);
        if (c == NULL || scene_pod_is_ending(pod)) {
            continue;
        }
        struct unhealthy u = {0};
        const json_t *spec = scene_container(pod, jx_get_str(c, "name", ""));
        scene_each_event(s, pod, on_unhealthy, &u);
        say_probe(f, spec);
        finding_text(f, "pod", scene_name(pod));
        finding_span(f, "age", scene_since(s, c, "state.running.startedAt"));
        finding_words(f, "detail", detail_words(f, spec, &u));
        finding_saw(f, pod, "Unhealthy", u.message != NULL ? u.message : "none", NULL);
        *ret_pod = pod;
        return true;
    }
    return false;
}

/* ---- not ready ---- */

bool cause_not_ready(const struct scene *s, struct finding *f)
{
    const json_t *pod = NULL;
    size_t i, running = 0, ready = 0;
    const json_t *p;
    if (!cause_ready_detail(s, f, &pod)) {
        return false;
    }
    jx_each(i, p, s->pods)
    {
        running += runs(p) && !scene_pod_is_ending(p);
        ready += scene_pod_is_ready(p) && !scene_pod_is_ending(p);
    }
    finding_number(f, "run", (int64_t)running);
    finding_number(f, "ready", (int64_t)ready);
    f->words = ready == 0 ? "not-ready.none" : "not-ready";
    return true;
}

/* ---- a rollout that waits ---- */

static int64_t pods_of(const json_t *set)
{
    return jx_int(set, "status.replicas", jx_int(set, "spec.replicas", 0));
}

static const json_t *unready_of(const struct scene *s, const json_t *set)
{
    size_t i;
    const json_t *pod;
    jx_each(i, pod, s->pods)
    {
        if (str_eq(jx_get_str(scene_controller(pod), "name", ""), scene_name(set)) &&
            !scene_pod_is_ready(pod) && !scene_pod_is_ending(pod)) {
            return pod;
        }
    }
    return NULL;
}

static void say_unavailable(const struct scene *s, struct finding *f)
{
    const json_t *v = jx_path(s->deployment, "spec.strategy.rollingUpdate.maxUnavailable");
    cleanup_free char *number = json_is_integer(v) ? jx_dump_text(v) : NULL;
    finding_text(f, "unavailable",
                 number != NULL      ? number
                 : json_is_string(v) ? json_string_value(v)
                                     : "25%");
}

static void say_unready(const struct scene *s, struct finding *f, const json_t *pod)
{
    struct unhealthy u = {0};
    scene_each_event(s, pod, on_unhealthy, &u);
    const json_t *c = unready(pod);
    say_probe(f, scene_container(pod, jx_get_str(c, "name", "")));
    finding_text(f, "pod", scene_name(pod));
    finding_number(f, "code", u.message != NULL ? code_in(u.message) : 0);
    finding_words(f, "detail",
                  u.message != NULL && code_in(u.message) > 0 ? "ready.code" : "ready.said");
}

static bool is_paused(const struct scene *s, struct finding *f)
{
    int64_t updated = jx_int(s->deployment, "status.updatedReplicas", 0);
    int64_t all = jx_int(s->deployment, "status.replicas", 0);
    finding_number(f, "old", all - updated);
    finding_number(f, "new", updated);
    f->words = "rollout-paused";
    return jx_bool(s->deployment, "spec.paused", false) && all > updated;
}

bool cause_rollout_halts(const struct scene *s, struct finding *f)
{
    json_auto_t *sets = s->deployment != NULL ? scene_sets(s, s->deployment) : NULL;
    size_t n = json_array_size(sets);
    const json_t *newest = n > 0 ? json_array_get(sets, n - 1) : NULL;
    int64_t old = 0;
    if (newest == NULL || is_paused(s, f)) {
        return newest != NULL;
    }
    for (size_t i = 0; i + 1 < n; i++) {
        old += pods_of(json_array_get(sets, i));
    }
    const json_t *pod = unready_of(s, newest);
    if (old == 0 || pod == NULL || s->state == CHECK_MOVING) {
        return false;
    }
    const json_t *progress = scene_condition(s->deployment, "Progressing");
    finding_number(f, "old", old);
    finding_number(f, "new", pods_of(newest));
    finding_span(f, "age", scene_since(s, progress, "lastUpdateTime"));
    finding_saw(f, s->deployment, "status.conditions[Progressing]",
                jx_get_str(progress, "reason", ""), jx_get_str(progress, "lastUpdateTime", NULL));
    say_unavailable(s, f);
    say_unready(s, f, pod);
    f->words = "rollout-halts";
    return true;
}
