/* SPDX-License-Identifier: Apache-2.0 */
/* A store, an API and the agents of a few hosts on a virtual loop, above a fake runtime that
 * outlives them. */
#ifndef TESTS_UNIT_NODE_FIXTURE_H
#define TESTS_UNIT_NODE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "auth/auth.h"
#include "client/client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/clock.h"
#include "meta/object.h"
#include "node/node.h"
#include "runtime/fake/fake.h"
#include "store/memvfs.h"
#include "store/store.h"

struct fixture {
    struct loop *loop;
    struct memvfs *disk;
    struct fake *fake;
    struct store *store;
    struct api *api;
    struct auth *auth;
    struct client *client;
    struct runtime rt;
    struct nodes *nodes;
    const struct clock *clock;
    bool host_unknown; /* power_on does not tell that the host's guest runs */
    uint64_t epoch[3];
    bool frozen[3]; /* as the hosts are when their power comes on */
    int64_t cut_us[3];
    bool auth_on;
    unsigned spares;
    int64_t (*memory_left)(void);
    char file[32], vfs[32]; /* a test that fails leaves its own open */
};

static inline void on_runtime(void *arg, const struct runtime_event *ev)
{
    struct fixture *f = arg;
    nodes_runtime_event(f->nodes, ev);
}

static inline void on_recovered(void *arg, enum runtime_result result,
                                const struct runtime_status *st, const struct err *err)
{
    struct fixture *f = arg;
    (void)st, (void)err;
    if (result == RUNTIME_OK) {
        nodes_runtime_ready(f->nodes);
    }
}

static const char *const node_names[] = {"worker-1", "worker-2", "worker-3"};

static inline void power_on(struct fixture *f, int i)
{
    char address[32];
    snprintf(address, sizeof(address), "10.77.0.%d", 11 + i);
    struct node_opts node = {.name = node_names[i],
                             .address = address,
                             .cpu_milli = 2000,
                             .memory = (int64_t)2 << 30,
                             .pods = 110,
                             .frozen = f->frozen[i],
                             .cut_us = f->cut_us[i]};
    nodes_power_on(f->nodes, &node, f->epoch[i]);
    if (!f->host_unknown) {
        nodes_host_up(f->nodes, node_names[i], true);
    }
}

/* A life of mini-cluster. */
static inline void begin_life(struct fixture *f)
{
    struct err err = {ERR_NONE, ""};
    struct store_opts so = {.path = f->file, .vfs = f->vfs, .boot_id = "one"};
    if (store_open(f->loop, &so, &f->store, &err) < 0) {
        fail_msg("store_open: %s", err.msg);
    }
    struct api_opts ao = {.service_cidr = "10.77.128.0/17", .version = "v1.35.0+podlab"};
    f->api = api_new(f->loop, f->store, &ao);
    if (api_bootstrap(f->api, "10.77.0.1", 6443, &err) < 0) {
        fail_msg("bootstrap: %s", err.msg);
    }
    struct nodes_opts opts = {.clock = &f->clock,
                              .subnet = "10.77.0.0/16",
                              .dns = "10.77.128.10",
                              .api_host = "10.77.128.1",
                              .ca_pem = "CA"};
    memset(opts.key, 7, sizeof(opts.key));
    f->auth = f->auth_on ? auth_new("admin", opts.key) : NULL;
    opts.auth = f->auth;
    opts.spares = f->spares;
    opts.memory_left = f->memory_left;
    f->client = client_new(f->api, "system:test");
    fake_runtime(f->fake, &f->rt);
    f->nodes = nodes_new(f->api, &f->rt, &opts);
    f->rt.ops->subscribe(f->rt.self, on_runtime, f);
    f->rt.ops->recover(f->rt.self, on_recovered, f);
    for (int i = 0; i < 3; i++) {
        power_on(f, i);
    }
}

/* As SIGKILL would end it. */
static inline void end_life(struct fixture *f)
{
    client_free(f->client);
    nodes_free(f->nodes);
    api_free(f->api);
    auth_free(f->auth);
    store_abandon(f->store);
    f->rt.ops->free(f->rt.self);
    f->nodes = NULL;
}

static inline void set_up_with(struct fixture *f, const struct fake_opts *fo)
{
    log_set_level(LOG_ERROR);
    jx_init();
    static int made;
    *f = (struct fixture){.loop = loop_sim_new(1)};
    snprintf(f->file, sizeof(f->file), "state-%d.db", ++made);
    snprintf(f->vfs, sizeof(f->vfs), "node-disk-%d", made);
    f->disk = memvfs_new(f->vfs);
    f->clock = &clock_lab;
    f->fake = fake_new(f->loop, fo);
    for (int i = 0; i < 3; i++) {
        f->epoch[i] = 1;
    }
    begin_life(f);
}

static inline void set_up(struct fixture *f)
{
    set_up_with(f, NULL);
}

static inline void tear_down(struct fixture *f)
{
    end_life(f);
    fake_free(f->fake);
    loop_free(f->loop);
    memvfs_free(f->disk);
}

static inline void run_ms(struct fixture *f, uint64_t ms)
{
    loop_sim_advance(f->loop, LOOP_MS(ms));
}

/* ---- pods ---- */

static inline const struct kind *pods_kind(void)
{
    return kinds_find_gr("pods");
}

/* `text` is the pod's spec as JSON, without its node; ' stands for ". */
static inline json_t *json_text(const char *text)
{
    cleanup_free char *copy = xstrdup(text);
    struct err err;
    json_t *v = NULL;
    for (char *p = copy; *p != '\0'; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    if (jx_parse(copy, strlen(copy), true, &v, &err) < 0) {
        fail_msg("%s: %s", copy, err.msg);
    }
    return v;
}

static inline void create(struct fixture *f, const char *gr, const char *ns, json_t *obj)
{
    struct err err;
    if (client_create(f->client, kinds_find_gr(gr), ns, obj, NULL, &err) < 0) {
        fail_msg("create %s: %s", gr, err.msg);
    }
}

static inline void create_pod(struct fixture *f, const char *name, const char *node,
                              const char *spec)
{
    json_t *s = json_text(spec);
    jx_put_str(s, "nodeName", node);
    create(f, "pods", "default",
           json_pack("{s:s, s:s, s:{s:s, s:{s:s}}, s:o}", "apiVersion", "v1", "kind", "Pod",
                     "metadata", "name", name, "labels", "app", name, "spec", s));
}

#define WEB "{'containers':[{'name':'web','image':'podlab/web:v1'}]}"

static inline const json_t *pod(struct fixture *f, const char *name)
{
    struct err err;
    return client_get(f->client, pods_kind(), "default", name, &err);
}

static inline void delete_pod(struct fixture *f, const char *name, int64_t grace_s)
{
    struct client_delete_opts opts = {.grace_s = grace_s};
    struct err err;
    if (client_delete(f->client, pods_kind(), "default", name, &opts, &err) < 0) {
        fail_msg("delete %s: %s", name, err.msg);
    }
}

static inline const char *phase(struct fixture *f, const char *name)
{
    return jx_str(pod(f, name), "status.phase", "gone");
}

/* A path in the status of the i-th container. */
static inline const json_t *cstatus(struct fixture *f, const char *name, int i, const char *path)
{
    char full[128];
    snprintf(full, sizeof(full), "status.containerStatuses[%d].%s", i, path);
    return jx_path(pod(f, name), full);
}

static inline const char *ctext(struct fixture *f, const char *name, int i, const char *path)
{
    const json_t *v = cstatus(f, name, i, path);
    return json_is_string(v) ? json_string_value(v) : "";
}

static inline int64_t cint(struct fixture *f, const char *name, int i, const char *path)
{
    return json_integer_value(cstatus(f, name, i, path));
}

/* Advances until the text at a path of the pod is as wanted; the deadline fails the test. */
static inline void wait_for(struct fixture *f, const char *name, const char *path, const char *want,
                            uint64_t deadline_ms)
{
    uint64_t end = loop_mono_ns(f->loop) + LOOP_MS(deadline_ms);
    for (;;) {
        const json_t *p = pod(f, name);
        const json_t *v = jx_path(p, path);
        const char *is = p == NULL           ? "gone"
                         : json_is_true(v)   ? "true"
                         : json_is_false(v)  ? "false"
                         : json_is_string(v) ? json_string_value(v)
                                             : "none";
        if (strcmp(is, want) == 0) {
            return;
        }
        if (loop_mono_ns(f->loop) >= end) {
            cleanup_free char *all = p != NULL ? jx_dump_pretty(jx_get(p, "status")) : NULL;
            fail_msg("%s: %s is \"%s\", not \"%s\"\n%s", name, path, is, want, all);
        }
        loop_sim_advance(f->loop, LOOP_MS(1));
    }
}

/* ---- what the machine has ---- */

struct census {
    struct fixture *f;
    int running, all, sandboxes;
    unsigned most_starts;
    struct map *alive; /* "pod/container" that runs */
    int twice;
    char last[128];   /* the name of the last one found */
    const char *want; /* only containers of this pod and container: "default/x c" */
};

static inline const char *label(const struct runtime_status *st, const char *key)
{
    size_t n = strlen(key);
    for (const char *const *l = st->labels; *l != NULL; l++) {
        if (strncmp(*l, key, n) == 0 && (*l)[n] == '=') {
            return *l + n + 1;
        }
    }
    return "";
}

static inline void count_one(void *arg, const struct runtime_status *st)
{
    struct census *c = arg;
    char who[256];
    if (label(st, "dev.podlab.pod")[0] == '\0') {
        return;
    }
    snprintf(who, sizeof(who), "%s %s", label(st, "dev.podlab.pod"),
             label(st, "dev.podlab.container"));
    unsigned starts = fake_starts(c->f->fake, st->name);
    c->most_starts = starts > c->most_starts ? starts : c->most_starts;
    if (c->want != NULL && strcmp(c->want, who) != 0) {
        return;
    }
    c->all++;
    snprintf(c->last, sizeof(c->last), "%s", st->name);
    if (st->state == RUNTIME_RUNNING || st->state == RUNTIME_PAUSED) {
        c->running++;
        c->sandboxes += st->role == RUNTIME_SANDBOX;
        if (map_find(c->alive, who) != NULL) {
            c->twice++;
        }
        map_put(c->alive, who, c);
    }
}

/* Counts, and checks what must always be true. */
static inline struct census take_census(struct fixture *f, const char *want)
{
    struct census c = {.f = f, .alive = map_new(NULL), .want = want};
    fake_each(f->fake, count_one, &c);
    map_free(c.alive);
    assert_int_equal(c.twice, 0);
    assert_true(c.most_starts <= 1);
    return c;
}

/* The name of the running container, for fake_kill. */
static inline const char *find_running(struct fixture *f, const char *want)
{
    static char name[128];
    struct census c = take_census(f, want);
    snprintf(name, sizeof(name), "%s", c.last);
    assert_true(c.running >= 1);
    return name;
}

/* How often an event with this reason was said about the pod; its message, when asked. */
struct search {
    const char *pod, *reason;
    int64_t count;
    char message[512];
};

static inline bool match_event(void *arg, const json_t *ev)
{
    struct search *s = arg;
    if (strcmp(jx_str(ev, "involvedObject.name", ""), s->pod) == 0 &&
        strcmp(jx_str(ev, "reason", ""), s->reason) == 0) {
        s->count += jx_int(ev, "count", 1);
        snprintf(s->message, sizeof(s->message), "%s", jx_str(ev, "message", ""));
    }
    return true;
}

static inline struct search find_events(struct fixture *f, const char *name, const char *reason)
{
    struct search s = {.pod = name, .reason = reason};
    client_each(f->client, kinds_find("", "v1", "events"), NULL, match_event, &s);
    return s;
}

#endif
