/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster up: starts a cluster, or finds that it runs already. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cmd/cmd.h"
#include "cmd/engine.h"
#include "cmd/settings.h"
#include "cmd/trust.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/str.h"
#include "common/vec.h"
#include "core.h"
#include "http/http.h"
#include "meta/clock.h"

extern char **environ;

/* One running cluster. */
struct up {
    struct state *state;
    struct settings settings;
    struct loop *loop;
    struct engine engine;
    struct core *core;
    struct http *http;
    char bridge[16];
    char gateway[16];
    int ready_fd; /* -1: nobody waits; else one line tells the parent how it went */
    uv_signal_t signals[2];
};

struct flags {
    const char *name, *data;
    struct wishes wishes;
    bool detach;
    int64_t ready_fd;
};

static enum options_result parse(int argc, char **argv, struct flags *f)
{
    const struct option_row rows[] = {
        {"--clock", OPTION_TEXT, &f->wishes.clock, "NAME",
         "how soon a silent node is given up: lab, kubernetes, swarm, mesos (default lab)", 0, 0},
        {"--data", OPTION_TEXT, &f->data, "DIR", "keep the cluster's state in this folder", 0, 0},
        {"--detach", OPTION_FLAG, &f->detach, NULL,
         "return when the API answers; the cluster runs on in the background", 0, 0},
        {"--name", OPTION_TEXT, &f->name, "NAME", "which cluster (default lab)", 0, 0},
        {"--node-names", OPTION_TEXT, &f->wishes.node_names, "A,B,C", "names for the workers", 0,
         0},
        {"--port", OPTION_NUMBER, &f->wishes.port, "N",
         "the API's port on 127.0.0.1 (default: a free one, remembered)", 1, 65535},
        {"--ready-fd", OPTION_NUMBER, &f->ready_fd, "FD", "write one line there when ready", 0,
         1023},
        {"--runtime", OPTION_TEXT, &f->wishes.runtime, "NAME",
         "what runs containers: auto, docker, fake (default auto)", 0, 0},
        {"--workers", OPTION_NUMBER, &f->wishes.workers, "N", "simulated hosts (default 3)", 0,
         1000},
        {0},
    };
    const struct options o = {
        .usage = "mini-cluster up [options]",
        .summary = "Starts a cluster: an API for kubectl, and simulated hosts that run containers.",
        .rows = rows,
    };
    int n;
    return options_parse(&o, argc, argv, NULL, &n);
}

/* ---- while it runs ---- */

static void tell_parent(struct up *u, const char *line)
{
    if (u->ready_fd < 0) {
        return;
    }
    ssize_t n = write(u->ready_fd, line, strlen(line));
    (void)n; /* a parent that is gone needs no answer */
    close(u->ready_fd);
    u->ready_fd = -1;
}

static void print_hints(const struct state *s, const struct settings *set)
{
    const char *option = strcmp(s->name, "lab") == 0 ? "" : " --name ";
    const char *name = option[0] == '\0' ? "" : s->name;
    size_t workers = 0;
    while (set->workers[workers] != NULL) {
        workers++;
    }
    printf("cluster %s is up: https://127.0.0.1:%d, %zu workers on %s\n", s->name, set->port,
           workers, set->runtime);
    printf("  use it:    export KUBECONFIG=%s/kubeconfig\n", s->dir);
    printf("  look:      mini-cluster status%s%s     (hosts may still be coming up)\n", option,
           name);
    printf("  end it:    mini-cluster down%s%s\n", option, name);
    fflush(stdout);
}

static void on_ready(void *arg)
{
    struct up *u = arg;
    log_info("up", "cluster %s answers on https://127.0.0.1:%d", u->state->name, u->settings.port);
    if (u->ready_fd >= 0) {
        tell_parent(u, "ok\n");
    } else {
        print_hints(u->state, &u->settings);
    }
}

/* The bridge exists now: pods may reach the API on its gateway. */
static void on_runtime(void *arg)
{
    struct up *u = arg;
    struct err err;
    if (u->engine.fake != NULL) {
        return;
    }
    int fd = http_listen(u->gateway, u->settings.port, u->bridge, &err);
    if (fd < 0 || http_serve(u->http, fd, &err) < 0) {
        log_warn("up", "pods cannot reach the API: %s", err.msg);
    }
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct up *u = handle->data;
    log_info("up", "signal %d: stopping; containers run on until `mini-cluster down`", signum);
    loop_stop(u->loop);
}

static void watch_signals(struct up *u)
{
    static const int signums[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < ARRAY_LEN(signums); i++) {
        uv_signal_init(loop_uv(u->loop), &u->signals[i]);
        u->signals[i].data = u;
        uv_signal_start(&u->signals[i], on_signal, signums[i]);
    }
    signal(SIGPIPE, SIG_IGN);
}

/* ---- starting ---- */

/* A remembered port that somebody else took since is an error, not a reason to move silently. */
static int listen_local(struct up *u, struct err *err)
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

static int start(struct up *u, int fd, struct err *err)
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
    cleanup_free char *db = state_path(u->state, "state.db");
    struct core_opts opts = {
        .db_path = db,
        .name = u->state->name,
        .admin_token = u->settings.token,
        .subnet = u->settings.subnet,
        .clock = u->settings.clock,
        .workers = u->settings.workers,
        .ca_pem = ca.cert_pem,
        .api_port = u->settings.port,
        .on_ready = on_ready,
        .on_runtime = on_runtime,
        .arg = u,
    };
    memcpy(opts.key, u->settings.key, sizeof(opts.key));
    struct http_opts http = {
        .cert_pem = server.cert_pem, .key_pem = server.key_pem, .ca_pem = ca.cert_pem};
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

static void finish(struct up *u)
{
    http_free(u->http);
    core_free(u->core);
    engine_close(&u->engine);
    for (size_t i = 0; i < ARRAY_LEN(u->signals); i++) {
        if (u->signals[i].data != NULL) {
            uv_close((uv_handle_t *)&u->signals[i], NULL);
        }
    }
    loop_free(u->loop);
    settings_fini(&u->settings);
}

static int run(struct state *s, int ready_fd, struct err *err)
{
    struct up u = {.state = s, .ready_fd = ready_fd};
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

/* The settings of a folder that has none yet, or the old ones when the wishes agree. */
static int prepare(struct state *s, const struct flags *f, struct err *err)
{
    if (state_exists(s)) {
        if (state_load(s, err) < 0) {
            return -1;
        }
        return settings_compare(s, &f->wishes, err) < 0
                   ? err_wrap(err, "cluster %s was made with other settings", s->name)
                   : 0;
    }
    if (f->wishes.clock != NULL && clock_find(f->wishes.clock) == NULL) {
        return err_set(err, ERR_INVALID, "--clock \"%s\": known are %s", f->wishes.clock,
                       clock_names);
    }
    const char *runtime;
    char subnet[24];
    if (engine_choose(f->wishes.runtime, &runtime, subnet, err) < 0 ||
        settings_make(s, &f->wishes, runtime, subnet, err) < 0) {
        return -1;
    }
    return state_save(s, err);
}

/* A second `up` of a running cluster: fine when it would have been the same. */
static int already_running(struct state *s, const struct flags *f, struct err *err)
{
    if (state_load(s, err) < 0) {
        return -1;
    }
    if (settings_compare(s, &f->wishes, err) < 0) {
        return err_wrap(err, "cluster %s is running with other settings", s->name);
    }
    cleanup_settings struct settings set = {0};
    if (settings_read(s, &set, err) < 0) {
        return -1;
    }
    print_hints(s, &set);
    return 0;
}

/* ---- in the background ---- */

static int open_log(const struct state *s, struct err *err)
{
    cleanup_free char *path = state_path(s, "log");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : err_errno(err, errno, "open %s", path);
}

/* Starts this program again, as `up --name NAME --ready-fd 3`, with nothing of our terminal. */
static int spawn(const struct state *s, const struct flags *f, int ready_fd, int log_fd, pid_t *ret,
                 struct err *err)
{
    char *argv[] = {
        xstrdup("mini-cluster"),
        xstrdup("up"),
        xstrdup("--name"),
        xstrdup(s->name),
        xstrdup("--ready-fd"),
        xstrdup("3"),
        f->data != NULL ? xasprintf("--data=%s", f->data) : NULL,
        NULL,
    };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, log_fd, 1);
    posix_spawn_file_actions_adddup2(&files, log_fd, 2);
    posix_spawn_file_actions_adddup2(&files, ready_fd, 3);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
    int rc = posix_spawn(ret, "/proc/self/exe", &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    for (size_t i = 0; i < ARRAY_LEN(argv); i++) {
        free(argv[i]);
    }
    return rc == 0 ? 0 : err_errno(err, rc, "start mini-cluster in the background");
}

static int await(int fd, const struct state *s, struct err *err)
{
    struct str line = STR_INIT;
    char buf[512];
    for (ssize_t n; (n = read(fd, buf, sizeof(buf))) > 0;) {
        str_add_n(&line, buf, (size_t)n);
    }
    cleanup_free char *text = str_take(&line);
    text[strcspn(text, "\n")] = '\0';
    if (strcmp(text, "ok") == 0) {
        return 0;
    }
    if (text[0] == '\0') {
        return err_set(err, ERR_INTERNAL, "it ended before it was ready; its log is %s/log",
                       s->dir);
    }
    return err_set(err, ERR_INTERNAL, "%s", text);
}

static int detach(struct state *s, const struct flags *f, struct err *err)
{
    int fds[2];
    pid_t pid;
    cleanup_close int log_fd = open_log(s, err);
    if (log_fd < 0) {
        return -1;
    }
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return err_errno(err, errno, "pipe");
    }
    /* The child takes the lock for itself. */
    close(s->lock_fd);
    s->lock_fd = -1;
    int rc = spawn(s, f, fds[1], log_fd, &pid, err);
    close(fds[1]);
    rc = rc == 0 ? await(fds[0], s, err) : rc;
    close(fds[0]);
    if (rc < 0 || state_load(s, err) < 0) {
        return -1;
    }
    cleanup_settings struct settings set = {0};
    if (settings_read(s, &set, err) < 0) {
        return -1;
    }
    print_hints(s, &set);
    return 0;
}

static int up(struct state *s, const struct flags *f, struct err *err)
{
    if (state_find(s, f->name, f->data, err) < 0) {
        return -1;
    }
    if (state_pid(s) != 0) {
        return already_running(s, f, err);
    }
    bool fresh = !state_exists(s);
    if (state_lock(s, err) < 0 || prepare(s, f, err) < 0) {
        return -1;
    }
    int rc = f->detach ? detach(s, f, err) : run(s, (int)f->ready_fd, err);
    if (rc < 0 && fresh) {
        struct err also;
        if (state_remove(s, &also) < 0) { /* a first start that failed leaves no settings */
            log_warn("up", "%s", also.msg);
        }
    }
    return rc;
}

int cmd_up(int argc, char **argv)
{
    struct flags f = {.name = "lab", .wishes = {.workers = -1, .port = -1}, .ready_fd = -1};
    enum options_result parsed = parse(argc, argv, &f);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    struct err err = {0};
    cleanup_state struct state s = {.lock_fd = -1};
    if (f.ready_fd >= 0) {
        fcntl((int)f.ready_fd, F_SETFD, FD_CLOEXEC);
    }
    if (up(&s, &f, &err) < 0) {
        fprintf(stderr, "mini-cluster up: %s\n", err.msg);
        if (f.ready_fd >= 0) {
            dprintf((int)f.ready_fd, "%s\n", err.msg);
        }
        return 1;
    }
    return 0;
}
