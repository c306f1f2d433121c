/* SPDX-License-Identifier: Apache-2.0 */
/* A growing string, and the few string helpers that libc lacks. */
#ifndef COMMON_STR_H
#define COMMON_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `p` is NUL-terminated once anything was added, NULL before; `len` does not count the NUL. */
struct str {
    char *p;
    size_t len;
    size_t cap;
};

#define STR_INIT                                                                                   \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

void str_fini(struct str *s);
void str_clear(struct str *s);                  /* keeps the memory */
void str_reserve(struct str *s, size_t extra);  /* room for `extra` bytes and a NUL */
void str_add(struct str *s, const char *text);
void str_add_n(struct str *s, const void *bytes, size_t n);
void str_add_c(struct str *s, char c);
void str_add_f(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_add_vf(struct str *s, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void str_drop_front(struct str *s, size_t n);   /* removes the first n bytes */
char *str_take(struct str *s);                  /* the caller owns it now; "" when empty */
const char *str_c(const struct str *s);         /* borrowed; "" when empty */

#define cleanup_str __attribute__((cleanup(str_fini)))

bool str_eq(const char *a, const char *b);      /* NULL equals only NULL */
bool str_has_prefix(const char *s, const char *prefix);
bool str_has_suffix(const char *s, const char *suffix);
/* Copies what fits and always terminates; returns strlen(src). */
size_t str_copy(char *dst, size_t size, const char *src);
/* The whole of s as a decimal number in [min, max]; false, and nothing written, when it is not. */
bool str_to_i64(const char *s, int64_t min, int64_t max, int64_t *ret);
/* FNV-1a, the hash behind map.h and pod-template-hash. */
uint64_t str_hash(const void *bytes, size_t n);
uint32_t str_hash32(const void *bytes, size_t n);
/* Lower-case hex; dst has 2n+1 bytes. */
void str_hex(char *dst, const void *bytes, size_t n);
/* Base64 with padding, the standard alphabet. Decoding returns false on anything malformed. */
void str_base64(struct str *out, const void *bytes, size_t n);
bool str_unbase64(struct str *out, const char *text, size_t n);
/* Edit distance, capped at `max` + 1: what "did you mean" is built on. */
unsigned str_distance(const char *a, const char *b, unsigned max);

#endif
