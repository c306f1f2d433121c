/* SPDX-License-Identifier: Apache-2.0 */
/* SPDY/3.1's header blocks: names and values, compressed with one context per connection and
 * direction, from a dictionary that both sides know. */
#ifndef HTTP_SPDY_HEADERS_H
#define HTTP_SPDY_HEADERS_H

#include <stddef.h>

#include "common/err.h"
#include "common/str.h"

struct map;
struct spdy_headers;

enum { SPDY_DICTIONARY_SIZE = 1423 };
void spdy_dictionary(unsigned char ret[SPDY_DICTIONARY_SIZE]);

struct spdy_headers *spdy_headers_new(void);
void spdy_headers_free(struct spdy_headers *h); /* NULL is fine */
/* Adds the names (lower case) and values of a block to a map of strings. After an error nothing
 * more can be read: the context is lost. */
int spdy_headers_read(struct spdy_headers *h, const char *block, size_t n, struct map *ret,
                      struct err *err) WARN_UNUSED;
/* A block of so many names and values, in turn. */
void spdy_headers_write(struct spdy_headers *h, const char *const *pairs, size_t npairs,
                        struct str *out);

#endif
