/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the protobuf decoder share: messages and their fields, and single values.
 */
#ifndef KINDS_PROTO_H
#define KINDS_PROTO_H

#include "kinds/kinds.h"
#include "kinds/proto_wire.h"

struct decoder {
    struct err *err;
    unsigned depth;
    unsigned values;
};

/* Where a value stands, for messages. */
struct spot {
    struct decoder *d;
    const struct kind_message *m;
    const struct kind_field *f;
};

/* Sets ERR_BAD_REQUEST, naming the spot. Returns -1. */
int proto_bad(const struct spot *s, const char *what);
bool proto_is_number(const struct kind_field *f);
/* One value; *ret is NULL for what Go would not show. */
int proto_value(const struct spot *s, const struct wire_field *wf, json_t **ret) WARN_UNUSED;
int proto_text(const struct spot *s, struct wire bytes, json_t **ret) WARN_UNUSED;
/* Adds the fields of a message to obj. */
int proto_message(struct decoder *d, const struct kind_message *m, struct wire bytes,
                  json_t *obj) WARN_UNUSED;

/* The fields 1 to 3 of a small message; what is missing is zero or empty. */
struct small {
    uint64_t number[4];
    struct wire bytes[4];
};
int proto_small(const struct spot *s, struct wire bytes, struct small *ret) WARN_UNUSED;

#endif
