/* SPDX-License-Identifier: Apache-2.0 */
/* Learns which resources a cluster has, and what they are called. */
#include <string.h>
#include <strings.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/kube_impl.h"

struct waiter {
    void (*done)(void *arg, const struct err *err);
    void *arg;
};

/* The legacy lists: /api/v1, /apis, then one list per preferred group version. Every cluster has
 * them. */
struct discovery {
    struct kube *kube;
    VEC(struct waiter) waiters;
    unsigned left;
    struct err err;
};

/* ---- rows ---- */

static void free_row(struct kube_resource_row *row)
{
    for (size_t i = 0; row->words[i] != NULL; i++) {
        free(row->words[i]);
    }
    free((char *)(uintptr_t)row->r.group);
    free((char *)(uintptr_t)row->r.version);
    free((char *)(uintptr_t)row->r.kind);
    free(row);
}

void kube_resources_clear(struct kube *k)
{
    for (size_t i = 0; i < k->resources.n; i++) {
        free_row(k->resources.v[i]);
    }
    k->resources.n = 0;
}

static void add_row(struct kube *k, const char *group, const char *version, const json_t *from)
{
    struct kube_resource_row *row = xnew(struct kube_resource_row);
    const char *name = jx_get_str(from, "name", "");
    size_t n = 0;
    row->words[n++] = xstrdup(name);
    row->words[n++] = group[0] != '\0' ? xasprintf("%s.%s", name, group) : xstrdup(name);
    row->words[n++] = xstrdup(jx_get_str(from, "singularName", ""));
    row->words[n++] = xstrdup(jx_get_str(from, "kind", ""));
    size_t i;
    json_t *word;
    const json_t *shorts = jx_get(from, "shortNames");
    jx_each(i, word, shorts)
    {
        if (n + 1 < ARRAY_LEN(row->words) && json_string_value(word) != NULL) {
            row->words[n++] = xstrdup(json_string_value(word));
        }
    }
    row->r = (struct kube_resource){
        .group = xstrdup(group),
        .version = xstrdup(version),
        .kind = xstrdup(jx_get_str(from, "kind", "")),
        .name = row->words[0],
        .singular = row->words[2],
        .namespaced = jx_bool(from, "namespaced", false),
    };
    vec_push(&k->resources, row);
}

const struct kube_resource *kube_find_resource(const struct kube *k, const char *word)
{
    for (size_t i = 0; i < k->resources.n; i++) {
        const struct kube_resource_row *row = k->resources.v[i];
        for (size_t j = 0; row->words[j] != NULL; j++) {
            if (row->words[j][0] != '\0' && strcasecmp(row->words[j], word) == 0) {
                return &row->r;
            }
        }
    }
    return NULL;
}

/* ---- asking ---- */

static void finish(struct discovery *d)
{
    struct kube *k = d->kube;
    k->discovered = d->err.code == ERR_NONE;
    k->discovery = NULL;
    for (size_t i = 0; i < d->waiters.n; i++) {
        d->waiters.v[i].done(d->waiters.v[i].arg, &d->err);
    }
    vec_fini(&d->waiters);
    free(d);
}

static void one_less(struct discovery *d)
{
    if (--d->left == 0) {
        finish(d);
    }
}

static bool answered(struct discovery *d, const struct kube_answer *a, const char *what)
{
    if (a->status == 200 && a->answer != NULL) {
        return true;
    }
    if (a->status == 0) {
        d->err = *a->err;
    } else {
        err_set(&d->err, ERR_UNAVAILABLE, "%s was answered %d: %s", what, a->status,
                jx_str(a->answer, "message", a->text));
    }
    return false;
}

static void on_resources(void *arg, const struct kube_answer *a)
{
    struct discovery *d = arg;
    if (answered(d, a, "discovery")) {
        char group_version[256];
        str_copy(group_version, sizeof(group_version), jx_str(a->answer, "groupVersion", ""));
        char *slash = strchr(group_version, '/');
        const char *group = slash != NULL ? group_version : "";
        const char *version = slash != NULL ? slash + 1 : group_version;
        if (slash != NULL) {
            *slash = '\0';
        }
        size_t i;
        json_t *resource;
        const json_t *list = jx_arr(a->answer, "resources");
        jx_each(i, resource, list)
        {
            if (strchr(jx_get_str(resource, "name", "/"), '/') == NULL) {
                add_row(d->kube, group, version, resource);
            }
        }
    }
    one_less(d);
}

static void on_groups(void *arg, const struct kube_answer *a)
{
    struct discovery *d = arg;
    if (answered(d, a, "/apis")) {
        size_t i;
        json_t *group;
        const json_t *groups = jx_arr(a->answer, "groups");
        jx_each(i, group, groups)
        {
            const char *gv = jx_str(group, "preferredVersion.groupVersion", "");
            cleanup_free char *path = xasprintf("/apis/%s", gv);
            d->left++;
            kube_get(d->kube, path, 0, on_resources, d);
        }
    }
    one_less(d);
}

/* The core group first: its words win over others' (events). */
static void on_core(void *arg, const struct kube_answer *a)
{
    struct discovery *d = arg;
    d->left++;
    on_resources(d, a);
    kube_get(d->kube, "/apis", 0, on_groups, d);
}

void kube_discover(struct kube *k, void (*done)(void *arg, const struct err *err), void *arg)
{
    if (k->discovery == NULL) {
        k->discovery = xnew(struct discovery);
        k->discovery->kube = k;
        k->discovery->left = 1;
        kube_resources_clear(k);
        kube_get(k, "/api/v1", 0, on_core, k->discovery);
    }
    struct waiter w = {done, arg};
    vec_push(&k->discovery->waiters, w);
}

void kube_discovery_free(struct kube *k)
{
    if (k->discovery != NULL) {
        vec_fini(&k->discovery->waiters);
        free(k->discovery);
        k->discovery = NULL;
    }
}

void kube_discovery_forget(struct kube *k, const void *arg)
{
    struct discovery *d = k->discovery;
    for (size_t i = d != NULL ? d->waiters.n : 0; i-- > 0;) {
        if (d->waiters.v[i].arg == arg) {
            vec_remove(&d->waiters, i);
        }
    }
}
