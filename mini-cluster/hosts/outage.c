/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime does not answer: every node says so in a condition of its own, which evicts nobody,
 * because what runs goes on. */
#include "client/client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/hosts_impl.h"
#include "meta/object.h"

static const char condition[] = "RuntimeUnavailable";

void host_show_away(struct host *h)
{
    struct hosts *hs = h->hosts;
    struct err err;
    const json_t *node = client_get(hs->client, hs->node_kind, NULL, h->name, &err);
    const json_t *old = jx_find(jx_arr(node, "status.conditions"), "type", condition);
    if (node == NULL || (hs->away == NULL && !str_eq(jx_get_str(old, "status", ""), "True"))) {
        return;
    }
    bool away = hs->away != NULL;
    cleanup_free char *why = xasprintf(
        "%s does not answer: %s. What runs goes on; nothing is started or stopped until it is back",
        hs->rt.ops->name, away ? hs->away : "");
    json_t *edit = jx_edit(node);
    object_set_condition(
        edit, condition, away ? "True" : "False", away ? "RuntimeDoesNotAnswer" : "RuntimeAnswers",
        away ? why : "the runtime answers", loop_wall_us(client_loop(hs->client)), false);
    if (client_update_status(hs->client, hs->node_kind, edit, NULL, &err) < 0) {
        log_warn("hosts", "condition of node %s: %s", h->name, err.msg);
    }
}

void hosts_runtime_away(struct hosts *hs, const char *why)
{
    size_t it = 0;
    void *h;
    if (why != NULL && str_eq(why, hs->away)) {
        return;
    }
    free(hs->away);
    hs->away = xstrdup(why);
    while (map_next(hs->by_name, &it, NULL, &h)) {
        host_show_away(h);
    }
}
