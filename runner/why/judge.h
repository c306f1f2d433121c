/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the causes, the nearest blocking one first. A pure function: a scene goes in, an answer
 * comes out. */
#ifndef WHY_JUDGE_H
#define WHY_JUDGE_H

#include <jansson.h>

struct scene;

/* The answer of why.h; the caller owns it. The scene is derived already. */
json_t *judge_scene(const struct scene *s, const char *locale);

#endif
