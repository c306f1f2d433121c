/* SPDX-License-Identifier: Apache-2.0 */
/* What service links add to the environment of every container of a namespace: seven variables for
 * each port of each service, the same for all containers until a service changes. */
#ifndef NODE_LINKS_H
#define NODE_LINKS_H

struct env;
struct nodes;
struct spec_in;

/* Of the namespace of in->pod; borrowed until the next call. */
const struct env *links_of(struct nodes *n, const struct spec_in *in);
void links_free(void *links); /* what n->links holds */

#endif
