/* SPDX-License-Identifier: Apache-2.0 */
/* What a relay passes on of the headers: those that mean something end to end, in both directions,
 * and who asked for what, as proxies say it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/str.h"
#include "http/http_impl.h"

enum { MAX_HEADERS = 200 };

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcasecmp(name, *names) == 0) {
            return true;
        }
    }
    return false;
}

/* Of one connection, not of the message (RFC 9110, 7.6.1). */
static bool is_hop_by_hop(const char *name)
{
    static const char *const names[] = {
        "Connection",          "HTTP2-Settings",   "Keep-Alive", "Proxy-Authenticate",
        "Proxy-Authorization", "Proxy-Connection", "TE",         "Trailer",
        "Transfer-Encoding",   "Upgrade",          NULL,
    };
    return is_one_of(name, names);
}

/* Ours to say: the length is counted anew, the credentials are for us and not for pods. */
static bool is_ours(const char *name)
{
    static const char *const names[] = {
        "Authorization",    "Content-Length",    "Expect",          "Host", "X-Forwarded-For",
        "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Uri", NULL,
    };
    return is_one_of(name, names);
}

/* Whether a Connection header ("close, X-Trace") names this one as its own. */
static bool is_named_in(const char *list, const char *name)
{
    size_t n = strlen(name);
    while (list != NULL && *list != '\0') {
        list += strspn(list, " \t,");
        size_t len = strcspn(list, " \t,");
        if (len == n && strncasecmp(list, name, n) == 0) {
            return true;
        }
        list += len;
    }
    return false;
}

/* ---- towards the pod ---- */

struct gathering {
    header_lines *to;
    const char *connection;
};

static bool add_header(void *arg, const char *name, const char *value)
{
    struct gathering *g = arg;
    if (is_hop_by_hop(name) || is_ours(name) || is_named_in(g->connection, name) ||
        g->to->n >= MAX_HEADERS) {
        return true;
    }
    /* The client's way to say a header without a value is a semicolon. */
    vec_push(g->to, value[0] != '\0' ? xasprintf("%s: %s", name, value) : xasprintf("%s;", name));
    return true;
}

static void add_forwarded(const struct http_exchange *x, header_lines *to)
{
    const char *before = http_exchange_header(x, "X-Forwarded-For");
    const char *host = http_exchange_header(x, "Host");
    bool chain = before != NULL && before[0] != '\0';
    bool local = http_exchange_is_loopback(x);
    if (chain || local) {
        vec_push(to, xasprintf("X-Forwarded-For: %s%s%s", chain ? before : "",
                               chain && local ? ", " : "", local ? "127.0.0.1" : ""));
    }
    if (host != NULL && host[0] != '\0') {
        vec_push(to, xasprintf("X-Forwarded-Host: %s", host));
    }
    vec_push(to, xstrdup("X-Forwarded-Proto: https"));
    vec_push(to, xasprintf("X-Forwarded-Uri: %s", http_exchange_path(x)));
}

void headers_for_pod(const struct http_exchange *x, header_lines *ret)
{
    struct gathering g = {.to = ret, .connection = http_exchange_header(x, "Connection")};
    http_exchange_each_header(x, add_header, &g);
    add_forwarded(x, ret);
    vec_push(ret, NULL);
}

void headers_lines_fini(header_lines *lines)
{
    for (size_t i = 0; i < lines->n; i++) {
        free(lines->v[i]);
    }
    vec_fini(lines);
}

/* ---- back to the caller ---- */

void headers_note(header_list *list, const char *name, const char *value)
{
    if (name[0] == '\0' || value[0] == '\0' || list->n >= MAX_HEADERS) {
        return;
    }
    char *clean = xstrdup(value);
    for (char *p = clean; *p != '\0'; p++) {
        *p = *p == '\t' ? ' ' : *p; /* the server refuses to send tabs */
    }
    vec_push(list, ((struct http_header){.name = xstrdup(name), .value = clean}));
}

static void free_header(struct http_header *h)
{
    free((char *)(uintptr_t)h->name);
    free((char *)(uintptr_t)h->value);
}

void headers_list_fini(header_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free_header(&list->v[i]);
    }
    vec_fini(list);
}

static const char *find(const header_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcasecmp(list->v[i].name, name) == 0) {
            return list->v[i].value;
        }
    }
    return NULL;
}

/* What follows the pod's own scheme, address and port; NULL when it is somebody else's. */
static const char *own_path(const char *location, const struct api_relay *to)
{
    char origin[128];
    snprintf(origin, sizeof(origin), "%s://%s:%d", to->https ? "https" : "http", to->address,
             to->port);
    size_t n = strlen(origin);
    if (strncasecmp(location, origin, n) != 0 && to->port == (to->https ? 443 : 80)) {
        *strrchr(origin, ':') = '\0'; /* the scheme's own port need not be said */
        n = strlen(origin);
    }
    if (strncasecmp(location, origin, n) != 0) {
        return NULL;
    }
    return location[n] == '\0' || strchr("/?#", location[n]) != NULL ? location + n : NULL;
}

/* Paths of the pod are below ours for whoever asked; what leads elsewhere, or is relative, stays.
 */
static char *rewrite_location(const char *location, const struct api_relay *to)
{
    bool absolute_path = location[0] == '/' && location[1] != '/';
    const char *path = absolute_path ? location : own_path(location, to);
    size_t n = strlen(to->seen_as);
    if (path == NULL || (strncmp(path, to->seen_as, n) == 0 && strchr("/?#", path[n]) != NULL)) {
        return NULL;
    }
    return xasprintf("%s%s%s", to->seen_as, path[0] == '/' ? "" : "/", path);
}

/* The server writes the date and the length itself. */
static bool passes(const struct http_header *h, const char *connection)
{
    return !is_hop_by_hop(h->name) && strcasecmp(h->name, "Content-Length") != 0 &&
           strcasecmp(h->name, "Date") != 0 && !is_named_in(connection, h->name);
}

void headers_for_caller(header_list *list, const struct api_relay *to, int64_t *ret_length)
{
    const char *length = find(list, "Content-Length");
    *ret_length = -1;
    if (length != NULL && find(list, "Transfer-Encoding") == NULL) {
        (void)str_to_i64(length, 0, INT64_MAX, ret_length);
    }
    cleanup_free char *connection = xstrdup(find(list, "Connection"));
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++) {
        struct http_header h = list->v[i];
        char *moved = strcasecmp(h.name, "Location") == 0 ? rewrite_location(h.value, to) : NULL;
        if (moved != NULL) {
            free((char *)(uintptr_t)h.value);
            h.value = moved;
        }
        if (passes(&h, connection)) {
            list->v[kept++] = h;
        } else {
            free_header(&h);
        }
    }
    list->n = kept;
}
