/* SPDX-License-Identifier: Apache-2.0 */
/* How services and what stands behind them show in a table. */
#include "kinds/print.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"

enum { SHOWN = 3 }; /* addresses or ports in a cell before "+ N more..." */

static void add_string(const json_t *v, void *ctx)
{
    if (json_is_string(v)) {
        print_list_add(ctx, json_string_value(v));
    }
}

static void add_ingress(const json_t *ingress, void *ctx)
{
    const char *address = jx_get_str(ingress, "ip", "");
    if (*address == '\0') {
        address = jx_get_str(ingress, "hostname", "");
    }
    if (*address != '\0') {
        json_object_set_new((json_t *)ctx, address, json_true());
    }
}

/* Where a load balancer is reached, sorted, each address once. */
static void add_load_balancer(struct str *list, const json_t *obj)
{
    json_auto_t *addresses = json_object();
    print_walk(obj, "status.loadBalancer.ingress[]", add_ingress, addresses);
    size_t n = 0;
    cleanup_free const char **sorted = print_sorted_keys(addresses, &n);
    for (size_t i = 0; i < n; i++) {
        print_list_add(list, sorted[i]);
    }
}

json_t *print_service_external_ip(const struct print_args *a)
{
    const char *type = jx_str(a->obj, "spec.type", "ClusterIP");
    cleanup_str struct str list = STR_INIT;
    if (str_eq(type, "ExternalName")) {
        return json_string(jx_str(a->obj, "spec.externalName", ""));
    }
    if (str_eq(type, "LoadBalancer")) {
        add_load_balancer(&list, a->obj);
    }
    print_walk(a->obj, "spec.externalIPs[]", add_string, &list);
    return print_cell_or(&list, str_eq(type, "LoadBalancer") ? "<pending>" : "<none>");
}

static void add_service_port(const json_t *port, void *ctx)
{
    struct str *list = ctx;
    int64_t node_port = jx_int(port, "nodePort", 0);
    str_add_f(list, "%s%lld", list->len > 0 ? "," : "", (long long)jx_int(port, "port", 0));
    if (node_port > 0) {
        str_add_f(list, ":%lld", (long long)node_port);
    }
    str_add_f(list, "/%s", jx_get_str(port, "protocol", "TCP"));
}

json_t *print_service_ports(const struct print_args *a)
{
    cleanup_str struct str list = STR_INIT;
    print_walk(a->obj, "spec.ports[]", add_service_port, &list);
    return print_cell_or(&list, "<none>");
}

json_t *print_ingress_address(const struct print_args *a)
{
    cleanup_str struct str list = STR_INIT;
    add_load_balancer(&list, a->obj);
    return print_cell(&list);
}

json_t *print_ingress_ports(const struct print_args *a)
{
    return json_string(jx_len(a->obj, "spec.tls") > 0 ? "80, 443" : "80");
}

/* ---- endpoints ---- */

struct shown {
    struct str list;
    size_t count;
};

static void show(struct shown *s, const char *item)
{
    if (s->count++ < SHOWN) {
        print_list_add(&s->list, item);
    }
}

static json_t *shown_cell(struct shown *s, const char *dflt)
{
    print_list_more(&s->list, s->count, SHOWN);
    json_t *cell = print_cell_or(&s->list, dflt);
    str_fini(&s->list);
    return cell;
}

/* An IPv6 address takes brackets before a port. */
static void show_address_port(struct shown *s, const char *ip, int64_t port)
{
    cleanup_str struct str text = STR_INIT;
    str_add_f(&text, strchr(ip, ':') != NULL ? "[%s]:%lld" : "%s:%lld", ip, (long long)port);
    show(s, str_c(&text));
}

static void show_subset_port(struct shown *s, const json_t *subset, const json_t *port)
{
    const json_t *addresses = jx_arr(subset, "addresses");
    const json_t *address;
    size_t i;
    jx_each(i, address, addresses)
    {
        const char *ip = jx_get_str(address, "ip", "");
        if (port != NULL) {
            show_address_port(s, ip, jx_int(port, "port", 0));
        } else {
            show(s, ip);
        }
    }
}

static void show_subset(const json_t *subset, void *ctx)
{
    const json_t *ports = jx_arr(subset, "ports");
    const json_t *port;
    size_t i;
    if (json_array_size(ports) == 0) { /* a headless service without ports */
        show_subset_port(ctx, subset, NULL);
    }
    jx_each(i, port, ports)
    {
        show_subset_port(ctx, subset, port);
    }
}

json_t *print_endpoints(const struct print_args *a)
{
    struct shown s = {0};
    print_walk(a->obj, "subsets[]", show_subset, &s);
    /* Subsets without a ready address print as nothing, as in Kubernetes. */
    return shown_cell(&s, jx_len(a->obj, "subsets") > 0 ? "" : "<none>");
}

static void show_string(const json_t *v, void *ctx)
{
    if (json_is_string(v)) {
        show(ctx, json_string_value(v));
    }
}

json_t *print_slice_endpoints(const struct print_args *a)
{
    struct shown s = {0};
    print_walk(a->obj, "endpoints[].addresses[]", show_string, &s);
    return shown_cell(&s, "<unset>");
}

static void show_slice_port(const json_t *port, void *ctx)
{
    cleanup_str struct str text = STR_INIT;
    print_scalar(&text, jx_get(port, "port"));
    if (text.len == 0) {
        print_scalar(&text, jx_get(port, "name"));
    }
    show(ctx, text.len > 0 ? str_c(&text) : "*");
}

json_t *print_slice_ports(const struct print_args *a)
{
    struct shown s = {0};
    print_walk(a->obj, "ports[]", show_slice_port, &s);
    return shown_cell(&s, "<unset>");
}
