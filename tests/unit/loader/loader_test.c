/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that labs are read as they are written, and that ill-made ones are refused where it
 * stands. */
#include "common/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "loader/loader.h"

#define LAB_09 "labs/09-scaling-and-self-healing"

/* ---- folders ---- */

struct folder {
    char path[64];
};

static void put(const struct folder *d, const char *name, const char *text)
{
    cleanup_free char *path = xasprintf("%s/%s", d->path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state)
{
    struct folder *d = xnew(struct folder);
    str_copy(d->path, sizeof(d->path), "/tmp/podlab-loader-XXXXXX");
    assert_non_null(mkdtemp(d->path));
    static const char *const subs[] = {"near-miss", "solution"};
    for (size_t i = 0; i < ARRAY_LEN(subs); i++) {
        cleanup_free char *sub = xasprintf("%s/%s", d->path, subs[i]);
        mkdir(sub, 0700);
    }
    put(d, "a.md", "Do it.\n");
    *state = d;
    return 0;
}

static int tear_down(void **state)
{
    struct folder *d = *state;
    cleanup_free char *command = xasprintf("rm -rf '%s'", d->path);
    int rc = system(command);
    free(d);
    return rc;
}

#define HEAD "format: 1\ntitle: T\nsummary: S\ntime: 5\n"
#define STEP "steps:\n  - {id: s, title: S, text: a.md}\n"

/* ---- what is there ---- */

static const struct lab_check *check_of(const struct lab *lab, const char *step, size_t i)
{
    const struct lab_step *s = lab_find_step(lab, step);
    assert_non_null(s);
    assert_true(i < s->nchecks);
    return &s->checks[i];
}

static void test_a_real_lab(void **state)
{
    struct lab *lab = NULL;
    struct err err;
    if (loader_load(LAB_09, &lab, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(lab->id, "09-scaling-and-self-healing");
    assert_int_equal(lab->nsteps, 8);
    assert_int_equal(lab->minutes, 15);
    assert_string_equal(lab->ns, "default");
    assert_string_equal(lab->requires[0], "hosts");
    assert_null(lab->requires[1]);
    assert_int_equal(jx_int(lab->cluster, "workers", 0), 3);
    assert_int_equal(strlen(lab->sha), 64);
    assert_int_equal(lab_find_probe(lab, "web")->per_second, 10);
    assert_null(lab_find_probe(lab, "kv"));
    assert_null(lab_find_step(lab, "none"));
    assert_int_equal(lab_step_index(lab, lab_find_step(lab, "scale")), 4);

    const struct lab_check *c = check_of(lab, "desired", 0);
    assert_int_equal(c->kind, LAB_GET);
    assert_string_equal(c->resource, "deployments");
    assert_string_equal(c->object, "web");
    assert_string_equal(c->expect, ".spec.replicas == 1 and .status.readyReplicas == 1");
    c = check_of(lab, "scale", 2);
    assert_int_equal(c->kind, LAB_HTTP);
    assert_string_equal(c->service, "web");
    assert_int_equal(c->requests, 12);
    c = check_of(lab, "down", 2);
    assert_int_equal(c->kind, LAB_PROBE);
    assert_true(c->keep);

    const struct lab_step *first = &lab->steps[0];
    assert_int_equal(first->nhints, 3);
    assert_non_null(strstr(first->hints[2].text, "kubectl apply -f web.yaml"));
    assert_null(strstr(first->text, "## Hint"));
    assert_int_equal(first->ask->answer, 2);
    assert_true(first->ask->recall_after);
    assert_non_null(strstr(first->solution, "solution/01.sh"));
    assert_string_equal(first->near_miss_causes[0], "similar-name");
    assert_null(lab_find_step(lab, "scale")->from); /* replay: all that came before */
    lab_free(lab);
}

static void test_every_kind(void **state)
{
    struct folder *d = *state;
    struct lab *lab = NULL;
    struct err err;
    put(d, "lab.yaml",
        HEAD "namespace: shop\nlevel: expert\nprobes: [{id: p, service: web}]\n"
             "steps:\n  - id: s\n    title: S\n    text: a.md\n    setup: touch x\n    checks:\n"
             "      - {id: a, name: A, list: pods, selector: 'app=web', namespace: other, expect: "
             "'true', within: 30s}\n"
             "      - {id: b, name: B, shell: 'test -f x', within: 500ms}\n"
             "      - {id: c, name: C, probe: p, keep: true, expect: '.failed == 0', within: 2m}\n"
             "      - {id: d, name: D, any: [{get: pods/x, expect: '.'}, {http: 'web:80', path: "
             "/x, expect: '.'}], within: 7}\n");
    if (loader_load(d->path, &lab, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(lab->ns, "shop");
    assert_string_equal(lab->steps[0].setup, "touch x");
    const struct lab_check *c = lab->steps[0].checks;
    assert_string_equal(c[0].selector, "app=web");
    assert_string_equal(c[0].ns, "other");
    assert_int_equal(c[0].within_ms, 30000);
    assert_int_equal(c[0].line, 14);
    assert_int_equal(c[1].kind, LAB_SHELL);
    assert_int_equal(c[1].within_ms, 500);
    assert_int_equal(c[2].within_ms, 120000);
    assert_int_equal(c[3].nany, 2);
    assert_int_equal(c[3].within_ms, 7000);
    assert_string_equal(c[3].any[0].object, "x");
    assert_string_equal(c[3].any[1].service, "web:80");
    assert_string_equal(c[3].any[1].path, "/x");
    assert_int_equal(lab->probes[0].slow_ms, 250);
    lab_free(lab);
}

static void test_hosts_faults_and_clocks(void **state)
{
    struct folder *d = *state;
    struct lab *lab = NULL;
    struct err err;
    put(d, "lab.yaml",
        HEAD "probes: [{id: p, url: 'worker-1:8080'}, {id: q, addresses: callers.txt}]\n"
             "steps:\n  - id: s\n    title: S\n    text: a.md\n    map: true\n"
             "    clock: {preset: kubernetes, grace: 20s}\n    faults:\n"
             "      - {host: worker-1, power: Off}\n"
             "      - {after: {check: h, seconds: 3}, host: worker-2, network: Partitioned, for: "
             "30s}\n"
             "    checks:\n"
             "      - {id: h, name: H, host: worker-2, expect: '.status.ports | length == 1'}\n"
             "      - {id: u, name: U, url: 'worker-1:8080/info', expect: .status == 200}\n"
             "      - {id: c, name: C, host: w, container: web, port: 80, expect: .x}\n"
             "      - {id: g, name: G, host: w, container: web, gone: true}\n"
             "      - {id: p, name: P, host: w, port: 81}\n");
    if (loader_load(d->path, &lab, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    const struct lab_step *s = &lab->steps[0];
    assert_true(s->map);
    assert_string_equal(s->clock->preset, "kubernetes");
    assert_string_equal(s->clock->grace, "20s");
    assert_null(s->clock->eviction);
    assert_int_equal(s->nfaults, 2);
    assert_null(s->faults[0].check);
    assert_string_equal(s->faults[0].field, "power");
    assert_string_equal(s->faults[0].value, "Off");
    assert_int_equal(s->faults[0].after_ms, 0);
    assert_int_equal(s->faults[0].for_ms, 0);
    assert_string_equal(s->faults[1].check, "h");
    assert_string_equal(s->faults[1].host, "worker-2");
    assert_string_equal(s->faults[1].value, "Partitioned");
    assert_int_equal(s->faults[1].after_ms, 3000);
    assert_int_equal(s->faults[1].for_ms, 30000);
    assert_int_equal(s->checks[0].kind, LAB_HOST);
    assert_string_equal(s->checks[0].object, "worker-2");
    assert_int_equal(s->checks[1].kind, LAB_URL);
    assert_string_equal(s->checks[1].url, "worker-1:8080/info");
    assert_string_equal(
        s->checks[2].expect,
        "any(.status.containers[]?; .name == \"web\" and .state == \"running\" and "
        "(.pod // \"\") == \"\") and any(.status.ports[]?; .port == 80 and .owner == "
        "\"web\") and (.x)");
    assert_string_equal(s->checks[3].expect, "all(.status.containers[]?; .name != \"web\")");
    assert_string_equal(s->checks[4].expect, "any(.status.ports[]?; .port == 81)");
    assert_string_equal(lab->probes[0].url, "worker-1:8080");
    assert_null(lab->probes[0].service);
    assert_string_equal(lab->probes[1].addresses, "callers.txt");
    lab_free(lab);
}

static void test_hints_and_fences(void **state)
{
    struct folder *d = *state;
    struct lab *lab = NULL;
    struct err err;
    put(d, "lab.yaml", HEAD STEP);
    put(d, "a.md",
        "Text.\n```\n## Hint\n```\nMore.\n## Hint 1\n\nOne.\n## Hints are not\n## Hint\nTwo.");
    assert_int_equal(loader_load(d->path, &lab, &err), 0);
    const struct lab_step *s = &lab->steps[0];
    assert_string_equal(s->text, "Text.\n```\n## Hint\n```\nMore.\n");
    assert_int_equal(s->nhints, 2);
    assert_string_equal(s->hints[0].text, "One.\n## Hints are not\n");
    assert_string_equal(s->hints[1].text, "Two.");
    lab_free(lab);
}

static void test_a_changed_lab_is_another(void **state)
{
    struct folder *d = *state;
    struct lab *a = NULL, *b = NULL;
    struct err err;
    put(d, "lab.yaml", HEAD STEP);
    assert_int_equal(loader_load(d->path, &a, &err), 0);
    put(d, "near-miss/01-x.sh", "# why: no-room\n");
    assert_int_equal(loader_load(d->path, &b, &err), 0);
    assert_string_not_equal(a->sha, b->sha);
    assert_string_equal(b->steps[0].near_miss_causes[0], "no-room");
    lab_free(a);
    lab_free(b);
}

/* ---- what is refused ---- */

#define CHECK(text) HEAD "steps:\n  - id: s\n    title: S\n    text: a.md\n    checks: [" text "]\n"

#define WITH(text) HEAD "steps:\n  - {id: s, title: S, text: a.md, " text "}\n"

static const struct {
    const char *yaml, *message; /* behind the file's name */
} refused[] = {
    {"format: 2\ntitle: T\nsummary: S\ntime: 5\n" STEP,
     ":1:9: format: this program reads format 1"},
    {HEAD, ":1:1: \"steps\" is missing"},
    {HEAD "steps: []\n", ":5:8: steps: a lab has at least one step"},
    {HEAD "stepz: []\n", ": stepz: unknown key \"stepz\"; did you mean \"steps\"?"},
    {HEAD "level: [a]\n" STEP, ":5:8: level: must be text"},
    {HEAD "cluster: {cpus: 2}\n" STEP, "unknown key \"cpus\"; did you mean \"cpu\"?"},
    {HEAD "probes: [{id: p, service: web, per_second: 51}]\n" STEP,
     "per_second: must be from 1 to 50"},
    {HEAD "steps:\n  - {id: s, title: S, text: b.md}\n",
     "text: there is no file b.md beside lab.yaml"},
    {HEAD "steps:\n  - {id: s, title: S, text: ../a.md}\n", "text: there is no file ../a.md"},
    {HEAD STEP "  - {id: s, title: S, text: a.md}\n", ":7:5: steps[1]: the id \"s\" is taken"},
    {HEAD "steps:\n  - {id: s, title: S, text: a.md, from: zero}\n",
     "from: must be \"replay\" (all steps before) or the id of an earlier step, not \"zero\""},
    {HEAD "steps:\n  - {id: s, title: S, text: a.md, from: s}\n", "not \"s\""},
    {CHECK("{id: a, name: A, list: pods, expect: '.', keep: true, eventually: true}"),
     "keep means always"},
    {HEAD "steps:\n  - {id: s, title: S, text: a.md, ask: {id: q, choices: [a], answer: 1}}\n",
     "choices: from 2 to 9 are needed, not 1"},
    {HEAD "steps:\n  - {id: s, title: S, text: a.md, ask: {id: q, choices: [a, b], answer: 3}}\n",
     "answer: must be the number of a choice, from 1 to 2"},
    {HEAD "probes: [{id: p}]\n" STEP, "probes[0]: one of service, url and addresses must say"},
    {HEAD "probes: [{id: p, service: web, url: 'w:1'}]\n" STEP,
     "one of service, url and addresses"},
    {HEAD "probes: [{id: p, url: worker-1}]\n" STEP, "\"worker-1\" is not of the form HOST:PORT"},
    {HEAD "probes: [{id: p, addresses: ../x}]\n" STEP, "must be a file of the learner's folder"},
    {WITH("faults: [{host: w}]"), "steps[0].faults[0]: one of power and network must be there"},
    {WITH("faults: [{host: w, power: Off, network: Partitioned}]"), "one of power and network"},
    {WITH("faults: [{host: w, power: On}]"), "power: must be Off or Paused"},
    {WITH("faults: [{host: w, power: 1}]"), "faults[0].power: must be a word"},
    {WITH("faults: [{host: w, network: Connected}]"), "network: must be Partitioned"},
    {WITH("faults: [{power: Off}]"), "\"host\" is missing"},
    {WITH("faults: [{host: w, power: Off, after: {check: x}}]"),
     "faults[0].after: check: the step has no check \"x\""},
    {WITH("faults: [{host: w, power: Off, after: {seconds: -1}}]"), "seconds: must be from 0"},
    {WITH("faults: [{host: w, power: Off, for: ever}]"), "for: must be a time such as 30s"},
    {WITH("faults: [{host: w, power: Off, fro: 3s}]"), "did you mean \"for\"?"},
    {WITH("clock: {preset: sundial}"), "clock: preset: must be lab, kubernetes, swarm or mesos"},
    {WITH("clock: {grace: long}"), "clock.grace: must be a time such as 30s"},
    {CHECK("{id: a, name: A, host: w, container: 'a b'}"), "\"a b\" is no name of a container"},
    {CHECK("{id: a, name: A, host: w, port: 0}"), "port: must be from 1 to 65535"},
    {CHECK("{id: a, name: A, host: w, gone: true, expect: '.'}"), "gone: needs a \"container\""},
    {CHECK("{id: a, name: A, list: pods, port: 1, expect: '.'}"), "go with \"host\" alone"},
    {CHECK("{id: a, name: A, host: w}"), "\"host\" needs an \"expect\""},
    {CHECK("{id: a, name: A, url: 'worker-1', expect: '.'}"),
     "url: \"worker-1\" is not of the form HOST:PORT"},
    {CHECK("{id: a, name: A, url: 'http://worker-1:80', expect: '.'}"),
     "not of the form HOST:PORT"},
    {CHECK("{id: a, name: A}"), ":9:14: steps[0].checks[0]: is of no kind"},
    {CHECK("{id: a, get: pods/x, expect: '.'}"), "a check needs \"id\" and \"name\""},
    {CHECK("{id: a, name: A, get: pods/x, list: pods, expect: '.'}"),
     "has both \"get\" and \"list\""},
    {CHECK("{id: a, name: A, get: pods/x}"), "\"get\" needs an \"expect\""},
    {CHECK("{id: a, name: A, shell: x, expect: '.'}"), "\"shell\" takes no \"expect\""},
    {CHECK("{id: a, name: A, get: pods, expect: '.'}"),
     "get: \"pods\" is not of the form RESOURCE/NAME"},
    {CHECK("{id: a, name: A, get: a/b/c, expect: '.'}"), "is not of the form RESOURCE/NAME"},
    {CHECK("{id: a, name: A, probe: p, expect: '.'}"), "the lab has no probe \"p\""},
    {CHECK("{id: a, name: A, http: web, requests: 101, expect: '.'}"),
     "requests: must be from 1 to 100"},
    {CHECK("{id: a, name: A, list: pods, expect: '.', within: soon}"),
     "within: must be a time such as 30s"},
    {CHECK("{id: a, name: A, list: pods, expct: '.'}"),
     "unknown key \"expct\"; did you mean \"expect\"?"},
    {CHECK("{id: a, name: A, list: pods, expect: true}"), "expect: must be text"},
    {CHECK("{id: a, name: A, any: [{list: pods, expect: '.'}]}"), "any: needs at least two ways"},
    {CHECK("{id: a, name: A, any: [{list: pods, expect: '.'}, {any: []}]}"),
     "any: cannot stand inside any"},
    {CHECK("{id: a, name: A, get: pods/x, expect: '.', any: [{list: pods, expect: '.'}, {list: "
           "pods, expect: '.'}]}"),
     "has both \"any\" and \"get\""},
    {CHECK("{id: a, name: A, list: pods, expect: '.'}, {id: a, name: B, list: pods, expect: '.'}"),
     "the id \"a\" is taken by another check"},
    {"a: [", "lab.yaml: "},
    {"- a\n", ": must be a mapping"},
    {"", ""},
};

static void test_what_is_refused(void **state)
{
    struct folder *d = *state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct lab *lab = NULL;
        struct err err = {0};
        put(d, "lab.yaml", refused[i].yaml);
        if (loader_load(d->path, &lab, &err) == 0) {
            lab_free(lab);
            fail_msg("accepted: %s", refused[i].yaml);
        }
        cleanup_free char *file = xasprintf("%s/lab.yaml", d->path);
        if (strstr(err.msg, refused[i].message) == NULL || strstr(err.msg, file) == NULL) {
            fail_msg("%s\n  wanted %s\n  got    %s", refused[i].yaml, refused[i].message, err.msg);
        }
    }
}

static void test_scripts_belong_to_a_step(void **state)
{
    struct folder *d = *state;
    struct lab *lab = NULL;
    struct err err;
    put(d, "lab.yaml", HEAD STEP);
    put(d, "near-miss/02-nobody.sh", "true\n");
    assert_int_equal(loader_load(d->path, &lab, &err), -1);
    assert_non_null(strstr(err.msg, "near-miss/02-nobody.sh belongs to no step"));
    cleanup_free char *stray = xasprintf("%s/near-miss/02-nobody.sh", d->path);
    unlink(stray);
    put(d, "solution/01.sh", "true\n");
    put(d, "solution/01-again.sh", "true\n");
    assert_int_equal(loader_load(d->path, &lab, &err), -1);
    assert_non_null(strstr(err.msg, "has more than one file solution/01*.sh"));
}

static void test_no_folder(void **state)
{
    struct folder *d = *state;
    struct lab *lab = NULL;
    struct err err;
    assert_int_equal(loader_load("/nonexistent", &lab, &err), -1);
    assert_non_null(strstr(err.msg, "/nonexistent"));
    assert_int_equal(loader_load(d->path, &lab, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

/* ---- finding ---- */

static void test_finding(void **state)
{
    struct folder *d = *state;
    struct err err;
    char *found = NULL;
    static const char *const labs[] = {"01-a", "02-b", "02-bc"};
    for (size_t i = 0; i < ARRAY_LEN(labs); i++) {
        cleanup_free char *sub = xasprintf("%s/%s", d->path, labs[i]);
        cleanup_free char *file = xasprintf("%s/lab.yaml", labs[i]);
        mkdir(sub, 0700);
        put(d, file, "");
    }
    setenv("PODLAB_LABS", d->path, 1);
    assert_int_equal(loader_find("01", &found, &err), 0);
    cleanup_free char *want = xasprintf("%s/01-a", d->path);
    assert_string_equal(found, want);
    free(found);
    assert_int_equal(loader_find("02-b", &found, &err), 0);
    assert_true(str_has_suffix(found, "/02-b"));
    free(found);
    assert_int_equal(loader_find("02", &found, &err), -1);
    assert_non_null(strstr(err.msg, "there are: 01-a, 02-b, 02-bc"));
    assert_int_equal(loader_find("./x", &found, &err), 0);
    assert_string_equal(found, "./x");
    free(found);
    char **ids = loader_list(d->path);
    size_t n = 0;
    for (; ids[n] != NULL; n++) {
        free(ids[n]);
    }
    free(ids);
    assert_int_equal(n, 3);
    unsetenv("PODLAB_LABS");
}

int main(void)
{
    jx_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_real_lab),
        TEST(test_every_kind),
        TEST(test_hosts_faults_and_clocks),
        TEST(test_hints_and_fences),
        TEST(test_a_changed_lab_is_another),
        TEST(test_what_is_refused),
        TEST(test_scripts_belong_to_a_step),
        TEST(test_no_folder),
        TEST(test_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
