/* SPDX-License-Identifier: Apache-2.0 */
/* A host's socket: there while the host has power and a network. What comes before its guest runs
 * waits for it; without power nobody listens, as with a machine that is off. */
#include <string.h>
#include <unistd.h>

#include "common/http_server.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"

#define MAX_BODY ((size_t)32 << 20) /* of docker cp; every other is smaller by far */
#define MAX_CONNECTIONS 100
#define COMING_UP_NS LOOP_S(60)
#define PAUSED_NS LOOP_S(3) /* docker asks three times, with two pings first */

/* ---- requests ---- */

static bool is_there(const struct dock *d)
{
    return d->up && d->loaded && d->all->ready && !d->paused;
}

static void handle(struct dock_req *r)
{
    struct err err;
    if (dock_route_find(r, http_exchange_method(r->x), http_exchange_path(r->x),
                        http_exchange_query(r->x), &err) != 0) {
        dock_refuse(r, &err);
    } else if (r->route->handle != NULL) {
        r->route->handle(r);
    } else {
        err_set(&err, ERR_FORBIDDEN, "%s", r->route->why);
        dock_refuse(r, &err);
    }
}

/* Deferred: the handler of a server may not end it, and an answer may. */
static void go_on(void *arg)
{
    struct dock_req *r = arg;
    if (is_there(r->dock)) {
        r->waits = false;
        loop_timer_stop(r->timer);
        handle(r);
    }
}

static void give_up(void *arg)
{
    struct dock_req *r = arg;
    const struct dock *d = r->dock;
    r->waits = false;
    loop_undefer(d->all->loop, r);
    if (d->paused) {
        dock_reply_fail(r, 503,
                        "host %s is paused: nothing on it moves until it is resumed "
                        "(mini-cluster host resume %s)",
                        d->host, d->host);
    } else {
        dock_reply_fail(r, 503, "host %s is still coming up: try again in a moment", d->host);
    }
}

static void wait_for_host(struct dock_req *r)
{
    struct dock *d = r->dock;
    r->waits = true;
    r->timer = loop_timer_new(d->all->loop, give_up, r);
    loop_timer_start(r->timer, d->paused ? PAUSED_NS : COMING_UP_NS);
}

void dock_opened(struct dock *d)
{
    for (struct dock_req *r = d->reqs; is_there(d) && r != NULL; r = r->next) {
        if (r->waits) {
            loop_undefer(d->all->loop, r);
            loop_defer(d->all->loop, go_on, r);
        }
    }
}

static void on_ended(void *arg)
{
    struct dock_req *r = arg;
    r->x = NULL;
    if (!r->acting || r->answered) {
        dock_req_free(r);
    }
}

/* "POST /containers/create", for the list of refusals. */
static char *describe(const struct http_exchange *x)
{
    char *text = xasprintf("%.16s %.200s", http_exchange_method(x), http_exchange_path(x));
    dock_clean(text);
    return text;
}

static void on_request(void *arg, struct http_exchange *x)
{
    struct dock *d = arg;
    struct dock_req *r = dock_req_new(d, x);
    http_exchange_set_user(x, r, on_ended);
    r->path = describe(x);
    if (is_there(d)) {
        handle(r);
    } else {
        wait_for_host(r);
    }
}

static char *refusal_body(int status, const char *why)
{
    (void)status;
    json_auto_t *body = json_pack("{s:s}", "message", why);
    return jx_dump_text(body);
}

/* ---- the socket ---- */

static void serve(struct dock *d)
{
    struct err err;
    struct http_server_opts opts = {
        .listen_fd = dock_socket_listen(d->path, &err),
        .max_body = MAX_BODY,
        .max_connections = MAX_CONNECTIONS,
        .handler = on_request,
        .arg = d,
        .refusal = refusal_body,
    };
    if ((opts.listen_fd < 0 || http_server_new(d->all->loop, &opts, &d->server, &err) != 0) &&
        !d->warned) {
        log_error("hosts", "the Docker of %s: %s", d->host, err.msg);
        d->warned = true;
    }
}

/* Deferred, so that it never happens under the feet of a request. */
static void update(void *arg)
{
    struct dock *d = arg;
    bool wanted = d->on && !d->cut;
    if (wanted && d->server == NULL) {
        serve(d);
    } else if (!wanted && d->server != NULL) {
        http_server_free(d->server);
        d->server = NULL;
    }
}

void dock_serve_update(struct dock *d)
{
    loop_undefer(d->all->loop, d);
    loop_defer(d->all->loop, update, d);
}

void dock_serve_end(struct dock *d)
{
    loop_undefer(d->all->loop, d);
    http_server_free(d->server);
    d->server = NULL;
    unlink(d->path);
}
