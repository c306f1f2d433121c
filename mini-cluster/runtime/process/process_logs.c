/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what a shim wrote down (guest/shim.h): the older file, then the newer, then what comes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "runtime/process/process_stream.h"

#define LOOK_NS LOOP_MS(50) /* how soon something new is seen */

enum { PIECE = 64 * 1024 };

struct chunk {
    int fd;
    struct str text;
};

struct process_log {
    struct runtime_stream *s;
    struct runtime_log_opts opts;
    char *dir;
    int fd;                   /* of the file that is being read; -1: none */
    bool newer;               /* it is "log", not "log.1" */
    struct str rest;          /* a line that is not whole yet */
    VEC(struct chunk) chunks; /* for the receiver, in their order */
    bool within[3];           /* a line of this channel goes on */
    int64_t skip;             /* lines before those that are wanted */
    bool last_look;           /* the container has ended: what is there now is all */
    struct loop_timer *timer;
};

/* One line: "MICROSECONDS FD[F|P] text". */
struct line {
    int64_t us;
    int fd;
    bool whole;
    const char *text;
    size_t n;
};

static bool parse(const char *at, size_t n, struct line *ret)
{
    char *end = NULL;
    ret->us = strtoll(at, &end, 10);
    size_t head = (size_t)(end - at);
    if (head == 0 || n < head + 4 || end[0] != ' ' || (end[1] != '1' && end[1] != '2') ||
        (end[2] != 'F' && end[2] != 'P') || end[3] != ' ') {
        return false;
    }
    ret->fd = end[1] - '0';
    ret->whole = end[2] == 'F';
    ret->text = end + 4;
    ret->n = n - head - 4;
    return true;
}

/* ---- the files ---- */

static bool open_file(struct process_log *l, bool newer)
{
    cleanup_free char *path = xasprintf("%s/%s", l->dir, newer ? "log" : "log.1");
    if (l->fd >= 0) {
        close(l->fd);
    }
    l->fd = open(path, O_RDONLY | O_CLOEXEC);
    l->newer = newer;
    return l->fd >= 0;
}

/* A newer one has taken its place. */
static bool was_turned_over(const struct process_log *l)
{
    cleanup_free char *path = xasprintf("%s/log", l->dir);
    struct stat mine;
    struct stat there;
    return l->fd < 0 || (fstat(l->fd, &mine) == 0 && stat(path, &there) == 0 &&
                         (mine.st_ino != there.st_ino || mine.st_dev != there.st_dev));
}

/* How many lines a file has; half a one at its end counts. */
static int64_t count_lines(const char *dir, const char *name)
{
    cleanup_free char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    int64_t lines = 0;
    bool half = false;
    for (ssize_t n; f != NULL && (n = getline(&text, &size, f)) > 0;) {
        struct line line;
        if (parse(text, (size_t)n, &line)) {
            lines += line.whole;
            half = !line.whole;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    free(text);
    return lines + half;
}

/* ---- from lines to what the receiver gets ---- */

static void add_time(struct str *out, int64_t us)
{
    struct tm tm;
    char text[40];
    time_t s = (time_t)(us / 1000000);
    gmtime_r(&s, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    str_add_f(out, "%s.%09lldZ ", text, (long long)(us % 1000000) * 1000);
}

static struct str *text_for(struct process_log *l, int fd)
{
    if (l->chunks.n == 0 || l->chunks.v[l->chunks.n - 1].fd != fd) {
        struct chunk chunk = {fd, STR_INIT};
        vec_push(&l->chunks, chunk);
    }
    return &l->chunks.v[l->chunks.n - 1].text;
}

static void take_line(struct process_log *l, const struct line *line)
{
    bool begins = !l->within[line->fd];
    bool wanted = l->skip == 0 && line->us >= l->opts.since_us;
    l->within[line->fd] = !line->whole;
    l->skip -= l->skip > 0 && line->whole;
    if (!wanted) {
        return;
    }
    struct str *out = text_for(l, line->fd);
    if (begins && l->opts.timestamps) {
        add_time(out, line->us);
    }
    str_add_n(out, line->text, line->n);
    if (line->whole) {
        str_add_c(out, '\n');
    }
}

static void take_bytes(struct process_log *l, const char *bytes, size_t n)
{
    size_t at = 0;
    const char *end;
    str_add_n(&l->rest, bytes, n);
    while ((end = memchr(l->rest.p + at, '\n', l->rest.len - at)) != NULL) {
        struct line line;
        size_t len = (size_t)(end - (l->rest.p + at));
        if (parse(l->rest.p + at, len, &line)) {
            take_line(l, &line);
        }
        at += len + 1;
    }
    str_drop_front(&l->rest, at);
}

/* ---- reading on ---- */

static void pump(void *arg);

static bool runs(const struct process_log *l)
{
    const struct process_container *c = map_find(l->s->d->containers, l->s->name);
    return c != NULL && (c->starting || process_container_runs(c));
}

/* Nothing more is there: for now, or for good. */
static void at_end(struct process_log *l)
{
    if (!l->opts.follow || l->last_look) {
        process_stream_finish(l->s, NULL);
        return;
    }
    l->last_look = !runs(l); /* it wrote all before it was seen to end */
    loop_timer_start(l->timer, l->last_look ? 0 : LOOK_NS);
}

/* False when there is nothing to read. */
static bool read_piece(struct process_log *l)
{
    char bytes[PIECE];
    ssize_t n = l->fd >= 0 ? read(l->fd, bytes, sizeof(bytes)) : 0;
    if (n > 0) {
        take_bytes(l, bytes, (size_t)n);
        return true;
    }
    if (!l->newer || was_turned_over(l)) {
        return open_file(l, true);
    }
    return false;
}

/* The receiver may pause or free the stream, and with it all of this, at every chunk. */
static void pump(void *arg)
{
    struct process_log *l = arg;
    do {
        while (l->chunks.n > 0) {
            struct chunk chunk = l->chunks.v[0];
            vec_remove(&l->chunks, 0);
            bool more = process_stream_take(l->s, chunk.fd, str_c(&chunk.text), chunk.text.len);
            str_fini(&chunk.text);
            if (!more) {
                return;
            }
        }
    } while (read_piece(l));
    at_end(l);
}

void process_log_resume(struct process_log *l)
{
    loop_timer_start(l->timer, 0);
}

void process_log_free(struct process_log *l)
{
    if (l == NULL) {
        return;
    }
    if (l->fd >= 0) {
        close(l->fd);
    }
    for (size_t i = 0; i < l->chunks.n; i++) {
        str_fini(&l->chunks.v[i].text);
    }
    vec_fini(&l->chunks);
    str_fini(&l->rest);
    loop_timer_free(l->timer);
    free(l->dir);
    free(l);
}

struct runtime_stream *process_stream_logs(void *self, const char *name,
                                           const struct runtime_log_opts *opts,
                                           const struct runtime_stream_ops *ops, void *arg)
{
    struct process *d = self;
    struct runtime_stream *s = process_stream_new(d, name, ops, arg);
    const struct process_container *c = map_find(d->containers, name);
    if (c == NULL) {
        struct err err;
        err_set(&err, ERR_NOT_FOUND, "No such container: %s", name);
        process_stream_finish(s, &err);
        return s;
    }
    struct process_log *l = xnew(struct process_log);
    l->s = s;
    l->opts = *opts;
    l->dir = xstrdup(c->dir);
    l->fd = -1;
    l->timer = loop_timer_new(d->loop, pump, l);
    s->log = l;
    if (opts->tail >= 0) {
        int64_t lines = count_lines(l->dir, "log.1") + count_lines(l->dir, "log");
        l->skip = lines > opts->tail ? lines - opts->tail : 0;
    }
    open_file(l, false);
    loop_timer_start(l->timer, 0);
    return s;
}
