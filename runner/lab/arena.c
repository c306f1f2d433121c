/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps every allocation of a lab in one list. */
#include "lab/arena.h"

#include <string.h>

#include "common/mem.h"
#include "common/vec.h"

struct arena {
    VEC(void *) all;
};

struct arena *arena_new(void)
{
    return xnew(struct arena);
}

void arena_free(struct arena *a)
{
    if (a == NULL) {
        return;
    }
    for (size_t i = 0; i < a->all.n; i++) {
        free(a->all.v[i]);
    }
    vec_fini(&a->all);
    free(a);
}

char *arena_take(struct arena *a, char *malloced)
{
    if (malloced != NULL) {
        vec_push(&a->all, malloced);
    }
    return malloced;
}

void *arena_alloc(struct arena *a, size_t n)
{
    void *p = xcalloc(1, n > 0 ? n : 1);
    vec_push(&a->all, p);
    return p;
}

char *arena_copy(struct arena *a, const char *text)
{
    return text != NULL ? arena_take(a, xstrdup(text)) : NULL;
}

char *arena_copy_n(struct arena *a, const char *text, size_t n)
{
    return arena_take(a, xstrndup(text, n));
}
