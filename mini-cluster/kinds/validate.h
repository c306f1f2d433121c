/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of validation: single values by their format, and the metadata of whole objects. */
#ifndef KINDS_VALIDATE_H
#define KINDS_VALIDATE_H

#include "kinds/walk.h"

/* What is wrong with a text by the rule of kind_field.format; NULL: nothing. */
const char *format_check(const char *format, const char *text);
/* The format of one value, or of the keys and values of a map. */
void format_validate(const struct kind_field *f, const json_t *v, const struct walk_at *at,
                     struct field_errs *errs);
/* What only the metadata of an object that is stored must have: a name, a namespace or none. */
void validate_object_meta(const struct kind *k, const json_t *meta, struct field_errs *errs);

#endif
