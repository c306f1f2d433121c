/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from a container to a receiver that may pause, end or free the stream at any of them. */
#include "runtime/docker/docker_stream.h"

#include <string.h>

#include "common/mem.h"
#include "common/tcp.h"
#include "runtime/docker/docker_spec.h"

#define MAX_EARLY ((size_t)4 << 20)

/* ---- making and freeing ---- */

struct runtime_stream *docker_stream_new(struct docker *d, const char *name,
                                         const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = xnew(struct runtime_stream);
    s->d = d;
    s->name = xstrdup(name);
    s->ops = *ops;
    s->arg = arg;
    s->next = d->open_streams;
    s->prev_next = &d->open_streams;
    if (s->next != NULL) {
        s->next->prev_next = &s->next;
    }
    d->open_streams = s;
    return s;
}

static void close_transport(struct runtime_stream *s)
{
    docker_call_cancel(s->asked);
    docker_call_cancel(s->resizing);
    if (s->logs != NULL) {
        http_call_cancel(s->logs);
    }
    http_upgrade_free(s->upgrade);
    tcp_free(s->tcp);
    s->asked = s->resizing = NULL;
    s->logs = NULL;
    s->upgrade = NULL;
    s->tcp = NULL;
}

static void release(struct runtime_stream *s)
{
    json_decref(s->exec_body);
    str_fini(&s->held);
    str_fini(&s->to_write);
    str_fini(&s->oci);
    str_fini(&s->dial_why);
    free(s->container_id);
    free(s->exec_id);
    free(s->name);
    free(s);
}

void docker_stream_free(struct runtime_stream *s)
{
    if (s == NULL) {
        return;
    }
    if (docker_hangup(s)) {
        s->dead = true;
        return;
    }
    docker_stream_release(s);
}

void docker_stream_release(struct runtime_stream *s)
{
    close_transport(s);
    loop_timer_free(s->exec_timer);
    loop_undefer(s->d->loop, s);
    *s->prev_next = s->next;
    if (s->next != NULL) {
        s->next->prev_next = s->prev_next;
    }
    s->dead = true;
    if (!s->delivering) {
        release(s);
    }
}

void docker_streams_free(struct docker *d)
{
    while (d->open_streams != NULL) {
        docker_stream_release(d->open_streams);
    }
}

/* ---- looking at the container ---- */

static void looked(void *arg, const struct docker_answer *a)
{
    struct runtime_stream *s = arg;
    struct docker_status status;
    struct err err = a->err;
    s->asked = NULL;
    if (err.code != ERR_NONE || docker_status_read(a->json, &status, &err) != 0) {
        docker_stream_finish(s, &err);
        return;
    }
    s->tty = status.tty;
    free(s->container_id);
    s->container_id = xstrdup(status.st.id);
    s->open(s, &status);
    docker_status_fini(&status);
}

void docker_stream_start(struct runtime_stream *s)
{
    struct err err;
    if (!docker_spec_name_ok(s->name)) {
        err_set(&err, ERR_INVALID, "container name \"%.100s\": only [a-zA-Z0-9][a-zA-Z0-9_.-]",
                s->name);
        docker_stream_finish(s, &err);
        return;
    }
    s->asked =
        docker_call(s->d, &(struct docker_ask){0}, looked, s, "/containers/%s/json", s->name);
}

/* ---- handing on ---- */

static void set_paused(struct runtime_stream *s, bool paused)
{
    s->paused = paused;
    if (s->logs != NULL) {
        http_call_pause(s->logs, paused);
    }
    if (s->upgrade != NULL) {
        http_upgrade_pause(s->upgrade, paused);
    }
    if (s->tcp != NULL) {
        tcp_pause(s->tcp, paused);
    }
}

/* ---- an exec that could not begin: Docker says so where its output would be ---- */

enum { MAX_OCI = 4096 };

/* Whether the bytes are such words, which are kept back until its exit code is known. */
static bool is_oci(struct runtime_stream *s, const char *bytes, size_t n)
{
    static const char words[] = "OCI runtime exec failed: ";
    size_t len = sizeof(words) - 1;
    bool first = !s->any_output;
    s->any_output = true;
    if (s->exec_id == NULL || s->oci.len + n > MAX_OCI ||
        (s->oci.len == 0 && (!first || n < len || memcmp(bytes, words, len) != 0))) {
        return false;
    }
    str_add_n(&s->oci, bytes, n);
    return true;
}

/* Of a program that said the same: it is its output. */
static void settle_oci(struct runtime_stream *s)
{
    if (s->oci.len > 0 && s->exit_known && (s->exit_code == 126 || s->exit_code == 127)) {
        s->exit_known = false;
        err_set(&s->err, ERR_INVALID, "%.*s", (int)strcspn(s->oci.p, "\r\n"), s->oci.p);
    } else if (s->oci.len > 0) {
        s->ops.on_data(s->arg, 1, s->oci.p, s->oci.len);
    }
}

static bool hand_piece(struct runtime_stream *s, int fd, const char *piece, size_t n)
{
    if (s->port != 0 && fd == 2) { /* the guest's words, not the peer's */
        str_add_n(&s->dial_why, piece, n < MAX_OCI && s->dial_why.len < MAX_OCI ? n : 0);
        return true;
    }
    return is_oci(s, piece, n) || s->ops.on_data(s->arg, fd, piece, n);
}

/* Piece by piece until the receiver wants no more; the rest is held. */
static int hand_on(struct runtime_stream *s, const char *bytes, size_t n)
{
    while (n > 0 && !s->paused && !s->dead) {
        const char *piece = bytes;
        size_t len = n;
        int fd = 1;
        int64_t used = (int64_t)n;
        if (!s->tty &&
            (used = docker_frames_next(&s->frames, bytes, n, &piece, &len, &fd, &s->err)) < 0) {
            return -1;
        }
        if (len > 0 && !hand_piece(s, fd, piece, len) && !s->dead) {
            set_paused(s, true);
        }
        bytes += used;
        n -= (size_t)used;
    }
    if (!s->dead) {
        str_add_n(&s->held, bytes, n);
    }
    return 0;
}

static void tell_end(struct runtime_stream *s)
{
    if (s->err.code == ERR_NONE && !s->tty) {
        (void)!docker_frames_end(&s->frames, &s->err);
    }
    if (s->before_end != NULL && s->err.code == ERR_NONE && !s->before_end(s)) {
        return;
    }
    s->told = true;
    close_transport(s);
    settle_oci(s);
    if (s->port != 0 && s->exit_known && s->exit_code != 0 && s->err.code == ERR_NONE) {
        err_set(&s->err, ERR_UNAVAILABLE, "%.*s", (int)strcspn(str_c(&s->dial_why), "\r\n"),
                str_c(&s->dial_why));
    }
    if (!s->dead && s->exit_known && s->ops.on_exit != NULL) {
        s->ops.on_exit(s->arg, s->exit_code);
    }
    if (!s->dead) {
        s->ops.on_end(s->arg, &s->err);
    }
}

/* What is held, then perhaps the end. */
static void go_on(void *arg)
{
    struct runtime_stream *s = arg;
    struct str held = s->held;
    s->held = (struct str)STR_INIT;
    s->delivering = true;
    bool odd = hand_on(s, str_c(&held), held.len) != 0;
    str_fini(&held);
    s->ended |= odd;
    if (!s->dead && s->ended && !s->told && !s->paused && s->held.len == 0) {
        tell_end(s);
    }
    s->delivering = false;
    if (s->dead && !s->hanging_up) {
        release(s);
    }
}

static void wake(struct runtime_stream *s)
{
    loop_undefer(s->d->loop, s);
    loop_defer(s->d->loop, go_on, s);
}

void docker_stream_take(struct runtime_stream *s, const char *bytes, size_t n)
{
    if (s->ended || s->hanging_up) {
        return;
    }
    if (s->paused || s->held.len > 0) {
        str_add_n(&s->held, bytes, n);
        return;
    }
    s->delivering = true;
    bool odd = hand_on(s, bytes, n) != 0;
    s->delivering = false;
    if (s->hanging_up) {
        return;
    }
    if (s->dead) {
        release(s);
    } else if (odd) {
        docker_stream_finish(s, NULL);
    }
}

void docker_stream_finish(struct runtime_stream *s, const struct err *err)
{
    if (s->hanging_up) {
        return; /* nobody is to be told */
    }
    if (!s->ended) {
        s->ended = true;
        if (err != NULL) {
            s->err = *err;
        }
    }
    wake(s);
}

void docker_stream_resume(struct runtime_stream *s)
{
    set_paused(s, false);
    wake(s);
}

/* ---- the other direction ---- */

bool docker_stream_write(struct runtime_stream *s, const void *bytes, size_t n)
{
    if (s->ended) {
        return true; /* on_end tells */
    }
    if (s->is_open && s->tcp != NULL) {
        return tcp_write(s->tcp, bytes, n);
    }
    if (s->is_open) {
        return s->upgrade == NULL || http_upgrade_write(s->upgrade, bytes, n);
    }
    if (n > MAX_EARLY || s->to_write.len > MAX_EARLY - n) {
        return false;
    }
    str_add_n(&s->to_write, bytes, n);
    return true;
}

void docker_stream_end(struct runtime_stream *s)
{
    s->end_wanted = true;
    if (s->is_open && s->upgrade != NULL) {
        http_upgrade_end(s->upgrade);
    } else if (s->is_open && s->tcp != NULL) {
        tcp_end(s->tcp);
    }
}

size_t docker_stream_queued(const struct runtime_stream *s)
{
    if (s->upgrade != NULL && s->is_open) {
        return http_upgrade_queued(s->upgrade);
    }
    return s->tcp != NULL && s->is_open ? tcp_queued(s->tcp) : s->to_write.len;
}

void docker_stream_opened(struct runtime_stream *s)
{
    struct str waited = s->to_write;
    s->to_write = (struct str)STR_INIT;
    s->is_open = true;
    docker_stream_write(s, str_c(&waited), waited.len);
    if (s->end_wanted) {
        docker_stream_end(s);
    }
    /* Nothing else will be said of what waited before. */
    if (waited.len > 0 && s->ops.on_drain != NULL && !s->dead) {
        s->ops.on_drain(s->arg);
    }
    str_fini(&waited);
}
