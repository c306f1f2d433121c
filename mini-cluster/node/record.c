/* SPDX-License-Identifier: Apache-2.0 */
/* The intent of a pod, written before anything is done about it: with it a later life finds by name
 * what an earlier one started, and removes what nobody wants any more. */
#include <inttypes.h>
#include <stdio.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "node/address.h"
#include "node/container.h"
#include "node/op.h"
#include "node/pod.h"

const char *const record_table = "node.pods";

/* ---- writing ---- */

static json_t *container_record(const struct container *c)
{
    int next = c->restarting ? 1 : 0;
    char hash[24];
    snprintf(hash, sizeof(hash), "%016" PRIx64, c->hash);
    return json_pack("{s:s, s:s, s:i, s:s, s:b}", "name", c->name, "kind",
                     container_kind_name(c->kind), "attempt", c->attempt + next, "hash", hash,
                     "seen", c->seen && !c->restarting);
}

void record_put(struct pod *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->containers.n; i++) {
        json_array_append_new(list, container_record(p->containers.v[i]));
    }
    json_t *r =
        json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:o, s:o}", "ns", p->ns, "name", p->name,
                  "node", p->agent->name, "epoch", (json_int_t)p->epoch, "address", p->address,
                  "cpu", (json_int_t)p->cpu_milli, "memory", (json_int_t)p->memory, "sandbox",
                  container_record(&p->sandbox), "containers", list);
    if (p->volumes != NULL) {
        json_object_set(r, "volumes", p->volumes);
    }
    if (p->spare != NULL && !p->sandbox.restarting) {
        json_object_set_new(r, "spare", json_string(p->spare));
    }
    client_record_put(p->nodes->client, record_table, p->uid, r);
    p->record_dirty = false;
}

void record_delete(struct pod *p)
{
    client_record_delete(p->nodes->client, record_table, p->uid);
    p->record_dirty = false;
}

/* ---- reading ---- */

static void adopt_container(struct container *c, const json_t *record)
{
    const char *hash = jx_get_str(record, "hash", "");
    c->attempt = (int)jx_int(record, "attempt", 0);
    c->seen = jx_bool(record, "seen", false);
    c->hash = strtoull(hash, NULL, 16);
    container_claim_name(c);
    if (c->attempt > 0 && c->kind != CONTAINER_SANDBOX) {
        char previous[RUNTIME_NAME_SIZE];
        container_format_name(c, c->attempt - 1, previous);
        c->previous = xstrdup(previous);
        map_put(c->pod->nodes->names, previous, c);
    }
}

/* What ran under an older epoch of the host is gone, whatever is still found of it; and what was
 * asked for may yet come: that name is not used again. */
static void lose_container(struct container *c)
{
    if (c->seen) {
        container_lost(c);
    }
    c->burnt = true;
}

static void lose_all(struct pod *p)
{
    lose_container(&p->sandbox);
    p->sandbox.state = CONTAINER_ENDED;
    for (size_t i = 0; i < p->containers.n; i++) {
        lose_container(p->containers.v[i]);
    }
}

struct pod *record_adopt(struct nodes *n, const char *uid, const json_t *record)
{
    struct agent *a = map_find(n->agents, jx_get_str(record, "node", ""));
    const char *ns = jx_get_str(record, "ns", "");
    const char *name = jx_get_str(record, "name", "");
    if (a == NULL || ns[0] == '\0' || name[0] == '\0') {
        return NULL;
    }
    struct pod *p = pod_new(a, uid, ns, name);
    p->recorded = p->committed = p->adopted = true;
    p->epoch = (uint64_t)jx_int(record, "epoch", 0);
    str_copy(p->address, sizeof(p->address), jx_get_str(record, "address", ""));
    p->cpu_milli = jx_int(record, "cpu", 0);
    p->memory = jx_int(record, "memory", 0);
    p->volumes = jx_edit(jx_get(record, "volumes"));
    adopt_container(&p->sandbox, jx_get(record, "sandbox"));
    p->spare = xstrdup(jx_get_str(record, "spare", NULL));
    if (p->spare != NULL) {
        map_put(n->names, p->spare, &p->sandbox);
    }
    size_t i;
    const json_t *c;
    jx_each(i, c, jx_get(record, "containers"))
    {
        enum container_kind kind = container_kind_find(jx_get_str(c, "kind", ""));
        adopt_container(pod_add_container(p, jx_get_str(c, "name", ""), kind), c);
    }
    if (p->epoch != a->epoch) {
        lose_all(p);
    }
    return p;
}

/* ---- a host that is no more ---- */

struct leftovers {
    const char *node;
    VEC(char *) uids;
};

static bool note_leftover(void *arg, const char *uid, const json_t *record)
{
    struct leftovers *l = arg;
    if (str_eq(jx_get_str(record, "node", ""), l->node)) {
        vec_push(&l->uids, xstrdup(uid));
    }
    return true;
}

/* A volume that does not go now goes with the cluster. */
static void forget_record(struct nodes *n, const char *uid)
{
    const json_t *record = client_record_find(n->client, record_table, uid);
    size_t i;
    const json_t *volume;
    address_release(n->addresses, jx_get_str(record, "address", ""), loop_mono_ns(n->loop));
    jx_each(i, volume, jx_get(record, "volumes"))
    {
        const char *name = json_string_value(volume);
        n->rt.ops->volume_remove(n->rt.self, name, op_done, op_new(n, NULL, name, NULL));
    }
    client_record_delete(n->client, record_table, uid);
}

void records_forget(struct nodes *n, const char *node)
{
    struct leftovers l = {.node = node};
    client_record_each(n->client, record_table, note_leftover, &l);
    for (size_t i = 0; i < l.uids.n; i++) {
        forget_record(n, l.uids.v[i]);
        free(l.uids.v[i]);
    }
    vec_fini(&l.uids);
}
