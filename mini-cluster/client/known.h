/* SPDX-License-Identifier: Apache-2.0 */
/* Which version of each object a watch has reported last, so that one that fell behind can say what
 * went away meanwhile. Eight bytes an object: the entries are shared with the store. */
#ifndef CLIENT_KNOWN_H
#define CLIENT_KNOWN_H

#include "common/vec.h"
#include "store/store.h"

struct known {
    VEC(const struct store_entry *) entries; /* by namespace, then name; each a reference */
};

void known_fini(struct known *k);
void known_put(struct known *k, const struct store_entry *e); /* takes a reference of its own */
void known_remove(struct known *k, const struct store_entry *e);
/* NULL when it has not been reported. */
const struct store_entry *known_find(const struct known *k, const struct store_entry *e);

#endif
