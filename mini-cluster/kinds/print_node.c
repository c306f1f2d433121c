/* SPDX-License-Identifier: Apache-2.0 */
/* How nodes show in a table. */
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
