/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster host list: every machine, how it is, and whether its node is ready. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/host.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

/* "True", "False", "Unknown"; "" without a node. */
static const char *ready_of(const json_t *nodes, const char *name)
{
    size_t i;
    const json_t *node;
    jx_each(i, node, nodes)
    {
        if (str_eq(jx_str(node, "metadata.name", ""), name)) {
            const json_t *c = jx_find(jx_arr(node, "status.conditions"), "type", "Ready");
            return jx_get_str(c, "status", "Unknown");
        }
    }
    return "";
}

json_t *host_list_row(const json_t *host, const json_t *nodes)
{
    const char *name = jx_str(host, "metadata.name", "");
    const json_t *capacity = jx_path(host, "spec.capacity");
    json_t *row = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:I}", "name", name, "power",
        jx_str(host, "status.power", "Unknown"), "network",
        jx_str(host, "status.network", "Unknown"), "address", jx_str(host, "status.address", ""),
        "epoch", (json_int_t)jx_int(host, "status.epoch", 0), "cpu",
        jx_get_str(capacity, "cpu", "2"), "memory", jx_get_str(capacity, "memory", "2Gi"), "pods",
        (json_int_t)jx_int(capacity, "pods", 110));
    if (nodes != NULL) {
        json_object_set_new(row, "ready", json_string(ready_of(nodes, name)));
    }
    return row;
}

static void print_table(const json_t *rows)
{
    size_t i;
    const json_t *r;
    int width = 16;
    jx_each(i, r, rows)
    {
        int n = (int)strlen(jx_str(r, "name", ""));
        width = n > width ? n : width;
    }
    printf("%-*s %-8s %-12s %-15s %-6s %-8s %-6s %s\n", width, "NAME", "POWER", "NETWORK",
           "ADDRESS", "CPU", "MEMORY", "EPOCH", "NODE");
    jx_each(i, r, rows)
    {
        const char *ready = jx_str(r, "ready", "");
        const char *node = str_eq(ready, "True") ? "Ready" : ready[0] == '\0' ? "none" : "NotReady";
        printf("%-*s %-8s %-12s %-15s %-6s %-8s %-6" PRId64 " %s\n", width, jx_str(r, "name", ""),
               jx_str(r, "power", ""), jx_str(r, "network", ""), jx_str(r, "address", ""),
               jx_str(r, "cpu", ""), jx_str(r, "memory", ""), jx_int(r, "epoch", 0), node);
    }
}

int host_list(struct host_request *r, struct err *err)
{
    const struct host_api *api = &r->api;
    json_auto_t *hosts = NULL;
    json_auto_t *nodes = NULL;
    if (host_change_ask(api, "GET", HOST_PATH, NULL, &hosts, err) < 0 ||
        host_change_ask(api, "GET", "/api/v1/nodes", NULL, &nodes, err) < 0) {
        return -1;
    }
    json_auto_t *rows = json_array();
    size_t i;
    const json_t *host;
    jx_each(i, host, jx_arr(hosts, "items"))
    {
        json_array_append_new(rows, host_list_row(host, jx_arr(nodes, "items")));
    }
    if (r->json) {
        cleanup_free char *text = jx_dump_pretty(rows);
        puts(text);
    } else {
        print_table(rows);
    }
    return 0;
}
