/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the daemon and what came back. Nothing of an answer is believed before it is read.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_impl.h"

#define ANSWER_NS LOOP_S(60)
#define MAX_ANSWER ((size_t)64 << 20)

struct docker_call {
    struct docker *d;
    struct http_call *http;
    struct docker_call *next, **prev_next;
    docker_answer_fn *fn;
    void *arg;
    bool lines, lands;
};

char *docker_path(const struct docker *d, const char *path)
{
    bool known = d->version[0] != '\0';
    return xasprintf("%s%s%s", known ? "/v" : "", known ? d->version : "", path);
}

char *docker_escape(const char *text)
{
    struct str out = STR_INIT;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c) != NULL) {
            str_add_c(&out, (char)c);
        } else {
            str_add_f(&out, "%%%02X", c);
        }
    }
    return str_take(&out);
}

char *docker_filter(const struct docker *d, const char *more)
{
    cleanup_free char *uid = xasprintf("dev.podlab.cluster-uid=%s", d->cluster.uid);
    json_t *labels = json_pack("[s]", uid);
    if (more != NULL) {
        json_array_append_new(labels, json_string(more));
    }
    json_t *filter = json_pack("{s:o}", "label", labels);
    cleanup_free char *text = jx_dump_text(filter);
    json_decref(filter);
    return docker_escape(text);
}

/* ---- what came back ---- */

static enum err_code code_of(int status)
{
    switch (status) {
    case 400:
        return ERR_INVALID;
    case 401:
    case 403:
        return ERR_FORBIDDEN;
    case 404:
        return ERR_NOT_FOUND;
    case 409:
        return ERR_CONFLICT;
    case 503:
        return ERR_UNAVAILABLE;
    default:
        return ERR_INTERNAL;
    }
}

void docker_answer_err(int status, const char *body, size_t len, struct err *err)
{
    json_t *json = NULL;
    struct err ignored;
    const char *message = "";
    if (len > 0 && jx_parse(body, len, false, &json, &ignored) == 0) {
        message = jx_str(json, "message", "");
    }
    if (message[0] != '\0') {
        err_set(err, code_of(status), "%s", message);
    } else if (len > 0 && json == NULL) {
        err_set(err, code_of(status), "Docker answered %d: %.*s", status,
                (int)(len < 200 ? len : 200), body);
    } else {
        err_set(err, code_of(status), "Docker answered %d and did not say why", status);
    }
    json_decref(json);
}

/* The client names the socket only when the connection did not come about. */
static bool never_sent(const struct err *err)
{
    return strstr(err->msg, ": connect to ") != NULL;
}

/* Progress, an object a line; the last word of it may be an error. */
static void read_lines(const char *body, struct docker_answer *a)
{
    for (size_t n; *body != '\0'; body += n + (body[n] != '\0')) {
        json_t *line = NULL;
        struct err ignored;
        n = strcspn(body, "\n");
        if (n > 1 && jx_parse(body, n, false, &line, &ignored) == 0 &&
            jx_str(line, "error", NULL) != NULL) {
            err_set(&a->err, ERR_INTERNAL, "%s", jx_str(line, "error", ""));
        }
        json_decref(line);
    }
}

static void read_response(const struct http_response *res, bool lines, struct docker_answer *a)
{
    a->status = res->status;
    if (res->status == 0) {
        a->unsent = never_sent(res->err);
        err_set(&a->err, res->err->code == ERR_TIMEOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE,
                "Docker does not answer: %s", res->err->msg);
        return;
    }
    if (res->status >= 400) {
        docker_answer_err(res->status, res->body, res->len, &a->err);
        return;
    }
    if (lines) {
        read_lines(res->body, a);
        return;
    }
    bool is_json = strstr(res->content_type, "json") != NULL;
    if (is_json && res->len > 0 && jx_parse(res->body, res->len, false, &a->json, &a->err) != 0) {
        a->status = -1;
        a->err.code = ERR_INTERNAL;
        err_wrap(&a->err, "Docker's answer cannot be read");
    }
}

static void unlink_call(struct docker_call *call)
{
    *call->prev_next = call->next;
    if (call->next != NULL) {
        call->next->prev_next = call->prev_next;
    }
}

static void on_done(void *arg, const struct http_response *res)
{
    struct docker_call *call = arg;
    struct docker_call taken = *call;
    struct docker_answer a = {0};
    unlink_call(call);
    free(call);
    read_response(res, taken.lines, &a);
    taken.fn(taken.arg, &a);
    json_decref(a.json);
}

static void landed(void *arg, const struct docker_answer *a)
{
    struct docker *d = arg;
    (void)a;
    d->left = d->asked == NULL;
}

void docker_calls_leave(struct docker *d)
{
    for (struct docker_call *call = d->asked, *next; call != NULL; call = next) {
        next = call->next;
        if (call->lands) {
            call->fn = landed;
            call->arg = d;
        } else {
            docker_call_cancel(call);
        }
    }
    d->left = d->asked == NULL;
}

enum runtime_result docker_answer_result(const struct docker_answer *a)
{
    if (a->err.code == ERR_NONE) {
        return RUNTIME_OK;
    }
    return a->status > 0 || a->unsent ? RUNTIME_FAILED : RUNTIME_UNKNOWN;
}

/* ---- asking ---- */

static struct docker_call *call_new(struct docker *d, docker_answer_fn *fn, void *arg)
{
    struct docker_call *call = xnew(struct docker_call);
    call->d = d;
    call->fn = fn;
    call->arg = arg;
    call->next = d->asked;
    call->prev_next = &d->asked;
    if (call->next != NULL) {
        call->next->prev_next = &call->next;
    }
    d->asked = call;
    return call;
}

static char *url_of(const struct docker *d, const struct docker_ask *ask, const char *path)
{
    cleanup_free char *versioned = ask->unversioned ? xstrdup(path) : docker_path(d, path);
    return xasprintf("http://docker%s", versioned);
}

struct docker_call *docker_call(struct docker *d, const struct docker_ask *ask,
                                docker_answer_fn *fn, void *arg, const char *path, ...)
{
    va_list ap;
    va_start(ap, path);
    cleanup_free char *text = xvasprintf(path, ap);
    va_end(ap);
    cleanup_free char *url = url_of(d, ask, text);
    cleanup_str struct str body = STR_INIT;
    struct docker_call *call = call_new(d, fn, arg);
    struct http_request req = {
        .method = ask->method != NULL ? ask->method : "GET",
        .url = url,
        .timeout_ns = ask->timeout_ns != 0 ? ask->timeout_ns : ANSWER_NS,
        .max_body = MAX_ANSWER,
        /* On a connection that was used before, a request that got no answer is sent again: then
         * nobody could tell whether the first has arrived. */
        .fresh = ask->method != NULL,
        .done = on_done,
        .arg = call,
    };
    call->lines = ask->lines;
    call->lands = ask->lands;
    if (ask->tar != NULL) {
        req.content_type = "application/x-tar";
        req.body = ask->tar;
        req.len = ask->tar_len;
    } else if (ask->body != NULL) {
        jx_dump(&body, ask->body);
        json_decref(ask->body);
        req.content_type = "application/json";
        req.body = body.p;
        req.len = body.len;
    }
    call->http = http_client_call(ask->waits ? d->waits : d->calls, &req);
    return call;
}

void docker_call_cancel(struct docker_call *call)
{
    if (call != NULL) {
        http_call_cancel(call->http);
        unlink_call(call);
        free(call);
    }
}
