/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a Probe of the API into what the agent makes of it. */
#include <ctype.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "node/op.h"
#include "node/probe_impl.h"

const char *probe_kind_name(int kind)
{
    static const char *const names[] = {"Startup", "Liveness", "Readiness"};
    return names[kind];
}

/* By number, or by its name in the container; 0 when there is none. */
static int port_of(const json_t *port, const json_t *container)
{
    if (json_is_integer(port)) {
        return (int)json_integer_value(port);
    }
    int64_t number = 0;
    const char *name = json_string_value(port);
    if (name == NULL || str_to_i64(name, 1, 65535, &number)) {
        return (int)number;
    }
    const json_t *found = jx_find(jx_get(container, "ports"), "name", name);
    return (int)jx_int(found, "containerPort", 0);
}

static char **headers_of(const json_t *list)
{
    size_t i;
    const json_t *h;
    char **v = xcalloc(json_array_size(list) + 2, sizeof(*v));
    jx_each(i, h, list)
    {
        v[i] = xasprintf("%s: %s", jx_get_str(h, "name", ""), jx_get_str(h, "value", ""));
    }
    return v;
}

static char **words_of(const json_t *list)
{
    size_t i;
    const json_t *w;
    char **v = xcalloc(json_array_size(list) + 1, sizeof(*v));
    jx_each(i, w, list)
    {
        v[i] = xstrdup(json_string_value(w) != NULL ? json_string_value(w) : "");
    }
    return v;
}

static void read_http(struct probe *p, const json_t *http, const json_t *container)
{
    const char *path = jx_get_str(http, "path", "/");
    p->how = PROBE_HTTP;
    p->port = port_of(jx_get(http, "port"), container);
    p->path = xasprintf("%s%s", path[0] == '/' ? "" : "/", path);
    p->scheme = xstrdup(jx_get_str(http, "scheme", "HTTP"));
    for (char *s = p->scheme; *s != '\0'; s++) {
        *s = (char)tolower((unsigned char)*s);
    }
    p->words = headers_of(jx_get(http, "httpHeaders"));
}

static void read_handler(struct probe *p, const json_t *spec, const json_t *container)
{
    const json_t *h;
    const char *host = "";
    if ((h = jx_get(spec, "httpGet")) != NULL) {
        read_http(p, h, container);
        host = jx_get_str(h, "host", "");
    } else if ((h = jx_get(spec, "tcpSocket")) != NULL) {
        p->how = PROBE_TCP;
        p->port = port_of(jx_get(h, "port"), container);
        host = jx_get_str(h, "host", "");
    } else if ((h = jx_get(spec, "exec")) != NULL && jx_len(h, "command") > 0) {
        p->how = PROBE_EXEC;
        p->words = words_of(jx_get(h, "command"));
    } else {
        p->how = PROBE_UNSUPPORTED;
    }
    p->host = host[0] != '\0' ? xstrdup(host) : NULL;
}

/* Seconds, at least one. */
static uint64_t seconds(const json_t *spec, const char *key, int64_t dflt)
{
    int64_t s = jx_int(spec, key, dflt);
    return LOOP_S(s > 0 ? s : dflt);
}

struct probe *probe_new(struct container *c, int kind, const json_t *spec, const json_t *container)
{
    struct probe *p = xnew(struct probe);
    int64_t successes = jx_int(spec, "successThreshold", 1);
    int64_t failures = jx_int(spec, "failureThreshold", 3);
    p->container = c;
    p->kind = kind;
    p->delay_ns = LOOP_S(jx_int(spec, "initialDelaySeconds", 0));
    p->period_ns = seconds(spec, "periodSeconds", 10);
    p->timeout_ns = seconds(spec, "timeoutSeconds", 1);
    p->successes_needed = successes > 0 ? (unsigned)successes : 1;
    p->failures_needed = failures > 0 ? (unsigned)failures : 3;
    p->grace_s = jx_int(spec, "terminationGracePeriodSeconds", -1);
    read_handler(p, spec, container);
    return p;
}

void probe_free(struct probe *p)
{
    if (p == NULL) {
        return;
    }
    struct nodes *n = p->container->pod->nodes;
    op_orphan(p->op);
    if (p->exec != NULL) {
        n->rt.ops->stream_free(p->exec);
    }
    loop_undefer(n->loop, p);
    loop_timer_free(p->timer);
    str_fini(&p->output);
    for (char **w = p->words; w != NULL && *w != NULL; w++) {
        free(*w);
    }
    free(p->words);
    free(p->host);
    free(p->path);
    free(p->scheme);
    free(p->failure);
    free(p);
}
