/* SPDX-License-Identifier: Apache-2.0 */
/* exec and attach over a WebSocket: the first byte of every message says which stream it is of
 * (v4.channel.k8s.io; v5 can end one, too). */
#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/ws.h"
#include "http/http_impl.h"
#include "http/session.h"

enum { CHANNEL_STDIN, CHANNEL_STDOUT, CHANNEL_STDERR, CHANNEL_ERROR, CHANNEL_RESIZE };
enum { CHANNEL_CLOSE = 255 };
enum { HIGH = 256 * 1024 }; /* more than this waiting for the caller makes the process wait */

static const char *const protocols[] = {"v5.channel.k8s.io", "v4.channel.k8s.io", NULL};

struct channels {
    struct speaker speaker;
    struct ws *ws;
    struct session *session;
    bool can_close; /* v5 */
    int channel;    /* of the present message; -1: not known yet */
};

static void free_channels(struct speaker *speaker)
{
    struct channels *c = container_of(speaker, struct channels, speaker);
    speaker_leave(speaker);
    session_free(c->session);
    ws_free(c->ws);
    free(c);
}

/* ---- from the process ---- */

static bool on_output(void *arg, int fd, const char *bytes, size_t n)
{
    struct channels *c = arg;
    const char channel = fd == 2 ? CHANNEL_STDERR : CHANNEL_STDOUT;
    ws_send(c->ws, false, &channel, 1, bytes, n);
    return ws_queued(c->ws) <= HIGH;
}

static void on_drained(void *arg)
{
    struct channels *c = arg;
    ws_pause(c->ws, false);
}

static void on_over(void *arg, const char *status, size_t n)
{
    struct channels *c = arg;
    const char channel = CHANNEL_ERROR;
    ws_send(c->ws, false, &channel, 1, status, n);
    ws_close(c->ws, WS_NORMAL, NULL);
}

/* ---- from the caller ---- */

static void on_open(void *arg)
{
    struct channels *c = arg;
    speaker_opened(&c->speaker);
    session_begin(c->session);
}

static void take(struct channels *c, const char *bytes, size_t n)
{
    if (c->channel == CHANNEL_STDIN && !session_input(c->session, bytes, n)) {
        ws_pause(c->ws, true);
    } else if (c->channel == CHANNEL_RESIZE) {
        session_resize(c->session, bytes, n);
    } else if (c->channel == CHANNEL_CLOSE && c->can_close && n > 0 && bytes[0] == CHANNEL_STDIN) {
        session_end_input(c->session);
    }
}

static void on_data(void *arg, const char *bytes, size_t n, bool first, bool last, bool text)
{
    struct channels *c = arg;
    (void)last;
    (void)text;
    if (first && n == 0) {
        c->channel = -1; /* an empty message is of no stream */
        return;
    }
    if (first) {
        c->channel = (unsigned char)bytes[0];
        bytes++;
        n--;
    }
    if (n > 0) {
        take(c, bytes, n);
    }
}

static void on_drain(void *arg)
{
    struct channels *c = arg;
    session_go_on(c->session);
}

static void on_close(void *arg, int code)
{
    struct channels *c = arg;
    (void)code;
    free_channels(&c->speaker);
}

int channels_accept(struct call *call, struct api_connect *connect, struct err *err)
{
    static const struct ws_ops ws_ops = {
        .on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_close = on_close};
    static const struct session_ops session_ops = {
        .output = on_output, .drained = on_drained, .over = on_over};
    struct loop *loop = call->http->loop;
    const char *protocol = ws_choose(call->x, protocols);
    if (protocol == NULL) {
        return err_set(err, ERR_BAD_REQUEST,
                       "Sec-WebSocket-Protocol names none of the protocols spoken here: "
                       "v5.channel.k8s.io, v4.channel.k8s.io");
    }
    struct channels *c = xnew(struct channels);
    if (ws_accept(loop, call->x, protocol, &ws_ops, c, &c->ws, err) < 0) {
        free(c);
        return -1;
    }
    c->can_close = protocol == protocols[0];
    c->channel = -1;
    c->session = session_new(loop, connect, &session_ops, c);
    speaker_join(call, &c->speaker, free_channels);
    return 0;
}
