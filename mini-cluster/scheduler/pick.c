/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses a node, and says why each of the others was not taken. */
#include "scheduler/pick.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/vec.h"

enum { FULL = 1000 };

unsigned pick_refusal(const struct pick_pod *pod, const struct pick_node *node)
{
    if (node->refused != 0) {
        return node->refused & -node->refused; /* the first plugin that says no ends the question */
    }
    unsigned why = 0;
    if (node->pods_free < 1) {
        why |= PICK_PODS;
    }
    if (pod->cpu > 0 && pod->cpu > node->cpu_free) {
        why |= PICK_CPU;
    }
    if (pod->memory > 0 && pod->memory > node->memory_free) {
        why |= PICK_MEMORY;
    }
    return why;
}

static int64_t share(int64_t part, int64_t whole)
{
    return whole > 0 ? part * FULL / whole : 0;
}

/* How much would be left, in thousandths. */
static int64_t room(const struct pick_pod *pod, const struct pick_node *node)
{
    return (share(node->cpu_free - pod->cpu, node->cpu) +
            share(node->memory_free - pod->memory, node->memory)) /
           2;
}

/* The room of the best so far is kept: working it out takes two divisions, and this is asked for
 * every node by every pod. */
int pick(const struct pick_pod *pod, const struct pick_node *nodes, size_t n)
{
    int best = -1;
    int64_t best_room = 0;
    for (size_t i = 0; i < n; i++) {
        const struct pick_node *node = &nodes[i];
        if ((best >= 0 && node->siblings > nodes[best].siblings) || pick_refusal(pod, node) != 0) {
            continue;
        }
        int64_t has = room(pod, node);
        bool better = best < 0 || node->siblings < nodes[best].siblings || has > best_room ||
                      (has == best_room && node->pods_free > nodes[best].pods_free);
        if (better) {
            best = (int)i;
            best_room = has;
        }
    }
    return best;
}

int pick_wished(const struct pick_pod *pod, const struct pick_node *nodes, int best, int wished)
{
    bool as_good = best >= 0 && wished >= 0 && nodes[wished].siblings <= nodes[best].siblings &&
                   pick_refusal(pod, &nodes[wished]) == 0;
    return as_good ? wished : best;
}

/* ---- the reasons ---- */

struct reason {
    enum pick_reason bit;
    const char *text;
};

static const struct reason reasons[] = {
    {PICK_UNSCHEDULABLE, "node(s) were unschedulable"},
    {PICK_TAINT, "node(s) had untolerated taint"},
    {PICK_AFFINITY, "node(s) didn't match Pod's node affinity/selector"},
    {PICK_PORTS, "node(s) didn't have free ports for the requested pod ports"},
    {PICK_PODS, "Too many pods"},
    {PICK_CPU, "Insufficient cpu"},
    {PICK_MEMORY, "Insufficient memory"},
};

static void count_reasons(const struct pick_pod *pod, const struct pick_node *node,
                          struct map *counts)
{
    unsigned why = pick_refusal(pod, node);
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if ((why & reasons[i].bit) == 0) {
            continue;
        }
        bool taint = reasons[i].bit == PICK_TAINT && node->taint != NULL;
        cleanup_free char *text =
            xasprintf("%s%s%s", reasons[i].text, taint ? " " : "", taint ? node->taint : "");
        size_t so_far = (size_t)map_find(counts, text);
        map_put(counts, text, (void *)(so_far + 1)); /* the map's values are the numbers */
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void pick_explain(const struct pick_pod *pod, const struct pick_node *nodes, size_t n,
                  struct str *out)
{
    struct map *counts = map_new(NULL);
    for (size_t i = 0; i < n; i++) {
        count_reasons(pod, &nodes[i], counts);
    }
    VEC(char *) lines = {0};
    size_t it = 0;
    const char *text;
    void *count;
    while (map_next(counts, &it, &text, &count)) {
        vec_push(&lines, xasprintf("%zu %s", (size_t)count, text));
    }
    map_free(counts);
    if (lines.n > 0) {
        qsort(lines.v, lines.n, sizeof(lines.v[0]), by_text);
    }
    str_add_f(out, "0/%zu nodes are available", n);
    for (size_t i = 0; i < lines.n; i++) {
        str_add_f(out, "%s%s", i == 0 ? ": " : ", ", lines.v[i]);
        free(lines.v[i]);
    }
    str_add(out, ".");
    vec_fini(&lines);
}
