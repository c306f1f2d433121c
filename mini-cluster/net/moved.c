/* SPDX-License-Identifier: Apache-2.0 */
/* On a machine that is shared with others not every port can be had: a service whose port is
 * elsewhere says so, for programs of the cluster know it, and people do not. */
#include <string.h>

#include "client/recorder.h"
#include "common/json/jx.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "net/net_impl.h"

static void add_moved(const struct net *n, const json_t *service, struct str *out)
{
    const char *address = jx_str(service, "spec.clusterIP", "");
    size_t i;
    const json_t *p;
    jx_each(i, p, jx_arr(service, "spec.ports"))
    {
        int port = (int)jx_int(p, "port", 0);
        int real = n->real_port(n->port_arg, address, port);
        if (real != port) {
            str_add_f(out, "%sport %d of %s is at %s:%d", out->len > 0 ? ", " : "", port, address,
                      address, real);
        }
    }
}

void net_moved_tell(struct net *n, const char *key, const json_t *service)
{
    cleanup_str struct str text = STR_INIT;
    if (n->real_port == NULL) {
        return;
    }
    if (service != NULL) {
        add_moved(n, service, &text);
    }
    if (str_eq(str_c(&text), map_find(n->moved, key))) {
        return;
    }
    if (text.len == 0) {
        map_remove(n->moved, key);
        return;
    }
    map_put(n->moved, key, xstrdup(str_c(&text)));
    recorder_event(n->client, "kube-proxy", NULL, service, "Normal", "PortMoved",
                   "Without Docker a user may not have every port of the machine: %s. Programs in "
                   "pods need not care; from outside use that",
                   str_c(&text));
}
