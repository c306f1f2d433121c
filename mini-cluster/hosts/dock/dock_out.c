/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that come over time: logs, events, statistics, files. Only as fast as the client reads;
 * lines of JSON are rewritten on the way. */
#include <stdarg.h>
#include <string.h>

#include "common/http_client.h"
#include "common/http_server.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"

#define HIGH_MARK ((size_t)256 << 10)
#define LOW_MARK ((size_t)64 << 10)
#define MAX_LINE ((size_t)4 << 20)

struct dock_out {
    struct dock_req *r;
    struct http_call *call; /* NULL: ended, or written by ourselves */
    dock_line_fn *fn;
    struct str ready, line; /* for the client; not yet a whole line */
    int status;
    char *type;
    bool begun, ended, cut, paused, waking;
};

void dock_out_free(struct dock_out *o)
{
    if (o == NULL) {
        return;
    }
    if (o->call != NULL) {
        http_call_cancel(o->call);
    }
    loop_undefer(o->r->dock->all->loop, o);
    str_fini(&o->ready);
    str_fini(&o->line);
    free(o->type);
    free(o);
}

/* ---- to the client ---- */

static ptrdiff_t pull(void *arg, char *buf, size_t max)
{
    struct dock_out *o = arg;
    size_t n = o->ready.len < max ? o->ready.len : max;
    if (n > 0) {
        memcpy(buf, o->ready.p, n);
        str_drop_front(&o->ready, n);
    }
    if (o->paused && o->ready.len < LOW_MARK && o->call != NULL) {
        o->paused = false;
        http_call_pause(o->call, false);
    }
    return n > 0 ? (ptrdiff_t)n : o->cut ? -2 : o->ended ? -1 : 0;
}

static void begin(struct dock_out *o)
{
    struct dock_req *r = o->r;
    struct docker_endpoint at;
    docker_endpoint(&r->dock->all->rt, &at);
    struct http_header headers[] = {
        {"Api-Version", at.version},
        {"X-Docker-Container-Path-Stat", r->stat},
    };
    o->begun = true;
    r->answered = true;
    http_exchange_stream(r->x, o->status, o->type, headers, r->stat != NULL ? 2 : 1, -1, pull, o);
}

/* Never from within libcurl. */
static void wake(void *arg)
{
    struct dock_out *o = arg;
    o->waking = false;
    if (o->r->x == NULL) {
        return; /* its end comes */
    }
    if (!o->begun && o->status != 0) {
        begin(o);
    } else if (o->begun) {
        http_exchange_wake(o->r->x);
    }
}

static void wake_later(struct dock_out *o)
{
    if (!o->waking) {
        o->waking = true;
        loop_defer(o->r->dock->all->loop, wake, o);
    }
}

/* ---- from the daemon ---- */

static void take_line(struct dock_out *o, const char *text, size_t n)
{
    json_t *line = NULL;
    struct err err;
    if (n < 2 || jx_parse(text, n, false, &line, &err) != 0) {
        return;
    }
    if (o->fn(o->r, line)) {
        jx_dump(&o->ready, line);
        str_add_c(&o->ready, '\n');
    }
    json_decref(line);
}

static bool take_lines(struct dock_out *o, const char *bytes, size_t n)
{
    const char *end;
    while ((end = memchr(bytes, '\n', n)) != NULL) {
        size_t piece = (size_t)(end - bytes);
        str_add_n(&o->line, bytes, piece);
        take_line(o, str_c(&o->line), o->line.len);
        str_clear(&o->line);
        bytes += piece + 1;
        n -= piece + 1;
    }
    str_add_n(&o->line, bytes, n);
    return o->line.len <= MAX_LINE;
}

static bool on_data(void *arg, const char *bytes, size_t n)
{
    struct dock_out *o = arg;
    bool fine = true;
    if (o->fn != NULL) {
        fine = take_lines(o, bytes, n);
    } else {
        str_add_n(&o->ready, bytes, n);
    }
    if (o->ready.len > HIGH_MARK && !o->paused) {
        o->paused = true;
        http_call_pause(o->call, true);
    }
    wake_later(o);
    return fine;
}

static void on_header(void *arg, const char *name, const char *value)
{
    struct dock_out *o = arg;
    if (strcasecmp(name, "X-Docker-Container-Path-Stat") == 0) {
        free(o->r->stat);
        o->r->stat = xstrdup(value);
    }
}

static void on_headers(void *arg, int status, const char *type)
{
    struct dock_out *o = arg;
    if (status < 300) { /* another comes whole, with its message */
        o->status = status;
        o->type = xstrdup(type);
        wake_later(o);
    }
}

static void refuse(struct dock_out *o, const struct http_response *res)
{
    struct dock_reply a = {.status = res->status};
    if (res->status == 0) {
        err_set(&a.err, ERR_UNAVAILABLE, "the Docker of this machine does not answer: %s",
                res->err->msg);
    } else {
        docker_answer_err(res->status, res->body, res->len, &a.err);
        cleanup_free char *text = dock_mask(o->r->dock, a.err.msg);
        str_copy(a.err.msg, sizeof(a.err.msg), text);
    }
    dock_reply_refusal(o->r, &a);
}

static void on_done(void *arg, const struct http_response *res)
{
    struct dock_out *o = arg;
    o->call = NULL;
    if (o->status == 0) {
        refuse(o, res);
        return;
    }
    if (o->fn != NULL && o->line.len > 0) {
        take_line(o, o->line.p, o->line.len);
        str_clear(&o->line);
    }
    o->ended = true;
    o->cut = res->status == 0; /* it broke off, and so do we */
    wake_later(o);
}

static struct dock_out *out_new(struct dock_req *r)
{
    struct dock_out *o = xnew(struct dock_out);
    o->r = r;
    r->out = o;
    return o;
}

void dock_out_relay(struct dock_req *r, const char *method, dock_line_fn *fn, const char *path, ...)
{
    struct docks *all = r->dock->all;
    struct dock_out *o = out_new(r);
    struct docker_endpoint at;
    va_list ap;
    va_start(ap, path);
    cleanup_free char *target = xvasprintf(path, ap);
    va_end(ap);
    docker_endpoint(&all->rt, &at);
    cleanup_free char *url = xasprintf("http://docker/v%s%s", at.version, target);
    const struct http_request req = {
        .method = method,
        .url = url,
        .fresh = true,
        .on_data = on_data,
        .on_header = on_header,
        .on_headers = on_headers,
        .done = on_done,
        .arg = o,
    };
    o->fn = fn;
    o->call = http_client_call(all->streams, &req);
}

/* ---- by ourselves ---- */

void dock_out_begin(struct dock_req *r)
{
    struct dock_out *o = out_new(r);
    o->status = 200;
    o->type = xstrdup("application/json");
    if (r->x != NULL) {
        begin(o);
    }
}

void dock_out_line(struct dock_req *r, json_t *line)
{
    struct dock_out *o = r->out;
    jx_dump(&o->ready, line);
    str_add(&o->ready, "\r\n");
    json_decref(line);
    wake_later(o);
}

void dock_out_end(struct dock_req *r)
{
    if (r->x == NULL) {
        dock_req_free(r);
        return;
    }
    r->out->ended = true;
    wake_later(r->out);
}
