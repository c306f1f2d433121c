/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is wrong yet: what happens next, and by when, as far as the cluster says. */
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/units.h"
#include "why/causes.h"

/* ---- hosts that fell silent ---- */

/* Heartbeats come four or five times as often as would do. */
static bool is_overdue(const struct scene *s, const json_t *node, int64_t since, int64_t believed)
{
    const char *word = scene_host_word(s, scene_name(node));
    bool away = word[0] != '\0' && strcmp(word, "on") != 0;
    return away || since > believed * 2 / 5;
}

/* Since when a node has not been heard of; 0: it was just heard, or nobody can tell. */
static int64_t silent_us(const struct scene *s, const json_t *node, int64_t *ret_believed_us)
{
    int64_t since = scene_silent_us(s, scene_name(node), ret_believed_us);
    return since >= 0 && is_overdue(s, node, since, *ret_believed_us) ? since : 0;
}

/* The toleration that every pod gets when it brings none of its own; this cluster's clock may say
 * how long it lasts. */
static bool is_default(const json_t *toleration)
{
    return str_has_prefix(jx_get_str(toleration, "key", ""), "node.kubernetes.io/") &&
           jx_int(toleration, "tolerationSeconds", 0) == 300;
}

static int64_t patience_us(const struct scene *s, const json_t *toleration)
{
    const json_t *clock = scene_find(s, "Clock", "", "cluster");
    int64_t us = jx_int(toleration, "tolerationSeconds", 0) * 1000000;
    if (is_default(toleration)) {
        (void)kube_duration(jx_str(clock, "status.eviction", ""), &us);
    }
    return us;
}

/* When a pod is taken from a node that is not ready: its toleration counts from the taint. */
static bool eviction_in(const struct scene *s, const json_t *node, const json_t *pod,
                        int64_t *ret_us)
{
    size_t i, j;
    const json_t *taint, *t;
    jx_each(i, taint, jx_arr(node, "spec.taints"))
    {
        const char *key = jx_get_str(taint, "key", "");
        if (!str_eq(jx_get_str(taint, "effect", ""), "NoExecute")) {
            continue;
        }
        int64_t since = scene_since(s, taint, "timeAdded");
        jx_each(j, t, jx_arr(pod, "spec.tolerations"))
        {
            bool same = str_eq(jx_get_str(t, "key", ""), key) ||
                        (jx_get_str(t, "key", "")[0] == '\0' &&
                         str_eq(jx_get_str(t, "operator", ""), "Exists"));
            if (same && jx_get(t, "tolerationSeconds") != NULL) {
                *ret_us = patience_us(s, t) - since;
                return true;
            }
            if (same) {
                return false; /* it stays for ever */
            }
        }
        *ret_us = 0;
        return true;
    }
    return false;
}

static size_t pods_on(const struct scene *s, const json_t *node, const json_t **ret_first)
{
    size_t i, n = 0;
    const json_t *pod;
    jx_each(i, pod, s->pods)
    {
        if (str_eq(jx_str(pod, "spec.nodeName", ""), scene_name(node)) &&
            !scene_pod_is_ending(pod)) {
            *ret_first = n++ == 0 ? pod : *ret_first;
        }
    }
    return n;
}

static bool say_silent(const struct scene *s, struct finding *f, const json_t *node, size_t n,
                       const json_t *pod)
{
    int64_t left = 0, believed;
    int64_t silent = silent_us(s, node, &believed);
    finding_text(f, "node", scene_name(node));
    finding_number(f, "n", (int64_t)n);
    if (!scene_is_true(node, "Ready")) {
        if (n == 0 || !eviction_in(s, node, pod, &left)) {
            return false;
        }
        finding_span(f, "left", left > 1000000 ? left : 1000000);
        finding_saw(f, node, "status.conditions[Ready]",
                    jx_get_str(scene_condition(node, "Ready"), "status", ""),
                    jx_get_str(scene_condition(node, "Ready"), "lastTransitionTime", NULL));
        f->words = "moving.evict";
        return true;
    }
    if (silent == 0) {
        return false;
    }
    finding_span(f, "age", silent);
    finding_span(f, "believed", believed);
    finding_span(f, "left", believed > silent ? believed - silent : 1000000);
    f->words = "moving.silent";
    return true;
}

bool cause_moving_host(const struct scene *s, struct finding *f)
{
    size_t i;
    const json_t *node;
    jx_each(i, node, scene_all(s, "Node"))
    {
        const json_t *first = NULL;
        size_t n = pods_on(s, node, &first);
        bool meant = n > 0 || str_eq(scene_name(node), s->host);
        if (meant && say_silent(s, f, node, n, first)) {
            return true;
        }
    }
    return false;
}

/* ---- pods ---- */

struct pulling {
    const char *image; /* NULL: not now */
};

static bool on_pull(void *arg, const json_t *event)
{
    struct pulling *p = arg;
    const char *reason = jx_str(event, "reason", "");
    if (str_eq(reason, "Pulling")) {
        p->image = jx_str(event, "message", "");
    } else if (str_eq(reason, "Pulled") || str_eq(reason, "Failed")) {
        p->image = NULL;
    }
    return true;
}

static void say_pod(const struct scene *s, struct finding *f, const json_t *pod)
{
    const char *node = jx_str(pod, "spec.nodeName", "");
    finding_text(f, "pod", scene_name(pod));
    finding_text(f, "node", node[0] != '\0' ? node : "a host");
    finding_span(f, "age", scene_age(s, pod));
    finding_saw(f, pod, "status.phase", jx_str(pod, "status.phase", ""), NULL);
}

static const char *ends(const struct scene *s, struct finding *f, const json_t *pod)
{
    int64_t at, left = 1000000;
    if (kube_time(jx_str(pod, "metadata.deletionTimestamp", ""), &at) && at - s->now_us > left) {
        left = at - s->now_us;
    }
    finding_span(f, "left", left);
    return "moving.delete";
}

static bool is_starting_reason(const char *reason)
{
    return str_eq(reason, "ContainerCreating") || str_eq(reason, "PodInitializing");
}

static const char *starts(const struct scene *s, struct finding *f, const json_t *pod)
{
    struct pulling p = {0};
    scene_each_event(s, pod, on_pull, &p);
    if (p.image == NULL) {
        return "moving.create";
    }
    const char *from = strchr(p.image, '"'); /* Pulling image "podlab/web:v2" */
    cleanup_free char *image =
        from != NULL ? xstrndup(from + 1, strcspn(from + 1, "\"")) : xstrdup(p.image);
    finding_text(f, "image", image);
    return "moving.pull";
}

/* Between two lives, or up and not yet asked. */
static const char *becomes_ready(const struct scene *s, struct finding *f, const json_t *pod)
{
    size_t i;
    const json_t *c;
    jx_each(i, c, jx_arr(pod, "status.containerStatuses"))
    {
        int64_t age = scene_since(s, c, "state.running.startedAt");
        if (jx_path(c, "state.running") != NULL && !jx_bool(c, "ready", false) && age < 5000000) {
            finding_span(f, "age", age);
            return "moving.ready";
        }
    }
    return NULL;
}

static const char *pod_moves(const struct scene *s, struct finding *f, const json_t *pod)
{
    const char *phase = jx_str(pod, "status.phase", "");
    bool scheduled = jx_str(pod, "spec.nodeName", "")[0] != '\0';
    say_pod(s, f, pod);
    if (scene_pod_is_ending(pod)) { /* one whose host is gone never says so */
        return scene_node_is_lost(s, jx_str(pod, "spec.nodeName", "")) ? NULL : ends(s, f, pod);
    }
    if (scene_pod_has_no_room(pod)) {
        return NULL;
    }
    bool bare = str_eq(phase, "Pending") && jx_len(pod, "status.containerStatuses") == 0;
    if (!scheduled || bare || scene_pod_waits(pod, is_starting_reason) != NULL) {
        return starts(s, f, pod);
    }
    return becomes_ready(s, f, pod);
}

/* ---- Deployments ---- */

static const char *rolls_out(const struct scene *s, struct finding *f)
{
    const json_t *d = s->deployment;
    int64_t asked = scene_asked(d), updated = jx_int(d, "status.updatedReplicas", 0);
    int64_t all = jx_int(d, "status.replicas", 0);
    if (jx_int(d, "status.observedGeneration", 0) < jx_int(d, "metadata.generation", 0)) {
        return "moving.next";
    }
    bool halted = str_eq(jx_get_str(scene_condition(d, "Progressing"), "status", ""), "False");
    if (halted || (updated >= asked && all <= updated) || s->state != CHECK_MOVING) {
        return NULL;
    }
    finding_number(f, "new", updated);
    finding_number(f, "old", all - updated);
    return "moving.rollout";
}

bool cause_moving(const struct scene *s, struct finding *f)
{
    size_t i;
    const json_t *pod;
    f->words = NULL;
    jx_each(i, pod, s->pods)
    {
        const char *words = pod_moves(s, f, pod);
        if (words != NULL) {
            f->words = words;
            return true;
        }
    }
    f->words = s->deployment != NULL ? rolls_out(s, f) : NULL;
    return f->words != NULL;
}
