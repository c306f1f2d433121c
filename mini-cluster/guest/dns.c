/* SPDX-License-Identifier: Apache-2.0 */
/* Reads queries and writes answers; no sockets here, so that every byte can be tested. */
#include "guest/dns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "guest/guest.h"
#include "guest/zone.h"

enum { HEADER = 12, QR = 0x8000, AA = 0x0400, TC = 0x0200, RD = 0x0100, RA = 0x0080 };
enum section { ANSWER = 6, AUTHORITY = 8, ADDITIONAL = 10 }; /* offsets of their counts */

struct msg {
    uint8_t *p;
    size_t n, max;
    bool full;
};

/* ---- reading ---- */

static unsigned u16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* The name at `at`, following pointers (which only lead backwards, so it ends). Returns where it
 * ends in the message; 0: malformed. */
static size_t read_name(const uint8_t *msg, size_t n, size_t at, char ret[256])
{
    size_t end = 0;
    size_t len = 0;
    size_t limit = at;
    while (at < n && msg[at] != 0) {
        unsigned c = msg[at];
        if ((c & 0xc0) == 0xc0) {
            size_t to = at + 1 < n ? (size_t)(c & 0x3f) << 8 | msg[at + 1] : n;
            end = end != 0 ? end : at + 2;
            if (to >= limit) {
                return 0;
            }
            at = limit = to;
            continue;
        }
        if (c > 63 || at + 1 + c > n || len + c + 1 > 254) {
            return 0;
        }
        if (len > 0) {
            ret[len++] = '.';
        }
        for (unsigned i = 1; i <= c; i++) {
            uint8_t b = msg[at + i];
            ret[len++] = b == '.' || b == 0 ? '?' : (char)tolower(b);
        }
        at += c + 1;
    }
    ret[len] = '\0';
    return at >= n ? 0 : end != 0 ? end : at + 1;
}

struct rr {
    char name[256];
    unsigned type, class;
    uint32_t ttl;
    size_t data, len; /* where the data is in the message */
};

/* The record at `at`; returns where the next begins; 0: malformed. */
static size_t read_rr(const uint8_t *msg, size_t n, size_t at, struct rr *ret)
{
    at = read_name(msg, n, at, ret->name);
    if (at == 0 || at + 10 > n) {
        return 0;
    }
    ret->type = u16(msg + at);
    ret->class = u16(msg + at + 2);
    ret->ttl = (uint32_t)u16(msg + at + 4) << 16 | u16(msg + at + 6);
    ret->len = u16(msg + at + 8);
    ret->data = at + 10;
    return ret->data + ret->len > n ? 0 : ret->data + ret->len;
}

static bool read_extra(struct dns_query *q)
{
    struct rr rr;
    size_t at = q->question_end;
    unsigned count = u16(q->msg + ANSWER) + u16(q->msg + AUTHORITY) + u16(q->msg + ADDITIONAL);
    for (unsigned i = 0; i < count; i++) {
        at = read_rr(q->msg, q->len, at, &rr);
        if (at == 0) {
            return false;
        }
        if (rr.type == DNS_OPT) {
            q->edns = true;
            q->size = (uint16_t)(rr.class < 512           ? 512
                                 : rr.class > DNS_UDP_MAX ? DNS_UDP_MAX
                                                          : rr.class);
        }
    }
    return true;
}

int dns_parse(const uint8_t *msg, size_t n, struct dns_query *ret)
{
    if (n < HEADER || (u16(msg + 2) & QR) != 0) {
        return -1;
    }
    *ret = (struct dns_query){.id = (uint16_t)u16(msg), .msg = msg, .len = n, .size = 512};
    ret->question_end = HEADER;
    ret->recurse = (u16(msg + 2) & RD) != 0;
    if ((u16(msg + 2) & 0x7800) != 0) {
        return DNS_NOTIMP;
    }
    size_t at = u16(msg + 4) == 1 ? read_name(msg, n, HEADER, ret->name) : 0;
    if (at == 0 || at + 4 > n) {
        return DNS_FORMERR;
    }
    ret->type = (uint16_t)u16(msg + at);
    ret->class = (uint16_t)u16(msg + at + 2);
    ret->question_end = at + 4;
    if (!read_extra(ret)) {
        return DNS_FORMERR;
    }
    return ret->class == 1 ? DNS_NOERROR : DNS_REFUSED;
}

/* ---- writing ---- */

static void put(struct msg *m, uint32_t value, unsigned bytes)
{
    if (m->full || m->max - m->n < bytes) {
        m->full = true;
        return;
    }
    while (bytes-- > 0) {
        m->p[m->n++] = (uint8_t)(value >> (8 * bytes));
    }
}

static void put_bytes(struct msg *m, const void *bytes, size_t n)
{
    if (m->full || m->max - m->n < n) {
        m->full = true;
        return;
    }
    memcpy(m->p + m->n, bytes, n);
    m->n += n;
}

static void put_name(struct msg *m, const char *name)
{
    while (*name != '\0') {
        size_t n = strcspn(name, ".");
        if (n == 0 || n > 63) {
            m->full = true;
            return;
        }
        put(m, (uint32_t)n, 1);
        put_bytes(m, name, n);
        name += n + (name[n] == '.');
    }
    put(m, 0, 1);
}

static void bump(struct msg *m, enum section section)
{
    unsigned n = u16(m->p + section) + 1;
    m->p[section] = (uint8_t)(n >> 8);
    m->p[section + 1] = (uint8_t)n;
}

/* The head of a record; owner NULL: the question's name. Returns where its length belongs. */
static size_t rr_begin(struct msg *m, const char *owner, enum dns_type type, uint32_t ttl)
{
    if (owner == NULL) {
        put(m, 0xc000 | HEADER, 2);
    } else {
        put_name(m, owner);
    }
    put(m, type, 2);
    put(m, 1, 2);
    put(m, ttl, 4);
    put(m, 0, 2);
    return m->n;
}

/* Ends it; one that did not fit is taken back whole. */
static bool rr_end(struct msg *m, size_t begin, size_t data, enum section section)
{
    if (m->full) {
        m->n = begin;
        return false;
    }
    size_t len = m->n - data;
    m->p[data - 2] = (uint8_t)(len >> 8);
    m->p[data - 1] = (uint8_t)len;
    bump(m, section);
    return true;
}

static bool put_a(struct msg *m, const char *owner, uint32_t addr, enum section section)
{
    size_t begin = m->n;
    size_t data = rr_begin(m, owner, DNS_A, DNS_TTL);
    put(m, addr, 4);
    return rr_end(m, begin, data, section);
}

static bool put_named(struct msg *m, const char *owner, enum dns_type type, const char *target,
                      uint32_t ttl)
{
    size_t begin = m->n;
    size_t data = rr_begin(m, owner, type, ttl);
    put_name(m, target);
    return rr_end(m, begin, data, ANSWER);
}

static bool put_srv(struct msg *m, const struct zone_srv *s, unsigned weight)
{
    size_t begin = m->n;
    size_t data = rr_begin(m, NULL, DNS_SRV, DNS_TTL);
    put(m, 0, 2);
    put(m, weight, 2);
    put(m, s->port, 2);
    put_name(m, s->target);
    return rr_end(m, begin, data, ANSWER);
}

/* Says for how long a "no" may be remembered. */
static void put_soa(struct msg *m, const char *domain)
{
    static const uint32_t numbers[] = {1, 7200, 1800, 86400, DNS_TTL};
    char name[300];
    size_t begin = m->n;
    size_t data = rr_begin(m, domain, DNS_SOA, DNS_TTL);
    snprintf(name, sizeof(name), "ns.dns.%s", domain);
    put_name(m, name);
    snprintf(name, sizeof(name), "hostmaster.%s", domain);
    put_name(m, name);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        put(m, numbers[i], 4);
    }
    rr_end(m, begin, data, AUTHORITY);
}

/* Header and question; room for the OPT record at the end is kept. */
static void begin(struct msg *m, const struct dns_query *q, uint8_t *out, size_t max)
{
    *m = (struct msg){.p = out, .max = max - (q->edns ? 11 : 0)};
    put(m, q->id, 2);
    put(m, QR | RA | (q->recurse ? RD : 0), 2);
    put(m, q->question_end > HEADER ? 1 : 0, 2);
    put(m, 0, 4);
    put(m, 0, 2);
    put_bytes(m, q->msg + HEADER, q->question_end - HEADER);
}

static size_t end(struct msg *m, const struct dns_query *q, unsigned flags)
{
    m->p[2] |= (uint8_t)(flags >> 8);
    m->p[3] |= (uint8_t)flags;
    if (q->edns) {
        m->max += 11;
        m->full = false;
        put(m, 0, 1);
        put(m, DNS_OPT, 2);
        put(m, DNS_UDP_MAX, 2);
        put(m, 0, 4);
        put(m, 0, 2);
        bump(m, ADDITIONAL);
    }
    return m->n;
}

size_t dns_error(const struct dns_query *q, enum dns_rcode rcode, uint8_t *out)
{
    struct msg m;
    begin(&m, q, out, DNS_UDP_MAX);
    return end(&m, q, rcode);
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

static bool put_addrs(struct msg *m, const char *owner, struct zone_node *n)
{
    unsigned first = n->naddrs > 0 ? n->turn++ % n->naddrs : 0;
    for (unsigned i = 0; i < n->naddrs; i++) {
        if (!put_a(m, owner, n->addrs[(first + i) % n->naddrs], ANSWER)) {
            return false;
        }
    }
    return true;
}

static bool put_srvs(struct msg *m, const struct zone_node *n)
{
    for (unsigned i = 0; i < n->nsrvs; i++) {
        if (!put_srv(m, &n->srvs[i], 100u / n->nsrvs > 0 ? 100u / n->nsrvs : 1)) {
            return false;
        }
    }
    for (unsigned i = 0; i < n->nsrvs; i++) { /* addresses are a courtesy: what fits */
        const struct zone_node *t = zone_find(n->srvs[i].target);
        bool again = i > 0 && strcmp(n->srvs[i].target, n->srvs[i - 1].target) == 0;
        for (unsigned k = 0; t != NULL && !again && k < t->naddrs; k++) {
            if (!put_a(m, t->name, t->addrs[k], ADDITIONAL)) {
                m->full = false;
                return true;
            }
        }
    }
    return true;
}

/* What the zone says of an existing name. False: it does not fit. */
static bool put_records(struct msg *m, const struct dns_query *q, struct zone_node *n)
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
static bool put_alias(struct msg *m, const struct dns_query *q, const struct zone_node *n,
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
    struct msg m;
    uint32_t addr;
    bool ours = is_below(q->name, config->domain) || is_reverse_of_ours(q->name, config);
    if (!ours && strchr(q->name, '.') != NULL) {
        return DNS_ELSEWHERE;
    }
    struct zone_node *n = zone_find(q->name);
    begin(&m, q, out, max);
    if (n != NULL && n->cname != NULL && wants_alias(q)) {
        if (!put_alias(&m, q, n, config->domain)) {
            memcpy(chase, n->cname, strlen(n->cname) + 1);
            return DNS_CHASE;
        }
    } else if (n != NULL) {
        put_records(&m, q, n);
    } else if (pod_address(q->name, config->domain, &addr)) {
        if (q->type == DNS_A) {
            put_a(&m, NULL, addr, ANSWER);
        }
    } else {
        put_soa(&m, config->domain);
        *ret_n = end(&m, q, AA | DNS_NXDOMAIN);
        return DNS_ANSWERED;
    }
    unsigned flags = AA | (m.full ? TC : 0u);
    if (!m.full && u16(m.p + ANSWER) == 0) {
        put_soa(&m, config->domain);
    }
    *ret_n = end(&m, q, flags);
    return DNS_ANSWERED;
}

/* ---- asking for another name ---- */

bool dns_first_address(const uint8_t *reply, size_t n, uint16_t id, uint32_t *ret)
{
    struct rr rr;
    char name[256];
    size_t at = n >= HEADER && u16(reply) == id ? read_name(reply, n, HEADER, name) : 0;
    at = at > 0 ? at + 4 : 0;
    for (unsigned i = 0; at > 0 && i < u16(reply + ANSWER); i++) {
        at = read_rr(reply, n, at, &rr);
        if (at > 0 && rr.type == DNS_A && rr.len == 4) {
            *ret = (uint32_t)u16(reply + rr.data) << 16 | u16(reply + rr.data + 2);
            return true;
        }
    }
    return false;
}

size_t dns_ask(uint16_t id, const char *name, uint16_t type, uint8_t *out, size_t max)
{
    struct msg m = {.p = out, .max = max};
    put(&m, id, 2);
    put(&m, RD, 2);
    put(&m, 1, 2);
    put(&m, 0, 4);
    put(&m, 0, 2);
    put_name(&m, name);
    put(&m, type, 2);
    put(&m, 1, 2);
    return m.full ? 0 : m.n;
}

/* One record of the reply that belongs to the answer, written anew: its names were compressed. */
static bool copy_rr(struct msg *m, const uint8_t *reply, size_t n, const struct rr *rr)
{
    char target[256];
    if (rr->type == DNS_CNAME) {
        return read_name(reply, n, rr->data, target) == 0 ||
               put_named(m, rr->name, DNS_CNAME, target, rr->ttl);
    }
    if (rr->type != DNS_A && rr->type != DNS_AAAA) {
        return true;
    }
    size_t begin_at = m->n;
    size_t data = rr_begin(m, rr->name, (enum dns_type)rr->type, rr->ttl);
    put_bytes(m, reply + rr->data, rr->len);
    return rr_end(m, begin_at, data, ANSWER);
}

size_t dns_chased(const struct dns_query *q, const char *target, const uint8_t *reply, size_t n,
                  uint8_t *out, size_t max)
{
    struct msg m;
    struct rr rr;
    char name[256];
    size_t at = n >= HEADER ? read_name(reply, n, HEADER, name) : 0;
    if (at == 0 || at + 4 > n) {
        return dns_error(q, DNS_SERVFAIL, out);
    }
    begin(&m, q, out, max);
    put_named(&m, NULL, DNS_CNAME, target, DNS_TTL);
    at += 4;
    for (unsigned i = 0; i < u16(reply + ANSWER); i++) {
        at = read_rr(reply, n, at, &rr);
        if (at == 0 || !copy_rr(&m, reply, n, &rr)) {
            break;
        }
    }
    return end(&m, q, (m.full ? TC : 0u) | (reply[3] & 15u));
}
