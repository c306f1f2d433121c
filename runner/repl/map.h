/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods and containers are on which host, and how much room is left there, or since when it is
 * silent. */
#ifndef REPL_MAP_H
#define REPL_MAP_H

#include <jansson.h>

#include "common/str.h"
#include "repl/style.h"

struct kube;
struct map_view;

/* `text` is borrowed; also when the cluster does not answer, then it says so. */
typedef void map_done(void *arg, const char *text);

/* Asks the cluster, answers once. The style is copied. */
struct map_view *map_view_new(struct kube *kube, const char *ns, const struct style *st,
                              map_done *done, void *arg);
void map_view_free(struct map_view *m); /* no answer; not after `done`; NULL is fine */

/* What is drawn: lists as the API gives them; those but the first two may be NULL. */
struct map_scene {
    const json_t *nodes, *pods;
    const json_t *hosts, *leases,
        *clocks; /* what a host's Docker runs; when nodes were last heard */
    const char *ns;
    int64_t now_us; /* wall */
};

/* The drawing itself. */
void map_view_draw(const struct map_scene *scene, const struct style *st, struct str *out);

#endif
