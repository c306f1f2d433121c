/* SPDX-License-Identifier: Apache-2.0 */
/* Starts shims, buries them, and reads and writes what they keep on the disk. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/loop_uv.h"
#include "runtime/process/process_files.h"
#include "runtime/process/process_impl.h"

enum { CONTROL_FD = 3 };

/* ---- starting ---- */

static void set_attributes(posix_spawnattr_t *attr)
{
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_init(attr);
    posix_spawnattr_setsigdefault(attr, &all);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setflags(attr,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static int spawn(const struct process_container *c, int fd, pid_t *ret)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    cleanup_free char *title =
        xasprintf("%s (shim)", process_config_get(&c->config, "title", "podlab:"));
    char role[] = "shim";
    char *const argv[] = {title, role, c->dir, NULL};
    char *const env[] = {NULL};
    set_attributes(&attr);
    posix_spawn_file_actions_init(&files);
    for (int i = 0; i < CONTROL_FD; i++) {
        posix_spawn_file_actions_addopen(&files, i, "/dev/null", O_RDWR, 0);
    }
    posix_spawn_file_actions_adddup2(&files, fd, CONTROL_FD);
    int rc = posix_spawn(ret, c->d->program, &files, &attr, argv, env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return rc;
}

int process_shim_start(struct process_container *c)
{
    int fds[2];
    int rc = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0
                 ? errno
                 : spawn(c, fds[1], &c->shim_pid);
    if (rc == 0) {
        close(fds[1]);
        fcntl(fds[0], F_SETFL, O_NONBLOCK);
        vec_push(&c->d->children, c->shim_pid);
        return fds[0];
    }
    free(c->error);
    c->error = xasprintf("start %s: %s%s", c->d->program, strerror(rc),
                         rc == EACCES ? "; programs may not be run in that folder: choose another "
                                        "with --data DIR or XDG_STATE_HOME"
                                      : "");
    c->st.error = c->error;
    return -1;
}

/* ---- burying ---- */

static void on_child(uv_signal_t *handle, int signum)
{
    struct process *d = handle->data;
    (void)signum;
    for (size_t i = d->children.n; i-- > 0;) {
        pid_t pid = waitpid(d->children.v[i], NULL, WNOHANG);
        if (pid > 0 || (pid < 0 && errno == ECHILD)) {
            vec_remove(&d->children, i);
        }
    }
}

void process_shim_watch_children(struct process *d)
{
    d->on_child = xnew(uv_signal_t);
    uv_signal_init(loop_uv(d->loop), d->on_child);
    d->on_child->data = d;
    uv_signal_start(d->on_child, on_child, SIGCHLD);
    uv_unref((uv_handle_t *)d->on_child);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

void process_shim_forget_children(struct process *d)
{
    if (d->on_child != NULL) {
        on_child(d->on_child, 0);
        uv_close((uv_handle_t *)d->on_child, on_closed);
    }
    vec_fini(&d->children);
}

/* ---- what it keeps on the disk ---- */

static enum runtime_state state_of(const char *name)
{
    static const struct {
        const char *name;
        enum runtime_state state;
    } rows[] = {
        {"running", RUNTIME_RUNNING}, {"paused", RUNTIME_PAUSED}, {"exited", RUNTIME_EXITED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].state;
        }
    }
    return RUNTIME_CREATED;
}

static void read_line(struct process_container *c, const char *key, const char *value)
{
    struct runtime_status *st = &c->st;
    if (strcmp(key, "state") == 0) {
        st->state = state_of(value);
    } else if (strcmp(key, "boot") == 0) {
        str_copy(c->boot, sizeof(c->boot), value);
    } else if (strcmp(key, "pid") == 0) {
        char *rest = NULL;
        c->pid = (pid_t)strtol(value, &rest, 10);
        c->began = strtoull(rest, NULL, 10);
    } else if (strcmp(key, "started") == 0) {
        st->started_us = strtoll(value, NULL, 10);
    } else if (strcmp(key, "finished") == 0) {
        st->finished_us = strtoll(value, NULL, 10);
    } else if (strcmp(key, "code") == 0) {
        st->exit_code = (int)strtol(value, NULL, 10);
    } else if (strcmp(key, "oom") == 0) {
        st->oom_killed = value[0] == '1';
    } else if (strcmp(key, "error") == 0) {
        free(c->error);
        c->error = xstrdup(value);
        st->error = c->error;
    }
}

void process_shim_read_state(struct process_container *c, const char *text)
{
    cleanup_free char *copy = xstrdup(text);
    char *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *value = strchr(line, ' ');
        if (value != NULL) {
            *value++ = '\0';
            read_line(c, line, value);
        }
    }
}

void process_shim_write_end(const struct process_container *c)
{
    struct err err;
    cleanup_free char *path = xasprintf("%s/state", c->dir);
    cleanup_free char *text =
        xasprintf("state exited\npid %d %llu\nstarted %" PRId64 "\nfinished %" PRId64
                  "\ncode %d\noom 0\nerror \n",
                  (int)c->pid, c->began, c->st.started_us, c->st.finished_us, c->st.exit_code);
    if (process_files_write(path, text, strlen(text), 0600, &err) != 0) {
        return; /* then a later life finds out again */
    }
}

/* ---- what it left ---- */

static bool is_this_boot(const char *boot)
{
    cleanup_str struct str text = STR_INIT;
    struct err err;
    size_t n = strlen(boot);
    return process_files_read("/proc/sys/kernel/random/boot_id", &text, &err) == 0 && n > 0 &&
           strncmp(str_c(&text), boot, n) == 0;
}

/* When the kernel began the process of this number; 0: there is none, or it is dead. */
static unsigned long long began_of(pid_t pid)
{
    char path[40];
    cleanup_str struct str text = STR_INIT;
    struct err err;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (pid <= 0 || process_files_read(path, &text, &err) != 0) {
        return 0;
    }
    const char *at = strrchr(str_c(&text), ')');
    if (at == NULL || at[1] == '\0' || strchr("ZXx", at[2]) != NULL) {
        return 0;
    }
    for (int field = 2; at != NULL && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? strtoull(at + 1, NULL, 10) : 0;
}

bool process_shim_kill_left(const struct process_container *c)
{
    cleanup_close int pidfd = c->pid > 0 ? (int)syscall(SYS_pidfd_open, c->pid, 0) : -1;
    if (pidfd < 0 || c->began == 0 || began_of(c->pid) != c->began || !is_this_boot(c->boot)) {
        return false; /* it is gone, whoever has its number now */
    }
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    return true;
}
