/* SPDX-License-Identifier: Apache-2.0 */
/* Where an encoded object says its revision, so that a new one needs no second encoding. */
#ifndef STORE_SPLICE_H
#define STORE_SPLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"

/* Overwrites metadata.resourceVersion in compact JSON. False, and nothing changed, when it is not
 * there. */
bool store_splice_revision(struct str *bytes, int64_t rev);

#endif
