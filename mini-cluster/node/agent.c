/* SPDX-License-Identifier: Apache-2.0 */
/* Registration and heartbeats. A heartbeat renews the Lease and nothing else; the Node's status is
 * written when it changes, and once in a while. */
#include "node/agent.h"

#include "client/client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "meta/clock.h"
#include "meta/object.h"
#include "meta/time.h"
#include "node/pod.h"

/* Agents that beat in the same moment share a commit; beyond that they are spread. */
enum { STATUS_EVERY = 60, SLOTS = 64, PER_SLOT = 8 };

static const char lease_ns[] = "kube-node-lease";

/* ---- the Lease ---- */

/* Whole seconds, as the API has them: how long others wait before they doubt the node. */
static int lease_seconds(const struct agent *a)
{
    uint64_t grace = (*a->nodes->clock)->grace;
    uint64_t s = (grace + LOOP_S(1) - 1) / LOOP_S(1);
    return s > 0 ? (int)s : 1;
}

static json_t *new_lease(const struct agent *a, const char *now)
{
    struct err err;
    json_t *lease = json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:i, s:s}}", "apiVersion",
                              "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name",
                              a->name, "namespace", lease_ns, "spec", "holderIdentity", a->name,
                              "leaseDurationSeconds", lease_seconds(a), "renewTime", now);
    const json_t *node = client_get(a->nodes->client, a->nodes->node_kind, NULL, a->name, &err);
    if (node != NULL) { /* it goes with its node */
        json_t *owner = json_pack("{s:s, s:s, s:s, s:s}", "apiVersion", "v1", "kind", "Node",
                                  "name", a->name, "uid", object_uid(node));
        jx_put(lease, "metadata.ownerReferences", json_pack("[o]", owner));
    }
    return lease;
}

static void renew_lease(struct agent *a)
{
    struct nodes *n = a->nodes;
    struct err err;
    char now[28];
    time_format_micro(now, loop_wall_us(n->loop));
    json_t *patch = json_pack("{s:{s:s, s:i, s:s}}", "spec", "holderIdentity", a->name,
                              "leaseDurationSeconds", lease_seconds(a), "renewTime", now);
    int rc = client_patch(n->client, n->lease_kind, lease_ns, a->name, NULL, patch, NULL, &err);
    if (rc < 0 && err.code == ERR_NOT_FOUND) {
        rc = client_create(n->client, n->lease_kind, lease_ns, new_lease(a, now), NULL, &err);
    }
    if (rc < 0) {
        log_debug("node", "lease of %s: %s", a->name, err.msg);
    }
}

/* ---- the Node ---- */

/* Makes the Node when there is none: at the first start, and when somebody deleted it while the
 * machine is on. */
static const json_t *find_or_register(struct agent *a)
{
    struct nodes *n = a->nodes;
    struct err err;
    const json_t *node = client_get(n->client, n->node_kind, NULL, a->name, &err);
    if (node == NULL &&
        client_create(n->client, n->node_kind, NULL, agent_node_object(a), &node, &err) < 0) {
        log_warn("node", "register node %s: %s", a->name, err.msg);
        return NULL;
    }
    return node;
}

bool agent_speaks(const struct agent *a)
{
    return a->on && !a->cut && !a->frozen;
}

void agent_write_status(struct agent *a)
{
    struct nodes *n = a->nodes;
    struct err err;
    a->status_dirty = true;
    if (!agent_speaks(a)) {
        return;
    }
    const json_t *node = find_or_register(a);
    if (node == NULL) {
        return; /* the next heartbeat tries again */
    }
    bool was_ready = object_condition_is(node, "Ready", "True");
    json_t *obj = json_pack("{s:{s:s}, s:o}", "metadata", "name", a->name, "status",
                            agent_node_status(a, jx_get(node, "status")));
    if (client_update_status(n->client, n->node_kind, obj, &node, &err) < 0) {
        log_warn("node", "status of node %s: %s", a->name, err.msg);
        return;
    }
    bool is_ready = object_condition_is(node, "Ready", "True");
    a->status_dirty = is_ready != a->host_up; /* said on trust: see agent_node_status */
    if (was_ready != is_ready) {
        const char *what = is_ready ? "NodeReady" : "NodeNotReady";
        say_node(a, "Normal", what, "Node %s status is now: %s", a->name, what);
    }
}

void agent_see_node(struct agent *a, const json_t *node)
{
    bool as_said = object_condition_is(node, "Ready", a->host_up ? "True" : "False");
    if (!agent_speaks(a)) {
        return;
    }
    if (node == NULL) {
        agent_write_status(a);
        renew_lease(a); /* it went with the Node */
    } else if (!as_said) {
        a->status_dirty = true;
    }
}

/* ---- heartbeats ---- */

/* Every agent has its place within the period, so that many do not come at once. */
static void arm(struct agent *a)
{
    uint64_t period = (*a->nodes->clock)->heartbeat;
    uint64_t now = loop_mono_ns(a->nodes->loop);
    uint64_t place = period / SLOTS * (a->index / PER_SLOT % SLOTS);
    uint64_t due = now - now % period + place;
    while (due <= now) {
        due += period;
    }
    loop_timer_start(a->heartbeat, due - now);
}

static void beat(struct agent *a)
{
    if (!agent_speaks(a)) {
        return;
    }
    renew_lease(a);
    if (a->status_dirty || ++a->beats % STATUS_EVERY == 0) {
        agent_write_status(a);
    }
}

static void on_heartbeat(void *arg)
{
    struct agent *a = arg;
    arm(a);
    beat(a);
}

void agent_beat_now(struct agent *a)
{
    if (a->on) {
        on_heartbeat(a);
    }
}

/* ---- life ---- */

struct agent *agent_new(struct nodes *n, const struct node_opts *opts)
{
    struct agent *a = xnew(struct agent);
    a->nodes = n;
    a->index = n->agents_made++;
    a->name = xstrdup(opts->name);
    a->heartbeat = loop_timer_new(n->loop, on_heartbeat, a);
    return a;
}

void agent_free(void *arg)
{
    struct agent *a = arg;
    loop_timer_free(a->heartbeat);
    free(a->name);
    free(a->address);
    free(a);
}

void agent_begin(struct agent *a)
{
    struct nodes *n = a->nodes;
    struct err none;
    a->on = true;
    a->began_ns = loop_mono_ns(n->loop);
    a->was_ready = agent_was_ready(a, client_get(n->client, n->node_kind, NULL, a->name, &none));
    agent_write_status(a);
    if (agent_speaks(a)) {
        say_node(a, "Normal", "Starting", "Starting kubelet.");
        renew_lease(a);
    }
    arm(a);
}

void agent_end(struct agent *a)
{
    a->on = false;
    loop_timer_stop(a->heartbeat);
}
