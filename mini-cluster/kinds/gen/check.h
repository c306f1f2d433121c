/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of the data share: which attributes a mapping may have. */
#ifndef KINDS_GEN_CHECK_H
#define KINDS_GEN_CHECK_H

#include "kindc.h"

enum want { W_ANY, W_BOOL, W_INT, W_LIST, W_OBJECT, W_STRING, W_STRINGS };

struct attr {
    const char *name;
    enum want want;
    bool must;
};

/* Only known attributes, each of the right sort, none of the musts missing. */
bool check_attrs(struct kindc *c, const struct source *s, const char *where, const json_t *def,
                 const struct attr *attrs);
bool check_in(const char *s, const char *const *v, size_t n);
/* Whether there is a format of that name. */
bool check_format(const char *format);

#endif
