/* SPDX-License-Identifier: Apache-2.0 */
/* The wire between mini-cluster and its guest: frames that survive a stream which drops, glues and
 * interleaves.
 *
 * The stream is the attached stdin (to the guest) and stdout (from it) of a container. A writer may
 * vanish within a frame, the next writer's bytes follow at once, and for a moment two may write.
 * So:
 *
 *   magic 9E 70 6C C1 | version | type | 0 0 | length 4 | seq 4 | epoch 8 | crc of payload 4 |
 *   crc of the 28 bytes before 4 | payload (length bytes, at most WIRE_MAX)         all big endian
 *
 * - A reader looks for the magic, checks both sums, and after any damage looks for the next magic
 *   behind it. A whole frame inside an unfinished one ends the unfinished one: nobody waits for
 * bytes that a vanished writer never sent.
 * - Every attachment is a new epoch, higher than any before. It begins with WIRE_SNAPSHOT, seq 1;
 *   every table frame after it counts one up. WIRE_SNAPSHOT_END ends the snapshot: what it did not
 *   name is gone. A frame of a lower epoch is ignored, and one out of order is not applied.
 * - The guest answers with WIRE_ACK: the last (epoch, seq) applied in the header, and in the
 * payload the number of the last WIRE_ASK (4 bytes) and 1 when it saw a gap. A writer that hears
 * nothing asks (WIRE_ASK, seq: the number); an answer that is behind means that frames were lost:
 * it begins a new epoch. */
#ifndef GUEST_WIRE_H
#define GUEST_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_HEADER = 32, WIRE_MAX = 16 * 1024, WIRE_VERSION = 1 };

enum wire_type {
    WIRE_SNAPSHOT = 1, /* to the guest: what follows replaces everything */
    WIRE_RECORDS,      /* records of table.h */
    WIRE_SNAPSHOT_END, /* the snapshot is whole */
    WIRE_ASK,          /* answer with an ACK, whatever happened */
    WIRE_ACK = 16,     /* from the guest */
    WIRE_COUNTS,       /* from the guest: counts of table.h */
};

struct wire_frame {
    uint8_t type;
    uint32_t seq;
    uint64_t epoch;
    uint32_t len;
    const uint8_t *payload; /* borrowed until the reader is fed again */
};

/* Writes header and payload; out holds WIRE_HEADER + len bytes. Returns that size. len must be at
 * most WIRE_MAX. */
size_t wire_encode(uint8_t *out, const struct wire_frame *f);

/* Takes bytes as they come and gives whole frames. Zeroed: empty. */
struct wire_reader {
    size_t start, len;
    uint64_t skipped; /* bytes that belonged to no frame */
    uint8_t buf[2 * (WIRE_HEADER + WIRE_MAX)];
};
/* Takes at most n bytes, returns how many; call wire_frame_next until false, then feed the rest. */
size_t wire_feed(struct wire_reader *r, const void *bytes, size_t n);
bool wire_frame_next(struct wire_reader *r, struct wire_frame *ret);

/* Where the guest stands in the stream. Zeroed: nothing seen. */
struct wire_session {
    uint64_t epoch;
    uint32_t seq;
    uint32_t asked;
    bool gap; /* something between was lost */
};
/* Whether the table frame is the next one and must be applied. An ASK is only noted. */
bool wire_session_take(struct wire_session *s, const struct wire_frame *f);

uint32_t wire_crc32(uint32_t crc, const void *bytes, size_t n);

/* ---- numbers and short strings in payloads ---- */

/* A bounded writer: what does not fit sets `full` and writes nothing more. */
struct wire_out {
    uint8_t *p;
    size_t len, cap;
    bool full;
};
void wire_put(struct wire_out *o, uint64_t value, unsigned bytes); /* big endian, 1 to 8 bytes */
void wire_put_str(struct wire_out *o, const char *s);              /* at most 255 bytes */

/* A bounded reader: past the end it gives zeros and sets `bad`. */
struct wire_in {
    const uint8_t *p;
    size_t len;
    bool bad;
};
uint64_t wire_get(struct wire_in *in, unsigned bytes);
void wire_get_str(struct wire_in *in, char ret[256]); /* without NUL bytes inside, or bad */

#endif
