/* SPDX-License-Identifier: Apache-2.0 */
/* The view is kept between pods: after any history it is what a new cache would show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "scheduler/cache.h"

enum { NODES = 7, PODS = 24, STEPS = 20000 };

struct world {
    uint64_t random;
    json_t *nodes[NODES]; /* NULL: deleted */
    json_t *pods[PODS];   /* what it asks for; NULL: unknown */
    int place[PODS];      /* the number of its node */
    struct cache *cache;
};

static unsigned below(struct world *w, unsigned bound)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(w->random >> 33) % bound;
}

static json_t *some_node(struct world *w, int i)
{
    char name[8];
    snprintf(name, sizeof(name), "n%d", i);
    json_t *node =
        json_pack("{s:{s:s, s:{s:s}}, s:{s:{s:s, s:s, s:s}}}", "metadata", "name", name, "labels",
                  "disk", below(w, 2) == 0 ? "ssd" : "hdd", "status", "allocatable", "cpu",
                  below(w, 2) == 0 ? "2" : "500m", "memory", "1Gi", "pods", "5");
    if (below(w, 3) == 0) {
        jx_put(node, "spec.taints",
               json_pack("[{s:s, s:s, s:s}]", "key", "k", "value", name, "effect", "NoSchedule"));
    }
    jx_put_bool(node, "spec.unschedulable", below(w, 5) == 0);
    return node;
}

static json_t *some_pod(struct world *w)
{
    json_t *container =
        json_pack("{s:{s:{s:s}}}", "resources", "requests", "cpu", below(w, 2) == 0 ? "0" : "100m");
    if (below(w, 4) == 0) {
        jx_put(container, "ports", json_pack("[{s:i}]", "hostPort", 80 + (int)below(w, 2)));
    }
    json_t *pod =
        json_pack("{s:{s:s}, s:{s:[o]}}", "metadata", "name", "p", "spec", "containers", container);
    char owner[8];
    snprintf(owner, sizeof(owner), "rs%u", below(w, 4));
    if (owner[2] != '0') {
        jx_put(pod, "metadata.ownerReferences",
               json_pack("[{s:s, s:b}]", "uid", owner, "controller", 1));
    }
    if (below(w, 4) == 0) {
        jx_put_str(pod, "spec.nodeSelector.disk", "ssd");
    }
    if (below(w, 4) == 0) {
        jx_put(pod, "spec.tolerations", json_pack("[{s:s}]", "operator", "Exists"));
    }
    return pod;
}

static void uid_of(unsigned i, char uid[8])
{
    snprintf(uid, 8, "u%u", i);
}

static void place(struct cache *c, const struct world *w, unsigned i)
{
    char uid[8];
    char node[8];
    uid_of(i, uid);
    snprintf(node, sizeof(node), "n%d", w->place[i]);
    cache_put_pod(c, uid, node, w->pods[i]);
}

static void change(struct world *w)
{
    unsigned n = below(w, NODES);
    unsigned p = below(w, PODS);
    char uid[8];
    uid_of(p, uid);
    switch (below(w, 8)) {
    case 0:
        json_decref(w->nodes[n]);
        w->nodes[n] = some_node(w, (int)n);
        cache_put_node(w->cache, w->nodes[n]);
        break;
    case 1:
        json_decref(steal(w->nodes[n]));
        char name[8];
        snprintf(name, sizeof(name), "n%u", n);
        cache_delete_node(w->cache, name);
        break;
    case 2:
    case 3:
        assert_int_equal(cache_delete_pod(w->cache, uid), w->pods[p] != NULL);
        json_decref(steal(w->pods[p]));
        break;
    default:
        if (w->pods[p] == NULL) {
            w->pods[p] = some_pod(w);
            w->place[p] = (int)n;
            place(w->cache, w, p);
        }
    }
}

static struct cache *make_anew(const struct world *w)
{
    struct cache *c = cache_new();
    for (unsigned i = 0; i < NODES; i++) {
        if (w->nodes[i] != NULL) {
            cache_put_node(c, w->nodes[i]);
        }
    }
    for (unsigned i = 0; i < PODS; i++) {
        if (w->pods[i] != NULL) {
            place(c, w, i);
        }
    }
    return c;
}

static void compare(struct world *w)
{
    json_auto_t *pod = some_pod(w);
    struct cache *fresh = make_anew(w);
    size_t n;
    size_t m;
    const struct pick_node *kept = cache_view(w->cache, pod, &n);
    const struct pick_node *made = cache_view(fresh, pod, &m);
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(kept[i].cpu_free, made[i].cpu_free);
        assert_int_equal(kept[i].memory_free, made[i].memory_free);
        assert_int_equal(kept[i].cpu, made[i].cpu);
        assert_int_equal(kept[i].memory, made[i].memory);
        assert_int_equal(kept[i].pods_free, made[i].pods_free);
        assert_int_equal(kept[i].siblings, made[i].siblings);
        assert_int_equal(kept[i].refused, made[i].refused);
        if ((kept[i].refused & PICK_TAINT) != 0) {
            assert_string_equal(kept[i].taint, made[i].taint);
        }
    }
    cache_free(fresh);
}

static void test_the_view_forgets_nothing(void **state)
{
    struct world w = {.random = 42, .cache = cache_new()};
    for (int i = 0; i < STEPS; i++) {
        change(&w);
        if (below(&w, 3) == 0) {
            compare(&w);
        }
    }
    for (int i = 0; i < NODES; i++) {
        json_decref(w.nodes[i]);
    }
    for (int i = 0; i < PODS; i++) {
        json_decref(w.pods[i]);
    }
    cache_free(w.cache);
}

/* Being cordoned is one reason, although there is a taint for it, too; and it can be tolerated. */
static void test_cordoned_once(void **state)
{
    static const struct {
        const char *tolerations;
        unsigned refused;
    } rows[] = {
        {"[]", PICK_UNSCHEDULABLE},
        {"[{\"operator\":\"Exists\"}]", 0},
        {"[{\"key\":\"node.kubernetes.io/unschedulable\",\"operator\":\"Exists\"}]", PICK_TAINT},
        {"[{\"key\":\"k\",\"operator\":\"Exists\"}]", PICK_UNSCHEDULABLE},
    };
    (void)state;
    struct cache *c = cache_new();
    json_auto_t *node =
        json_loads("{\"metadata\":{\"name\":\"n\"},\"spec\":{\"unschedulable\":true,\"taints\":["
                   "{\"key\":\"node.kubernetes.io/unschedulable\",\"effect\":\"NoSchedule\"},"
                   "{\"key\":\"k\",\"effect\":\"NoSchedule\"}]}}",
                   0, NULL);
    cache_put_node(c, node);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n;
        json_auto_t *pod =
            json_pack("{s:{s:o}}", "spec", "tolerations", json_loads(rows[i].tolerations, 0, NULL));
        const struct pick_node *seen = cache_view(c, pod, &n);
        assert_int_equal(n, 1);
        assert_int_equal(seen[0].refused, rows[i].refused);
    }
    cache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_view_forgets_nothing),
        cmocka_unit_test(test_cordoned_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
