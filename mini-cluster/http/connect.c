/* SPDX-License-Identifier: Apache-2.0 */
/* exec, attach and port-forward leave HTTP: which protocol the caller speaks, and who speaks it
 * here. */
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/ws.h"
#include "http/http_impl.h"

/* ---- who speaks ---- */

void speaker_join(struct call *c, struct speaker *s, void (*free_fn)(struct speaker *s))
{
    struct http *h = c->http;
    s->call = c;
    s->free = free_fn;
    s->next = h->speakers;
    s->at = &h->speakers;
    if (s->next != NULL) {
        s->next->at = &s->next;
    }
    h->speakers = s;
    c->speaker = s;
}

void speaker_opened(struct speaker *s)
{
    if (s->call != NULL) {
        s->call->speaker = NULL;
        s->call = NULL;
    }
}

void speaker_leave(struct speaker *s)
{
    speaker_opened(s);
    *s->at = s->next;
    if (s->next != NULL) {
        s->next->at = s->at;
    }
}

void speakers_free(struct http *h)
{
    while (h->speakers != NULL) {
        h->speakers->free(h->speakers);
    }
}

/* ---- which protocol ---- */

bool connect_is_upgrade(const struct http_exchange *x)
{
    const char *upgrade = http_exchange_header(x, "Upgrade");
    return upgrade != NULL &&
           (strcasestr(upgrade, "websocket") != NULL || strcasestr(upgrade, "SPDY/") != NULL);
}

static int accept_websocket(struct call *c, struct api_connect *connect, struct err *err)
{
    if (connect->type == API_CONNECT_PORT) {
        return err_set(err, ERR_BAD_REQUEST, "port-forward is not supported yet");
    }
    return channels_accept(c, connect, err);
}

static int accept_spdy(struct call *c, struct api_connect *connect, struct err *err)
{
    (void)c;
    (void)connect;
    return err_set(err, ERR_BAD_REQUEST,
                   "SPDY is not spoken here yet: exec, attach and cp need kubectl 1.30 or newer, "
                   "port-forward 1.31 or newer");
}

void connect_start(struct call *c, struct api_connect *connect)
{
    struct err err;
    int rc;
    if (ws_is_asked(c->x)) {
        rc = accept_websocket(c, connect, &err);
    } else if (connect_is_upgrade(c->x)) {
        rc = accept_spdy(c, connect, &err);
    } else {
        rc = err_set(&err, ERR_BAD_REQUEST, "Upgrade request required");
    }
    if (rc < 0) {
        api_connect_free(connect);
        http_call_fail(c, &err);
    }
}
