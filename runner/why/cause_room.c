/* SPDX-License-Identifier: Apache-2.0 */
/* Where pods run, or why nowhere: room is what nobody has reserved, not what nobody uses. */
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/units.h"
#include "why/causes.h"

enum { MAX_HOSTS = 8 };

struct room {
    int64_t milli, bytes;
};

/* ---- what is reserved ---- */

static struct room requests_of(const json_t *containers, bool sum)
{
    struct room all = {0};
    size_t i;
    const json_t *c;
    jx_each(i, c, containers)
    {
        const json_t *r = jx_path(c, "resources.requests");
        int64_t milli = kube_milli_of(r, "cpu"), bytes = kube_bytes_of(r, "memory");
        all.milli = sum ? all.milli + milli : milli > all.milli ? milli : all.milli;
        all.bytes = sum ? all.bytes + bytes : bytes > all.bytes ? bytes : all.bytes;
    }
    return all;
}

/* Init containers run one after the other, before the others. */
static struct room room_of(const json_t *pod)
{
    struct room run = requests_of(jx_arr(pod, "spec.containers"), true);
    struct room init = requests_of(jx_arr(pod, "spec.initContainers"), false);
    run.milli = init.milli > run.milli ? init.milli : run.milli;
    run.bytes = init.bytes > run.bytes ? init.bytes : run.bytes;
    return run;
}

static struct room free_on(const struct scene *s, const json_t *node)
{
    const json_t *allocatable = jx_path(node, "status.allocatable");
    struct room left = {kube_milli_of(allocatable, "cpu"), kube_bytes_of(allocatable, "memory")};
    size_t i;
    const json_t *pod;
    jx_each(i, pod, scene_all(s, "Pod"))
    {
        const char *phase = jx_str(pod, "status.phase", "");
        if (str_eq(jx_str(pod, "spec.nodeName", ""), scene_name(node)) &&
            !str_eq(phase, "Succeeded") && !str_eq(phase, "Failed")) {
            struct room r = room_of(pod);
            left.milli -= r.milli;
            left.bytes -= r.bytes;
        }
    }
    return left;
}

/* ---- hosts ---- */

static bool is_control_plane(const json_t *node)
{
    const json_t *labels = jx_path(node, "metadata.labels");
    return jx_get(labels, "node-role.kubernetes.io/control-plane") != NULL ||
           jx_get(labels, "node-role.kubernetes.io/master") != NULL;
}

static bool tolerates(const json_t *pod, const json_t *taint)
{
    size_t i;
    const json_t *t;
    jx_each(i, t, jx_arr(pod, "spec.tolerations"))
    {
        const char *key = jx_get_str(t, "key", ""), *effect = jx_get_str(t, "effect", "");
        bool exists = str_eq(jx_get_str(t, "operator", "Equal"), "Exists");
        bool same_key = str_eq(key, jx_get_str(taint, "key", "")) || (key[0] == '\0' && exists);
        bool same_value =
            exists || str_eq(jx_get_str(t, "value", ""), jx_get_str(taint, "value", ""));
        bool same_effect = effect[0] == '\0' || str_eq(effect, jx_get_str(taint, "effect", ""));
        if (same_key && same_value && same_effect) {
            return true;
        }
    }
    return false;
}

static const char *taint_of(const json_t *node, const json_t *pod)
{
    size_t i;
    const json_t *t;
    jx_each(i, t, jx_arr(node, "spec.taints"))
    {
        const char *key = jx_get_str(t, "key", "");
        bool ours = str_has_prefix(key, "node.kubernetes.io/"); /* not ready, cordoned: said so */
        if (!ours && !str_eq(jx_get_str(t, "effect", ""), "PreferNoSchedule") &&
            !tolerates(pod, t)) {
            return key;
        }
    }
    return NULL;
}

/* The words for why a host is out of the question; NULL when it is not. */
static const char *outside(const struct scene *s, struct finding *f, const json_t *node,
                           const json_t *pod)
{
    const json_t *host = scene_find(s, "Host", "", scene_name(node));
    const char *taint = taint_of(node, pod);
    if (host != NULL && str_eq(jx_str(host, "spec.power", "On"), "Off")) {
        return "host.off";
    }
    if (!scene_is_true(node, "Ready")) {
        return "host.not-ready";
    }
    if (jx_bool(node, "spec.unschedulable", false)) {
        return "host.cordoned";
    }
    if (taint != NULL) {
        finding_text(f, "taint", taint);
    }
    return taint != NULL ? "host.tainted" : NULL;
}

static void add_free(struct finding *f, struct str *out, const json_t *node, struct room left,
                     struct room wants)
{
    char cpu[KUBE_WORDS_SIZE], memory[KUBE_WORDS_SIZE];
    kube_cpu_words(left.milli > 0 ? left.milli : 0, cpu);
    kube_bytes_words(left.bytes > 0 ? left.bytes : 0, memory);
    bool no_memory = wants.bytes > left.bytes;
    str_add_f(out, "%s%s %s", out->len > 0 ? ", " : "", scene_name(node), no_memory ? memory : cpu);
    finding_saw(f, node, no_memory ? "unreserved memory" : "unreserved cpu",
                no_memory ? memory : cpu, NULL);
}

/* "worker-1 and worker-2 are cordoned": the hosts of one reason together. */
static void add_outside(struct finding *f, struct str *out, const char *reason, const json_t *names)
{
    cleanup_free char *id = xasprintf("%s%s", reason, json_array_size(names) > 1 ? ".many" : "");
    json_object_set(f->args, "names", (json_t *)(uintptr_t)names);
    finding_words(f, "why", id);
    str_add_f(out, "%s%s", out->len > 0 ? "; " : "", jx_str(f->args, "why", ""));
}

/* "Unreserved: worker-1 500m, worker-2 200m; worker-3 is off". False when that explains nothing:
 * some host has the room, so something else keeps it out. */
static bool say_hosts(const struct scene *s, struct finding *f, const json_t *pod,
                      struct room wants)
{
    cleanup_str struct str free_list = STR_INIT, out = STR_INIT;
    json_auto_t *reasons = json_object();
    size_t i, n = 0;
    bool fits = false;
    const json_t *node;
    jx_each(i, node, scene_all(s, "Node"))
    {
        const char *why = is_control_plane(node) ? NULL : outside(s, f, node, pod);
        if (is_control_plane(node) || n++ >= MAX_HOSTS) {
            continue;
        }
        if (why == NULL) {
            struct room left = free_on(s, node);
            fits |= left.milli >= wants.milli && left.bytes >= wants.bytes;
            add_free(f, &free_list, node, left, wants);
        } else {
            json_t *names = json_object_get(reasons, why);
            if (names == NULL) {
                names = json_array();
                json_object_set_new(reasons, why, names);
            }
            json_array_append_new(names, json_string(scene_name(node)));
            finding_saw(f, node, "state", why + strlen("host."), NULL);
        }
    }
    if (free_list.len > 0) {
        finding_text(f, "free", str_c(&free_list));
        finding_words(f, "hosts", "hosts.free");
        str_add(&out, jx_str(f->args, "hosts", ""));
    }
    const char *reason;
    json_t *names;
    json_object_foreach(reasons, reason, names)
    {
        add_outside(f, &out, reason, names);
    }
    finding_text(f, "hosts", str_c(&out));
    return n > 0 && !fits;
}

/* ---- no room ---- */

static const json_t *first_pending(const struct scene *s)
{
    const json_t *best = NULL;
    size_t i;
    const json_t *pod;
    jx_each(i, pod, s->pods)
    {
        if (scene_pod_has_no_room(pod) && !scene_pod_is_ending(pod) &&
            (best == NULL || scene_age(s, pod) > scene_age(s, best))) {
            best = pod;
        }
    }
    return best;
}

static void say_wants(struct finding *f, struct room wants)
{
    char cpu[KUBE_WORDS_SIZE], memory[KUBE_WORDS_SIZE];
    kube_cpu_words(wants.milli, cpu);
    kube_bytes_words(wants.bytes, memory);
    cleanup_free char *text = wants.milli > 0 && wants.bytes > 0
                                  ? xasprintf("%s CPU and %s of memory", cpu, memory)
                              : wants.bytes > 0 ? xasprintf("%s of memory", memory)
                                                : xasprintf("%s CPU", cpu);
    finding_text(f, "wants", text);
}

bool cause_no_room(const struct scene *s, struct finding *f)
{
    const json_t *pod = first_pending(s);
    if (pod == NULL) {
        return false;
    }
    const json_t *scheduled = scene_condition(pod, "PodScheduled");
    struct room wants = room_of(pod);
    finding_text(f, "pod", scene_name(pod));
    finding_span(f, "age", scene_age(s, pod));
    finding_text(f, "message", jx_get_str(scheduled, "message", ""));
    finding_saw(f, pod, "status.conditions[PodScheduled]", jx_get_str(scheduled, "message", ""),
                jx_get_str(scheduled, "lastTransitionTime", NULL));
    say_wants(f, wants);
    f->words = say_hosts(s, f, pod, wants) ? "no-room" : "no-room.said";
    return true;
}

/* ---- not spread ---- */

static void say_where(const struct scene *s, struct finding *f)
{
    size_t i, j;
    const json_t *node, *pod;
    jx_each(i, node, scene_all(s, "Node"))
    {
        struct str names = STR_INIT;
        jx_each(j, pod, s->pods)
        {
            if (str_eq(jx_str(pod, "spec.nodeName", ""), scene_name(node)) &&
                !scene_pod_is_ending(pod)) {
                str_add_f(&names, "%s%s", names.len > 0 ? " and " : "", scene_name(pod));
            }
        }
        if (names.len > 0) {
            cleanup_free char *text = xasprintf("%s runs %s", scene_name(node), str_c(&names));
            finding_add(f, "where", text);
            finding_saw(f, node, "pods", str_c(&names), NULL);
        } else if (!is_control_plane(node)) {
            const char *why = outside(s, f, node, json_array_get(s->pods, 0));
            finding_text(f, "names", scene_name(node));
            finding_words(f, "why", why != NULL ? why : "host.empty");
            finding_add(f, "where", jx_str(f->args, "why", ""));
        }
        str_fini(&names);
    }
}

bool cause_not_spread(const struct scene *s, struct finding *f)
{
    bool hosts = scene_expects(s, "nodeName") || scene_expects(s, ".hosts");
    if (!hosts || !s->counted || s->got >= s->want || s->deployment == NULL ||
        (int64_t)scene_count_ready(s) < scene_asked(s->deployment)) {
        return false;
    }
    say_where(s, f);
    f->words = "not-spread";
    return jx_get(f->args, "where") != NULL;
}
