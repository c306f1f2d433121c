/* SPDX-License-Identifier: Apache-2.0 */
/* Services and their endpoints become forwards and names.
 *
 * As kube-proxy does: ready endpoints, and when there is none, those that are terminating and still
 * serve. As cluster DNS does: a service's name and ports, a headless service's endpoints. */
#include "net/service_records.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "guest/table.h"
#include "meta/object.h"

/* An endpoint of a headless service has a name of its own. */
struct endpoint {
    uint32_t addr;
    char name[256];
};

struct build {
    struct records *records;
    const json_t *service;
    const json_t *const *slices;
    size_t nslices;
    const char *domain;
    char fqdn[256]; /* of the service */
    uint8_t bytes[WIRE_MAX];
};

static bool parse_ip(const char *text, uint32_t *ret)
{
    struct in_addr a;
    if (inet_pton(AF_INET, text, &a) != 1) {
        return false;
    }
    *ret = ntohl(a.s_addr);
    return true;
}

/* ---- endpoints ---- */

enum wanted { READY, SERVING_AT_THE_END };

static bool is_wanted(const json_t *endpoint, enum wanted wanted)
{
    const json_t *c = jx_get(endpoint, "conditions");
    if (wanted == READY) {
        return jx_bool(c, "ready", true);
    }
    return jx_bool(c, "terminating", false) && jx_bool(c, "serving", false);
}

/* The number behind a service's port in this slice; 0: it does not have it. */
static int slice_port(const json_t *slice, const json_t *port)
{
    const char *name = jx_get_str(port, "name", "");
    size_t i;
    const json_t *p;
    jx_each(i, p, jx_arr(slice, "ports"))
    {
        if (str_eq(jx_get_str(p, "name", ""), name) &&
            str_eq(jx_get_str(p, "protocol", "TCP"), jx_get_str(port, "protocol", "TCP"))) {
            return (int)jx_int(p, "port", 0);
        }
    }
    return 0;
}

typedef VEC(struct table_target) target_list;

static void add_target(target_list *list, uint32_t addr, int port)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->v[i].addr == addr && list->v[i].port == port) {
            return;
        }
    }
    if (list->n < TABLE_MAX_TARGETS) {
        struct table_target t = {.addr = addr, .port = (uint16_t)port};
        vec_push(list, t);
    }
}

static void slice_targets(const json_t *slice, int port, enum wanted wanted, const char *node,
                          target_list *ret)
{
    size_t i;
    const json_t *e;
    uint32_t addr;
    jx_each(i, e, jx_arr(slice, "endpoints"))
    {
        if (is_wanted(e, wanted) && (node == NULL || str_eq(jx_get_str(e, "nodeName", ""), node)) &&
            parse_ip(jx_str(e, "addresses[0]", ""), &addr)) {
            add_target(ret, addr, port);
        }
    }
}

/* Where a port of the service leads: on one node only, or (NULL) anywhere. */
static void port_targets(const struct build *b, const json_t *port, const char *node,
                         target_list *ret)
{
    for (enum wanted w = READY; w <= SERVING_AT_THE_END && ret->n == 0; w++) {
        for (size_t i = 0; i < b->nslices; i++) {
            int number = slice_port(b->slices[i], port);
            if (number > 0 && number < 65536) {
                slice_targets(b->slices[i], number, w, node, ret);
            }
        }
    }
}

/* ---- forwards ---- */

static void say(struct build *b, const char *set, const char *id, const struct wire_out *o)
{
    if (!o->full) {
        records_put(b->records, set, id, o->p, o->len);
    }
}

static void say_forward(struct build *b, const char *set, const json_t *port, uint32_t addr,
                        int number, const target_list *targets)
{
    char id[300];
    const char *name = jx_get_str(port, "name", "");
    struct wire_out o = {.p = b->bytes, .cap = sizeof(b->bytes)};
    struct table_forward f = {
        .proto = str_eq(jx_get_str(port, "protocol", "TCP"), "UDP") ? TABLE_UDP : TABLE_TCP,
        .addr = addr,
        .port = (uint16_t)number,
        .targets = targets->v,
        .ntargets = (uint16_t)targets->n,
    };
    if (str_eq(jx_str(b->service, "spec.sessionAffinity", ""), "ClientIP")) {
        f.affinity_s = (uint32_t)jx_int(
            b->service, "spec.sessionAffinityConfig.clientIP.timeoutSeconds", 10800);
    }
    int n = snprintf(f.key, sizeof(f.key), "%s/%s:", object_namespace(b->service),
                     object_name(b->service));
    if (name[0] != '\0') {
        snprintf(f.key + n, sizeof(f.key) - (size_t)n, "%s", name);
    } else {
        snprintf(f.key + n, sizeof(f.key) - (size_t)n, "%d", (int)jx_int(port, "port", 0));
    }
    snprintf(id, sizeof(id), "f%s", f.key);
    table_put_forward(&o, &f);
    say(b, set, id, &o);
}

/* The nodes that have an endpoint of their own, each once. */
static json_t *endpoint_nodes(const struct build *b)
{
    json_t *nodes = json_object();
    for (size_t s = 0; s < b->nslices; s++) {
        size_t i;
        const json_t *e;
        jx_each(i, e, jx_arr(b->slices[s], "endpoints"))
        {
            const char *node = jx_get_str(e, "nodeName", "");
            if (node[0] != '\0') {
                json_object_set_new(nodes, node, json_true());
            }
        }
    }
    return nodes;
}

/* With the policy Local each host leads only to its own pods; a host without any refuses. */
static void say_local_node_port(struct build *b, const json_t *port, int number)
{
    json_auto_t *nodes = endpoint_nodes(b);
    const char *node;
    json_t *unused;
    json_object_foreach(nodes, node, unused)
    {
        target_list targets = {0};
        port_targets(b, port, node, &targets);
        say_forward(b, node, port, 0, number, &targets);
        vec_fini(&targets);
    }
}

static bool is_port(int64_t n)
{
    return n > 0 && n < 65536;
}

static void say_port(struct build *b, const json_t *port, uint32_t cluster_ip)
{
    target_list targets = {0};
    int number = (int)jx_int(port, "port", 0);
    int node_port = (int)jx_int(port, "nodePort", 0);
    const char *type = jx_str(b->service, "spec.type", "ClusterIP");
    if (str_eq(jx_get_str(port, "protocol", "TCP"), "SCTP") || !is_port(number)) {
        return;
    }
    port_targets(b, port, NULL, &targets);
    if (cluster_ip != 0) {
        say_forward(b, RECORDS_SERVICES, port, cluster_ip, number, &targets);
    }
    if (is_port(node_port) && (str_eq(type, "NodePort") || str_eq(type, "LoadBalancer"))) {
        if (str_eq(jx_str(b->service, "spec.externalTrafficPolicy", ""), "Local")) {
            say_local_node_port(b, port, node_port);
        } else {
            say_forward(b, RECORDS_EVERY_HOST, port, 0, node_port, &targets);
        }
    }
    vec_fini(&targets);
}

/* ---- names ---- */

static void say_name(struct build *b, struct table_name *n)
{
    char id[300];
    struct wire_out o = {.p = b->bytes, .cap = sizeof(b->bytes)};
    snprintf(id, sizeof(id), "n%u%s", n->kind, n->name);
    if (n->n > 0) {
        table_put_name(&o, n);
        say(b, RECORDS_SERVICES, id, &o);
    }
}

static void say_a(struct build *b, const char *name, const uint32_t *addrs, size_t n)
{
    struct table_name rec = {
        .kind = TABLE_A,
        .n = (uint16_t)(n < TABLE_MAX_TARGETS ? n : TABLE_MAX_TARGETS),
        .addrs = addrs,
    };
    str_copy(rec.name, sizeof(rec.name), name);
    say_name(b, &rec);
}

static void say_target(struct build *b, enum table_name_kind kind, const char *name,
                       const char *target)
{
    struct table_name rec = {.kind = kind, .n = 1, .target = target};
    str_copy(rec.name, sizeof(rec.name), name);
    say_name(b, &rec);
}

static void say_ptr(struct build *b, uint32_t addr, const char *name)
{
    char reverse[64];
    snprintf(reverse, sizeof(reverse), "%u.%u.%u.%u.in-addr.arpa", addr & 255, addr >> 8 & 255,
             addr >> 16 & 255, addr >> 24);
    say_target(b, TABLE_PTR, reverse, name);
}

typedef VEC(struct table_srv) srv_list;

static void say_srv(struct build *b, const char *name, const srv_list *list)
{
    struct table_name rec = {
        .kind = TABLE_SRV,
        .n = (uint16_t)(list->n < TABLE_MAX_SRV ? list->n : TABLE_MAX_SRV),
        .srvs = list->v,
    };
    str_copy(rec.name, sizeof(rec.name), name);
    say_name(b, &rec);
}

/* "_http._tcp.web.default.svc.cluster.local"; false for a port without a name, which has none. */
static bool srv_name(const struct build *b, const json_t *port, char ret[256])
{
    const char *name = jx_get_str(port, "name", "");
    const char *proto = jx_get_str(port, "protocol", "TCP");
    const char *word = str_eq(proto, "UDP") ? "udp" : str_eq(proto, "SCTP") ? "sctp" : "tcp";
    return name[0] != '\0' && snprintf(ret, 256, "_%s._%s.%s", name, word, b->fqdn) < 256;
}

static void say_cluster_names(struct build *b, uint32_t cluster_ip)
{
    size_t i;
    const json_t *port;
    char name[256];
    srv_list all = {0};
    say_a(b, b->fqdn, &cluster_ip, 1);
    say_ptr(b, cluster_ip, b->fqdn);
    jx_each(i, port, jx_arr(b->service, "spec.ports"))
    {
        struct table_srv srv = {.port = (uint16_t)jx_int(port, "port", 0), .target = b->fqdn};
        srv_list one = {.v = &srv, .n = 1};
        if (srv_name(b, port, name)) {
            say_srv(b, name, &one);
        }
        vec_push(&all, srv);
    }
    say_srv(b, b->fqdn, &all);
    vec_fini(&all);
}

/* An endpoint is called by its hostname, else by its address. */
static bool name_endpoint(const struct build *b, const json_t *e, struct endpoint *ret)
{
    const char *hostname = jx_get_str(e, "hostname", "");
    char dashed[16];
    if (!is_wanted(e, READY) || !parse_ip(jx_str(e, "addresses[0]", ""), &ret->addr)) {
        return false;
    }
    snprintf(dashed, sizeof(dashed), "%u-%u-%u-%u", ret->addr >> 24, ret->addr >> 16 & 255,
             ret->addr >> 8 & 255, ret->addr & 255);
    int n = snprintf(ret->name, sizeof(ret->name), "%s.%s", hostname[0] != '\0' ? hostname : dashed,
                     b->fqdn);
    return n < (int)sizeof(ret->name);
}

typedef VEC(struct endpoint) endpoint_list;

static void add_endpoint(endpoint_list *list, const struct endpoint *e)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->v[i].addr == e->addr) {
            return; /* its other ports are in another slice */
        }
    }
    vec_push(list, *e);
}

static void list_endpoints(const struct build *b, endpoint_list *ret)
{
    for (size_t s = 0; s < b->nslices; s++) {
        size_t i;
        const json_t *e;
        struct endpoint one;
        jx_each(i, e, jx_arr(b->slices[s], "endpoints"))
        {
            if (name_endpoint(b, e, &one)) {
                add_endpoint(ret, &one);
            }
        }
    }
}

static void say_headless_ports(struct build *b, const endpoint_list *endpoints)
{
    size_t i;
    const json_t *port;
    char name[256];
    jx_each(i, port, jx_arr(b->service, "spec.ports"))
    {
        srv_list list = {0};
        int number = b->nslices > 0 ? slice_port(b->slices[0], port) : 0;
        for (size_t e = 0; e < endpoints->n && is_port(number); e++) {
            struct table_srv srv = {.port = (uint16_t)number, .target = endpoints->v[e].name};
            vec_push(&list, srv);
        }
        if (srv_name(b, port, name)) {
            say_srv(b, name, &list);
        }
        vec_fini(&list);
    }
}

static void say_headless_names(struct build *b)
{
    endpoint_list endpoints = {0};
    VEC(uint32_t) addrs = {0};
    list_endpoints(b, &endpoints);
    for (size_t i = 0; i < endpoints.n; i++) {
        const struct endpoint *e = &endpoints.v[i];
        vec_push(&addrs, e->addr);
        say_a(b, e->name, &e->addr, 1);
        say_ptr(b, e->addr, e->name);
    }
    say_a(b, b->fqdn, addrs.v, addrs.n);
    say_headless_ports(b, &endpoints);
    vec_fini(&addrs);
    vec_fini(&endpoints);
}

/* ---- the whole ---- */

static void say_alias(struct build *b)
{
    char target[256];
    size_t n = str_copy(target, sizeof(target), jx_str(b->service, "spec.externalName", ""));
    for (size_t i = 0; i < n && i < sizeof(target) - 1; i++) {
        target[i] = target[i] >= 'A' && target[i] <= 'Z' ? (char)(target[i] + 32) : target[i];
    }
    if (n > 0 && n < sizeof(target)) {
        if (target[n - 1] == '.') {
            target[n - 1] = '\0';
        }
        say_target(b, TABLE_CNAME, b->fqdn, target);
    }
}

void service_records_say(struct records *r, const json_t *service, const json_t *const *slices,
                         size_t nslices, const char *domain)
{
    struct build b = {
        .records = r, .service = service, .slices = slices, .nslices = nslices, .domain = domain};
    const char *ip = jx_str(service, "spec.clusterIP", "");
    uint32_t cluster_ip = 0;
    size_t i;
    const json_t *port;
    snprintf(b.fqdn, sizeof(b.fqdn), "%s.%s.svc.%s", object_name(service),
             object_namespace(service), domain);
    if (str_eq(jx_str(service, "spec.type", "ClusterIP"), "ExternalName")) {
        say_alias(&b);
        return;
    }
    if (str_eq(ip, "None")) {
        say_headless_names(&b);
        return;
    }
    if (parse_ip(ip, &cluster_ip)) {
        say_cluster_names(&b, cluster_ip);
    }
    jx_each(i, port, jx_arr(service, "spec.ports"))
    {
        say_port(&b, port, cluster_ip);
    }
}
