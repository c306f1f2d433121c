/* SPDX-License-Identifier: Apache-2.0 */
/* What a pod costs from create to Ready: the whole core on the fake runtime and a real disk,
 * without sockets. CPU time and instructions (callgrind --toggle-collect=run_pods) can be judged on
 * a busy machine; the clock on the wall cannot. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "api/api.h"
#include "client/client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/options.h"
#include "core.h"
#include "kinds/kinds.h"
#include "meta/clock.h"
#include "meta/object.h"
#include "runtime/fake/fake.h"

/* Heartbeats are left out: under valgrind everything takes fifty times as long, but they would go
 * on at their pace. */
static const struct clock clock_bench = {
    .name = "bench",
    .heartbeat = LOOP_S(100000),
    .grace = LOOP_S(400000),
    .eviction = LOOP_S(400000),
    .backoff_first = LOOP_S(10),
    .backoff_max = LOOP_S(300),
    .backoff_reset = LOOP_S(600),
    .image_backoff_first = LOOP_S(10),
    .image_backoff_max = LOOP_S(300),
};

struct bench {
    int64_t nodes, deployments, replicas, services;
    struct loop *loop;
    struct fake *fake;
    struct runtime rt;
    struct core *core;
    struct client *client;
    int64_t nodes_ready, ready;
    bool done;
};

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double wall_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double rss_mb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1) {
        pages = 0;
    }
    if (f != NULL) {
        fclose(f);
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static bool is_ready(const json_t *node)
{
    return str_eq(jx_get_str(object_condition(node, "Ready"), "status", ""), "True");
}

static void on_node(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct bench *b = arg;
    if (type == CLIENT_ADDED || type == CLIENT_MODIFIED) {
        b->nodes_ready += is_ready(obj) - (prev != NULL && is_ready(prev));
        b->done = b->nodes_ready > b->nodes; /* the control plane is one too */
    }
}

static void on_deployment(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct bench *b = arg;
    if (type == CLIENT_ADDED || type == CLIENT_MODIFIED) {
        b->ready +=
            jx_int(obj, "status.readyReplicas", 0) - jx_int(prev, "status.readyReplicas", 0);
        b->done = b->ready == b->deployments * b->replicas;
    }
}

static int start(struct bench *b, const char *db)
{
    struct err err;
    const char **names = xcalloc((size_t)b->nodes + 1, sizeof(char *));
    for (int64_t i = 0; i < b->nodes; i++) {
        names[i] = xasprintf("worker-%d", (int)i + 1);
    }
    struct core_opts opts = {
        .db_path = db,
        .name = "bench",
        .key = "the cluster key of the bench...",
        .admin_token = "token",
        .subnet = "10.77.0.0/16",
        .clock = &clock_bench,
        .workers = names,
        .api_port = 6443,
    };
    b->loop = loop_new();
    b->fake = fake_new(b->loop, &(struct fake_opts){0});
    fake_runtime(b->fake, &b->rt);
    int rc = core_new(b->loop, &opts, &b->rt, &b->core, &err);
    if (rc < 0) {
        fprintf(stderr, "core_bench: %s\n", err.msg);
    } else {
        b->client = client_new(core_api(b->core), "system:bench");
    }
    for (int64_t i = 0; i < b->nodes; i++) {
        free((char *)(uintptr_t)names[i]);
    }
    free(names);
    return rc;
}

static json_t *deployment(int i, int64_t replicas)
{
    char name[24];
    snprintf(name, sizeof(name), "d%d", i);
    return json_pack(
        "{s:s, s:s, s:{s:s}, s:{s:I, s:{s:{s:s}}, s:{s:{s:{s:s}}, s:{s:[{s:s, s:s}]}}}}",
        "apiVersion", "apps/v1", "kind", "Deployment", "metadata", "name", name, "spec", "replicas",
        (json_int_t)replicas, "selector", "matchLabels", "app", name, "template", "metadata",
        "labels", "app", name, "spec", "containers", "name", "c", "image", "podlab/web:v1");
}

static json_t *service(int i)
{
    char name[24];
    snprintf(name, sizeof(name), "d%d", i);
    return json_pack("{s:s, s:s, s:{s:s}, s:{s:{s:s}, s:[{s:i}]}}", "apiVersion", "v1", "kind",
                     "Service", "metadata", "name", name, "spec", "selector", "app", name, "ports",
                     "port", 8080);
}

/* Not static and not inlined: callgrind is told its name. */
bool run_pods(struct bench *b);
__attribute__((noinline)) bool run_pods(struct bench *b)
{
    struct err err;
    for (int i = 0; i < (int)b->deployments; i++) {
        if (client_create(b->client, kinds_find_gr("deployments.apps"), "default",
                          deployment(i, b->replicas), NULL, &err) < 0 ||
            (i < b->services && client_create(b->client, kinds_find_gr("services"), "default",
                                              service(i), NULL, &err) < 0)) {
            fprintf(stderr, "core_bench: %s\n", err.msg);
            return false;
        }
    }
    b->done = false;
    return loop_run_until(b->loop, &b->done, LOOP_S(1800));
}

static bool measure(struct bench *b)
{
    long pods = (long)(b->deployments * b->replicas);
    struct client_watch *w = client_watch(b->client, kinds_find_gr("nodes"), on_node, b);
    bool ok = loop_run_until(b->loop, &b->done, LOOP_S(600));
    client_watch_free(w);
    printf("%ld nodes ready: %.2f s CPU, RSS %.1f MB\n", (long)b->nodes, cpu_s(), rss_mb());
    w = client_watch(b->client, kinds_find_gr("deployments.apps"), on_deployment, b);
    double cpu = cpu_s();
    double wall = wall_s();
    ok = ok && run_pods(b);
    printf("%ld pods (%ld x %ld): %.3f ms CPU per pod, %.0f pods/s of CPU, %.0f pods/s, RSS %.1f "
           "MB%s\n",
           pods, (long)b->deployments, (long)b->replicas, (cpu_s() - cpu) * 1e3 / (double)pods,
           (double)pods / (cpu_s() - cpu), (double)pods / (wall_s() - wall), rss_mb(),
           ok ? "" : " NOT FINISHED");
    client_watch_free(w);
    return ok;
}

int main(int argc, char **argv)
{
    struct bench b = {.nodes = 100, .deployments = 20, .replicas = 100};
    const struct option_row rows[] = {
        {"--deployments", OPTION_NUMBER, &b.deployments, "N", "(default 20)", 1, 10000},
        {"--nodes", OPTION_NUMBER, &b.nodes, "N", "(default 100)", 1, 1000},
        {"--replicas", OPTION_NUMBER, &b.replicas, "N", "of each (default 100)", 1, 100000},
        {"--services", OPTION_NUMBER, &b.services, "N", "for the first N (default 0)", 0, 10000},
        {0},
    };
    const struct options o = {
        .usage = "core_bench [options]", .summary = "Runs pods on fake nodes.", .rows = rows};
    int n;
    jx_init();
    jx_use_pool();
    if (options_parse(&o, argc, argv, NULL, &n) != OPTIONS_OK) {
        return 2;
    }
    log_set_level(LOG_WARN);
    char dir[] = "/tmp/podlab-bench-XXXXXX";
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return 1;
    }
    cleanup_free char *db = xasprintf("%s/state.db", dir);
    bool ok = start(&b, db) == 0 && measure(&b);
    client_free(b.client);
    core_free(b.core);
    if (b.rt.ops != NULL) {
        b.rt.ops->free(b.rt.self);
    }
    fake_free(b.fake);
    loop_free(b.loop);
    unlink(db);
    rmdir(dir);
    return ok ? 0 : 1;
}
