/* SPDX-License-Identifier: Apache-2.0 */
/* Names in turn; sandboxes that wait are used where the scheduler will agree to their hosts.
 * Without any of these (no record says so) nothing is looked at but the numbers. */
#include "controllers/replicaset_names.h"

#include <string.h>

#include "client/client.h"
#include "client/pod_names.h"
#include "client/spares.h"
#include "common/json/jx.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/vec.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "store/store.h"

/* A host that takes pods, and how many of the set's it has. */
struct host {
    char *name;
    int pods;
};

struct spare {
    uint64_t number;
    struct host *host; /* NULL: none to be used, but its name is kept for it */
};

struct replicaset_names {
    struct client *client;
    const json_t *rs; /* borrowed */
    struct pod_names names;
    struct map *hosts;        /* NULL: no sandbox waits */
    VEC(struct spare) spares; /* by their numbers */
    uint64_t number;          /* offered last */
    struct host *host;        /* and where it is expected to go; NULL: not known */
    bool changed;
};

static void free_host(void *arg)
{
    struct host *h = arg;
    free(h->name);
    free(h);
}

/* ---- what waits ---- */

static bool takes_pods(const json_t *node)
{
    size_t i;
    const json_t *taint;
    jx_each(i, taint, jx_arr(node, "spec.taints"))
    {
        if (!str_eq(jx_get_str(taint, "effect", ""), "PreferNoSchedule")) {
            return false;
        }
    }
    return !jx_bool(node, "spec.unschedulable", false);
}

static bool add_host(void *arg, const json_t *node)
{
    struct replicaset_names *r = arg;
    if (takes_pods(node)) {
        struct host *h = xnew(struct host);
        h->name = xstrdup(object_name(node));
        map_put(r->hosts, h->name, h);
    }
    return true;
}

static bool add_spare(void *arg, const char *key, const json_t *record)
{
    struct replicaset_names *r = arg;
    struct spare_note note = spares_read(record);
    (void)key;
    if (!str_eq(note.owner, object_uid(r->rs))) {
        return true;
    }
    if (r->hosts == NULL) {
        r->hosts = map_new(free_host);
        client_each(r->client, kinds_find_gr("nodes"), NULL, add_host, r);
    }
    struct spare s = {note.number, note.ready ? map_find(r->hosts, note.host) : NULL};
    vec_push(&r->spares, s);
    for (size_t i = r->spares.n - 1; i > 0 && r->spares.v[i - 1].number > s.number; i--) {
        r->spares.v[i] = r->spares.v[i - 1];
        r->spares.v[i - 1] = s;
    }
    return true;
}

struct replicaset_names *replicaset_names_begin(struct client *c, const json_t *rs)
{
    struct replicaset_names *r = xnew(struct replicaset_names);
    r->client = c;
    r->rs = rs;
    pod_names_load(c, object_uid(rs), &r->names);
    client_record_each(c, spares_table, add_spare, r);
    return r;
}

void replicaset_names_see(struct replicaset_names *r, const struct store_entry *pod)
{
    if (r->hosts == NULL || str_eq(pod->phase, "Succeeded") || str_eq(pod->phase, "Failed")) {
        return;
    }
    const char *where = pod->node;
    if (where[0] == '\0') { /* soon */
        where = spares_host(r->client, pod->key.ns, pod->key.name);
    }
    struct host *h = where != NULL ? map_find(r->hosts, where) : NULL;
    if (h != NULL) {
        h->pods++;
    }
}

/* ---- choosing ---- */

static struct host *emptiest(const struct replicaset_names *r)
{
    struct host *best = NULL;
    void *value;
    for (size_t it = 0; r->hosts != NULL && map_next(r->hosts, &it, NULL, &value);) {
        struct host *h = value;
        best = best == NULL || h->pods < best->pods ? h : best;
    }
    return best;
}

static bool is_kept(const struct replicaset_names *r, uint64_t number)
{
    for (size_t i = 0; i < r->spares.n; i++) {
        if (r->spares.v[i].number == number) {
            return true;
        }
    }
    return false;
}

/* The scheduler takes one of the hosts with the fewest pods of the set, whatever waits elsewhere.
 */
static bool choose_spare(struct replicaset_names *r, const struct host *best)
{
    for (size_t i = 0; best != NULL && i < r->spares.n; i++) {
        const struct spare *s = &r->spares.v[i];
        if (s->host != NULL && s->host->pods == best->pods &&
            !pod_names_used(&r->names, s->number)) {
            r->number = s->number;
            r->host = s->host;
            return true;
        }
    }
    return false;
}

char *replicaset_names_next(struct replicaset_names *r)
{
    struct host *best = emptiest(r);
    if (!choose_spare(r, best)) {
        r->host = best;
        r->number = r->names.next;
        while (pod_names_used(&r->names, r->number) || is_kept(r, r->number)) {
            r->number++;
        }
    }
    return pod_names_format(r->rs, r->number);
}

void replicaset_names_take(struct replicaset_names *r)
{
    pod_names_use(&r->names, r->number);
    r->changed = true;
    if (r->host != NULL) {
        r->host->pods++;
    }
}

void replicaset_names_end(struct replicaset_names *r)
{
    if (r->changed) {
        pod_names_save(r->client, object_uid(r->rs), &r->names);
    }
    pod_names_fini(&r->names);
    map_free(r->hosts);
    vec_fini(&r->spares);
    free(r);
}
