/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what checks of answers, scripts and availability see, and how often they look. */
#include "check/fixture.h"

#include <signal.h>

/* ---- http ---- */

struct answers {
    int status;
    unsigned calls, out, most_out, pods;
    const char *error; /* of the API itself */
};

static void on_proxy(struct fake *fake, struct http_exchange *x, const char *service,
                     const char *path)
{
    struct answers *a = fake->user;
    a->calls++;
    if (a->error != NULL) {
        fake_answer(x, a->status, fake_status(a->status, "ServiceUnavailable", a->error));
        return;
    }
    cleanup_free char *text =
        xasprintf("%s v1 from web-%u on worker-1\n", service, a->calls % (a->pods + 1));
    fake_answer_text(x, a->status, "text/plain", text);
}

static struct lab_check *http(struct fixture *f, unsigned requests, const char *expect)
{
    struct lab_check *c = fixture_check(f, "answers", LAB_HTTP, expect);
    c->service = "web:80";
    c->requests = requests;
    return c;
}

static void test_http_answers(void **state)
{
    struct fixture *f = *state;
    struct answers a = {.status = 503, .error = "no endpoints available for service \"web\""};
    f->fake->proxy = on_proxy;
    f->fake->user = &a;
    http(f, 6, ".status == 200 and (.pods | length) == 3");
    fixture_run(f);
    fixture_until_seen(f, 0);
    const json_t *seen = fixture_verdict(f, 0)->seen;
    assert_int_equal(jx_int(seen, "status", 0), 503);
    assert_string_equal(jx_str(seen, "error", ""), "no endpoints available for service \"web\"");
    assert_int_equal(jx_int(seen, "requests", 0), 1); /* the others were spared */
    a = (struct answers){.status = 200, .pods = 2};
    fixture_until(f, 0, CHECK_OK);
    seen = fixture_verdict(f, 0)->seen;
    assert_int_equal(jx_int(seen, "requests", 0), 6);
    assert_int_equal(jx_int(jx_get(seen, "pods"), "web-1", 0), 2);
    assert_int_equal(jx_int(jx_get(seen, "statuses"), "200", 0), 6);
    assert_int_equal(jx_int(jx_get(seen, "hosts"), "worker-1", 0), 6);
    assert_string_equal(jx_str(seen, "error", "x"), "");
    assert_non_null(strstr(jx_str(seen, "body", ""), "web:80 v1 from web-"));
    fixture_until_done(f);
}

static void test_http_looks_often_and_not_too_often(void **state)
{
    struct fixture *f = *state;
    struct answers a = {.status = 500};
    f->fake->proxy = on_proxy;
    f->fake->user = &a;
    http(f, 1, ".status == 200");
    fixture_run(f);
    fixture_pass(f, 2300);
    assert_in_range(a.calls, 2, 5);
    unsigned before = a.calls;
    for (int i = 0; i < 40; i++) { /* a storm of changes, and of commands */
        fixture_pod(f, "web", "web-a", i % 2 == 0 ? FIXTURE_READY : FIXTURE_CREATING);
        check_run_poke(f->run);
        fixture_pass(f, 15);
    }
    assert_in_range(a.calls - before, 2, 6);
    a.status = 200;
    fake_apply(f->fake, "{kind: Service, metadata: {name: web}, spec: {selector: {app: web}}}");
    fixture_until(f, 0, CHECK_OK);
}

/* ---- by a host's port ---- */

/* The fake cluster's own server stands for the port of a host. */
static char *host_is_here(struct fixture *f, const char *name)
{
    cleanup_free char *yaml = xasprintf(
        "{kind: Host, metadata: {name: %s}, spec: {power: 'On'}, status: {power: 'On', address: "
        "127.0.0.1}}",
        name);
    fake_apply(f->fake, yaml);
    return xasprintf("%s:%d/api/v1/namespaces/default/services/web/proxy/", name, f->fake->port);
}

static void test_a_hosts_port(void **state)
{
    struct fixture *f = *state;
    struct answers a = {.status = 200, .pods = 1};
    f->fake->proxy = on_proxy;
    f->fake->user = &a;
    cleanup_free char *url = host_is_here(f, "worker-1");
    struct lab_check *c =
        fixture_check(f, "both", LAB_URL, ".status == 200 and (.pods | length) == 2");
    c->url = url;
    c->requests = 4;
    c = fixture_check(f, "refused", LAB_URL, ".error == \"connection refused\"");
    c->url = "worker-1:1"; /* nobody listens there */
    c = fixture_check(f, "nobody", LAB_URL, ".status == 200");
    c->url = "worker-9:8080";
    fixture_run(f);
    fixture_until(f, 0, CHECK_OK);
    fixture_until(f, 1, CHECK_OK);
    fixture_until_seen(f, 2);
    const json_t *seen = fixture_verdict(f, 2)->seen;
    assert_int_equal(jx_int(seen, "status", -1), 0);
    assert_string_equal(jx_str(seen, "error", ""), "there is no host worker-9");
}

static void test_a_host(void **state)
{
    struct fixture *f = *state;
    struct lab_check *c = fixture_check(f, "published", LAB_HOST,
                                        "[.status.ports[]? | select(.port == 8080)] | length == 1");
    c->resource = "hosts.podlab.dev";
    c->object = "worker-1";
    cleanup_free char *unused = host_is_here(f, "worker-1");
    fixture_run(f);
    fixture_until_seen(f, 0);
    assert_int_equal(f->dones, 0);
    fake_apply(f->fake, "{kind: Host, metadata: {name: worker-1}, spec: {power: 'On'}, status: "
                        "{power: 'On', ports: [{port: 8080, owner: web}]}}");
    fixture_until_done(f);
}

/* ---- shell ---- */

static struct lab_check *shell(struct fixture *f, const char *script)
{
    struct lab_check *c = fixture_check(f, "script", LAB_SHELL, NULL);
    c->shell = script;
    return c;
}

static void test_shell(void **state)
{
    struct fixture *f = *state;
    char dir[] = "/tmp/podlab-shell-XXXXXX";
    static const char *const env[] = {"PODLAB_WORD=hello", "PATH=/usr/bin:/bin",
                                      "PODLAB_GONE=", NULL};
    assert_non_null(mkdtemp(dir));
    setenv("PODLAB_WORD", "mine", 1);
    setenv("PODLAB_GONE", "mine", 1);
    f->workdir = dir;
    f->env = env;
    shell(f, "echo \"$PODLAB_WORD from $PWD${PODLAB_GONE+, not gone}\"; echo twice >&2; exit 3");
    shell(f, "test -f here");
    fixture_run(f);
    fixture_until_seen(f, 0);
    const json_t *seen = fixture_verdict(f, 0)->seen;
    cleanup_free char *want = xasprintf("hello from %s\ntwice\n", dir);
    assert_int_equal(jx_int(seen, "status", 0), 3);
    assert_string_equal(jx_str(seen, "output", ""), want);
    fixture_until(f, 1, CHECK_WAITING);
    cleanup_free char *file = xasprintf("%s/here", dir);
    fclose(fopen(file, "w"));
    uint64_t from = loop_mono_ns(f->fake->loop);
    check_run_poke(f->run); /* a command ended: looked at once, not in two seconds */
    fixture_until(f, 1, CHECK_OK);
    assert_true(loop_mono_ns(f->fake->loop) - from < LOOP_MS(1200));
    check_run_free(steal(f->run));
    unlink(file);
    rmdir(dir);
}

static void test_shell_is_ended_with_its_run(void **state)
{
    struct fixture *f = *state;
    shell(f, "echo $$ > /tmp/podlab-shell-pid; sleep 1000 & sleep 1000");
    fixture_run(f);
    unlink("/tmp/podlab-shell-pid");
    int pid = 0;
    for (int i = 0; i < 500 && pid == 0; i++) {
        fixture_pass(f, 10);
        FILE *file = fopen("/tmp/podlab-shell-pid", "r");
        if (file != NULL) {
            pid = fscanf(file, "%d", &pid) == 1 ? pid : 0;
            fclose(file);
        }
    }
    assert_true(pid > 0);
    check_run_free(steal(f->run));
    assert_int_equal(kill(pid, 0), -1);
    unlink("/tmp/podlab-shell-pid");
}

/* ---- probes ---- */

static void test_a_probe_counts(void **state)
{
    struct fixture *f = *state;
    struct answers a = {.status = 404, .error = "services \"web\" not found"};
    f->fake->proxy = on_proxy;
    f->fake->user = &a;
    fixture_traffic(f);
    fixture_pass(f, 300);
    json_t *figures = check_probe_figures(f->probe);
    assert_true(a.calls > 5);
    assert_int_equal(jx_int(figures, "sent", -1), 0); /* not there is no failure */
    json_decref(figures);

    a = (struct answers){.status = 503, .error = "no endpoints available for service \"web\""};
    fixture_pass(f, 200);
    figures = check_probe_figures(f->probe);
    assert_int_equal(jx_int(figures, "failed", -1), 0); /* it has not answered yet */
    json_decref(figures);

    a = (struct answers){.status = 200, .pods = 1};
    fixture_pass(f, 400);
    a = (struct answers){.status = 503, .error = "no endpoints available for service \"web\""};
    fixture_pass(f, 300);
    a = (struct answers){.status = 200, .pods = 1};
    fixture_pass(f, 300);
    figures = check_probe_figures(f->probe);
    int64_t sent = jx_int(figures, "sent", 0), failed = jx_int(figures, "failed", 0);
    int64_t outage = jx_int(figures, "longest_outage_ms", 0);
    assert_in_range(failed, 3, 20);
    assert_int_equal(sent, failed + jx_int(figures, "answered", 0));
    assert_in_range(outage, 150, 600);
    assert_string_equal(jx_str(figures, "last_error", ""),
                        "no endpoints available for service \"web\"");
    assert_int_equal(strlen(jx_str(figures, "longest_outage_at", "")), 27);
    assert_int_equal(json_object_size(jx_get(figures, "pods")), 2);
    json_decref(figures);

    check_probe_reset(f->probe);
    figures = check_probe_figures(f->probe);
    assert_int_equal(jx_int(figures, "sent", -1), 0);
    assert_int_equal(jx_int(figures, "longest_outage_ms", -1), 0);
    json_decref(figures);
    /* It answered at the reset: that it is gone now is a failure. */
    a = (struct answers){.status = 404, .error = "services \"web\" not found"};
    fixture_pass(f, 300);
    figures = check_probe_figures(f->probe);
    assert_true(jx_int(figures, "failed", 0) > 0);
    json_decref(figures);
    check_probe_stop(f->probe);
    unsigned calls = a.calls;
    fixture_pass(f, 200);
    assert_true(a.calls <= calls + 1);
}

static void write_addresses(const struct fixture *f, const char *text)
{
    cleanup_free char *path = xasprintf("%s/callers.txt", f->workdir);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_a_probe_calls_who_is_listed(void **state)
{
    struct fixture *f = *state;
    struct answers a = {.status = 200, .pods = 2};
    char dir[] = "/tmp/podlab-callers-XXXXXX";
    f->fake->proxy = on_proxy;
    f->fake->user = &a;
    f->workdir = mkdtemp(dir);
    f->lab_probe.service = NULL;
    f->lab_probe.addresses = "callers.txt";
    cleanup_free char *url = host_is_here(f, "worker-1");
    cleanup_free char *good = xasprintf("# who has web\n\n  %s \n", url);
    cleanup_free char *half = xasprintf("%s\nworker-1:1\n", url);
    fixture_traffic(f);
    fixture_pass(f, 300);
    json_t *figures = check_probe_figures(f->probe);
    assert_int_equal(jx_int(figures, "sent", -1), 0); /* nobody was told an address yet */
    json_decref(figures);
    write_addresses(f, good);
    fixture_pass(f, 500);
    figures = check_probe_figures(f->probe);
    assert_true(jx_int(figures, "answered", 0) > 5);
    assert_int_equal(jx_int(figures, "failed", -1), 0);
    assert_int_equal(json_object_size(jx_get(figures, "pods")), 3);
    json_decref(figures);
    write_addresses(f, half);
    check_probe_reset(f->probe);
    fixture_pass(f, 600);
    figures = check_probe_figures(f->probe);
    int64_t failed = jx_int(figures, "failed", 0), answered = jx_int(figures, "answered", 0);
    assert_true(failed > 5 && answered > 5);
    assert_in_range(failed - answered + 3, 0, 6); /* in turn */
    assert_string_equal(jx_str(figures, "last_error", ""), "worker-1:1: connection refused");
    assert_true(jx_int(figures, "troubled_ms", 0) > 300);
    assert_in_range(jx_int(figures, "in_a_row", -1), 0, 2);
    json_decref(figures);
    write_addresses(f, good); /* mended */
    fixture_pass(f, 400);
    figures = check_probe_figures(f->probe);
    assert_true(jx_int(figures, "in_a_row", 0) > 5);
    json_decref(figures);
    write_addresses(f, "");
    fixture_pass(f, 300);
    figures = check_probe_figures(f->probe);
    assert_string_equal(jx_str(figures, "last_error", ""), "callers.txt names no address");
    json_decref(figures);
    cleanup_free char *path = xasprintf("%s/callers.txt", dir);
    unlink(path);
    rmdir(dir);
}

static void test_cells(void **state)
{
    struct fixture *f = *state;
    struct answers a = {.status = 200};
    enum check_cell cells[CHECK_PROBE_CELLS];
    f->fake->proxy = on_proxy;
    f->fake->user = &a;
    f->lab_probe.per_second = 4; /* less than one a cell: no holes */
    fixture_traffic(f);
    assert_int_equal(check_probe_cells(f->probe, cells), 0);
    fixture_pass(f, 700);
    a.status = 500;
    fixture_pass(f, 700);
    size_t n = check_probe_cells(f->probe, cells);
    assert_in_range(n, 12, 20);
    unsigned ok = 0, failed = 0;
    for (size_t i = 0; i + 3 < n; i++) { /* the last are under way */
        assert_true(cells[i] == CELL_OK || cells[i] == CELL_FAILED);
        assert_true(cells[i] == CELL_FAILED || failed == 0);
        ok += cells[i] == CELL_OK;
        failed += cells[i] == CELL_FAILED;
    }
    assert_true(ok >= 4 && failed >= 3);
    check_probe_stop(f->probe);
}

/* Never answered while the check looks: judged by the first, not by the wish. */
static void test_a_probe_is_kept(void **state)
{
    struct fixture *f = *state;
    struct answers a = {.status = 200, .pods = 1};
    f->fake->proxy = on_proxy;
    f->fake->user = &a;
    fixture_traffic(f);
    fixture_pass(f, 300);
    check_probe_reset(f->probe);
    struct lab_check *c = fixture_check(f, "unnoticed", LAB_PROBE, ".sent > 0 and .failed == 0");
    c->keep = true;
    c->probe = "web";
    fixture_get(f, "two", "deployments", "web", ".spec.replicas == 2");
    fixture_deployment(f, "web", 12, 12, 12, true);
    fixture_run(f);
    fixture_until(f, 0, CHECK_OK);
    fixture_deployment(f, "web", 2, 2, 2, true);
    fixture_until_done(f);
}

static void test_a_broken_probe_stays_broken(void **state)
{
    struct fixture *f = *state;
    struct answers a = {.status = 200, .pods = 1};
    f->fake->proxy = on_proxy;
    f->fake->user = &a;
    fixture_traffic(f);
    fixture_pass(f, 300);
    check_probe_reset(f->probe);
    struct lab_check *c = fixture_check(f, "unnoticed", LAB_PROBE, ".sent > 0 and .failed == 0");
    c->keep = true;
    c->probe = "web";
    fixture_get(f, "two", "deployments", "web", ".spec.replicas == 2");
    fixture_run(f);
    fixture_until(f, 0, CHECK_OK);
    a.status = 503;
    fixture_pass(f, 200);
    a.status = 200;
    fixture_deployment(f, "web", 2, 2, 2, true);
    fixture_until(f, 0, CHECK_BROKEN);
    fixture_until(f, 1, CHECK_OK);
    fixture_pass(f, 1500);
    assert_int_equal(f->dones, 0);
    assert_true(jx_int(fixture_verdict(f, 0)->seen, "failed", 0) > 0);
}

static void test_a_probe_nobody_runs(void **state)
{
    struct fixture *f = *state;
    struct lab_check *c = fixture_check(f, "unnoticed", LAB_PROBE, ".failed == 0");
    c->probe = "web";
    fixture_run(f);
    fixture_until(f, 0, CHECK_UNKNOWN);
}

int main(int argc, char **argv)
{
    if (expr_child_wanted(argc, argv)) {
        return expr_child_main();
    }
    jx_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_http_answers),
        TEST(test_http_looks_often_and_not_too_often),
        TEST(test_a_hosts_port),
        TEST(test_a_host),
        TEST(test_shell),
        TEST(test_shell_is_ended_with_its_run),
        TEST(test_a_probe_counts),
        TEST(test_a_probe_calls_who_is_listed),
        TEST(test_cells),
        TEST(test_a_probe_is_kept),
        TEST(test_a_broken_probe_stays_broken),
        TEST(test_a_probe_nobody_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
