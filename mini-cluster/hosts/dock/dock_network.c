/* SPDX-License-Identifier: Apache-2.0 */
/* The networks of a host: its bridge, which is the cluster's, and none. */
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"

static json_t *network(const struct dock *d, const char *name, const char *driver)
{
    struct docker_endpoint at;
    char id[DOCK_ID_SIZE];
    docker_endpoint(&d->all->rt, &at);
    bool bridge = strcmp(name, "bridge") == 0;
    json_t *pools = bridge ? json_pack("[{s:s, s:s}]", "Subnet", at.cluster->subnet, "Gateway",
                                       at.cluster->gateway)
                           : json_array();
    dock_view_network_id(d, name, id);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:{s:s, s:n, s:o}, s:b, s:b, s:b, s:{s:s}, "
                     "s:b, s:{}, s:{}, s:{}}",
                     "Name", name, "Id", id, "Created", "2026-01-01T00:00:00Z", "Scope", "local",
                     "Driver", driver, "EnableIPv6", 0, "IPAM", "Driver", "default", "Options",
                     "Config", pools, "Internal", 0, "Attachable", 0, "Ingress", 0, "ConfigFrom",
                     "Network", "", "ConfigOnly", 0, "Containers", "Options", "Labels");
}

static const struct {
    const char *name, *driver;
} all_networks[] = {{"bridge", "bridge"}, {"none", "null"}};

static bool wanted(const json_t *filters, const json_t *net)
{
    static const struct {
        const char *filter, *key;
        bool part;
    } rows[] = {{"name", "Name", true},
                {"driver", "Driver", false},
                {"id", "Id", true},
                {"scope", "Scope", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const json_t *words = jx_arr(filters, rows[i].filter), *word;
        bool any = words == NULL;
        size_t j;
        jx_each(j, word, words)
        {
            const char *text = jx_get_str(net, rows[i].key, "");
            any = any || (rows[i].part ? strstr(text, json_string_value(word)) != NULL
                                       : str_eq(text, json_string_value(word)));
        }
        if (!any) {
            return false;
        }
    }
    const json_t *types = jx_arr(filters, "type");
    return types == NULL || str_eq(json_string_value(json_array_get(types, 0)), "builtin");
}

void dock_list_networks(struct dock_req *r)
{
    struct err err;
    if (dock_query_filters(&r->query, "name driver id scope type label dangling", &r->kept, &err) !=
        0) {
        dock_reply_err(r, &err);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(all_networks); i++) {
        json_t *net = network(r->dock, all_networks[i].name, all_networks[i].driver);
        if (wanted(r->kept, net)) {
            json_array_append(list, net);
        }
        json_decref(net);
    }
    dock_reply_json(r, 200, list);
}

/* ---- one, with its containers ---- */

static void add_container(struct dock *d, json_t *containers, const json_t *row,
                          const char *network_name)
{
    json_auto_t *edit = jx_edit(row);
    dock_view_row(d, edit);
    const json_t *at = jx_get(jx_obj(edit, "NetworkSettings.Networks"), network_name);
    if (at == NULL) {
        return;
    }
    cleanup_free char *address =
        xasprintf("%s/%d", jx_get_str(at, "IPAddress", ""), (int)jx_int(at, "IPPrefixLen", 0));
    json_object_set_new(
        containers, jx_get_str(row, "Id", ""),
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "Name", jx_str(edit, "Names[0]", "/") + 1,
                  "EndpointID", jx_get_str(at, "EndpointID", ""), "MacAddress",
                  jx_get_str(at, "MacAddress", ""), "IPv4Address", address, "IPv6Address", ""));
}

static void listed(struct dock_req *r, const struct dock_reply *a)
{
    const json_t *row;
    size_t i;
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
        return;
    }
    jx_each(i, row, a->json)
    {
        if (dock_find_shows(r->dock, jx_obj(row, "Labels"))) {
            add_container(r->dock, json_object_get(r->kept, "Containers"), row,
                          jx_get_str(r->kept, "Name", ""));
        }
    }
    dock_reply_json(r, 200, json_incref(r->kept));
}

void dock_inspect_network(struct dock_req *r)
{
    for (size_t i = 0; i < ARRAY_LEN(all_networks); i++) {
        json_t *net = network(r->dock, all_networks[i].name, all_networks[i].driver);
        if (strcmp(all_networks[i].name, r->ref) == 0 ||
            (strlen(r->ref) >= 4 && str_has_prefix(jx_get_str(net, "Id", ""), r->ref))) {
            r->kept = net;
            cleanup_free char *filter = dock_call_filter(r->dock, NULL);
            dock_call(r, &(struct dock_ask){0}, listed, "/containers/json?filters=%s", filter);
            return;
        }
        json_decref(net);
    }
    dock_reply_fail(r, 404, "network %s not found", r->ref);
}

void dock_prune_networks(struct dock_req *r)
{
    dock_reply_json(r, 200, json_pack("{s:[]}", "NetworksDeleted"));
}
