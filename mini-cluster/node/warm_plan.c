/* SPDX-License-Identifier: Apache-2.0 */
/* Which spares there should be: for the ReplicaSets that stand as they should, in equal parts,
 * under the next of their names, on the hosts that the scheduler would choose; and no more than
 * memory allows. */
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "client/pod_names.h"
#include "common/json/jx.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "node/agent.h"
#include "node/pod.h"
#include "node/spec.h"
#include "node/warm_impl.h"
#include "store/store.h"

/* A sandbox takes about 8 MB of real memory, most of it its shim's. Spares may have a sixteenth of
 * what is free, and nothing where less than this is. */
#define EACH ((int64_t)8 << 20)
#define LEAST_MEMORY ((int64_t)1 << 30)
enum { SHARE = 16 };

/* A ReplicaSet with fewer takes the place of another's. */
enum { ENOUGH = 2 };

unsigned warm_plan_bound(const struct warm *w)
{
    int64_t bytes = w->memory_left != NULL && w->limit > 0 ? w->memory_left() : INT64_MAX;
    if (bytes < LEAST_MEMORY) {
        return 0;
    }
    int64_t n = bytes / SHARE / EACH;
    return n < (int64_t)w->limit ? (unsigned)n : w->limit;
}

bool warm_plan_counts(const struct spare *s)
{
    return s->state != SPARE_GOING && s->state != SPARE_CLAIMED;
}

/* ---- for whom ---- */

/* Its pods are not for the scheduler to place, or not anywhere. */
static bool is_choosy(const json_t *template)
{
    static const char *const words[] = {"spec.nodeName", "spec.nodeSelector", "spec.affinity",
                                        "spec.topologySpreadConstraints", "spec.schedulingGates"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (jx_path(template, words[i]) != NULL) {
            return true;
        }
    }
    size_t i;
    const json_t *c;
    jx_each(i, c, jx_arr(template, "spec.containers"))
    {
        size_t j;
        const json_t *port;
        jx_each(j, port, jx_get(c, "ports"))
        {
            if (jx_int(port, "hostPort", 0) > 0) {
                return true;
            }
        }
    }
    return !str_eq(jx_str(template, "spec.schedulerName", "default-scheduler"),
                   "default-scheduler");
}

static bool is_eligible(const json_t *set)
{
    return !object_deleting(set) && jx_int(set, "spec.replicas", 0) > 0 &&
           !is_choosy(jx_obj(set, "spec.template"));
}

/* Nothing is under way with it: neither a rollout nor a pod that does not come up. */
static bool is_settled(const json_t *set)
{
    int64_t replicas = jx_int(set, "spec.replicas", 0);
    return jx_int(set, "status.observedGeneration", 0) == object_generation(set) &&
           jx_int(set, "status.replicas", 0) == replicas &&
           jx_int(set, "status.readyReplicas", 0) == replicas;
}

static const json_t *set_of(const struct warm *w, const struct spare *s)
{
    const json_t *set = client_find_uid(w->nodes->client, s->owner);
    return set != NULL && str_eq(jx_get_str(set, "kind", ""), "ReplicaSet") ? set : NULL;
}

/* ---- what with ---- */

bool warm_plan_spec(const struct warm *w, const struct spare *s, struct spec_out *out,
                    uint64_t *ret_hash)
{
    const json_t *set = set_of(w, s);
    struct agent *a = map_find(w->nodes->agents, s->host);
    if (set == NULL || a == NULL) {
        return false;
    }
    const json_t *template = jx_obj(set, "spec.template");
    json_auto_t *pod = json_pack("{s:{s:s, s:s}}", "metadata", "name", s->pod, "namespace", s->ns);
    json_object_set(pod, "spec", (json_t *)(uintptr_t)jx_get(template, "spec"));
    struct spec_in in = pod_start_inputs(a, pod);
    in.address = s->address;
    spec_sandbox(&in, out);
    *ret_hash = spec_sandbox_hash(&out->spec);
    return true;
}

bool warm_plan_wants(const struct warm *w, const struct spare *s)
{
    struct err err;
    const json_t *set = set_of(w, s);
    if (set == NULL || !is_eligible(set)) {
        return false;
    }
    const json_t *pod = client_get(w->nodes->client, w->nodes->pod_kind, s->ns, s->pod, &err);
    struct pod_names names;
    pod_names_load(w->nodes->client, s->owner, &names);
    bool used = pod_names_used(&names, s->number);
    pod_names_fini(&names);
    if (pod != NULL ? jx_str(pod, "spec.nodeName", "")[0] != '\0' : used) {
        return false; /* it came, and did without; or it came and went */
    }
    struct spec_out out = {0};
    uint64_t hash = 0;
    bool same = warm_plan_spec(w, s, &out, &hash) && hash == s->hash;
    spec_out_fini(&out);
    return same;
}

/* ---- where ---- */

static bool takes_pods(const struct agent *a)
{
    struct err err;
    const json_t *node = client_get(a->nodes->client, a->nodes->node_kind, NULL, a->name, &err);
    size_t i;
    const json_t *taint;
    if (node == NULL || !agent_speaks(a) || !a->host_up || !a->loaded ||
        jx_bool(node, "spec.unschedulable", false)) {
        return false;
    }
    jx_each(i, taint, jx_arr(node, "spec.taints"))
    {
        if (!str_eq(jx_get_str(taint, "effect", ""), "PreferNoSchedule")) {
            return false;
        }
    }
    return true;
}

struct tally {
    const char *host;
    int pods;
};

static bool tally_pod(void *arg, const struct store_entry *e)
{
    struct tally *t = arg;
    bool over = str_eq(e->phase, "Succeeded") || str_eq(e->phase, "Failed");
    t->pods += str_eq(e->node, t->host) && !e->deleting && !over;
    return true;
}

/* Those of this owner on the host, pods and spares; `others`: spares of anybody. */
static int count_on(const struct warm *w, const char *host, const char *owner, int *ret_others)
{
    struct tally t = {.host = host};
    struct client_filter mine = {.owner_uid = owner};
    void *value;
    client_each_entry(w->nodes->client, w->nodes->pod_kind, &mine, tally_pod, &t);
    *ret_others = 0;
    for (size_t it = 0; map_next(w->spares, &it, NULL, &value);) {
        const struct spare *s = value;
        bool here = warm_plan_counts(s) && str_eq(s->host, host);
        *ret_others += here;
        t.pods += here && str_eq(s->owner, owner);
    }
    return t.pods;
}

/* As the scheduler would: where the fewest of them are, then where the fewest pods are. */
static const struct agent *choose_host(const struct warm *w, const char *owner)
{
    const struct agent *best = NULL;
    int fewest = 0, most_room = 0;
    void *value;
    for (size_t it = 0; map_next(w->nodes->agents, &it, NULL, &value);) {
        const struct agent *a = value;
        int others;
        if (!takes_pods(a)) {
            continue;
        }
        int mine = count_on(w, a->name, owner, &others);
        int all = a->pods + others;
        if (best == NULL || mine < fewest || (mine == fewest && all < most_room)) {
            best = a;
            fewest = mine;
            most_room = all;
        }
    }
    return best;
}

/* ---- which next ---- */

static unsigned spares_of(const struct warm *w, const char *owner)
{
    unsigned n = 0;
    void *value;
    for (size_t it = 0; map_next(w->spares, &it, NULL, &value);) {
        const struct spare *s = value;
        n += warm_plan_counts(s) && str_eq(s->owner, owner);
    }
    return n;
}

struct search {
    const struct warm *w;
    const json_t *best; /* the ReplicaSet with the fewest; NULL: none wants any */
    unsigned fewest, most;
};

static bool consider(void *arg, const json_t *set)
{
    struct search *s = arg;
    unsigned n = spares_of(s->w, object_uid(set));
    s->most = n > s->most ? n : s->most;
    if (is_eligible(set) && is_settled(set) && (s->best == NULL || n < s->fewest)) {
        s->best = set;
        s->fewest = n;
    }
    return true;
}

/* The first number that is neither used nor has a spare. */
static uint64_t next_number(const struct warm *w, const json_t *set)
{
    struct pod_names names;
    pod_names_load(w->nodes->client, object_uid(set), &names);
    uint64_t n = names.next;
    for (bool taken = true; taken; n += taken) {
        cleanup_free char *name = pod_names_format(set, n);
        cleanup_free char *key = xasprintf("%s/%s", object_namespace(set), name);
        struct err err;
        taken = pod_names_used(&names, n) || map_find(w->spares, key) != NULL ||
                client_get(w->nodes->client, w->nodes->pod_kind, object_namespace(set), name,
                           &err) != NULL;
    }
    pod_names_fini(&names);
    return n;
}

static bool make_for(struct warm *w, const json_t *set)
{
    const struct agent *host = choose_host(w, object_uid(set));
    if (host == NULL) {
        return false;
    }
    uint64_t number = next_number(w, set);
    cleanup_free char *pod = pod_names_format(set, number);
    const struct spare_plan plan = {
        .ns = object_namespace(set),
        .pod = pod,
        .owner = object_uid(set),
        .host = host->name,
        .number = number,
        .epoch = host->epoch,
    };
    return spare_make(w, &plan);
}

bool warm_plan_next(struct warm *w, bool full)
{
    struct search s = {.w = w};
    client_each(w->nodes->client, w->sets, NULL, consider, &s);
    if (s.best == NULL) {
        return false;
    }
    if (!full) {
        return make_for(w, s.best);
    }
    if (s.fewest >= ENOUGH || s.most < s.fewest + 2) {
        return false;
    }
    spare_drop(warm_plan_least(w)); /* when it is gone, the next one is made */
    return true;
}

struct spare *warm_plan_least(const struct warm *w)
{
    struct spare *least = NULL;
    unsigned most = 0;
    void *value;
    for (size_t it = 0; map_next(w->spares, &it, NULL, &value);) {
        struct spare *s = value;
        unsigned n = warm_plan_counts(s) ? spares_of(w, s->owner) : 0;
        if (n > most || (n == most && n > 0 && s->number > least->number)) {
            least = s;
            most = n;
        }
    }
    return least;
}
