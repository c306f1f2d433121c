/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the listeners and their endpoints as the table says; connections that run are left alone.
 */
#include "guest/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { BUCKETS = 256, AFFINITY_SLOTS = 512, AFFINITY_PROBES = 8, AVOID_MS = 2000 };

struct affinity {
    struct {
        uint32_t client;
        struct table_target at;
        uint64_t seen;
    } slots[AFFINITY_SLOTS];
};

struct forward_opts forward_opts;
static struct forward *buckets[BUCKETS];
static unsigned deaf; /* forwards that should listen and do not */

static struct forward **find(const char *key)
{
    unsigned h = wire_crc32(0, key, strlen(key)) % BUCKETS;
    struct forward **at = &buckets[h];
    while (*at != NULL && strcmp((*at)->key, key) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static void each(void (*fn)(struct forward *f))
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct forward *f = buckets[i], *next; f != NULL; f = next) {
            next = f->next;
            fn(f);
        }
    }
}

/* ---- targets ---- */

void forward_target_unref(struct target *t)
{
    if (t != NULL && --t->refs == 0) {
        free(t);
    }
}

static bool same_target(const struct table_target *a, const struct table_target *b)
{
    return a->addr == b->addr && a->port == b->port;
}

static struct target *find_target(const struct forward *f, const struct table_target *at)
{
    for (unsigned i = 0; i < f->ntargets; i++) {
        if (same_target(&f->targets[i]->at, at)) {
            return f->targets[i];
        }
    }
    return NULL;
}

/* Endpoints that stay keep their counts. */
static void set_targets(struct forward *f, const struct table_forward *rec)
{
    struct target **targets = guest_alloc(rec->ntargets * sizeof(*targets));
    for (unsigned i = 0; i < rec->ntargets; i++) {
        struct table_target at = table_target_at(rec, i);
        struct target *t = find_target(f, &at);
        if (t == NULL) {
            t = guest_alloc(sizeof(*t));
            t->at = at;
        }
        t->refs++;
        targets[i] = t;
    }
    for (unsigned i = 0; i < f->ntargets; i++) {
        forward_target_unref(f->targets[i]);
    }
    free(f->targets);
    f->targets = targets;
    f->ntargets = rec->ntargets;
}

/* ---- listening ---- */

static bool wants_listener(const struct forward *f)
{
    return f->ntargets > 0 &&
           !(forward_opts.dns != 0 && f->addr == forward_opts.dns && f->port == 53);
}

static void try_listen(struct forward *f)
{
    if (f->listener.fd >= 0 || !wants_listener(f)) {
        return;
    }
    bool tcp = f->proto == TABLE_TCP;
    int fd = tcp ? sock_listen(f->addr, f->port) : sock_udp(f->addr, f->port);
    if (fd >= 0 && ev_add(&f->listener, fd, EPOLLIN, tcp ? relay_accept : udp_on_packet) == 0) {
        f->failing = false;
        return;
    }
    deaf++;
    if (!f->failing) {
        guest_log("%s cannot listen on %s:%u: %s", f->key, sock_ip(f->addr), f->port,
                  strerror(errno));
        f->failing = true;
    }
}

static void settle_timer(struct ev_timer *t)
{
    forward_settle();
}

void forward_settle(void)
{
    static struct ev_timer again = {.fn = settle_timer};
    deaf = 0;
    each(try_listen);
    if (deaf > 0) {
        ev_timer_start(&again, 1000);
    }
}

/* ---- the table ---- */

void forward_unref(struct forward *f)
{
    if (--f->refs > 0) {
        return;
    }
    for (unsigned i = 0; i < f->ntargets; i++) {
        forward_target_unref(f->targets[i]);
    }
    free(f->targets);
    free(f->affinity);
    free(f->key);
    ev_free_later(f);
}

static void drop(struct forward *f)
{
    ev_close(&f->listener);
    udp_forget(f, true);
    if (forward_opts.addresses && f->addr != 0) {
        address_remove(f->addr);
    }
    struct table_forward none = {.ntargets = 0};
    set_targets(f, &none);
    forward_unref(f);
}

static void drop_at(struct forward **at)
{
    struct forward *f = *at;
    if (f != NULL) {
        *at = f->next;
        drop(f);
    }
}

static struct forward *make(struct forward **at, const struct table_forward *rec)
{
    struct forward *f = guest_alloc(sizeof(*f));
    f->listener.fd = -1;
    f->refs = 1;
    f->key = guest_copy(rec->key);
    f->proto = rec->proto;
    f->addr = rec->addr;
    f->port = rec->port;
    f->next = *at;
    *at = f;
    if (forward_opts.addresses && f->addr != 0) {
        address_add(f->addr);
    }
    return f;
}

void forward_put(const struct table_forward *rec)
{
    struct forward **at = find(rec->key);
    struct forward *f = *at;
    if (f != NULL && (f->proto != rec->proto || f->addr != rec->addr || f->port != rec->port)) {
        drop_at(at);
        f = NULL;
    }
    if (f == NULL) {
        f = make(at, rec);
    }
    f->stale = false;
    set_targets(f, rec);
    if (f->affinity_s != rec->affinity_s) {
        free(f->affinity);
        f->affinity = NULL;
        f->affinity_s = rec->affinity_s;
    }
    if (!wants_listener(f)) {
        ev_close(&f->listener);
    }
    if (f->proto == TABLE_UDP) {
        udp_forget(f, false);
    }
}

void forward_delete(const char *key)
{
    drop_at(find(key));
}

static void mark_stale(struct forward *f)
{
    f->stale = true;
}

static void drop_stale(struct forward *f)
{
    if (f->stale) {
        drop_at(find(f->key));
    }
}

void forward_snapshot_begin(void)
{
    each(mark_stale);
}

void forward_snapshot_end(void)
{
    each(drop_stale);
}

/* ---- whose turn ---- */

static unsigned affinity_slot(uint32_t client, unsigned probe)
{
    return (client * 2654435761u + probe) % AFFINITY_SLOTS;
}

static struct target *remembered(struct forward *f, uint32_t client)
{
    for (unsigned i = 0; f->affinity != NULL && i < AFFINITY_PROBES; i++) {
        unsigned s = affinity_slot(client, i);
        if (f->affinity->slots[s].client == client &&
            ev_now() - f->affinity->slots[s].seen < (uint64_t)f->affinity_s * 1000) {
            f->affinity->slots[s].seen = ev_now();
            return find_target(f, &f->affinity->slots[s].at);
        }
    }
    return NULL;
}

/* Into the client's slot, else the one unused for longest. */
static void remember(struct forward *f, uint32_t client, const struct target *t)
{
    if (f->affinity == NULL) {
        f->affinity = guest_alloc(sizeof(*f->affinity));
    }
    unsigned best = affinity_slot(client, 0);
    for (unsigned i = 0; i < AFFINITY_PROBES; i++) {
        unsigned s = affinity_slot(client, i);
        if (f->affinity->slots[s].client == client) {
            best = s;
            break;
        }
        if (f->affinity->slots[s].seen < f->affinity->slots[best].seen) {
            best = s;
        }
    }
    f->affinity->slots[best].client = client;
    f->affinity->slots[best].at = t->at;
    f->affinity->slots[best].seen = ev_now();
}

/* Round robin; an endpoint that just failed is passed over while another is left. */
static struct target *next_in_turn(struct forward *f)
{
    for (unsigned i = 0; i < f->ntargets; i++) {
        struct target *t = f->targets[f->turn++ % f->ntargets];
        if (t->avoid_until <= ev_now()) {
            return t;
        }
    }
    return f->ntargets > 0 ? f->targets[f->turn++ % f->ntargets] : NULL;
}

struct target *forward_choose(struct forward *f, uint32_t client, unsigned tried)
{
    struct target *t = NULL;
    if (f->affinity_s > 0 && tried == 0) {
        t = remembered(f, client);
    }
    if (t == NULL) {
        t = next_in_turn(f);
    }
    if (t != NULL) {
        t->refs++;
        if (f->affinity_s > 0) {
            remember(f, client, t);
        }
    }
    return t;
}

/* ---- counts ---- */

static bool (*report)(const struct table_count *c);

static void report_counts(struct forward *f)
{
    struct table_count c;
    if (!f->counted || report == NULL) {
        return;
    }
    strncpy(c.key, f->key, sizeof(c.key) - 1);
    c.key[sizeof(c.key) - 1] = '\0';
    for (unsigned i = 0; i < f->ntargets; i++) {
        const struct target *t = f->targets[i];
        c.target = t->at;
        c.connections = t->connections;
        c.failed = t->failed;
        c.active = t->active;
        if (!report(&c)) {
            report = NULL;
            return;
        }
    }
    f->counted = false;
}

void forward_counts(bool (*fn)(const struct table_count *c))
{
    report = fn;
    each(report_counts);
}

static void count_again(struct forward *f)
{
    f->counted = true;
}

void forward_counts_again(void)
{
    each(count_again);
}
