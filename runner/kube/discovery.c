/* SPDX-License-Identifier: Apache-2.0 */
/* Learns which resources a cluster has, and what they are called. */
#include <string.h>
#include <strings.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/kube_impl.h"

struct waiter {
    void (*done)(void *arg, const struct err *err);
    void *arg;
};

/* The legacy lists: /api/v1, /apis, then one list per preferred group version. Every cluster has
 * them. What was known stays until the new is complete. */
struct discovery {
    struct kube *kube;
    VEC(struct waiter) waiters;
    kube_resource_rows rows;
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

void kube_resources_clear(kube_resource_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free_row(rows->v[i]);
    }
    vec_fini(rows);
}

static void add_row(kube_resource_rows *rows, const char *group, const char *version,
                    const json_t *from)
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
    vec_push(rows, row);
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

static void discovery_free(struct kube *k)
{
    struct discovery *d = k->discovery;
    kube_resources_clear(&d->rows);
    vec_fini(&d->waiters);
    free(d);
    k->discovery = NULL;
}

/* One waiter a call, and last: it may do anything, free the kube too. */
static void tell(void *arg)
{
    struct discovery *d = arg;
    struct err err = d->err;
    struct waiter w = {0};
    if (d->waiters.n > 0) {
        w = d->waiters.v[0];
        vec_remove(&d->waiters, 0);
    }
    if (d->waiters.n > 0) {
        loop_defer(d->kube->loop, tell, d);
    } else {
        discovery_free(d->kube);
    }
    if (w.done != NULL) {
        w.done(w.arg, &err);
    }
}

static void finish(struct discovery *d)
{
    struct kube *k = d->kube;
    if (d->err.code == ERR_NONE) {
        kube_resources_clear(&k->resources);
        k->resources = d->rows;
        d->rows = (kube_resource_rows){0};
        k->discovered = true;
    }
    tell(d);
}

static void one_less(struct discovery *d)
{
    if (--d->left == 0) {
        finish(d);
    }
}

static bool answered(const struct kube_answer *a, const char *what, struct err *err)
{
    if (a->status == 200 && a->answer != NULL) {
        return true;
    }
    if (a->status == 0) {
        *err = *a->err;
    } else {
        err_set(err, ERR_UNAVAILABLE, "%s was answered %d: %.200s", what, a->status,
                jx_str(a->answer, "message", a->text));
    }
    return false;
}

static void add_rows(struct discovery *d, const json_t *answer)
{
    char group_version[256];
    str_copy(group_version, sizeof(group_version), jx_str(answer, "groupVersion", ""));
    char *slash = strchr(group_version, '/');
    const char *group = slash != NULL ? group_version : "";
    const char *version = slash != NULL ? slash + 1 : group_version;
    if (slash != NULL) {
        *slash = '\0';
    }
    size_t i;
    json_t *resource;
    const json_t *list = jx_arr(answer, "resources");
    jx_each(i, resource, list)
    {
        if (strchr(jx_get_str(resource, "name", "/"), '/') == NULL) {
            add_row(&d->rows, group, version, resource);
        }
    }
}

/* A group whose server is away (metrics, most often) leaves the others usable. */
static void on_group(void *arg, const struct kube_answer *a)
{
    struct discovery *d = arg;
    struct err err;
    if (answered(a, "discovery", &err)) {
        add_rows(d, a->answer);
    } else {
        log_warn("kube", "%s", err.msg);
    }
    one_less(d);
}

static void on_groups(void *arg, const struct kube_answer *a)
{
    struct discovery *d = arg;
    if (answered(a, "/apis", &d->err)) {
        size_t i;
        json_t *group;
        const json_t *groups = jx_arr(a->answer, "groups");
        jx_each(i, group, groups)
        {
            const char *gv = jx_str(group, "preferredVersion.groupVersion", "");
            cleanup_free char *path = xasprintf("/apis/%s", gv);
            d->left++;
            kube_get(d->kube, path, 0, on_group, d);
        }
    }
    one_less(d);
}

/* The core group first: its words win over others' (events). */
static void on_core(void *arg, const struct kube_answer *a)
{
    struct discovery *d = arg;
    if (!answered(a, "/api/v1", &d->err)) {
        one_less(d);
        return;
    }
    add_rows(d, a->answer);
    kube_get(d->kube, "/apis", 0, on_groups, d);
}

static void begin(struct kube *k)
{
    k->discovery = xnew(struct discovery);
    k->discovery->kube = k;
    k->discovery->left = 1;
    if (k->discovered) {
        loop_defer(k->loop, tell, k->discovery);
    } else {
        kube_get(k, "/api/v1", 0, on_core, k->discovery);
    }
}

void kube_discover(struct kube *k, void (*done)(void *arg, const struct err *err), void *arg)
{
    if (k->discovery == NULL) {
        begin(k);
    }
    struct waiter w = {done, arg};
    vec_push(&k->discovery->waiters, w);
}

void kube_discover_again(struct kube *k)
{
    k->discovered = false;
}

void kube_discovery_forget(struct kube *k, const void *arg)
{
    for (size_t i = k->discovery != NULL ? k->discovery->waiters.n : 0; i-- > 0;) {
        if (k->discovery->waiters.v[i].arg == arg) {
            vec_remove(&k->discovery->waiters, i);
        }
    }
}

void kube_discovery_free(struct kube *k)
{
    if (k->discovery != NULL) {
        loop_undefer(k->loop, k->discovery);
        discovery_free(k);
    }
}
