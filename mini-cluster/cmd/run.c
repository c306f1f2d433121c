/* SPDX-License-Identifier: Apache-2.0 */
/* One running cluster, from its listening socket to its last signal. */
#include "cmd/run.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd/engine.h"
#include "cmd/machine.h"
#include "cmd/settings.h"
#include "cmd/trust.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/str.h"
#include "core.h"
#include "hosts/dock.h"
#include "http/http.h"
#include "runtime/process/process.h"

struct run {
    struct state *state;
    struct settings settings;
    struct loop *loop;
    struct engine engine;
    struct core *core;
    struct http *http;
    char bridge[16];
    char gateway[16];
    int ready_fd; /* -1: nobody waits; else one line tells the parent how it went */
    uv_signal_t signals[3];
};

static void tell_parent(struct run *u, const char *line)
{
    if (u->ready_fd < 0) {
        return;
    }
    ssize_t n = write(u->ready_fd, line, strlen(line));
    (void)n; /* a parent that is gone needs no answer */
    close(u->ready_fd);
    u->ready_fd = -1;
}

/* What a command needs to find this cluster again: " --name NAME", " --data DIR" or nothing. */
static char *how_to_name(const struct state *s)
{
    cleanup_free char *base = state_base();
    cleanup_free char *usual = xasprintf("%s/%s", base, s->name);
    if (strcmp(usual, s->dir) != 0) {
        return xasprintf(" --data %s", s->dir);
    }
    return strcmp(s->name, "lab") == 0 ? xstrdup("") : xasprintf(" --name %s", s->name);
}

/* What somebody must know who expects containers. */
static void print_limits(const struct settings *set)
{
    if (set->no_docker[0] != '\0') {
        printf("  without Docker: %s\n", set->no_docker);
    }
    for (size_t i = 0; process_limits[i] != NULL; i++) {
        printf("  %-15s %s\n", i == 0 ? "mind that" : "", process_limits[i]);
    }
}

void run_print_hints(const struct state *s, const struct settings *set)
{
    cleanup_free char *which = how_to_name(s);
    size_t workers = 0;
    while (set->workers[workers] != NULL) {
        workers++;
    }
    printf("cluster %s is up: https://127.0.0.1:%d, %zu workers on %s\n", s->name, set->port,
           workers, set->runtime);
    if (strcmp(set->runtime, "process") == 0) {
        print_limits(set);
    }
    printf("  use it:    export KUBECONFIG=%s/kubeconfig\n", s->dir);
    printf("  look:      mini-cluster status%s     (hosts may still be coming up)\n", which);
    printf("  end it:    mini-cluster down%s\n", which);
    fflush(stdout);
}

static void on_ready(void *arg)
{
    struct run *u = arg;
    log_info("up", "cluster %s answers on https://127.0.0.1:%d", u->state->name, u->settings.port);
    state_set_ready(u->state);
    if (u->ready_fd >= 0) {
        tell_parent(u, "ok\n");
    } else {
        run_print_hints(u->state, &u->settings);
    }
}

/* The bridge exists now: pods may reach the API on its gateway. */
static void on_runtime(void *arg)
{
    struct run *u = arg;
    struct err err;
    if (u->engine.fake != NULL) {
        return;
    }
    bool bridged = strcmp(u->settings.runtime, "docker") == 0;
    int fd = http_listen(u->gateway, u->settings.port, bridged ? u->bridge : NULL, &err);
    if (fd < 0 || http_serve(u->http, fd, &err) < 0) {
        log_warn("up", "pods cannot reach the API: %s", err.msg);
    }
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct run *u = handle->data;
    log_info("up", "signal %d: stopping; containers run on until `mini-cluster down`", signum);
    loop_stop(u->loop);
}

static void watch_signals(struct run *u)
{
    static const int signums[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < ARRAY_LEN(signums); i++) {
        uv_signal_init(loop_uv(u->loop), &u->signals[i]);
        u->signals[i].data = u;
        uv_signal_start(&u->signals[i], on_signal, signums[i]);
    }
    signal(SIGPIPE, SIG_IGN);
}

/* ---- starting ---- */

/* A remembered port that somebody else took since is an error, not a reason to move silently. */
static int listen_local(struct run *u, struct err *err)
{
    int fd = http_listen("127.0.0.1", u->settings.port, NULL, err);
    if (fd < 0) {
        return -1;
    }
    if (u->settings.port == 0) {
        u->settings.port = http_port(fd);
        jx_put_int(u->state->settings, "port", u->settings.port);
        if (state_save(u->state, err) < 0) {
            close(fd);
            return -1;
        }
    }
    return fd;
}

/* Where the hosts' Dockers are found; remembered, since who asks may have another environment. */
static int choose_sockets(struct run *u, char **ret, struct err *err)
{
    cleanup_free char *dir = dock_dir(u->settings.uid);
    if (strcmp(jx_str(u->state->settings, "sockets", ""), dir) != 0) {
        jx_put_str(u->state->settings, "sockets", dir);
        if (state_save(u->state, err) < 0) {
            return -1;
        }
    }
    *ret = steal(dir);
    return 0;
}

static int real_port(void *arg, const char *address, int port)
{
    const struct run *u = arg;
    return process_real_port(&u->engine.rt, address, port);
}

static int start(struct run *u, int fd, struct err *err)
{
    struct core_addresses at;
    if (!core_addresses(u->settings.subnet, &at)) {
        close(fd);
        return err_set(err, ERR_INVALID, "subnet \"%s\" is not of the form A.B.0.0/16",
                       u->settings.subnet);
    }
    str_copy(u->gateway, sizeof(u->gateway), at.gateway);
    snprintf(u->bridge, sizeof(u->bridge), "podlab%.8s", u->settings.uid);
    const char *const names[] = {
        "127.0.0.1",
        "localhost",
        at.gateway,
        at.api_service,
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "control-plane",
        NULL,
    };
    struct certs_pair ca;
    struct certs_pair server;
    if (trust_make(u->state, names, &ca, &server, err) < 0) {
        close(fd);
        return -1;
    }
    cleanup_free char *sockets = NULL;
    if (choose_sockets(u, &sockets, err) < 0) {
        certs_pair_fini(&ca);
        certs_pair_fini(&server);
        close(fd);
        return -1;
    }
    cleanup_free char *db = state_path(u->state, "state.db");
    struct core_opts opts = {
        .db_path = db,
        .name = u->state->name,
        .admin_token = u->settings.token,
        .subnet = u->settings.subnet,
        .clock = u->settings.clock,
        .workers = u->settings.workers,
        .cpu_milli = u->settings.cpu_milli,
        .memory = u->settings.memory,
        .ca_pem = ca.cert_pem,
        .api_port = u->settings.port,
        .docks_dir = sockets,
        .spares = engine_spares(&u->settings),
        .memory_left = machine_memory,
        .on_ready = on_ready,
        .on_runtime = on_runtime,
        .arg = u,
    };
    bool shared = strcmp(u->settings.runtime, "process") == 0;
    opts.real_port = shared ? real_port : NULL;
    memcpy(opts.key, u->settings.key, sizeof(opts.key));
    struct http_opts http = {.cert_pem = server.cert_pem,
                             .key_pem = server.key_pem,
                             .ca_pem = ca.cert_pem,
                             .pod_port = opts.real_port,
                             .pod_arg = u,
                             .no_pods = u->engine.fake != NULL
                                            ? "the fake runtime only pretends to run containers"
                                            : NULL};
    int rc = core_new(u->loop, &opts, &u->engine.rt, &u->core, err);
    if (rc == 0) {
        u->http = http_new(u->loop, core_api(u->core), core_auth(u->core), &http);
        rc = http_serve(u->http, fd, err);
        fd = -1;
    }
    if (rc == 0) {
        rc =
            trust_write_kubeconfig(u->state, ca.cert_pem, u->settings.token, u->settings.port, err);
    }
    if (fd >= 0) {
        close(fd);
    }
    certs_pair_fini(&ca);
    certs_pair_fini(&server);
    return rc;
}

static void finish(struct run *u)
{
    http_free(u->http);
    core_free(u->core);
    engine_leave(&u->engine);
    for (size_t i = 0; i < ARRAY_LEN(u->signals); i++) {
        if (u->signals[i].data != NULL) {
            uv_close((uv_handle_t *)&u->signals[i], NULL);
        }
    }
    loop_free(u->loop);
    settings_fini(&u->settings);
}

int run_cluster(struct state *s, int ready_fd, struct err *err)
{
    struct run u = {.state = s, .ready_fd = ready_fd};
    if (settings_read(s, &u.settings, err) < 0) {
        return -1;
    }
    int fd = listen_local(&u, err);
    if (fd < 0) {
        settings_fini(&u.settings);
        return -1;
    }
    u.loop = loop_new();
    watch_signals(&u);
    int rc = engine_open(u.loop, s, &u.settings, &u.engine, err);
    if (rc < 0) {
        close(fd);
    } else {
        rc = start(&u, fd, err);
    }
    if (rc == 0) {
        loop_run(u.loop);
    }
    finish(&u);
    return rc;
}
