/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that never fails, environment, and lines for the log. */
#include "guest/guest.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *checked(void *p)
{
    if (p == NULL) {
        guest_log("out of memory");
        kill(getpid(), SIGKILL); /* as the kernel would; PID 1 of a container survives that */
        _exit(137);
    }
    return p;
}

void *guest_alloc(size_t n)
{
    return checked(calloc(1, n > 0 ? n : 1));
}

void *guest_grow(void *p, size_t n)
{
    return checked(realloc(p, n > 0 ? n : 1));
}

char *guest_copy(const char *s)
{
    return checked(strdup(s));
}

const char *guest_env(const char *name, const char *dflt)
{
    const char *v = getenv(name);
    return v != NULL && v[0] != '\0' ? v : dflt;
}

long guest_env_num(const char *name, long dflt, long min, long max)
{
    const char *v = guest_env(name, NULL);
    const char *end = v;
    unsigned n = 0;
    if (v == NULL) {
        return dflt;
    }
    if (!guest_take_num(&end, (unsigned)max, &n) || *end != '\0' || n < (unsigned)min) {
        guest_log("%s is \"%s\", not a number from %ld to %ld: taking %ld", name, v, min, max,
                  dflt);
        return dflt;
    }
    return (long)n;
}

bool guest_take_num(const char **p, unsigned max, unsigned *ret)
{
    const char *s = *p;
    uint64_t n = 0;
    while (*s >= '0' && *s <= '9' && n <= max) {
        n = n * 10 + (unsigned)(*s++ - '0');
    }
    if (s == *p || n > max) {
        return false;
    }
    *p = s;
    *ret = (unsigned)n;
    return true;
}

char *guest_find(const char *text, size_t n, const char *needle)
{
    size_t len = strlen(needle);
    for (size_t i = 0; i + len <= n; i++) {
        if (memcmp(text + i, needle, len) == 0) {
            return (char *)(uintptr_t)(text + i);
        }
    }
    return NULL;
}

const char *guest_path(const char *path)
{
    static char paths[2][4096];
    static unsigned turn;
    const char *root = guest_env("PODLAB_ROOT", NULL);
    if (root == NULL || path[0] != '/') {
        return path;
    }
    char *ret = paths[turn++ % 2];
    snprintf(ret, sizeof(paths[0]), "%s%s", root, path);
    return ret;
}

void guest_each_line(const char *path, bool (*fn)(void *arg, char *line), void *arg)
{
    static char text[16 * 1024];
    int fd = open(guest_path(path), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0) {
        close(fd);
    }
    for (char *line = text; *line != '\0';) {
        char *next = line + strcspn(line, "\n");
        next += *next != '\0';
        if (next > line && next[-1] == '\n') {
            next[-1] = '\0';
        }
        if (!fn(arg, line)) {
            return;
        }
        line = next;
    }
}

unsigned guest_words(char *line, char **ret, unsigned max)
{
    unsigned n = 0;
    char *rest = NULL;
    char *word = strtok_r(line, " \t\r\n", &rest);
    for (; word != NULL && n < max; word = strtok_r(NULL, " \t\r\n", &rest)) {
        ret[n++] = word;
    }
    return n;
}

void guest_log(const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(line) - 1 ? (size_t)n : sizeof(line) - 2;
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0) {
        /* nobody listens */
    }
}
