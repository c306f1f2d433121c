/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes made ahead: in every other history there are some, and what is said of them must be
 * true. */
#include <string.h>

#include "client/client.h"
#include "client/spares.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "runtime/names.h"
#include "world.h"

#define LABEL_SPARE "dev.podlab.spare"
#define LABEL_POD "dev.podlab.pod"

enum { SPARES = 5 };

unsigned world_spares(const struct world *w)
{
    return w->seed % 2 == 1 ? SPARES : 0;
}

bool world_is_spare(const struct runtime_status *st)
{
    return str_has_prefix(st->name, RUNTIME_SPARE_PREFIX);
}

struct look {
    struct world *w;
    struct client *client;
    struct map *names; /* of spares that run */
    unsigned spares, claimed;
};

static bool has_pod(const struct look *l, const char *key)
{
    const char *slash = strchr(key, '/');
    cleanup_free char *ns = xstrndup(key, slash != NULL ? (size_t)(slash - key) : 0);
    struct err err;
    return slash != NULL &&
           client_get(l->client, kinds_find_gr("pods"), ns, slash + 1, &err) != NULL;
}

static void look_at(void *arg, const struct runtime_status *st)
{
    struct look *l = arg;
    const char *pod = runtime_status_label(st, LABEL_POD);
    if (runtime_status_label(st, LABEL_SPARE) == NULL) {
        return;
    }
    if (!world_is_spare(st)) {
        l->claimed++;
        if (!has_pod(l, pod)) {
            world_break(l->w, "%s was made for pod %s, which is gone", st->name, pod);
        }
        return;
    }
    l->spares++;
    map_put(l->names, st->name, l);
    if (st->state != RUNTIME_RUNNING) {
        world_break(l->w, "spare %s does not run", st->name);
    } else if (has_pod(l, pod)) {
        world_break(l->w, "spare %s is for pod %s, which came and did without", st->name, pod);
    }
}

static bool check_record(void *arg, const char *key, const json_t *record)
{
    struct look *l = arg;
    struct spare_note note = spares_read(record);
    const char *name = jx_get_str(record, "name", "");
    if (!note.ready) {
        world_break(l->w, "the spare for %s is not ready", key);
    } else if (map_find(l->names, name) == NULL) {
        world_break(l->w, "the spare for %s is on record, and does not run", key);
    } else if (client_find_uid(l->client, note.owner) == NULL) {
        world_break(l->w, "the spare for %s outlives its owner", key);
    }
    map_remove(l->names, name);
    return true;
}

void world_check_spares(struct world *w)
{
    struct look l = {
        .w = w, .client = client_new(core_api(w->core), "system:sim"), .names = map_new(NULL)};
    fake_each(w->fake, look_at, &l);
    client_record_each(l.client, spares_table, check_record, &l);
    size_t it = 0;
    const char *name;
    if (map_next(l.names, &it, &name, NULL)) {
        world_break(w, "spare %s runs, and nobody knows it", name);
    }
    if (l.spares > world_spares(w)) {
        world_break(w, "%u spares, and %u are enough", l.spares, world_spares(w));
    }
    world_note(w, "%u spares wait, %u pods have one", l.spares, l.claimed);
    map_free(l.names);
}
