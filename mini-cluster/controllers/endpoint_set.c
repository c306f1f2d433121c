/* SPDX-License-Identifier: Apache-2.0 */
/* Turns a service and its pods into endpoints. */
#include "controllers/endpoint_set.h"

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/object.h"

/* ---- a pod ---- */

struct endpoint_pod {
    int64_t revision;
    bool ready, going;
    json_t *endpoint; /* as in an EndpointSlice; NULL: it ended, or has no address */
    json_t *address;  /* as in an Endpoints object */
    json_t *ports;    /* {"http/TCP": 8080}: what its containers call their ports; NULL: nothing */
    char *hostname, *subdomain; /* NULL: it has none */
};

static char *text_at(const json_t *pod, const char *path)
{
    const char *text = jx_str(pod, path, "");
    return text[0] != '\0' ? xstrdup(text) : NULL;
}

static json_t *named_ports(const json_t *pod)
{
    json_t *named = NULL;
    size_t i;
    size_t j;
    json_t *container;
    json_t *port;
    const json_t *containers = jx_arr(pod, "spec.containers");
    jx_each(i, container, containers)
    {
        const json_t *ports = jx_get(container, "ports");
        jx_each(j, port, ports)
        {
            cleanup_free char *name = xasprintf("%s/%s", jx_get_str(port, "name", ""),
                                                jx_get_str(port, "protocol", "TCP"));
            named = named != NULL ? named : json_object();
            if (json_object_get(named, name) == NULL) { /* the first one counts */
                json_object_set_new(named, name, json_integer(jx_int(port, "containerPort", 0)));
            }
        }
    }
    return named;
}

static json_t *conditions(const struct endpoint_pod *p, bool ready)
{
    return json_pack("{s:b, s:b, s:b}", "ready", ready, "serving", p->ready, "terminating",
                     p->going);
}

static void describe(struct endpoint_pod *p, const json_t *pod)
{
    const char *ip = jx_str(pod, "status.podIP", "");
    json_t *ref = json_pack("{s:s, s:s, s:s, s:s}", "kind", "Pod", "name", object_name(pod),
                            "namespace", object_namespace(pod), "uid", object_uid(pod));
    p->endpoint = json_pack("{s:[s], s:o, s:O}", "addresses", ip, "conditions",
                            conditions(p, p->ready && !p->going), "targetRef", ref);
    p->address = json_pack("{s:s, s:o}", "ip", ip, "targetRef", ref);
    const char *node = jx_str(pod, "spec.nodeName", "");
    if (node[0] != '\0') {
        jx_put_str(p->endpoint, "nodeName", node);
        jx_put_str(p->address, "nodeName", node);
    }
}

struct endpoint_pod *endpoint_pod_new(const json_t *pod)
{
    struct endpoint_pod *p = xnew(struct endpoint_pod);
    p->revision = object_revision(pod);
    p->ready = object_pod_ready(pod);
    p->going = object_deleting(pod);
    if (!object_pod_terminal(pod) && jx_str(pod, "status.podIP", "")[0] != '\0') {
        describe(p, pod);
        p->ports = named_ports(pod);
        p->hostname = text_at(pod, "spec.hostname");
        p->subdomain = text_at(pod, "spec.subdomain");
    }
    return p;
}

void endpoint_pod_free(void *pod)
{
    struct endpoint_pod *p = pod;
    if (p != NULL) {
        json_decref(p->endpoint);
        json_decref(p->address);
        json_decref(p->ports);
        free(p->hostname);
        free(p->subdomain);
        free(p);
    }
}

int64_t endpoint_pod_revision(const struct endpoint_pod *pod)
{
    return pod->revision;
}

/* ---- ports ---- */

/* The number behind a target port in this pod, 0 when the name is nowhere. */
static int64_t resolve(const struct endpoint_pod *pod, const json_t *target, const char *protocol)
{
    if (json_is_integer(target)) {
        return json_integer_value(target);
    }
    cleanup_free char *name = xasprintf("%s/%s", json_string_value(target), protocol);
    return json_integer_value(json_object_get(pod->ports, name));
}

static const json_t *target_of(const json_t *port)
{
    const json_t *target = jx_get(port, "targetPort");
    return target != NULL ? target : jx_get(port, "port");
}

static json_t *resolve_ports(const json_t *service, const struct endpoint_pod *pod)
{
    json_t *out = json_array();
    size_t i;
    json_t *port;
    const json_t *ports = jx_arr(service, "spec.ports");
    jx_each(i, port, ports)
    {
        const char *protocol = jx_get_str(port, "protocol", "TCP");
        int64_t number = resolve(pod, target_of(port), protocol);
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

static bool has_named_ports(const json_t *service)
{
    size_t i;
    json_t *port;
    const json_t *ports = jx_arr(service, "spec.ports");
    jx_each(i, port, ports)
    {
        if (!json_is_integer(target_of(port))) {
            return true;
        }
    }
    return false;
}

/* ---- the set ---- */

static struct endpoint_group *group_for(struct endpoint_set *s, const json_t *ports)
{
    for (size_t i = 0; i < s->groups.n; i++) {
        if (s->groups.v[i].ports == ports || json_equal(s->groups.v[i].ports, ports)) {
            return &s->groups.v[i];
        }
    }
    struct endpoint_group g = {.ports = json_incref((json_t *)(uintptr_t)ports),
                               .endpoints = json_array(),
                               .ready = json_array(),
                               .not_ready = json_array()};
    vec_push(&s->groups, g);
    return &s->groups.v[s->groups.n - 1];
}

/* Most services show their pods as they are: then what is known of the pod is shared. */
static void add(struct endpoint_group *g, const json_t *service, const struct endpoint_pod *p,
                bool always)
{
    bool ready = always || (p->ready && !p->going);
    bool named = p->hostname != NULL && str_eq(p->subdomain, object_name(service));
    json_t *endpoint = always || named ? json_copy(p->endpoint) : json_incref(p->endpoint);
    json_t *address = named ? json_copy(p->address) : json_incref(p->address);
    if (always) {
        json_object_set_new(endpoint, "conditions", conditions(p, true));
    }
    if (named) {
        jx_put_str(endpoint, "hostname", p->hostname);
        jx_put_str(address, "hostname", p->hostname);
    }
    json_array_append_new(g->endpoints, endpoint);
    if (ready) {
        json_array_append(g->ready, address);
    } else if (!p->going) {
        json_array_append(g->not_ready, address);
    }
    json_decref(address);
}

void endpoint_set_build(struct endpoint_set *s, const json_t *service, const endpoint_pods *pods)
{
    bool headless = str_eq(jx_str(service, "spec.clusterIP", ""), "None");
    bool always = jx_bool(service, "spec.publishNotReadyAddresses", false);
    bool named = has_named_ports(service);
    json_t *ports = NULL; /* the last pod's; without names they are all the same */
    for (size_t i = 0; i < pods->n; i++) {
        if (pods->v[i]->endpoint == NULL) {
            continue;
        }
        if (ports == NULL || named) {
            json_decref(ports);
            ports = resolve_ports(service, pods->v[i]);
        }
        if (json_array_size(ports) == 0 && !headless && jx_len(service, "spec.ports") > 0) {
            continue; /* no port of the service leads into this pod */
        }
        add(group_for(s, ports), service, pods->v[i], always);
        s->n++;
    }
    json_decref(ports);
}

void endpoint_set_fini(struct endpoint_set *s)
{
    for (size_t i = 0; i < s->groups.n; i++) {
        json_decref(s->groups.v[i].ports);
        json_decref(s->groups.v[i].endpoints);
        json_decref(s->groups.v[i].ready);
        json_decref(s->groups.v[i].not_ready);
    }
    vec_fini(&s->groups);
}

/* ---- the older form ---- */

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
    for (size_t i = 0; i < s->groups.n; i++) {
        const struct endpoint_group *g = &s->groups.v[i];
        json_t *subset = json_object();
        if (json_array_size(g->ready) > 0) {
            json_object_set(subset, "addresses", g->ready);
        }
        if (json_array_size(g->not_ready) > 0) {
            json_object_set(subset, "notReadyAddresses", g->not_ready);
        }
        if (json_object_size(subset) > 0) {
            jx_put(subset, "ports", as_ports(g->ports));
            json_array_append(subsets, subset);
        }
        json_decref(subset);
    }
    return subsets;
}
