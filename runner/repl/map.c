/* SPDX-License-Identifier: Apache-2.0 */
/* Draws a row per host: its state, what it runs, its unreserved CPU. */
#include "repl/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kube/kube.h"
#include "kube/units.h"

#define PATIENCE LOOP_S(3)

enum { NAME_COLUMNS = 10, STATE_COLUMNS = 9 };

/* ---- one pod ---- */

/* What tells it from its siblings: the part after the last dash of a generated name. */
static const char *short_name(const json_t *pod)
{
    const char *name = jx_str(pod, "metadata.name", "");
    const char *dash = strrchr(name, '-');
    return jx_len(pod, "metadata.ownerReferences") > 0 && dash != NULL ? dash + 1 : name;
}

static bool has_condition(const json_t *obj, const char *type)
{
    const json_t *c = jx_find(jx_arr(obj, "status.conditions"), "type", type);
    return strcmp(jx_get_str(c, "status", ""), "True") == 0;
}

/* Why its first container that does not run waits; "" when none does. */
static const char *waiting_reason(const json_t *pod)
{
    const json_t *statuses = jx_arr(pod, "status.containerStatuses");
    size_t i;
    json_t *c;
    jx_each(i, c, statuses)
    {
        const char *reason = jx_str(c, "state.waiting.reason", "");
        if (reason[0] != '\0') {
            return reason;
        }
    }
    return "";
}

static const char *pod_word(const json_t *pod, bool heard)
{
    const char *phase = jx_str(pod, "status.phase", "");
    if (!heard) {
        return "??";
    }
    if (jx_path(pod, "metadata.deletionTimestamp") != NULL) {
        return "ending";
    }
    if (jx_str(pod, "spec.nodeName", "")[0] == '\0') {
        return "waits";
    }
    if (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0) {
        return strcmp(phase, "Failed") == 0 ? "failed" : "over";
    }
    if (has_condition(pod, "Ready")) {
        return "ok";
    }
    const char *reason = waiting_reason(pod);
    if (str_has_suffix(reason, "BackOff") || str_has_prefix(reason, "Err")) {
        return "fails";
    }
    return strcmp(phase, "Running") == 0 ? "unready" : "starts";
}

static bool is_over(const json_t *pod)
{
    const char *phase = jx_str(pod, "status.phase", "");
    return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

static int64_t cpu_of(const json_t *pod)
{
    const json_t *containers = jx_arr(pod, "spec.containers");
    int64_t sum = 0;
    size_t i;
    json_t *c;
    jx_each(i, c, containers)
    {
        sum += kube_milli_of(jx_obj(c, "resources.requests"), "cpu");
    }
    return sum;
}

/* ---- rows ---- */

static void trim(struct str *out)
{
    while (out->len > 0 && out->p[out->len - 1] == ' ') {
        out->p[--out->len] = '\0';
    }
}

static void end_row(struct str *out, size_t from, const char *free_text, unsigned width)
{
    trim(out);
    size_t used = style_columns(out->p + from, out->len - from);
    size_t need = strlen(free_text);
    if (need > 0 && used + need + 1 <= width + 1) {
        str_add_f(out, "%*s", (int)(width + 1 - used - need), "");
    } else if (need > 0) {
        str_add_f(out, "\n%*s", NAME_COLUMNS + STATE_COLUMNS + 2, "");
    }
    str_add_f(out, "%s\n", free_text);
}

/* Behind the first two columns, on the next line when this one is full. */
static void add_cell(const char *name, const char *word, const struct style *st, struct str *out,
                     size_t *from)
{
    cleanup_free char *cell = xasprintf("[%s:%s]", name, word);
    if (style_columns(out->p + *from, out->len - *from) + strlen(cell) + 1 > st->width) {
        trim(out);
        str_add_f(out, "\n%*s", NAME_COLUMNS + STATE_COLUMNS + 2, "");
        *from = out->len - (NAME_COLUMNS + STATE_COLUMNS + 2);
    }
    str_add_f(out, "%s ", cell);
}

/* The pods that `node` has (NULL: those on none). */
static void add_pods(const struct map_scene *m, const char *node, bool heard,
                     const struct style *st, struct str *out, size_t *from)
{
    size_t i;
    json_t *pod;
    jx_each(i, pod, m->pods)
    {
        if (str_eq(jx_str(pod, "spec.nodeName", NULL), node) &&
            str_eq(jx_str(pod, "metadata.namespace", ""), m->ns)) {
            add_cell(short_name(pod), pod_word(pod, heard), st, out, from);
        }
    }
}

static const json_t *named(const json_t *list, const char *name)
{
    size_t i;
    const json_t *obj;
    jx_each(i, obj, list)
    {
        if (str_eq(jx_str(obj, "metadata.name", ""), name)) {
            return obj;
        }
    }
    return NULL;
}

/* ---- containers made by hand ---- */

/* The ports it has, or how it is when that is not up. */
static char *container_word(const json_t *host, const json_t *container, bool heard)
{
    struct str out = STR_INIT;
    const char *state = jx_str(container, "state", "");
    size_t i;
    const json_t *port;
    if (!heard) {
        return xstrdup("??");
    }
    if (!str_eq(state, "running")) {
        return xstrdup(state);
    }
    jx_each(i, port, jx_arr(host, "status.ports"))
    {
        if (str_eq(jx_str(port, "owner", ""), jx_str(container, "name", "?"))) {
            str_add_f(&out, "%s%d", out.len > 0 ? "," : "", (int)jx_int(port, "port", 0));
        }
    }
    if (out.len == 0) {
        str_add(&out, "up");
    }
    return str_take(&out);
}

static void add_containers(const json_t *host, bool heard, const struct style *st, struct str *out,
                           size_t *from)
{
    size_t i;
    const json_t *c;
    jx_each(i, c, jx_arr(host, "status.containers"))
    {
        if (jx_str(c, "pod", "")[0] == '\0') {
            cleanup_free char *word = container_word(host, c, heard);
            add_cell(jx_str(c, "name", "?"), word, st, out, from);
        }
    }
}

/* ---- hosts ---- */

/* How long ago a node was heard; -1: nobody knows. *ret_overdue: longer than it would keep silent.
 */
static int64_t heard_us(const struct map_scene *m, const char *node, bool *ret_overdue)
{
    const json_t *lease = named(m->leases, node);
    int64_t at, beat = jx_int(lease, "spec.leaseDurationSeconds", 0) * 1000000 / 4;
    *ret_overdue = false;
    if (!kube_time(jx_str(lease, "spec.renewTime", ""), &at)) {
        return -1;
    }
    (void)kube_duration(jx_str(named(m->clocks, "cluster"), "status.heartbeat", ""), &beat);
    int64_t ago = m->now_us > at ? m->now_us - at : 0;
    *ret_overdue = ago > 3 * beat;
    return ago;
}

static const char *node_word(const json_t *node, bool overdue, bool *ret_heard)
{
    const json_t *ready = jx_find(jx_arr(node, "status.conditions"), "type", "Ready");
    const char *status = jx_get_str(ready, "status", "Unknown");
    *ret_heard = strcmp(status, "Unknown") != 0 && !overdue;
    if (!*ret_heard) {
        return "SILENT";
    }
    if (strcmp(status, "True") != 0) {
        return "unready";
    }
    return jx_bool(node, "spec.unschedulable", false) ? "cordoned" : "on";
}

static int64_t cpu_free(const json_t *node, const json_t *pods)
{
    int64_t cpu = kube_milli_of(jx_obj(node, "status.allocatable"), "cpu");
    size_t i;
    json_t *pod;
    jx_each(i, pod, pods)
    {
        if (str_eq(jx_str(pod, "spec.nodeName", NULL), jx_str(node, "metadata.name", "")) &&
            !is_over(pod)) {
            cpu -= cpu_of(pod);
        }
    }
    return cpu;
}

/* What stands at the right: room, or the time of the last word. */
static void say_rest(const struct map_scene *m, const json_t *node, bool heard, int64_t ago,
                     char *buf, size_t size)
{
    char words[KUBE_WORDS_SIZE];
    buf[0] = '\0';
    if (heard) {
        int64_t cpu = cpu_free(node, m->pods);
        snprintf(buf, size, "%s CPU free", kube_cpu_words(cpu > 0 ? cpu : 0, words));
    } else if (ago >= 0 && ago < 10000000) {
        snprintf(buf, size, "heard %.1f s ago", (double)ago / 1e6);
    } else if (ago >= 0) {
        snprintf(buf, size, "heard %s ago", kube_span_words(ago, words));
    }
}

static void add_node(const struct map_scene *m, const json_t *node, const struct style *st,
                     struct str *out)
{
    char rest[64];
    bool heard, overdue;
    size_t from = out->len;
    const char *name = jx_str(node, "metadata.name", "");
    int64_t ago = heard_us(m, name, &overdue);
    const char *word = node_word(node, overdue, &heard);
    str_add_f(out, " %-*s %s%-*s%s", NAME_COLUMNS, name, heard ? "" : style_on(st, STYLE_BAD),
              STATE_COLUMNS, word, heard ? "" : style_off(st));
    add_pods(m, name, heard, st, out, &from);
    add_containers(named(m->hosts, name), heard, st, out, &from);
    say_rest(m, node, heard, ago, rest, sizeof(rest));
    end_row(out, from, rest, st->width);
}

static bool is_control_plane(const json_t *node)
{
    return jx_get(jx_obj(node, "metadata.labels"), "node-role.kubernetes.io/control-plane") != NULL;
}

void map_view_draw(const struct map_scene *m, const struct style *st, struct str *out)
{
    size_t i;
    json_t *node;
    jx_each(i, node, m->nodes)
    {
        if (!is_control_plane(node)) {
            add_node(m, node, st, out);
        }
    }
    size_t from = out->len;
    str_add_f(out, " %-*s %-*s", NAME_COLUMNS, "(no host)", STATE_COLUMNS, "");
    size_t before = out->len;
    add_pods(m, NULL, true, st, out, &from);
    if (out->len > before) {
        end_row(out, from, "", st->width);
    } else {
        out->len = from; /* nobody waits for one */
        out->p[from] = '\0';
    }
}

/* ---- asking ---- */

enum { NODES, PODS, HOSTS, LEASES, CLOCKS, LISTS };

struct map_view;
struct asking {
    struct map_view *map;
    int list;
};

struct map_view {
    struct kube *kube;
    char *ns;
    struct style st;
    struct asking askings[LISTS];
    json_t *lists[LISTS];
    unsigned waiting;
    struct err err;
    map_done *done;
    void *arg;
};

void map_view_free(struct map_view *m)
{
    if (m == NULL) {
        return;
    }
    for (int i = 0; i < LISTS; i++) {
        kube_forget(m->kube, &m->askings[i]);
        json_decref(m->lists[i]);
    }
    free(m->ns);
    free(m);
}

static void finish(struct map_view *m)
{
    cleanup_str struct str out = STR_INIT;
    map_done *done = m->done;
    void *arg = m->arg;
    struct map_scene scene = {
        .nodes = jx_arr(m->lists[NODES], "items"),
        .pods = jx_arr(m->lists[PODS], "items"),
        .hosts = jx_arr(m->lists[HOSTS], "items"),
        .leases = jx_arr(m->lists[LEASES], "items"),
        .clocks = jx_arr(m->lists[CLOCKS], "items"),
        .ns = m->ns,
        .now_us = loop_wall_us(kube_loop(m->kube)),
    };
    if (scene.nodes == NULL || scene.pods == NULL) {
        str_add_f(&out, " The cluster does not answer: %s\n", m->err.msg);
    } else {
        map_view_draw(&scene, &m->st, &out);
    }
    map_view_free(m);
    done(arg, str_c(&out));
}

/* Clusters of others have no hosts and no clock: the map goes without. */
static void on_list(void *arg, const struct kube_answer *a)
{
    struct asking *asking = arg;
    struct map_view *m = asking->map;
    if (a->status == 200 && jx_arr(a->answer, "items") != NULL) {
        m->lists[asking->list] = jx_edit(a->answer);
    } else if (a->status == 0) {
        m->err = *a->err;
    } else if (asking->list <= PODS) {
        err_set(&m->err, ERR_UNAVAILABLE, "%s", jx_str(a->answer, "message", "no list came"));
    }
    if (--m->waiting == 0) {
        finish(m);
    }
}

struct map_view *map_view_new(struct kube *kube, const char *ns, const struct style *st,
                              map_done *done, void *arg)
{
    static const char *const paths[LISTS] = {
        [NODES] = "/api/v1/nodes",
        [PODS] = "/api/v1/pods",
        [HOSTS] = "/apis/podlab.dev/v1/hosts",
        [LEASES] = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
        [CLOCKS] = "/apis/podlab.dev/v1/clocks",
    };
    struct map_view *m = xnew(struct map_view);
    m->kube = kube;
    m->ns = xstrdup(ns);
    m->st = *st;
    m->done = done;
    m->arg = arg;
    m->waiting = LISTS;
    for (int i = 0; i < LISTS; i++) {
        m->askings[i] = (struct asking){m, i};
        kube_get(kube, paths[i], PATIENCE, on_list, &m->askings[i]);
    }
    return m;
}
