/* SPDX-License-Identifier: Apache-2.0 */
/* Images: looked for and fetched once for all who want the same one at the same time. */
#ifndef NODE_PULL_H
#define NODE_PULL_H

#include <stdbool.h>

struct container;
struct nodes;

/* Whether the image is here, as far as the policy wants to know. Asks when it is not known; sets
 * the container's waiting reason and back-off when it cannot be had. */
bool pull_ready(struct container *c, const char *image, const char *policy);
/* The container no longer waits for an image. */
void pull_forget(struct container *c);
/* The image that the container wants is not here after all. */
void pull_invalidate(struct container *c);
/* Nothing is known any more. */
void pull_invalidate_all(struct nodes *n);
/* A map value's end. */
void pull_free(void *pull);

#endif
