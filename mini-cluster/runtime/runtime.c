/* SPDX-License-Identifier: Apache-2.0 */
/* The few things about containers that every driver and every user of one needs. */
#include "runtime/runtime.h"

#include <string.h>

#include "common/mem.h"
#include "common/str.h"

static const char *const roles[] = {
    [RUNTIME_HOST] = "host",
    [RUNTIME_SERVICES] = "services",
    [RUNTIME_SANDBOX] = "sandbox",
    [RUNTIME_APP] = "app",
    [RUNTIME_HAND] = "hand",
};

const char *runtime_role_name(enum runtime_role role)
{
    return (size_t)role < ARRAY_LEN(roles) ? roles[role] : "app";
}

enum runtime_role runtime_role_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (str_eq(name, roles[i])) {
            return (enum runtime_role)i;
        }
    }
    return RUNTIME_APP;
}

const char *runtime_status_label(const struct runtime_status *st, const char *key)
{
    size_t n = strlen(key);
    for (const char *const *l = st->labels; l != NULL && *l != NULL; l++) {
        if (strncmp(*l, key, n) == 0 && (*l)[n] == '=') {
            return *l + n + 1;
        }
    }
    return NULL;
}

/* Copies text to *at, which moves past it; NULL becomes "". */
static const char *put(char **at, const char *text)
{
    char *here = *at;
    size_t n = text != NULL ? strlen(text) : 0;
    memcpy(here, text != NULL ? text : "", n);
    here[n] = '\0';
    *at = here + n + 1;
    return here;
}

static size_t size_of(const char *text)
{
    return (text != NULL ? strlen(text) : 0) + 1;
}

struct runtime_status *runtime_status_copy(const struct runtime_status *st)
{
    size_t n = 0;
    size_t text = size_of(st->name) + size_of(st->id) + size_of(st->image_id) + size_of(st->host) +
                  size_of(st->hash) + size_of(st->error);
    for (; st->labels != NULL && st->labels[n] != NULL; n++) {
        text += size_of(st->labels[n]);
    }
    size_t array = (n + 1) * sizeof(char *);
    char *block = xmalloc(sizeof(*st) + array + text);
    struct runtime_status *copy = (struct runtime_status *)(void *)block;
    const char **labels = (const char **)(void *)(block + sizeof(*st));
    char *at = block + sizeof(*st) + array;
    *copy = *st;
    copy->name = put(&at, st->name);
    copy->id = put(&at, st->id);
    copy->image_id = put(&at, st->image_id);
    copy->host = put(&at, st->host);
    copy->hash = put(&at, st->hash);
    copy->error = put(&at, st->error);
    for (size_t i = 0; i < n; i++) {
        labels[i] = put(&at, st->labels[i]);
    }
    labels[n] = NULL;
    copy->labels = labels;
    return copy;
}
