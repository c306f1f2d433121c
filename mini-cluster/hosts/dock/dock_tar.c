/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon unpacks as root: what it gets is looked through entry by entry. */
#include "hosts/dock/dock_tar.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    BLOCK = 512,
    NAME_AT = 0,
    NAME_SIZE = 100,
    SIZE_AT = 124,
    SIZE_SIZE = 12,
    TYPE_AT = 156,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_SIZE = 155,
};

static bool is_zero(const unsigned char *block)
{
    for (size_t i = 0; i < BLOCK; i++) {
        if (block[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Octal digits and nothing before them: other readers skip what may stand there, or read a size
 * beyond 8 GiB in another way, and would then see other entries than we. -1: something else. */
static int64_t parse_octal(const unsigned char *text, size_t n)
{
    int64_t value = 0;
    size_t i = 0;
    for (; i < n && text[i] >= '0' && text[i] <= '7'; i++) {
        value = value * 8 + (text[i] - '0');
    }
    bool digits = i > 0;
    for (; i < n; i++) {
        if (text[i] != ' ' && text[i] != '\0') {
            return -1;
        }
    }
    return digits ? value : -1;
}

/* Whether a part of this path is "..". */
static bool climbs(const char *path, size_t n)
{
    for (size_t i = 0; i < n && path[i] != '\0';) {
        size_t end = i;
        while (end < n && path[end] != '\0' && path[end] != '/') {
            end++;
        }
        if (end - i == 2 && path[i] == '.' && path[i + 1] == '.') {
            return true;
        }
        i = end + 1;
    }
    return false;
}

/* "17 path=a/b/c.txt\n" and the like, which say better what the entry behind them says. False: one
 * of them hides where it ends, or climbs. */
static bool records_ok(const char *text, size_t n)
{
    while (n > 0) {
        size_t len = 0, at = 0;
        for (; at < n && at < 8 && text[at] >= '0' && text[at] <= '9'; at++) {
            len = len * 10 + (size_t)(text[at] - '0');
        }
        if (at == 0 || at >= n || text[at] != ' ' || len <= at + 1 || len > n ||
            text[len - 1] != '\n') {
            return false;
        }
        const char *key = text + at + 1;
        const char *equals = memchr(key, '=', len - at - 1);
        size_t key_len = equals != NULL ? (size_t)(equals - key) : 0;
        bool path = key_len == 4 && memcmp(key, "path", 4) == 0;
        bool size = key_len == 4 && memcmp(key, "size", 4) == 0;
        bool sparse = key_len >= 10 && memcmp(key, "GNU.sparse", 10) == 0;
        if (equals == NULL || size || sparse ||
            (path && climbs(equals + 1, (size_t)(text + len - 1 - (equals + 1))))) {
            return false;
        }
        text += len;
        n -= len;
    }
    return true;
}

static int check_entry(const unsigned char *block, const unsigned char *body, int64_t size,
                       struct err *err)
{
    char type = (char)block[TYPE_AT];
    const char *text = (const char *)body;
    if (memcmp(block + MAGIC_AT, "ustar", 5) != 0) {
        return err_set(err, ERR_BAD_REQUEST, "the archive is none that docker cp makes");
    }
    if (type != '\0' && strchr("0125xgLK", type) == NULL) {
        return err_set(err, ERR_FORBIDDEN,
                       "the archive has an entry that is no file, folder or link: devices are not "
                       "copied into a container");
    }
    if ((type == 'x' || type == 'g') && !records_ok(text, (size_t)size)) {
        return err_set(err, ERR_FORBIDDEN,
                       "the archive has an entry whose name or size is not "
                       "what it seems");
    }
    bool climbing = climbs((const char *)block + NAME_AT, NAME_SIZE) ||
                    climbs((const char *)block + PREFIX_AT, PREFIX_SIZE) ||
                    (type == 'L' && climbs(text, (size_t)size));
    return climbing ? err_set(err, ERR_FORBIDDEN, "the archive has an entry with .. in its name")
                    : 0;
}

int dock_tar_check(const void *bytes, size_t n, struct err *err)
{
    const unsigned char *p = bytes;
    while (n >= BLOCK && !is_zero(p)) {
        int64_t size = parse_octal(p + SIZE_AT, SIZE_SIZE);
        uint64_t whole = size >= 0 ? ((uint64_t)size + BLOCK - 1) / BLOCK * BLOCK : UINT64_MAX;
        if (size < 0 || whole > n - BLOCK) {
            bool plain = memcmp(p + MAGIC_AT, "ustar", 5) == 0;
            return plain ? err_set(err, ERR_BAD_REQUEST, "the archive is not whole")
                         : err_set(err, ERR_FORBIDDEN,
                                   "the body is no plain archive: compressed ones are not taken");
        }
        if (check_entry(p, p + BLOCK, size, err) != 0) {
            return -1;
        }
        p += BLOCK + whole;
        n -= BLOCK + whole;
    }
    if (n > 0 && n < BLOCK && (bytes == (const void *)p)) {
        return err_set(err, ERR_FORBIDDEN,
                       "the body is no plain archive: compressed ones are not taken");
    }
    return 0;
}
