/* SPDX-License-Identifier: Apache-2.0 */
/* A container's whole life on the real daemon, every step of it repeated. */
#include "docker_testing.h"

static const char *const labels[] = {"pod=web-0", NULL};

struct pod {
    char sandbox[96], app[96], address[16];
    struct runtime_spec sandbox_spec, app_spec;
};

static void make_pod(const struct box *x, struct pod *p, unsigned n)
{
    char suffix[32];
    snprintf(suffix, sizeof(suffix), "s%u", n);
    box_name(x, suffix, p->sandbox);
    suffix[0] = 'a';
    box_name(x, suffix, p->app);
    box_address(x, n, p->address);
    p->sandbox_spec = (struct runtime_spec){.name = p->sandbox,
                                            .role = RUNTIME_SANDBOX,
                                            .host = "worker-1",
                                            .hash = "h1",
                                            .hostname = "web-0",
                                            .address = p->address};
    p->app_spec = (struct runtime_spec){.name = p->app,
                                        .role = RUNTIME_APP,
                                        .host = "worker-1",
                                        .hash = "h2",
                                        .image = "podlab/web:v1",
                                        .join = p->sandbox,
                                        .labels = labels};
}

static void start_pod(struct box *x, const struct pod *p)
{
    cleanup_outcome struct outcome o = {0};
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &p->sandbox_spec, 7);
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &p->app_spec, 7);
}

static void test_a_pod_starts_and_is_described(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_int_equal(o.st->state, RUNTIME_RUNNING);
    assert_string_equal(o.st->name, p.app);
    assert_int_equal(o.st->role, RUNTIME_APP);
    assert_string_equal(o.st->host, "worker-1");
    assert_string_equal(o.st->hash, "h2");
    assert_int_equal(o.st->epoch, 7);
    assert_string_equal(o.st->labels[0], "pod=web-0");
    assert_int_equal(strlen(o.st->id), 64);
    assert_true(str_has_prefix(o.st->image_id, "sha256:"));
    int64_t age = loop_wall_us(x->loop) - o.st->started_us;
    assert_true(age >= 0 && age < 60000000);
    assert_int_equal(o.st->finished_us, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)
    int rc;
    const struct CMUnitTest tests[] = {
        T(test_a_pod_starts_and_is_described),
    };
    return box_have_docker(&rc) ? cmocka_run_group_tests(tests, NULL, NULL) : rc;
}
