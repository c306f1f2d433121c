/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that fall silent, are tainted, cordoned, deleted, or come back, and what becomes of their
 * pods. The test plays the kubelets. */
#include "controllers/fixture.h"
#include "controllers/node_taints.h"

enum { NODES = 4 };

static const char *const names[NODES] = {"n1", "n2", "n3", "n4"};

static void node_says(struct fixture *f, const char *name, const char *ready)
{
    struct err err;
    json_auto_t *node = jx_edit(get(f, "nodes", name));
    object_set_condition(node, "Ready", ready, "KubeletReady", "ok", loop_wall_us(f->loop), false);
    assert_int_equal(client_update_status(f->client, kind("nodes"), steal(node), NULL, &err), 0);
}

static void add_node(struct fixture *f, const char *name)
{
    cleanup_free char *yaml = xasprintf("apiVersion: v1\nkind: Node\nmetadata: {name: %s}\n", name);
    apply(f, yaml);
    node_says(f, name, "True");
}

static void add_nodes(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++) {
        cleanup_free char *yaml = xasprintf(
            "apiVersion: coordination.k8s.io/v1\nkind: Lease\n"
            "metadata: {name: %s, namespace: kube-node-lease}\nspec: {holderIdentity: %s}\n",
            names[i], names[i]);
        add_node(f, names[i]);
        apply(f, yaml);
    }
}

static void heartbeat(struct fixture *f, const char *name)
{
    struct err err;
    static int beats;
    json_t *p = json_pack("{s:{s:i}}", "spec", "leaseTransitions", ++beats);
    assert_int_equal(client_patch(f->client, kind("leases.coordination.k8s.io"), "kube-node-lease",
                                  name, NULL, p, NULL, &err),
                     0);
}

/* Time passes; the nodes from `first` on renew their leases. */
static void live(struct fixture *f, int first, int last, unsigned ms)
{
    for (unsigned at = 0; at < ms; at += 250) {
        for (int i = first; i < last; i++) {
            heartbeat(f, names[i]);
        }
        run_ms(f, 250);
    }
}

/* A pod on that node; `tolerations` is YAML, "[]" for none of its own. */
static void add_pod(struct fixture *f, const char *name, const char *node, const char *tolerations)
{
    struct err err;
    cleanup_free char *yaml =
        xasprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\n"
                  "spec: {containers: [{name: c, image: i}], tolerations: %s}\n",
                  name, tolerations);
    apply(f, yaml);
    assert_int_equal(client_bind(f->client, "default", name, node, &err), 0);
    make_ready(f, 64);
}

static bool is_going(struct fixture *f, const char *pod)
{
    const json_t *p = get(f, "pods", pod);
    return p == NULL || object_deleting(p);
}

static bool is_ready(struct fixture *f, const char *node)
{
    return object_condition_is(get(f, "nodes", node), "Ready", "True");
}

static bool has_taint(struct fixture *f, const char *node, const char *key, const char *effect)
{
    size_t i;
    json_t *t;
    const json_t *taints = jx_arr(get(f, "nodes", node), "spec.taints");
    jx_each(i, t, taints)
    {
        if (strcmp(jx_get_str(t, "key", ""), key) == 0 &&
            strcmp(jx_get_str(t, "effect", ""), effect) == 0) {
            return true;
        }
    }
    return false;
}

#define UNREACHABLE "node.kubernetes.io/unreachable"
#define UNSCHEDULABLE "node.kubernetes.io/unschedulable"

struct search {
    const char *of, *reason;
    int found;
    char message[512];
};

static bool see_event(void *arg, const json_t *event)
{
    struct search *s = arg;
    if (strcmp(jx_str(event, "involvedObject.name", ""), s->of) == 0 &&
        strcmp(jx_get_str(event, "reason", ""), s->reason) == 0) {
        s->found++;
        str_copy(s->message, sizeof(s->message), jx_get_str(event, "message", ""));
    }
    return true;
}

static struct search find_event(struct fixture *f, const char *of, const char *reason)
{
    struct search s = {.of = of, .reason = reason};
    client_each(f->client, kind("events"), NULL, see_event, &s);
    return s;
}

/* ---- silence ---- */

static void test_a_silent_node_is_doubted_then_given_up(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    add_pod(f, "a", "n1", "[]");
    add_pod(f, "b", "n2", "[]");
    live(f, 0, 2, 4000);
    assert_true(is_ready(f, "n1"));
    assert_int_equal(jx_len(get(f, "nodes", "n1"), "spec.taints"), 0);
    live(f, 1, 2, 1500);
    assert_true(is_ready(f, "n1"));
    live(f, 1, 2, 500);
    const json_t *node = get(f, "nodes", "n1");
    const json_t *ready = object_condition(node, "Ready");
    assert_string_equal(jx_get_str(ready, "status", ""), "Unknown");
    assert_string_equal(jx_get_str(ready, "reason", ""), "NodeStatusUnknown");
    assert_string_equal(jx_get_str(ready, "message", ""), "Kubelet stopped posting node status.");
    const json_t *memory = object_condition(node, "MemoryPressure");
    assert_string_equal(jx_get_str(memory, "reason", ""), "NodeStatusNeverUpdated");
    assert_string_equal(jx_get_str(memory, "message", ""), "Kubelet never posted node status.");
    assert_true(has_taint(f, "n1", UNREACHABLE, "NoSchedule"));
    assert_true(has_taint(f, "n1", UNREACHABLE, "NoExecute"));
    assert_int_equal(find_event(f, "n1", "NodeNotReady").found, 1);
    /* nobody is sent to its pods any more, and nothing else has happened to them */
    assert_false(object_pod_ready(get(f, "pods", "a")));
    assert_false(is_going(f, "a"));
    live(f, 1, 2, 500);
    assert_true(is_going(f, "a"));
    assert_false(is_going(f, "b"));
    assert_true(object_pod_ready(get(f, "pods", "b")));
    const json_t *why = object_condition(get(f, "pods", "a"), "DisruptionTarget");
    assert_string_equal(jx_get_str(why, "reason", ""), "DeletionByTaintManager");
    assert_int_equal(find_event(f, "a", "TaintManagerEviction").found, 1);
    /* it stays Terminating, however long that takes */
    live(f, 1, 2, 20000);
    assert_non_null(get(f, "pods", "a"));
    /* the node comes back, and says what became of it */
    node_says(f, "n1", "True");
    heartbeat(f, "n1");
    run_ms(f, 50);
    assert_null(jx_path(get(f, "nodes", "n1"), "spec.taints"));
    assert_int_equal(finish_deletions(f), 1);
    assert_null(get(f, "pods", "a"));
}

static void test_back_in_time_nothing_goes(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    add_pod(f, "a", "n1", "[]");
    live(f, 0, 2, 1000);
    live(f, 1, 2, 2000);
    assert_false(is_ready(f, "n1"));
    node_says(f, "n1", "True");
    live(f, 0, 2, 5000);
    assert_false(is_going(f, "a"));
    assert_string_equal(find_event(f, "a", "TaintManagerEviction").message,
                        "Cancelling deletion of Pod default/a");
    /* what it waited does not count the next time */
    live(f, 1, 2, 2000);
    assert_false(is_ready(f, "n1"));
    assert_false(is_going(f, "a"));
    live(f, 1, 2, 500);
    assert_true(is_going(f, "a"));
}

/* Its word and its lease are there, and nobody has been told of them yet: it is not doubted then. */
static void test_back_in_the_moment_of_doubt(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    live(f, 0, 2, 1000);
    live(f, 1, 2, 4000);
    assert_false(is_ready(f, "n1"));
    node_says(f, "n1", "True");
    heartbeat(f, "n1");
    controllers_clock_changed(f->controllers, f->clock); /* looks at every node, now */
    loop_sim_tick(f->loop);
    assert_true(is_ready(f, "n1"));
    live(f, 0, 2, 250);
    assert_true(is_ready(f, "n1"));
    assert_int_equal(find_event(f, "n1", "NodeNotReady").found, 1);
    live(f, 1, 2, 4000);
    assert_false(is_ready(f, "n1"));
}

/* Not ready by its own word: another taint, the same consequences. */
static void test_a_node_that_says_it_is_not_ready(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    add_pod(f, "a", "n1", "[]");
    node_says(f, "n1", "False");
    live(f, 0, 2, 250);
    assert_true(has_taint(f, "n1", "node.kubernetes.io/not-ready", "NoExecute"));
    assert_false(object_pod_ready(get(f, "pods", "a")));
    assert_false(is_going(f, "a"));
    /* and then it falls silent: the time that has passed counts */
    live(f, 0, 2, 250);
    assert_true(is_going(f, "a"));
    live(f, 1, 2, 2250);
    assert_true(has_taint(f, "n1", UNREACHABLE, "NoExecute"));
    assert_false(has_taint(f, "n1", "node.kubernetes.io/not-ready", "NoExecute"));
}

static void test_a_closed_lid_evicts_nobody(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    add_pod(f, "a", "n1", "[]");
    live(f, 0, 2, 1000);
    loop_sim_gap(f->loop, LOOP_S(3600));
    run_ms(f, 1000);
    assert_true(is_ready(f, "n1"));
    assert_false(is_going(f, "a"));
    /* also when it closes between NotReady and the end of the pods' time */
    live(f, 1, 2, 1250);
    assert_false(is_ready(f, "n1"));
    loop_sim_gap(f->loop, LOOP_S(3600));
    live(f, 1, 2, 250);
    assert_false(is_going(f, "a"));
    live(f, 1, 2, 250);
    assert_true(is_going(f, "a"));
}

/* The store took no writes, so no lease could be renewed: the silence was ours. */
static void test_forgiven(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    live(f, 0, 2, 1000);
    run_ms(f, 1600);
    controllers_forgive(f->controllers);
    run_ms(f, 1000);
    assert_true(is_ready(f, "n1"));
    run_ms(f, 1100);
    assert_false(is_ready(f, "n1"));
}

/* ---- too many at once ---- */

static void test_when_nothing_is_ready_nothing_goes(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    add_pod(f, "a", "n1", "[]");
    add_pod(f, "b", "n2", "[]");
    live(f, 0, 2, 1000);
    run_ms(f, 10000);
    assert_false(is_ready(f, "n1"));
    assert_false(is_ready(f, "n2"));
    assert_true(has_taint(f, "n1", UNREACHABLE, "NoSchedule"));
    assert_false(has_taint(f, "n1", UNREACHABLE, "NoExecute"));
    assert_false(object_pod_ready(get(f, "pods", "a")));
    assert_false(is_going(f, "a"));
    assert_false(is_going(f, "b"));
    assert_string_equal(find_event(f, "n1", "EvictionStopped").message,
                        "No node is ready: no pod is given up until one is");
    /* one is back: the other one is a failed node now */
    node_says(f, "n2", "True");
    live(f, 1, 2, 250);
    assert_true(has_taint(f, "n1", UNREACHABLE, "NoExecute"));
    assert_int_equal(find_event(f, "n1", "EvictionResumed").found, 1);
    live(f, 1, 2, 500);
    assert_true(is_going(f, "a"));
    assert_false(is_going(f, "b"));
}

static void test_when_most_is_not_ready_no_more_go(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 4);
    add_pod(f, "a", "n1", "[]");
    live(f, 0, 4, 1000);
    live(f, 3, 4, 10000); /* three of four */
    assert_false(is_ready(f, "n1"));
    assert_true(is_ready(f, "n4"));
    assert_false(is_going(f, "a"));
    assert_string_equal(find_event(f, "n1", "EvictionStopped").message,
                        "3 of 4 nodes are not ready: no more pods are given up until fewer are");
    node_says(f, "n3", "True");
    live(f, 2, 4, 1000);
    assert_true(is_going(f, "a"));
}

/* One that fell silent before the others did: its pods' time goes on. */
static void test_what_was_begun_goes_on(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 4);
    add_pod(f, "a", "n1", "[{operator: Exists, effect: NoExecute, tolerationSeconds: 6}]");
    add_pod(f, "b", "n2", "[]");
    live(f, 0, 4, 1000);
    live(f, 1, 4, 4000); /* n1 is silent, and its pod waits */
    live(f, 3, 4, 6000); /* so are two more */
    assert_true(is_going(f, "a"));
    assert_false(is_going(f, "b"));
}

/* ---- tolerations ---- */

static void test_times_that_somebody_wrote_are_literal(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    add_pod(f, "dflt", "n1", "[]");
    add_pod(f, "five", "n1",
            "[{key: " UNREACHABLE ", operator: Exists, effect: NoExecute, tolerationSeconds: 5}]");
    add_pod(f, "ever", "n1", "[{key: " UNREACHABLE ", operator: Exists, effect: NoExecute}]");
    add_pod(f, "long", "n1", "[{operator: Exists, effect: NoExecute, tolerationSeconds: 300}]");
    live(f, 0, 2, 1000);
    live(f, 1, 2, 2500);
    assert_true(is_going(f, "dflt"));
    live(f, 1, 2, 4000);
    assert_false(is_going(f, "five"));
    live(f, 1, 2, 750);
    assert_true(is_going(f, "five"));
    live(f, 1, 2, 280000);
    assert_false(is_going(f, "long"));
    live(f, 1, 2, 20000);
    assert_true(is_going(f, "long"));
    assert_false(is_going(f, "ever"));
}

/* One that comes later waits as long as the others did. */
static void test_a_pod_that_comes_later(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    live(f, 1, 2, 10000);
    add_pod(f, "a", "n1",
            "[{key: " UNREACHABLE ", operator: Exists, effect: NoExecute, tolerationSeconds: 3}]");
    live(f, 1, 2, 2500);
    assert_false(is_going(f, "a"));
    assert_false(object_pod_ready(get(f, "pods", "a")));
    live(f, 1, 2, 750);
    assert_true(is_going(f, "a"));
}

static void taint(struct fixture *f, const char *node, const char *key)
{
    json_t *list = key[0] != '\0' ? json_pack("[{s:s, s:s}]", "key", key, "effect", "NoExecute")
                                  : json_array();
    patch(f, "nodes", node, NULL, json_pack("{s:{s:o}}", "spec", "taints", list));
}

/* A node that is well, and tainted by somebody. */
static void test_somebodys_taint(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    add_pod(f, "a", "n1", "[]");
    add_pod(f, "b", "n1", "[{key: repair, operator: Exists}]");
    add_pod(f, "c", "n1",
            "[{key: repair, operator: Exists, effect: NoExecute, tolerationSeconds: 3}]");
    add_pod(f, "d", "n1",
            "[{key: repair, operator: Exists, effect: NoExecute, tolerationSeconds: 300}]");
    add_pod(f, "e", "n2", "[]");
    live(f, 0, 2, 1000);
    taint(f, "n1", "repair");
    assert_true(is_going(f, "a"));
    live(f, 0, 2, 2500);
    assert_false(is_going(f, "c"));
    assert_true(object_pod_ready(get(f, "pods", "c")));
    taint(f, "n1", "");
    live(f, 0, 2, 5000);
    assert_false(is_going(f, "c"));
    taint(f, "n1", "repair");
    live(f, 0, 2, 3250);
    assert_true(is_going(f, "c"));
    assert_false(is_going(f, "b"));
    assert_false(is_going(f, "d")); /* 300 s of another taint are 300 s */
    assert_false(is_going(f, "e"));
}

/* Somebody knows that the machine is gone for good: then nothing waits for its word. */
static void test_out_of_service(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    add_pod(f, "a", "n1", "[]");
    live(f, 0, 2, 1000);
    live(f, 1, 2, 5000);
    assert_non_null(get(f, "pods", "a"));
    json_t *list = jx_edit(jx_arr(get(f, "nodes", "n1"), "spec.taints"));
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:s}", "key", "node.kubernetes.io/out-of-service",
                                    "value", "nodeshutdown", "effect", "NoExecute"));
    patch(f, "nodes", "n1", NULL, json_pack("{s:{s:o}}", "spec", "taints", list));
    assert_null(get(f, "pods", "a"));
}

/* ---- cordoned, deleted ---- */

static void test_cordon(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    add_pod(f, "a", "n1", "[]");
    patch(f, "nodes", "n1", NULL, json_pack("{s:{s:b}}", "spec", "unschedulable", 1));
    assert_true(has_taint(f, "n1", UNSCHEDULABLE, "NoSchedule"));
    live(f, 0, 2, 3000);
    assert_false(is_going(f, "a"));
    assert_true(object_pod_ready(get(f, "pods", "a")));
    patch(f, "nodes", "n1", NULL, json_pack("{s:{s:n}}", "spec", "unschedulable"));
    assert_int_equal(jx_len(get(f, "nodes", "n1"), "spec.taints"), 0);
}

static void test_pods_of_a_node_that_is_deleted_go(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    add_pod(f, "a", "n1", "[]");
    add_pod(f, "b", "n2", "[]");
    live(f, 0, 2, 1000);
    delete_object(f, "nodes", "n1", NULL);
    live(f, 1, 2, 1500);
    assert_false(is_going(f, "a")); /* it may come back */
    live(f, 1, 2, 750);
    assert_null(get(f, "pods", "a"));
    assert_non_null(get(f, "pods", "b"));
    assert_int_equal(find_event(f, "n1", "RegisteredNode").found, 1);
    assert_int_equal(find_event(f, "n1", "RemovingNode").found, 1);
}

static void test_pods_of_a_node_that_comes_back_stay(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    add_pod(f, "a", "n1", "[]");
    live(f, 0, 2, 1000);
    delete_object(f, "nodes", "n1", NULL);
    live(f, 1, 2, 1000);
    add_node(f, "n1");
    live(f, 0, 2, 10000);
    assert_false(is_going(f, "a"));
}

static void test_a_pod_on_a_node_that_never_was(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 1);
    add_pod(f, "a", "nowhere", "[]");
    live(f, 0, 1, 1500);
    assert_non_null(get(f, "pods", "a"));
    live(f, 0, 1, 750);
    assert_null(get(f, "pods", "a"));
}

/* ---- another clock ---- */

static void set_clock(struct fixture *f, const struct clock *clock)
{
    const struct clock *before = f->clock;
    f->clock = clock;
    controllers_clock_changed(f->controllers, before);
    run_ms(f, 20);
}

static void test_a_shorter_grace_counts_at_once(void **state)
{
    struct fixture *f = *state;
    struct clock patient = clock_lab;
    patient.grace = LOOP_S(20);
    patient.eviction = LOOP_S(60);
    add_nodes(f, 2);
    add_pod(f, "a", "n1", "[]");
    set_clock(f, &patient);
    live(f, 0, 2, 1000);
    live(f, 1, 2, 10000);
    assert_true(is_ready(f, "n1"));
    set_clock(f, &clock_lab);
    assert_false(is_ready(f, "n1"));
    set_clock(f, &patient);
    live(f, 1, 2, 10000);
    assert_false(is_ready(f, "n1")); /* what is believed stays believed */
    assert_false(is_going(f, "a"));
    set_clock(f, &clock_lab);
    assert_true(is_going(f, "a"));
}

/* Ten seconds without a word are nothing on a clock of ten seconds: they are no silence on the next
 * one either. */
static void test_a_shorter_heartbeat_excuses(void **state)
{
    struct fixture *f = *state;
    add_nodes(f, 2);
    add_pod(f, "a", "n1", "[]");
    set_clock(f, &clock_kubernetes);
    heartbeat(f, "n1");
    heartbeat(f, "n2");
    run_ms(f, 9000);
    set_clock(f, &clock_lab);
    run_ms(f, 1500);
    assert_true(is_ready(f, "n1"));
    live(f, 1, 2, 500);
    assert_false(is_ready(f, "n1")); /* but from here on it counts */
    assert_true(is_ready(f, "n2"));
    /* and who was silent for longer than that was silent */
    set_clock(f, &clock_kubernetes);
    node_says(f, "n1", "True");
    live(f, 0, 2, 500);
    live(f, 1, 2, 25000);
    assert_true(is_ready(f, "n1"));
    set_clock(f, &clock_lab);
    assert_false(is_ready(f, "n1"));
}

/* ---- pure parts ---- */

static json_t *parse(const char *text)
{
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    return v;
}

static void test_tolerance(void **state)
{
    json_auto_t *taints = parse("[{\"key\":\"" UNREACHABLE "\",\"effect\":\"NoExecute\"},"
                                "{\"key\":\"" UNREACHABLE "\",\"effect\":\"NoSchedule\"}]");
    static const struct {
        const char *tolerations;
        bool leaves;
        uint64_t after;
    } rows[] = {
        {"[]", true, 0},
        {"[{\"operator\":\"Exists\"}]", false, 0},
        {"[{\"key\":\"" UNREACHABLE "\",\"operator\":\"Exists\",\"effect\":"
         "\"NoExecute\",\"tolerationSeconds\":300}]",
         true, LOOP_MS(500)},
        {"[{\"key\":\"" UNREACHABLE "\",\"operator\":\"Exists\",\"effect\":"
         "\"NoExecute\",\"tolerationSeconds\":10}]",
         true, LOOP_S(10)},
        {"[{\"key\":\"" UNREACHABLE "\",\"operator\":\"Exists\",\"effect\":"
         "\"NoExecute\",\"tolerationSeconds\":-5}]",
         true, 0},
        {"[{\"operator\":\"Exists\",\"tolerationSeconds\":300,\"effect\":\"NoExecute\"}]", true,
         LOOP_S(300)},
        {"[{\"key\":\"other\",\"operator\":\"Exists\",\"effect\":\"NoExecute\"}]", true, 0},
        {"[{\"key\":\"" UNREACHABLE "\",\"operator\":\"Exists\",\"effect\":\"NoSchedule\"}]", true,
         0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_free char *text = xasprintf("{\"spec\":{\"tolerations\":%s}}", rows[i].tolerations);
        json_auto_t *pod = parse(text);
        uint64_t after = 0;
        assert_int_equal(node_tolerance(pod, taints, LOOP_MS(500), &after), rows[i].leaves);
        assert_int_equal(after, rows[i].after);
    }
}

static void test_zones(void **state)
{
    static const struct {
        size_t ready, not_ready;
        enum node_zone zone;
    } rows[] = {
        {0, 0, ZONE_NORMAL},   {1, 0, ZONE_NORMAL},   {0, 1, ZONE_FULL},     {0, 100, ZONE_FULL},
        {1, 1, ZONE_NORMAL},   {1, 2, ZONE_NORMAL},   {1, 3, ZONE_PARTIAL},  {2, 2, ZONE_NORMAL},
        {2, 3, ZONE_PARTIAL},  {10, 12, ZONE_NORMAL}, {9, 11, ZONE_PARTIAL}, {22, 28, ZONE_PARTIAL},
        {20, 80, ZONE_NORMAL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(node_zone_of(rows[i].ready, rows[i].not_ready), rows[i].zone);
    }
}

static void test_taints(void **state)
{
    static const struct {
        const char *node;
        enum node_zone zone;
        const char *taints;
    } rows[] = {
        {"{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}", ZONE_NORMAL,
         "[]"},
        {"{}", ZONE_FULL,
         "[{\"effect\":\"NoSchedule\",\"key\":\"node.kubernetes.io/not-ready\","
         "\"timeAdded\":\"1970-01-01T00:00:07Z\"}]"},
        /* what was there keeps its place and its time */
        {"{\"spec\":{\"taints\":[{\"key\":\"node.kubernetes.io/unreachable\",\"effect\":"
         "\"NoExecute\",\"timeAdded\":\"T\"},{\"key\":\"mine\",\"effect\":\"NoExecute\"},"
         "{\"key\":\"node.kubernetes.io/not-ready\",\"effect\":\"NoSchedule\"}]},"
         "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"Unknown\"}]}}",
         ZONE_PARTIAL,
         "[{\"key\":\"node.kubernetes.io/unreachable\",\"effect\":\"NoExecute\",\"timeAdded\":"
         "\"T\"},{\"key\":\"mine\",\"effect\":\"NoExecute\"},{\"effect\":\"NoSchedule\",\"key\":"
         "\"node.kubernetes.io/unreachable\",\"timeAdded\":\"1970-01-01T00:00:07Z\"}]"},
        {"{\"spec\":{\"unschedulable\":true},\"status\":{\"conditions\":[{\"type\":\"Ready\","
         "\"status\":\"True\"},{\"type\":\"DiskPressure\",\"status\":\"True\"}]}}",
         ZONE_NORMAL,
         "[{\"effect\":\"NoSchedule\",\"key\":\"node.kubernetes.io/unschedulable\",\"timeAdded\":"
         "\"1970-01-01T00:00:07Z\"},{\"effect\":\"NoSchedule\",\"key\":"
         "\"node.kubernetes.io/disk-pressure\",\"timeAdded\":\"1970-01-01T00:00:07Z\"}]"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *node = parse(rows[i].node);
        json_auto_t *want = parse(rows[i].taints);
        json_auto_t *got = node_taints(node, rows[i].zone, 7000000);
        if (!json_equal(got, want)) {
            cleanup_free char *text = jx_dump_text(got);
            fail_msg("row %zu: %s", i, text);
        }
    }
}

#define with_cluster(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        with_cluster(test_a_silent_node_is_doubted_then_given_up),
        with_cluster(test_back_in_time_nothing_goes),
        with_cluster(test_back_in_the_moment_of_doubt),
        with_cluster(test_a_node_that_says_it_is_not_ready),
        with_cluster(test_a_closed_lid_evicts_nobody),
        with_cluster(test_forgiven),
        with_cluster(test_when_nothing_is_ready_nothing_goes),
        with_cluster(test_when_most_is_not_ready_no_more_go),
        with_cluster(test_what_was_begun_goes_on),
        with_cluster(test_times_that_somebody_wrote_are_literal),
        with_cluster(test_a_pod_that_comes_later),
        with_cluster(test_somebodys_taint),
        with_cluster(test_out_of_service),
        with_cluster(test_cordon),
        with_cluster(test_pods_of_a_node_that_is_deleted_go),
        with_cluster(test_pods_of_a_node_that_comes_back_stay),
        with_cluster(test_a_pod_on_a_node_that_never_was),
        with_cluster(test_a_shorter_grace_counts_at_once),
        with_cluster(test_a_shorter_heartbeat_excuses),
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_zones),
        cmocka_unit_test(test_taints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
