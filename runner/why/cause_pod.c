/* SPDX-License-Identifier: Apache-2.0 */
/* What holds a pod up: an image that is not there, a program that ends, memory. */
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/units.h"
#include "why/causes.h"

enum { MAX_SAID = 240 }; /* bytes of what others say */

/* ---- image ---- */

static bool is_image_reason(const char *reason)
{
    return strstr(reason, "Image") != NULL; /* ErrImagePull, ImagePullBackOff, InvalidImageName */
}

/* What went wrong, without what the kubelet says around it:
 * 'Back-off pulling image "x": ErrImagePull: x is not on this machine. Here are a, b'. */
static const char *bare(const char *message)
{
    const char *p = strstr(message, "ErrImagePull: ");
    return p != NULL ? p + strlen("ErrImagePull: ") : message;
}

struct image_event {
    const char *message;
};

static bool on_image_event(void *arg, const json_t *event)
{
    struct image_event *e = arg;
    const char *message = jx_str(event, "message", "");
    if (str_eq(jx_str(event, "reason", ""), "Failed") && strstr(message, "pull image") != NULL) {
        const char *p = strstr(message, "\": ");
        e->message = p != NULL ? p + 3 : message;
    }
    return true;
}

/* "podlab/web:v1, podlab/web:v2" stays as it is; the sentence gets its full stop. */
static char *sentence(const char *text)
{
    size_t n = strcspn(text, "\n");
    if (n > MAX_SAID) {
        return xasprintf("%.*s...", MAX_SAID, text);
    }
    return n > 0 && strchr(".!?", text[n - 1]) == NULL ? xasprintf("%.*s.", (int)n, text)
                                                       : xstrndup(text, n);
}

bool cause_image(const struct scene *s, struct finding *f)
{
    size_t i;
    const json_t *pod;
    jx_each(i, pod, s->pods)
    {
        const json_t *c = scene_pod_waits(pod, is_image_reason);
        if (c == NULL || scene_pod_is_ending(pod)) {
            continue;
        }
        struct image_event e = {bare(jx_str(c, "state.waiting.message", ""))};
        if (e.message[0] == '\0' || str_has_prefix(e.message, "Back-off")) {
            scene_each_event(s, pod, on_image_event, &e);
        }
        const char *reason = jx_str(c, "state.waiting.reason", "");
        cleanup_free char *message = sentence(e.message);
        finding_text(f, "pod", scene_name(pod));
        finding_text(f, "reason", reason);
        finding_text(f, "message", message);
        finding_text(f, "image", jx_get_str(c, "image", ""));
        finding_saw(f, pod, "state.waiting.reason", reason, NULL);
        f->words = "image";
        return true;
    }
    return false;
}

/* ---- ends: the container that ended most often ---- */

static const json_t *last_end(const json_t *c)
{
    const json_t *now = jx_obj(c, "state.terminated");
    return now != NULL ? now : jx_obj(c, "lastState.terminated");
}

static bool is_in_trouble(const json_t *pod, const json_t *c)
{
    const json_t *end = last_end(c);
    bool ok = jx_bool(c, "ready", false) || end == NULL || scene_pod_is_ending(pod);
    return !ok && (jx_int(end, "exitCode", 0) != 0 || jx_int(c, "restartCount", 0) > 1);
}

static const json_t *worst(const struct scene *s, const json_t **ret_pod)
{
    const json_t *best = NULL;
    size_t i, j;
    const json_t *pod, *c;
    jx_each(i, pod, s->pods)
    {
        jx_each(j, c, jx_arr(pod, "status.containerStatuses"))
        {
            if (is_in_trouble(pod, c) &&
                (best == NULL || jx_int(c, "restartCount", 0) > jx_int(best, "restartCount", 0))) {
                best = c;
                *ret_pod = pod;
            }
        }
    }
    return best;
}

/* ---- memory ---- */

static void say_free_memory(const struct scene *s, struct finding *f, const char *node_name)
{
    const json_t *node = scene_find(s, "Node", "", node_name);
    int64_t left = kube_bytes_of(jx_path(node, "status.allocatable"), "memory");
    char buf[KUBE_WORDS_SIZE];
    size_t i, j;
    const json_t *pod, *c;
    jx_each(i, pod, scene_all(s, "Pod"))
    {
        jx_each(j, c, jx_arr(pod, "spec.containers"))
        {
            if (str_eq(jx_str(pod, "spec.nodeName", ""), node_name)) {
                left -= kube_bytes_of(jx_path(c, "resources.requests"), "memory");
            }
        }
    }
    finding_text(f, "free", left > 0 ? kube_bytes_words(left, buf) : "");
}

static bool is_oom(const json_t *c)
{
    return str_eq(jx_get_str(last_end(c), "reason", ""), "OOMKilled");
}

bool cause_memory(const struct scene *s, struct finding *f)
{
    const json_t *pod = NULL;
    const json_t *c = worst(s, &pod);
    if (c == NULL || !is_oom(c)) {
        return false;
    }
    char buf[KUBE_WORDS_SIZE];
    const char *node = jx_str(pod, "spec.nodeName", "");
    int64_t times = jx_int(c, "restartCount", 0) + (jx_obj(c, "state.terminated") != NULL);
    const json_t *spec = scene_container(pod, jx_get_str(c, "name", ""));
    int64_t limit = kube_bytes_of(jx_path(spec, "resources.limits"), "memory");
    finding_text(f, "pod", scene_name(pod));
    finding_text(f, "node", node);
    finding_number(f, "times", times > 0 ? times : 1);
    finding_text(f, "limit", kube_bytes_words(limit, buf));
    finding_saw(f, pod, "lastState.terminated.reason", "OOMKilled",
                jx_get_str(last_end(c), "finishedAt", NULL));
    say_free_memory(s, f, node);
    bool room = jx_str(f->args, "free", "")[0] != '\0';
    f->words = limit == 0 ? "memory.host" : room ? "memory" : "memory.limit";
    return true;
}

/* ---- crashing ---- */

/* "back-off 20s restarting failed container=...": when the next try is, counted from the end. */
static int64_t backoff_us(const char *message)
{
    static const char word[] = "back-off ";
    const char *p = strstr(message, word);
    int64_t us = 0;
    for (p = p != NULL ? p + strlen(word) : ""; *p >= '0' && *p <= '9';) {
        char *end;
        double n = strtod(p, &end);
        bool ms = strncmp(end, "ms", 2) == 0;
        us += (int64_t)(n * (ms ? 1e3 : *end == 'm' ? 60e6 : *end == 's' ? 1e6 : 0));
        p = *end != '\0' ? end + 1 + ms : end;
    }
    return us;
}

static void say_next(const struct scene *s, struct finding *f, const json_t *c)
{
    int64_t wait = backoff_us(jx_str(c, "state.waiting.message", ""));
    int64_t left = wait - scene_since(s, last_end(c), "finishedAt");
    if (jx_path(c, "state.running") != NULL) {
        finding_words(f, "next", "crash.running");
    } else if (wait > 0 && left >= 1000000) {
        finding_span(f, "left", left);
        finding_words(f, "next", "crash.next");
    } else {
        finding_words(f, "next", "crash.now");
    }
}

/* Runtimes wrap the one thing that matters: 'exec: "/nothing": no such file or directory'. */
static void say_start_error(struct finding *f, const char *message)
{
    static const char tail[] = ": unknown";
    const char *exec = strstr(message, "exec: ");
    cleanup_free char *text = xstrdup(exec != NULL ? exec + strlen("exec: ") : message);
    if (str_has_suffix(text, tail)) {
        text[strlen(text) - strlen(tail)] = '\0';
    }
    finding_text(f, "message", text);
    finding_words(f, "how", "crash.start");
}

static bool cannot_start(const json_t *end)
{
    const char *reason = jx_get_str(end, "reason", "");
    return str_eq(reason, "StartError") || str_eq(reason, "ContainerCannotRun");
}

static void say_how(const struct scene *s, struct finding *f, const json_t *pod, const json_t *c)
{
    const json_t *end = last_end(c);
    const char *said = jx_get_str(s->logs, scene_name(pod), "");
    int64_t from, to;
    bool timed = kube_time(jx_get_str(end, "startedAt", ""), &from) &&
                 kube_time(jx_get_str(end, "finishedAt", ""), &to);
    finding_number(f, "code", jx_int(end, "exitCode", 0));
    /* Whole seconds: 0 is less than one. */
    finding_span(f, "lived", timed && to > from ? to - from : 1000000);
    if (cannot_start(end)) {
        say_start_error(f, jx_get_str(end, "message", ""));
        return;
    }
    size_t n = strcspn(said, "\n");
    cleanup_free char *line = xstrndup(said, n < 120 ? n : 120);
    finding_text(f, "said", line);
    finding_words(f, "how", n > 0 ? "crash.exit-said" : "crash.exit");
}

bool cause_crashing(const struct scene *s, struct finding *f)
{
    const json_t *pod = NULL;
    const json_t *c = worst(s, &pod);
    if (c == NULL || jx_int(last_end(c), "exitCode", 0) == 0) {
        return false;
    }
    char code[24];
    snprintf(code, sizeof(code), "%lld", (long long)jx_int(last_end(c), "exitCode", 0));
    finding_text(f, "pod", scene_name(pod));
    finding_number(f, "restarts", jx_int(c, "restartCount", 0));
    finding_saw(f, pod, "lastState.terminated.exitCode", code,
                jx_get_str(last_end(c), "finishedAt", NULL));
    say_next(s, f, c);
    say_how(s, f, pod, c);
    f->words = cannot_start(last_end(c)) ? "crashing.start" : "crashing";
    return true;
}

bool cause_wants_log(const struct scene *s, const char **ret_pod, const char **ret_container)
{
    const json_t *pod = NULL;
    const json_t *c = worst(s, &pod);
    if (c == NULL || jx_int(c, "restartCount", 0) == 0) {
        return false;
    }
    *ret_pod = scene_name(pod);
    *ret_container = jx_get_str(c, "name", "");
    return true;
}
