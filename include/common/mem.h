/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that never fails, and locals that clean up after themselves. */
#ifndef COMMON_MEM_H
#define COMMON_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* The xmalloc family: out of memory ends the program with a sentence. free() releases the result. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);            /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
void *xmemdup(const void *p, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/* A zeroed struct: `struct foo *f = xnew(struct foo);` */
#define xnew(type) ((type *)xcalloc(1, sizeof(type)))

static inline void mem_cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void mem_cleanup_close(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* On every local that owns: `cleanup_free char *s = xstrdup(...)`; `cleanup_close int fd = -1`. */
#define cleanup_free __attribute__((cleanup(mem_cleanup_free)))
#define cleanup_close __attribute__((cleanup(mem_cleanup_close)))

/* Hands over what a cleanup local owns: `*ret = steal(s);` leaves s NULL. */
#define steal(p)                                                                                   \
    __extension__({                                                                                \
        __typeof__(p) steal_p_ = (p);                                                              \
        (p) = NULL;                                                                                \
        steal_p_;                                                                                  \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
