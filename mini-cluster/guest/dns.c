/* SPDX-License-Identifier: Apache-2.0 */
/* What the zone answers; no sockets here, so that every byte can be tested. */
#include <stdio.h>
#include <string.h>

#include "guest/dns_msg.h"
#include "guest/guest.h"
#include "guest/zone.h"

/* ---- records ---- */

static bool put_a(struct dns_msg *m, const char *owner, uint32_t addr, enum dns_section section)
{
    size_t begin = m->n;
    size_t data = dns_rr_begin(m, owner, DNS_A, DNS_TTL);
    dns_put(m, addr, 4);
    return dns_rr_end(m, begin, data, section);
}

static bool put_named(struct dns_msg *m, const char *owner, enum dns_type type, const char *target,
                      uint32_t ttl)
{
    size_t begin = m->n;
    size_t data = dns_rr_begin(m, owner, type, ttl);
    dns_put_name(m, target);
    return dns_rr_end(m, begin, data, DNS_ANSWER);
}

static bool put_srv(struct dns_msg *m, const struct zone_srv *s, unsigned weight)
{
    size_t begin = m->n;
    size_t data = dns_rr_begin(m, NULL, DNS_SRV, DNS_TTL);
    dns_put(m, 0, 2);
    dns_put(m, weight, 2);
    dns_put(m, s->port, 2);
    dns_put_name(m, s->target);
    return dns_rr_end(m, begin, data, DNS_ANSWER);
}

/* Says for how long a "no" may be remembered. */
static void put_soa(struct dns_msg *m, const char *domain)
{
    static const uint32_t numbers[] = {1, 7200, 1800, 86400, DNS_TTL};
    char name[300];
    size_t begin = m->n;
    size_t data = dns_rr_begin(m, domain, DNS_SOA, DNS_TTL);
    snprintf(name, sizeof(name), "ns.dns.%s", domain);
    dns_put_name(m, name);
    snprintf(name, sizeof(name), "hostmaster.%s", domain);
    dns_put_name(m, name);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        dns_put(m, numbers[i], 4);
    }
    dns_rr_end(m, begin, data, DNS_AUTHORITY);
}

/* ---- answering ---- */

static bool is_below(const char *name, const char *domain)
{
    size_t n = strlen(name);
    size_t d = strlen(domain);
    return n >= d && strcmp(name + n - d, domain) == 0 && (n == d || name[n - d - 1] == '.');
}

/* Four numbers, each followed by `between`, the last by a dot. */
static bool take_address(const char **p, char between, uint32_t *ret)
{
    unsigned b = 0;
    *ret = 0;
    for (int i = 0; i < 4; i++) {
        if (!guest_take_num(p, 255, &b) || *(*p)++ != (i < 3 ? between : '.')) {
            return false;
        }
        *ret = *ret << 8 | b;
    }
    return true;
}

static bool is_reverse_of_ours(const char *name, const struct table_config *c)
{
    uint32_t addr;
    if (c->bits == 0 || !take_address(&name, '.', &addr) || strcmp(name, "in-addr.arpa") != 0) {
        return false;
    }
    return ((__builtin_bswap32(addr) ^ c->subnet) >> (32 - c->bits)) == 0;
}

/* "10-77-0-5.default.pod.cluster.local" is 10.77.0.5, whoever that is. */
static bool pod_address(const char *name, const char *domain, uint32_t *ret)
{
    if (!take_address(&name, '-', ret)) {
        return false;
    }
    name = strchr(name, '.');
    return name != NULL && strncmp(name, ".pod.", 5) == 0 && strcmp(name + 5, domain) == 0;
}

static bool put_addrs(struct dns_msg *m, const char *owner, struct zone_node *n)
{
    unsigned first = n->naddrs > 0 ? n->turn++ % n->naddrs : 0;
    for (unsigned i = 0; i < n->naddrs; i++) {
        if (!put_a(m, owner, n->addrs[(first + i) % n->naddrs], DNS_ANSWER)) {
            return false;
        }
    }
    return true;
}

static bool put_srvs(struct dns_msg *m, const struct zone_node *n)
{
    for (unsigned i = 0; i < n->nsrvs; i++) {
        if (!put_srv(m, &n->srvs[i], 100u / n->nsrvs)) {
            return false;
        }
    }
    for (unsigned i = 0; i < n->nsrvs; i++) { /* addresses are a courtesy: what fits */
        const struct zone_node *t = zone_find(n->srvs[i].target);
        bool again = i > 0 && strcmp(n->srvs[i].target, n->srvs[i - 1].target) == 0;
        for (unsigned k = 0; t != NULL && !again && k < t->naddrs; k++) {
            if (!put_a(m, t->name, t->addrs[k], DNS_ADDITIONAL)) {
                m->full = false;
                return true;
            }
        }
    }
    return true;
}

/* What the zone says of an existing name. False: it does not fit. */
static bool put_records(struct dns_msg *m, const struct dns_query *q, struct zone_node *n)
{
    switch (q->type) {
    case DNS_A:
        return put_addrs(m, NULL, n);
    case DNS_SRV:
        return put_srvs(m, n);
    case DNS_PTR:
        return n->ptr == NULL || put_named(m, NULL, DNS_PTR, n->ptr, DNS_TTL);
    default:
        return true;
    }
}

static bool wants_alias(const struct dns_query *q)
{
    return q->type == DNS_A || q->type == DNS_AAAA || q->type == DNS_CNAME;
}

/* An alias: with what the zone knows of its target. False: its target is not of the cluster. */
static bool put_alias(struct dns_msg *m, const struct dns_query *q, const struct zone_node *n,
                      const char *domain)
{
    struct zone_node *target = zone_find(n->cname);
    bool ours = is_below(n->cname, domain);
    if (q->type != DNS_CNAME && !ours) {
        return false;
    }
    put_named(m, NULL, DNS_CNAME, n->cname, DNS_TTL);
    if (q->type == DNS_A && target != NULL) {
        put_addrs(m, n->cname, target);
    }
    return true;
}

enum dns_verdict dns_answer(const struct dns_query *q, const struct table_config *config,
                            uint8_t *out, size_t max, size_t *ret_n, char chase[256])
{
    struct dns_msg m;
    uint32_t addr;
    bool ours = is_below(q->name, config->domain) || is_reverse_of_ours(q->name, config);
    if (!ours && strchr(q->name, '.') != NULL) {
        return DNS_ELSEWHERE;
    }
    struct zone_node *n = zone_find(q->name);
    dns_begin(&m, q, out, max);
    if (n != NULL && n->cname != NULL && wants_alias(q)) {
        if (!put_alias(&m, q, n, config->domain)) {
            memcpy(chase, n->cname, strlen(n->cname) + 1);
            return DNS_CHASE;
        }
    } else if (n != NULL) {
        put_records(&m, q, n);
    } else if (pod_address(q->name, config->domain, &addr)) {
        if (q->type == DNS_A) {
            put_a(&m, NULL, addr, DNS_ANSWER);
        }
    } else {
        put_soa(&m, config->domain);
        *ret_n = dns_end(&m, q, DNS_AA | DNS_NXDOMAIN);
        return DNS_ANSWERED;
    }
    unsigned flags = DNS_AA | (m.full ? DNS_TC : 0u);
    if (!m.full && dns_u16(m.p + DNS_ANSWER) == 0) {
        put_soa(&m, config->domain);
    }
    *ret_n = dns_end(&m, q, flags);
    return DNS_ANSWERED;
}

/* ---- following an alias ---- */

/* One record of the reply that belongs to the answer, written anew: its names were compressed. */
static bool copy_rr(struct dns_msg *m, const uint8_t *reply, size_t n, const struct dns_rr *rr)
{
    char target[256];
    if (rr->type == DNS_CNAME) {
        return dns_read_name(reply, n, rr->data, target) == 0 ||
               put_named(m, rr->name, DNS_CNAME, target, rr->ttl);
    }
    if (rr->type != DNS_A && rr->type != DNS_AAAA) {
        return true;
    }
    size_t begin_at = m->n;
    size_t data = dns_rr_begin(m, rr->name, (enum dns_type)rr->type, rr->ttl);
    dns_put_bytes(m, reply + rr->data, rr->len);
    return dns_rr_end(m, begin_at, data, DNS_ANSWER);
}

size_t dns_chased(const struct dns_query *q, const char *target, const uint8_t *reply, size_t n,
                  uint8_t *out, size_t max)
{
    struct dns_msg m;
    struct dns_rr rr;
    char name[256];
    size_t at = n >= DNS_HEADER ? dns_read_name(reply, n, DNS_HEADER, name) : 0;
    if (at == 0 || at + 4 > n) {
        return dns_error(q, DNS_SERVFAIL, out);
    }
    dns_begin(&m, q, out, max);
    put_named(&m, NULL, DNS_CNAME, target, DNS_TTL);
    at += 4;
    for (unsigned i = 0; i < dns_u16(reply + DNS_ANSWER); i++) {
        at = dns_read_rr(reply, n, at, &rr);
        if (at == 0 || !copy_rr(&m, reply, n, &rr)) {
            break;
        }
    }
    return dns_end(&m, q, (m.full ? DNS_TC : 0u) | (reply[3] & 15u));
}
