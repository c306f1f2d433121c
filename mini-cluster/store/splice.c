/* SPDX-License-Identifier: Apache-2.0 */
/* Walks only the members of the object and of its metadata: a field of the same name anywhere else
 * (in the data of a ConfigMap, in an owner) must not be mistaken for it. */
#include "store/splice.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* p is at the opening quote; the result is behind the closing one. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\') {
            p++;
        }
    }
    return p < end ? p + 1 : end;
}

static const char *skip_value(const char *p, const char *end)
{
    int depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (depth == 0 && (*p == ',' || *p == '}' || *p == ']')) {
            return p;
        } else {
            depth += *p == '{' || *p == '[' ? 1 : *p == '}' || *p == ']' ? -1 : 0;
            p++;
        }
        if (depth == 0 && p < end && (*p == ',' || *p == '}')) {
            return p;
        }
    }
    return end;
}

/* The value of a member of the object that begins at p; NULL when there is none. */
static const char *member(const char *p, const char *end, const char *name)
{
    size_t n = strlen(name);
    if (p == NULL || p >= end || *p != '{') {
        return NULL;
    }
    for (p++; p < end && *p == '"';) {
        const char *key = p + 1;
        p = skip_string(p, end);
        bool found = (size_t)(p - key) == n + 1 && memcmp(key, name, n) == 0;
        if (p >= end || *p != ':') {
            return NULL;
        }
        if (found) {
            return p + 1;
        }
        p = skip_value(p + 1, end);
        if (p < end && *p == ',') {
            p++;
        }
    }
    return NULL;
}

bool store_splice_revision(struct str *bytes, int64_t rev)
{
    const char *text = str_c(bytes), *end = text + bytes->len;
    const char *value = member(member(text, end, "metadata"), end, "resourceVersion");
    if (value == NULL || value >= end || *value != '"') {
        return false;
    }
    size_t at = (size_t)(value + 1 - text);
    const char *behind = skip_string(value, end);
    size_t old_n = (size_t)(behind - value) - 2;
    char digits[24];
    size_t n = (size_t)snprintf(digits, sizeof(digits), "%" PRId64, rev);
    str_reserve(bytes, n);
    memmove(bytes->p + at + n, bytes->p + at + old_n, bytes->len - at - old_n + 1);
    memcpy(bytes->p + at, digits, n);
    bytes->len = bytes->len - old_n + n;
    return true;
}
