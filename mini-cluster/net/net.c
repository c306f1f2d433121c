/* SPDX-License-Identifier: Apache-2.0 */
/* Follows Services and EndpointSlices and keeps every guest told.
 *
 * A reconcile turns one service into records; the links send what changed. It reads the staged
 * view, so links are held until what was read is committed, and from the start until everything
 * that exists has been looked at: a guest that serves a good table must not be told an empty one.
 */
#include "net/net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "guest/table.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "net/counts.h"
#include "net/link.h"
#include "net/net_impl.h"
#include "net/resolv_conf.h"
#include "net/service_records.h"
#include "runtime/runtime.h"

#define SERVICE_OWNER "service/" /* and the key: who says its records */
#define SERVICE_LABEL "kubernetes.io/service-name"

/* ---- services ---- */

static void link_held(struct net *n, bool hold)
{
    size_t at = 0;
    void *value;
    while (map_next(n->links, &at, NULL, &value)) {
        link_hold(value, hold);
        if (!hold) {
            link_flush(value);
        }
    }
}

static bool must_hold(const struct net *n)
{
    return !n->loaded || n->uncommitted;
}

static void look_if_loaded(struct net *n)
{
    if (!n->loaded && n->services_synced && n->slices_synced && workqueue_len(n->queue) == 0) {
        n->loaded = true;
        link_held(n, must_hold(n));
    }
}

static bool requeue_service(void *arg, const json_t *service)
{
    struct net *n = arg;
    workqueue_add_object(n->queue, object_namespace(service), object_name(service));
    return true;
}

static bool requeue_owner(void *arg, const char *owner)
{
    struct net *n = arg;
    if (str_has_prefix(owner, SERVICE_OWNER)) {
        workqueue_add(n->queue, owner + strlen(SERVICE_OWNER));
    }
    return true;
}

/* When the commit failed, what was read is not so: everything is looked at again. */
static void on_commit(void *arg, bool ok)
{
    struct net *n = arg;
    n->uncommitted = false;
    if (!ok) {
        n->loaded = false;
        client_each(n->client, n->services, NULL, requeue_service, n);
        records_each_owner(n->records, requeue_owner, n);
        look_if_loaded(n);
        return;
    }
    link_held(n, must_hold(n));
}

void net_impl_changed(void *arg, const char *set, const char *id)
{
    struct net *n = arg;
    size_t at = 0;
    void *value;
    while (map_next(n->links, &at, NULL, &value)) {
        link_changed(value, set, id);
    }
    if (!n->uncommitted) {
        n->uncommitted = true;
        link_held(n, true);
        client_on_commit(n->client, on_commit, n);
    }
}

typedef VEC(const json_t *) object_list;

static void list_slices(struct net *n, const char *key, const char *ns, object_list *ret)
{
    struct map *names = map_find(n->slices_of, key);
    size_t at = 0;
    const char *name;
    struct err gone;
    while (names != NULL && map_next(names, &at, &name, NULL)) {
        const json_t *slice = client_get(n->client, n->slices, ns, name, &gone);
        if (slice != NULL) {
            vec_push(ret, slice);
        }
    }
}

static bool has_address(void *arg, const char *address)
{
    const object_list *slices = arg;
    for (size_t s = 0; s < slices->n; s++) {
        size_t i;
        const json_t *e;
        jx_each(i, e, jx_arr(slices->v[s], "endpoints"))
        {
            if (str_eq(jx_str(e, "addresses[0]", ""), address)) {
                return true;
            }
        }
    }
    return false;
}

static int reconcile(void *arg, const char *key, struct err *err)
{
    struct net *n = arg;
    struct err gone;
    char ns[254];
    char name[254];
    object_list slices = {0};
    cleanup_free char *owner = xasprintf(SERVICE_OWNER "%s", key);
    workqueue_split(key, ns, name);
    const json_t *service = client_get(n->client, n->services, ns, name, &gone);
    records_begin(n->records, owner);
    if (service != NULL) {
        list_slices(n, key, ns, &slices);
        service_records_say(n->records, service, slices.v, slices.n, n->domain);
    }
    records_end(n->records);
    net_moved_tell(n, key, service);
    counts_keep(n->counts, key, has_address, &slices);
    vec_fini(&slices);
    look_if_loaded(n);
    return 0;
}

/* ---- watching ---- */

static void on_service(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct net *n = arg;
    if (type == CLIENT_SYNCED) {
        n->services_synced = true;
        look_if_loaded(n);
        return;
    }
    workqueue_add_object(n->queue, object_namespace(obj), object_name(obj));
}

static void free_names(void *p)
{
    map_free(p);
}

/* Which slices belong to a service; by label, which may change. */
static void place_slice(struct net *n, const json_t *slice, bool there)
{
    const char *service = object_label(slice, SERVICE_LABEL);
    if (service == NULL) {
        return;
    }
    cleanup_free char *key = xasprintf("%s/%s", object_namespace(slice), service);
    struct map *names = map_find(n->slices_of, key);
    if (names == NULL && there) {
        names = map_new(NULL);
        map_put(n->slices_of, key, names);
    }
    if (there) {
        map_put(names, object_name(slice), n);
    } else if (names != NULL) {
        map_remove(names, object_name(slice));
        if (map_count(names) == 0) {
            map_remove(n->slices_of, key);
        }
    }
    workqueue_add(n->queue, key);
}

static void on_slice(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct net *n = arg;
    if (type == CLIENT_SYNCED) {
        n->slices_synced = true;
        look_if_loaded(n);
        return;
    }
    if (prev != NULL) {
        place_slice(n, prev, false);
    }
    place_slice(n, obj, type != CLIENT_DELETED);
}

/* ---- guests ---- */

static void on_counted(void *arg, const char *host, const struct table_count *c)
{
    struct net *n = arg;
    counts_take(n->counts, host, c);
}

void net_guest_up(struct net *n, const char *host, const char *container)
{
    const struct link *old = map_find(n->links, host);
    if (old != NULL && str_eq(link_container(old), container)) {
        return;
    }
    bool services = str_eq(host, n->control_plane);
    struct link_opts o = {
        .loop = n->loop,
        .rt = &n->rt,
        .records = n->records,
        .host = host,
        .container = container,
        .sets = {services ? RECORDS_SERVICES : RECORDS_EVERY_HOST, services ? NULL : host},
        .hold = must_hold(n),
        .counted = on_counted,
        .arg = n,
    };
    const char *before = map_find(n->lives, host);
    counts_host_down(n->counts, host, before != NULL && !str_eq(before, container));
    map_put(n->lives, host, xstrdup(container));
    map_put(n->links, host, link_new(&o));
}

void net_guest_down(struct net *n, const char *host)
{
    map_remove(n->links, host);
    counts_host_down(n->counts, host, false);
}

bool net_synced(const struct net *n, const char *host)
{
    const struct link *l = map_find(n->links, host);
    return l != NULL && !must_hold(n) && link_synced(l);
}

void net_counts(const struct net *n, const char *service,
                bool (*fn)(void *arg, const struct net_count *c), void *arg)
{
    counts_each(n->counts, service, fn, arg);
}

/* ---- making and ending ---- */

static void free_link(void *p)
{
    link_free(p);
}

static uint32_t parse_ip(const char *text)
{
    struct in_addr a;
    return text != NULL && inet_pton(AF_INET, text, &a) == 1 ? ntohl(a.s_addr) : 0;
}

/* "10.77.0.0/16" into both; without a subnet the /16 around the DNS server. */
static void parse_subnet(const char *text, struct table_config *c)
{
    char address[32];
    const char *slash = text != NULL ? strchr(text, '/') : NULL;
    int64_t bits;
    c->bits = 16;
    c->subnet = c->dns & 0xffff0000u;
    if (slash != NULL && str_to_i64(slash + 1, 1, 32, &bits)) {
        snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
        c->subnet = parse_ip(address);
        c->bits = (uint8_t)bits;
    }
}

static void say_config(struct net *n, const struct net_opts *o)
{
    uint8_t bytes[512];
    struct wire_out out = {.p = bytes, .cap = sizeof(bytes)};
    struct table_config c = {.dns = parse_ip(o->dns)};
    str_copy(c.domain, sizeof(c.domain), n->domain);
    parse_subnet(o->subnet, &c);
    if (o->resolv_conf != NULL) {
        c.nupstreams =
            (uint8_t)resolv_conf_servers(o->resolv_conf, c.upstreams, TABLE_MAX_UPSTREAMS);
    }
    table_put_config(&out, &c);
    records_begin(n->records, "config");
    records_put(n->records, RECORDS_SERVICES, "c", out.p, out.len);
    records_end(n->records);
}

struct net *net_new(struct api *api, const struct runtime *rt, const struct net_opts *o)
{
    struct net *n = xnew(struct net);
    n->loop = api_loop(api);
    n->rt = *rt;
    n->client = client_new(api, "system:kube-proxy");
    n->services = kinds_find_gr("services");
    n->slices = kinds_find_gr("endpointslices.discovery.k8s.io");
    n->control_plane = xstrdup(o->control_plane);
    n->domain = xstrdup(o->domain != NULL ? o->domain : "cluster.local");
    n->records = records_new(net_impl_changed, n);
    n->counts = counts_new();
    n->links = map_new(free_link);
    n->lives = map_new(free);
    n->slices_of = map_new(free_names);
    n->real_port = o->real_port;
    n->port_arg = o->arg;
    n->moved = map_new(free);
    n->queue = workqueue_new(n->loop, "net", reconcile, n);
    say_config(n, o);
    n->service_watch = client_watch(n->client, n->services, on_service, n);
    n->slice_watch = client_watch(n->client, n->slices, on_slice, n);
    return n;
}

void net_free(struct net *n)
{
    if (n == NULL) {
        return;
    }
    client_watch_free(n->service_watch);
    client_watch_free(n->slice_watch);
    client_off_commit(n->client, n);
    workqueue_free(n->queue);
    map_free(n->links);
    map_free(n->lives);
    map_free(n->slices_of);
    map_free(n->moved);
    records_free(n->records);
    counts_free(n->counts);
    client_free(n->client);
    free(n->control_plane);
    free(n->domain);
    free(n);
}
