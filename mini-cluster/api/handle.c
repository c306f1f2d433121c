/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to a verb, and from what the verb gave to an answer. */
#include <stdio.h>
#include <string.h>

#include "api/core.h"
#include "api/discovery.h"
#include "api/fault.h"
#include "api/handle.h"
#include "api/list.h"
#include "api/query.h"
#include "api/review.h"
#include "api/wait.h"
#include "auth/auth.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"

void api_call_header(struct api_call *c, const char *name, const char *value)
{
    struct api_response *res = c->res;
    res->headers = xrealloc(res->headers, (res->nheaders + 1) * sizeof(res->headers[0]));
    res->headers[res->nheaders++] = (struct api_header){name, xstrdup(value)};
}

/* ---- what the query says about every request ---- */

static int read_validation(struct api_call *c, struct err *err)
{
    const char *v = api_query_get(c->query, "fieldValidation");
    if (v[0] == '\0' || strcmp(v, "Warn") == 0) {
        c->ctx.validation = API_VALIDATION_WARN;
    } else if (strcmp(v, "Strict") == 0) {
        c->ctx.validation = API_VALIDATION_STRICT;
    } else if (strcmp(v, "Ignore") == 0) {
        c->ctx.validation = API_VALIDATION_IGNORE;
    } else {
        return api_fault_unsupported(&c->ctx, "fieldValidation", v,
                                     "\"Ignore\", \"Strict\", \"Warn\"", err);
    }
    return 0;
}

static int read_dry_run(struct api_call *c, struct err *err)
{
    const char *v;
    for (size_t i = 0; (v = api_query_nth(c->query, "dryRun", i)) != NULL; i++) {
        if (strcmp(v, "All") != 0 && v[0] != '\0') {
            return api_fault_unsupported(&c->ctx, "dryRun", v, "\"All\"", err);
        }
        c->ctx.dry_run = c->ctx.dry_run || v[0] != '\0';
    }
    return 0;
}

static int read_context(struct api_call *c, struct err *err)
{
    c->ctx.user = c->req->user;
    c->ctx.field_manager = api_query_get(c->query, "fieldManager");
    if (strlen(c->ctx.field_manager) > 128) {
        return err_set(err, ERR_INVALID,
                       " \"\" is invalid: fieldManager: Too long: may not be more than 128 bytes");
    }
    return read_validation(c, err) < 0 || read_dry_run(c, err) < 0 ? -1 : 0;
}

/* ---- may they ---- */

static const char *const http_verbs[][2] = {
    {"DELETE", "delete"}, {"GET", "get"},     {"HEAD", "get"},  {"OPTIONS", "options"},
    {"PATCH", "patch"},   {"POST", "create"}, {"PUT", "update"}};

static const char *http_verb(const char *method)
{
    for (size_t i = 0; i < ARRAY_LEN(http_verbs); i++) {
        if (strcmp(http_verbs[i][0], method) == 0) {
            return http_verbs[i][1];
        }
    }
    return "unknown";
}

int api_call_authorize(struct api_call *c, const char *verb, struct err *err)
{
    const struct api_route *r = &c->route;
    struct auth_attributes a = {.user = c->req->user.name,
                                .groups = c->req->user.groups,
                                .verb = verb,
                                .group = r->group,
                                .path = c->req->path};
    if (r->type == API_ROUTE_OBJECT) {
        a.resource = r->kind->resource;
        a.subresource = r->subresource;
        a.ns = r->ns;
        a.name = r->name;
    }
    if (r->type == API_ROUTE_REVIEW) { /* whoever has a name may ask what it is good for */
        a.verb = "get";
        a.path = "/apis";
    }
    if (auth_authorize(&a, err) == 0) {
        return 0;
    }
    if (err->code == ERR_FORBIDDEN && r->type == API_ROUTE_OBJECT) {
        c->ctx.fault.group = r->kind->group;
        c->ctx.fault.kind = r->kind->resource;
        str_copy(c->ctx.fault.name, sizeof(c->ctx.fault.name), r->name);
    }
    return -1;
}

/* Whoever may do nothing at all learns nothing from how a path is wrong. */
static int authorize_unknown(const struct api_call *c, struct err *err)
{
    struct auth_attributes a = {.user = c->req->user.name,
                                .groups = c->req->user.groups,
                                .verb = http_verb(c->req->method),
                                .path = c->req->path};
    return auth_authorize(&a, err);
}

/* ---- answering ---- */

/* The query of a proxied request belongs to the pod. */
static int read_query(struct api_call *c, struct err *err)
{
    bool ours = strcmp(c->route.subresource, "proxy") != 0;
    if (api_query_parse(ours ? c->req->query : "", &c->query, err) < 0) {
        return -1;
    }
    if (api_query_bool(c->query, "watch")) {
        api_route_watch(&c->route);
    }
    return 0;
}

static int read_request(struct api_call *c, struct err *err)
{
    if (api_route_parse(c->req->method, c->req->path, &c->route, err) < 0 ||
        read_query(c, err) < 0) {
        struct err denied;
        if (authorize_unknown(c, &denied) < 0) {
            *err = denied;
        }
        return -1;
    }
    c->target = (struct api_target){.kind = c->route.kind,
                                    .ns = c->route.ns,
                                    .name = c->route.name,
                                    .subresource = c->route.subresource};
    const char *verb = c->route.verb != NULL ? c->route.verb : http_verb(c->req->method);
    return api_call_authorize(c, verb, err);
}

enum { MAX_BODY = 3 * 1024 * 1024 };

static int answer(struct api_call *c, struct err *err)
{
    if (read_request(c, err) < 0) {
        return -1;
    }
    if (c->req->len > MAX_BODY) {
        return err_set(err, ERR_TOO_LARGE, "Request entity too large: limit is %d", MAX_BODY);
    }
    if (c->route.type == API_ROUTE_OTHER) {
        return api_discovery(c->api, c->req, &c->route, c->query, c->res, err);
    }
    if (c->route.verb == NULL) {
        return api_fault_no_method(err);
    }
    if (read_context(c, err) < 0) {
        return -1;
    }
    return c->route.type == API_ROUTE_REVIEW ? api_review(c, err) : api_call_verb(c, err);
}

static void fail(struct api_call *c, const struct err *err)
{
    api_response_fini(c->res);
    json_auto_t *status = api_fault_status(err, &c->ctx.fault);
    c->res->status = err_http(err->code);
    c->res->content_type = "application/json";
    jx_dump(&c->res->body, status);
    str_add_c(&c->res->body, '\n');
    if (c->ctx.fault.retry_after_s > 0) {
        char text[16];
        snprintf(text, sizeof(text), "%d", c->ctx.fault.retry_after_s);
        api_call_header(c, "Retry-After", text);
    }
}

/* A quoted string of a header: what would end it or the line is escaped or left out. */
static char *warning_text(const char *text)
{
    struct str out = STR_INIT;
    str_add(&out, "299 - \"");
    for (const char *p = text; *p != '\0' && out.len < 1000; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') {
            str_add_c(&out, '\\');
        }
        str_add_c(&out, c < 0x20 || c == 0x7f ? ' ' : *p);
    }
    str_add_c(&out, '"');
    return str_take(&out);
}

enum { MAX_WARNINGS = 10 };

static void add_warnings(struct api_call *c)
{
    size_t i;
    const json_t *w;
    jx_each(i, w, c->ctx.warnings)
    {
        if (i < MAX_WARNINGS) {
            cleanup_free char *text = warning_text(json_string_value(w));
            api_call_header(c, "Warning", text);
        }
    }
}

void api_handle(struct api *api, const struct api_request *req,
                void (*done)(void *arg, struct api_response *res), void *arg)
{
    struct api_response res = {.status = 200, .content_type = "application/json"};
    struct api_call call = {.api = api, .req = req, .res = &res};
    struct err err;
    if (answer(&call, &err) < 0) {
        fail(&call, &err);
    }
    add_warnings(&call);
    api_ctx_fini(&call.ctx);
    api_route_fini(&call.route);
    api_query_free(call.query);
    api_wait(api, &res, done, arg);
}
