/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster up: starts a cluster, or finds that it runs already. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cmd/cmd.h"
#include "cmd/detach.h"
#include "cmd/engine.h"
#include "cmd/options.h"
#include "cmd/run.h"
#include "cmd/settings.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/vec.h"

enum { JOIN_MS = 60000 };

struct flags {
    const char *name, *data;
    struct wishes wishes;
    bool detach;
    int64_t ready_fd, lock_fd; /* of a process that runs in the background */
};

static enum options_result parse(int argc, char **argv, struct flags *f)
{
    const struct option_row rows[] = {
        {"--clock", OPTION_TEXT, &f->wishes.clock, "NAME",
         "how soon a silent node is given up: lab, kubernetes, swarm, mesos (default lab)", 0, 0},
        {"--cpu", OPTION_TEXT, &f->wishes.cpu, "N", "the CPUs of each worker (default 2)", 0, 0},
        {"--data", OPTION_TEXT, &f->data, "DIR", "keep the cluster's state in this folder", 0, 0},
        {"--detach", OPTION_FLAG, &f->detach, NULL,
         "return when the API answers; the cluster runs on in the background", 0, 0},
        {"--memory", OPTION_TEXT, &f->wishes.memory, "SIZE",
         "the memory of each worker (default 2Gi)", 0, 0},
        {"--name", OPTION_TEXT, &f->name, "NAME", "which cluster (default lab)", 0, 0},
        {"--node-names", OPTION_TEXT, &f->wishes.node_names, "A,B,C", "names for the workers", 0,
         0},
        {"--port", OPTION_NUMBER, &f->wishes.port, "N",
         "the API's port on 127.0.0.1 (default: a free one, remembered)", 1, 65535},
        {"--lock-fd", OPTION_NUMBER, &f->lock_fd, "FD", NULL, 0, 1023},
        {"--ready-fd", OPTION_NUMBER, &f->ready_fd, "FD", NULL, 0, 1023},
        {"--runtime", OPTION_TEXT, &f->wishes.runtime, "NAME",
         "what runs containers: auto, docker, process, fake (default auto)", 0, 0},
        {"--spares", OPTION_TEXT, &f->wishes.spares, "N",
         "sandboxes made ahead while the machine is idle, so that pods start sooner: auto, or at "
         "most so many (default auto)",
         0, 0},
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

/* ---- a cluster that runs already ---- */

static int64_t mono_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A second `up`: fine when it would have been the same. It waits as the first one does; 1: that
 * one ended meanwhile. */
static int join_running(struct state *s, const struct flags *f, struct err *err)
{
    bool loaded = false;
    for (int64_t end = mono_ms() + JOIN_MS; mono_ms() < end;) {
        if (!state_is_running(s)) {
            return 1;
        }
        if (!loaded && state_exists(s)) {
            if (state_load(s, err) < 0) {
                return -1;
            }
            if (settings_compare(s, &f->wishes, true, err) < 0) {
                return err_wrap(err, "cluster %s is running with other settings", s->name);
            }
            loaded = true;
        }
        if (loaded && state_is_ready(s)) {
            cleanup_settings struct settings set = {0};
            if (state_load(s, err) < 0 || settings_read(s, &set, err) < 0) {
                return -1;
            }
            run_print_hints(s, &set);
            return 0;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return err_set(err, ERR_TIMEOUT, "cluster %s runs (process %d) and did not get ready in %d s",
                   s->name, (int)state_pid(s), JOIN_MS / 1000);
}

/* ---- a new start ---- */

/* The old settings, when the wishes agree with them; a cluster at rest may get another port and
 * other spares. */
static int prepare_old(struct state *s, const struct flags *f, struct err *err)
{
    if (state_load(s, err) < 0) {
        return -1;
    }
    if (settings_compare(s, &f->wishes, false, err) < 0) {
        return err_wrap(err, "cluster %s was made with other settings", s->name);
    }
    const char *spares = jx_str(s->settings, "spares", "auto");
    bool moves = f->wishes.port > 0 && jx_int(s->settings, "port", 0) != f->wishes.port;
    bool spares_differ = f->wishes.spares != NULL && strcmp(f->wishes.spares, spares) != 0;
    if (moves) {
        jx_put_int(s->settings, "port", f->wishes.port);
    }
    if (spares_differ) {
        jx_put_str(s->settings, "spares", f->wishes.spares);
    }
    return moves || spares_differ ? state_save(s, err) : 0;
}

static int prepare_new(struct state *s, const struct flags *f, struct err *err)
{
    const char *runtime;
    char subnet[24];
    struct err why;
    if (engine_choose(f->wishes.runtime, &runtime, subnet, &why, err) < 0 ||
        settings_make(s, &f->wishes, runtime, subnet, err) < 0) {
        return -1;
    }
    if (why.code != ERR_NONE) {
        jx_put_str(s->settings, "noDocker", why.msg);
    }
    return state_save(s, err) < 0 ? -1 : engine_reserve(s, err);
}

/* A first start that failed leaves nothing; but what others made meanwhile is theirs. */
static void undo(struct state *s, const char *uid)
{
    struct err err;
    if (s->lock_fd < 0 && state_lock(s, &err) < 0) {
        return;
    }
    bool other = state_exists(s) &&
                 (state_load(s, &err) < 0 || strcmp(jx_str(s->settings, "uid", ""), uid) != 0);
    if (other) {
        return;
    }
    bool begun = uid[0] != '\0'; /* ... and perhaps has a network */
    if ((begun && engine_destroy(s, &err) < 0) || state_remove(s, &err) < 0) {
        log_warn("up", "%s", err.msg);
    }
}

static int detach(struct state *s, const struct flags *f, struct err *err)
{
    cleanup_settings struct settings set = {0};
    if (detach_start(s, f->data, err) < 0 || state_load(s, err) < 0 ||
        settings_read(s, &set, err) < 0) {
        return -1;
    }
    run_print_hints(s, &set);
    return 0;
}

static int start(struct state *s, const struct flags *f, struct err *err)
{
    bool fresh = !state_exists(s);
    int rc = fresh ? prepare_new(s, f, err) : prepare_old(s, f, err);
    cleanup_free char *uid = xstrdup(jx_str(s->settings, "uid", ""));
    if (rc == 0) {
        rc = f->detach ? detach(s, f, err) : run_cluster(s, -1, err);
    }
    bool unknown = f->detach && err->code == ERR_UNAVAILABLE; /* `down` looks what it made */
    if (rc < 0 && fresh && (s->lock_fd >= 0 || !unknown)) {
        undo(s, uid);
    }
    return rc;
}

/* The process in the background: everything is prepared, and the lock came along. */
static int go_on(struct state *s, const struct flags *f, struct err *err)
{
    if (f->ready_fd < 0) {
        return err_set(err, ERR_BAD_REQUEST, "--lock-fd is for --detach alone");
    }
    fcntl((int)f->lock_fd, F_SETFD, FD_CLOEXEC);
    fcntl((int)f->ready_fd, F_SETFD, FD_CLOEXEC);
    if (state_adopt(s, (int)f->lock_fd, err) < 0 || state_load(s, err) < 0) {
        return -1;
    }
    return run_cluster(s, (int)f->ready_fd, err);
}

static int up(struct state *s, const struct flags *f, struct err *err)
{
    if (settings_check(&f->wishes, err) < 0) {
        return -1;
    }
    if (f->lock_fd >= 0) {
        return go_on(s, f, err);
    }
    while (state_lock(s, err) < 0) {
        int rc = err->code == ERR_CONFLICT ? join_running(s, f, err) : -1;
        if (rc <= 0) {
            return rc;
        }
    }
    return start(s, f, err);
}

/* Whoever looks at the processes of this machine sees which cluster is whose. */
static void show_name(const struct state *s, int argc, char **argv)
{
    VEC(char *) args = {0};
    vec_push(&args, xstrdup("mini-cluster"));
    vec_push(&args, xstrdup("up"));
    vec_push(&args, xstrdup("--name"));
    vec_push(&args, xstrdup(s->name));
    for (int i = 1; i < argc; i++) {
        vec_push(&args, xstrdup(argv[i]));
    }
    vec_push(&args, NULL);
    execv("/proc/self/exe", args.v);
    for (size_t i = 0; i < args.n; i++) { /* then it runs without */
        free(args.v[i]);
    }
    vec_fini(&args);
}

int cmd_up(int argc, char **argv)
{
    struct flags f = {.wishes = {.workers = -1, .port = -1}, .ready_fd = -1, .lock_fd = -1};
    enum options_result parsed = parse(argc, argv, &f);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    struct err err = {0};
    cleanup_state struct state s = {.lock_fd = -1};
    umask(077); /* keys, tokens and Secrets are in there */
    int rc = state_find(&s, f.name, f.data, &err);
    if (rc == 0 && f.name == NULL && !f.detach) {
        show_name(&s, argc, argv);
    }
    if (rc == 0) {
        rc = up(&s, &f, &err);
    }
    if (rc == 0) {
        return 0;
    }
    fprintf(stderr, "mini-cluster up: %s\n", err.msg);
    if (f.ready_fd >= 0) {
        dprintf((int)f.ready_fd, "%s\n", err.msg);
    }
    return cmd_failed(&err);
}
