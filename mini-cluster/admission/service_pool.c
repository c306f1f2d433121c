/* SPDX-License-Identifier: Apache-2.0 */
/* The pool remembers who claimed what; the truth is in the services themselves. A claim whose
 * service is gone, or has given it up, is free again. */
#include "admission/service_pool.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "admission/admission.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "store/store.h"

static const char default_cidr[] = "10.77.128.0/17";

struct service_pool {
    struct loop *loop;
    struct store *store;
    char cidr[32];
    uint32_t base, size; /* host order; addresses base+1 .. base+size-2 */
    int port_min, port_max;
    struct map *claims; /* "10.77.128.1" or "TCP/30080" -> "ns/name" */
    bool loaded;
};

static bool read_cidr(struct service_pool *p, const char *text)
{
    char address[32];
    const char *slash = strchr(text, '/');
    int64_t bits;
    struct in_addr in;
    if (slash == NULL || (size_t)(slash - text) >= sizeof(address) ||
        !str_to_i64(slash + 1, 8, 30, &bits)) {
        return false;
    }
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (inet_pton(AF_INET, address, &in) != 1) {
        return false;
    }
    p->size = (uint32_t)1 << (32 - bits);
    p->base = ntohl(in.s_addr) & ~(p->size - 1);
    str_copy(p->cidr, sizeof(p->cidr), text);
    return true;
}

struct service_pool *service_pool_new(struct loop *loop, struct store *store,
                                      const struct admission_opts *opts)
{
    struct service_pool *p = xnew(struct service_pool);
    p->loop = loop;
    p->store = store;
    if (opts->service_cidr == NULL || !read_cidr(p, opts->service_cidr)) {
        read_cidr(p, default_cidr);
    }
    p->port_min = opts->node_port_min > 0 ? opts->node_port_min : 30000;
    p->port_max = opts->node_port_max > 0 ? opts->node_port_max : 32767;
    p->claims = map_new(free);
    return p;
}

void service_pool_free(struct service_pool *p)
{
    if (p == NULL) {
        return;
    }
    map_free(p->claims);
    free(p);
}

const char *service_pool_cidr(const struct service_pool *p)
{
    return p->cidr;
}

void service_pool_port_range(const struct service_pool *p, int *ret_min, int *ret_max)
{
    *ret_min = p->port_min;
    *ret_max = p->port_max;
}

static void format_address(uint32_t address, char buf[16])
{
    snprintf(buf, 16, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
             address & 255);
}

void service_pool_first(const struct service_pool *p, char buf[16])
{
    format_address(p->base + 1, buf);
}

/* ---- claims ---- */

static void claim(struct service_pool *p, const char *what, const char *owner)
{
    map_put(p->claims, what, xstrdup(owner));
}

static void port_key(char key[32], const char *protocol, int64_t port)
{
    snprintf(key, 32, "%.8s/%d", protocol, (int)port);
}

/* Everything a service holds, as keys; until fn returns false. */
static void each_held(const json_t *service, bool (*fn)(void *arg, const char *key), void *arg)
{
    size_t i;
    const json_t *v;
    jx_each(i, v, jx_arr(service, "spec.clusterIPs"))
    {
        const char *address = json_string_value(v);
        if (address != NULL && strcmp(address, "None") != 0 && !fn(arg, address)) {
            return;
        }
    }
    jx_each(i, v, jx_arr(service, "spec.ports"))
    {
        char key[32];
        port_key(key, jx_get_str(v, "protocol", "TCP"), jx_int(v, "nodePort", 0));
        if (jx_int(v, "nodePort", 0) > 0 && !fn(arg, key)) {
            return;
        }
    }
}

struct holder {
    struct service_pool *pool;
    const char *owner;
    const char *key;
    bool found;
};

static bool add_held(void *arg, const char *key)
{
    struct holder *h = arg;
    claim(h->pool, key, h->owner);
    return true;
}

static bool find_held(void *arg, const char *key)
{
    struct holder *h = arg;
    h->found = strcmp(h->key, key) == 0;
    return !h->found;
}

static bool load_one(void *arg, const struct store_entry *e)
{
    struct service_pool *p = arg;
    cleanup_free char *owner = xasprintf("%s/%s", e->key.ns, e->key.name);
    struct holder h = {.pool = p, .owner = owner};
    each_held(store_tree(p->store, e), add_held, &h);
    return true;
}

static void load(struct service_pool *p)
{
    if (!p->loaded) {
        p->loaded = true;
        struct store_filter all = {.gr = "services"};
        store_each(p->store, STORE_STAGED, &all, load_one, p);
    }
}

/* Whether the service that claimed it still has it. */
static bool still_held(struct service_pool *p, const char *owner, const char *key)
{
    const char *slash = strchr(owner, '/');
    cleanup_free char *ns = xstrndup(owner, (size_t)(slash - owner));
    struct store_key k = {"services", ns, slash + 1};
    cleanup_entry const struct store_entry *e = store_find(p->store, STORE_STAGED, &k);
    if (e == NULL) {
        return false;
    }
    struct holder h = {.key = key};
    each_held(store_tree(p->store, e), find_held, &h);
    return h.found;
}

static bool is_free(struct service_pool *p, const char *key, const char *owner)
{
    const char *holder = map_find(p->claims, key);
    if (holder == NULL || strcmp(holder, owner) == 0) {
        return true;
    }
    if (still_held(p, holder, key)) {
        return false;
    }
    map_remove(p->claims, key);
    return true;
}

/* ---- addresses ---- */

static bool inside(const struct service_pool *p, const char *text)
{
    struct in_addr in;
    if (inet_pton(AF_INET, text, &in) != 1) {
        return false;
    }
    uint32_t at = ntohl(in.s_addr) - p->base;
    return at >= 1 && at <= p->size - 2;
}

enum service_claim service_pool_claim_address(struct service_pool *p, const char *owner,
                                              const char *address, bool keep)
{
    load(p);
    char first[16];
    service_pool_first(p, first);
    if (!inside(p, address)) {
        return SERVICE_CLAIM_OUTSIDE;
    }
    bool api = strcmp(address, first) == 0 && strcmp(owner, "default/kubernetes") != 0;
    if (api || !is_free(p, address, owner)) {
        return SERVICE_CLAIM_TAKEN;
    }
    if (keep) {
        claim(p, address, owner);
    }
    return SERVICE_CLAIM_OK;
}

/* From a random place on, so that an address is not at once another service's. */
bool service_pool_take_address(struct service_pool *p, const char *owner, char buf[16])
{
    uint32_t n = p->size - 2;
    uint32_t from = loop_random_below(p->loop, LOOP_RANDOM_NAME, n);
    for (uint32_t i = 0; i < n; i++) {
        format_address(p->base + 1 + (from + i) % n, buf);
        if (service_pool_claim_address(p, owner, buf, true) == SERVICE_CLAIM_OK) {
            return true;
        }
    }
    return false;
}

/* ---- node ports ---- */

enum service_claim service_pool_claim_port(struct service_pool *p, const char *owner,
                                           const char *protocol, int port, bool keep)
{
    load(p);
    if (port < p->port_min || port > p->port_max) {
        return SERVICE_CLAIM_OUTSIDE;
    }
    char key[32];
    port_key(key, protocol, port);
    if (!is_free(p, key, owner)) {
        return SERVICE_CLAIM_TAKEN;
    }
    if (keep) {
        claim(p, key, owner);
    }
    return SERVICE_CLAIM_OK;
}

/* A port that its owner has claimed already is not given to it twice. */
int service_pool_take_port(struct service_pool *p, const char *owner, const char *protocol)
{
    load(p);
    uint32_t n = (uint32_t)(p->port_max - p->port_min + 1);
    uint32_t from = loop_random_below(p->loop, LOOP_RANDOM_NAME, n);
    for (uint32_t i = 0; i < n; i++) {
        int port = p->port_min + (int)((from + i) % n);
        char key[32];
        port_key(key, protocol, port);
        const char *holder = map_find(p->claims, key);
        bool own = holder != NULL && strcmp(holder, owner) == 0;
        if (!own && service_pool_claim_port(p, owner, protocol, port, true) == SERVICE_CLAIM_OK) {
            return port;
        }
    }
    return 0;
}
