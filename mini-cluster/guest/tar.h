/* SPDX-License-Identifier: Apache-2.0 */
/* What packing and unpacking share. */
#ifndef GUEST_TAR_H
#define GUEST_TAR_H

#include <stddef.h>

enum { TAR_BLOCK = 512, TAR_PATH = 4096 };

/* A header as POSIX has it; numbers are octal text. */
struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
    char magic[8], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is a block");

unsigned tar_checksum(const struct tar_header *h);
/* What follows n bytes so that the next header begins at a block. */
size_t tar_padding(unsigned long long n);
void tar_complain(const char *what); /* with errno; then the exit status is 1 */
int tar_status(void);

/* Each gives the exit status. */
int tar_create(int n, char **paths);
int tar_extract(void);

#endif
