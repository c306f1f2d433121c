/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults of pods that depend on something: on the image's tag, on the limits, on the cluster. */
#include <string.h>

#include "admission/admission_impl.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "meta/quantity.h"
#include "store/store.h"

static const char *const container_lists[] = {"containers", "initContainers",
                                              "ephemeralContainers"};

/* ---- every pod spec ---- */

/* An image without a tag, or with :latest, may be another one tomorrow. */
static const char *pull_policy(const char *image)
{
    if (strchr(image, '@') != NULL) {
        return "IfNotPresent";
    }
    const char *slash = strrchr(image, '/');
    const char *tag = strchr(slash != NULL ? slash : image, ':');
    return tag == NULL || strcmp(tag, ":latest") == 0 ? "Always" : "IfNotPresent";
}

static void default_pull_policy(json_t *container)
{
    const char *image = jx_get_str(container, "image", "");
    if (image[0] != '\0' && jx_get_str(container, "imagePullPolicy", "")[0] == '\0') {
        json_object_set_new(container, "imagePullPolicy", json_string(pull_policy(image)));
    }
}

/* A volume that does not say what it is made of is an empty folder. */
static void default_volume(json_t *volume)
{
    if (json_is_object(volume) && json_object_size(volume) == 1 &&
        json_object_get(volume, "name") != NULL) {
        json_object_set_new(volume, "emptyDir", json_object());
    }
}

void admission_podspec_mutate(json_t *spec)
{
    size_t i;
    json_t *item;
    for (size_t l = 0; l < ARRAY_LEN(container_lists); l++) {
        json_array_foreach(json_object_get(spec, container_lists[l]), i, item)
        {
            default_pull_policy(item);
        }
    }
    json_array_foreach(json_object_get(spec, "volumes"), i, item)
    {
        default_volume(item);
    }
}

/* ---- pods themselves ---- */

/* What is limited and not requested is requested as far as it is limited. */
static void default_requests(json_t *container)
{
    const json_t *limits = jx_obj(container, "resources.limits");
    if (json_object_size(limits) == 0) {
        return;
    }
    json_t *requests = jx_make(container, "resources.requests");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)limits, key, value)
    {
        if (json_object_get(requests, key) == NULL) {
            json_object_set(requests, key, value);
        }
    }
}

static bool tolerates(const json_t *tolerations, const char *taint)
{
    size_t i;
    const json_t *t;
    jx_each(i, t, tolerations)
    {
        const char *key = jx_get_str(t, "key", "");
        const char *effect = jx_get_str(t, "effect", "");
        if ((key[0] == '\0' || strcmp(key, taint) == 0) &&
            (effect[0] == '\0' || strcmp(effect, "NoExecute") == 0)) {
            return true;
        }
    }
    return false;
}

static void default_tolerations(json_t *spec, int64_t seconds)
{
    static const char *const taints[] = {"node.kubernetes.io/not-ready",
                                         "node.kubernetes.io/unreachable"};
    if (seconds < 0) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(taints); i++) {
        json_t *list = json_object_get(spec, "tolerations");
        if (tolerates(list, taints[i])) {
            continue;
        }
        if (!json_is_array(list)) {
            list = json_array();
            json_object_set_new(spec, "tolerations", list);
        }
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I}", "key", taints[i], "operator",
                                              "Exists", "effect", "NoExecute", "tolerationSeconds",
                                              (json_int_t)seconds));
    }
}

static void default_account(json_t *spec)
{
    const char *name = jx_get_str(spec, "serviceAccountName", "");
    if (name[0] == '\0') {
        name = jx_get_str(spec, "serviceAccount", "");
    }
    json_t *account = json_string(name[0] != '\0' ? name : "default");
    json_object_set(spec, "serviceAccountName", account);
    json_object_set_new(spec, "serviceAccount", account);
}

/* The classes that every cluster has; -1: not one of them. */
static int64_t class_priority(const char *name)
{
    if (name[0] == '\0') {
        return 0;
    }
    return strcmp(name, "system-cluster-critical") == 0 ? 2000000000
           : strcmp(name, "system-node-critical") == 0  ? 2000001000
                                                        : -1;
}

static void default_priority(json_t *spec)
{
    int64_t priority = class_priority(jx_get_str(spec, "priorityClassName", ""));
    if (json_object_get(spec, "priority") == NULL && priority >= 0) {
        json_object_set_new(spec, "priority", json_integer(priority));
    }
    if (json_object_get(spec, "preemptionPolicy") == NULL) {
        json_object_set_new(spec, "preemptionPolicy", json_string("PreemptLowerPriority"));
    }
}

/* ---- status.qosClass ---- */

struct qos {
    bool any;        /* something is requested or limited */
    bool guaranteed; /* cpu and memory of every container, requests equal to limits */
};

static bool is_set(const json_t *map, const char *key)
{
    int64_t v;
    return quantity_json_milli(jx_get(map, key), &v) && v > 0;
}

static void qos_container(struct qos *q, const json_t *container)
{
    const json_t *requests = jx_obj(container, "resources.requests");
    const json_t *limits = jx_obj(container, "resources.limits");
    static const char *const resources[] = {"cpu", "memory"};
    for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
        const char *key = resources[i];
        q->any = q->any || is_set(requests, key) || is_set(limits, key);
        const char *request = jx_get_str(requests, key, "0");
        const char *limit = jx_get_str(limits, key, "0");
        if (!is_set(limits, key) || quantity_compare(request, limit) != 0) {
            q->guaranteed = false;
        }
    }
}

static const char *qos_class(const json_t *spec)
{
    struct qos q = {.guaranteed = true};
    for (size_t l = 0; l < 2; l++) {
        size_t i;
        const json_t *c;
        jx_each(i, c, jx_get(spec, container_lists[l]))
        {
            qos_container(&q, c);
        }
    }
    return !q.any ? "BestEffort" : q.guaranteed ? "Guaranteed" : "Burstable";
}

void admission_pod_mutate(struct admission *a, const struct admission_request *r)
{
    if (r->old != NULL) {
        return;
    }
    json_t *spec = json_object_get(r->obj, "spec");
    if (!json_is_object(spec)) {
        return;
    }
    for (size_t l = 0; l < 2; l++) {
        size_t i;
        json_t *c;
        json_array_foreach(json_object_get(spec, container_lists[l]), i, c)
        {
            default_requests(c);
        }
    }
    default_account(spec);
    default_tolerations(spec, a->toleration_s);
    default_priority(spec);
    json_object_set_new(r->obj, "status",
                        json_pack("{s:s, s:s}", "phase", "Pending", "qosClass", qos_class(spec)));
}

/* ---- what it refers to ---- */

int admission_pod_admit(struct admission *a, const struct admission_request *r, struct err *err)
{
    if (r->old != NULL) {
        return 0;
    }
    const char *class = jx_str(r->obj, "spec.priorityClassName", "");
    if (class_priority(class) < 0) {
        return err_set(err, ERR_FORBIDDEN, "no PriorityClass with name %s was found", class);
    }
    const char *account = jx_str(r->obj, "spec.serviceAccountName", "default");
    if (strcmp(account, "default") == 0) {
        return 0; /* every namespace gets it, if a moment later */
    }
    struct store_key key = {"serviceaccounts", r->ns, account};
    cleanup_entry const struct store_entry *e = store_find(a->store, STORE_STAGED, &key);
    if (e != NULL) {
        return 0;
    }
    return err_set(err, ERR_FORBIDDEN,
                   "error looking up service account %s/%s: serviceaccount \"%s\" not found", r->ns,
                   account, account);
}
