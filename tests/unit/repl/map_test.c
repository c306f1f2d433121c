/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what the map shows of hosts and pods. */
#include "common/testing.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/json/yaml.h"
#include "common/mem.h"
#include "kube/units.h"
#include "repl/map.h"

static json_t *list(const char *yaml)
{
    json_t *v = NULL;
    struct err err;
    if (yaml_parse(yaml, strlen(yaml), &v, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return v;
}

static void check_all(const char *nodes, const char *pods, const char *others, const char *want)
{
    static const struct style st = {.width = 78};
    cleanup_str struct str out = STR_INIT;
    json_auto_t *n = list(nodes);
    json_auto_t *p = list(pods);
    json_auto_t *o = list(others); /* {hosts: [], leases: [], clocks: []} */
    const json_t *more = json_array_get(o, 0);
    struct map_scene scene = {.nodes = json_array_get(n, 0),
                              .pods = json_array_get(p, 0),
                              .hosts = jx_arr(more, "hosts"),
                              .leases = jx_arr(more, "leases"),
                              .clocks = jx_arr(more, "clocks"),
                              .ns = "default"};
    assert_true(kube_time("2026-01-01T00:00:10Z", &scene.now_us));
    map_view_draw(&scene, &st, &out);
    if (strcmp(str_c(&out), want) != 0) {
        fail_msg("drawn:\n%s\ninstead of\n%s", str_c(&out), want);
    }
}

static void check(const char *nodes, const char *pods, const char *want)
{
    check_all(nodes, pods, "{}", want);
}

#define NODE(name, ready)                                                                          \
    "- metadata: {name: " name "}\n"                                                               \
    "  status: {allocatable: {cpu: '2'}, conditions: [{type: Ready, status: '" ready "'}]}\n"
#define POD(name, node, status)                                                                    \
    "- metadata: {name: " name ", namespace: default, ownerReferences: [{kind: ReplicaSet}]}\n"    \
    "  spec: {nodeName: " node ", containers: [{resources: {requests: {cpu: 600m}}}]}\n"           \
    "  status: " status "\n"
#define READY "{phase: Running, conditions: [{type: Ready, status: 'True'}]}"

static void pods_stand_on_their_hosts(void **state)
{
    check(NODE("worker-1", "True") NODE("worker-2", "True"),
          POD("web-6d4-x2", "worker-1", READY) POD("web-6d4-q8", "worker-1", "{phase: Pending}"),
          " worker-1   on       [x2:ok] [q8:starts]                          800m CPU free\n"
          " worker-2   on                                                       2 CPU free\n");
}

static void a_silent_host_is_not_believed(void **state)
{
    check(NODE("worker-1", "Unknown"), POD("web-6d4-x2", "worker-1", READY),
          " worker-1   SILENT   [x2:??]\n");
    check(NODE("worker-1", "False"), "[]",
          " worker-1   unready                                                  2 CPU free\n");
}

#define LEASE(name, at)                                                                            \
    "- {metadata: {name: " name "}, spec: {leaseDurationSeconds: 20, renewTime: "                  \
    "'2026-01-01T00:00:" at "Z'}}\n"

static void it_says_when_it_was_heard(void **state)
{
    static const char leases[] =
        "leases:\n" LEASE("worker-1", "09.700000") LEASE("worker-2", "06.900000");
    static const char clocks[] =
        "clocks: [{metadata: {name: cluster}, status: {heartbeat: 500ms}}]\n";
    cleanup_free char *with_clock = xasprintf("%s%s", leases, clocks);
    /* Believed still, and yet not heard as often as it should be. */
    check_all(NODE("worker-1", "True") NODE("worker-2", "True"), POD("web-x2", "worker-2", READY),
              with_clock,
              " worker-1   on                                                       2 CPU free\n"
              " worker-2   SILENT   [x2:??]                                    heard 3.1 s ago\n");
    /* Without a clock, the lease says what is usual. */
    check_all(NODE("worker-2", "True"), "[]", leases,
              " worker-2   on                                                       2 CPU free\n");
    check_all(NODE("worker-2", "Unknown"), "[]", leases,
              " worker-2   SILENT                                              heard 3.1 s ago\n");
}

static void what_was_made_by_hand_is_shown(void **state)
{
    check_all(NODE("worker-1", "True"), POD("web-x2", "worker-1", READY),
              "hosts:\n"
              "- metadata: {name: worker-1}\n"
              "  status:\n"
              "    containers:\n"
              "    - {id: a, name: web, state: running}\n"
              "    - {id: b, name: shop, state: exited}\n"
              "    - {id: c, name: quiet, state: running}\n"
              "    - {id: d, name: pod, state: running, pod: default/web-x2}\n"
              "    ports:\n"
              "    - {port: 8080, owner: web}\n"
              "    - {port: 8443, owner: web}\n",
              " worker-1   on       [x2:ok] [web:8080,8443] [shop:exited] [quiet:up]\n"
              "                     1.4 CPU free\n");
}

static void a_pod_without_a_host_waits(void **state)
{
    check(NODE("worker-1", "True"), POD("web-6d4-x2", "null", "{phase: Pending}"),
          " worker-1   on                                                       2 CPU free\n"
          " (no host)           [x2:waits]\n");
}

static void states_have_words(void **state)
{
    check(NODE("w", "True"),
          POD("a-1", "w", "{phase: Succeeded}") POD("a-2", "w", "{phase: Failed}")
              POD("a-3", "w", "{phase: Running}")
                  POD("a-4", "w",
                      "{phase: Running, containerStatuses: [{state: {waiting: {reason: "
                      "CrashLoopBackOff}}}]}"),
          " w          on       [1:over] [2:failed] [3:unready] [4:fails]    800m CPU free\n");
}

static void many_pods_go_on_on_the_next_line(void **state)
{
    cleanup_str struct str pods = STR_INIT;
    for (int i = 0; i < 9; i++) {
        str_add_f(&pods,
                  "- metadata: {name: pod-number-%d, namespace: default}\n"
                  "  spec: {nodeName: w, containers: [{}]}\n"
                  "  status: " READY "\n",
                  i);
    }
    str_add(&pods, "- metadata: {name: x, namespace: other}\n  spec: {nodeName: w}\n");
    check(NODE("w", "True"), pods.p,
          " w          on       [pod-number-0:ok] [pod-number-1:ok] [pod-number-2:ok]\n"
          "                     [pod-number-3:ok] [pod-number-4:ok] [pod-number-5:ok]\n"
          "                     [pod-number-6:ok] [pod-number-7:ok] [pod-number-8:ok]\n"
          "                     2 CPU free\n");
}

static void the_control_plane_is_left_out(void **state)
{
    check("- metadata: {name: control-plane, labels: {node-role.kubernetes.io/control-plane: ''}}\n"
          "  status: {}\n",
          "[]", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods_stand_on_their_hosts),
        cmocka_unit_test(a_silent_host_is_not_believed),
        cmocka_unit_test(it_says_when_it_was_heard),
        cmocka_unit_test(what_was_made_by_hand_is_shown),
        cmocka_unit_test(a_pod_without_a_host_waits),
        cmocka_unit_test(states_have_words),
        cmocka_unit_test(many_pods_go_on_on_the_next_line),
        cmocka_unit_test(the_control_plane_is_left_out),
    };
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
