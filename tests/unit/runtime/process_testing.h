/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster of processes of a test's own, in a folder and on addresses of its own, and nothing left
 * of it at the end. */
#ifndef TESTS_UNIT_RUNTIME_PROCESS_TESTING_H
#define TESTS_UNIT_RUNTIME_PROCESS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "runtime/process/process.h"

struct box {
    struct loop *loop;
    struct runtime rt;
    struct runtime_cluster cluster;
    char name[64], subnet[24], gateway[16], dir[128];
    struct str events; /* "name:why:code " */
};

struct outcome {
    bool done;
    enum runtime_result result;
    struct err err;
    struct runtime_status *st; /* a copy, or NULL */
};

static inline void outcome_done(void *arg, enum runtime_result result,
                                const struct runtime_status *st, const struct err *err)
{
    struct outcome *o = arg;
    o->done = true;
    o->result = result;
    o->err = *err;
    free(o->st);
    o->st = st != NULL ? runtime_status_copy(st) : NULL;
}

static inline void outcome_fini(struct outcome *o)
{
    free(o->st);
}
#define cleanup_outcome __attribute__((cleanup(outcome_fini)))

static inline void box_expect(struct box *x, struct outcome *o, enum runtime_result result)
{
    if (!loop_run_until(x->loop, &o->done, LOOP_S(20))) {
        fail_msg("no answer within 20 s; events: %s", str_c(&x->events));
    }
    if (o->result != result) {
        fail_msg("result %d, not %d: %s", (int)o->result, (int)result, o->err.msg);
    }
}

#define BOX_CALL(x, o, expected, call, ...)                                                        \
    do {                                                                                           \
        (o)->done = false;                                                                         \
        (x)->rt.ops->call((x)->rt.self, ##__VA_ARGS__, outcome_done, (o));                         \
        assert_false((o)->done);                                                                   \
        box_expect((x), (o), (expected));                                                          \
    } while (0)

static inline void box_on_event(void *arg, const struct runtime_event *ev)
{
    struct box *x = arg;
    if (ev->type == RUNTIME_EV_CHANGED) {
        str_add_f(&x->events, "%s:%s:%d ", ev->name, ev->why, ev->exit_code);
    }
}

/* One life of mini-cluster. */
static inline void box_open(struct box *x)
{
    cleanup_outcome struct outcome o = {0};
    struct err err;
    if (process_new(x->loop, &(struct process_opts){.cluster = &x->cluster, .dir = x->dir}, &x->rt,
                    &err) != 0) {
        fail_msg("%s", err.msg);
    }
    x->rt.ops->subscribe(x->rt.self, box_on_event, x);
    BOX_CALL(x, &o, RUNTIME_OK, recover);
}

static inline void box_reopen(struct box *x)
{
    x->rt.ops->free(x->rt.self);
    box_open(x);
}

static inline struct box *box_new(void)
{
    static unsigned count;
    struct box *x = xnew(struct box);
    struct err err;
    unsigned net = 0;
    jx_init();
    x->loop = loop_new();
    snprintf(x->name, sizeof(x->name), "prt-%d-%u", (int)getpid(), count);
    snprintf(x->dir, sizeof(x->dir), "/tmp/podlab-unit-%d-%u", (int)getpid(), count++);
    do {
        if (process_free_subnet(NULL, x->subnet, &err) != 0) {
            fail_msg("%s", err.msg);
        }
    } while (process_reserve(x->subnet, &err) != 0); /* another test was quicker */
    assert_int_equal(sscanf(x->subnet, "127.%u.", &net), 1);
    snprintf(x->gateway, sizeof(x->gateway), "127.%u.0.1", net & 255);
    x->cluster = (struct runtime_cluster){
        .name = x->name, .uid = x->name, .subnet = x->subnet, .gateway = x->gateway};
    box_open(x);
    return x;
}

/* Processes whose title says that they are of this box. */
static inline unsigned box_processes(const struct box *x)
{
    cleanup_free char *title = xasprintf("podlab: %s ", x->name);
    unsigned n = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char path[300], line[256];
        snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
        FILE *f = fopen(path, "re");
        size_t got = f != NULL ? fread(line, 1, sizeof(line) - 1, f) : 0;
        line[got] = '\0';
        n += strncmp(line, title, strlen(title)) == 0;
        if (f != NULL) {
            fclose(f);
        }
    }
    closedir(dir);
    return n;
}

/* Runs the loop until `fn` says so. */
static inline void box_wait(struct box *x, bool (*fn)(void *arg), void *arg, const char *what)
{
    uint64_t end = loop_mono_ns(x->loop) + LOOP_S(15);
    bool never = false;
    while (!fn(arg)) {
        if (loop_mono_ns(x->loop) > end) {
            fail_msg("15 s passed, and not: %s; events: %s", what, str_c(&x->events));
        }
        loop_run_until(x->loop, &never, LOOP_MS(5));
    }
}

static inline bool box_is_empty(void *arg)
{
    return box_processes(arg) == 0;
}

static inline void box_free(struct box *x)
{
    cleanup_outcome struct outcome o = {0};
    struct stat st;
    BOX_CALL(x, &o, RUNTIME_OK, destroy);
    assert_int_not_equal(stat(x->dir, &st), 0);
    box_wait(x, box_is_empty, x, "no process is left");
    x->rt.ops->free(x->rt.self);
    loop_free(x->loop);
    str_fini(&x->events);
    free(x);
}

static inline int box_setup(void **state)
{
    *state = box_new();
    return 0;
}

static inline int box_teardown(void **state)
{
    box_free(*state);
    return 0;
}

struct event_wanted {
    struct box *x;
    const char *text;
};

static inline bool event_seen(void *arg)
{
    const struct event_wanted *w = arg;
    return strstr(str_c(&w->x->events), w->text) != NULL;
}

static inline void box_wait_event(struct box *x, const char *name, const char *why)
{
    cleanup_free char *text = xasprintf("%s:%s", name, why);
    box_wait(x, event_seen, &(struct event_wanted){x, text}, text);
}

/* ---- a pod ---- */

struct pod {
    char sandbox[96], app[96], address[16];
    struct runtime_spec sandbox_spec, app_spec;
};

static inline void make_pod(const struct box *x, struct pod *p, unsigned n)
{
    static const char *const labels[] = {"dev.podlab.pod=default/web-0", "dev.podlab.container=web",
                                         NULL};
    unsigned net = 0;
    assert_int_equal(sscanf(x->subnet, "127.%u.", &net), 1);
    snprintf(p->sandbox, sizeof(p->sandbox), "s%u-%s", n, x->name);
    snprintf(p->app, sizeof(p->app), "a%u-%s", n, x->name);
    snprintf(p->address, sizeof(p->address), "127.%u.1.%u", net & 255, n & 255);
    p->sandbox_spec = (struct runtime_spec){.name = p->sandbox,
                                            .role = RUNTIME_SANDBOX,
                                            .host = "worker-1",
                                            .hash = "h1",
                                            .hostname = "web-0",
                                            .address = p->address,
                                            .labels = labels};
    p->app_spec = (struct runtime_spec){.name = p->app,
                                        .role = RUNTIME_APP,
                                        .host = "worker-1",
                                        .hash = "h2",
                                        .image = "podlab/web:v1",
                                        .join = p->sandbox,
                                        .labels = labels};
}

static inline void start_pod(struct box *x, const struct pod *p)
{
    cleanup_outcome struct outcome o = {0};
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &p->sandbox_spec, 7);
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &p->app_spec, 7);
}

/* ---- calling it ---- */

struct probed {
    bool done;
    int status;
    char body[1024];
    struct err err;
};

static inline void probed_done(void *arg, int status, const char *body, const struct err *err)
{
    struct probed *p = arg;
    p->done = true;
    p->status = status;
    str_copy(p->body, sizeof(p->body), body);
    p->err = *err;
}

static inline struct probed box_get(struct box *x, const char *address, int port, const char *path)
{
    struct probed p = {0};
    const struct runtime_probe probe = {
        .address = address, .port = port, .path = path, .timeout_ns = LOOP_S(2)};
    x->rt.ops->probe(x->rt.self, &probe, probed_done, &p);
    assert_true(loop_run_until(x->loop, &p.done, LOOP_S(10)));
    return p;
}

struct answer_wanted {
    struct box *x;
    const char *address;
    int port;
};

static inline bool answers(void *arg)
{
    const struct answer_wanted *w = arg;
    return box_get(w->x, w->address, w->port, "/healthz").status == 200;
}

static inline void box_wait_answer(struct box *x, const char *address, int port)
{
    box_wait(x, answers, &(struct answer_wanted){x, address, port}, "it answers");
}

/* ---- streams ---- */

struct reader {
    struct str out, err_out;
    bool takes, ended, exited;
    int exit_code;
    struct err err;
};

static inline bool reader_data(void *arg, int fd, const char *bytes, size_t n)
{
    struct reader *r = arg;
    str_add_n(fd == 2 ? &r->err_out : &r->out, bytes, n);
    return r->takes;
}

static inline void reader_end(void *arg, const struct err *err)
{
    struct reader *r = arg;
    assert_false(r->ended);
    r->ended = true;
    r->err = *err;
}

static inline void reader_exit(void *arg, int code)
{
    struct reader *r = arg;
    assert_false(r->ended);
    r->exited = true;
    r->exit_code = code;
}

static const struct runtime_stream_ops reader_ops __attribute__((unused)) = {
    .on_data = reader_data, .on_end = reader_end, .on_exit = reader_exit};

static inline void reader_fini(struct reader *r)
{
    str_fini(&r->out);
    str_fini(&r->err_out);
}
#define cleanup_reader __attribute__((cleanup(reader_fini)))

struct text_wanted {
    const struct reader *r;
    const char *text;
};

static inline bool text_seen(void *arg)
{
    const struct text_wanted *w = arg;
    return strstr(str_c(&w->r->out), w->text) != NULL;
}

static inline void box_wait_text(struct box *x, const struct reader *r, const char *text)
{
    box_wait(x, text_seen, &(struct text_wanted){r, text}, text);
}

static inline void box_wait_end(struct box *x, const struct reader *r)
{
    if (!loop_run_until(x->loop, &r->ended, LOOP_S(15))) {
        fail_msg("the stream did not end; it said: %s%s", str_c(&r->out), str_c(&r->err_out));
    }
}

/* What a command prints in a running container, and its exit code; -1 when it did not begin. */
static inline int box_exec(struct box *x, const char *name, const char *const *command,
                           struct reader *r)
{
    const struct runtime_exec cmd = {.command = command};
    r->takes = true;
    struct runtime_stream *s = x->rt.ops->exec(x->rt.self, name, &cmd, &reader_ops, r);
    box_wait_end(x, r);
    x->rt.ops->stream_free(s);
    return r->exited ? r->exit_code : -1;
}

/* All that it has said so far. */
static inline void box_logs(struct box *x, const char *name, const struct runtime_log_opts *opts,
                            struct reader *r)
{
    r->takes = true;
    struct runtime_stream *s = x->rt.ops->logs(x->rt.self, name, opts, &reader_ops, r);
    box_wait_end(x, r);
    x->rt.ops->stream_free(s);
}

#endif
