/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what the shim was asked to run. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/shim.h"

static char *text;
static size_t len;

bool shim_config_read(void)
{
    struct stat st;
    int fd = open("config", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0) {
        return false;
    }
    len = (size_t)st.st_size;
    text = guest_alloc(len + 1);
    bool whole = read(fd, text, len) == (ssize_t)len;
    close(fd);
    return whole;
}

/* The value behind "key=" at or after *at, which moves past it; NULL: there is none. */
static char *next(size_t *at, const char *key)
{
    size_t n = strlen(key);
    while (*at < len) {
        char *entry = text + *at;
        *at += strlen(entry) + 1;
        if (strncmp(entry, key, n) == 0 && entry[n] == '=') {
            return entry + n + 1;
        }
    }
    return NULL;
}

const char *shim_config_get(const char *key, const char *dflt)
{
    size_t at = 0;
    const char *value = next(&at, key);
    return value != NULL ? value : dflt;
}

long long shim_config_num(const char *key)
{
    return atoll(shim_config_get(key, "0"));
}

char **shim_config_all(const char *key)
{
    size_t at = 0;
    size_t n = 0;
    char **all = guest_alloc(sizeof(*all));
    for (char *value; (value = next(&at, key)) != NULL;) {
        all = guest_grow(all, (n + 2) * sizeof(*all));
        all[n++] = value;
    }
    all[n] = NULL;
    return all;
}
