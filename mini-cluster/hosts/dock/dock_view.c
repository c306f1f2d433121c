/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon says, as this host's Docker would: its own names, its own network, its own ports
 * and policies, and nothing of how that is done. */
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "hosts/dock/dock_create.h"
#include "hosts/dock/dock_impl.h"
#include "runtime/docker/docker_spec.h"
#include "runtime/image_archive.h"
#include "runtime/names.h"

/* ---- names ---- */

/* A pod's containers are called as a kubelet calls them: the daemon's names are not to be guessed,
 * since having one is the right to have the container. */
static char *pod_name(const char *id, const json_t *labels)
{
    const char *pod = jx_get_str(labels, DOCK_LABEL_POD, "");
    const char *slash = strchr(pod, '/');
    const char *container = jx_get_str(labels, DOCK_LABEL_POD_CONTAINER, "");
    bool sandbox = str_eq(jx_get_str(labels, DOCKER_LABEL_ROLE, ""), "sandbox");
    return xasprintf("k8s_%s_%s_%.*s_%.8s", sandbox || container[0] == '\0' ? "POD" : container,
                     slash != NULL ? slash + 1 : pod, slash != NULL ? (int)(slash - pod) : 0, pod,
                     id);
}

char *dock_view_name(const struct dock *d, const char *id, const char *name, const json_t *labels)
{
    if (str_eq(jx_get_str(labels, DOCKER_LABEL_ROLE, ""), DOCK_ROLE)) {
        size_t n = strlen(d->prefix);
        return xstrdup(strncmp(name, d->prefix, n) == 0 ? name + n : name);
    }
    return pod_name(id, labels);
}

/* Ours go; a pod's say what a kubelet's would. */
void dock_view_labels(json_t *labels)
{
    const char *key;
    json_t *value;
    void *next;
    cleanup_free char *pod = xstrdup(jx_get_str(labels, DOCK_LABEL_POD, NULL));
    cleanup_free char *container = xstrdup(jx_get_str(labels, DOCK_LABEL_POD_CONTAINER, NULL));
    json_object_foreach_safe(labels, next, key, value)
    {
        if (str_has_prefix(key, DOCK_LABELS)) {
            json_object_del(labels, key);
        }
    }
    char *slash = pod != NULL ? strchr(pod, '/') : NULL;
    if (slash != NULL) {
        json_object_set_new(labels, "io.kubernetes.pod.name", json_string(slash + 1));
        json_object_set_new(labels, "io.kubernetes.pod.namespace",
                            json_stringn(pod, (size_t)(slash - pod)));
        json_object_set_new(
            labels, "io.kubernetes.container.name",
            json_string(container != NULL && container[0] != '\0' ? container : "POD"));
    }
}

void dock_view_network_id(const struct dock *d, const char *network, char ret[DOCK_ID_SIZE])
{
    char id[IMAGE_ID_SIZE];
    cleanup_free char *identity = xasprintf("%s/network/%s", d->prefix, network);
    image_digest(id, identity, strlen(identity));
    str_copy(ret, DOCK_ID_SIZE, id + strlen("sha256:"));
}

static void set_masked(const struct dock *d, json_t *object, const char *key)
{
    const char *text = jx_get_str(object, key, NULL);
    if (text != NULL && strstr(text, d->prefix) != NULL) {
        cleanup_free char *masked = dock_mask(d, text);
        json_object_set_new(object, key, json_string(masked));
    }
}

/* ---- parts ---- */

/* The cluster's network is what this host calls bridge. */
static void view_networks(const struct dock *d, json_t *settings)
{
    struct docker_endpoint at;
    char id[DOCK_ID_SIZE];
    json_t *networks = json_object_get(settings, "Networks");
    docker_endpoint(&d->all->rt, &at);
    json_t *ours = json_incref(json_object_get(networks, at.network));
    if (ours == NULL) {
        return;
    }
    dock_view_network_id(d, "bridge", id);
    json_object_set_new(ours, "NetworkID", json_string(id));
    json_object_set_new(ours, "IPAMConfig", json_null());
    json_object_set_new(ours, "Aliases", json_null());
    json_object_set_new(ours, "DNSNames", json_null());
    json_object_del(networks, at.network);
    json_object_set_new(networks, "bridge", ours);
}

/* On its one network a container has what Docker shows for the bridge at the top as well. */
static void view_settings(const struct dock *d, json_t *settings)
{
    static const char *const keys[] = {"IPAddress", "IPPrefixLen", "Gateway", "MacAddress",
                                       "EndpointID"};
    view_networks(d, settings);
    json_t *bridge = json_object_get(json_object_get(settings, "Networks"), "bridge");
    for (size_t i = 0; bridge != NULL && i < ARRAY_LEN(keys); i++) {
        json_t *value = json_object_get(bridge, keys[i]);
        if (value != NULL) {
            json_object_set(settings, keys[i], value);
        }
    }
}

static void view_mounts(const struct dock *d, json_t *mounts)
{
    size_t i;
    json_t *m;
    json_array_foreach(mounts, i, m)
    {
        set_masked(d, m, "Name");
        set_masked(d, m, "Source");
    }
}

/* ---- inspect ---- */

/* HostConfig as it was asked for, where the daemon was told something else. */
static void view_host_config(const struct dock *d, json_t *host, const json_t *asked,
                             const struct dock_box *b)
{
    struct docker_endpoint at;
    docker_endpoint(&d->all->rt, &at);
    if (str_eq(jx_get_str(host, "NetworkMode", ""), at.network)) {
        json_object_set_new(host, "NetworkMode", json_string("default"));
    }
    json_object_del(host, "Mounts");
    json_object_del(host, "VolumesFrom"); /* of a pod: its sandbox, under its name on the machine */
    json_object_del(host, "Sysctls");
    json_object_update(host, (json_t *)(uintptr_t)jx_obj(asked, "HostConfig"));
    if (jx_int(asked, "HostConfig.NanoCpus", 0) > 0) {
        json_object_set_new(host, "CpuQuota", json_integer(0));
        json_object_set_new(host, "CpuPeriod", json_integer(0));
    }
    if (b != NULL && b->by_hand) {
        json_object_set_new(host, "RestartPolicy", dock_policy_show(&b->policy));
    }
}

static void view_state(json_t *seen, const struct dock_box *b)
{
    json_t *state = json_object_get(seen, "State");
    json_object_set_new(seen, "RestartCount", json_integer(b->restarts));
    if (dock_box_restarting(b)) {
        json_object_set_new(state, "Status", json_string("restarting"));
        json_object_set_new(state, "Restarting", json_true());
        json_object_set_new(state, "Running", json_true());
    }
    if (b->error[0] != '\0' && !dock_box_runs(b)) {
        json_object_set_new(state, "Error", json_string(b->error));
    }
}

void dock_view_inspect(struct dock *d, json_t *seen)
{
    json_t *config = json_object_get(seen, "Config");
    json_t *labels = json_object_get(config, "Labels");
    json_t *settings = json_object_get(seen, "NetworkSettings");
    const char *id = jx_get_str(seen, "Id", ""), *name = jx_get_str(seen, "Name", "");
    const struct dock_box *b = dock_box_find(d, id);
    json_auto_t *asked = dock_box_asked(labels);
    cleanup_free char *shown = dock_view_name(d, id, name + (name[0] == '/'), labels);
    cleanup_free char *slashed = xasprintf("/%s", shown);
    json_object_set_new(seen, "Name", json_string(slashed));
    view_host_config(d, json_object_get(seen, "HostConfig"), asked, b);
    if (asked != NULL) {
        json_object_set_new(config, "Image", json_string(jx_get_str(asked, "Image", "")));
        json_object_set_new(settings, "Ports", json_object());
    }
    if (b != NULL && b->by_hand) {
        view_state(seen, b);
        if (dock_box_runs(b)) {
            json_object_set_new(settings, "Ports",
                                dock_ports_map(&b->ports, jx_obj(config, "ExposedPorts")));
        }
    }
    dock_view_labels(labels);
    view_settings(d, settings);
    view_mounts(d, json_object_get(seen, "Mounts"));
}

/* ---- a row of the list ---- */

void dock_view_row(struct dock *d, json_t *row)
{
    json_t *labels = json_object_get(row, "Labels");
    const char *id = jx_get_str(row, "Id", ""), *name = jx_str(row, "Names[0]", "");
    const struct dock_box *b = dock_box_find(d, id);
    json_auto_t *asked = dock_box_asked(labels);
    cleanup_free char *shown = dock_view_name(d, id, name + (name[0] == '/'), labels);
    cleanup_free char *slashed = xasprintf("/%s", shown);
    json_object_set_new(row, "Names", json_pack("[s]", slashed));
    if (asked != NULL) {
        json_object_set_new(row, "Image", json_string(jx_get_str(asked, "Image", "")));
        jx_put_str(row, "HostConfig.NetworkMode",
                   jx_str(asked, "HostConfig.NetworkMode", "default"));
    }
    if (b != NULL && b->by_hand && dock_box_runs(b)) {
        json_object_set_new(row, "Ports", dock_ports_rows(&b->ports, jx_arr(row, "Ports")));
    }
    if (b != NULL && dock_box_restarting(b)) {
        cleanup_free char *status = xasprintf("Restarting (%d)", b->exit_code);
        json_object_set_new(row, "State", json_string("restarting"));
        json_object_set_new(row, "Status", json_string(status));
    }
    dock_view_labels(labels);
    view_networks(d, json_object_get(row, "NetworkSettings"));
    view_mounts(d, json_object_get(row, "Mounts"));
}

/* ---- an event ---- */

bool dock_view_event(struct dock_req *r, json_t *event)
{
    struct dock *d = r->dock;
    json_t *attributes = json_object_get(json_object_get(event, "Actor"), "Attributes");
    const char *id = jx_str(event, "Actor.ID", "");
    if (!str_eq(jx_get_str(event, "Type", "container"), "container") ||
        !dock_find_shows(d, attributes)) {
        return false;
    }
    json_auto_t *asked = dock_box_asked(attributes);
    cleanup_free char *shown =
        dock_view_name(d, id, jx_get_str(attributes, "name", ""), attributes);
    json_object_set_new(attributes, "name", json_string(shown));
    set_masked(d, attributes, "oldName");
    if (asked != NULL) {
        const char *image = jx_get_str(asked, "Image", "");
        json_object_set_new(attributes, "image", json_string(image));
        json_object_set_new(event, "from", json_string(image));
    }
    dock_view_labels(attributes);
    return true;
}
