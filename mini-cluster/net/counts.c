/* SPDX-License-Identifier: Apache-2.0 */
/* Sums what each guest counted for each endpoint; bounded, the oldest service's numbers go first.
 */
#include "net/counts.h"

#include <stdio.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "guest/table.h"
#include "net/net.h"

enum { MAX_KEYS = 4096, MAX_PER_KEY = 4000 };

struct row {
    char *host;
    char address[16];
    int port;
    uint64_t connections, failed;           /* of earlier lives */
    uint64_t live_connections, live_failed; /* of this one */
    uint32_t active;
};
typedef VEC(struct row) row_list;

struct counts {
    struct map *keys; /* "ns/name:port" -> row_list */
};

static void rows_free(void *p)
{
    row_list *rows = p;
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->v[i].host);
    }
    vec_fini(rows);
    free(rows);
}

struct counts *counts_new(void)
{
    struct counts *c = xnew(struct counts);
    c->keys = map_new(rows_free);
    return c;
}

void counts_free(struct counts *c)
{
    if (c != NULL) {
        map_free(c->keys);
        free(c);
    }
}

static void print_address(char ret[16], uint32_t a)
{
    snprintf(ret, 16, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

static row_list *rows_of(struct counts *c, const char *key)
{
    row_list *rows = map_find(c->keys, key);
    if (rows == NULL) {
        size_t at = 0;
        const char *oldest;
        if (map_count(c->keys) >= MAX_KEYS && map_next(c->keys, &at, &oldest, NULL)) {
            map_remove(c->keys, oldest);
        }
        rows = xnew(row_list);
        map_put(c->keys, key, rows);
    }
    return rows;
}

static struct row *row_of(row_list *rows, const char *host, const char *address, int port)
{
    for (size_t i = 0; i < rows->n; i++) {
        struct row *r = &rows->v[i];
        if (r->port == port && strcmp(r->address, address) == 0 && strcmp(r->host, host) == 0) {
            return r;
        }
    }
    if (rows->n >= MAX_PER_KEY) {
        return NULL;
    }
    struct row r = {.host = xstrdup(host), .port = port};
    str_copy(r.address, sizeof(r.address), address);
    vec_push(rows, r);
    return &rows->v[rows->n - 1];
}

static void end_life(struct row *r)
{
    r->connections += r->live_connections;
    r->failed += r->live_failed;
    r->live_connections = r->live_failed = 0;
}

void counts_take(struct counts *c, const char *host, const struct table_count *report)
{
    char address[16];
    print_address(address, report->target.addr);
    struct row *r = row_of(rows_of(c, report->key), host, address, report->target.port);
    if (r == NULL) {
        return;
    }
    if (report->connections < r->live_connections || report->failed < r->live_failed) {
        end_life(r);
    }
    r->live_connections = report->connections;
    r->live_failed = report->failed;
    r->active = report->active;
}

void counts_host_down(struct counts *c, const char *host, bool for_good)
{
    size_t at = 0;
    void *value;
    while (map_next(c->keys, &at, NULL, &value)) {
        row_list *rows = value;
        for (size_t i = 0; i < rows->n; i++) {
            if (strcmp(rows->v[i].host, host) != 0) {
                continue;
            }
            rows->v[i].active = 0;
            if (for_good) {
                end_life(&rows->v[i]);
            }
        }
    }
}

/* "ns/name" against "ns/name:port". */
static bool is_of(const char *key, const char *service)
{
    return service == NULL || strcmp(key, service) == 0 ||
           (str_has_prefix(key, service) && key[strlen(service)] == ':');
}

void counts_keep(struct counts *c, const char *service,
                 bool (*known)(void *arg, const char *address), void *arg)
{
    size_t at = 0;
    const char *key;
    void *value;
    while (map_next(c->keys, &at, &key, &value)) {
        row_list *rows = value;
        for (size_t i = is_of(key, service) ? rows->n : 0; i-- > 0;) {
            if (!known(arg, rows->v[i].address)) {
                free(rows->v[i].host);
                vec_remove(rows, i);
            }
        }
        if (rows->n == 0) {
            map_remove(c->keys, key);
        }
    }
}

static bool each_row(const char *key, const row_list *rows,
                     bool (*fn)(void *arg, const struct net_count *n), void *arg)
{
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *r = &rows->v[i];
        struct net_count n = {
            .host = r->host,
            .service = key,
            .address = r->address,
            .port = r->port,
            .connections = r->connections + r->live_connections,
            .failed = r->failed + r->live_failed,
            .active = r->active,
        };
        if (!fn(arg, &n)) {
            return false;
        }
    }
    return true;
}

void counts_each(const struct counts *c, const char *service,
                 bool (*fn)(void *arg, const struct net_count *n), void *arg)
{
    size_t at = 0;
    const char *key;
    void *value;
    while (map_next(c->keys, &at, &key, &value)) {
        if (is_of(key, service) && !each_row(key, value, fn, arg)) {
            return;
        }
    }
}
