/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of containers that do not exist: two or three log lines, an attach that swallows what it
 * is given, an exec that prints its command and ends as its words say (fake_image.c). Three
 * commands do more: "cat" gives back its stdin, "yes" never stops, "size" says the size of its
 * terminal whenever it is set. One that is freed while it runs is counted as hung up. A port that
 * an image listens on gives back what it is sent. */
#include <stdio.h>
#include <string.h>

#include "common/str.h"
#include "meta/time.h"
#include "runtime/fake/fake_impl.h"

struct runtime_stream {
    struct fake_driver *d;
    char *name; /* of the container */
    struct runtime_stream_ops ops;
    void *arg;
    struct str out; /* not yet taken by the receiver */
    bool paused, ending, told, is_exec;
    bool echoes, floods, tells_size;
    struct loop_timer *timer; /* of an exec that takes its time; NULL: it takes none */
    bool was_high;            /* more than HIGH waited */
    int exit_code;
    struct err err;        /* with which it ends */
    bool delivering, dead; /* freed by its own callback: memory goes when that returns */
};

static void release(struct runtime_stream *s)
{
    loop_timer_free(s->timer);
    str_fini(&s->out);
    free(s->name);
    free(s);
}

enum { HIGH = 256 * 1024, PIECE = 16 * 1024 };

static void wake(struct runtime_stream *s);

static void deliver_data(struct runtime_stream *s)
{
    struct str out = s->out;
    s->out = (struct str)STR_INIT;
    bool more = s->ops.on_data(s->arg, 1, out.p, out.len);
    str_fini(&out);
    s->paused = !more;
    if (!s->dead && s->was_high && s->ops.on_drain != NULL) {
        s->was_high = false;
        s->ops.on_drain(s->arg);
    }
}

static void flood(struct runtime_stream *s)
{
    while (s->out.len < PIECE) {
        str_add(&s->out, "y\n");
    }
    wake(s);
}

static void deliver_end(struct runtime_stream *s)
{
    s->ending = false;
    s->told = true;
    if (s->is_exec && s->err.code == ERR_NONE && s->ops.on_exit != NULL) {
        s->ops.on_exit(s->arg, s->exit_code);
    }
    if (!s->dead) {
        s->ops.on_end(s->arg, &s->err);
    }
}

static void deliver(void *arg)
{
    struct runtime_stream *s = arg;
    s->delivering = true;
    if (s->out.len > 0 && !s->paused) {
        deliver_data(s);
    }
    if (!s->dead && s->floods && !s->ending && !s->paused) {
        flood(s);
    }
    if (!s->dead && s->ending && !s->paused && s->out.len == 0) {
        deliver_end(s);
    }
    s->delivering = false;
    if (s->dead) {
        release(s);
    }
}

static void wake(struct runtime_stream *s)
{
    loop_undefer(s->d->f->loop, s);
    loop_defer(s->d->f->loop, deliver, s);
}

static void finish(struct runtime_stream *s)
{
    s->ending = true;
    wake(s);
}

static struct runtime_stream *stream_new(struct fake_driver *d, const char *name,
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

/* The container a stream is opened on; NULL, and the stream ends, when there is none that serves.
 */
static struct fake_container *target(struct runtime_stream *s, bool running)
{
    struct fake *f = s->d->f;
    struct fake_container *c = map_find(f->containers, s->name);
    if (f->down) {
        err_set(&s->err, ERR_UNAVAILABLE, "the daemon does not answer");
    } else if (c == NULL) {
        err_set(&s->err, ERR_NOT_FOUND, "No such container: %s", s->name);
    } else if (running && c->st->state != RUNTIME_RUNNING) {
        err_set(&s->err, ERR_CONFLICT, "Container %s is not running", c->st->id);
    } else {
        return c;
    }
    finish(s);
    return NULL;
}

/* ---- logs ---- */

static void add_line(struct str *out, int64_t at_us, bool stamp, const char *text)
{
    if (stamp) {
        char time[28];
        time_format_micro(time, at_us);
        str_add_f(out, "%.26s000Z ", time); /* Docker counts nanoseconds */
    }
    str_add(out, text);
    str_add_c(out, '\n');
}

/* Drops lines from the front until `tail` are left. */
static void keep_tail(struct str *out, int64_t tail)
{
    size_t at = out->len;
    for (int64_t lines = 0; at > 0; at--) {
        if (out->p[at - 1] == '\n' && lines++ == tail) {
            break;
        }
    }
    str_drop_front(out, at);
}

static void add_logs(struct str *out, const struct fake_container *c,
                     const struct runtime_log_opts *opts)
{
    const struct runtime_status *st = c->st;
    char line[160];
    if (st->started_us != 0 && st->started_us >= opts->since_us) {
        snprintf(line, sizeof(line), "%s: started", c->image->name);
        add_line(out, st->started_us, opts->timestamps, line);
        if (c->image->port != 0) {
            snprintf(line, sizeof(line), "listening on port %d", c->image->port);
            add_line(out, st->started_us, opts->timestamps, line);
        }
    }
    if (st->state == RUNTIME_EXITED && st->finished_us >= opts->since_us) {
        snprintf(line, sizeof(line), "ended with %d", st->exit_code);
        add_line(out, st->finished_us, opts->timestamps, line);
    }
    if (opts->tail >= 0) {
        keep_tail(out, opts->tail);
    }
}

struct runtime_stream *fake_stream_logs(void *self, const char *name,
                                        const struct runtime_log_opts *opts,
                                        const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = stream_new(self, name, ops, arg);
    const struct fake_container *c = target(s, false);
    if (c != NULL) {
        add_logs(&s->out, c, opts);
        s->ending = !opts->follow || c->st->state == RUNTIME_EXITED;
        wake(s);
    }
    return s;
}

/* ---- attach and exec ---- */

struct runtime_stream *fake_stream_attach(void *self, const char *name,
                                          const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = stream_new(self, name, ops, arg);
    target(s, true);
    return s;
}

struct runtime_stream *fake_stream_join(void *self, const char *name, const struct runtime_exec *x,
                                        const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = fake_stream_attach(self, name, ops, arg);
    s->echoes = x->stdin_open;
    return s;
}

struct runtime_stream *fake_stream_dial(void *self, const char *name, const char *address, int port,
                                        const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = stream_new(self, name, ops, arg);
    const struct fake_container *c = target(s, true);
    bool heard = false;
    (void)address;
    for (size_t i = 0; c != NULL && i < c->apps.n; i++) {
        heard |= c->apps.v[i]->image->port == port && c->apps.v[i]->st->state == RUNTIME_RUNNING;
    }
    s->echoes = heard;
    if (c != NULL && !heard) {
        err_set(&s->err, ERR_UNAVAILABLE, "dial tcp4 127.0.0.1:%d: connect: connection refused",
                port);
        finish(s);
    }
    return s;
}

static void takes_no_longer(void *arg)
{
    finish(arg);
}

/* Words that make it more than an echo of its command. */
static bool begin_special(struct runtime_stream *s, const struct runtime_exec *x)
{
    s->echoes = strcmp(x->command[0], "cat") == 0 && x->stdin_open;
    s->floods = strcmp(x->command[0], "yes") == 0;
    s->tells_size = strcmp(x->command[0], "size") == 0;
    if (s->tells_size) {
        str_add_f(&s->out, "%ux%u\n", x->width, x->height);
    }
    wake(s);
    return s->echoes || s->floods || s->tells_size;
}

struct runtime_stream *fake_stream_exec(void *self, const char *name, const struct runtime_exec *x,
                                        const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = stream_new(self, name, ops, arg);
    s->is_exec = true;
    const struct fake_container *c = target(s, true);
    if (c == NULL || begin_special(s, x)) {
        return s;
    }
    for (size_t i = 0; x->command[i] != NULL; i++) {
        str_add_f(&s->out, "%s%s", i > 0 ? " " : "", x->command[i]);
    }
    str_add(&s->out, x->tty ? "\r\n" : "\n");
    const struct runtime_spec words = {.command = x->command};
    struct fake_plan plan = fake_image_plan(c->image, &words);
    s->exit_code = plan.ends ? plan.exit_code : 0;
    if (plan.ends && plan.after_ns > 0) {
        s->timer = loop_timer_new(s->d->f->loop, takes_no_longer, s);
        loop_timer_start(s->timer, plan.after_ns);
    } else {
        s->ending = !x->stdin_open; /* else when its stdin ends */
    }
    wake(s);
    return s;
}

bool fake_stream_write(struct runtime_stream *s, const void *bytes, size_t n)
{
    if (s->echoes && !s->ending) {
        str_add_n(&s->out, bytes, n);
        s->was_high |= s->out.len > HIGH;
        wake(s);
    }
    return true;
}

size_t fake_stream_queued(const struct runtime_stream *s)
{
    return s->echoes ? s->out.len : 0;
}

void fake_stream_end(struct runtime_stream *s)
{
    if (s->is_exec || s->echoes) {
        finish(s);
    }
}

void fake_stream_resize(struct runtime_stream *s, unsigned width, unsigned height)
{
    if (s->tells_size) {
        str_add_f(&s->out, "%ux%u\n", width, height);
        wake(s);
    }
}

void fake_stream_resume(struct runtime_stream *s)
{
    s->paused = false;
    wake(s);
}

void fake_stream_free(struct runtime_stream *s)
{
    if (s == NULL) {
        return;
    }
    struct fake_driver *d = s->d;
    bool ended = s->ending || s->told;
    d->f->hangups += s->is_exec && !ended ? 1 : 0;
    loop_undefer(d->f->loop, s);
    for (size_t i = 0; i < d->streams.n; i++) {
        if (d->streams.v[i] == s) {
            vec_remove(&d->streams, i);
            break;
        }
    }
    s->dead = true;
    if (!s->delivering) {
        release(s);
    }
}

/* ---- what happens to them ---- */

void fake_streams_ended(struct fake *f, const char *name)
{
    for (size_t i = 0; i < f->drivers.n; i++) {
        for (size_t j = 0; j < f->drivers.v[i]->streams.n; j++) {
            struct runtime_stream *s = f->drivers.v[i]->streams.v[j];
            if (strcmp(s->name, name) == 0) {
                s->exit_code = s->is_exec ? 137 : 0;
                finish(s);
            }
        }
    }
}

void fake_streams_lost(struct fake_driver *d, const char *why)
{
    for (size_t i = 0; i < d->streams.n; i++) {
        err_set(&d->streams.v[i]->err, ERR_UNAVAILABLE, "%s", why);
        finish(d->streams.v[i]);
    }
}
