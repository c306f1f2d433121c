/* SPDX-License-Identifier: Apache-2.0 */
/* The room itself: what the verbs work on, and the little that every answer needs. */
#include "api/api.h"

#include <stdio.h>
#include <string.h>

#include "api/core.h"
#include "api/fault.h"
#include "api/wait.h"
#include "common/json/jx.h"
#include "common/map.h"
#include "common/mem.h"

struct api *api_new(struct loop *loop, struct store *store, const struct api_opts *opts)
{
    struct api *api = xnew(struct api);
    api->loop = loop;
    api->store = store;
    api->version = xstrdup(opts->version != NULL ? opts->version : "v1.35.0+podlab");
    api->cluster_name = xstrdup(opts->cluster_name != NULL ? opts->cluster_name : "lab");
    api->nodes = map_new(free);
    struct admission_opts admission = {.service_cidr = opts->service_cidr,
                                       .node_port_min = opts->node_port_min,
                                       .node_port_max = opts->node_port_max};
    api->admission = admission_new(loop, store, &admission);
    return api;
}

void api_free(struct api *api)
{
    if (api == NULL) {
        return;
    }
    api_wait_end(api);
    admission_free(api->admission);
    map_free(api->nodes);
    free(api->version);
    free(api->cluster_name);
    free(api);
}

struct store *api_store(const struct api *api)
{
    return api->store;
}

struct loop *api_loop(const struct api *api)
{
    return api->loop;
}

void api_set_auth(struct api *api, struct auth *auth)
{
    api->auth = auth;
}

void api_set_toleration_seconds(struct api *api, int64_t seconds)
{
    admission_set_toleration_seconds(api->admission, seconds);
}

void api_set_node(struct api *api, const char *node, const struct api_node_ops *ops, void *arg)
{
    if (ops == NULL) {
        map_remove(api->nodes, node);
        return;
    }
    struct api_node *n = xnew(struct api_node);
    n->ops = ops;
    n->arg = arg;
    map_put(api->nodes, node, n);
}

const struct api_node *api_find_node(const struct api *api, const char *node)
{
    return map_find(api->nodes, node);
}

/* ---- contexts and objects ---- */

void api_ctx_fini(struct api_ctx *ctx)
{
    json_decref(ctx->warnings);
    ctx->warnings = NULL;
    api_fault_fini(&ctx->fault);
}

void api_warn(struct api_ctx *ctx, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *text = xvasprintf(fmt, ap);
    va_end(ap);
    if (ctx->warnings == NULL) {
        ctx->warnings = json_array();
    }
    json_array_append_new(ctx->warnings, json_string(text));
}

void api_object_fini(struct api_object *o)
{
    store_entry_unref(o->entry);
    json_decref(o->tree);
    *o = (struct api_object){0};
}

const json_t *api_object_tree(struct api *api, const struct api_object *o)
{
    return o->entry != NULL ? store_tree(api->store, o->entry) : o->tree;
}

/* ---- responses ---- */

void api_response_fini(struct api_response *r)
{
    str_fini(&r->body);
    if (r->stream != NULL) {
        r->stream->free(r->stream);
    }
    if (r->relay != NULL) {
        free(r->relay->path);
        free(r->relay->seen_as);
        free(r->relay);
    }
    api_connect_free(r->connect);
    for (size_t i = 0; i < r->nheaders; i++) {
        free(r->headers[i].value);
    }
    free(r->headers);
    *r = (struct api_response){0};
}

void api_response_error(struct api_response *r, const struct err *err)
{
    json_auto_t *status = api_fault_status(err, NULL);
    r->status = err_http(err->code);
    r->content_type = "application/json";
    jx_dump(&r->body, status);
}
