/* SPDX-License-Identifier: Apache-2.0 */
/* What a cause collects while it looks: the arguments of its words, and its evidence. */
#ifndef WHY_FINDING_H
#define WHY_FINDING_H

#include <stdint.h>

#include <jansson.h>

struct scene;

struct finding {
    const struct scene *scene;
    const char *locale;
    const char *words; /* which row of the catalogue; the cause is what stands before its point */
    json_t *args;
    json_t *evidence;
};

void finding_init(struct finding *f, const struct scene *s, const char *locale);
void finding_fini(struct finding *f);

void finding_text(struct finding *f, const char *arg, const char *text);
void finding_number(struct finding *f, const char *arg, int64_t n);
void finding_span(struct finding *f, const char *arg, int64_t us);
/* A sentence of the catalogue, filled with what is known so far. */
void finding_words(struct finding *f, const char *arg, const char *id);
/* Appends to a list. */
void finding_add(struct finding *f, const char *arg, const char *text);
/* {object: "pod/web-q8", field, value, at}; at may be NULL. */
void finding_saw(struct finding *f, const json_t *obj, const char *field, const char *value,
                 const char *at);

/* The answer of why.h; `f` is used up. */
json_t *finding_answer(struct finding *f);

#endif
