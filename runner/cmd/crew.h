/* SPDX-License-Identifier: Apache-2.0 */
/* Proves several labs at once: this program again, a process and a cluster for each. */
#ifndef CMD_CREW_H
#define CMD_CREW_H

#include <stdbool.h>

#include <jansson.h>

#include "common/err.h"

struct crew_opts {
    const char *const *labs;
    int nlabs;
    int jobs; /* how many at once */
    const char *runtime; /* of their clusters; NULL: what is there */
    /* What one lab gave: "podlab test LAB -o json"; borrowed. NULL: it gave nothing, see err. */
    void (*on_result)(void *arg, const char *lab, const json_t *result, const struct err *err);
    void *arg;
};

/* Returns when all have ended. A signal that ends us ends them first, and they their clusters. */
void crew_run(const struct crew_opts *opts);

#endif
