/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of a host beside node ports (hostPort, `docker run -p`), and where services lead. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "guest/table.h"
#include "net/net_impl.h"

/* ---- who has a port ---- */

struct port_search {
    bool udp;
    int port;
    const struct record *found;
};

static bool read_forward(const struct record *rec, struct table_record *ret)
{
    struct wire_in in = {.p = rec->bytes, .len = rec->len};
    return rec->id[0] == 'f' && table_next(&in, ret);
}

static bool see_port(void *arg, const struct record *rec)
{
    struct port_search *s = arg;
    static struct table_record r;
    if (read_forward(rec, &r) && (r.forward.proto == TABLE_UDP) == s->udp &&
        r.forward.port == s->port) {
        s->found = rec;
        return false;
    }
    return true;
}

static const struct record *find_port(const struct net *n, const char *host, bool udp, int port)
{
    struct port_search s = {.udp = udp, .port = port};
    records_each(n->records, host, see_port, &s);
    if (s.found == NULL) {
        records_each(n->records, RECORDS_EVERY_HOST, see_port, &s);
    }
    return s.found;
}

const char *net_port_owner(const struct net *n, const char *host, bool udp, int port)
{
    const struct record *rec = find_port(n, host, udp, port);
    if (rec == NULL) {
        return NULL;
    }
    /* A service's own name, else the key behind "port/HOST/". */
    return str_has_prefix(rec->owner, "service/") ? rec->owner : rec->id + 1;
}

/* ---- putting ---- */

static char *owner_of(const char *host, const char *key)
{
    return xasprintf("port/%s/%s", host, key);
}

int net_port_put(struct net *n, const char *host, const struct net_port *p, struct err *err)
{
    struct in_addr a;
    uint8_t bytes[512];
    struct wire_out o = {.p = bytes, .cap = sizeof(bytes)};
    if (p->port < 1 || p->port > 65535 || p->target_port < 1 || p->target_port > 65535 ||
        inet_pton(AF_INET, p->address, &a) != 1 || strlen(p->key) > 250 || p->key[0] == '\0') {
        return err_set(err, ERR_INVALID, "port %d of %s to %s:%d: no port or address", p->port,
                       host, p->address, p->target_port);
    }
    const struct record *taken = find_port(n, host, p->udp, p->port);
    if (taken != NULL && strcmp(taken->id + 1, p->key) != 0) {
        return err_set(err, ERR_CONFLICT, "port %d of %s is taken by %s", p->port, host,
                       net_port_owner(n, host, p->udp, p->port));
    }
    struct table_target target = {.addr = ntohl(a.s_addr), .port = (uint16_t)p->target_port};
    struct table_forward f = {
        .proto = p->udp ? TABLE_UDP : TABLE_TCP,
        .port = (uint16_t)p->port,
        .ntargets = 1,
        .targets = &target,
    };
    str_copy(f.key, sizeof(f.key), p->key);
    table_put_forward(&o, &f);
    cleanup_free char *owner = owner_of(host, p->key);
    cleanup_free char *id = xasprintf("f%s", p->key);
    records_begin(n->records, owner);
    records_put(n->records, host, id, o.p, o.len);
    records_end(n->records);
    return 0;
}

void net_port_delete(struct net *n, const char *host, const char *key)
{
    cleanup_free char *owner = owner_of(host, key);
    records_begin(n->records, owner);
    records_end(n->records);
}

/* ---- where services lead ---- */

struct service_search {
    const char *port;
    int64_t number; /* when the port was given as one */
    bool any;       /* the service has ports at all */
    struct table_record best;
    bool found;
};

static bool see_service_port(void *arg, const struct record *rec)
{
    struct service_search *s = arg;
    static struct table_record r;
    if (!read_forward(rec, &r)) {
        return true;
    }
    const char *name = strchr(r.forward.key, ':');
    s->any = true;
    s->found = s->port[0] == '\0' || str_eq(name + 1, s->port) || r.forward.port == s->number;
    if (s->found) {
        s->best = r;
    }
    return !s->found;
}

size_t net_resolve(const struct net *n, const char *ns, const char *service, const char *port,
                   struct net_target *ret, size_t max, struct err *err)
{
    static struct service_search s;
    cleanup_free char *owner = xasprintf("service/%s/%s", ns, service);
    s = (struct service_search){.port = port != NULL ? port : ""};
    if (!str_to_i64(s.port, 1, 65535, &s.number)) {
        s.number = 0;
    }
    records_each_of(n->records, owner, RECORDS_SERVICES, see_service_port, &s);
    if (!s.found) {
        if (s.any) {
            err_set(err, ERR_NOT_FOUND, "service \"%s\" has no port \"%s\"", service, s.port);
        } else {
            err_set(err, ERR_NOT_FOUND, "service \"%s\" has no cluster address", service);
        }
        return 0;
    }
    size_t count = s.best.forward.ntargets < max ? s.best.forward.ntargets : max;
    for (size_t i = 0; i < count; i++) {
        struct table_target t = table_target_at(&s.best.forward, (unsigned)i);
        snprintf(ret[i].address, sizeof(ret[i].address), "%u.%u.%u.%u", t.addr >> 24,
                 t.addr >> 16 & 255, t.addr >> 8 & 255, t.addr & 255);
        ret[i].port = t.port;
    }
    if (count == 0) {
        err_set(err, ERR_UNAVAILABLE, "no endpoints available for service \"%s\"", service);
    }
    return count;
}
