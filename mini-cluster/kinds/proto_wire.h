/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf at the level of bytes: one field after the other, every length checked. */
#ifndef KINDS_PROTO_WIRE_H
#define KINDS_PROTO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left to read; borrowed. */
struct wire {
    const uint8_t *p, *end;
};

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire_field {
    unsigned number;
    enum wire_type type;
    uint64_t value;    /* of a varint or a fixed one */
    struct wire bytes; /* of WIRE_BYTES */
};

bool wire_varint(struct wire *w, uint64_t *ret);
/* Reads the next field: 1; 0 at the end; -1 when the bytes are malformed (groups are, too). */
int wire_next(struct wire *w, struct wire_field *ret);
static inline size_t wire_len(const struct wire *w)
{
    return (size_t)(w->end - w->p);
}

#endif
