/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the daemon, made anew and on a connection of its own; and its answer, without the
 * names that only the daemon knows. */
#include <stdarg.h>
#include <string.h>

#include "common/http_client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"
#include "runtime/docker/docker_spec.h"

#define ANSWER_NS LOOP_S(90)
#define MAX_ANSWER ((size_t)64 << 20)

char *dock_mask(const struct dock *d, const char *text)
{
    struct str out = STR_INIT;
    size_t n = strlen(d->prefix);
    for (const char *p; (p = strstr(text, d->prefix)) != NULL; text = p + n) {
        str_add_n(&out, text, (size_t)(p - text));
    }
    str_add(&out, text);
    return str_take(&out);
}

/* The labels that everything of this host has, and `more`. */
static json_t *own_labels(const struct dock *d, const char *more)
{
    struct docker_endpoint at;
    docker_endpoint(&d->all->rt, &at);
    cleanup_free char *uid = xasprintf(DOCKER_LABEL_UID "=%s", at.cluster->uid);
    cleanup_free char *host = xasprintf(DOCKER_LABEL_HOST "=%s", d->host);
    json_t *labels = json_pack("[s, s]", uid, host);
    if (more != NULL) {
        json_array_append_new(labels, json_string(more));
    }
    return labels;
}

char *dock_call_filter(const struct dock *d, const char *more)
{
    return dock_call_filters(d, NULL, more);
}

char *dock_call_filters(const struct dock *d, const json_t *asked, const char *more)
{
    json_auto_t *filter = asked != NULL ? jx_edit(asked) : json_object();
    json_t *labels = own_labels(d, more);
    json_array_extend(labels, json_object_get(filter, "label"));
    json_object_set_new(filter, "label", labels);
    cleanup_free char *text = jx_dump_text(filter);
    return docker_escape(text);
}

/* ---- the answer ---- */

static void mask_err(const struct dock *d, struct err *err)
{
    cleanup_free char *text = dock_mask(d, err->msg);
    str_copy(err->msg, sizeof(err->msg), text);
}

static void on_done(void *arg, const struct http_response *res)
{
    struct dock_req *r = arg;
    struct dock_reply a = {.status = res->status, .body = res->body, .len = res->len};
    json_t *json = NULL;
    r->call = NULL;
    if (res->status == 0) {
        err_set(&a.err, ERR_UNAVAILABLE, "the Docker of this machine does not answer: %s",
                res->err->msg);
    } else if (res->status >= 400) {
        docker_answer_err(res->status, res->body, res->len, &a.err);
        mask_err(r->dock, &a.err);
    } else if (strstr(res->content_type, "json") != NULL && res->len > 0 &&
               jx_parse(res->body, res->len, false, &json, &a.err) != 0) {
        a.status = 502;
        err_wrap(&a.err, "the answer of this machine's Docker cannot be read");
    }
    a.json = json;
    r->fn(r, &a); /* may free r */
    json_decref(json);
}

static void on_header(void *arg, const char *name, const char *value)
{
    struct dock_req *r = arg;
    if (strcasecmp(name, "X-Docker-Container-Path-Stat") == 0) {
        free(r->stat);
        r->stat = xstrdup(value);
    }
}

/* ---- the request ---- */

void dock_call(struct dock_req *r, const struct dock_ask *ask, dock_fn *fn, const char *path, ...)
{
    struct docks *all = r->dock->all;
    struct docker_endpoint at;
    cleanup_str struct str body = STR_INIT;
    va_list ap;
    va_start(ap, path);
    cleanup_free char *target = xvasprintf(path, ap);
    va_end(ap);
    docker_endpoint(&all->rt, &at);
    cleanup_free char *url = xasprintf("http://docker/v%s%s", at.version, target);
    struct http_request req = {
        .method = ask->method != NULL ? ask->method : "GET",
        .url = url,
        .timeout_ns = ask->patient ? 0 : ANSWER_NS,
        .max_body = MAX_ANSWER,
        .fresh = true,
        .on_header = on_header,
        .done = on_done,
        .arg = r,
    };
    if (ask->body != NULL) {
        jx_dump(&body, ask->body);
        json_decref(ask->body);
        req.content_type = "application/json";
        req.body = body.p;
        req.len = body.len;
    } else if (ask->bytes != NULL) {
        req.content_type = "application/x-tar";
        req.body = ask->bytes;
        req.len = ask->len;
    }
    r->fn = fn;
    r->call = http_client_call(ask->patient ? all->streams : all->calls, &req);
}
