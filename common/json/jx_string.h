/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand in a JSON string, and what its escapes mean. */
#ifndef COMMON_JSON_JX_STRING_H
#define COMMON_JSON_JX_STRING_H

#include <stddef.h>

#include "common/str.h"

/* The length of the UTF-8 sequence at p, 0 when it is none (overlong forms and surrogates too). */
size_t jx_string_utf8(const char *p, const char *end);
/* Appends the unescaped text of [p, end), in which every backslash has a byte behind it. NULL when
 * all is well, else where it is not, and *ret_what says why. */
const char *jx_string_unescape(struct str *out, const char *p, const char *end,
                               const char **ret_what);

#endif
