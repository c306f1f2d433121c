/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what counts as moving, as resting, and as a change. */
#include "common/testing.h"

#include <stdio.h>
#include <string.h>

#include "check/motion.h"
#include "common/json/jx.h"
#include "common/json/yaml.h"
#include "kube/units.h"

#define READY "conditions: [{type: Ready, status: 'True'}]"
#define POD(status)                                                                                \
    "pods: [{metadata: {name: a}, spec: {nodeName: worker-1}, status: {" status "}}]"

static const struct row {
    const char *name, *objects;
    bool moving, steady, observed;
} rows[] = {
    {"nothing at all", "{}", false, true, true},
    {"a ready pod",
     POD("phase: Running, " READY ", containerStatuses: [{ready: true, state: {running: {}}}]"),
     false, true, true},
    {"a pod that ends",
     "pods: [{metadata: {deletionTimestamp: x}, spec: {nodeName: worker-1}, status: {phase: "
     "Running, " READY ", containerStatuses: [{ready: true, state: {running: {}}}]}}]",
     true, false, true},
    {"a pod that is made",
     POD("phase: Pending, containerStatuses: [{state: {waiting: {reason: ContainerCreating}}}]"),
     true, false, true},
    {"a pod nobody has looked at", "pods: [{spec: {}, status: {phase: Pending}}]", true, false,
     true},
    {"a pod without room",
     "pods: [{spec: {}, status: {phase: Pending, conditions: [{type: PodScheduled, status: "
     "'False', reason: Unschedulable}]}}]",
     false, true, true},
    {"an image that is not there",
     POD("phase: Pending, containerStatuses: [{state: {waiting: {reason: ImagePullBackOff}}}]"),
     false, false, true},
    {"a container that crashes",
     POD("phase: Running, containerStatuses: [{state: {waiting: {reason: CrashLoopBackOff}}}]"),
     false, false, true},
    {"a container between two lives",
     POD("phase: Running, containerStatuses: [{state: {terminated: {exitCode: 1}}}]"), true, false,
     true},
    {"a container just started",
     POD("phase: Running, containerStatuses: [{ready: false, state: {running: {startedAt: "
         "'2026-01-01T00:00:58Z'}}}]"),
     true, false, true},
    {"a container long unready",
     POD("phase: Running, containerStatuses: [{ready: false, state: {running: {startedAt: "
         "'2026-01-01T00:00:08Z'}}}]"),
     false, false, true},
    {"one of two is stuck",
     POD("phase: Running, containerStatuses: [{state: {waiting: {reason: CrashLoopBackOff}}}, "
         "{state: {waiting: {reason: ContainerCreating}}}]"),
     false, false, true},
    {"a pod on a silent host",
     "nodes: [{metadata: {name: worker-1}, status: {conditions: [{type: Ready, status: Unknown}]}}]"
     "\n" POD("phase: Running, containerStatuses: [{ready: true, state: {running: {}}}]"),
     true, false, true},
    {"a pod on a host that was switched off",
     "nodes: [{metadata: {name: worker-1}, status: {conditions: [{type: Ready, status: 'True'}]}}]"
     "\nhosts: [{metadata: {name: worker-1}, spec: {power: 'Off'}}]"
     "\n" POD("phase: Running, " READY
              ", containerStatuses: [{ready: true, state: {running: {}}}]"),
     true, false, true},
    {"a pod that was told to end on a host that is lost",
     "nodes: [{metadata: {name: worker-1}, status: {conditions: [{type: Ready, status: Unknown}]}}]"
     "\npods: [{metadata: {deletionTimestamp: x}, spec: {nodeName: worker-1}, status: {phase: "
     "Running}}]",
     false, true, true},
    {"a host that was switched off, and is believed",
     "nodes: [{metadata: {name: worker-1}, status: {conditions: [{type: Ready, status: 'True'}]}}]"
     "\nhosts: [{metadata: {name: worker-1}, spec: {network: Partitioned}}]",
     true, false, true},
    {"a host that is off, and known to be",
     "nodes: [{metadata: {name: worker-1}, status: {conditions: [{type: Ready, status: 'False'}]}}]"
     "\nhosts: [{metadata: {name: worker-1}, spec: {power: 'Off'}}]",
     false, true, true},
    {"a host that comes back",
     "nodes: [{metadata: {name: worker-1}, status: {conditions: [{type: Ready, status: Unknown}]}}]"
     "\nhosts: [{metadata: {name: worker-1}, spec: {power: 'On'}}]",
     true, false, true},
    {"a pod that is finished", POD("phase: Succeeded"), false, true, true},
    {"somebody else's pod",
     "pods: [{metadata: {labels: {other: x}}, spec: {}, status: {phase: Pending}}]", false, true,
     true},
    {"a Deployment at rest",
     "deployments: [{metadata: {generation: 2}, spec: {replicas: 3}, status: {observedGeneration: "
     "2, replicas: 3, updatedReplicas: 3}}]",
     false, true, true},
    {"a Deployment at zero",
     "deployments: [{metadata: {generation: 2}, spec: {replicas: 0}, status: {observedGeneration: "
     "2}}]",
     false, true, true},
    {"a Deployment nobody has seen yet",
     "deployments: [{metadata: {generation: 2}, spec: {replicas: 3}, status: {observedGeneration: "
     "1, replicas: 3, updatedReplicas: 3}}]",
     true, false, false},
    {"a Deployment with old pods",
     "deployments: [{metadata: {generation: 2}, spec: {replicas: 3}, status: {observedGeneration: "
     "2, replicas: 4, updatedReplicas: 1}}]",
     false, false, true},
    {"a ReplicaSet that is short of pods",
     "replicasets: [{metadata: {generation: 2}, spec: {replicas: 3}, status: {observedGeneration: "
     "2, replicas: 2}}]",
     false, false, true},
};

static bool is_about(void *arg, const json_t *obj)
{
    return jx_path(obj, "metadata.labels.other") == NULL;
}

static json_t *read(const char *text)
{
    json_t *docs = NULL;
    struct err err;
    if (yaml_parse(text, strlen(text), &docs, &err) < 0) {
        fail_msg("%s: %s", err.msg, text);
    }
    return docs;
}

static struct motion look(const char *text, const char *now)
{
    json_auto_t *docs = read(text);
    const json_t *all = json_array_get(docs, 0);
    struct motion_view v = {.pods = jx_arr(all, "pods"),
                            .replicasets = jx_arr(all, "replicasets"),
                            .deployments = jx_arr(all, "deployments"),
                            .nodes = jx_arr(all, "nodes"),
                            .hosts = jx_arr(all, "hosts"),
                            .is_about = is_about};
    struct motion m;
    assert_true(kube_time(now, &v.now_us));
    motion_look(&v, &m);
    return m;
}

static void test_rows(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct motion m = look(r->objects, "2026-01-01T00:01:00Z");
        if (m.moving != r->moving || m.steady != r->steady || m.observed != r->observed) {
            fail_msg("%s: moving %d, steady %d, observed %d", r->name, m.moving, m.steady,
                     m.observed);
        }
    }
}

static uint64_t signature(const char *text)
{
    return look(text, "2026-01-01T00:01:00Z").signature;
}

static void test_what_counts_as_a_change(void **state)
{
    uint64_t before = signature(POD("phase: Running"));
    assert_int_equal(before, signature(POD("phase: Running, podIP: 10.0.0.1")));
    assert_int_not_equal(before, signature(POD("phase: Pending")));
    assert_int_equal(
        signature(POD("containerStatuses: [{state: {waiting: {reason: ErrImagePull}}}]")),
        signature(POD("containerStatuses: [{state: {waiting: {reason: ImagePullBackOff}}}]")));
    assert_int_not_equal(before, signature(POD("phase: Running, " READY)));
    assert_int_not_equal(before,
                         signature(POD("phase: Running, containerStatuses: [{restartCount: 1}]")));
    assert_int_not_equal(
        before, signature("pods: [{metadata: {name: a, deletionTimestamp: x}, spec: {nodeName: "
                          "worker-1}, status: {phase: Running}}]"));
    assert_int_not_equal(signature("deployments: [{spec: {replicas: 2}}]"),
                         signature("deployments: [{spec: {replicas: 3}}]"));
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_what_counts_as_a_change)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
