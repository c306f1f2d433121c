/* SPDX-License-Identifier: Apache-2.0 */
/* Label and field selectors, parsed once and matched often. */
#ifndef META_SELECTOR_H
#define META_SELECTOR_H

#include <stdbool.h>

#include <jansson.h>

#include "common/err.h"
#include "common/str.h"

struct selector;

/* "app=web,tier in (a,b),!old,env!=prod"; "" matches everything. ERR_BAD_REQUEST in the words of
 * Kubernetes ("unable to parse requirement: ..."). */
int selector_parse(const char *text, struct selector **ret, struct err *err) WARN_UNUSED;
/* A LabelSelector object (matchLabels, matchExpressions). NULL matches nothing, {} everything. */
int selector_from_json(const json_t *label_selector, struct selector **ret,
                       struct err *err) WARN_UNUSED;
/* A plain map of labels, as a Service has; NULL or empty matches nothing. */
struct selector *selector_from_map(const json_t *labels);
void selector_free(struct selector *s); /* NULL is fine */

/* `labels` is an object of strings, or NULL. A NULL selector matches everything. */
bool selector_match(const struct selector *s, const json_t *labels);
bool selector_is_everything(const struct selector *s);
/* As text, sorted by key, in the form kubectl prints: "app=web,tier in (a,b)". */
void selector_format(const struct selector *s, struct str *out);

/* "metadata.name=x,status.phase!=Running": AND of = == and != on dotted paths. */
struct field_selector;
/* `known` lists the paths allowed, NULL-terminated; another is ERR_BAD_REQUEST "field label not
 * supported: PATH". metadata.name and metadata.namespace are always allowed. */
int field_selector_parse(const char *text, const char *const *known, struct field_selector **ret,
                         struct err *err) WARN_UNUSED;
void field_selector_free(struct field_selector *s);
bool field_selector_match(const struct field_selector *s, const json_t *obj);
/* The value that `path` must have, when there is such a requirement; NULL otherwise. */
const char *field_selector_requires(const struct field_selector *s, const char *path);

#endif
