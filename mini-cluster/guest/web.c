/* SPDX-License-Identifier: Apache-2.0 */
/* The demo workload: says which version of it answered, from which pod on which host, and can be
 * made slow, busy, sick, greedy or dead on request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/guest.h"
#include "guest/http.h"

extern char **environ;

static const char *version, *pod, *node, *name;
static unsigned long requests;
static uint64_t ready_at, started_at; /* milliseconds */
static uint64_t unready_until, sick_until;
static size_t leaked_mb;

static const char page[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s %s</title>\n"
    "<style>body{margin:0;min-height:100vh;display:grid;place-content:center;text-align:center;"
    "font:20px system-ui,sans-serif;color:#fff;background:%s}h1{font-size:72px;margin:0}"
    "p{margin:.3em}code{font-size:24px}</style></head>\n"
    "<body><main><h1>%s %s</h1><p>from <code>%s</code></p>%s%s%s<p>request %lu</p></main></body>"
    "</html>\n";

static const char *color(void)
{
    return strcmp(version, "v2") == 0   ? "#146b3a"
           : strcmp(version, "v3") == 0 ? "#8a3b12"
                                        : "#1c4a8a";
}

static void root(const struct http_request *q, struct http_response *r)
{
    bool on = node[0] != '\0';
    if (guest_find(q->accept, strlen(q->accept), "text/html") != NULL) {
        r->type = "text/html; charset=utf-8";
        http_text(r, 200, page, name, version, color(), name, version, pod,
                  on ? "<p>on <code>" : "", node, on ? "</code></p>" : "", requests);
    } else {
        http_text(r, 200, "%s %s from %s%s%s\n", name, version, pod, on ? " on " : "", node);
    }
}

static void healthz(const struct http_request *q, struct http_response *r)
{
    long fail = http_query_num(q->query, "fail", -1, 86400);
    if (fail >= 0) {
        sick_until = ev_now() + (uint64_t)fail * 1000;
    }
    bool sick = sick_until > ev_now() || access(guest_path("/tmp/unhealthy"), F_OK) == 0;
    http_text(r, sick ? 503 : 200, sick ? "unhealthy\n" : "ok\n");
    r->quiet = !sick;
}

static void readyz(const struct http_request *q, struct http_response *r)
{
    long fail = http_query_num(q->query, "fail", -1, 86400);
    if (fail >= 0) {
        unready_until = ev_now() + (uint64_t)fail * 1000;
    }
    if (ready_at > ev_now()) {
        http_text(r, 503, "starting: ready in %u s\n",
                  (unsigned)((ready_at - ev_now() + 999) / 1000));
    } else if (unready_until > ev_now() || access(guest_path("/tmp/unready"), F_OK) == 0) {
        http_text(r, 503, "not ready\n");
    } else {
        http_text(r, 200, "ok\n");
    }
    r->quiet = r->status == 200;
}

static void slow(const struct http_request *q, struct http_response *r)
{
    r->delay_ms = (unsigned)http_query_num(q->query, "ms", 1000, 60000);
    http_text(r, 200, "slow: %u ms later, %s %s from %s\n", r->delay_ms, name, version, pod);
}

static void burn(const struct http_request *q, struct http_response *r)
{
    r->burn_ms = (unsigned)http_query_num(q->query, "ms", 1000, 60000);
    http_text(r, 200, "burnt %u ms of CPU, %s %s from %s\n", r->burn_ms, name, version, pod);
}

static void crash(const struct http_request *q, struct http_response *r)
{
    guest_log("crashing, as asked by %s", sock_ip(q->peer));
    _exit((int)http_query_num(q->query, "code", 1, 255));
}

/* Never given back; touched, so that it counts. */
static void leak(const struct http_request *q, struct http_response *r)
{
    size_t mb = (size_t)http_query_num(q->query, "mb", 10, 1024);
    for (size_t i = 0; i < mb; i++, leaked_mb++) {
        volatile char *p = guest_alloc(1 << 20);
        for (size_t at = 0; at < 1 << 20; at += 4096) {
            p[at] = 1;
        }
    }
    http_text(r, 200, "leaked %zu MB so far\n", leaked_mb);
}

static void env(const struct http_request *q, struct http_response *r)
{
    size_t len = 0;
    for (char **e = environ; *e != NULL; e++) {
        len += strlen(*e) + 1;
    }
    char *text = guest_alloc(len + 1);
    char *at = text;
    for (char **e = environ; *e != NULL; e++) {
        at = stpcpy(stpcpy(at, *e), "\n");
    }
    r->body = text;
    r->len = len;
}

/* Names come from the environment: what JSON could not hold as it is becomes '?'. */
static const char *plain(const char *s, char ret[128])
{
    size_t i = 0;
    for (; s[i] != '\0' && i < 127; i++) {
        ret[i] = s[i] < ' ' || s[i] == '"' || s[i] == '\\' ? '?' : s[i];
    }
    ret[i] = '\0';
    return ret;
}

static void info(const struct http_request *q, struct http_response *r)
{
    char n[128];
    char v[128];
    char p[128];
    char h[128];
    char ns[128];
    r->type = "application/json";
    http_text(
        r, 200,
        "{\"name\":\"%s\",\"version\":\"%s\",\"pod\":\"%s\",\"namespace\":\"%s\",\"host\":\"%s\","
        "\"address\":\"%s\",\"requests\":%lu,\"uptimeSeconds\":%u,\"leakedMB\":%zu}\n",
        plain(name, n), plain(version, v), plain(pod, p), plain(guest_env("POD_NAMESPACE", ""), ns),
        plain(node, h), sock_ip(sock_own_address()), requests,
        (unsigned)((ev_now() - started_at) / 1000), leaked_mb);
}

static const struct route {
    const char *path;
    void (*fn)(const struct http_request *q, struct http_response *r);
} routes[] = {
    {"/", root},     {"/burn", burn}, {"/crash", crash},   {"/env", env},   {"/healthz", healthz},
    {"/info", info}, {"/leak", leak}, {"/readyz", readyz}, {"/slow", slow},
};

static void handle(const struct http_request *q, struct http_response *r)
{
    for (size_t i = 0; i < LEN(routes); i++) {
        if (strcmp(routes[i].path, q->path) == 0) {
            requests += routes[i].fn != healthz && routes[i].fn != readyz;
            routes[i].fn(q, r);
            return;
        }
    }
    http_text(r, 404, "%s: nothing here; try / /info /env /slow?ms=500 /burn?ms=500\n", q->path);
}

int web_main(int argc, char **argv)
{
    static char hostname[256];
    static char header[600];
    gethostname(hostname, sizeof(hostname) - 1);
    name = guest_env("NAME", "web");
    version = guest_env("VERSION", "v1");
    pod = guest_env("POD_NAME", guest_env("HOSTNAME", hostname));
    node = guest_env("NODE_NAME", "");
    snprintf(header, sizeof(header), "X-Pod: %.250s\r\nX-Version: %.100s\r\n", pod, version);
    struct http_opts opts = {
        .port = (uint16_t)guest_env_num("PORT", 8080, 1, 65535),
        .handle = handle,
        .header = header,
        .drain_ms = (unsigned)guest_env_num("DRAIN_MS", 300, 0, 60000),
    };
    ev_init();
    started_at = ev_now();
    ready_at = started_at + (uint64_t)guest_env_num("READY_DELAY", 0, 0, 86400) * 1000;
    printf("%s %s listens on port %u, pod %s%s%s\n", name, version, opts.port, pod,
           node[0] != '\0' ? " on " : "", node);
    fflush(stdout);
    return http_run(&opts);
}
