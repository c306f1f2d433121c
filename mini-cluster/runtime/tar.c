/* SPDX-License-Identifier: Apache-2.0 */
/* Writes ustar entries; a name too long for one gets GNU's long-name entry in front, which Docker
 * reads. */
#include "runtime/tar.h"

#include <stdio.h>
#include <string.h>

#define TAR_BLOCK ((size_t)512)
#define TAR_MTIME 1767225600 /* 2026-01-01: a time that never changes, so that the bytes do not */

struct tar_header {
    char name[100];
    char mode[8], uid[8], gid[8];
    char size[12], mtime[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6], version[2];
    char owner[32], group[32];
    char major[8], minor[8];
    char prefix[155];
    char pad[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a tar header is one block");

static void octal(char *field, size_t size, unsigned long long value)
{
    char digits[32];
    snprintf(digits, sizeof(digits), "%0*llo", (int)size - 1, value);
    memcpy(field, digits, size - 1);
}

static void put_checksum(struct tar_header *h)
{
    const unsigned char *bytes = (const unsigned char *)h;
    unsigned sum = 0;
    memset(h->checksum, ' ', sizeof(h->checksum));
    for (size_t i = 0; i < sizeof(*h); i++) {
        sum += bytes[i];
    }
    octal(h->checksum, 7, sum);
    h->checksum[6] = '\0';
}

static void pad_block(struct str *out, size_t n)
{
    static const char zeros[TAR_BLOCK];
    str_add_n(out, zeros, (TAR_BLOCK - n % TAR_BLOCK) % TAR_BLOCK);
}

/* A field of a header is terminated only when there is room. */
static void put_text(char *field, size_t size, const char *text)
{
    size_t n = strlen(text);
    memcpy(field, text, n < size ? n : size);
}

static void add_header(struct str *out, char type, const char *path, const char *link, size_t size,
                       unsigned mode)
{
    struct tar_header h = {0};
    put_text(h.name, sizeof(h.name), path);
    octal(h.mode, sizeof(h.mode), mode & 07777);
    octal(h.uid, sizeof(h.uid), 0);
    octal(h.gid, sizeof(h.gid), 0);
    octal(h.size, sizeof(h.size), size);
    octal(h.mtime, sizeof(h.mtime), TAR_MTIME);
    h.type = type;
    put_text(h.link, sizeof(h.link), link);
    memcpy(h.magic, "ustar ", 6); /* GNU's dialect, which the long names belong to */
    memcpy(h.version, " ", 2);
    put_checksum(&h);
    str_add_n(out, &h, sizeof(h));
}

static void add_long(struct str *out, char type, const char *text)
{
    size_t n = strlen(text) + 1;
    if (n - 1 <= sizeof(((struct tar_header *)0)->name)) {
        return;
    }
    add_header(out, type, "././@LongLink", "", n, 0644);
    str_add_n(out, text, n);
    pad_block(out, n);
}

static void add_entry(struct str *out, char type, const char *path, const char *link, size_t size,
                      unsigned mode)
{
    while (*path == '/') {
        path++;
    }
    add_long(out, 'K', link);
    add_long(out, 'L', path);
    add_header(out, type, path, link, size, mode);
}

void tar_add_dir(struct str *out, const char *path, unsigned mode)
{
    add_entry(out, '5', path, "", 0, mode);
}

void tar_add_file(struct str *out, const char *path, const void *bytes, size_t n, unsigned mode)
{
    str_reserve(out, n + 3 * TAR_BLOCK);
    add_entry(out, '0', path, "", n, mode);
    str_add_n(out, bytes, n);
    pad_block(out, n);
}

void tar_add_symlink(struct str *out, const char *path, const char *target)
{
    add_entry(out, '2', path, target, 0, 0777);
}

void tar_end(struct str *out)
{
    static const char zeros[2 * TAR_BLOCK];
    str_add_n(out, zeros, sizeof(zeros));
}
