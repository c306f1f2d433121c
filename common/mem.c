/* SPDX-License-Identifier: Apache-2.0 */
/* Out of memory ends the program here, so that no caller has to think of it. */
#include "common/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void *must(void *p, size_t n)
{
    if (p == NULL && n > 0) {
        char line[96];
        int len = snprintf(line, sizeof(line), "out of memory: %zu bytes were wanted\n", n);
        ssize_t ignored = write(STDERR_FILENO, line, (size_t)len);
        (void)ignored;
        abort();
    }
    return p;
}

void *xmalloc(size_t n)
{
    return must(malloc(n > 0 ? n : 1), n);
}

void *xcalloc(size_t n, size_t size)
{
    return must(calloc(n > 0 ? n : 1, size > 0 ? size : 1),
                n > 0 && size > SIZE_MAX / n ? SIZE_MAX : n * size);
}

void *xrealloc(void *p, size_t n)
{
    return must(realloc(p, n > 0 ? n : 1), n);
}

char *xstrdup(const char *s)
{
    return s != NULL ? xmemdup(s, strlen(s) + 1) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
    return must(strndup(s, n), n + 1);
}

void *xmemdup(const void *p, size_t n)
{
    void *copy = xmalloc(n);
    if (n > 0) {
        memcpy(copy, p, n);
    }
    return copy;
}

char *xasprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = xvasprintf(fmt, ap);
    va_end(ap);
    return s;
}

char *xvasprintf(const char *fmt, va_list ap)
{
    char *s = NULL;
    if (vasprintf(&s, fmt, ap) < 0) {
        return must(NULL, strlen(fmt) + 1);
    }
    return s;
}
