/* SPDX-License-Identifier: Apache-2.0 */
/* The choice itself: a pure function over integers. */
#ifndef SCHEDULER_PICK_H
#define SCHEDULER_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

/* Why a node cannot take the pod, in the order in which Kubernetes' plugins ask. Several resources
 * may be short at once, so these are bits. 0: it can. */
enum pick_reason {
    PICK_UNSCHEDULABLE = 1 << 0,
    PICK_TAINT = 1 << 1,
    PICK_AFFINITY = 1 << 2,
    PICK_PORTS = 1 << 3,
    PICK_PODS = 1 << 4,
    PICK_CPU = 1 << 5,
    PICK_MEMORY = 1 << 6,
};

/* A node as this pod sees it. */
struct pick_node {
    int64_t cpu_free, memory_free; /* milli-CPUs and bytes not yet requested */
    int64_t cpu, memory;           /* allocatable */
    int pods_free;
    int siblings;      /* pods of the same owner that are there */
    unsigned refused;  /* reasons known beforehand: UNSCHEDULABLE, TAINT, AFFINITY, PORTS */
    const char *taint; /* of PICK_TAINT: "{key: value}" */
};

struct pick_pod {
    int64_t cpu, memory;
};

/* 0 when the node can take the pod, else the reasons. */
unsigned pick_refusal(const struct pick_pod *pod, const struct pick_node *node);

/* The index of the best node, -1 when none can. Fewest siblings first, then the most room left
 * (the mean of CPU and memory, in thousandths), then the lowest index. */
int pick(const struct pick_pod *pod, const struct pick_node *nodes, size_t n);

/* `wished` (-1: none) instead of `best`, when it can take the pod and has no more siblings. */
int pick_wished(const struct pick_pod *pod, const struct pick_node *nodes, int best, int wished);

/* "0/4 nodes are available: 1 node(s) had untolerated taint {a: b}, 3 Insufficient cpu." */
void pick_explain(const struct pick_pod *pod, const struct pick_node *nodes, size_t n,
                  struct str *out);

#endif
