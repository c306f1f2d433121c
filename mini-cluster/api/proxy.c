/* SPDX-License-Identifier: Apache-2.0 */
/* pods/proxy and services/proxy: a name such as "https:web:http" becomes the address of a pod that
 * answers. */
#include <string.h>

#include "api/core.h"
#include "api/fault.h"
#include "api/relay.h"
#include "api/route.h"
#include "api/write.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/object.h"

/* "[scheme:]name[:port]". */
struct proxy_name {
    bool https;
    char name[254];
    char port[64]; /* "" when not given */
};

static int parse_name(const char *text, struct proxy_name *ret, struct err *err)
{
    *ret = (struct proxy_name){0};
    char copy[400];
    if (str_copy(copy, sizeof(copy), text) >= sizeof(copy)) {
        return err_set(err, ERR_BAD_REQUEST, "invalid proxy name: too long");
    }
    char *parts[3] = {copy, NULL, NULL};
    int n = 1;
    for (char *p = copy; *p != '\0'; p++) {
        if (*p == ':') {
            *p = '\0';
            if (n == 3) {
                return err_set(err, ERR_BAD_REQUEST, "invalid proxy name \"%.200s\"", text);
            }
            parts[n++] = p + 1;
        }
    }
    const char *scheme = n == 3 ? parts[0] : "";
    if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0 && scheme[0] != '\0') {
        return err_set(err, ERR_BAD_REQUEST, "invalid proxy name \"%.200s\": scheme %.40s", text,
                       scheme);
    }
    ret->https = strcmp(scheme, "https") == 0;
    str_copy(ret->name, sizeof(ret->name), n == 3 ? parts[1] : parts[0]);
    str_copy(ret->port, sizeof(ret->port), n == 3 ? parts[2] : n == 2 ? parts[1] : "");
    return 0;
}

static bool port_number(const char *text, int *ret)
{
    int64_t v;
    if (!str_to_i64(text, 1, 65535, &v)) {
        return false;
    }
    *ret = (int)v;
    return true;
}

/* ---- a pod ---- */

/* A port of the pod by name, or the first one it declares. */
static int pod_port(const json_t *pod, const char *wanted)
{
    size_t i, j;
    const json_t *c, *p;
    jx_each(i, c, jx_arr(pod, "spec.containers"))
    {
        jx_each(j, p, jx_get(c, "ports"))
        {
            if (wanted[0] == '\0' || strcmp(jx_get_str(p, "name", ""), wanted) == 0) {
                return (int)jx_int(p, "containerPort", 0);
            }
        }
    }
    return 0;
}

static int find_pod(struct api *api, struct api_ctx *ctx, const struct api_route *r,
                    const struct proxy_name *name, struct api_relay *to, struct err *err)
{
    struct api_target t = {.kind = r->kind, .ns = r->ns, .name = name->name, .subresource = ""};
    cleanup_entry const struct store_entry *entry = NULL;
    if (api_write_find(api, ctx, &t, &entry, err) < 0) {
        return -1;
    }
    const json_t *pod = store_tree(api->store, entry);
    const char *ip = jx_str(pod, "status.podIP", "");
    if (ip[0] == '\0') {
        return err_set(err, ERR_BAD_REQUEST, "address not allowed: pod %s has no address yet",
                       name->name);
    }
    if (!port_number(name->port, &to->port)) {
        to->port = pod_port(pod, name->port);
    }
    if (to->port == 0) {
        to->port = name->https ? 443 : 80;
    }
    str_copy(to->address, sizeof(to->address), ip);
    return 0;
}

/* ---- a service ---- */

static int no_endpoints(const char *service, struct err *err)
{
    return err_set(err, ERR_UNAVAILABLE, "no endpoints available for service \"%s\"", service);
}

/* The port of the service that is meant: by name, by number, or the only one. */
static const json_t *service_port(const json_t *service, const char *wanted)
{
    const json_t *ports = jx_arr(service, "spec.ports");
    size_t i;
    const json_t *p;
    int number = 0;
    bool numeric = port_number(wanted, &number);
    if (wanted[0] == '\0') {
        return json_array_get(ports, 0);
    }
    jx_each(i, p, ports)
    {
        if (strcmp(jx_get_str(p, "name", ""), wanted) == 0 ||
            (numeric && jx_int(p, "port", 0) == number)) {
            return p;
        }
    }
    return NULL;
}

struct endpoint {
    char address[64];
    int port;
};

struct search {
    struct api *api;
    const char *service;
    const char *port_name;
    VEC(struct endpoint) found;
};

static int slice_port(const json_t *slice, const char *name)
{
    size_t i;
    const json_t *p;
    jx_each(i, p, jx_get(slice, "ports"))
    {
        if (strcmp(jx_get_str(p, "name", ""), name) == 0) {
            return (int)jx_int(p, "port", 0);
        }
    }
    return 0;
}

static bool add_slice(void *arg, const struct store_entry *e)
{
    struct search *s = arg;
    const char *of = json_string_value(jx_get(e->labels, "kubernetes.io/service-name"));
    if (of == NULL || strcmp(of, s->service) != 0) {
        return true;
    }
    const json_t *slice = store_tree(s->api->store, e);
    struct endpoint ep = {.port = slice_port(slice, s->port_name)};
    size_t i;
    const json_t *item;
    jx_each(i, item, jx_get(slice, "endpoints"))
    {
        const char *address = json_string_value(json_array_get(jx_get(item, "addresses"), 0));
        if (ep.port > 0 && address != NULL && jx_bool(item, "conditions.ready", true)) {
            str_copy(ep.address, sizeof(ep.address), address);
            vec_push(&s->found, ep);
        }
    }
    return true;
}

/* Endpoints written by hand, for a service without a selector. */
static void add_endpoints(struct search *s, const char *ns)
{
    struct store_key key = {"endpoints", ns, s->service};
    cleanup_entry const struct store_entry *e = store_find(s->api->store, STORE_STAGED, &key);
    if (e == NULL) {
        return;
    }
    size_t i, j;
    const json_t *subset, *address;
    jx_each(i, subset, jx_arr(store_tree(s->api->store, e), "subsets"))
    {
        struct endpoint ep = {.port = slice_port(subset, s->port_name)};
        jx_each(j, address, jx_get(subset, "addresses"))
        {
            if (ep.port > 0) {
                str_copy(ep.address, sizeof(ep.address), jx_get_str(address, "ip", ""));
                vec_push(&s->found, ep);
            }
        }
    }
}

static int choose(struct search *s, const char *ns, struct api_relay *to, struct err *err)
{
    struct store_filter f = {.gr = "endpointslices.discovery.k8s.io", .ns = ns};
    store_each(s->api->store, STORE_STAGED, &f, add_slice, s);
    if (s->found.n == 0) {
        add_endpoints(s, ns);
    }
    if (s->found.n == 0) {
        return no_endpoints(s->service, err);
    }
    const struct endpoint *ep = &s->found.v[s->api->next_endpoint++ % s->found.n];
    str_copy(to->address, sizeof(to->address), ep->address);
    to->port = ep->port;
    return 0;
}

static int find_endpoint(struct api *api, struct api_ctx *ctx, const struct api_route *r,
                         const struct proxy_name *name, struct api_relay *to, struct err *err)
{
    struct api_target t = {.kind = r->kind, .ns = r->ns, .name = name->name, .subresource = ""};
    cleanup_entry const struct store_entry *entry = NULL;
    if (api_write_find(api, ctx, &t, &entry, err) < 0) {
        return -1;
    }
    const json_t *port = service_port(store_tree(api->store, entry), name->port);
    if (port == NULL) {
        return err_set(err, ERR_UNAVAILABLE, "no service port \"%s\" found for service \"%s\"",
                       name->port, name->name);
    }
    struct search s = {
        .api = api, .service = name->name, .port_name = jx_get_str(port, "name", "")};
    int rc = choose(&s, r->ns, to, err);
    vec_fini(&s.found);
    return rc;
}

/* ---- both ---- */

/* What comes after "/proxy", and what came before it. */
static void settle_path(const struct api_request *req, const struct api_route *r,
                        struct api_relay *to)
{
    bool query = req->query != NULL && req->query[0] != '\0';
    to->path = xasprintf("%s%s%s", r->rest[0] != '\0' ? r->rest : "/", query ? "?" : "",
                         query ? req->query : "");
    to->seen_as = xstrndup(req->path, strlen(req->path) - strlen(r->rest));
}

int api_proxy(struct api *api, struct api_ctx *ctx, const struct api_request *req,
              const struct api_route *r, struct api_relay **ret, struct err *err)
{
    struct proxy_name name;
    if (parse_name(r->name, &name, err) < 0) {
        return -1;
    }
    struct api_relay to = {.https = name.https};
    bool pods = strcmp(r->kind->gr, "pods") == 0;
    if (!pods && strcmp(r->kind->gr, "services") != 0) {
        return api_fault_no_resource(err);
    }
    int rc =
        pods ? find_pod(api, ctx, r, &name, &to, err) : find_endpoint(api, ctx, r, &name, &to, err);
    if (rc < 0) {
        return -1;
    }
    settle_path(req, r, &to);
    *ret = xmemdup(&to, sizeof(to));
    return 0;
}
