/* SPDX-License-Identifier: Apache-2.0 */
/* Names may be compressed when read, and are written out when written. */
#include "guest/dns_msg.h"

#include <ctype.h>
#include <string.h>

enum { QR = 0x8000, RD = 0x0100, RA = 0x0080 };

/* ---- reading ---- */

unsigned dns_u16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

size_t dns_read_name(const uint8_t *msg, size_t n, size_t at, char ret[256])
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

size_t dns_read_rr(const uint8_t *msg, size_t n, size_t at, struct dns_rr *ret)
{
    at = dns_read_name(msg, n, at, ret->name);
    if (at == 0 || at + 10 > n) {
        return 0;
    }
    ret->type = dns_u16(msg + at);
    ret->class = dns_u16(msg + at + 2);
    ret->ttl = (uint32_t)dns_u16(msg + at + 4) << 16 | dns_u16(msg + at + 6);
    ret->len = dns_u16(msg + at + 8);
    ret->data = at + 10;
    return ret->data + ret->len > n ? 0 : ret->data + ret->len;
}

static bool read_extra(struct dns_query *q)
{
    struct dns_rr rr;
    size_t at = q->question_end;
    unsigned count = dns_u16(q->msg + DNS_ANSWER) + dns_u16(q->msg + DNS_AUTHORITY) +
                     dns_u16(q->msg + DNS_ADDITIONAL);
    for (unsigned i = 0; i < count; i++) {
        at = dns_read_rr(q->msg, q->len, at, &rr);
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
    if (n < DNS_HEADER || (dns_u16(msg + 2) & QR) != 0) {
        return -1;
    }
    *ret = (struct dns_query){.id = (uint16_t)dns_u16(msg), .msg = msg, .len = n, .size = 512};
    ret->question_end = DNS_HEADER;
    ret->recurse = (dns_u16(msg + 2) & RD) != 0;
    if ((dns_u16(msg + 2) & 0x7800) != 0) {
        return DNS_NOTIMP;
    }
    size_t at = dns_u16(msg + 4) == 1 ? dns_read_name(msg, n, DNS_HEADER, ret->name) : 0;
    if (at == 0 || at + 4 > n) {
        return DNS_FORMERR;
    }
    ret->type = (uint16_t)dns_u16(msg + at);
    ret->class = (uint16_t)dns_u16(msg + at + 2);
    ret->question_end = at + 4;
    if (!read_extra(ret)) {
        return DNS_FORMERR;
    }
    return ret->class == 1 ? DNS_NOERROR : DNS_REFUSED;
}

/* ---- writing ---- */

void dns_put(struct dns_msg *m, uint32_t value, unsigned bytes)
{
    if (m->full || m->max - m->n < bytes) {
        m->full = true;
        return;
    }
    while (bytes-- > 0) {
        m->p[m->n++] = (uint8_t)(value >> (8 * bytes));
    }
}

void dns_put_bytes(struct dns_msg *m, const void *bytes, size_t n)
{
    if (m->full || m->max - m->n < n) {
        m->full = true;
        return;
    }
    memcpy(m->p + m->n, bytes, n);
    m->n += n;
}

void dns_put_name(struct dns_msg *m, const char *name)
{
    while (*name != '\0') {
        size_t n = strcspn(name, ".");
        if (n == 0 || n > 63) {
            m->full = true;
            return;
        }
        dns_put(m, (uint32_t)n, 1);
        dns_put_bytes(m, name, n);
        name += n + (name[n] == '.');
    }
    dns_put(m, 0, 1);
}

static void bump(struct dns_msg *m, enum dns_section section)
{
    unsigned n = dns_u16(m->p + section) + 1;
    m->p[section] = (uint8_t)(n >> 8);
    m->p[section + 1] = (uint8_t)n;
}

size_t dns_rr_begin(struct dns_msg *m, const char *owner, enum dns_type type, uint32_t ttl)
{
    if (owner == NULL) {
        dns_put(m, 0xc000 | DNS_HEADER, 2);
    } else {
        dns_put_name(m, owner);
    }
    dns_put(m, type, 2);
    dns_put(m, 1, 2);
    dns_put(m, ttl, 4);
    dns_put(m, 0, 2);
    return m->n;
}

bool dns_rr_end(struct dns_msg *m, size_t begin, size_t data, enum dns_section section)
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

void dns_begin(struct dns_msg *m, const struct dns_query *q, uint8_t *out, size_t max)
{
    *m = (struct dns_msg){.p = out, .max = max - (q->edns ? 11 : 0)};
    dns_put(m, q->id, 2);
    dns_put(m, QR | RA | (q->recurse ? RD : 0), 2);
    dns_put(m, q->question_end > DNS_HEADER ? 1 : 0, 2);
    dns_put(m, 0, 4);
    dns_put(m, 0, 2);
    dns_put_bytes(m, q->msg + DNS_HEADER, q->question_end - DNS_HEADER);
}

size_t dns_end(struct dns_msg *m, const struct dns_query *q, unsigned flags)
{
    m->p[2] |= (uint8_t)(flags >> 8);
    m->p[3] |= (uint8_t)flags;
    if (q->edns) {
        m->max += 11;
        m->full = false;
        dns_put(m, 0, 1);
        dns_put(m, DNS_OPT, 2);
        dns_put(m, DNS_UDP_MAX, 2);
        dns_put(m, 0, 4);
        dns_put(m, 0, 2);
        bump(m, DNS_ADDITIONAL);
    }
    return m->n;
}

size_t dns_error(const struct dns_query *q, enum dns_rcode rcode, uint8_t *out)
{
    struct dns_msg m;
    dns_begin(&m, q, out, DNS_UDP_MAX);
    return dns_end(&m, q, rcode);
}

/* ---- asking ---- */

bool dns_first_address(const uint8_t *reply, size_t n, uint16_t id, uint32_t *ret)
{
    struct dns_rr rr;
    char name[256];
    size_t at =
        n >= DNS_HEADER && dns_u16(reply) == id ? dns_read_name(reply, n, DNS_HEADER, name) : 0;
    at = at > 0 ? at + 4 : 0;
    for (unsigned i = 0; at > 0 && i < dns_u16(reply + DNS_ANSWER); i++) {
        at = dns_read_rr(reply, n, at, &rr);
        if (at > 0 && rr.type == DNS_A && rr.len == 4) {
            *ret = (uint32_t)dns_u16(reply + rr.data) << 16 | dns_u16(reply + rr.data + 2);
            return true;
        }
    }
    return false;
}

size_t dns_ask(uint16_t id, const char *name, uint16_t type, uint8_t *out, size_t max)
{
    struct dns_msg m = {.p = out, .max = max};
    dns_put(&m, id, 2);
    dns_put(&m, RD, 2);
    dns_put(&m, 1, 2);
    dns_put(&m, 0, 4);
    dns_put(&m, 0, 2);
    dns_put_name(&m, name);
    dns_put(&m, type, 2);
    dns_put(&m, 1, 2);
    return m.full ? 0 : m.n;
}
