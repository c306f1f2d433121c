/* SPDX-License-Identifier: Apache-2.0 */
/* podlab test: proves labs on a cluster that is made for it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cluster.h"
#include "cmd/cmd.h"
#include "cmd/crew.h"
#include "cmd/home.h"
#include "cmd/place.h"
#include "cmd/prove.h"
#include "cmd/reach.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/str.h"
#include "kube/kube.h"
#include "lab/lab.h"
#include "loader/loader.h"

enum { MAX_LABS = 64 };

struct flags {
    const char *kubeconfig, *output, *runtime;
    int64_t jobs;
    bool all, keep, json;
};

struct test {
    const struct flags *f;
    struct loop *loop;
    char dir[64];  /* home and work of the lab under test */
    char name[32]; /* of the cluster; "" when it is somebody else's */
    char *program; /* mini-cluster */
    json_t *proofs;
    json_t *skipped; /* [{lab, why}]: what they require is not here */
    int passed, failed;
};

/* ---- telling ---- */

static void print_proof(const json_t *p)
{
    bool ok = jx_bool(p, "ok", false);
    const char *details = jx_str(p, "details", "");
    bool one_line = strchr(details, '\n') == NULL;
    printf("%s %02d %s: %s", ok ? "ok" : "not ok", (int)jx_int(p, "index", 0) + 1,
           jx_str(p, "step", ""), jx_str(p, "proof", ""));
    if (ok && details[0] != '\0') {
        printf(" (%s)", details);
    } else if (!ok) {
        printf(": %.*s", (int)strcspn(details, "\n"), details);
    }
    printf("  [%.1f s]\n", json_number_value(jx_get(p, "seconds")));
    if (!one_line) {
        for (const char *line = strchr(details, '\n') + 1; *line != '\0';) {
            size_t n = strcspn(line, "\n");
            printf("#   %.*s\n", (int)n, line);
            line += n + (line[n] == '\n');
        }
    }
    fflush(stdout);
}

static void on_proof(void *arg, const json_t *p)
{
    struct test *t = arg;
    if (jx_bool(p, "ok", false)) {
        t->passed++;
    } else {
        t->failed++;
    }
    if (t->f->json) {
        json_array_append_new(t->proofs, jx_edit(p));
    } else {
        print_proof(p);
    }
}

static void on_broken(struct test *t, const char *lab, const struct err *err)
{
    json_auto_t *p = json_pack("{s:s, s:s, s:s, s:b, s:s}", "lab", lab, "step", lab, "proof",
                               "it can be tried", "ok", 0, "details", err->msg);
    on_proof(t, p);
}

/* Said, and not counted among what was proved. */
static void on_skipped(struct test *t, const char *lab, const char *why)
{
    json_array_append_new(t->skipped, json_pack("{s:s, s:s}", "lab", lab, "why", why));
    if (!t->f->json) {
        printf("skipped %s: %s\n", lab, why);
        fflush(stdout);
    }
}

/* ---- one lab ---- */

/* Two clusters that start at one moment may choose the same subnet; the one that loses gets another
 * when it is made anew. */
static int bring_up(struct test *t, const struct lab *lab, struct err *err)
{
    for (int left = 2; cluster_up(t->name, lab->cluster, t->f->runtime, err) == 0; left--) {
        cleanup_free char *kubeconfig = cluster_kubeconfig(t->name);
        cleanup_free char *uid = NULL;
        json_t *hosts = NULL;
        struct kube *kube = NULL;
        int rc = reach_cluster(t->loop, kubeconfig, &kube, &uid, err);
        rc = rc == 0 ? reach_hosts(kube, &hosts, err) : rc;
        json_decref(hosts);
        kube_free(kube);
        if (rc == 0 || left == 0) {
            return rc;
        }
        if (cluster_down(t->name, err) < 0) {
            return -1;
        }
    }
    return -1;
}

static int prove_on(struct test *t, const struct lab *lab, const char *kubeconfig, struct err *err)
{
    cleanup_home struct home home = {0};
    cleanup_free char *dir = xasprintf("%s/home", t->dir);
    cleanup_free char *work = xasprintf("%s/%s", t->dir, lab->id);
    cleanup_free char *uid = NULL;
    json_auto_t *hosts = NULL;
    struct kube *kube = NULL;
    if (place_make(work, err) < 0 || home_init(&home, dir, kubeconfig, lab->id, err) < 0 ||
        reach_cluster(t->loop, kubeconfig, &kube, &uid, err) < 0) {
        return -1;
    }
    bool ours = t->name[0] != '\0';
    int rc = reach_hosts(kube, &hosts, err);
    rc = rc == 0 ? home_set_hosts(&home, hosts, ours ? t->name : NULL, err) : rc;
    if (rc == 0 && reach_requires(kube, lab, home.docker, err) < 0) {
        on_skipped(t, lab->id, err->msg);
    } else if (rc == 0) {
        struct prove_opts opts = {.loop = t->loop,
                                  .kube = kube,
                                  .lab = lab,
                                  .workdir = work,
                                  .env = (const char *const *)home.env,
                                  .foreign = !ours,
                                  .since_us = loop_wall_us(t->loop),
                                  .on_proof = on_proof,
                                  .arg = t};
        prove_lab(&opts);
    }
    kube_free(kube);
    place_remove(work);
    return rc;
}

static void try_lab(struct test *t, const char *word)
{
    cleanup_free char *dir = NULL;
    cleanup_free char *kubeconfig = NULL;
    struct lab *lab = NULL;
    struct err err;
    if (loader_find(word, &dir, &err) < 0 || loader_load(dir, &lab, &err) < 0) {
        on_broken(t, word, &err);
        return;
    }
    if (!t->f->json) {
        printf("# %s: %s\n", lab->id, lab->title);
        fflush(stdout);
    }
    bool ours = t->name[0] != '\0';
    kubeconfig = ours ? cluster_kubeconfig(t->name) : realpath(t->f->kubeconfig, NULL);
    if ((ours && bring_up(t, lab, &err) < 0) || prove_on(t, lab, kubeconfig, &err) < 0) {
        on_broken(t, lab->id, &err);
    }
    /* Each lab has its own idea of a cluster. */
    if (ours && !t->f->keep && cluster_exists(t->name) && cluster_down(t->name, &err) < 0) {
        on_broken(t, lab->id, &err);
    }
    lab_free(lab);
}

/* ---- all of them ---- */

static int add_all(const char **words, int max)
{
    cleanup_free char *root = loader_root();
    char **names = root != NULL ? loader_list(root) : NULL;
    int n = 0;
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        if (n < max) {
            words[n++] = names[i];
        }
    }
    free(names);
    return n;
}

/* Ctrl-C must not leave a cluster behind: a child takes it down, and the program ends after it. */
static struct test *interrupted;

static void on_interrupt(int signum)
{
    static const char clean_up[] =
        "trap '' INT TERM; [ -z \"$1\" ] || \"$0\" down --name \"$1\"; rm -rf -- \"$2\"";
    const struct test *t = interrupted;
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", clean_up, t->program, t->f->keep ? "" : t->name, t->dir,
              (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
    _exit(128 + signum);
}

static void catch_signals(struct test *t, void (*handler)(int))
{
    interrupted = t;
    signal(SIGINT, handler);
    signal(SIGTERM, handler);
}

static int run_one_by_one(struct test *t, const char **words, int n)
{
    str_copy(t->dir, sizeof(t->dir), "/tmp/podlab-test-XXXXXX");
    if (mkdtemp(t->dir) == NULL) {
        fprintf(stderr, "podlab test: no folder can be made in /tmp\n");
        return -1;
    }
    if (t->f->kubeconfig == NULL) {
        snprintf(t->name, sizeof(t->name), "test-%d", (int)getpid());
    }
    cleanup_free char *beside = place_of_program();
    cleanup_free char *program = place_find_program("mini-cluster", beside);
    t->program = program;
    catch_signals(t, on_interrupt);
    for (int i = 0; i < n; i++) {
        try_lab(t, words[i]);
    }
    catch_signals(t, SIG_DFL);
    place_remove(t->dir);
    return 0;
}

static void on_result(void *arg, const char *lab, const json_t *result, const struct err *err)
{
    struct test *t = arg;
    const json_t *proofs = jx_arr(result, "proofs");
    size_t i;
    json_t *p;
    if (!t->f->json) {
        printf("# %s\n", lab);
    }
    jx_each(i, p, proofs)
    {
        on_proof(t, p);
    }
    const json_t *skipped = jx_arr(result, "skipped");
    jx_each(i, p, skipped)
    {
        on_skipped(t, jx_str(p, "lab", ""), jx_str(p, "why", ""));
    }
    if (json_array_size(proofs) + json_array_size(skipped) == 0) {
        on_broken(t, lab, err);
    }
}

static int run_tests(struct test *t, const char **words, int n)
{
    if (n > 1 && t->f->jobs > 1 && t->f->kubeconfig == NULL && !t->f->keep) {
        struct crew_opts crew = {.labs = words,
                                 .nlabs = n,
                                 .jobs = (int)t->f->jobs,
                                 .runtime = t->f->runtime,
                                 .on_result = on_result,
                                 .arg = t};
        crew_run(&crew);
    } else if (run_one_by_one(t, words, n) < 0) {
        return 1;
    }
    if (t->f->json) {
        json_auto_t *out = json_pack("{s:O, s:O, s:i, s:i}", "proofs", t->proofs, "skipped",
                                     t->skipped, "passed", t->passed, "failed", t->failed);
        cmd_print_json(out);
    } else {
        size_t skipped = json_array_size(t->skipped);
        if (skipped > 0) {
            printf("%zu %s not proved: what %s is not here\n", skipped,
                   skipped == 1 ? "lab was" : "labs were",
                   skipped == 1 ? "it requires" : "they require");
        }
        printf("%d passed, %d failed\n", t->passed, t->failed);
    }
    return t->failed > 0 || t->passed == 0;
}

static enum options_result parse(int argc, char **argv, struct flags *f, const char **words, int *n)
{
    const struct option_row rows[] = {
        {"--all", OPTION_FLAG, &f->all, NULL, "every lab there is", 0, 0},
        {"--jobs", OPTION_NUMBER, &f->jobs, "N", "so many labs at once (default 2)", 1, 16},
        {"--keep", OPTION_FLAG, &f->keep, NULL, "leave the cluster as it is at the end", 0, 0},
        {"--kubeconfig", OPTION_TEXT, &f->kubeconfig, "FILE",
         "use this cluster instead of making one", 0, 0},
        CMD_ROW_OUTPUT(&f->output),
        {"--runtime", OPTION_TEXT, &f->runtime, "NAME",
         "of the clusters that are made: auto, docker, process (default auto)", 0, 0},
        {0},
    };
    const struct options o = {
        .usage = "podlab test LAB... [options]",
        .summary = "Proves labs from both sides, on a cluster made for it: untouched, a step must "
                   "fail;\nevery near-miss must fail for the cause it names; the solution must "
                   "pass.",
        .rows = rows,
        .max_words = MAX_LABS,
    };
    return options_parse(&o, argc, argv, words, n);
}

int cmd_test(int argc, char **argv)
{
    const char *words[MAX_LABS];
    struct flags f = {.jobs = 2};
    int n;
    bool bad;
    enum options_result parsed = parse(argc, argv, &f, words, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    f.json = cmd_wants_json(f.output, &bad);
    if (bad) {
        return 2;
    }
    if ((n == 0) != f.all) {
        fprintf(stderr, "podlab test: name labs, or say --all\n");
        return 2;
    }
    int own = f.all ? add_all(words, MAX_LABS) : 0;
    struct test t = {.f = &f, .loop = loop_new(), .proofs = json_array(), .skipped = json_array()};
    log_set_level(LOG_ERROR);
    int rc = run_tests(&t, words, f.all ? own : n);
    for (int i = 0; i < own; i++) {
        free((char *)(uintptr_t)words[i]);
    }
    json_decref(t.proofs);
    json_decref(t.skipped);
    loop_free(t.loop);
    return rc;
}
