/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster without nodes or containers: store, API and controllers on a virtual clock; the test
 * plays the kubelets. */
#ifndef TESTS_CONTROLLERS_FIXTURE_H
#define TESTS_CONTROLLERS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/api.h"
#include "client/client.h"
#include "common/json/jx.h"
#include "common/json/yaml.h"
#include "common/loop.h"
#include "common/mem.h"
#include "controllers/controllers.h"
#include "kinds/kinds.h"
#include "meta/clock.h"
#include "meta/object.h"
#include "store/store.h"

struct fixture {
    char dir[64];
    struct loop *loop;
    struct store *store;
    struct api *api;
    struct controllers *controllers;
    struct client *client;
    const struct clock *clock;
};

static void fixture_fail(const char *what, const struct err *err)
{
    fail_msg("%s: %s", what, err->msg);
}

static int fixture_setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err = {0};
    str_copy(f->dir, sizeof(f->dir), "/tmp/podlab-controllers-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    cleanup_free char *path = xasprintf("%s/state.db", f->dir);
    f->loop = loop_sim_new(1);
    f->clock = &clock_lab;
    if (store_open(f->loop, &(struct store_opts){.path = path}, &f->store, &err) < 0) {
        fixture_fail("store_open", &err);
    }
    f->api = api_new(f->loop, f->store,
                     &(struct api_opts){.service_cidr = "10.77.128.0/17",
                                        .version = "v1.35.0+podlab",
                                        .cluster_name = "test"});
    if (api_bootstrap(f->api, "10.77.0.1", 6443, &err) < 0) {
        fixture_fail("api_bootstrap", &err);
    }
    f->controllers = controllers_new(f->api, &f->clock);
    f->client = client_new(f->api, "system:test");
    loop_sim_advance(f->loop, LOOP_MS(50));
    *state = f;
    return 0;
}

static int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    client_free(f->client);
    controllers_free(f->controllers);
    api_free(f->api);
    store_close(f->store);
    loop_free(f->loop);
    static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        cleanup_free char *path = xasprintf("%s/%s", f->dir, files[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

static inline void run_ms(struct fixture *f, unsigned ms)
{
    loop_sim_advance(f->loop, LOOP_MS(ms));
}

static inline const struct kind *kind(const char *gr)
{
    const struct kind *k = kinds_find_gr(gr);
    assert_non_null(k);
    return k;
}

/* Creates what the YAML says, in default or where its metadata says. */
static inline void apply(struct fixture *f, const char *yaml)
{
    json_auto_t *docs = NULL;
    struct err err;
    if (yaml_parse(yaml, strlen(yaml), &docs, &err) < 0) {
        fixture_fail("yaml", &err);
    }
    size_t i;
    json_t *doc;
    jx_each(i, doc, docs)
    {
        const struct kind *k = kinds_of(doc);
        const char *ns = jx_str(doc, "metadata.namespace", "default");
        assert_non_null(k);
        if (client_create(f->client, k, k->namespaced ? ns : NULL, jx_edit(doc), NULL, &err) < 0) {
            fixture_fail("create", &err);
        }
    }
    run_ms(f, 50);
}

static inline const json_t *get(struct fixture *f, const char *gr, const char *name)
{
    struct err err;
    const struct kind *k = kind(gr);
    return client_get(f->client, k, k->namespaced ? "default" : NULL, name, &err);
}

static inline void patch(struct fixture *f, const char *gr, const char *name,
                         const char *subresource, json_t *p)
{
    struct err err;
    const struct kind *k = kind(gr);
    if (client_patch(f->client, k, k->namespaced ? "default" : NULL, name, subresource, p, NULL,
                     &err) < 0) {
        fixture_fail("patch", &err);
    }
    run_ms(f, 50);
}

static inline void delete_object(struct fixture *f, const char *gr, const char *name,
                                 const char *policy)
{
    struct err err;
    const struct kind *k = kind(gr);
    struct client_delete_opts opts = {.grace_s = -1, .policy = policy};
    if (client_delete(f->client, k, k->namespaced ? "default" : NULL, name, &opts, &err) < 0) {
        fixture_fail("delete", &err);
    }
    run_ms(f, 50);
}

static inline size_t count(struct fixture *f, const char *gr)
{
    struct client_filter filter = {.ns = kind(gr)->namespaced ? "default" : NULL};
    return client_count(f->client, kind(gr), &filter);
}

/* ---- the kubelets' part ---- */

struct pod_names {
    char names[64][254];
    size_t n;
};

static bool note_unready(void *arg, const json_t *pod)
{
    struct pod_names *p = arg;
    if (!object_pod_ready(pod) && !object_deleting(pod) && p->n < 64) {
        str_copy(p->names[p->n++], 254, object_name(pod));
    }
    return true;
}

static bool note_deleting(void *arg, const json_t *pod)
{
    struct pod_names *p = arg;
    if (object_deleting(pod) && p->n < 64) {
        str_copy(p->names[p->n++], 254, object_name(pod));
    }
    return true;
}

/* Makes up to `max` pods Running and Ready, with addresses; returns how many. */
static inline size_t make_ready(struct fixture *f, size_t max)
{
    struct pod_names p = {0};
    struct client_filter filter = {.ns = "default"};
    static unsigned next_ip = 1;
    client_each(f->client, kind("pods"), &filter, note_unready, &p);
    size_t n = p.n < max ? p.n : max;
    for (size_t i = 0; i < n; i++) {
        struct err err;
        json_auto_t *pod = jx_edit(get(f, "pods", p.names[i]));
        char ip[16];
        snprintf(ip, sizeof(ip), "10.77.1.%u", next_ip++ % 250);
        jx_put_str(pod, "status.phase", "Running");
        jx_put_str(pod, "status.podIP", ip);
        object_set_condition(pod, "Ready", "True", NULL, NULL, loop_wall_us(f->loop), false);
        if (client_update_status(f->client, kind("pods"), steal(pod), NULL, &err) < 0) {
            fixture_fail("pod status", &err);
        }
    }
    run_ms(f, 50);
    return n;
}

/* Lets pods that are being deleted go, as their node would. */
static inline size_t finish_deletions(struct fixture *f)
{
    struct pod_names p = {0};
    struct client_filter filter = {.ns = "default"};
    client_each(f->client, kind("pods"), &filter, note_deleting, &p);
    for (size_t i = 0; i < p.n; i++) {
        struct err err;
        struct client_delete_opts opts = {.grace_s = 0};
        if (client_delete(f->client, kind("pods"), "default", p.names[i], &opts, &err) < 0) {
            fixture_fail("finish deletion", &err);
        }
    }
    run_ms(f, 50);
    return p.n;
}

/* Both, until nothing changes. */
static inline void settle(struct fixture *f)
{
    for (int i = 0; i < 100; i++) {
        size_t ready = make_ready(f, 64);
        if (ready + finish_deletions(f) == 0) {
            return;
        }
    }
    fail_msg("the cluster does not settle");
}

#endif
