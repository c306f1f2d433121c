/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks a promise on purpose, between the core and what it stands on: a simulation that does not
 * notice checks nothing. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "store/memvfs.h"
#include "world.h"

static const struct runtime_ops *honest;
static struct runtime_ops crooked;

/* What should go stays, and is said to be gone. */
static void remove_nothing(void *self, const char *name, runtime_done *done, void *arg)
{
    honest->inspect(self, name, done, arg);
}

/* Says that it runs, and starts nothing. */
static void ensure_nothing(void *self, const struct runtime_spec *spec, uint64_t epoch,
                           runtime_done *done, void *arg)
{
    struct runtime_status st = {
        .name = spec->name,
        .id = spec->name,
        .image_id = "",
        .role = spec->role,
        .host = spec->host,
        .hash = spec->hash,
        .epoch = epoch,
        .state = RUNTIME_RUNNING,
        .error = "",
        .labels = spec->labels,
    };
    static const struct err none;
    if (spec->role == RUNTIME_APP) {
        done(arg, RUNTIME_OK, &st, &none);
    } else {
        honest->ensure(self, spec, epoch, done, arg);
    }
}

const char *const sabotages = "lost-writes, nothing-starts, nothing-goes";

bool sabotage_known(const char *name)
{
    return strstr(sabotages, name) != NULL && strlen(name) > 4;
}

void sabotage_runtime(const char *name, struct runtime *rt)
{
    honest = rt->ops;
    crooked = *rt->ops;
    if (str_eq(name, "nothing-goes")) {
        crooked.remove = remove_nothing;
    } else if (str_eq(name, "nothing-starts")) {
        crooked.ensure = ensure_nothing;
    }
    rt->ops = &crooked;
}

/* The disk forgets what it said it had, as one that lies about syncs. */
void sabotage_disk(const char *name, struct memvfs *v)
{
    size_t n;
    const char *bytes = str_eq(name, "lost-writes") ? memvfs_read(v, "state.db-wal", &n) : NULL;
    if (bytes != NULL) {
        cleanup_free char *half = xmemdup(bytes, n / 2);
        memvfs_write(v, "state.db-wal", half, n / 2);
    }
}
