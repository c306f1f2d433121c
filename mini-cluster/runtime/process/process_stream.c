/* SPDX-License-Identifier: Apache-2.0 */
/* Attach and exec: a connection to the shim for each. And what every stream does. */
#include "runtime/process/process_stream.h"

#include <stdio.h>
#include <string.h>

#include "common/tcp.h"

#define TOO_MUCH ((size_t)4 << 20)

/* ---- making and freeing ---- */

struct runtime_stream *process_stream_new(struct process *d, const char *name,
                                          const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = xnew(struct runtime_stream);
    s->d = d;
    s->name = xstrdup(name);
    s->ops = *ops;
    s->arg = arg;
    vec_push(&d->streams, s);
    return s;
}

static void close_source(struct runtime_stream *s)
{
    process_conn_free(steal(s->conn));
    tcp_free(steal(s->tcp));
    process_log_free(steal(s->log));
}

static void release(struct runtime_stream *s)
{
    free(s->name);
    free(s);
}

void process_stream_free(struct runtime_stream *s)
{
    if (s == NULL) {
        return;
    }
    close_source(s);
    loop_undefer(s->d->loop, s);
    for (size_t i = 0; i < s->d->streams.n; i++) {
        if (s->d->streams.v[i] == s) {
            vec_remove(&s->d->streams, i);
            break;
        }
    }
    s->dead = true;
    if (!s->delivering) {
        release(s);
    }
}

void process_streams_free(struct process *d)
{
    while (d->streams.n > 0) {
        process_stream_free(d->streams.v[0]);
    }
    vec_fini(&d->streams);
}

/* ---- handing on ---- */

static void set_paused(struct runtime_stream *s, bool paused)
{
    s->paused = paused;
    if (s->conn != NULL) {
        process_conn_pause(s->conn, paused);
    }
    if (s->tcp != NULL) {
        tcp_pause(s->tcp, paused);
    }
    if (s->log != NULL && !paused) {
        process_log_resume(s->log);
    }
}

bool process_stream_take(struct runtime_stream *s, int fd, const char *bytes, size_t n)
{
    s->delivering = true;
    bool more = s->ops.on_data(s->arg, fd, bytes, n);
    s->delivering = false;
    if (s->dead) {
        release(s);
        return false;
    }
    if (!more) {
        set_paused(s, true);
    }
    return more;
}

static void tell_end(void *arg)
{
    struct runtime_stream *s = arg;
    if (s->told || s->paused) {
        return;
    }
    s->told = true;
    close_source(s);
    s->delivering = true;
    if (s->exit_known && s->ops.on_exit != NULL) {
        s->ops.on_exit(s->arg, s->exit_code);
    }
    if (!s->dead) {
        s->ops.on_end(s->arg, &s->err);
    }
    s->delivering = false;
    if (s->dead) {
        release(s);
    }
}

void process_stream_finish(struct runtime_stream *s, const struct err *err)
{
    if (!s->ended && err != NULL) {
        s->err = *err;
    }
    s->ended = true;
    loop_undefer(s->d->loop, s);
    loop_defer(s->d->loop, tell_end, s);
}

void process_stream_resume(struct runtime_stream *s)
{
    if (!s->paused) {
        return;
    }
    set_paused(s, false);
    if (s->ended) {
        process_stream_finish(s, NULL);
    }
}

/* ---- from the shim ---- */

static void on_packet(void *arg, char type, const char *bytes, size_t n)
{
    struct runtime_stream *s = arg;
    if (type == '1' || type == '2') {
        if (n > 0) {
            process_stream_take(s, type - '0', bytes, n);
        }
    } else if (type == 'C') {
        s->exit_known = true;
        s->exit_code = (int)strtol(bytes, NULL, 10);
    } else if (type == 'F') {
        err_set(&s->err, ERR_INVALID, "OCI runtime exec failed: %s: unknown", bytes);
    }
}

static void on_conn_end(void *arg)
{
    struct runtime_stream *s = arg;
    process_stream_finish(s, NULL);
}

static void on_drain(void *arg)
{
    struct runtime_stream *s = arg;
    if (s->ops.on_drain != NULL) {
        s->ops.on_drain(s->arg);
    }
}

static const struct process_conn_ops conn_ops = {
    .on_packet = on_packet, .on_end = on_conn_end, .on_drain = on_drain};

/* ---- attach and exec ---- */

/* False with s->err when there is nobody to connect to. */
static bool open_conn(struct runtime_stream *s)
{
    struct process_container *c = map_find(s->d->containers, s->name);
    if (c == NULL) {
        err_set(&s->err, ERR_NOT_FOUND, "No such container: %s", s->name);
        return false;
    }
    s->conn =
        process_container_runs(c) ? process_conn_open(s->d->loop, c->dir, &conn_ops, s) : NULL;
    if (s->conn == NULL) {
        err_set(&s->err, ERR_CONFLICT, "Container %s is not running", s->name);
    }
    return s->conn != NULL;
}

static void begin(struct runtime_stream *s, char type, const struct str *text)
{
    if (text->len > PROCESS_PACKET) {
        err_set(&s->err, ERR_TOO_LARGE, "the command is longer than %d bytes", PROCESS_PACKET);
        process_stream_finish(s, NULL);
    } else if (open_conn(s)) {
        s->is_open = true;
        process_conn_send(s->conn, type, str_c(text), text->len);
    } else {
        process_stream_finish(s, NULL);
    }
}

struct runtime_stream *process_stream_join(void *self, const char *name,
                                           const struct runtime_exec *x,
                                           const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = process_stream_new(self, name, ops, arg);
    cleanup_str struct str text = STR_INIT;
    str_add(&text, x->stdin_open ? "1" : "0");
    s->speaks = x->stdin_open;
    begin(s, 'A', &text);
    process_stream_resize(s, x->width, x->height);
    return s;
}

struct runtime_stream *process_stream_attach(void *self, const char *name,
                                             const struct runtime_stream_ops *ops, void *arg)
{
    const struct runtime_exec x = {.stdin_open = true};
    return process_stream_join(self, name, &x, ops, arg);
}

static void add_word(struct str *text, const char *word)
{
    str_add_n(text, word, strlen(word) + 1);
}

struct runtime_stream *process_stream_exec(void *self, const char *name,
                                           const struct runtime_exec *x,
                                           const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = process_stream_new(self, name, ops, arg);
    cleanup_str struct str text = STR_INIT;
    char number[16];
    add_word(&text, x->tty ? "1" : "0");
    add_word(&text, x->stdin_open ? "1" : "0");
    snprintf(number, sizeof(number), "%u", x->height);
    add_word(&text, number);
    snprintf(number, sizeof(number), "%u", x->width);
    add_word(&text, number);
    for (const char *const *w = x->command; w != NULL && *w != NULL; w++) {
        add_word(&text, *w);
    }
    s->speaks = x->stdin_open;
    begin(s, 'X', &text);
    return s;
}

/* ---- the other direction ---- */

bool process_stream_write(struct runtime_stream *s, const void *bytes, size_t n)
{
    if (s->tcp != NULL) {
        return tcp_write(s->tcp, bytes, n);
    }
    if (s->conn == NULL || !s->speaks || s->ended || n == 0) {
        return true; /* nobody hears it */
    }
    if (process_conn_waiting(s->conn) > TOO_MUCH) {
        return false;
    }
    process_conn_send(s->conn, 'I', bytes, n);
    return true;
}

size_t process_stream_queued(const struct runtime_stream *s)
{
    return s->tcp != NULL    ? tcp_queued(s->tcp)
           : s->conn != NULL ? process_conn_waiting(s->conn)
                             : 0;
}

void process_stream_end(struct runtime_stream *s)
{
    if (s->tcp != NULL) {
        tcp_end(s->tcp);
    } else if (s->conn != NULL && s->speaks) {
        process_conn_send(s->conn, 'E', "", 0);
    }
}

void process_stream_resize(struct runtime_stream *s, unsigned width, unsigned height)
{
    char text[32];
    if (s->conn != NULL && width > 0 && height > 0) {
        int n = snprintf(text, sizeof(text), "%u %u", height, width);
        process_conn_send(s->conn, 'W', text, (size_t)n);
    }
}
