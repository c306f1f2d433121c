/* SPDX-License-Identifier: Apache-2.0 */
/* Labels are the only glue between a Service and its pods, and a port is only a number. */
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/labels.h"
#include "why/causes.h"

static const json_t *selector_of(const struct scene *s)
{
    return jx_obj(s->serves, "spec.selector");
}

/* "app=web,tier=front" */
static void add_pair(struct str *out, const char *key, const char *value)
{
    str_add_f(out, "%s%s=%s", out->len > 0 ? "," : "", key, value);
}

static void say_selector(const struct scene *s, struct finding *f)
{
    struct str out = STR_INIT;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)selector_of(s), key, value)
    {
        add_pair(&out, key, json_string_value(value) != NULL ? json_string_value(value) : "");
    }
    finding_text(f, "selector", str_c(&out));
    str_fini(&out);
}

/* ---- the selector ---- */

/* How far a pod's labels are from the selector: the sum of edits, 10 for a key that is missing. */
static unsigned distance(const json_t *selector, const json_t *labels)
{
    unsigned sum = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)selector, key, value)
    {
        const char *theirs = jx_get_str(labels, key, NULL);
        sum += theirs == NULL ? 10 : str_distance(theirs, json_string_value(value), 9);
    }
    return sum;
}

static const json_t *nearest_pod(const struct scene *s, int64_t *ret_ready)
{
    const json_t *best = NULL;
    unsigned least = 0;
    size_t i;
    const json_t *pod;
    jx_each(i, pod, scene_all(s, "Pod"))
    {
        if (!scene_is_here(s, pod) || scene_pod_is_ending(pod)) {
            continue;
        }
        unsigned d = distance(selector_of(s), scene_pod_labels(pod));
        if (best == NULL || d < least) {
            best = pod;
            least = d;
        }
    }
    *ret_ready = 0;
    jx_each(i, pod, scene_all(s, "Pod"))
    {
        *ret_ready += best != NULL && scene_is_here(s, pod) && scene_pod_is_ready(pod) &&
                      !scene_pod_is_ending(pod) &&
                      distance(selector_of(s), scene_pod_labels(pod)) == least;
    }
    return best;
}

/* Of the nearest pod, the labels of the selector's keys; all of them when it has none of these. */
static void say_carried(const struct scene *s, struct finding *f, const json_t *pod)
{
    struct str out = STR_INIT;
    const json_t *labels = scene_pod_labels(pod);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)selector_of(s), key, value)
    {
        const char *theirs = jx_get_str(labels, key, NULL);
        if (theirs != NULL) {
            add_pair(&out, key, theirs);
        }
    }
    if (out.len == 0) {
        json_object_foreach((json_t *)(uintptr_t)labels, key, value)
        {
            if (strcmp(key, "pod-template-hash") != 0) {
                add_pair(&out, key, json_string_value(value));
            }
        }
    }
    finding_text(f, "carried", out.len > 0 ? str_c(&out) : "none");
    finding_saw(f, pod, "metadata.labels", str_c(&out), NULL);
    str_fini(&out);
}

bool cause_selector(const struct scene *s, struct finding *f)
{
    int64_t ready = 0;
    if (s->serves == NULL || json_array_size(s->pods) > 0 ||
        str_eq(jx_str(s->serves, "spec.type", ""), "ExternalName")) {
        return false;
    }
    if (s->deployment != NULL) {
        return false; /* its pods would be selected, were there any */
    }
    if (json_object_size(selector_of(s)) == 0) {
        f->words = "selector-matches-nothing.none";
        return true;
    }
    const json_t *pod = nearest_pod(s, &ready);
    say_selector(s, f);
    finding_saw(f, s->serves, "spec.selector", jx_str(f->args, "selector", ""), NULL);
    finding_number(f, "ready", ready);
    if (pod == NULL || ready == 0) {
        f->words = "selector-matches-nothing.alone";
        return true;
    }
    say_carried(s, f, pod);
    f->words = "selector-matches-nothing";
    return true;
}

/* ---- endpoints ---- */

static size_t ready_endpoints(const struct scene *s)
{
    size_t i, j, n = 0;
    const json_t *slice, *e;
    jx_each(i, slice, scene_all(s, "EndpointSlice"))
    {
        if (!scene_is_here(s, slice) ||
            !str_eq(jx_get_str(jx_path(slice, "metadata.labels"), "kubernetes.io/service-name", ""),
                    s->service) ||
            jx_len(slice, "ports") == 0) {
            continue;
        }
        jx_each(j, e, jx_arr(slice, "endpoints"))
        {
            n += jx_bool(e, "conditions.ready", true);
        }
    }
    return n;
}

bool cause_no_endpoints(const struct scene *s, struct finding *f)
{
    const json_t *pod = NULL;
    if (s->serves == NULL || json_array_size(s->pods) == 0 || scene_count_ready(s) > 0 ||
        s->state == CHECK_MOVING) {
        return false;
    }
    if (!cause_ready_detail(s, f, &pod)) {
        finding_text(f, "detail", "");
    }
    say_selector(s, f);
    finding_saw(f, s->serves, "endpoints", "0", NULL);
    f->words = "no-endpoints";
    return true;
}

/* ---- ports ---- */

static const json_t *service_port(const struct scene *s)
{
    const json_t *ports = jx_arr(s->serves, "spec.ports");
    size_t i;
    const json_t *p;
    if (s->port[0] == '\0') {
        return json_array_get(ports, 0);
    }
    jx_each(i, p, ports)
    {
        char number[24];
        snprintf(number, sizeof(number), "%lld", (long long)jx_int(p, "port", 0));
        if (str_eq(number, s->port) || str_eq(jx_get_str(p, "name", ""), s->port)) {
            return p;
        }
    }
    return NULL;
}

static void say_ports(const struct scene *s, struct finding *f)
{
    size_t i;
    const json_t *p;
    jx_each(i, p, jx_arr(s->serves, "spec.ports"))
    {
        char number[24];
        snprintf(number, sizeof(number), "%lld", (long long)jx_int(p, "port", 0));
        finding_add(f, "ports", number);
    }
    finding_text(f, "port", s->port);
}

/* What the containers of a pod declare, as numbers or as names; the first container's name. */
static bool say_listens(struct finding *f, const json_t *pod, bool names)
{
    size_t i, j;
    const json_t *c, *p;
    jx_each(i, c, jx_arr(pod, "spec.containers"))
    {
        jx_each(j, p, jx_get(c, "ports"))
        {
            char number[24];
            snprintf(number, sizeof(number), "%lld", (long long)jx_int(p, "containerPort", 0));
            const char *text = names ? jx_get_str(p, "name", "") : number;
            if (text[0] != '\0') {
                finding_text(f, "container", jx_get_str(c, "name", ""));
                finding_add(f, "listens", text);
            }
        }
    }
    return jx_get(f->args, "listens") != NULL;
}

static bool is_declared(const struct finding *f, const char *target)
{
    const json_t *listens = jx_get(f->args, "listens");
    size_t i;
    const json_t *v;
    jx_each(i, v, listens)
    {
        if (str_eq(json_string_value(v), target)) {
            return true;
        }
    }
    return false;
}

/* Nobody took the connection: said by the API's proxy, in whatever words. */
static bool is_refused(const struct scene *s)
{
    const char *error = jx_str(s->seen, "error", jx_str(s->seen, "last_error", ""));
    return strstr(error, "refused") != NULL || strstr(error, "dial tcp") != NULL ||
           strstr(error, "trying to reach service") != NULL || strstr(error, "reset") != NULL;
}

bool cause_wrong_target_port(const struct scene *s, struct finding *f)
{
    const json_t *port = service_port(s);
    if (s->serves == NULL || scene_count_ready(s) == 0) {
        return false;
    }
    if (port == NULL) {
        say_ports(s, f);
        f->words = "no-port";
        return true;
    }
    const json_t *target = jx_get(port, "targetPort");
    bool named = json_is_string(target);
    char number[24], outside[24];
    snprintf(outside, sizeof(outside), "%lld", (long long)jx_int(port, "port", 0));
    snprintf(number, sizeof(number), "%lld",
             (long long)(target != NULL ? json_integer_value(target) : jx_int(port, "port", 0)));
    finding_text(f, "port", outside);
    finding_text(f, "target", named ? json_string_value(target) : number);
    finding_saw(f, s->serves, "spec.ports.targetPort", jx_str(f->args, "target", ""), NULL);
    bool listens = say_listens(f, json_array_get(s->pods, 0), named);
    if (named && !is_declared(f, json_string_value(target)) && ready_endpoints(s) == 0) {
        f->words = listens ? "wrong-target-port.name" : "wrong-target-port.nameless";
        return true;
    }
    if (!is_refused(s)) {
        return false;
    }
    bool declared = is_declared(f, jx_str(f->args, "target", ""));
    f->words = listens && !declared ? "wrong-target-port" : "wrong-target-port.silent";
    return true;
}

/* ---- it answers, and not as wished ---- */

bool cause_answers_error(const struct scene *s, struct finding *f)
{
    int64_t status = jx_int(s->seen, "status", 0);
    if (s->judged->kind != LAB_HTTP || s->serves == NULL || status < 400 ||
        jx_str(s->seen, "error", "")[0] != '\0') {
        return false;
    }
    const char *body = jx_str(s->seen, "body", "");
    cleanup_free char *line = xstrndup(body, strcspn(body, "\n") < 100 ? strcspn(body, "\n") : 100);
    const char *pod =
        json_object_iter_key(json_object_iter((json_t *)(uintptr_t)jx_obj(s->seen, "pods")));
    const char *who = pod != NULL ? pod : scene_name(json_array_get(s->pods, 0));
    finding_text(f, "text", line);
    finding_text(f, "who", who);
    finding_text(f, "pod", who);
    f->words =
        line[0] != '\0' && line[0] != '<' && pod != NULL ? "answers-error" : "answers-error.plain";
    return true;
}
