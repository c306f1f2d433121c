/* SPDX-License-Identifier: Apache-2.0 */
/* Pulling, for where there is a registry; quickly telling, for where there is none. */
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_impl.h"
#include "runtime/image_name.h"
#include "runtime/images.h"

#define FIRST_NS LOOP_S(12)   /* without any word from the registry: there is none */
#define SILENCE_NS LOOP_S(60) /* in the middle of a pull */
#define MAX_LINE ((size_t)64 << 10)
#define BARS_EVERY_NS LOOP_MS(200) /* they come far oftener than anybody reads */

struct pull {
    struct docker_op op;
    struct image_name name;
    char text[512];
    void (*progress)(void *arg, const char *line);
    struct http_call *http;
    struct loop_timer *silence;
    struct str line;
    uint64_t said_ns;
    struct err why; /* what the registry, or we, found wrong */
};

static void pull_destroy(struct docker_op *op)
{
    struct pull *p = (struct pull *)op;
    if (p->http != NULL) {
        http_call_cancel(p->http);
    }
    loop_timer_free(p->silence);
    str_fini(&p->line);
}

static void say(struct pull *p, const char *line)
{
    if (p->progress != NULL) {
        p->progress(p->op.arg, line);
    }
}

/* ---- it failed: what is here instead? ---- */

static void searched(void *arg, enum runtime_result result, const struct runtime_status *st,
                     const struct err *err)
{
    struct pull *p = arg;
    const char *here = strstr(err->msg, ". Here are ");
    if (result == RUNTIME_OK) { /* an older copy */
        docker_op_finish(&p->op, RUNTIME_FAILED, NULL, &p->why);
        return;
    }
    struct err all;
    err_set(&all, p->why.code, "%.300s%s", p->why.msg, here != NULL ? here : "");
    docker_op_finish(&p->op, RUNTIME_FAILED, NULL, &all);
}

static void give_up(struct pull *p)
{
    docker_image_find(p->op.d, p->text, searched, p);
}

/* ---- busybox comes from this machine ---- */

static void tagged(void *arg, const struct docker_answer *a)
{
    struct pull *p = arg;
    if (a->err.code != ERR_NONE) {
        docker_op_failed(&p->op, a);
    } else {
        docker_op_ok(&p->op);
    }
}

static void busybox_loaded(void *arg, enum runtime_result result, const struct runtime_status *st,
                           const struct err *err)
{
    struct pull *p = arg;
    if (result != RUNTIME_OK) {
        docker_op_finish(&p->op, result, NULL, err);
    } else if (strcmp(p->name.tag, "latest") == 0) {
        docker_op_ok(&p->op);
    } else {
        docker_call(p->op.d, &(struct docker_ask){.method = "POST"}, tagged, p,
                    "/images/busybox:latest/tag?repo=busybox&tag=%s", p->name.tag);
    }
}

static bool made_here(struct pull *p)
{
    cleanup_str struct str archive = STR_INIT;
    struct err err;
    if (strcmp(p->name.repository, "busybox") != 0 || p->name.tag[0] == '\0' ||
        images_busybox(&archive, &err) != 0) {
        return false;
    }
    say(p, "no registry answers: made from this machine's own busybox");
    docker_image_load(p->op.d, archive.p, archive.len, busybox_loaded, p);
    return true;
}

static void failed(struct pull *p)
{
    if (p->why.code != ERR_UNAVAILABLE || !made_here(p)) {
        give_up(p);
    }
}

/* ---- what the registry says ---- */

/* Words that mean that nobody answered, and not that the image does not exist. */
static bool is_offline(const char *message)
{
    static const char *const words[] = {
        "dial tcp",           "no such host",           "lookup ",
        "i/o timeout",        "network is unreachable", "TLS handshake",
        "connection refused", "Client.Timeout",         "server misbehaving",
        "proxyconnect",       "no route to host"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strstr(message, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static void set_why(struct pull *p, const char *message)
{
    if (is_offline(message)) {
        err_set(&p->why, ERR_UNAVAILABLE,
                "%.200s is not on this machine and no registry answers (%.120s)", p->text, message);
    } else {
        bool unknown = strstr(message, "not found") != NULL ||
                       strstr(message, "manifest unknown") != NULL ||
                       strstr(message, "does not exist") != NULL;
        err_set(&p->why, unknown ? ERR_NOT_FOUND : ERR_INTERNAL, "%.200s: %.250s", p->text,
                message);
    }
}

/* {"status":"Downloading","progress":"[==> ] 1MB/3MB","id":"a1b2"} */
static void read_line(struct pull *p, const char *text, size_t n)
{
    json_t *line = NULL;
    struct err err;
    if (n < 2 || jx_parse(text, n, false, &line, &err) != 0) {
        return;
    }
    const char *error = jx_str(line, "error", NULL), *progress = jx_str(line, "progress", "");
    const char *id = jx_str(line, "id", "");
    uint64_t now = loop_mono_ns(p->op.d->loop);
    if (error != NULL) {
        set_why(p, error);
    } else if (progress[0] == '\0' || now - p->said_ns >= BARS_EVERY_NS) {
        cleanup_free char *words =
            xasprintf("%s%s%s%s%s", id, id[0] != '\0' ? ": " : "", jx_str(line, "status", ""),
                      progress[0] != '\0' ? " " : "", progress);
        p->said_ns = now;
        say(p, words);
    }
    json_decref(line);
}

static bool on_data(void *arg, const char *bytes, size_t n)
{
    struct pull *p = arg;
    loop_timer_start(p->silence, SILENCE_NS);
    str_add_n(&p->line, bytes, n);
    const char *end;
    while (p->line.len > 0 && (end = memchr(p->line.p, '\n', p->line.len)) != NULL) {
        size_t len = (size_t)(end - p->line.p);
        read_line(p, p->line.p, len);
        str_drop_front(&p->line, len + 1);
    }
    if (p->line.len > MAX_LINE) {
        err_set(&p->why, ERR_INTERNAL, "%.200s: Docker's progress cannot be read", p->text);
        return false;
    }
    return true;
}

static void on_done(void *arg, const struct http_response *res)
{
    struct pull *p = arg;
    struct err err;
    p->http = NULL;
    loop_timer_stop(p->silence);
    if (p->line.len > 0) {
        read_line(p, p->line.p, p->line.len);
    }
    if (p->why.code != ERR_NONE) {
        failed(p);
    } else if (res->status == 0) {
        err_set(&err, ERR_UNAVAILABLE, "Docker does not answer: %s", res->err->msg);
        docker_op_finish(&p->op, RUNTIME_UNKNOWN, NULL, &err);
    } else if (res->status >= 400) {
        docker_answer_err(res->status, res->body, res->len, &err);
        set_why(p, err.msg);
        failed(p);
    } else {
        docker_op_ok(&p->op);
    }
}

/* ---- asking ---- */

static void on_silence(void *arg)
{
    struct pull *p = arg;
    http_call_cancel(p->http);
    p->http = NULL;
    set_why(p, "i/o timeout: the registry says nothing");
    failed(p);
}

static void ask(struct pull *p)
{
    struct docker *d = p->op.d;
    bool digest = p->name.digest[0] != '\0';
    cleanup_free char *repository = docker_escape(p->name.repository);
    cleanup_free char *tag = docker_escape(digest ? p->name.digest : p->name.tag);
    cleanup_free char *target = xasprintf("/images/create?fromImage=%s&tag=%s", repository, tag);
    cleanup_free char *path = docker_path(d, target);
    cleanup_free char *url = xasprintf("http://docker%s", path);
    const struct http_request req = {
        .method = "POST", .url = url, .on_data = on_data, .done = on_done, .arg = p};
    p->http = http_client_call(d->streams, &req);
    loop_timer_start(p->silence, FIRST_NS);
}

/* Ours are in no registry: they are here, or they do not exist. */
static void looked(void *arg, enum runtime_result result, const struct runtime_status *st,
                   const struct err *err)
{
    struct pull *p = arg;
    docker_op_finish(&p->op, result, NULL, err);
}

static void pull_run(struct docker_op *op)
{
    struct pull *p = (struct pull *)op;
    if (image_name_is_podlab(&p->name)) {
        docker_image_find(op->d, p->text, looked, p);
    } else {
        ask(p);
    }
}

void docker_image_pull(void *self, const char *image, void (*progress)(void *arg, const char *line),
                       runtime_done *done, void *arg)
{
    struct docker *d = self;
    struct pull *p = xnew(struct pull);
    docker_op_init(&p->op, d, "", done, arg);
    p->op.destroy = pull_destroy;
    p->progress = progress;
    p->silence = loop_timer_new(d->loop, on_silence, p);
    if (image_name_parse(image, &p->name, &p->op.err) != 0) {
        docker_op_fail(&p->op, RUNTIME_FAILED);
        return;
    }
    image_name_text(&p->name, p->text, sizeof(p->text));
    docker_op_start(&p->op, NULL, pull_run);
}
