/* SPDX-License-Identifier: Apache-2.0 */
/* Turns a service and its pods into endpoints. */
#include "controllers/endpoint_set.h"

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/object.h"

/* The number behind a target port in this pod, 0 when the name is nowhere. */
static int64_t resolve(const json_t *pod, const json_t *target, const char *protocol)
{
    if (json_is_integer(target)) {
        return json_integer_value(target);
    }
    size_t i;
    size_t j;
    json_t *container;
    json_t *port;
    const json_t *containers = jx_arr(pod, "spec.containers");
    jx_each(i, container, containers)
    {
        const json_t *ports = jx_arr(container, "ports");
        jx_each(j, port, ports)
        {
            if (str_eq(jx_get_str(port, "name", ""), json_string_value(target)) &&
                str_eq(jx_get_str(port, "protocol", "TCP"), protocol)) {
                return jx_int(port, "containerPort", 0);
            }
        }
    }
    return 0;
}

static json_t *resolve_ports(const json_t *service, const json_t *pod)
{
    json_t *out = json_array();
    size_t i;
    json_t *port;
    const json_t *ports = jx_arr(service, "spec.ports");
    jx_each(i, port, ports)
    {
        const char *protocol = jx_get_str(port, "protocol", "TCP");
        const json_t *target = jx_get(port, "targetPort");
        int64_t number = resolve(pod, target != NULL ? target : jx_get(port, "port"), protocol);
        if (number > 0) {
            json_t *one = json_pack("{s:s, s:I, s:s}", "name", jx_get_str(port, "name", ""), "port",
                                    (json_int_t)number, "protocol", protocol);
            if (jx_get(port, "appProtocol") != NULL) {
                jx_put_str(one, "appProtocol", jx_get_str(port, "appProtocol", ""));
            }
            json_array_append_new(out, one);
        }
    }
    return out;
}

static json_t *build_endpoint(const json_t *service, const json_t *pod)
{
    bool ready = object_pod_ready(pod);
    bool going = object_deleting(pod);
    bool always = jx_bool(service, "spec.publishNotReadyAddresses", false);
    json_t *e = json_pack("{s:[s], s:{s:b, s:b, s:b}, s:{s:s, s:s, s:s, s:s}}", "addresses",
                          jx_str(pod, "status.podIP", ""), "conditions", "ready",
                          always || (ready && !going), "serving", ready, "terminating", going,
                          "targetRef", "kind", "Pod", "name", object_name(pod), "namespace",
                          object_namespace(pod), "uid", object_uid(pod));
    const char *node = jx_str(pod, "spec.nodeName", "");
    const char *hostname = jx_str(pod, "spec.hostname", "");
    if (node[0] != '\0') {
        jx_put_str(e, "nodeName", node);
    }
    if (hostname[0] != '\0' && str_eq(jx_str(pod, "spec.subdomain", ""), object_name(service))) {
        jx_put_str(e, "hostname", hostname);
    }
    return e;
}

static struct endpoint_group *group_for(struct endpoint_set *s, json_t *ports)
{
    for (size_t i = 0; i < s->groups.n; i++) {
        if (json_equal(s->groups.v[i].ports, ports)) {
            json_decref(ports);
            return &s->groups.v[i];
        }
    }
    struct endpoint_group g = {.ports = ports, .endpoints = json_array()};
    vec_push(&s->groups, g);
    return &s->groups.v[s->groups.n - 1];
}

void endpoint_set_build(struct endpoint_set *s, const json_t *service, const object_list *pods)
{
    bool headless = str_eq(jx_str(service, "spec.clusterIP", ""), "None");
    for (size_t i = 0; i < pods->n; i++) {
        const json_t *pod = pods->v[i];
        if (object_pod_terminal(pod) || jx_str(pod, "status.podIP", "")[0] == '\0') {
            continue;
        }
        json_t *ports = resolve_ports(service, pod);
        if (json_array_size(ports) == 0 && !headless && jx_len(service, "spec.ports") > 0) {
            json_decref(ports); /* no port of the service leads into this pod */
            continue;
        }
        struct endpoint_group *g = group_for(s, ports);
        json_array_append_new(g->endpoints, build_endpoint(service, pod));
        s->n++;
    }
}

void endpoint_set_fini(struct endpoint_set *s)
{
    for (size_t i = 0; i < s->groups.n; i++) {
        json_decref(s->groups.v[i].ports);
        json_decref(s->groups.v[i].endpoints);
    }
    vec_fini(&s->groups);
}

/* ---- the older form ---- */

static json_t *as_address(const json_t *endpoint)
{
    json_t *a = json_pack("{s:s, s:O}", "ip", jx_str(endpoint, "addresses[0]", ""), "targetRef",
                          jx_get(endpoint, "targetRef"));
    const char *node = jx_get_str(endpoint, "nodeName", "");
    const char *hostname = jx_get_str(endpoint, "hostname", "");
    if (node[0] != '\0') {
        jx_put_str(a, "nodeName", node);
    }
    if (hostname[0] != '\0') {
        jx_put_str(a, "hostname", hostname);
    }
    return a;
}

static json_t *as_ports(const json_t *ports)
{
    json_t *out = jx_edit(ports);
    size_t i;
    json_t *port;
    jx_each(i, port, out)
    {
        if (jx_get_str(port, "name", "")[0] == '\0') {
            jx_del(port, "name");
        }
    }
    return out;
}

json_t *endpoint_set_subsets(const struct endpoint_set *s)
{
    json_t *subsets = json_array();
    for (size_t g = 0; g < s->groups.n; g++) {
        json_t *ready = json_array();
        json_t *not_ready = json_array();
        size_t i;
        json_t *e;
        jx_each(i, e, s->groups.v[g].endpoints)
        {
            if (jx_bool(e, "conditions.ready", false)) {
                json_array_append_new(ready, as_address(e));
            } else if (!jx_bool(e, "conditions.terminating", false)) {
                json_array_append_new(not_ready, as_address(e));
            }
        }
        json_t *subset = json_object();
        if (json_array_size(ready) > 0) {
            json_object_set(subset, "addresses", ready);
        }
        if (json_array_size(not_ready) > 0) {
            json_object_set(subset, "notReadyAddresses", not_ready);
        }
        if (json_object_size(subset) > 0) {
            jx_put(subset, "ports", as_ports(s->groups.v[g].ports));
            json_array_append(subsets, subset);
        }
        json_decref(subset);
        json_decref(ready);
        json_decref(not_ready);
    }
    return subsets;
}
