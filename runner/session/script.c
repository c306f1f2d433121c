/* SPDX-License-Identifier: Apache-2.0 */
/* One bash in a process group of its own, its output kept, its time bounded. */
#include "session/script.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"

enum { KEEP = 16 * 1024 };

extern char **environ;

struct script {
    uv_process_t process;
    uv_pipe_t pipe;
    struct loop_timer *timer;
    struct str output;
    char buf[4096];
    int exit;
    unsigned open;      /* handles that are not closed yet */
    bool exited, ended; /* the process; its output */
    bool cancelled;
    script_done *done;
    void *arg;
};

static void on_closed(uv_handle_t *handle)
{
    struct script *s = handle->data;
    if (--s->open > 0) {
        return;
    }
    if (!s->cancelled) {
        s->done(s->arg, s->exit, str_c(&s->output));
    }
    loop_timer_free(s->timer);
    str_fini(&s->output);
    free(s);
}

static void close_all(struct script *s)
{
    loop_timer_stop(s->timer);
    if (!uv_is_closing((uv_handle_t *)&s->process)) {
        uv_close((uv_handle_t *)&s->process, on_closed);
    }
    if (!uv_is_closing((uv_handle_t *)&s->pipe)) {
        uv_close((uv_handle_t *)&s->pipe, on_closed);
    }
}

static void keep_output(struct script *s, const char *bytes, size_t n)
{
    str_add_n(&s->output, bytes, n);
    if (s->output.len > KEEP) {
        str_drop_front(&s->output, s->output.len - KEEP);
    }
}

/* What it had printed when it ended. A program that it left in the background may hold the pipe for
 * ever: what that prints is not waited for. */
static void drain(struct script *s)
{
    uv_os_fd_t fd;
    ssize_t n;
    if (uv_fileno((uv_handle_t *)&s->pipe, &fd) < 0) {
        return;
    }
    while ((n = read(fd, s->buf, sizeof(s->buf))) > 0) {
        keep_output(s, s->buf, (size_t)n);
    }
}

static void on_exit_status(uv_process_t *process, int64_t status, int signum)
{
    struct script *s = process->data;
    s->exited = true;
    if (s->exit != -1) {
        s->exit = signum != 0 ? 128 + signum : (int)status;
    }
    drain(s);
    close_all(s);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct script *s = handle->data;
    *buf = uv_buf_init(s->buf, sizeof(s->buf));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct script *s = stream->data;
    if (n <= 0) {
        uv_read_stop(stream);
        return;
    }
    keep_output(s, buf->base, (size_t)n);
}

static void on_timeout(void *arg)
{
    struct script *s = arg;
    s->exit = -1;
    str_add(&s->output, "\n(stopped: it took too long)\n");
    kill(-s->process.pid, SIGKILL);
}

/* Ours, with what was given on top; an empty value takes a name away: an older docker takes even an
 * empty DOCKER_HOST for this machine's own. */
static char **build_env(const char *const *extra)
{
    VEC(char *) env = {0};
    for (char **e = environ; *e != NULL; e++) {
        bool replaced = false;
        for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
            size_t n = strcspn(extra[i], "=") + 1;
            replaced = replaced || strncmp(*e, extra[i], n) == 0;
        }
        if (!replaced) {
            vec_push(&env, *e);
        }
    }
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
        if (!str_has_suffix(extra[i], "=")) {
            vec_push(&env, (char *)(uintptr_t)extra[i]);
        }
    }
    vec_push(&env, NULL);
    return env.v;
}

static void fail_later(struct script *s, const char *why)
{
    s->exit = -1;
    str_add_f(&s->output, "bash does not start: %s\n", why);
    close_all(s);
}

struct script *script_run(const struct script_opts *opts, script_done *done, void *arg)
{
    struct script *s = xnew(struct script);
    uv_loop_t *uv = loop_uv(opts->loop);
    cleanup_free char **env = build_env(opts->env);
    /* A file is read by the same bash that sends both channels to one pipe. */
    cleanup_free char *text =
        xasprintf("exec 2>&1; %s", opts->path != NULL ? ". \"$0\"" : opts->text);
    char *args[] = {xstrdup("bash"), xstrdup("-c"), text, xstrdup(opts->path), NULL};
    s->done = done;
    s->arg = arg;
    s->open = 2;
    s->timer = loop_timer_new(opts->loop, on_timeout, s);
    s->process.data = s;
    s->pipe.data = s;
    uv_pipe_init(uv, &s->pipe, 0);
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&s->pipe},
        {.flags = UV_IGNORE},
    };
    uv_process_options_t o = {
        .exit_cb = on_exit_status,
        .file = "bash",
        .args = args,
        .env = env,
        .cwd = opts->workdir,
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = stdio,
    };
    int rc = uv_spawn(uv, &s->process, &o);
    free(args[0]);
    free(args[1]);
    free(args[3]);
    if (rc < 0) {
        fail_later(s, uv_strerror(rc));
        return s;
    }
    uv_read_start((uv_stream_t *)&s->pipe, on_alloc, on_read);
    loop_timer_start(s->timer, opts->timeout_ns > 0 ? opts->timeout_ns : LOOP_S(60));
    return s;
}

void script_cancel(struct script *s)
{
    if (s == NULL || s->cancelled) {
        return;
    }
    s->cancelled = true;
    if (!s->exited && s->process.pid > 0) {
        kill(-s->process.pid, SIGKILL);
    }
    close_all(s);
    loop_timer_free(steal(s->timer)); /* the loop may go before it turns again */
}
