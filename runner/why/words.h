/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences of explanations, apart from the thinking, so that they can be translated. */
#ifndef WHY_WORDS_H
#define WHY_WORDS_H

#include <stdbool.h>

#include <jansson.h>

/* "{pod}" is args.pod; a list is joined ("a, b and c"); "{n|pod|pods}" is the first word when
 * args.n is 1. */
struct words_row {
    const char *id;    /* a cause, or a cause and a variant: "no-restart.another" */
    const char *first; /* what is, behind the check's name */
    const char *second;
    const char *third; /* NULL: two lines are enough */
    const char *look;  /* a command; "" when none shows more */
};

/* NULL when there are no such words. A locale without words speaks English. */
const struct words_row *words_find(const char *locale, const char *id);
/* Single expressions: "seen.fewer". */
const char *words_text(const char *locale, const char *id);
/* The caller frees. What is not in args stays as it stands, braces and all. */
char *words_fill(const char *format, const json_t *args);
/* Every id of the catalogue, for tests: NULL at the end. */
const struct words_row *words_at(size_t i);

#endif
