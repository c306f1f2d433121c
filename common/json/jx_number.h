/* SPDX-License-Identifier: Apache-2.0 */
/* Reals as text and back, whatever locale the program has set; shared by JSON and YAML. */
#ifndef COMMON_JSON_JX_NUMBER_H
#define COMMON_JSON_JX_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

enum { JX_NUMBER_SIZE = 40 };

/* `text` has the form of a number; false when it is past the range of a double. */
bool jx_number_parse(const char *text, size_t n, double *ret);
/* A short text that reads as the same double (0.5, not 0.50000000000000000); always with a point or
 * an exponent, so that it stays a real. Returns its length. */
size_t jx_number_format(char buf[JX_NUMBER_SIZE], double v);

#endif
