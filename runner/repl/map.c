/* SPDX-License-Identifier: Apache-2.0 */
/* Draws a row per host: its state, its pods, its unreserved CPU. */
#include "repl/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kube/kube.h"
#include "kube/units.h"

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

/* The pods that `node` has (NULL: those on none), wrapped behind the first two columns. */
static void add_pods(const json_t *pods, const char *node, const char *ns, bool heard,
                     const struct style *st, struct str *out, size_t *from)
{
    size_t i;
    json_t *pod;
    jx_each(i, pod, pods)
    {
        if (!str_eq(jx_str(pod, "spec.nodeName", NULL), node) ||
            !str_eq(jx_str(pod, "metadata.namespace", ""), ns)) {
            continue;
        }
        cleanup_free char *cell = xasprintf("[%s:%s]", short_name(pod), pod_word(pod, heard));
        if (style_columns(out->p + *from, out->len - *from) + strlen(cell) + 1 > st->width) {
            trim(out);
            str_add_f(out, "\n%*s", NAME_COLUMNS + STATE_COLUMNS + 2, "");
            *from = out->len - (NAME_COLUMNS + STATE_COLUMNS + 2);
        }
        str_add_f(out, "%s ", cell);
    }
}

static const char *node_word(const json_t *node, bool *ret_heard)
{
    const json_t *ready = jx_find(jx_arr(node, "status.conditions"), "type", "Ready");
    const char *status = jx_get_str(ready, "status", "Unknown");
    *ret_heard = strcmp(status, "Unknown") != 0;
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

static void add_node(const json_t *node, const json_t *pods, const char *ns, const struct style *st,
                     struct str *out)
{
    char words[KUBE_WORDS_SIZE];
    char room[64] = "";
    bool heard;
    size_t from = out->len;
    const char *name = jx_str(node, "metadata.name", "");
    const char *word = node_word(node, &heard);
    str_add_f(out, " %-*s %s%-*s%s", NAME_COLUMNS, name, heard ? "" : style_on(st, STYLE_BAD),
              STATE_COLUMNS, word, heard ? "" : style_off(st));
    add_pods(pods, name, ns, heard, st, out, &from);
    if (heard) {
        int64_t cpu = cpu_free(node, pods);
        snprintf(room, sizeof(room), "%s CPU free", kube_cpu_words(cpu > 0 ? cpu : 0, words));
    }
    end_row(out, from, room, st->width);
}

static bool is_control_plane(const json_t *node)
{
    return jx_get(jx_obj(node, "metadata.labels"), "node-role.kubernetes.io/control-plane") != NULL;
}

void map_view_draw(const json_t *nodes, const json_t *pods, const char *ns, const struct style *st,
                   struct str *out)
{
    size_t i;
    json_t *node;
    jx_each(i, node, nodes)
    {
        if (!is_control_plane(node)) {
            add_node(node, pods, ns, st, out);
        }
    }
    size_t from = out->len;
    str_add_f(out, " %-*s %-*s", NAME_COLUMNS, "(no host)", STATE_COLUMNS, "");
    size_t before = out->len;
    add_pods(pods, NULL, ns, true, st, out, &from);
    if (out->len > before) {
        end_row(out, from, "", st->width);
    } else {
        out->len = from; /* nobody waits for one */
        out->p[from] = '\0';
    }
}

/* ---- asking ---- */

struct map_view {
    struct kube *kube;
    char *ns;
    struct style st;
    json_t *nodes, *pods;
    struct err err;
    map_done *done;
    void *arg;
};

void map_view_free(struct map_view *m)
{
    if (m == NULL) {
        return;
    }
    kube_forget(m->kube, m);
    json_decref(m->nodes);
    json_decref(m->pods);
    free(m->ns);
    free(m);
}

static void finish(struct map_view *m)
{
    cleanup_str struct str out = STR_INIT;
    map_done *done = m->done;
    void *arg = m->arg;
    if (m->nodes == NULL || m->pods == NULL) {
        str_add_f(&out, " The cluster does not answer: %s\n", m->err.msg);
    } else {
        map_view_draw(jx_arr(m->nodes, "items"), jx_arr(m->pods, "items"), m->ns, &m->st, &out);
    }
    map_view_free(m);
    done(arg, str_c(&out));
}

static json_t *list_of(struct map_view *m, const struct kube_answer *a)
{
    if (a->status == 200 && jx_arr(a->answer, "items") != NULL) {
        return jx_edit(a->answer);
    }
    if (a->status == 0) {
        m->err = *a->err;
    } else {
        err_set(&m->err, ERR_UNAVAILABLE, "%s", jx_str(a->answer, "message", "no list came"));
    }
    return NULL;
}

static void on_pods(void *arg, const struct kube_answer *a)
{
    struct map_view *m = arg;
    m->pods = list_of(m, a);
    finish(m);
}

static void on_nodes(void *arg, const struct kube_answer *a)
{
    struct map_view *m = arg;
    m->nodes = list_of(m, a);
    if (m->nodes == NULL) {
        finish(m);
        return;
    }
    kube_get(m->kube, "/api/v1/pods", LOOP_S(5), on_pods, m);
}

struct map_view *map_view_new(struct kube *kube, const char *ns, const struct style *st,
                              map_done *done, void *arg)
{
    struct map_view *m = xnew(struct map_view);
    m->kube = kube;
    m->ns = xstrdup(ns);
    m->st = *st;
    m->done = done;
    m->arg = arg;
    kube_get(kube, "/api/v1/nodes", LOOP_S(5), on_nodes, m);
    return m;
}
