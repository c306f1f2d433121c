/* SPDX-License-Identifier: Apache-2.0 */
/* Attach and exec: a connection to the client and one to the daemon that carry bytes both ways,
 * neither faster than the other reads. */
#include <string.h>

#include "common/http_client.h"
#include "common/http_server.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"

#define HIGH_MARK ((size_t)256 << 10)

struct dock_pipe {
    struct docks *all;
    struct dock_req *r; /* until it is open */
    struct http_upgrade *up;
    struct http_tunnel *down;
    bool open, ended, tty;
};

void dock_pipe_free(struct dock_pipe *p)
{
    if (p != NULL) {
        http_upgrade_free(p->up);
        loop_undefer(p->all->loop, p);
        free(p);
    }
}

/* ---- the client's side ---- */

static void on_tunnel_open(void *arg, struct http_tunnel *t)
{
    struct dock_pipe *p = arg;
    p->down = t;
    p->r->pipe = NULL; /* its request ends now; the pipe ends with the tunnel */
    p->r = NULL;
    http_upgrade_pause(p->up, false);
    if (p->ended) {
        http_tunnel_close(t);
    }
}

static void on_tunnel_data(void *arg, const char *bytes, size_t n)
{
    struct dock_pipe *p = arg;
    if (!http_upgrade_write(p->up, bytes, n)) {
        http_tunnel_close(p->down);
    } else if (http_upgrade_queued(p->up) > HIGH_MARK) {
        http_tunnel_pause(p->down, true);
    }
}

static void on_tunnel_end(void *arg)
{
    struct dock_pipe *p = arg;
    http_upgrade_end(p->up);
}

static void on_tunnel_drain(void *arg)
{
    struct dock_pipe *p = arg;
    http_upgrade_pause(p->up, false);
}

static void on_tunnel_close(void *arg)
{
    struct dock_pipe *p = arg;
    p->down = NULL;
    dock_pipe_free(p);
}

static const struct http_tunnel_ops tunnel_ops = {
    .on_open = on_tunnel_open,
    .on_data = on_tunnel_data,
    .on_close = on_tunnel_close,
    .on_end = on_tunnel_end,
    .on_drain = on_tunnel_drain,
};

/* ---- the daemon's side ---- */

static void on_open(void *arg)
{
    struct dock_pipe *p = arg;
    p->open = true;
    http_upgrade_pause(p->up, true); /* until the tunnel is there */
    if (p->r->x == NULL) {
        return;
    }
    struct docker_endpoint at;
    docker_endpoint(&p->all->rt, &at);
    bool frames = strcmp(at.version, "1.42") >= 0 && !p->tty;
    const struct http_header headers[] = {
        {"Content-Type", frames ? "application/vnd.docker.multiplexed-stream"
                                : "application/vnd.docker.raw-stream"},
        {"Api-Version", at.version},
    };
    p->r->answered = true;
    http_exchange_upgrade(p->r->x, "tcp", headers, ARRAY_LEN(headers), &tunnel_ops, p);
}

static void on_data(void *arg, const char *bytes, size_t n)
{
    struct dock_pipe *p = arg;
    if (p->down == NULL) {
        p->ended = p->ended || n == 0;
    } else if (n == 0 || !http_tunnel_write(p->down, bytes, n)) {
        http_tunnel_close(p->down);
    } else if (http_tunnel_queued(p->down) > HIGH_MARK) {
        http_upgrade_pause(p->up, true);
    }
}

static void on_drain(void *arg)
{
    struct dock_pipe *p = arg;
    if (p->down != NULL) {
        http_tunnel_pause(p->down, false);
    }
}

static void on_close(void *arg, const struct err *err)
{
    struct dock_pipe *p = arg;
    if (p->down != NULL) {
        http_tunnel_close(p->down);
    } else if (p->open) {
        p->ended = true;
    } else {
        struct err shown = {.code = err->code != ERR_NONE ? err->code : ERR_UNAVAILABLE};
        const char *why = strstr(err->msg, ": "); /* behind the request, which is ours */
        cleanup_free char *text = dock_mask(p->r->dock, why != NULL ? why + 2 : err->msg);
        str_copy(shown.msg, sizeof(shown.msg), text);
        dock_reply_err(p->r, &shown); /* may free p */
    }
}

void dock_pipe_start(struct dock_req *r, const char *path, const json_t *body, bool tty)
{
    struct docker_endpoint at;
    cleanup_str struct str text = STR_INIT;
    struct dock_pipe *p = xnew(struct dock_pipe);
    docker_endpoint(&r->dock->all->rt, &at);
    cleanup_free char *target = xasprintf("/v%s%s", at.version, path);
    if (body != NULL) {
        jx_dump(&text, body);
    }
    const struct http_upgrade_opts opts = {
        .unix_path = at.socket,
        .method = "POST",
        .target = target,
        .protocol = "tcp",
        .content_type = body != NULL ? "application/json" : NULL,
        .body = str_c(&text),
        .len = text.len,
        .on_open = on_open,
        .on_data = on_data,
        .on_close = on_close,
        .on_drain = on_drain,
        .arg = p,
    };
    p->all = r->dock->all;
    p->r = r;
    p->tty = tty;
    r->pipe = p;
    p->up = http_upgrade_new(r->dock->all->loop, &opts);
}
