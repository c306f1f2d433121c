/* SPDX-License-Identifier: Apache-2.0 */
/* Whether labels match, as services and as kubectl -l mean it. */
#ifndef KUBE_LABELS_H
#define KUBE_LABELS_H

#include <stdbool.h>

#include <jansson.h>

/* A selector as kubectl takes it: "app=web,tier in (a, b),!old". NULL or "" matches everything;
 * what cannot be read matches nothing. */
bool kube_labels_match(const char *selector, const json_t *labels);
/* Every pair of `selector` ({app: web}) is in `labels`. An empty selector matches nothing, as a
 * Service's does. */
bool kube_labels_have(const json_t *selector, const json_t *labels);
/* matchLabels and matchExpressions of a Deployment. */
bool kube_labels_match_object(const json_t *selector, const json_t *labels);

#endif
