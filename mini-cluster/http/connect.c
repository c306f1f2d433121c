/* SPDX-License-Identifier: Apache-2.0 */
/* exec, attach and port-forward leave HTTP: in which protocol. */
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/ws.h"
#include "http/http_impl.h"

bool connect_is_upgrade(const struct http_exchange *x)
{
    const char *upgrade = http_exchange_header(x, "Upgrade");
    return upgrade != NULL &&
           (strcasestr(upgrade, "websocket") != NULL || strcasestr(upgrade, "SPDY/") != NULL);
}

struct choice {
    const char *const *known;
    const char *chosen;
};

static bool look_for_protocol(void *arg, const char *name, const char *value)
{
    struct choice *c = arg;
    while (strcasecmp(name, "X-Stream-Protocol-Version") == 0 && *value != '\0') {
        value += strspn(value, " \t,");
        size_t n = strcspn(value, " \t,");
        for (const char *const *k = c->known; *k != NULL && c->chosen == NULL; k++) {
            c->chosen = n == strlen(*k) && strncmp(value, *k, n) == 0 ? *k : NULL;
        }
        value += n;
    }
    return c->chosen == NULL;
}

const char *connect_choose(const struct http_exchange *x, const char *const *known)
{
    struct choice c = {.known = known};
    http_exchange_each_header(x, look_for_protocol, &c);
    return c.chosen;
}

static int accept_spdy(struct call *c, struct api_connect *connect, struct err *err)
{
    const char *upgrade = http_exchange_header(c->x, "Upgrade");
    if (strcasecmp(upgrade, "SPDY/3.1") != 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "Upgrade: %.60s is not spoken here, but websocket and SPDY/3.1", upgrade);
    }
    return connect->type == API_CONNECT_PORT ? forward_accept_spdy(c, connect, err)
                                             : streams_accept(c, connect, err);
}

void connect_start(struct call *c, struct api_connect *connect)
{
    struct err err;
    int rc;
    if (ws_is_asked(c->x)) {
        rc = connect->type == API_CONNECT_PORT ? forward_accept_websocket(c, connect, &err)
                                               : channels_accept(c, connect, &err);
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
