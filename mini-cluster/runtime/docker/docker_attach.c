/* SPDX-License-Identifier: Apache-2.0 */
/* Attach and exec: the connection stops being HTTP and carries bytes both ways. */
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_stream.h"

#define EXEC_POLL_NS LOOP_MS(20) /* its streams may end a moment before it does */
#define EXEC_POLLS 250

/* ---- the connection ---- */

static void resize_now(struct runtime_stream *s);

static void on_open(void *arg)
{
    struct runtime_stream *s = arg;
    if (!s->hanging_up) {
        docker_stream_opened(s);
        resize_now(s);
    }
}

static void on_drain(void *arg)
{
    struct runtime_stream *s = arg;
    if (s->ops.on_drain != NULL && !s->dead) {
        s->ops.on_drain(s->arg);
    }
}

static void on_data(void *arg, const char *bytes, size_t n)
{
    if (n > 0) {
        docker_stream_take(arg, bytes, n);
    }
}

static void on_close(void *arg, const struct err *err)
{
    docker_stream_finish(arg, err);
}

void docker_stream_upgrade(struct runtime_stream *s, const char *path, const json_t *body)
{
    cleanup_free char *target = docker_path(s->d, path);
    cleanup_str struct str text = STR_INIT;
    if (body != NULL) {
        jx_dump(&text, body);
    }
    const struct http_upgrade_opts opts = {
        .unix_path = s->d->socket,
        .method = "POST",
        .target = target,
        .protocol = "tcp",
        .content_type = body != NULL ? "application/json" : NULL,
        .body = str_c(&text),
        .len = text.len,
        .on_open = on_open,
        .on_data = on_data,
        .on_close = on_close,
        .on_drain = on_drain,
        .arg = s,
    };
    s->upgrade = http_upgrade_new(s->d->loop, &opts);
    http_upgrade_pause(s->upgrade, s->paused);
}

/* A container that does not run would keep us waiting until it does. */
static bool runs(struct runtime_stream *s, const struct docker_status *status)
{
    struct err err;
    if (status->st.state == RUNTIME_RUNNING || status->st.state == RUNTIME_PAUSED) {
        return true;
    }
    err_set(&err, ERR_CONFLICT, "Container %s is not running", s->name);
    docker_stream_finish(s, &err);
    return false;
}

/* ---- attach ---- */

/* Keys that nobody types, so that none of them detaches: Ctrl-P belongs to the shell. */
#define NO_DETACH_KEYS "ctrl-@,ctrl-^,ctrl-@,ctrl-_,ctrl-@"

static void open_attach(struct runtime_stream *s, const struct docker_status *status)
{
    if (runs(s, status)) {
        cleanup_free char *keys = docker_escape(NO_DETACH_KEYS);
        cleanup_free char *path =
            xasprintf("/containers/%s/attach?stream=1&stdin=%d&stdout=1&stderr=1&detachKeys=%s",
                      s->name, s->stdin_open, keys);
        docker_stream_upgrade(s, path, NULL);
    }
}

struct runtime_stream *docker_stream_attach(void *self, const char *name,
                                            const struct runtime_stream_ops *ops, void *arg)
{
    const struct runtime_exec x = {.stdin_open = true};
    return docker_stream_join(self, name, &x, ops, arg);
}

struct runtime_stream *docker_stream_join(void *self, const char *name,
                                          const struct runtime_exec *x,
                                          const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = docker_stream_new(self, name, ops, arg);
    s->open = open_attach;
    s->stdin_open = x->stdin_open;
    s->width = x->width;
    s->height = x->height;
    docker_stream_start(s);
    return s;
}

/* ---- exec ---- */

static void exec_ended(void *arg, const struct docker_answer *a)
{
    struct runtime_stream *s = arg;
    s->asked = NULL;
    bool still = jx_bool(a->json, "Running", false);
    if (still && ++s->exec_polls < EXEC_POLLS) {
        loop_timer_start(s->exec_timer, EXEC_POLL_NS);
        return;
    }
    if (a->err.code != ERR_NONE) {
        s->err = a->err;
    }
    s->exit_known = a->err.code == ERR_NONE && !still;
    s->exit_code = (int)jx_int(a->json, "ExitCode", 0);
    s->before_end = NULL;
    docker_stream_finish(s, NULL);
}

static void ask_exit(void *arg)
{
    struct runtime_stream *s = arg;
    s->asked =
        docker_call(s->d, &(struct docker_ask){0}, exec_ended, s, "/exec/%s/json", s->exec_id);
}

static bool before_exec_end(struct runtime_stream *s)
{
    if (s->exec_timer == NULL) {
        s->exec_timer = loop_timer_new(s->d->loop, ask_exit, s);
        ask_exit(s);
    }
    return false;
}

static void exec_made(void *arg, const struct docker_answer *a)
{
    struct runtime_stream *s = arg;
    const char *id = jx_str(a->json, "Id", "");
    struct err err = a->err;
    s->asked = NULL;
    if (err.code == ERR_NONE && (id[0] == '\0' || strspn(id, "0123456789abcdef") != strlen(id))) {
        err_set(&err, ERR_INTERNAL, "Docker made an exec without a usable id");
    }
    if (err.code != ERR_NONE) {
        docker_stream_finish(s, &err);
        return;
    }
    s->exec_id = xstrdup(id);
    s->before_end = before_exec_end;
    cleanup_free char *path = xasprintf("/exec/%s/start", id);
    json_t *body = json_pack("{s:b, s:b}", "Detach", 0, "Tty", s->tty);
    docker_stream_upgrade(s, path, body);
    json_decref(body);
}

static void open_exec(struct runtime_stream *s, const struct docker_status *status)
{
    s->tty = jx_bool(s->exec_body, "Tty", false);
    if (runs(s, status)) {
        const struct docker_ask ask = {.method = "POST", .body = steal(s->exec_body)};
        s->asked = docker_call(s->d, &ask, exec_made, s, "/containers/%s/exec", s->name);
    }
}

void docker_stream_run(struct runtime_stream *s)
{
    s->open = open_exec;
    docker_stream_start(s);
}

struct runtime_stream *docker_stream_exec(void *self, const char *name,
                                          const struct runtime_exec *x,
                                          const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = docker_stream_new(self, name, ops, arg);
    json_t *command = json_array();
    bool odd = false;
    for (size_t i = 0; x->command != NULL && x->command[i] != NULL; i++) {
        odd |= json_array_append_new(command, json_string(x->command[i])) != 0;
    }
    s->exec_body = json_pack("{s:o, s:b, s:b, s:b, s:b, s:s}", "Cmd", command, "Tty", x->tty,
                             "AttachStdin", x->stdin_open, "AttachStdout", 1, "AttachStderr", 1,
                             "DetachKeys", NO_DETACH_KEYS);
    s->width = x->width;
    s->height = x->height;
    if (x->tty && x->width > 0 && x->height > 0) { /* since API 1.42; else it is told after */
        json_object_set_new(s->exec_body, "ConsoleSize",
                            json_pack("[i, i]", (int)x->height, (int)x->width));
    }
    if (odd) {
        struct err err;
        err_set(&err, ERR_INVALID, "the command is not UTF-8");
        docker_stream_finish(s, &err);
    } else {
        docker_stream_run(s);
    }
    return s;
}

/* ---- the size of a terminal ---- */

static void resized(void *arg, const struct docker_answer *a)
{
    struct runtime_stream *s = arg;
    s->resizing = NULL;
    resize_now(s); /* it may have changed again; a refusal matters to nobody */
}

static void resize_now(struct runtime_stream *s)
{
    if (!s->is_open || s->upgrade == NULL || s->width == 0 || s->height == 0 || !s->tty ||
        s->resizing != NULL) {
        return;
    }
    s->resizing = docker_call(s->d, &(struct docker_ask){.method = "POST"}, resized, s,
                              "/%s/%s/resize?w=%u&h=%u", s->exec_id != NULL ? "exec" : "containers",
                              s->exec_id != NULL ? s->exec_id : s->name, s->width, s->height);
    s->width = s->height = 0;
}

void docker_stream_resize(struct runtime_stream *s, unsigned width, unsigned height)
{
    s->width = width;
    s->height = height;
    resize_now(s);
}
