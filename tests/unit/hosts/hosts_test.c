/* SPDX-License-Identifier: Apache-2.0 */
/* Machines are switched on and off under epochs that never come again, whoever dies meanwhile, and
 * what cannot be done is said on the object. */
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
    struct map *on;     /* host -> its epoch, while its power is on */
    struct map *guests; /* host -> the name of its guest */
    unsigned powered;   /* how often on_power(on) was called */
};

static void on_power(void *arg, const char *name, const char *address, uint64_t epoch, bool on)
{
    struct fixture *f = arg;
    assert_true(epoch > 0);
    assert_true(strncmp(address, "10.77.0.", 8) == 0);
    if (on) {
        f->powered++;
        map_put(f->on, name, (void *)(uintptr_t)epoch);
    } else {
        assert_true(map_remove(f->on, name));
    }
}

static void on_guest(void *arg, const char *name, const char *container)
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

static const struct hosts_ops ops = {on_power, on_guest};
static const char *const workers[] = {"worker-1", "worker-2", NULL};

static void on_runtime(void *arg, const struct runtime_event *ev)
{
    hosts_runtime_event(((struct fixture *)arg)->hosts, ev);
}

static void on_recovered(void *arg, enum runtime_result result, const struct runtime_status *st,
                         const struct err *err)
{
    (void)st, (void)err;
    if (result == RUNTIME_OK) {
        hosts_runtime_ready(((struct fixture *)arg)->hosts);
    }
}

static void begin_life(struct fixture *f)
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
    f->client = client_new(f->api, "system:test");
    fake_runtime(f->fake, &f->rt);
    f->hosts = hosts_new(f->api, &f->rt, &opts);
    f->rt.ops->subscribe(f->rt.self, on_runtime, f);
    f->rt.ops->recover(f->rt.self, on_recovered, f);
}

static void end_life(struct fixture *f)
{
    client_free(f->client);
    hosts_free(f->hosts);
    api_free(f->api);
    store_abandon(f->store);
    f->rt.ops->free(f->rt.self);
    map_free(f->on);
    map_free(f->guests);
}

static void set_up(struct fixture *f)
{
    static int made;
    log_set_level(LOG_ERROR);
    jx_init();
    *f = (struct fixture){.loop = loop_sim_new(1)};
    snprintf(f->vfs, sizeof(f->vfs), "hosts-disk-%d", ++made);
    f->disk = memvfs_new(f->vfs);
    f->fake = fake_new(f->loop, NULL);
    begin_life(f);
}

static void tear_down(struct fixture *f)
{
    end_life(f);
    fake_free(f->fake);
    loop_free(f->loop);
    memvfs_free(f->disk);
}

static void run_ms(struct fixture *f, uint64_t ms)
{
    loop_sim_advance(f->loop, LOOP_MS(ms));
}

static const struct kind *kind(void)
{
    return kinds_find_gr("hosts.podlab.dev");
}

static const json_t *host(struct fixture *f, const char *name)
{
    struct err err;
    return client_get(f->client, kind(), NULL, name, &err);
}

static void wish(struct fixture *f, const char *name, const char *field, const char *value)
{
    struct err err;
    if (client_patch(f->client, kind(), NULL, name, NULL,
                     json_pack("{s:{s:s}}", "spec", field, value), NULL, &err) < 0) {
        fail_msg("patch: %s", err.msg);
    }
}

static void wait_power(struct fixture *f, const char *name, const char *want, uint64_t ms)
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

static int64_t epoch(struct fixture *f, const char *name)
{
    return jx_int(host(f, name), "status.epoch", -1);
}

static char *guest(struct fixture *f, const char *name)
{
    const char *container = map_find(f->guests, name);
    assert_non_null(container);
    return xstrdup(container);
}

/* ---- what the machine has ---- */

struct census {
    struct fixture *f;
    int running, all;
};

static void count(void *arg, const struct runtime_status *st)
{
    struct census *c = arg;
    c->all++;
    c->running += st->state == RUNTIME_RUNNING;
    assert_true(fake_starts(c->f->fake, st->name) <= 1);
}

static void expect_containers(struct fixture *f, int running, int all)
{
    struct census c = {.f = f};
    fake_each(f->fake, count, &c);
    assert_int_equal(c.running, running);
    assert_int_equal(c.all, all);
}

struct search {
    const char *about, *reason;
    int64_t count;
};

static bool match(void *arg, const json_t *ev)
{
    struct search *s = arg;
    if (strcmp(jx_str(ev, "involvedObject.name", ""), s->about) == 0 &&
        strcmp(jx_str(ev, "reason", ""), s->reason) == 0) {
        s->count += jx_int(ev, "count", 1);
    }
    return true;
}

static int events(struct fixture *f, const char *about, const char *reason)
{
    struct search s = {.about = about, .reason = reason};
    client_each(f->client, kinds_find("", "v1", "events"), NULL, match, &s);
    return (int)s.count;
}

static void nothing_more(void *arg, enum runtime_result result, const struct runtime_status *st,
                         const struct err *err)
{
    (void)st, (void)err;
    *(bool *)arg = result == RUNTIME_OK;
}

/* A container of a pod on this host. */
static void make_app(struct fixture *f, const char *name, const char *on)
{
    struct runtime_spec spec = {
        .name = name, .role = RUNTIME_SANDBOX, .host = on, .hash = "h", .address = "10.77.1.9"};
    bool ok = false;
    f->rt.ops->ensure(f->rt.self, &spec, 1, nothing_more, &ok);
    run_ms(f, 5);
    assert_true(ok);
}

/* ---- power ---- */

static void test_comes_up(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "control-plane", "On", 100);
    wait_power(&f, "worker-1", "On", 100);
    wait_power(&f, "worker-2", "On", 100);
    assert_int_equal(epoch(&f, "worker-2"), 1);
    assert_string_equal(jx_str(host(&f, "worker-2"), "status.address", ""), "10.77.0.12");
    assert_string_equal(jx_str(host(&f, "worker-2"), "status.network", ""), "Connected");
    assert_int_equal(map_count(f.guests), 3);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

static void test_off_and_on(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    make_app(&f, "app-1", "worker-1");
    wish(&f, "worker-1", "power", "Off");
    wait_power(&f, "worker-1", "Off", 100);
    assert_null(map_find(f.on, "worker-1"));
    expect_containers(&f, 2, 2); /* the pod's container went too */
    wish(&f, "worker-1", "power", "On");
    wait_power(&f, "worker-1", "On", 100);
    assert_int_equal(epoch(&f, "worker-1"), 2);
    assert_int_equal((uintptr_t)map_find(f.on, "worker-1"), 2);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

static void test_control_plane_off_and_on(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "control-plane", "On", 100);
    run_ms(&f, 10);
    wish(&f, "control-plane", "power", "Off");
    wait_power(&f, "control-plane", "Off", 100);
    expect_containers(&f, 2, 2);
    wish(&f, "control-plane", "power", "On");
    wait_power(&f, "control-plane", "On", 100);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

/* Whatever moment the wish changes in, and changes back. */
static void test_off_at_every_tick(void **state)
{
    (void)state;
    for (int ticks = 0; ticks < 30; ticks++) {
        for (int later = 0; later < 8; later++) {
            struct fixture f;
            set_up(&f);
            for (int i = 0; i < ticks; i++) {
                if (!loop_sim_tick(f.loop)) {
                    loop_sim_advance(f.loop, loop_sim_next(f.loop));
                }
            }
            wish(&f, "worker-1", "power", "Off");
            for (int i = 0; i < later; i++) {
                if (!loop_sim_tick(f.loop)) {
                    loop_sim_advance(f.loop, loop_sim_next(f.loop));
                }
            }
            if (later % 2 == 0) {
                run_ms(&f, 5000);
                wait_power(&f, "worker-1", "Off", 1);
                assert_null(map_find(f.on, "worker-1"));
                expect_containers(&f, 2, 2);
            }
            wish(&f, "worker-1", "power", "On");
            run_ms(&f, 5000);
            wait_power(&f, "worker-1", "On", 1);
            expect_containers(&f, 3, 3);
            assert_int_equal((uintptr_t)map_find(f.on, "worker-1"), epoch(&f, "worker-1"));
            tear_down(&f);
        }
    }
}

/* ---- restarts of ours ---- */

static void test_adopted_while_running(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    cleanup_free char *before = guest(&f, "worker-1");
    run_ms(&f, 10);
    end_life(&f);
    begin_life(&f);
    run_ms(&f, 100);
    cleanup_free char *after = guest(&f, "worker-1");
    assert_string_equal(before, after);
    assert_int_equal(epoch(&f, "worker-1"), 1);
    expect_containers(&f, 3, 3);
    /* and its wish is still listened to */
    wish(&f, "worker-1", "power", "Off");
    wait_power(&f, "worker-1", "Off", 100);
    expect_containers(&f, 2, 2);
    tear_down(&f);
}

static void test_exited_meanwhile(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    run_ms(&f, 10);
    cleanup_free char *before = guest(&f, "worker-1");
    end_life(&f);
    assert_true(fake_kill(f.fake, before, 137, false));
    begin_life(&f);
    run_ms(&f, 100);
    wait_power(&f, "worker-1", "On", 100);
    assert_int_equal(epoch(&f, "worker-1"), 2);
    expect_containers(&f, 3, 3); /* the earlier guest was swept */
    tear_down(&f);
}

/* Deaths of ours in every moment of a power cut: no epoch twice, nothing left behind. */
static void test_death_at_every_tick_of_a_cut(void **state)
{
    (void)state;
    for (int ticks = 0; ticks < 20; ticks++) {
        struct fixture f;
        set_up(&f);
        wait_power(&f, "worker-1", "On", 100);
        make_app(&f, "app-1", "worker-1");
        wish(&f, "worker-1", "power", "Off");
        loop_sim_tick(f.loop); /* committed */
        for (int i = 0; i < ticks; i++) {
            if (!loop_sim_tick(f.loop)) {
                loop_sim_advance(f.loop, loop_sim_next(f.loop));
            }
        }
        end_life(&f);
        begin_life(&f);
        run_ms(&f, 1000);
        wait_power(&f, "worker-1", "Off", 1);
        expect_containers(&f, 2, 2);
        wish(&f, "worker-1", "power", "On");
        run_ms(&f, 1000);
        wait_power(&f, "worker-1", "On", 1);
        assert_int_equal(epoch(&f, "worker-1"), 2);
        expect_containers(&f, 3, 3);
        tear_down(&f);
    }
}

/* ---- docker kill, and a daemon that goes ---- */

static void test_docker_kill_is_the_plug(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-2", "On", 100);
    make_app(&f, "app-2", "worker-2");
    cleanup_free char *container = guest(&f, "worker-2");
    assert_true(fake_kill(f.fake, container, 137, false));
    run_ms(&f, 20);
    assert_null(map_find(f.on, "worker-2")); /* off at once ... */
    expect_containers(&f, 2, 2);             /* with all that ran there */
    wait_power(&f, "worker-2", "Off", 3000);
    assert_string_equal(jx_str(host(&f, "worker-2"), "spec.power", ""), "Off");
    assert_int_equal(events(&f, "worker-2", "PowerLost"), 1);
    assert_string_equal(jx_str(host(&f, "worker-1"), "spec.power", ""), "On");
    wish(&f, "worker-2", "power", "On");
    wait_power(&f, "worker-2", "On", 100);
    assert_int_equal(epoch(&f, "worker-2"), 2);
    tear_down(&f);
}

static void test_daemon_restart_brings_all_back(void **state)
{
    struct fixture f;
    static const char *const all[] = {"control-plane", "worker-1", "worker-2"};
    (void)state;
    for (int order = 0; order < 2; order++) {
        set_up(&f);
        wait_power(&f, "worker-2", "On", 100);
        run_ms(&f, 10);
        if (order == 1) { /* the deaths are not seen */
            fake_set_down(f.fake, true);
        }
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            cleanup_free char *container = guest(&f, all[i]);
            assert_true(fake_kill(f.fake, container, 0, false));
            run_ms(&f, order == 0 ? 400 : 0);
        }
        fake_set_down(f.fake, true);
        run_ms(&f, 5000);
        fake_set_down(f.fake, false);
        run_ms(&f, 10000);
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            assert_string_equal(jx_str(host(&f, all[i]), "spec.power", ""), "On");
            wait_power(&f, all[i], "On", 1);
            assert_int_equal(epoch(&f, all[i]), 2);
        }
        expect_containers(&f, 3, 3);
        tear_down(&f);
    }
}

static void test_daemon_away_keeps_state(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-2", "On", 100);
    run_ms(&f, 10);
    fake_set_down(f.fake, true);
    run_ms(&f, 20000);
    wait_power(&f, "worker-2", "On", 1);
    wish(&f, "worker-2", "power", "Off"); /* takes effect when it can */
    run_ms(&f, 3000);
    assert_null(map_find(f.on, "worker-2"));
    fake_set_down(f.fake, false);
    wait_power(&f, "worker-2", "Off", 1000);
    expect_containers(&f, 2, 2);
    assert_int_equal(epoch(&f, "worker-1"), 1);
    tear_down(&f);
}

/* ---- failures ---- */

static void test_failing_starts_back_off_and_are_said_once(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_fail_starts(f.fake, "podlab/guest:1", 12, RUNTIME_FAILED);
    run_ms(&f, 3000);
    assert_int_equal(events(&f, "worker-1", "FailedPower"), 1);
    run_ms(&f, 60000);
    wait_power(&f, "worker-1", "On", 1);
    assert_int_equal(events(&f, "worker-1", "FailedPower"), 1);
    assert_int_equal(epoch(&f, "worker-1"), 1);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

static void test_uncertain_starts(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_fail_starts(f.fake, NULL, 3, RUNTIME_UNKNOWN);
    run_ms(&f, 5000);
    wait_power(&f, "worker-1", "On", 1);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

/* A guest of an earlier life that still has the address gives way. */
static void test_earlier_guest_gives_way(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    wish(&f, "worker-1", "power", "Off");
    wait_power(&f, "worker-1", "Off", 100);
    struct runtime_spec spec = {.name = "stray",
                                .role = RUNTIME_HOST,
                                .host = "worker-1",
                                .hash = "host-1",
                                .address = "10.77.0.11"};
    bool ok = false;
    f.rt.ops->ensure(f.rt.self, &spec, 1, nothing_more, &ok);
    run_ms(&f, 10);
    assert_true(ok);
    wish(&f, "worker-1", "power", "On");
    wait_power(&f, "worker-1", "On", 5000);
    run_ms(&f, 10);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

static void test_full_disk(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    run_ms(&f, 100);
    wish(&f, "worker-1", "power", "Off");
    loop_sim_tick(f.loop); /* the wish is committed, its end cannot be */
    memvfs_full(f.disk, true);
    run_ms(&f, 2000);
    memvfs_full(f.disk, false);
    run_ms(&f, 20000);
    wait_power(&f, "worker-1", "Off", 1);
    expect_containers(&f, 2, 2);
    end_life(&f);
    begin_life(&f);
    run_ms(&f, 100);
    wish(&f, "worker-1", "power", "On");
    wait_power(&f, "worker-1", "On", 1000);
    assert_true(epoch(&f, "worker-1") > 1);
    tear_down(&f);
}

/* ---- wishes ---- */

static void test_a_deleted_object_comes_back(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    wish(&f, "worker-1", "power", "Off");
    wait_power(&f, "worker-1", "Off", 100);
    wish(&f, "worker-1", "power", "On");
    wait_power(&f, "worker-1", "On", 100);
    cleanup_free char *uid = xstrdup(object_uid(host(&f, "worker-1")));
    assert_int_equal(client_delete(f.client, kind(), NULL, "worker-1", NULL, &err), 0);
    run_ms(&f, 100);
    assert_string_not_equal(object_uid(host(&f, "worker-1")), uid);
    wait_power(&f, "worker-1", "On", 100);
    assert_int_equal(epoch(&f, "worker-1"), 2); /* the machine did not notice */
    assert_int_equal(events(&f, "worker-1", "Restored"), 1);
    expect_containers(&f, 3, 3);
    /* what was off stays off */
    wish(&f, "worker-1", "power", "Off");
    wait_power(&f, "worker-1", "Off", 100);
    assert_int_equal(client_delete(f.client, kind(), NULL, "worker-1", NULL, &err), 0);
    run_ms(&f, 100);
    assert_string_equal(jx_str(host(&f, "worker-1"), "spec.power", ""), "Off");
    wait_power(&f, "worker-1", "Off", 100);
    tear_down(&f);
}

static void test_a_deletion_while_nobody_looks_repeats_no_epoch(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    wish(&f, "worker-1", "power", "Off");
    wait_power(&f, "worker-1", "Off", 100);
    run_ms(&f, 10);
    assert_int_equal(client_delete(f.client, kind(), NULL, "worker-1", NULL, &err), 0);
    hosts_free(f.hosts);
    f.hosts = NULL;
    loop_sim_tick(f.loop); /* the deletion is committed, and nobody makes it good */
    end_life(&f);
    begin_life(&f);
    wait_power(&f, "worker-1", "On", 1000); /* a new object asks for On */
    assert_int_equal(epoch(&f, "worker-1"), 2);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

static void test_an_invented_host_is_answered(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    set_up(&f);
    json_t *obj = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "podlab.dev/v1", "kind", "Host",
                            "metadata", "name", "worker-9");
    assert_int_equal(client_create(f.client, kind(), NULL, obj, NULL, &err), 0);
    run_ms(&f, 1000);
    assert_int_equal(events(&f, "worker-9", "NoSuchMachine"), 1);
    assert_null(jx_path(host(&f, "worker-9"), "status.power"));
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

static void test_what_is_not_supported_yet_is_said(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    wish(&f, "worker-1", "power", "Paused");
    run_ms(&f, 1000);
    assert_int_equal(events(&f, "worker-1", "NotSupported"), 1);
    wish(&f, "worker-1", "network", "Partitioned");
    run_ms(&f, 1000);
    assert_int_equal(events(&f, "worker-1", "NotSupported"), 2);
    wait_power(&f, "worker-1", "On", 1);
    assert_string_equal(jx_str(host(&f, "worker-1"), "status.network", ""), "Connected");
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

static void test_the_status_is_ours(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    json_t *patch = json_pack("{s:{s:s, s:i}}", "status", "power", "Off", "epoch", 70);
    assert_int_equal(client_patch(f.client, kind(), NULL, "worker-1", "status", patch, NULL, &err),
                     0);
    run_ms(&f, 100);
    wait_power(&f, "worker-1", "On", 1);
    assert_int_equal(epoch(&f, "worker-1"), 1);
    tear_down(&f);
}

static void test_addresses(void **state)
{
    char a[16];
    (void)state;
    struct {
        int n;
        const char *want;
    } rows[] = {{-1, "10.5.0.2"},    {0, "10.5.0.11"},      {228, "10.5.0.239"},
                {229, "10.5.120.1"}, {478, "10.5.120.250"}, {479, "10.5.121.1"},
                {999, "10.5.123.21"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        hosts_address(a, "10.5.0.0/16", rows[i].n);
        assert_string_equal(a, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_up),
        cmocka_unit_test(test_off_and_on),
        cmocka_unit_test(test_control_plane_off_and_on),
        cmocka_unit_test(test_off_at_every_tick),
        cmocka_unit_test(test_adopted_while_running),
        cmocka_unit_test(test_exited_meanwhile),
        cmocka_unit_test(test_death_at_every_tick_of_a_cut),
        cmocka_unit_test(test_docker_kill_is_the_plug),
        cmocka_unit_test(test_daemon_restart_brings_all_back),
        cmocka_unit_test(test_daemon_away_keeps_state),
        cmocka_unit_test(test_failing_starts_back_off_and_are_said_once),
        cmocka_unit_test(test_uncertain_starts),
        cmocka_unit_test(test_earlier_guest_gives_way),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_a_deleted_object_comes_back),
        cmocka_unit_test(test_a_deletion_while_nobody_looks_repeats_no_epoch),
        cmocka_unit_test(test_an_invented_host_is_answered),
        cmocka_unit_test(test_what_is_not_supported_yet_is_said),
        cmocka_unit_test(test_the_status_is_ours),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
