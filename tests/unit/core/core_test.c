/* SPDX-License-Identifier: Apache-2.0 */
/* The rooms together: a cluster comes up, waits for a runtime that is away, and whatever fails half
 * way leaves nothing behind. */
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
#include "common/mem.h"
#include "common/str.h"
#include "core.h"
#include "kinds/kinds.h"
#include "meta/clock.h"
#include "meta/object.h"
#include "runtime/fake/fake.h"
#include "store/memvfs.h"

static const char *const workers[] = {"worker-1", "worker-2", NULL};

struct fixture {
    struct loop *loop;
    struct memvfs *disk;
    struct fake *fake;
    struct runtime rt;
    struct core *core;
    struct client *client;
    char vfs[32];
    unsigned ready, recovered;
};

static void on_ready(void *arg)
{
    ((struct fixture *)arg)->ready++;
}

static void on_runtime(void *arg)
{
    ((struct fixture *)arg)->recovered++;
}

static int begin(struct fixture *f, const char *subnet, struct err *err)
{
    struct core_opts opts = {
        .db_path = "state.db",
        .vfs = f->vfs,
        .name = "unit",
        .admin_token = "token",
        .subnet = subnet,
        .clock = &clock_lab,
        .workers = workers,
        .api_port = 6443,
        .on_ready = on_ready,
        .on_runtime = on_runtime,
        .arg = f,
    };
    memset(opts.key, 7, sizeof(opts.key));
    fake_runtime(f->fake, &f->rt);
    int rc = core_new(f->loop, &opts, &f->rt, &f->core, err);
    if (rc < 0) {
        f->rt.ops->free(f->rt.self);
        f->core = NULL;
    } else {
        f->client = client_new(core_api(f->core), "system:test");
    }
    return rc;
}

static void must_begin(struct fixture *f)
{
    struct err err;
    if (begin(f, "10.77.0.0/16", &err) < 0) {
        fail_msg("core_new: %s", err.msg);
    }
}

static void end(struct fixture *f, void (*how)(struct core *c))
{
    if (f->core != NULL) {
        client_free(f->client);
        how(f->core);
        f->rt.ops->free(f->rt.self);
        f->core = NULL;
    }
}

static void set_up(struct fixture *f)
{
    static int made;
    log_set_level(LOG_ERROR + 1);
    jx_init();
    *f = (struct fixture){.loop = loop_sim_new(3)};
    snprintf(f->vfs, sizeof(f->vfs), "core-disk-%d", ++made);
    f->disk = memvfs_new(f->vfs);
    f->fake = fake_new(f->loop, NULL);
}

static void tear_down(struct fixture *f)
{
    end(f, core_free);
    fake_free(f->fake);
    loop_free(f->loop);
    memvfs_free(f->disk);
}

static void run_ms(struct fixture *f, uint64_t ms)
{
    loop_sim_advance(f->loop, LOOP_MS(ms));
}

static const json_t *get(struct fixture *f, const char *gr, const char *ns, const char *name)
{
    struct err err;
    return client_get(f->client, kinds_find_gr(gr), ns, name, &err);
}

static void create_web(struct fixture *f, int replicas)
{
    struct err err;
    json_t *d = json_pack(
        "{s:s, s:s, s:{s:s}, s:{s:i, s:{s:{s:s}}, s:{s:{s:{s:s}}, s:{s:[{s:s, s:s}]}}}}",
        "apiVersion", "apps/v1", "kind", "Deployment", "metadata", "name", "web", "spec",
        "replicas", replicas, "selector", "matchLabels", "app", "web", "template", "metadata",
        "labels", "app", "web", "spec", "containers", "name", "web", "image", "podlab/web:v1");
    if (client_create(f->client, kinds_find_gr("deployments.apps"), "default", d, NULL, &err) < 0) {
        fail_msg("create: %s", err.msg);
    }
}

static void wait_replicas(struct fixture *f, int64_t want, uint64_t deadline_ms)
{
    uint64_t until = loop_mono_ns(f->loop) + LOOP_MS(deadline_ms);
    for (;;) {
        const json_t *d = get(f, "deployments.apps", "default", "web");
        int64_t is = jx_int(d, "status.readyReplicas", 0);
        if (is == want) {
            return;
        }
        if (loop_mono_ns(f->loop) > until) {
            fail_msg("%d replicas are ready, not %d", (int)is, (int)want);
        }
        run_ms(f, 10);
    }
}

static const char *node_condition(struct fixture *f, const char *node, const char *type)
{
    const json_t *c = object_condition(get(f, "nodes", NULL, node), type);
    return jx_get_str(c, "status", "none");
}

/* ---- coming up ---- */

static void test_ready_once(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    must_begin(&f);
    assert_int_equal(f.ready, 0);
    run_ms(&f, 500);
    assert_int_equal(f.ready, 1);
    assert_int_equal(f.recovered, 1);
    static const char *const nodes[] = {"control-plane", "worker-1", "worker-2"};
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        assert_string_equal(node_condition(&f, nodes[i], "Ready"), "True");
        assert_string_equal(node_condition(&f, nodes[i], "RuntimeUnavailable"), "none");
    }
    run_ms(&f, 5000);
    assert_int_equal(f.ready, 1);
    tear_down(&f);
}

/* When on_ready is called, all that it promises is there. */
struct promise {
    struct fixture f;
    bool kept;
};

static void look(void *arg)
{
    struct promise *p = container_of(arg, struct promise, f);
    struct fixture *f = arg;
    static const char *const spaces[] = {"default", "kube-node-lease", "kube-public",
                                         "kube-system"};
    p->kept = true;
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
        p->kept = p->kept && get(f, "serviceaccounts", spaces[i], "default") != NULL;
    }
    for (const char *const *w = workers; *w != NULL; w++) {
        p->kept =
            p->kept && jx_path(get(f, "nodes", NULL, *w), "status.addresses[0].address") != NULL;
    }
}

static void test_ready_means_ready(void **state)
{
    struct promise p = {0};
    struct err err;
    (void)state;
    set_up(&p.f);
    struct core_opts opts = {.db_path = "state.db",
                             .vfs = p.f.vfs,
                             .name = "unit",
                             .admin_token = "token",
                             .subnet = "10.77.0.0/16",
                             .clock = &clock_lab,
                             .workers = workers,
                             .api_port = 6443,
                             .on_ready = look,
                             .arg = &p.f};
    fake_runtime(p.f.fake, &p.f.rt);
    assert_int_equal(core_new(p.f.loop, &opts, &p.f.rt, &p.f.core, &err), 0);
    p.f.client = client_new(core_api(p.f.core), "system:test");
    run_ms(&p.f, 500);
    assert_true(p.kept);
    tear_down(&p.f);
}

/* ---- a runtime that is away ---- */

static void test_away_at_the_start(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_set_down(f.fake, true);
    must_begin(&f);
    run_ms(&f, 1000);
    assert_int_equal(f.ready, 1); /* the API answers, the nodes exist */
    assert_int_equal(f.recovered, 0);
    create_web(&f, 3);
    run_ms(&f, 30000);
    assert_string_equal(node_condition(&f, "worker-1", "RuntimeUnavailable"), "True");
    const json_t *c = object_condition(get(&f, "nodes", NULL, "worker-1"), "RuntimeUnavailable");
    assert_non_null(strstr(jx_get_str(c, "message", ""), "does not answer"));
    assert_string_equal(node_condition(&f, "worker-1", "Ready"), "False");
    fake_set_down(f.fake, false);
    wait_replicas(&f, 3, 5000);
    assert_int_equal(f.recovered, 1);
    assert_string_equal(node_condition(&f, "worker-1", "RuntimeUnavailable"), "False");
    assert_string_equal(node_condition(&f, "worker-1", "Ready"), "True");
    tear_down(&f);
}

/* A driver that fails to recover and never tells that it is back (only its network was in the way):
 * it is asked again. */
static struct runtime_ops stubborn_ops;
static const struct runtime_ops *below;
static unsigned refusals, recoveries;

static void stubborn_recover(void *self, runtime_done *done, void *arg)
{
    recoveries++;
    if (refusals > 0) {
        refusals--;
        below->inspect(self, "nobody", done, arg); /* FAILED, later */
        return;
    }
    below->recover(self, done, arg);
}

static void test_recovery_is_tried_again(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    set_up(&f);
    struct core_opts opts = {.db_path = "state.db",
                             .vfs = f.vfs,
                             .name = "unit",
                             .admin_token = "token",
                             .subnet = "10.77.0.0/16",
                             .clock = &clock_lab,
                             .workers = workers,
                             .api_port = 6443,
                             .on_runtime = on_runtime,
                             .arg = &f};
    fake_runtime(f.fake, &f.rt);
    below = f.rt.ops;
    stubborn_ops = *f.rt.ops;
    stubborn_ops.recover = stubborn_recover;
    f.rt.ops = &stubborn_ops;
    refusals = 5;
    recoveries = 0;
    assert_int_equal(core_new(f.loop, &opts, &f.rt, &f.core, &err), 0);
    f.client = client_new(core_api(f.core), "system:test");
    run_ms(&f, 100);
    assert_int_equal(recoveries, 1);
    run_ms(&f, 15000);
    assert_int_equal(recoveries, 6);
    assert_int_equal(f.recovered, 1);
    create_web(&f, 2);
    wait_replicas(&f, 2, 5000);
    tear_down(&f);
}

static void test_away_under_a_running_cluster(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    must_begin(&f);
    run_ms(&f, 500);
    create_web(&f, 2);
    wait_replicas(&f, 2, 3000);
    fake_set_down(f.fake, true);
    run_ms(&f, 20000);
    assert_string_equal(node_condition(&f, "worker-2", "RuntimeUnavailable"), "True");
    assert_string_equal(node_condition(&f, "worker-2", "Ready"), "True"); /* evicts nobody */
    wait_replicas(&f, 2, 0);
    end(&f, core_abandon); /* and across a restart of ours meanwhile */
    must_begin(&f);
    run_ms(&f, 3000);
    fake_set_down(f.fake, false);
    run_ms(&f, 3000);
    wait_replicas(&f, 2, 5000);
    assert_string_equal(node_condition(&f, "worker-2", "RuntimeUnavailable"), "False");
    tear_down(&f);
}

/* ---- a host loses its power ---- */

static void patch_power(struct fixture *f, const char *name, const char *power)
{
    struct err err;
    json_t *p = json_pack("{s:{s:s}}", "spec", "power", power);
    if (client_patch(f->client, kinds_find_gr("hosts.podlab.dev"), NULL, name, NULL, p, NULL,
                     &err) < 0) {
        fail_msg("patch: %s", err.msg);
    }
}

struct census {
    const char *host;
    int running;
};

static void count(void *arg, const struct runtime_status *st)
{
    struct census *c = arg;
    c->running += st->state == RUNTIME_RUNNING && strcmp(st->host, c->host) == 0;
}

static void test_power_off_moves_the_pods(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    must_begin(&f);
    run_ms(&f, 500);
    create_web(&f, 4);
    wait_replicas(&f, 4, 3000);
    patch_power(&f, "worker-1", "Off");
    run_ms(&f, 100);
    struct census c = {.host = "worker-1"};
    fake_each(f.fake, count, &c);
    assert_int_equal(c.running, 0); /* killed at once */
    run_ms(&f, 3500);               /* its heartbeats stop */
    assert_string_equal(node_condition(&f, "worker-1", "Ready"), "Unknown");
    wait_replicas(&f, 4, 5000);
    patch_power(&f, "worker-1", "On");
    run_ms(&f, 3000);
    assert_string_equal(node_condition(&f, "worker-1", "Ready"), "True");
    fake_each(f.fake, count, &c);
    assert_int_equal(c.running, 1); /* its guest */
    tear_down(&f);
}

/* ---- failures half way ---- */

static bool count_going(void *arg, const json_t *pod)
{
    *(int *)arg += object_deleting(pod);
    return true;
}

/* While nothing can be written no lease can be renewed either: that is nobody's silence. */
static void test_a_full_disk_doubts_nobody(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        struct fixture f;
        int going = 0;
        set_up(&f);
        must_begin(&f);
        create_web(&f, 3);
        wait_replicas(&f, 3, 5000);
        run_ms(&f, 1000 + 130 * (i % 7));
        memvfs_full(f.disk, true);
        run_ms(&f, 1500 + 60 * i);
        memvfs_full(f.disk, false);
        for (int n = 0; n < 40; n++) {
            run_ms(&f, 100);
            assert_string_equal(node_condition(&f, "worker-1", "Ready"), "True");
            assert_string_equal(node_condition(&f, "worker-2", "Ready"), "True");
        }
        client_each(f.client, kinds_find_gr("pods"), NULL, count_going, &going);
        assert_int_equal(going, 0);
        tear_down(&f);
    }
}

static void test_a_bad_subnet(void **state)
{
    static const char *const bad[] = {"", "10.77.0.0", "10.77.0.0/24", "300.1.0.0/16",
                                      "10.77.0.0/16x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct fixture f;
        struct err err;
        set_up(&f);
        assert_int_equal(begin(&f, bad[i], &err), -1);
        assert_non_null(strstr(err.msg, "A.B.0.0/16"));
        tear_down(&f);
    }
}

static void test_a_database_that_is_none(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    set_up(&f);
    static const char notes[] = "somebody's notes, certainly not a database of ours, or of anybody";
    memvfs_write(f.disk, "state.db", notes, sizeof(notes));
    assert_int_equal(begin(&f, "10.77.0.0/16", &err), -1);
    assert_non_null(strstr(err.msg, "state.db"));
    size_t n;
    assert_memory_equal(memvfs_read(f.disk, "state.db", &n), notes, sizeof(notes));
    tear_down(&f);
}

/* The disk fails at every step of a start: either it starts or it says why, and a next start on
 * what is left of the disk works. */
static void test_a_disk_that_dies_at_every_step(void **state)
{
    (void)state;
    bool started = false;
    for (unsigned step = 1; !started; step += 3) {
        struct fixture f;
        struct err err = {0};
        set_up(&f);
        memvfs_crash_at(f.disk, step);
        int rc = begin(&f, "10.77.0.0/16", &err);
        assert_true(rc == 0 || err.msg[0] != '\0');
        run_ms(&f, 200);
        started = f.ready > 0;
        end(&f, core_abandon);
        memvfs_crash_at(f.disk, 0);
        memvfs_reboot(f.disk, step, true);
        f.ready = 0;
        must_begin(&f);
        run_ms(&f, 1000);
        assert_int_equal(f.ready, 1);
        tear_down(&f);
        assert_true(step < 3000);
    }
}

/* Ended or abandoned in every moment. */
static void test_ended_at_every_tick(void **state)
{
    (void)state;
    for (int ticks = 0; ticks < 40; ticks++) {
        struct fixture f;
        set_up(&f);
        must_begin(&f);
        create_web(&f, 2);
        for (int i = 0; i < ticks; i++) {
            if (!loop_sim_tick(f.loop)) {
                loop_sim_advance(f.loop, loop_sim_next(f.loop));
            }
        }
        end(&f, ticks % 2 == 0 ? core_free : core_abandon);
        must_begin(&f);
        run_ms(&f, 500);
        if (get(&f, "deployments.apps", "default", "web") == NULL) {
            assert_true(ticks < 2); /* never committed */
            create_web(&f, 2);
        }
        wait_replicas(&f, 2, 5000);
        tear_down(&f);
    }
}

/* What is staged when it is freed is committed; when it is abandoned, it never was. */
static void test_free_commits(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        set_up(&f);
        must_begin(&f);
        run_ms(&f, 500);
        create_web(&f, 1);
        end(&f, i == 0 ? core_free : core_abandon);
        must_begin(&f);
        run_ms(&f, 10);
        assert_true((get(&f, "deployments.apps", "default", "web") != NULL) == (i == 0));
        tear_down(&f);
    }
}

static void test_addresses(void **state)
{
    struct core_addresses at;
    (void)state;
    assert_true(core_addresses("172.31.0.0/16", &at));
    assert_string_equal(at.gateway, "172.31.0.1");
    assert_string_equal(at.ip_range, "172.31.0.240/28");
    assert_string_equal(at.service_cidr, "172.31.128.0/17");
    assert_string_equal(at.api_service, "172.31.128.1");
    assert_string_equal(at.dns, "172.31.128.10");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ready_once),
        cmocka_unit_test(test_ready_means_ready),
        cmocka_unit_test(test_away_at_the_start),
        cmocka_unit_test(test_recovery_is_tried_again),
        cmocka_unit_test(test_away_under_a_running_cluster),
        cmocka_unit_test(test_power_off_moves_the_pods),
        cmocka_unit_test(test_a_full_disk_doubts_nobody),
        cmocka_unit_test(test_a_bad_subnet),
        cmocka_unit_test(test_a_database_that_is_none),
        cmocka_unit_test(test_a_disk_that_dies_at_every_step),
        cmocka_unit_test(test_ended_at_every_tick),
        cmocka_unit_test(test_free_commits),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
