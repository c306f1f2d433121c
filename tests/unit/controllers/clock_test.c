/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's clock follows its object, and tells so. */
#include "controllers/cluster_clock.h"
#include "controllers/fixture.h"

struct rig {
    struct fixture *f;
    struct cluster_clock *clock;
    int changes;
    struct clock before; /* of the last one */
};

static void on_change(void *arg, const struct clock *before)
{
    struct rig *r = arg;
    r->changes++;
    r->before = *before;
}

static const struct clock *now(const struct rig *r)
{
    return *cluster_clock_now(r->clock);
}

static void begin(struct rig *r, const struct clock *at_up)
{
    r->clock = cluster_clock_new(r->f->api, at_up, on_change, r);
    run_ms(r->f, 20);
}

static void end(struct rig *r)
{
    cluster_clock_free(r->clock);
}

static void set(struct rig *r, const char *spec)
{
    json_t *v = json_loads(spec, 0, NULL);
    assert_non_null(v);
    patch(r->f, "clocks.podlab.dev", "cluster", NULL, json_pack("{s:o}", "spec", v));
}

static const char *text(struct rig *r, const char *path)
{
    return jx_str(get(r->f, "clocks.podlab.dev", "cluster"), path, "");
}

struct search {
    const char *reason;
    int found;
    char message[512];
};

static bool see_event(void *arg, const json_t *event)
{
    struct search *s = arg;
    if (strcmp(jx_str(event, "involvedObject.kind", ""), "Clock") == 0 &&
        strcmp(jx_get_str(event, "reason", ""), s->reason) == 0) {
        s->found++;
        str_copy(s->message, sizeof(s->message), jx_get_str(event, "message", ""));
    }
    return true;
}

static struct search find_event(struct rig *r, const char *reason)
{
    struct search s = {.reason = reason};
    client_each(r->f->client, kind("events"), NULL, see_event, &s);
    return s;
}

static void test_it_is_made_and_shown(void **state)
{
    struct rig r = {.f = *state};
    begin(&r, &clock_swarm);
    assert_int_equal(now(&r)->grace, LOOP_S(15));
    assert_string_equal(text(&r, "spec.preset"), "swarm");
    assert_string_equal(text(&r, "status.preset"), "swarm");
    assert_string_equal(text(&r, "status.grace"), "15s");
    assert_string_equal(text(&r, "status.imageBackoffMax"), "5s");
    assert_int_equal(
        jx_int(get(r.f, "clocks.podlab.dev", "cluster"), "status.observedGeneration", 0), 1);
    assert_int_equal(r.changes, 0);
    assert_int_equal(find_event(&r, "ClockChanged").found, 0);
    end(&r);
}

static void test_it_follows(void **state)
{
    struct rig r = {.f = *state};
    begin(&r, &clock_lab);
    set(&r, "{\"grace\":\"20s\",\"backoffMax\":\"1m\"}");
    assert_int_equal(r.changes, 1);
    assert_int_equal(r.before.grace, LOOP_S(2));
    assert_int_equal(now(&r)->grace, LOOP_S(20));
    assert_int_equal(now(&r)->heartbeat, LOOP_MS(500));
    assert_string_equal(text(&r, "status.grace"), "20s");
    assert_int_equal(
        jx_int(get(r.f, "clocks.podlab.dev", "cluster"), "status.observedGeneration", 0), 2);
    assert_string_equal(find_event(&r, "ClockChanged").message,
                        "lab: heartbeat 500ms, grace 20s, eviction 500ms, backoffMax 1m0s "
                        "(was lab: heartbeat 500ms, grace 2s, eviction 500ms, backoffMax 30s)");
    set(&r, "{\"preset\":\"kubernetes\",\"grace\":null,\"backoffMax\":null}");
    assert_int_equal(r.changes, 2);
    assert_true(clock_equal(now(&r), &clock_kubernetes));
    assert_int_equal(r.before.grace, LOOP_S(20));
    /* labels are no change */
    patch(r.f, "clocks.podlab.dev", "cluster", NULL,
          json_pack("{s:{s:{s:s}}}", "metadata", "labels", "a", "b"));
    assert_int_equal(r.changes, 2);
    end(&r);
}

static void test_it_outlives_a_restart(void **state)
{
    struct rig r = {.f = *state};
    begin(&r, &clock_lab);
    set(&r, "{\"preset\":\"mesos\"}");
    end(&r);
    r.clock = cluster_clock_new(r.f->api, &clock_lab, on_change, &r);
    assert_true(clock_equal(now(&r), &clock_mesos)); /* before anything else happens */
    run_ms(r.f, 20);
    assert_int_equal(r.changes, 1);
    assert_int_equal(find_event(&r, "ClockChanged").found, 1);
    end(&r);
}

static void test_deleted_it_is_as_at_up(void **state)
{
    struct rig r = {.f = *state};
    begin(&r, &clock_lab);
    set(&r, "{\"preset\":\"kubernetes\",\"grace\":\"1m\"}");
    delete_object(r.f, "clocks.podlab.dev", "cluster", NULL);
    assert_true(clock_equal(now(&r), &clock_lab));
    assert_int_equal(r.changes, 2);
    assert_string_equal(text(&r, "spec.preset"), "lab");
    assert_string_equal(text(&r, "status.grace"), "2s");
    end(&r);
}

/* Somebody's edit of the status does not last, and changes nothing. */
static void test_its_status_is_ours(void **state)
{
    struct rig r = {.f = *state};
    begin(&r, &clock_lab);
    patch(r.f, "clocks.podlab.dev", "cluster", "status",
          json_pack("{s:{s:s}}", "status", "grace", "9s"));
    assert_string_equal(text(&r, "status.grace"), "2s");
    assert_int_equal(r.changes, 0);
    end(&r);
}

#define with_cluster(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        with_cluster(test_it_is_made_and_shown),  with_cluster(test_it_follows),
        with_cluster(test_it_outlives_a_restart), with_cluster(test_deleted_it_is_as_at_up),
        with_cluster(test_its_status_is_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
