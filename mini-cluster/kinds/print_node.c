/* SPDX-License-Identifier: Apache-2.0 */
/* How nodes, and the simulated hosts beneath them, show in a table. */
#include "kinds/print.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "meta/object.h"

#define ROLE_PREFIX "node-role.kubernetes.io/"
#define ROLE_LABEL "kubernetes.io/role"

json_t *print_node_status(const struct print_args *a)
{
    const json_t *ready = object_condition(a->obj, "Ready");
    const char *word = "Unknown";
    if (ready != NULL) {
        word = str_eq(jx_get_str(ready, "status", ""), "True") ? "Ready" : "NotReady";
    }
    bool off = jx_bool(a->obj, "spec.unschedulable", false);
    return print_cell_f("%s%s", word, off ? ",SchedulingDisabled" : "");
}

json_t *print_node_roles(const struct print_args *a)
{
    const json_t *labels = object_labels(a->obj);
    json_auto_t *roles = json_object(); /* a set: both kinds of label may name the same role */
    size_t n = 0;
    cleanup_free const char **keys = print_sorted_keys(labels, &n);
    for (size_t i = 0; i < n; i++) {
        const char *role = NULL;
        if (str_has_prefix(keys[i], ROLE_PREFIX)) {
            role = keys[i] + strlen(ROLE_PREFIX);
        } else if (str_eq(keys[i], ROLE_LABEL)) {
            role = jx_get_str(labels, keys[i], "");
        }
        if (role != NULL && *role != '\0') {
            json_object_set_new(roles, role, json_true());
        }
    }
    cleanup_free const char **names = print_sorted_keys(roles, &n);
    cleanup_str struct str list = STR_INIT;
    for (size_t i = 0; i < n; i++) {
        print_list_add(&list, names[i]);
    }
    return print_cell_or(&list, "<none>");
}

static json_t *address_cell(const json_t *node, const char *type)
{
    const json_t *address = jx_find(jx_arr(node, "status.addresses"), "type", type);
    return json_string(jx_get_str(address, "address", "<none>"));
}

json_t *print_node_internal_ip(const struct print_args *a)
{
    return address_cell(a->obj, "InternalIP");
}

json_t *print_node_external_ip(const struct print_args *a)
{
    return address_cell(a->obj, "ExternalIP");
}

/* ---- hosts ---- */

/* A bare On or Off is a boolean to YAML, and the API takes it as such. */
static const char *switch_word(const json_t *host, const char *path, const char *on,
                               const char *off)
{
    const json_t *v = jx_path(host, path);
    if (json_is_boolean(v)) {
        return json_is_true(v) ? on : off;
    }
    return json_is_string(v) ? json_string_value(v) : "";
}

/* What is, and what was asked for where that is not yet so. */
static json_t *change_cell(const char *is, const char *asked)
{
    if (*is == '\0' || *asked == '\0' || str_eq(is, asked)) {
        const char *known = *is != '\0' ? is : asked;
        return json_string(*known != '\0' ? known : "<unknown>");
    }
    return print_cell_f("%s -> %s", is, asked);
}

json_t *print_host_power(const struct print_args *a)
{
    return change_cell(switch_word(a->obj, "status.power", "On", "Off"),
                       switch_word(a->obj, "spec.power", "On", "Off"));
}

json_t *print_host_network(const struct print_args *a)
{
    return change_cell(jx_str(a->obj, "status.network", ""), jx_str(a->obj, "spec.network", ""));
}

static void add_port(const json_t *port, void *ctx)
{
    struct str *list = ctx;
    cleanup_str struct str text = STR_INIT;
    if (json_is_object(port)) {
        const json_t *number = jx_get(port, "hostPort");
        print_scalar(&text, number != NULL ? number : jx_get(port, "port"));
        str_add_f(&text, "/%s", jx_get_str(port, "protocol", "TCP"));
    } else {
        print_scalar(&text, port);
    }
    print_list_add(list, str_c(&text));
}

json_t *print_host_ports(const struct print_args *a)
{
    cleanup_str struct str list = STR_INIT;
    print_walk(a->obj, "status.ports[]", add_port, &list);
    return print_cell_or(&list, "<none>");
}
