/* SPDX-License-Identifier: Apache-2.0 */
/* A store, an API and the machines on a virtual loop, above a fake runtime that outlives them. */
#ifndef TESTS_UNIT_HOSTS_FIXTURE_H
#define TESTS_UNIT_HOSTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "client/client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/hosts.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "runtime/fake/fake.h"
#include "store/memvfs.h"
#include "store/store.h"

struct fixture {
    struct loop *loop;
    struct memvfs *disk;
    struct fake *fake;
    struct store *store;
    struct api *api;
    struct client *client;
    struct runtime rt;
    struct hosts *hosts;
    char vfs[32];
    struct map *on;                  /* host -> its epoch, while its power is on */
    struct map *guests;              /* host -> the name of its guest */
    struct map *machines;            /* host -> struct hosts_machine as told last */
    unsigned powered;                /* how often on_power(on) was called */
    unsigned removed;                /* how often on_removed */
    void (*wrap)(struct fixture *f); /* puts something before the runtime; NULL */
};

static inline void note(struct fixture *f, const struct hosts_machine *m)
{
    struct hosts_machine *copy = xnew(struct hosts_machine);
    *copy = *m;
    copy->name = copy->address = NULL;
    map_put(f->machines, m->name, copy);
}

static inline void on_power(void *arg, const struct hosts_machine *m, bool on)
{
    struct fixture *f = arg;
    assert_true(m->epoch > 0);
    assert_true(strncmp(m->address, "10.77.0.", 8) == 0);
    note(f, m);
    if (on) {
        f->powered++;
        map_put(f->on, m->name, (void *)(uintptr_t)m->epoch);
    } else {
        assert_true(map_remove(f->on, m->name));
    }
}

static inline void on_change(void *arg, const struct hosts_machine *m)
{
    struct fixture *f = arg;
    assert_int_equal((uintptr_t)map_find(f->on, m->name), m->epoch);
    note(f, m);
}

static inline void on_removed(void *arg, const char *name)
{
    struct fixture *f = arg;
    assert_null(map_find(f->on, name));
    assert_null(map_find(f->guests, name));
    f->removed++;
}

static inline void on_guest(void *arg, const char *name, const char *container)
{
    struct fixture *f = arg;
    if (container != NULL) {
        assert_non_null(map_find(f->on, name)); /* power first */
        map_put(f->guests, name, xstrdup(container));
    } else {
        assert_null(map_find(f->on, name));
        map_remove(f->guests, name);
    }
}

static const struct hosts_ops ops = {on_power, on_change, on_guest, on_removed};
static const char *const workers[] = {"worker-1", "worker-2", NULL};

static inline void on_runtime(void *arg, const struct runtime_event *ev)
{
    hosts_runtime_event(((struct fixture *)arg)->hosts, ev);
}

static inline void on_recovered(void *arg, enum runtime_result result,
                                const struct runtime_status *st, const struct err *err)
{
    (void)st, (void)err;
    if (result == RUNTIME_OK) {
        hosts_runtime_ready(((struct fixture *)arg)->hosts);
    }
}

static inline void begin_life(struct fixture *f)
{
    struct err err = {ERR_NONE, ""};
    struct store_opts so = {.path = "state.db", .vfs = f->vfs, .boot_id = "one"};
    if (store_open(f->loop, &so, &f->store, &err) < 0) {
        fail_msg("store_open: %s", err.msg);
    }
    struct api_opts ao = {.service_cidr = "10.77.128.0/17", .version = "v1.35.0+podlab"};
    f->api = api_new(f->loop, f->store, &ao);
    if (api_bootstrap(f->api, "10.77.0.1", 6443, &err) < 0) {
        fail_msg("bootstrap: %s", err.msg);
    }
    struct hosts_opts opts = {
        .names = workers, .subnet = "10.77.0.0/16", .dns = "10.77.128.10", .ops = &ops, .arg = f};
    memset(opts.key, 7, sizeof(opts.key));
    f->on = map_new(NULL);
    f->guests = map_new(free);
    f->machines = map_new(free);
    f->client = client_new(f->api, "system:test");
    fake_runtime(f->fake, &f->rt);
    if (f->wrap != NULL) {
        f->wrap(f);
    }
    f->hosts = hosts_new(f->api, &f->rt, &opts);
    f->rt.ops->subscribe(f->rt.self, on_runtime, f);
    f->rt.ops->recover(f->rt.self, on_recovered, f);
}

static inline void end_life(struct fixture *f)
{
    client_free(f->client);
    hosts_free(f->hosts);
    api_free(f->api);
    store_abandon(f->store);
    f->rt.ops->free(f->rt.self);
    map_free(f->on);
    map_free(f->guests);
    map_free(f->machines);
}

static inline void set_up_with(struct fixture *f, const struct fake_opts *fo)
{
    static int made;
    log_set_level(LOG_ERROR);
    jx_init();
    *f = (struct fixture){.loop = loop_sim_new(1)};
    snprintf(f->vfs, sizeof(f->vfs), "hosts-disk-%d", ++made);
    f->disk = memvfs_new(f->vfs);
    f->fake = fake_new(f->loop, fo);
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

static inline const struct kind *kind(void)
{
    return kinds_find_gr("hosts.podlab.dev");
}

static inline const json_t *host(struct fixture *f, const char *name)
{
    struct err err;
    return client_get(f->client, kind(), NULL, name, &err);
}

static inline void wish(struct fixture *f, const char *name, const char *field, const char *value)
{
    struct err err;
    if (client_patch(f->client, kind(), NULL, name, NULL,
                     json_pack("{s:{s:s}}", "spec", field, value), NULL, &err) < 0) {
        fail_msg("patch: %s", err.msg);
    }
}

static inline void wait_power(struct fixture *f, const char *name, const char *want, uint64_t ms)
{
    for (uint64_t end = loop_mono_ns(f->loop) + LOOP_MS(ms);;) {
        const char *is = jx_str(host(f, name), "status.power", "none");
        if (strcmp(is, want) == 0) {
            return;
        }
        if (loop_mono_ns(f->loop) >= end) {
            fail_msg("%s: status.power is %s, not %s", name, is, want);
        }
        run_ms(f, 1);
    }
}

static inline int64_t epoch(struct fixture *f, const char *name)
{
    return jx_int(host(f, name), "status.epoch", -1);
}

static inline char *guest(struct fixture *f, const char *name)
{
    const char *container = map_find(f->guests, name);
    assert_non_null(container);
    return xstrdup(container);
}

/* ---- what the machine has ---- */

struct census {
    struct fixture *f;
    int running, all, paused, cut;
};

static inline void count(void *arg, const struct runtime_status *st)
{
    struct census *c = arg;
    c->all++;
    c->running += st->state == RUNTIME_RUNNING;
    c->paused += st->state == RUNTIME_PAUSED;
    c->cut += st->cut;
    assert_true(fake_starts(c->f->fake, st->name) <= 1);
}

static inline struct census take_census(struct fixture *f)
{
    struct census c = {.f = f};
    fake_each(f->fake, count, &c);
    return c;
}

static inline void expect_containers(struct fixture *f, int running, int all)
{
    struct census c = take_census(f);
    assert_int_equal(c.running, running);
    assert_int_equal(c.all, all);
}

struct search {
    const char *about, *reason;
    int64_t count;
};

static inline bool match(void *arg, const json_t *ev)
{
    struct search *s = arg;
    if (strcmp(jx_str(ev, "involvedObject.name", ""), s->about) == 0 &&
        strcmp(jx_str(ev, "reason", ""), s->reason) == 0) {
        s->count += jx_int(ev, "count", 1);
    }
    return true;
}

static inline int events(struct fixture *f, const char *about, const char *reason)
{
    struct search s = {.about = about, .reason = reason};
    client_each(f->client, kinds_find("", "v1", "events"), NULL, match, &s);
    return (int)s.count;
}

static inline void nothing_more(void *arg, enum runtime_result result,
                                const struct runtime_status *st, const struct err *err)
{
    (void)st, (void)err;
    *(bool *)arg = result == RUNTIME_OK;
}

/* A container of a pod on this host, with an address of its own; false when it did not start. */
static inline bool try_app(struct fixture *f, const char *name, const char *on, int n)
{
    char address[16];
    snprintf(address, sizeof(address), "10.77.1.%d", n);
    struct runtime_spec spec = {
        .name = name, .role = RUNTIME_SANDBOX, .host = on, .hash = "h", .address = address};
    bool ok = false;
    f->rt.ops->ensure(f->rt.self, &spec, 1, nothing_more, &ok);
    run_ms(f, 5);
    return ok;
}

static inline void make_app(struct fixture *f, const char *name, const char *on)
{
    assert_true(try_app(f, name, on, 9));
}

#endif
