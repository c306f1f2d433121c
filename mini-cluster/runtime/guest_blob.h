/* SPDX-License-Identifier: Apache-2.0 */
/* The guest program, carried inside this one: an image needs no file beside the binary. */
#ifndef RUNTIME_GUEST_BLOB_H
#define RUNTIME_GUEST_BLOB_H

extern const unsigned char guest_blob[];
extern const unsigned char guest_blob_end[];

#endif
