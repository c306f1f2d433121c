/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster of a test's own on the real Docker daemon, and what is left of it removed at the end.
 * Where there is no daemon the tests are skipped, saying so; with CI=true that is a failure. */
#ifndef TESTS_UNIT_RUNTIME_DOCKER_TESTING_H
#define TESTS_UNIT_RUNTIME_DOCKER_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/http_client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "runtime/docker/docker.h"
#include "runtime/docker/docker_socket.h"
#include "runtime/image_archive.h"
#include "runtime/tar.h"

struct box {
    struct loop *loop;
    struct runtime rt;
    struct runtime_cluster cluster;
    char name[64], uid[64], subnet[24], gateway[16], ip_range[24], bridge[16];
    unsigned net;       /* 10.net */
    const char *socket; /* NULL: the daemon's */
    struct str events;  /* "name:why " */
    unsigned lost, back;
};

/* What came of a call. */
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

/* Waits for the answer; prints what came instead of what was expected. */
static inline void box_expect(struct box *x, struct outcome *o, enum runtime_result result)
{
    if (!loop_run_until(x->loop, &o->done, LOOP_S(60))) {
        fail_msg("no answer within 60 s");
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
    x->lost += ev->type == RUNTIME_EV_LOST;
    x->back += ev->type == RUNTIME_EV_BACK;
}

static inline void box_choose_net(struct box *x, unsigned net)
{
    x->net = net;
    snprintf(x->subnet, sizeof(x->subnet), "10.%u.0.0/16", net & 255);
    snprintf(x->gateway, sizeof(x->gateway), "10.%u.0.1", net & 255);
    snprintf(x->ip_range, sizeof(x->ip_range), "10.%u.0.240/28", net & 255);
}

static inline int box_open(struct box *x, struct err *err)
{
    const struct docker_opts opts = {.cluster = &x->cluster, .socket = x->socket};
    if (docker_new(x->loop, &opts, &x->rt, err) != 0) {
        return -1;
    }
    x->rt.ops->subscribe(x->rt.self, box_on_event, x);
    return 0;
}

/* Frees everything; what the daemon has of it goes too. */
static inline void box_free(struct box *x)
{
    struct outcome o = {0};
    if (x->rt.self != NULL) {
        x->rt.ops->destroy(x->rt.self, outcome_done, &o);
        bool done = loop_run_until(x->loop, &o.done, LOOP_S(60));
        if (!done || o.result != RUNTIME_OK) {
            print_error("%s was not removed: %s\n", x->name, o.err.msg);
        }
        x->rt.ops->free(x->rt.self);
    }
    loop_free(x->loop);
    outcome_fini(&o);
    str_fini(&x->events);
    free(x);
}

/* A driver that has recovered, on the first free subnet of 10.90 to 10.99. */
static inline int box_recover(struct box *x)
{
    struct outcome o = {0};
    for (unsigned i = 0; i < 10; i++) {
        box_choose_net(x, 90 + ((unsigned)getpid() + i) % 10);
        if (box_open(x, &o.err) != 0) {
            break;
        }
        o.done = false;
        x->rt.ops->recover(x->rt.self, outcome_done, &o);
        bool done = loop_run_until(x->loop, &o.done, LOOP_S(60));
        if (done && o.result == RUNTIME_OK) {
            return 0;
        }
        if (o.err.code != ERR_ALREADY_EXISTS) {
            break;
        }
        x->rt.ops->free(x->rt.self);
        x->rt.self = NULL;
    }
    print_error("recover: %s\n", o.err.msg);
    outcome_fini(&o);
    return -1;
}

/* The same cluster seen by another life of mini-cluster. */
static inline void box_reopen(struct box *x)
{
    cleanup_outcome struct outcome o = {0};
    struct err err;
    x->rt.ops->free(x->rt.self);
    assert_int_equal(box_open(x, &err), 0);
    BOX_CALL(x, &o, RUNTIME_OK, recover);
}

static inline struct box *box_new(void)
{
    static unsigned count;
    struct box *x = xnew(struct box);
    jx_init();
    x->loop = loop_new();
    snprintf(x->name, sizeof(x->name), "rt-test-%d-%u", (int)getpid(), count);
    snprintf(x->uid, sizeof(x->uid), "rt-test-uid-%d-%u", (int)getpid(), count);
    snprintf(x->bridge, sizeof(x->bridge), "rt%d-%u", (int)getpid() % 10000000, count++ % 1000);
    x->cluster =
        (struct runtime_cluster){x->name, x->uid, x->subnet, x->gateway, x->ip_range, x->bridge};
    return x;
}

static inline int box_setup(void **state)
{
    struct box *x = box_new();
    if (box_recover(x) != 0) {
        box_free(x);
        return -1;
    }
    *state = x;
    return 0;
}

static inline int box_teardown(void **state)
{
    box_free(*state);
    return 0;
}

/* Whether the tests can run; main returns ret_rc when not. */
static inline bool box_have_docker(int *ret_rc)
{
    char subnet[24];
    struct err err;
    jx_init();
    if (docker_free_subnet(NULL, NULL, subnet, &err) == 0) {
        return true;
    }
    const char *ci = getenv("CI");
    bool must = ci != NULL && strcmp(ci, "true") == 0;
    print_message("%s: no Docker: %s\n", must ? "FAILED" : "skipped", err.msg);
    *ret_rc = must ? 1 : 0;
    return false;
}

/* ---- past the driver: what the daemon itself says ---- */

struct raw {
    bool done;
    int status;
    json_t *json; /* the caller's; NULL when there was none */
};

static inline void raw_done(void *arg, const struct http_response *res)
{
    struct raw *r = arg;
    struct err err;
    r->done = true;
    r->status = res->status;
    if (res->len > 0 && jx_parse(res->body, res->len, false, &r->json, &err) != 0) {
        r->json = NULL;
    }
}

static inline struct raw box_ask(struct box *x, const char *method, const char *path,
                                 const char *body)
{
    struct raw r = {0};
    struct err err;
    cleanup_free char *socket = docker_socket_path(NULL, &err);
    cleanup_free char *url = xasprintf("http://docker%s", path);
    const struct http_client_opts opts = {.unix_path = socket};
    struct http_client *client = http_client_new(x->loop, &opts);
    const struct http_request req = {.method = method,
                                     .url = url,
                                     .content_type = body != NULL ? "application/json" : NULL,
                                     .body = body,
                                     .len = body != NULL ? strlen(body) : 0,
                                     .timeout_ns = LOOP_S(60),
                                     .done = raw_done,
                                     .arg = &r};
    http_client_call(client, &req);
    bool done = loop_run_until(x->loop, &r.done, LOOP_S(60));
    http_client_free(client);
    assert_true(done);
    return r;
}

static inline struct raw box_raw(struct box *x, const char *method, const char *path)
{
    return box_ask(x, method, path, NULL);
}

/* How many rows the daemon lists of this cluster: "containers/json?all=1&", "volumes?",
 * "networks?". */
static inline size_t box_count(struct box *x, const char *what)
{
    cleanup_free char *path = xasprintf(
        "/%sfilters=%%7B%%22label%%22%%3A%%5B%%22dev.podlab.cluster-uid%%3D%s%%22%%5D%%7D", what,
        x->uid);
    struct raw r = box_raw(x, "GET", path);
    const json_t *rows = json_is_array(r.json) ? r.json : jx_path(r.json, "Volumes");
    size_t n = json_array_size(rows);
    assert_int_equal(r.status, 200);
    json_decref(r.json);
    return n;
}

/* Runs the loop until `fn` says so. */
static inline void box_wait(struct box *x, bool (*fn)(void *arg), void *arg, const char *what)
{
    uint64_t end = loop_mono_ns(x->loop) + LOOP_S(30);
    bool never = false;
    while (!fn(arg)) {
        if (loop_mono_ns(x->loop) > end) {
            fail_msg("30 s passed, and not: %s; events: %s", what, str_c(&x->events));
        }
        loop_run_until(x->loop, &never, LOOP_MS(20));
    }
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

/* Until an event "name:why:code" was seen. */
static inline void box_wait_event(struct box *x, const char *name, const char *why)
{
    cleanup_free char *text = xasprintf("%s:%s", name, why);
    box_wait(x, event_seen, &(struct event_wanted){x, text}, text);
}

/* ---- an image with a shell, of this machine's busybox; false when there is none ---- */

/* A name of this process alone: others take theirs away while we still use ours. */
static inline const char *box_shell_name(void)
{
    static char name[40];
    snprintf(name, sizeof(name), "rt-test-busybox:%d", (int)getpid());
    return name;
}
#define BOX_SHELL box_shell_name()

static inline bool box_shell(struct box *x)
{
    cleanup_str struct str program = STR_INIT, layer = STR_INIT, archive = STR_INIT;
    cleanup_outcome struct outcome o = {0};
    static const char *const links[] = {"sh",   "cat",  "head", "sleep", "ls",   "id",
                                        "stty", "tail", "tr",   "touch", "true", "kill"};
    FILE *f = fopen("/bin/busybox", "re");
    char piece[65536];
    size_t n;
    if (f == NULL) {
        print_message("skipped: there is no static /bin/busybox here\n");
        return false;
    }
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0) {
        str_add_n(&program, piece, n);
    }
    fclose(f);
    tar_add_dir(&layer, "bin/", 0755);
    tar_add_file(&layer, "bin/busybox", program.p, program.len, 0755);
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        cleanup_free char *path = xasprintf("bin/%s", links[i]);
        tar_add_symlink(&layer, path, "busybox");
    }
    tar_add_dir(&layer, "tmp/", 01777);
    tar_end(&layer);
    const struct image_config config = {
        .name = BOX_SHELL,
        .env = (const char *const[]){"PATH=/bin", NULL},
        .cmd = (const char *const[]){"sh", NULL},
    };
    image_archive(&archive, &config, 1, &layer);
    BOX_CALL(x, &o, RUNTIME_OK, image_load, archive.p, archive.len);
    return true;
}

static inline void box_drop_shell(struct box *x)
{
    cleanup_free char *path = xasprintf("/images/%s", BOX_SHELL);
    struct raw r = box_raw(x, "DELETE", path);
    json_decref(r.json);
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
    if (!loop_run_until(x->loop, &r->ended, LOOP_S(30))) {
        fail_msg("the stream did not end; it said: %s%s", str_c(&r->out), str_c(&r->err_out));
    }
}

/* What `sh -c script` prints in a running container, and its exit code. */
static inline int box_exec(struct box *x, const char *name, const char *script, struct str *out)
{
    cleanup_reader struct reader r = {.takes = true};
    const char *const command[] = {"sh", "-c", script, NULL};
    const struct runtime_exec cmd = {.command = command};
    struct runtime_stream *s = x->rt.ops->exec(x->rt.self, name, &cmd, &reader_ops, &r);
    box_wait_end(x, &r);
    x->rt.ops->stream_free(s);
    if (!r.exited) {
        fail_msg("exec in %s: %s", name, r.err.msg);
    }
    str_add_n(out, r.out.p, r.out.len);
    str_add_n(out, r.err_out.p, r.err_out.len);
    return r.exit_code;
}

/* An address of the test's subnet; host part from 2 on. */
static inline const char *box_address(const struct box *x, unsigned host, char ret[16])
{
    snprintf(ret, 16, "10.%u.1.%u", x->net & 255, host & 255);
    return ret;
}

/* "<uid>-suffix": names of containers are machine-wide. */
static inline const char *box_name(const struct box *x, const char *suffix, char ret[96])
{
    snprintf(ret, 96, "%s-%s", x->name, suffix);
    return ret;
}

#endif
