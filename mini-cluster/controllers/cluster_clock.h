/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of a running cluster: the object "cluster" of kind Clock is its face, and what anybody
 * writes there counts at once. */
#ifndef CONTROLLERS_CLUSTER_CLOCK_H
#define CONTROLLERS_CLUSTER_CLOCK_H

struct api;
struct clock;
struct cluster_clock;

/* Reads the object and makes it when it is missing: from `at_up`, which must outlive this. `changed`
 * is called from the loop, after *cluster_clock_now points to the new delays. */
struct cluster_clock *cluster_clock_new(struct api *api, const struct clock *at_up,
                                        void (*changed)(void *arg, const struct clock *before),
                                        void *arg);
void cluster_clock_free(struct cluster_clock *c); /* NULL is fine */

/* To be read at every use; valid as long as `c`. */
const struct clock *const *cluster_clock_now(const struct cluster_clock *c);

#endif
