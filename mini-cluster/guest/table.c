/* SPDX-License-Identifier: Apache-2.0 */
/* Records in and out of a frame's payload; compiled into mini-cluster and into the guest. */
#include "guest/table.h"

#include <string.h>

/* A record is written whole or not at all. */
static void undo_when_full(struct wire_out *o, size_t len)
{
    if (o->full) {
        o->len = len;
    }
}

void table_put_forward(struct wire_out *o, const struct table_forward *f)
{
    size_t len = o->len;
    wire_put(o, TABLE_FORWARD_PUT, 1);
    wire_put_str(o, f->key);
    wire_put(o, f->proto, 1);
    wire_put(o, f->addr, 4);
    wire_put(o, f->port, 2);
    wire_put(o, f->affinity_s, 4);
    wire_put(o, f->ntargets, 2);
    for (unsigned i = 0; i < f->ntargets; i++) {
        wire_put(o, f->targets[i].addr, 4);
        wire_put(o, f->targets[i].port, 2);
    }
    undo_when_full(o, len);
}

void table_delete_forward(struct wire_out *o, const char *key)
{
    size_t len = o->len;
    wire_put(o, TABLE_FORWARD_DELETE, 1);
    wire_put_str(o, key);
    undo_when_full(o, len);
}

void table_put_name(struct wire_out *o, const struct table_name *n)
{
    size_t len = o->len;
    wire_put(o, TABLE_NAME_PUT, 1);
    wire_put(o, n->kind, 1);
    wire_put_str(o, n->name);
    wire_put(o, n->n, 2);
    for (unsigned i = 0; i < n->n; i++) {
        if (n->kind == TABLE_A) {
            wire_put(o, n->addrs[i], 4);
        } else if (n->kind == TABLE_SRV) {
            wire_put(o, n->srvs[i].port, 2);
            wire_put_str(o, n->srvs[i].target);
        } else {
            wire_put_str(o, n->target);
        }
    }
    undo_when_full(o, len);
}

void table_delete_name(struct wire_out *o, uint8_t kind, const char *name)
{
    size_t len = o->len;
    wire_put(o, TABLE_NAME_DELETE, 1);
    wire_put(o, kind, 1);
    wire_put_str(o, name);
    undo_when_full(o, len);
}

void table_put_config(struct wire_out *o, const struct table_config *c)
{
    size_t len = o->len;
    wire_put(o, TABLE_CONFIG, 1);
    wire_put_str(o, c->domain);
    wire_put(o, c->dns, 4);
    wire_put(o, c->subnet, 4);
    wire_put(o, c->bits, 1);
    wire_put(o, c->nupstreams, 1);
    for (unsigned i = 0; i < c->nupstreams; i++) {
        wire_put(o, c->upstreams[i], 4);
    }
    undo_when_full(o, len);
}

static void get_forward(struct wire_in *in, struct table_forward *f)
{
    wire_get_str(in, f->key);
    f->proto = (uint8_t)wire_get(in, 1);
    f->addr = (uint32_t)wire_get(in, 4);
    f->port = (uint16_t)wire_get(in, 2);
    f->affinity_s = (uint32_t)wire_get(in, 4);
    f->ntargets = (uint16_t)wire_get(in, 2);
    f->targets = NULL;
    f->raw = in->p;
    size_t bytes = (size_t)f->ntargets * 6;
    if (in->bad || f->key[0] == '\0' || f->port == 0 || f->ntargets > TABLE_MAX_TARGETS ||
        in->len < bytes || (f->proto != TABLE_TCP && f->proto != TABLE_UDP)) {
        in->bad = true;
        return;
    }
    in->p += bytes;
    in->len -= bytes;
}

struct table_target table_target_at(const struct table_forward *f, unsigned i)
{
    if (f->targets != NULL) {
        return f->targets[i];
    }
    struct wire_in in = {.p = f->raw + (size_t)i * 6, .len = 6};
    struct table_target t = {.addr = (uint32_t)wire_get(&in, 4)};
    t.port = (uint16_t)wire_get(&in, 2);
    return t;
}

void table_name_item(uint8_t kind, struct wire_in *in, uint32_t *ret_num, char ret_text[256])
{
    *ret_num = 0;
    ret_text[0] = '\0';
    if (kind == TABLE_A) {
        *ret_num = (uint32_t)wire_get(in, 4);
        return;
    }
    if (kind == TABLE_SRV) {
        *ret_num = (uint32_t)wire_get(in, 2);
    }
    wire_get_str(in, ret_text);
}

static void get_name_key(struct wire_in *in, struct table_name *n)
{
    n->kind = (uint8_t)wire_get(in, 1);
    wire_get_str(in, n->name);
    if (n->kind < TABLE_A || n->kind > TABLE_PTR || n->name[0] == '\0') {
        in->bad = true;
    }
}

static void get_name(struct wire_in *in, struct table_name *n)
{
    uint32_t num;
    char text[256];
    get_name_key(in, n);
    n->n = (uint16_t)wire_get(in, 2);
    n->raw = *in;
    unsigned max = n->kind == TABLE_A     ? TABLE_MAX_TARGETS
                   : n->kind == TABLE_SRV ? TABLE_MAX_SRV
                                          : 1;
    if (n->n > max || n->n == 0) {
        in->bad = true;
    }
    for (unsigned i = 0; i < n->n && !in->bad; i++) {
        table_name_item(n->kind, in, &num, text);
    }
    n->raw.len -= in->len;
}

static void get_config(struct wire_in *in, struct table_config *c)
{
    wire_get_str(in, c->domain);
    c->dns = (uint32_t)wire_get(in, 4);
    c->subnet = (uint32_t)wire_get(in, 4);
    c->bits = (uint8_t)wire_get(in, 1);
    c->nupstreams = (uint8_t)wire_get(in, 1);
    if (c->bits > 32 || c->nupstreams > TABLE_MAX_UPSTREAMS) {
        in->bad = true;
        return;
    }
    for (unsigned i = 0; i < c->nupstreams; i++) {
        c->upstreams[i] = (uint32_t)wire_get(in, 4);
    }
}

bool table_next(struct wire_in *in, struct table_record *ret)
{
    if (in->bad || in->len == 0) {
        return false;
    }
    ret->op = (enum table_op)wire_get(in, 1);
    switch (ret->op) {
    case TABLE_FORWARD_PUT:
        get_forward(in, &ret->forward);
        break;
    case TABLE_FORWARD_DELETE:
        wire_get_str(in, ret->forward.key);
        break;
    case TABLE_NAME_PUT:
        get_name(in, &ret->name);
        break;
    case TABLE_NAME_DELETE:
        get_name_key(in, &ret->name);
        break;
    case TABLE_CONFIG:
        get_config(in, &ret->config);
        break;
    default:
        in->bad = true;
    }
    return !in->bad;
}

void table_put_count(struct wire_out *o, const struct table_count *c)
{
    size_t len = o->len;
    wire_put_str(o, c->key);
    wire_put(o, c->target.addr, 4);
    wire_put(o, c->target.port, 2);
    wire_put(o, c->connections, 8);
    wire_put(o, c->failed, 8);
    wire_put(o, c->active, 4);
    undo_when_full(o, len);
}

bool table_next_count(struct wire_in *in, struct table_count *ret)
{
    if (in->bad || in->len == 0) {
        return false;
    }
    wire_get_str(in, ret->key);
    ret->target.addr = (uint32_t)wire_get(in, 4);
    ret->target.port = (uint16_t)wire_get(in, 2);
    ret->connections = wire_get(in, 8);
    ret->failed = wire_get(in, 8);
    ret->active = (uint32_t)wire_get(in, 4);
    return !in->bad;
}
