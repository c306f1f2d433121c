/* SPDX-License-Identifier: Apache-2.0 */
/* Services: what is left out of ports and addresses is filled in, and what was given stays. */
#include <stdio.h>
#include <string.h>

#include "admission/admission_impl.h"
#include "admission/service_pool.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"

static const char *type_of(const json_t *service)
{
    return jx_str(service, "spec.type", "ClusterIP");
}

static bool has_address(const json_t *service)
{
    return strcmp(type_of(service), "ExternalName") != 0;
}

static bool has_node_ports(const json_t *service)
{
    const char *type = type_of(service);
    if (strcmp(type, "LoadBalancer") == 0) {
        return jx_bool(service, "spec.allocateLoadBalancerNodePorts", true);
    }
    return strcmp(type, "NodePort") == 0;
}

/* ---- ports ---- */

static void default_target_ports(json_t *spec)
{
    size_t i;
    json_t *port;
    json_array_foreach(json_object_get(spec, "ports"), i, port)
    {
        const json_t *target = json_object_get(port, "targetPort");
        bool empty = target == NULL || json_is_null(target) ||
                     (json_is_integer(target) && json_integer_value(target) == 0) ||
                     (json_is_string(target) && json_string_length(target) == 0);
        if (empty && json_is_integer(json_object_get(port, "port"))) {
            json_object_set(port, "targetPort", json_object_get(port, "port"));
        }
    }
}

/* The same port of the older version. */
static const json_t *same_port(const json_t *old, const json_t *port)
{
    size_t i;
    const json_t *p;
    jx_each(i, p, jx_arr(old, "spec.ports"))
    {
        if (jx_int(p, "port", 0) == jx_int(port, "port", 0) &&
            strcmp(jx_get_str(p, "protocol", "TCP"), jx_get_str(port, "protocol", "TCP")) == 0) {
            return p;
        }
    }
    return NULL;
}

/* Carries over what was allocated, and gives up what the new type has no use for. */
static void carry_node_ports(const struct admission_request *r, json_t *spec)
{
    bool needed = has_node_ports(r->obj);
    size_t i;
    json_t *port;
    json_array_foreach(json_object_get(spec, "ports"), i, port)
    {
        const json_t *was = jx_get(same_port(r->old, port), "nodePort");
        const json_t *is = json_object_get(port, "nodePort");
        if (was == NULL) {
            continue;
        }
        if (needed && json_integer_value(is) == 0) {
            json_object_set(port, "nodePort", (json_t *)(uintptr_t)was);
        } else if (!needed && has_node_ports(r->old) && is != NULL && jx_equal(was, is)) {
            json_object_del(port, "nodePort");
        }
    }
}

static void refuse_port(struct admission *a, const char *field, const json_t *value,
                        enum service_claim why, struct field_errs *errs)
{
    if (why == SERVICE_CLAIM_TAKEN) {
        field_errs_invalid(errs, field, value, "provided port is already allocated");
        return;
    }
    int min, max;
    service_pool_port_range(a->pool, &min, &max);
    char detail[128];
    snprintf(detail, sizeof(detail),
             "provided port is not in the valid range. The range of valid ports is %d-%d", min,
             max);
    field_errs_invalid(errs, field, value, detail);
}

static void settle_node_port(struct admission *a, const struct admission_request *r,
                             const char *owner, json_t *port, size_t i, struct field_errs *errs)
{
    const char *protocol = jx_get_str(port, "protocol", "TCP");
    const json_t *wanted = json_object_get(port, "nodePort");
    char field[64];
    snprintf(field, sizeof(field), "spec.ports[%zu].nodePort", i);
    if (json_integer_value(wanted) > 0) {
        enum service_claim c = service_pool_claim_port(
            a->pool, owner, protocol, (int)json_integer_value(wanted), !r->dry_run);
        if (c != SERVICE_CLAIM_OK) {
            refuse_port(a, field, wanted, c, errs);
        }
        return;
    }
    int free_port = service_pool_take_port(a->pool, owner, protocol);
    if (free_port == 0) {
        field_errs_invalid(errs, field, NULL, "failed to allocate a nodePort: range is full");
        return;
    }
    json_object_set_new(port, "nodePort", json_integer(free_port));
}

static void settle_node_ports(struct admission *a, const struct admission_request *r,
                              const char *owner, json_t *spec, struct field_errs *errs)
{
    if (r->old != NULL) {
        carry_node_ports(r, spec);
    }
    if (!has_node_ports(r->obj)) {
        return;
    }
    size_t i;
    json_t *port;
    json_array_foreach(json_object_get(spec, "ports"), i, port)
    {
        settle_node_port(a, r, owner, port, i, errs);
    }
}

/* ---- the address ---- */

/* clusterIP and clusterIPs[0] are two names of the same. */
static void mirror_addresses(const struct admission_request *r, json_t *spec)
{
    const char *one = jx_get_str(spec, "clusterIP", "");
    const char *first = json_string_value(json_array_get(jx_get(spec, "clusterIPs"), 0));
    if (one[0] == '\0' && first != NULL) {
        json_object_set_new(spec, "clusterIP", json_string(first));
        return;
    }
    if (one[0] == '\0' && r->old != NULL && has_address(r->old)) {
        const char *had = jx_str(r->old, "spec.clusterIP", "");
        if (had[0] != '\0') {
            json_object_set_new(spec, "clusterIP", json_string(had));
        }
    }
    one = jx_get_str(spec, "clusterIP", "");
    if (first == NULL && one[0] != '\0') {
        json_object_set_new(spec, "clusterIPs", json_pack("[s]", one));
    }
}

static void refuse_address(struct admission *a, const char *address, enum service_claim why,
                           struct field_errs *errs)
{
    json_auto_t *value = json_pack("[s]", address);
    cleanup_free char *detail =
        why == SERVICE_CLAIM_TAKEN
            ? xasprintf("failed to allocate IP %s: provided IP is already allocated", address)
            : xasprintf("failed to allocate IP %s: the provided IP (%s) is not in the valid range. "
                        "The range of valid IPs is %s",
                        address, address, service_pool_cidr(a->pool));
    field_errs_invalid(errs, "spec.clusterIPs", value, detail);
}

static void settle_address(struct admission *a, const struct admission_request *r,
                           const char *owner, json_t *spec, struct field_errs *errs)
{
    const char *wanted = jx_get_str(spec, "clusterIP", "");
    if (strcmp(wanted, "None") == 0) {
        return;
    }
    if (wanted[0] != '\0') {
        enum service_claim c = service_pool_claim_address(a->pool, owner, wanted, !r->dry_run);
        if (c != SERVICE_CLAIM_OK) {
            refuse_address(a, wanted, c, errs);
        }
        return;
    }
    char address[16];
    if (!service_pool_take_address(a->pool, owner, address)) {
        field_errs_invalid(errs, "spec.clusterIPs", NULL,
                           "failed to allocate a serviceIP: range is full");
        return;
    }
    json_object_set_new(spec, "clusterIP", json_string(address));
    json_object_set_new(spec, "clusterIPs", json_pack("[s]", address));
}

static void default_families(json_t *spec)
{
    if (json_object_get(spec, "ipFamilies") == NULL) {
        json_object_set_new(spec, "ipFamilies", json_pack("[s]", "IPv4"));
    }
    if (json_object_get(spec, "ipFamilyPolicy") == NULL) {
        json_object_set_new(spec, "ipFamilyPolicy", json_string("SingleStack"));
    }
}

static void drop_address(json_t *spec)
{
    static const char *const fields[] = {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        json_object_del(spec, fields[i]);
    }
}

void admission_service_mutate(struct admission *a, const struct admission_request *r,
                              struct field_errs *errs)
{
    json_t *spec = json_object_get(r->obj, "spec");
    if (!json_is_object(spec)) {
        return;
    }
    /* A generated name is settled before this: see the order of a create. */
    cleanup_free char *owner = xasprintf("%s/%s", r->ns, r->name);
    default_target_ports(spec);
    if (has_address(r->obj)) {
        mirror_addresses(r, spec);
        settle_address(a, r, owner, spec, errs);
        default_families(spec);
    } else if (r->old != NULL && has_address(r->old)) {
        drop_address(spec);
    }
    settle_node_ports(a, r, owner, spec, errs);
    if (r->old == NULL && json_object_get(r->obj, "status") == NULL) {
        json_object_set_new(r->obj, "status", json_pack("{s:{}}", "loadBalancer"));
    }
}

/* ---- validation ---- */

static void check_port_names(const json_t *ports, struct field_errs *errs)
{
    size_t i;
    const json_t *port;
    jx_each(i, port, ports)
    {
        const char *name = jx_get_str(port, "name", "");
        char field[64];
        snprintf(field, sizeof(field), "spec.ports[%zu].name", i);
        if (name[0] == '\0' && json_array_size(ports) > 1) {
            field_errs_required(errs, field, "");
        }
        if (name[0] != '\0' && jx_find_index(ports, "name", name) < i) {
            field_errs_duplicate(errs, field, jx_get(port, "name"));
        }
    }
}

static void check_node_ports(const json_t *obj, struct field_errs *errs)
{
    size_t i;
    const json_t *port;
    jx_each(i, port, jx_arr(obj, "spec.ports"))
    {
        if (jx_int(port, "nodePort", 0) == 0 || has_node_ports(obj)) {
            continue;
        }
        char field[64], detail[96];
        snprintf(field, sizeof(field), "spec.ports[%zu].nodePort", i);
        snprintf(detail, sizeof(detail), "may not be used when `type` is '%.30s'", type_of(obj));
        field_errs_forbidden(errs, field, detail);
    }
}

static void check_external_name(const json_t *obj, struct field_errs *errs)
{
    const json_t *ip = jx_path(obj, "spec.clusterIP");
    if (json_string_length(ip) > 0) {
        field_errs_forbidden(errs, "spec.clusterIP",
                             "may not be set when `type` is 'ExternalName'");
    }
    if (jx_str(obj, "spec.externalName", "")[0] == '\0') {
        field_errs_required(errs, "spec.externalName", "");
    }
}

static void check_headless(const json_t *obj, struct field_errs *errs)
{
    bool headless = strcmp(jx_str(obj, "spec.clusterIP", ""), "None") == 0;
    if (headless && strcmp(type_of(obj), "ClusterIP") != 0) {
        char detail[96];
        snprintf(detail, sizeof(detail), "may not be set to 'None' for %.30s services",
                 type_of(obj));
        field_errs_invalid(errs, "spec.clusterIPs[0]", jx_path(obj, "spec.clusterIP"), detail);
    }
    if (!headless && jx_len(obj, "spec.ports") == 0) {
        field_errs_required(errs, "spec.ports", "");
    }
}

/* An address is for life, unless the service stops having one. */
static void check_same_address(const struct admission_request *r, struct field_errs *errs)
{
    if (r->old == NULL || !has_address(r->old) || !has_address(r->obj)) {
        return;
    }
    const json_t *is = jx_path(r->obj, "spec.clusterIPs");
    const char *had = jx_str(r->old, "spec.clusterIP", "");
    if (had[0] != '\0' && strcmp(had, jx_str(r->obj, "spec.clusterIP", "")) != 0) {
        field_errs_invalid(errs, "spec.clusterIPs[0]", is, "may not change once set");
    }
}

static void check_mirror(const json_t *obj, struct field_errs *errs)
{
    const json_t *list = jx_arr(obj, "spec.clusterIPs");
    const char *first = json_string_value(json_array_get(list, 0));
    if (first != NULL && strcmp(first, jx_str(obj, "spec.clusterIP", "")) != 0) {
        field_errs_invalid(errs, "spec.clusterIPs", list, "first value must match `clusterIP`");
    }
}

void admission_service_validate(const struct admission_request *r, struct field_errs *errs)
{
    check_port_names(jx_arr(r->obj, "spec.ports"), errs);
    check_node_ports(r->obj, errs);
    if (!has_address(r->obj)) {
        check_external_name(r->obj, errs);
        return;
    }
    check_headless(r->obj, errs);
    check_same_address(r, errs);
    check_mirror(r->obj, errs);
}
