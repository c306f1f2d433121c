/* SPDX-License-Identifier: Apache-2.0 */
/* Checks by script: bash in the learner's folder, status 0 is true. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "check/check_impl.h"
#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"

#define POLL LOOP_S(2) /* from one start to the next, at least */
#define TIMEOUT LOOP_S(10)

enum { MAX_OUTPUT = 4096, STOPPED = 124 }; /* as timeout(1) says it */

/* One run of the script; lives until libuv has closed its handles. */
struct script {
    struct shell *shell; /* NULL: forgotten */
    uv_process_t proc;
    uv_pipe_t out;
    unsigned handles;
    bool spawned, exited, ended, stopped;
    int64_t status;
    char buf[4096];
    struct str output;
};

struct shell {
    struct check_way *way;
    struct script *script;
    uint64_t started_ns;
    bool again; /* poked since it began */
};

/* ---- a run ---- */

static void on_closed(uv_handle_t *handle)
{
    struct script *s = handle->data;
    if (--s->handles == 0) {
        str_fini(&s->output);
        free(s);
    }
}

static void close_script(struct script *s)
{
    s->shell = NULL;
    uv_close((uv_handle_t *)&s->proc, on_closed);
    uv_close((uv_handle_t *)&s->out, on_closed);
}

static void finish(struct script *s)
{
    struct shell *shell = s->shell;
    shell->script = NULL;
    json_t *seen = json_pack("{s:I, s:o, s:b}", "status", (json_int_t)s->status, "output",
                             json_string(str_c(&s->output)), "timed_out", s->stopped);
    if (seen == NULL) { /* output that is no UTF-8 */
        seen = json_pack("{s:I, s:s, s:b}", "status", (json_int_t)s->status, "output", "",
                         "timed_out", s->stopped);
    }
    bool good = s->status == 0 && !s->stopped;
    close_script(s);
    check_way_answer(shell->way, good, seen, "");
}

static void on_ended(uv_process_t *proc, int64_t status, int signal)
{
    struct script *s = proc->data;
    s->exited = true;
    s->status = signal > 0 ? 128 + signal : status;
    if (s->stopped) {
        s->status = STOPPED;
    }
    if (s->shell != NULL && s->ended) {
        finish(s);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct script *s = handle->data;
    *buf = uv_buf_init(s->buf, sizeof(s->buf));
}

/* The end of what it says is what it says about failing. */
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct script *s = stream->data;
    if (s->shell == NULL) {
        return;
    }
    if (n > 0) {
        str_add_n(&s->output, buf->base, (size_t)n);
        if (s->output.len > MAX_OUTPUT) {
            str_drop_front(&s->output, s->output.len - MAX_OUTPUT);
        }
    } else if (n < 0) {
        uv_read_stop(stream);
        s->ended = true;
        if (s->exited) {
            finish(s);
        }
    }
}

static void stop(struct script *s)
{
    if (!s->exited) {
        s->stopped = true;
        (void)kill(-s->proc.pid, SIGKILL);
    }
}

/* ---- starting one ---- */

extern char **environ;

static bool is_overridden(const struct check_run *r, const char *pair)
{
    size_t n = strcspn(pair, "=") + 1;
    for (size_t i = 0; i < r->env.n; i++) {
        if (strncmp(r->env.v[i], pair, n) == 0) {
            return true;
        }
    }
    return false;
}

/* Ours, and what the session gives on top; an empty value takes a name away. The caller frees the
 * array. */
static char **environment(const struct check_run *r)
{
    VEC(char *) all = {0};
    for (char **pair = environ; *pair != NULL; pair++) {
        if (!is_overridden(r, *pair)) {
            vec_push(&all, *pair);
        }
    }
    for (size_t i = 0; i < r->env.n; i++) {
        if (!str_has_suffix(r->env.v[i], "=")) {
            vec_push(&all, (char *)(uintptr_t)r->env.v[i]);
        }
    }
    vec_push(&all, NULL);
    return all.v;
}

static int spawn(struct script *s, const struct check_run *r, const char *text)
{
    cleanup_free char *both = xasprintf("exec 2>&1; %s", text);
    cleanup_free char **env = environment(r);
    char bash[] = "bash", option[] = "-c";
    char *args[] = {bash, option, both, NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&s->out},
        {.flags = UV_IGNORE},
    };
    uv_process_options_t o = {
        .file = "bash",
        .args = args,
        .env = env,
        .cwd = r->o.workdir,
        .flags = UV_PROCESS_DETACHED, /* a group of its own, so that all of it can be stopped */
        .stdio = stdio,
        .stdio_count = 3,
        .exit_cb = on_ended,
    };
    return uv_spawn(loop_uv(r->o.loop), &s->proc, &o);
}

static void start(struct shell *shell)
{
    struct check_run *r = shell->way->run;
    struct script *s = xnew(struct script);
    shell->started_ns = loop_mono_ns(r->o.loop);
    shell->again = false;
    s->shell = shell;
    s->handles = 2;
    s->proc.data = s->out.data = s;
    uv_pipe_init(loop_uv(r->o.loop), &s->out, 0);
    int rc = spawn(s, r, shell->way->check->shell);
    if (rc != 0) {
        cleanup_free char *why = xasprintf("bash cannot be started: %s", uv_strerror(rc));
        close_script(s);
        check_way_unknown(shell->way, why);
        return;
    }
    shell->script = s;
    uv_read_start((uv_stream_t *)&s->out, on_alloc, on_read);
}

/* ---- the kind ---- */

static void *shell_begin(struct check_way *w)
{
    struct shell *shell = xnew(struct shell);
    shell->way = w;
    return shell;
}

static void shell_end(void *own)
{
    struct shell *shell = own;
    struct script *s = shell->script;
    if (s != NULL) {
        pid_t pid = s->proc.pid;
        stop(s);
        while (!s->exited && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
        close_script(s);
    }
    free(shell);
}

static void shell_look(void *own)
{
    struct shell *shell = own;
    shell->again = true;
    if (shell->script == NULL) {
        start(shell);
    }
}

static void shell_tick(void *own, uint64_t now_ns)
{
    struct shell *shell = own;
    struct script *s = shell->script;
    if (s == NULL) {
        if (shell->again || now_ns - shell->started_ns >= POLL) {
            start(shell);
        }
    } else if (s->exited) {
        finish(s); /* something it left behind holds its output open */
    } else if (now_ns - shell->started_ns >= TIMEOUT) {
        stop(s);
    }
}

const struct check_kind check_kind_shell = {shell_begin, shell_end, shell_look, shell_tick};
