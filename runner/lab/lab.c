/* SPDX-License-Identifier: Apache-2.0 */
/* Finds things in a lab, and frees it. */
#include "lab/lab.h"

#include <stdlib.h>
#include <string.h>

#include "lab/arena.h"

void lab_free(struct lab *lab)
{
    if (lab == NULL) {
        return;
    }
    json_decref(lab->cluster);
    arena_free(lab->arena);
    free(lab);
}

const struct lab_step *lab_find_step(const struct lab *lab, const char *id)
{
    for (size_t i = 0; i < lab->nsteps; i++) {
        if (strcmp(lab->steps[i].id, id) == 0) {
            return &lab->steps[i];
        }
    }
    return NULL;
}

size_t lab_step_index(const struct lab *lab, const struct lab_step *step)
{
    return (size_t)(step - lab->steps);
}

const struct lab_probe *lab_find_probe(const struct lab *lab, const char *id)
{
    for (size_t i = 0; i < lab->nprobes; i++) {
        if (strcmp(lab->probes[i].id, id) == 0) {
            return &lab->probes[i];
        }
    }
    return NULL;
}
