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

bool lab_requires(const struct lab *lab, const char *what)
{
    for (size_t i = 0; lab->requires != NULL && lab->requires[i] != NULL; i++) {
        if (strcmp(lab->requires[i], what) == 0) {
            return true;
        }
    }
    return false;
}

size_t lab_step_index(const struct lab *lab, const struct lab_step *step)
{
    return (size_t)(step - lab->steps);
}

size_t lab_path(const struct lab *lab, size_t n, size_t *ret)
{
    size_t len = 0;
    while (n > 0) { /* backwards */
        const struct lab_step *from = n < lab->nsteps && lab->steps[n].from != NULL
                                          ? lab_find_step(lab, lab->steps[n].from)
                                          : NULL;
        n = from != NULL ? lab_step_index(lab, from) : n - 1;
        ret[len++] = n;
    }
    for (size_t i = 0; i < len / 2; i++) {
        size_t other = ret[i];
        ret[i] = ret[len - 1 - i];
        ret[len - 1 - i] = other;
    }
    return len;
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
