/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' resource quantities ("250m", "64Mi", "1e3") as integers. */
#ifndef META_QUANTITY_H
#define META_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* Both round up, saturate at INT64_MAX, and return false for what is not a quantity. */
bool quantity_milli(const char *text, int64_t *ret);  /* thousandths: "250m" is 250, "2" is 2000 */
bool quantity_units(const char *text, int64_t *ret);  /* whole units: "64Mi" is 67108864 */
/* The same of a JSON value, which may be a number too. */
bool quantity_json_milli(const json_t *v, int64_t *ret);
bool quantity_json_units(const json_t *v, int64_t *ret);
/* -1, 0, 1; both must be quantities. */
int quantity_compare(const char *a, const char *b);
/* The canonical form that the API stores: "0.5" -> "500m", "1024Mi" -> "1Gi", "1000m" -> "1". False when it is none. */
bool quantity_canonical(const char *text, char *buf, size_t size);
/* For people: 500m -> "500m", 2000 -> "2"; bytes -> "64Mi", "1.4Gi". */
void quantity_format_milli(int64_t milli, char *buf, size_t size);
void quantity_format_bytes(int64_t bytes, char *buf, size_t size);

#endif
