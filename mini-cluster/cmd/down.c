/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster down: ends a cluster and removes everything that was made for it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/cmd.h"
#include "cmd/engine.h"
#include "cmd/options.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "hosts/dock.h"

enum { STOP_S = 10 };

static int64_t mono_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until nobody holds the cluster's lock; the lock, unlike the pid, cannot be somebody else's.
 */
static bool wait_unlocked(const struct state *s)
{
    for (int64_t end = mono_ms() + STOP_S * 1000; mono_ms() < end;) {
        if (!state_is_running(s)) {
            return true;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return false;
}

static int stop_process(const struct state *s, struct err *err)
{
    pid_t pid = state_pid(s);
    if (pid == 0) {
        return !state_is_running(s)
                   ? 0
                   : err_set(err, ERR_UNAVAILABLE,
                             "cluster %s is just starting; try again in a moment", s->name);
    }
    if (kill(pid, SIGTERM) < 0 && errno != ESRCH) {
        return err_errno(err, errno, "stop process %d", (int)pid);
    }
    if (wait_unlocked(s)) {
        return 0;
    }
    kill(pid, SIGKILL); /* nothing acknowledged is lost by it */
    if (wait_unlocked(s)) {
        return 0;
    }
    return err_set(err, ERR_TIMEOUT, "process %d of cluster %s does not end", (int)pid, s->name);
}

static int down(struct state *s, const struct cmd_flags *f, bool keep_state, struct err *err)
{
    if (state_find(s, f->name, f->data, err) < 0 || state_load(s, err) < 0 ||
        stop_process(s, err) < 0 || state_lock(s, err) < 0) {
        return -1;
    }
    if (engine_destroy(s, err) < 0) {
        struct err why = *err;
        return err_set(err, why.code,
                       "cluster %s was stopped, but its containers could not be removed: %.250s\n"
                       "Its state is kept in %.100s; run `mini-cluster down` again when that is "
                       "solved",
                       s->name, why.msg, s->dir);
    }
    const char *sockets = jx_str(s->settings, "sockets", "");
    if (sockets[0] != '\0') {
        dock_dir_remove(sockets); /* of a process that was killed */
    }
    return keep_state ? 0 : state_remove(s, err);
}

int cmd_down(int argc, char **argv)
{
    struct cmd_flags f = CMD_FLAGS_INIT;
    bool keep_state = false;
    const struct option_row rows[] = {
        CMD_ROW_DATA(&f),
        {"--keep-state", OPTION_FLAG, &keep_state, NULL,
         "keep objects and keys: the next up continues with them", 0, 0},
        CMD_ROW_NAME(&f),
        {0},
    };
    const struct options o = {
        .usage = "mini-cluster down [options]",
        .summary = "Ends a cluster and removes its containers, volumes, network and state.",
        .rows = rows,
    };
    int n;
    enum options_result parsed = options_parse(&o, argc, argv, NULL, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    struct err err = {0};
    cleanup_state struct state s = {.lock_fd = -1};
    if (down(&s, &f, keep_state, &err) < 0) {
        fprintf(stderr, "mini-cluster down: %s\n", err.msg);
        return cmd_failed(&err);
    }
    printf("cluster %s is gone%s\n", s.name, keep_state ? "; its state is kept" : "");
    return 0;
}
