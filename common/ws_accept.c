/* SPDX-License-Identifier: Apache-2.0 */
/* The handshake, and the socket that it leaves behind. */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <strings.h>

#include "common/http_server.h"
#include "common/mem.h"
#include "common/vec.h"
#include "ws_impl.h"

/* ---- headers ---- */

/* The next element of "a, b,c"; moves *at behind it. */
static bool next_token(const char **at, const char **ret, size_t *ret_n)
{
    *at += strspn(*at, " \t,");
    *ret = *at;
    *ret_n = strcspn(*at, " \t,");
    *at += *ret_n;
    return *ret_n > 0;
}

struct search {
    const char *name, *token;
    bool found;
};

static bool look_for_token(void *arg, const char *name, const char *value)
{
    struct search *s = arg;
    const char *at = value, *token;
    size_t n;
    while (strcasecmp(name, s->name) == 0 && next_token(&at, &token, &n)) {
        s->found |= n == strlen(s->token) && strncasecmp(token, s->token, n) == 0;
    }
    return !s->found;
}

static bool has_token(const struct http_exchange *x, const char *name, const char *token)
{
    struct search s = {.name = name, .token = token};
    http_exchange_each_header(x, look_for_token, &s);
    return s.found;
}

bool ws_is_asked(const struct http_exchange *x)
{
    return has_token(x, "Upgrade", "websocket");
}

struct choice {
    const char *const *known;
    const char *chosen;
};

static bool look_for_protocol(void *arg, const char *name, const char *value)
{
    struct choice *c = arg;
    const char *at = value, *token;
    size_t n;
    while (strcasecmp(name, "Sec-WebSocket-Protocol") == 0 && next_token(&at, &token, &n)) {
        for (const char *const *k = c->known; *k != NULL && c->chosen == NULL; k++) {
            c->chosen = n == strlen(*k) && strncmp(token, *k, n) == 0 ? *k : NULL;
        }
    }
    return c->chosen == NULL;
}

const char *ws_choose(const struct http_exchange *x, const char *const *known)
{
    struct choice c = {.known = known};
    http_exchange_each_header(x, look_for_protocol, &c);
    return c.chosen;
}

void ws_accept_key(char ret[29], const char *key)
{
    unsigned char digest[20];
    cleanup_free char *both = xasprintf("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    cleanup_str struct str text = STR_INIT;
    gnutls_hash_fast(GNUTLS_DIG_SHA1, both, strlen(both), digest);
    str_base64(&text, digest, sizeof(digest));
    str_copy(ret, 29, str_c(&text));
}

static int check_handshake(const struct http_exchange *x, struct err *err)
{
    const char *version = http_exchange_header(x, "Sec-WebSocket-Version");
    const char *key = http_exchange_header(x, "Sec-WebSocket-Key");
    cleanup_str struct str nonce = STR_INIT;
    if (strcmp(http_exchange_method(x), "GET") != 0) {
        return err_set(err, ERR_BAD_REQUEST, "a WebSocket is asked for with GET, not with %.20s",
                       http_exchange_method(x));
    }
    if (!has_token(x, "Connection", "upgrade")) {
        return err_set(err, ERR_BAD_REQUEST, "the header Connection does not name Upgrade");
    }
    if (version == NULL || strcmp(version, "13") != 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "Sec-WebSocket-Version is %.20s: only 13 is spoken here",
                       version != NULL ? version : "missing");
    }
    if (key == NULL || !str_unbase64(&nonce, key, strlen(key)) || nonce.len != 16) {
        return err_set(err, ERR_BAD_REQUEST, "Sec-WebSocket-Key is not base64 of 16 bytes");
    }
    return 0;
}

/* ---- the socket ---- */

static bool write_tunnel(void *to, const void *bytes, size_t n)
{
    struct ws *ws = to;
    return ws->tunnel != NULL && http_tunnel_write(ws->tunnel, bytes, n);
}

static void on_open(void *arg, struct http_tunnel *t)
{
    struct ws *ws = arg;
    ws->tunnel = t;
    ws->ops->on_open(ws->arg);
}

static void on_data(void *arg, const char *bytes, size_t n)
{
    struct ws *ws = arg;
    if (!ws->freed) {
        ws_feed(ws, bytes, n);
    }
}

static void on_drain(void *arg)
{
    struct ws *ws = arg;
    if (ws->state == WS_OPEN && !ws->freed) {
        ws->ops->on_drain(ws->arg);
    }
}

static void on_close(void *arg)
{
    struct ws *ws = arg;
    ws->tunnel = NULL;
    if (ws->freed) {
        ws_release(ws);
    } else {
        ws_end(ws);
    }
}

int ws_accept(struct loop *loop, struct http_exchange *x, const char *protocol,
              const struct ws_ops *ops, void *arg, struct ws **ret, struct err *err)
{
    static const struct http_tunnel_ops tunnel = {
        .on_open = on_open, .on_data = on_data, .on_close = on_close, .on_drain = on_drain};
    char accept[29];
    if (check_handshake(x, err) < 0) {
        return -1;
    }
    ws_accept_key(accept, http_exchange_header(x, "Sec-WebSocket-Key"));
    const struct http_header headers[] = {{"Sec-WebSocket-Accept", accept},
                                          {"Sec-WebSocket-Protocol", protocol}};
    struct ws *ws = ws_new(loop, ops, arg);
    ws->out = write_tunnel;
    ws->to = ws;
    *ret = ws;
    http_exchange_upgrade(x, "websocket", headers, protocol != NULL ? 2 : 1, &tunnel, ws);
    return 0;
}
