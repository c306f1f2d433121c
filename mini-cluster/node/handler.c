/* SPDX-License-Identifier: Apache-2.0 */
/* One action at a time, each with a time limit of its own. */
#include "node/handler.h"

#include <ctype.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "node/op.h"
#include "node/pod.h"

enum { OUTPUT_MAX = 10 * 1024 };

struct handler {
    struct container *container;
    enum handler_how how;
    char *host, *path, *scheme; /* host NULL: the pod's address */
    int port;
    char **words; /* headers of HTTP, the command of exec; NULL-terminated; NULL: none */
    uint64_t sleep_ns;

    handler_done *done; /* NULL: nothing is under way */
    void *arg;
    uint64_t timeout_ns;
    struct loop_timer *timer; /* of a sleep, or until a command takes too long */
    struct op *op;
    struct runtime_stream *exec;
    struct str output; /* of exec */
    int exit_code;
    char *failure; /* of exec: why it could not be made */
};

/* ---- reading ---- */

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
    char **v = xcalloc(json_array_size(list) + 1, sizeof(*v));
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

static void read_http(struct handler *h, const json_t *http, const json_t *container)
{
    const char *path = jx_get_str(http, "path", "/");
    h->how = HANDLER_HTTP;
    h->port = port_of(jx_get(http, "port"), container);
    h->path = xasprintf("%s%s", path[0] == '/' ? "" : "/", path);
    h->scheme = xstrdup(jx_get_str(http, "scheme", "HTTP"));
    for (char *s = h->scheme; *s != '\0'; s++) {
        *s = (char)tolower((unsigned char)*s);
    }
    h->words = headers_of(jx_get(http, "httpHeaders"));
}

static void read_action(struct handler *h, const json_t *spec, const json_t *container)
{
    const json_t *action;
    const char *host = "";
    if ((action = jx_get(spec, "httpGet")) != NULL) {
        read_http(h, action, container);
        host = jx_get_str(action, "host", "");
    } else if ((action = jx_get(spec, "tcpSocket")) != NULL) {
        h->how = HANDLER_TCP;
        h->port = port_of(jx_get(action, "port"), container);
        host = jx_get_str(action, "host", "");
    } else if ((action = jx_get(spec, "exec")) != NULL && jx_len(action, "command") > 0) {
        h->how = HANDLER_EXEC;
        h->words = words_of(jx_get(action, "command"));
    } else if ((action = jx_get(spec, "sleep")) != NULL) {
        int64_t seconds = jx_int(action, "seconds", 0);
        h->how = HANDLER_SLEEP;
        h->sleep_ns = LOOP_S(seconds > 0 ? seconds : 0);
    } else if (jx_get(spec, "grpc") != NULL) {
        h->how = HANDLER_GRPC;
    }
    h->host = host[0] != '\0' ? xstrdup(host) : NULL;
}

/* ---- the end ---- */

static void stop_exec(struct handler *h)
{
    struct nodes *n = h->container->pod->nodes;
    loop_undefer(n->loop, h);
    if (h->exec != NULL) {
        n->rt.ops->stream_free(steal(h->exec));
    }
}

static void finish(struct handler *h, bool ok, int status, const char *why)
{
    handler_done *done = steal(h->done);
    loop_timer_stop(h->timer);
    done(h->arg, ok, status, why);
}

/* ---- HTTP and TCP ---- */

static void on_probed(struct op *op, int status, const struct err *err)
{
    struct handler *h = op->arg;
    h->op = NULL;
    finish(h, status != 0, status, status != 0 ? "" : err->msg);
}

static void no_port(void *arg)
{
    finish(arg, false, 0, "the container has no port of that name");
}

static void run_network(struct handler *h)
{
    struct pod *pod = h->container->pod;
    struct nodes *n = pod->nodes;
    struct runtime_probe q = {.address = h->host != NULL ? h->host : pod->address,
                              .port = h->port,
                              .tcp = h->how == HANDLER_TCP,
                              .scheme = h->scheme,
                              .path = h->path,
                              .headers = (const char *const *)h->words,
                              .timeout_ns = h->timeout_ns};
    if (h->port == 0) {
        loop_defer(n->loop, no_port, h);
        return;
    }
    h->op = op_new(n, pod, NULL, NULL);
    h->op->arg = h;
    h->op->probed = on_probed;
    n->rt.ops->probe(n->rt.self, &q, op_probe_done, h->op);
}

/* ---- exec ---- */

static bool exec_data(void *arg, int fd, const char *bytes, size_t n)
{
    struct handler *h = arg;
    size_t room = OUTPUT_MAX - h->output.len;
    (void)fd;
    str_add_n(&h->output, bytes, n < room ? n : room);
    return true;
}

static void exec_exit(void *arg, int exit_code)
{
    struct handler *h = arg;
    h->exit_code = exit_code;
}

static void exec_over(void *arg)
{
    struct handler *h = arg;
    stop_exec(h);
    cleanup_free char *failure = steal(h->failure);
    struct str output = h->output; /* `done` may free h */
    h->output = (struct str)STR_INIT;
    finish(h, failure == NULL && h->exit_code == 0, 0, failure != NULL ? failure : str_c(&output));
    str_fini(&output);
}

/* The stream is freed later: this is one of its own callbacks. */
static void exec_end(void *arg, const struct err *err)
{
    struct handler *h = arg;
    if (err != NULL && err->code != ERR_NONE && h->failure == NULL) {
        h->failure = xstrdup(err->msg);
    }
    loop_defer(h->container->pod->nodes->loop, exec_over, h);
}

static void run_exec(struct handler *h)
{
    static const struct runtime_stream_ops ops = {
        .on_data = exec_data, .on_end = exec_end, .on_exit = exec_exit};
    struct nodes *n = h->container->pod->nodes;
    struct runtime_exec x = {.command = (const char *const *)h->words};
    str_clear(&h->output);
    h->exit_code = 0;
    h->exec = n->rt.ops->exec(n->rt.self, h->container->runtime_name, &x, &ops, h);
    if (h->timeout_ns > 0) {
        loop_timer_start(h->timer, h->timeout_ns);
    }
}

/* ---- time ---- */

static void on_timer(void *arg)
{
    struct handler *h = arg;
    if (h->how == HANDLER_SLEEP) {
        bool whole = h->timeout_ns == 0 || h->sleep_ns <= h->timeout_ns;
        finish(h, whole, 0, whole ? "" : "it sleeps for longer than there is time");
        return;
    }
    cleanup_free char *why =
        xasprintf("command timed out after %llus", (unsigned long long)(h->timeout_ns / LOOP_S(1)));
    stop_exec(h);
    free(steal(h->failure));
    finish(h, false, 0, why);
}

static void run_sleep(struct handler *h)
{
    bool whole = h->timeout_ns == 0 || h->sleep_ns <= h->timeout_ns;
    loop_timer_start(h->timer, whole ? h->sleep_ns : h->timeout_ns);
}

static void not_supported(void *arg)
{
    finish(arg, false, 0, "it says nothing that can be done");
}

/* ---- from outside ---- */

void handler_run(struct handler *h, uint64_t timeout_ns, handler_done *done, void *arg)
{
    h->done = done;
    h->arg = arg;
    h->timeout_ns = timeout_ns;
    switch (h->how) {
    case HANDLER_EXEC:
        run_exec(h);
        break;
    case HANDLER_HTTP:
    case HANDLER_TCP:
        run_network(h);
        break;
    case HANDLER_SLEEP:
        run_sleep(h);
        break;
    default:
        loop_defer(h->container->pod->nodes->loop, not_supported, h);
        break;
    }
}

bool handler_is_running(const struct handler *h)
{
    return h->done != NULL;
}

void handler_cancel(struct handler *h)
{
    h->done = NULL;
    loop_timer_stop(h->timer);
    stop_exec(h);
    op_orphan(steal(h->op));
    free(steal(h->failure));
}

enum handler_how handler_how(const struct handler *h)
{
    return h->how;
}

struct handler *handler_new(struct container *c, const json_t *spec, const json_t *container)
{
    struct handler *h = xnew(struct handler);
    h->container = c;
    h->timer = loop_timer_new(c->pod->nodes->loop, on_timer, h);
    read_action(h, spec, container);
    return h;
}

void handler_free(struct handler *h)
{
    if (h == NULL) {
        return;
    }
    handler_cancel(h);
    loop_timer_free(h->timer);
    str_fini(&h->output);
    for (char **w = h->words; w != NULL && *w != NULL; w++) {
        free(*w);
    }
    free(h->words);
    free(h->host);
    free(h->path);
    free(h->scheme);
    free(h);
}
