/* SPDX-License-Identifier: Apache-2.0 */
/* Builds what the daemon is asked for: with our labels, at an address of ours, with full ids, and
 * without a port, a restart policy or a path. */
#include <inttypes.h>
#include <stdio.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/dock/dock_create_impl.h"
#include "runtime/docker/docker_spec.h"

json_t *dock_create_labels(const struct dock_place *p)
{
    return json_pack("{s:s, s:s, s:s}", DOCKER_LABEL_CLUSTER, p->cluster, DOCKER_LABEL_UID, p->uid,
                     DOCKER_LABEL_HOST, p->host);
}

static void set_labels(json_t *body, const struct dock_create *c, const struct dock_place *p)
{
    char epoch[24];
    json_t *labels = json_object_get(body, "Labels");
    json_auto_t *ours = dock_create_labels(p);
    json_auto_t *asked = json_pack("{s:s, s:O}", "Image", c->image, "HostConfig", c->shown);
    cleanup_free char *text = jx_dump_text(asked);
    if (labels == NULL) {
        labels = json_object();
        json_object_set_new(body, "Labels", labels);
    }
    snprintf(epoch, sizeof(epoch), "%" PRIu64, p->epoch);
    json_object_update(labels, ours);
    json_object_set_new(labels, DOCKER_LABEL_ROLE, json_string(DOCK_ROLE));
    json_object_set_new(labels, DOCKER_LABEL_EPOCH, json_string(epoch));
    json_object_set_new(labels, DOCK_LABEL_ASKED, json_string(text));
    if (p->address != NULL) {
        json_object_set_new(labels, DOCKER_LABEL_ADDRESS, json_string(p->address));
    }
}

/* ---- volumes ---- */

/* The labels come before the learner's own, which cannot be ours. */
static json_t *volume_of(const struct dock_mount *m, const struct dock_place *p)
{
    json_t *labels = dock_create_labels(p);
    json_t *options = json_pack("{s:o}", "Labels", labels);
    if (m->labels != NULL) {
        json_object_update_missing(labels, m->labels);
    }
    if (m->no_copy) {
        json_object_set_new(options, "NoCopy", json_true());
    }
    json_t *mount = json_pack("{s:s, s:s, s:b, s:o}", "Type", "volume", "Target", m->target,
                              "ReadOnly", m->read_only, "VolumeOptions", options);
    if (m->source != NULL) {
        cleanup_free char *name = xasprintf("%s%s", p->prefix, m->source);
        json_object_set_new(mount, "Source", json_string(name));
    }
    return mount;
}

static bool is_mounted(const struct dock_create *c, const char *target)
{
    for (size_t i = 0; i < c->mounts.n; i++) {
        if (str_eq(c->mounts.v[i].target, target)) {
            return true;
        }
    }
    return false;
}

/* Docker would make the volumes that an image names without a label, and nobody would find them. */
static void add_image_volumes(json_t *mounts, const struct dock_create *c,
                              const struct dock_place *p)
{
    const char *target;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)p->image_volumes, target, value)
    {
        const struct dock_mount m = {.target = (char *)(uintptr_t)target};
        if (!is_mounted(c, target)) {
            json_array_append_new(mounts, volume_of(&m, p));
        }
    }
}

static void set_volumes(json_t *host, const struct dock_create *c, const struct dock_place *p)
{
    json_t *mounts = json_object_get(host, "Mounts"); /* tmpfs are in there already */
    if (mounts == NULL) {
        mounts = json_array();
        json_object_set_new(host, "Mounts", mounts);
    }
    for (size_t i = 0; i < c->mounts.n; i++) {
        json_array_append_new(mounts, volume_of(&c->mounts.v[i], p));
    }
    add_image_volumes(mounts, c, p);
    json_t *froms = json_array();
    for (size_t i = 0; i < c->froms.n; i++) {
        cleanup_free char *from =
            xasprintf("%s:%s", p->from_ids[i], c->froms.v[i].read_only ? "ro" : "rw");
        json_array_append_new(froms, json_string(from));
    }
    json_object_set_new(host, "VolumesFrom", froms);
}

/* ---- namespaces ---- */

static void join(json_t *host, const char *key, const char *id)
{
    cleanup_free char *mode = xasprintf("container:%s", id);
    json_object_set_new(host, key, json_string(mode));
}

static void set_network(json_t *body, json_t *host, const struct dock_create *c,
                        const struct dock_place *p)
{
    static const char *const keys[DOCK_JOINS] = {
        [DOCK_JOIN_NETWORK] = "NetworkMode",
        [DOCK_JOIN_IPC] = "IpcMode",
        [DOCK_JOIN_PID] = "PidMode",
    };
    json_object_set_new(host, "NetworkMode", json_string("none"));
    for (size_t i = 0; i < DOCK_JOINS; i++) {
        if (c->joins[i] != NULL) {
            join(host, keys[i], p->joined[i]);
        }
    }
    if (c->network != DOCK_NET_BRIDGE) {
        return;
    }
    json_object_set_new(host, "NetworkMode", json_string(p->network));
    /* Ports below 1024 without a capability, as in a pod. */
    json_object_set_new(host, "Sysctls",
                        json_pack("{s:s}", "net.ipv4.ip_unprivileged_port_start", "0"));
    json_object_set_new(body, "NetworkingConfig",
                        json_pack("{s:{s:{s:{s:s}}}}", "EndpointsConfig", p->network, "IPAMConfig",
                                  "IPv4Address", p->address));
}

json_t *dock_create_body(const struct dock_create *c, const struct dock_place *p)
{
    json_t *body = jx_edit(c->config), *host = jx_edit(c->host);
    json_object_set_new(body, "Image", json_string(p->image_id));
    json_object_set_new(body, "HostConfig", host);
    set_labels(body, c, p);
    set_volumes(host, c, p);
    set_network(body, host, c, p);
    json_object_set_new(host, "RestartPolicy", json_pack("{s:s}", "Name", "no"));
    json_object_set_new(host, "LogConfig",
                        json_pack("{s:s, s:{s:s, s:s}}", "Type", "json-file", "Config", "max-size",
                                  "5m", "max-file", "2"));
    if (json_object_get(host, "PidsLimit") == NULL) {
        json_object_set_new(host, "PidsLimit", json_integer(DOCK_PIDS));
    }
    return body;
}
