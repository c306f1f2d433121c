/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the sender from the body: the service proxy hands on no header that says it. */
#include "check/answer.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/str.h"

/* Past spaces and tags. */
static const char *skip_markup(const char *p)
{
    for (;;) {
        p += strspn(p, " \t\r\n");
        const char *end = *p == '<' ? strchr(p, '>') : NULL;
        if (end == NULL) {
            return p;
        }
        p = end + 1;
    }
}

static size_t name_length(const char *p)
{
    size_t n = 0;
    while (isalnum((unsigned char)p[n]) || (n > 0 && (p[n] == '-' || p[n] == '.'))) {
        n++;
    }
    while (n > 0 && !isalnum((unsigned char)p[n - 1])) {
        n--; /* the full stop of a sentence */
    }
    return n;
}

static const char *take_name(const char *p, char *ret, size_t size)
{
    p = skip_markup(p);
    size_t n = name_length(p);
    size_t kept = n < size ? n : size - 1;
    memcpy(ret, p, kept);
    ret[kept] = '\0';
    return p + n;
}

/* The word before `at`, when it looks like a version. */
static void take_version(const char *body, const char *at, char *ret, size_t size)
{
    while (at > body && (isspace((unsigned char)at[-1]) || at[-1] == '>')) {
        bool tag = *--at == '>';
        while (tag && at > body && *at != '<') {
            at--;
        }
    }
    const char *end = at;
    while (at > body && (isalnum((unsigned char)at[-1]) || strchr(".-_", at[-1]) != NULL)) {
        at--;
    }
    size_t n = (size_t)(end - at);
    bool version = n > 0 && n < size && strcspn(at, "0123456789") < n;
    memcpy(ret, at, version ? n : 0);
    ret[version ? n : 0] = '\0';
}

/* Letters before it would make "from" the end of another word. */
static const char *find_from(const char *body)
{
    for (const char *p = body; (p = strstr(p, "from")) != NULL; p += 4) {
        bool begins = p == body || !isalnum((unsigned char)p[-1]);
        if (begins && (p[4] == ' ' || p[4] == '<') && name_length(skip_markup(p + 4)) > 0) {
            return p;
        }
    }
    return NULL;
}

static void read_words(const char *body, struct answer_sender *ret)
{
    const char *from = find_from(body);
    if (from == NULL) {
        return;
    }
    take_version(body, from, ret->version, sizeof(ret->version));
    const char *p = skip_markup(take_name(from + 4, ret->pod, sizeof(ret->pod)));
    if (strncmp(p, "on", 2) == 0 && (p[2] == ' ' || p[2] == '<')) {
        take_name(p + 2, ret->host, sizeof(ret->host));
    }
}

static void read_member(const json_t *json, const char *const *keys, char *ret, size_t size)
{
    for (; *keys != NULL && ret[0] == '\0'; keys++) {
        str_copy(ret, size, jx_get_str(json, *keys, ""));
    }
}

void answer_read(const char *body, const json_t *json, struct answer_sender *ret)
{
    static const char *const pod[] = {"pod", "podName", "pod_name", "hostname", NULL};
    static const char *const host[] = {"host", "node", "nodeName", "node_name", NULL};
    static const char *const version[] = {"version", NULL};
    *ret = (struct answer_sender){0};
    if (json_is_object(json)) {
        read_member(json, pod, ret->pod, sizeof(ret->pod));
        read_member(json, host, ret->host, sizeof(ret->host));
        read_member(json, version, ret->version, sizeof(ret->version));
    } else {
        read_words(body, ret);
    }
}
