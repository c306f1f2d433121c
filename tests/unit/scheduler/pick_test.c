/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler's choice: room, spreading, and the sentence when there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "scheduler/cache.h"
#include "scheduler/fit.h"
#include "scheduler/pick.h"

#define GI ((int64_t)1 << 30)

static struct pick_node empty_node(void)
{
    return (struct pick_node){
        .cpu_free = 2000, .memory_free = 2 * GI, .cpu = 2000, .memory = 2 * GI, .pods_free = 110};
}

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *v = json_loads(text, 0, &e);
    assert_non_null(v);
    return v;
}

static void test_prefers_node_without_siblings(void **state)
{
    struct pick_pod pod = {.cpu = 100};
    struct pick_node nodes[] = {empty_node(), empty_node(), empty_node()};
    nodes[0].siblings = 1;
    nodes[1].siblings = 1;
    nodes[2].cpu_free = 500; /* fuller, but nobody of the family is there */
    assert_int_equal(pick(&pod, nodes, 3), 2);
}

static void test_prefers_room_then_order(void **state)
{
    struct pick_pod pod = {.cpu = 100};
    struct pick_node nodes[] = {empty_node(), empty_node(), empty_node()};
    assert_int_equal(pick(&pod, nodes, 3), 0);
    nodes[0].cpu_free = 1000;
    assert_int_equal(pick(&pod, nodes, 3), 1);
}

static void test_no_node_fits(void **state)
{
    struct pick_pod pod = {.cpu = 800, .memory = GI};
    struct pick_node nodes[] = {empty_node(), empty_node(), empty_node(), empty_node()};
    nodes[0].refused = PICK_TAINT | PICK_UNSCHEDULABLE;
    nodes[0].taint = "{a: b}";
    nodes[1].cpu_free = 700;
    nodes[2].cpu_free = 799;
    nodes[2].memory_free = 1;
    nodes[3].pods_free = 0;
    assert_int_equal(pick(&pod, nodes, 4), -1);
    cleanup_str struct str why = STR_INIT;
    pick_explain(&pod, nodes, 4, &why);
    assert_string_equal(str_c(&why),
                        "0/4 nodes are available: 1 Insufficient memory, 1 Too many pods, "
                        "1 node(s) were unschedulable, 2 Insufficient cpu.");
}

static void test_taint_is_named(void **state)
{
    struct pick_pod pod = {0};
    struct pick_node node = empty_node();
    node.refused = PICK_TAINT;
    node.taint = "{node.kubernetes.io/not-ready: }";
    cleanup_str struct str why = STR_INIT;
    pick_explain(&pod, &node, 1, &why);
    assert_string_equal(str_c(&why), "0/1 nodes are available: 1 node(s) had untolerated taint "
                                     "{node.kubernetes.io/not-ready: }.");
}

static void test_a_pod_that_asks_nothing_fits_a_full_node(void **state)
{
    struct pick_pod pod = {0};
    struct pick_node node = empty_node();
    node.cpu_free = -100;
    node.memory_free = 0;
    assert_int_equal(pick(&pod, &node, 1), 0);
}

static void test_tolerations(void **state)
{
    json_auto_t *taints = parse("[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoSchedule\"}]");
    json_auto_t *none = parse("{\"spec\":{}}");
    json_auto_t *equal = parse("{\"spec\":{\"tolerations\":[{\"key\":\"k\",\"value\":\"v\"}]}}");
    json_auto_t *other = parse("{\"spec\":{\"tolerations\":[{\"key\":\"k\",\"value\":\"w\"}]}}");
    json_auto_t *effect = parse("{\"spec\":{\"tolerations\":[{\"key\":\"k\",\"operator\":"
                                "\"Exists\",\"effect\":\"NoExecute\"}]}}");
    json_auto_t *all = parse("{\"spec\":{\"tolerations\":[{\"operator\":\"Exists\"}]}}");
    assert_non_null(fit_untolerated(none, taints));
    assert_null(fit_untolerated(equal, taints));
    assert_non_null(fit_untolerated(other, taints));
    assert_non_null(fit_untolerated(effect, taints));
    assert_null(fit_untolerated(all, taints));
}

static void test_selectors(void **state)
{
    json_auto_t *labels = parse("{\"disk\":\"ssd\",\"size\":\"7\"}");
    json_auto_t *plain = parse("{\"spec\":{\"nodeSelector\":{\"disk\":\"ssd\"}}}");
    json_auto_t *wrong = parse("{\"spec\":{\"nodeSelector\":{\"disk\":\"hdd\"}}}");
    assert_true(fit_selected(plain, "n", labels));
    assert_false(fit_selected(wrong, "n", labels));
    static const struct {
        const char *expression;
        bool fits;
    } rows[] = {
        {"{\"key\":\"disk\",\"operator\":\"In\",\"values\":[\"ssd\",\"nvme\"]}", true},
        {"{\"key\":\"disk\",\"operator\":\"NotIn\",\"values\":[\"ssd\"]}", false},
        {"{\"key\":\"gone\",\"operator\":\"NotIn\",\"values\":[\"ssd\"]}", true},
        {"{\"key\":\"gone\",\"operator\":\"DoesNotExist\"}", true},
        {"{\"key\":\"size\",\"operator\":\"Gt\",\"values\":[\"6\"]}", true},
        {"{\"key\":\"size\",\"operator\":\"Lt\",\"values\":[\"7\"]}", false},
        {"{\"key\":\"disk\",\"operator\":\"Gt\",\"values\":[\"6\"]}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_free char *text =
            xasprintf("{\"spec\":{\"affinity\":{\"nodeAffinity\":{"
                      "\"requiredDuringSchedulingIgnoredDuringExecution\":{\"nodeSelectorTerms\":["
                      "{\"matchExpressions\":[%s]}]}}}}}",
                      rows[i].expression);
        json_auto_t *pod = parse(text);
        assert_int_equal(fit_selected(pod, "n", labels), rows[i].fits);
    }
}

static const char node_text[] =
    "{\"metadata\":{\"name\":\"n1\"},\"status\":{\"allocatable\":{\"cpu\":\"2\",\"memory\":\"2Gi\","
    "\"pods\":\"110\"}}}";
static const char pod_text[] =
    "{\"metadata\":{\"name\":\"p\",\"ownerReferences\":[{\"uid\":\"rs\",\"controller\":true}]},"
    "\"spec\":{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"500m\",\"memory\":\"64Mi\"}}"
    ","
    "\"ports\":[{\"containerPort\":80,\"hostPort\":80}]},"
    "{\"resources\":{\"requests\":{\"cpu\":\"250m\"}}}],"
    "\"initContainers\":[{\"resources\":{\"requests\":{\"memory\":\"1Gi\"}}}]}}";

static void test_cache_counts_room(void **state)
{
    struct cache *c = cache_new();
    json_auto_t *node = parse(node_text);
    json_auto_t *pod = parse(pod_text);
    size_t n;
    cache_put_node(c, node);
    cache_put_pod(c, "uid-1", "n1", pod);
    cache_put_pod(c, "uid-1", "n1", pod); /* the watch confirms what was assumed */
    const struct pick_node *view = cache_view(c, pod, &n);
    assert_int_equal(n, 1);
    assert_int_equal(view[0].cpu_free, 1250);
    assert_int_equal(view[0].memory_free, GI);
    assert_int_equal(view[0].pods_free, 109);
    assert_int_equal(view[0].siblings, 1);
    assert_int_equal(view[0].refused, PICK_PORTS);
    assert_true(cache_delete_pod(c, "uid-1"));
    assert_false(cache_delete_pod(c, "uid-1"));
    view = cache_view(c, pod, &n);
    assert_int_equal(view[0].cpu_free, 2000);
    assert_int_equal(view[0].siblings, 0);
    assert_int_equal(view[0].refused, 0);
    cache_free(c);
}

static void test_nodes_are_in_order_of_names(void **state)
{
    struct cache *c = cache_new();
    static const char *const names[] = {"b", "c", "a"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_auto_t *node = json_pack("{s:{s:s}}", "metadata", "name", names[i]);
        cache_put_node(c, node);
    }
    assert_string_equal(cache_node_name(c, 0), "a");
    assert_string_equal(cache_node_name(c, 2), "c");
    cache_delete_node(c, "b");
    assert_int_equal(cache_nodes(c), 2);
    assert_string_equal(cache_node_name(c, 1), "c");
    assert_int_equal(cache_find_node(c, "c"), 1);
    assert_int_equal(cache_find_node(c, "b"), -1);
    assert_int_equal(cache_find_node(c, "x"), -1);
    cache_free(c);
}

static void test_a_wish_is_granted_when_it_costs_no_spread(void **state)
{
    struct pick_pod pod = {100, 0};
    struct pick_node nodes[] = {
        {.cpu_free = 2000, .cpu = 2000, .pods_free = 10, .siblings = 1},
        {.cpu_free = 500, .cpu = 2000, .pods_free = 10, .siblings = 1},
        {.cpu_free = 50, .cpu = 2000, .pods_free = 10, .siblings = 0},
        {.cpu_free = 2000, .cpu = 2000, .pods_free = 10, .siblings = 2},
    };
    int best = pick(&pod, nodes, 4);
    assert_int_equal(best, 0);
    assert_int_equal(pick_wished(&pod, nodes, best, 1), 1);
    assert_int_equal(pick_wished(&pod, nodes, best, 2), 0); /* has no room */
    assert_int_equal(pick_wished(&pod, nodes, best, 3), 0); /* has more siblings */
    assert_int_equal(pick_wished(&pod, nodes, best, -1), 0);
    assert_int_equal(pick_wished(&pod, nodes, -1, 1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefers_node_without_siblings),
        cmocka_unit_test(test_prefers_room_then_order),
        cmocka_unit_test(test_no_node_fits),
        cmocka_unit_test(test_taint_is_named),
        cmocka_unit_test(test_a_pod_that_asks_nothing_fits_a_full_node),
        cmocka_unit_test(test_tolerations),
        cmocka_unit_test(test_selectors),
        cmocka_unit_test(test_cache_counts_room),
        cmocka_unit_test(test_nodes_are_in_order_of_names),
        cmocka_unit_test(test_a_wish_is_granted_when_it_costs_no_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
