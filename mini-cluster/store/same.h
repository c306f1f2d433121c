/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an update changes anything, found out without parsing what is there. */
#ifndef STORE_SAME_H
#define STORE_SAME_H

#include <stdbool.h>
#include <stddef.h>

/* False when two compact encodings cannot mean the same value; true when only a look at the trees
 * can tell (another order of keys, 1 and 1.0). */
bool store_same_maybe(const char *a, size_t na, const char *b, size_t nb);

#endif
