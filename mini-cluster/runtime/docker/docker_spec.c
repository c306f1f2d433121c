/* SPDX-License-Identifier: Apache-2.0 */
/* A specification in Docker's words. What a role may is decided here and nowhere else. */
#include "runtime/docker/docker_spec.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "runtime/docker/docker_files.h"
#include "runtime/images.h"

#define CPU_PERIOD_US 100000
#define CPU_QUOTA_MIN_US 1000 /* the kernel's */
#define APP_PIDS 2048         /* a fork bomb ends at its own container */
#define GUEST_PIDS 128

char *docker_spec_network(const struct runtime_cluster *cluster)
{
    return xasprintf("podlab-%s", cluster->name);
}

char *docker_spec_volume(const struct runtime_cluster *cluster, const char *volume)
{
    return xasprintf("podlab-%s-%s", cluster->uid, volume);
}

bool docker_spec_name_ok(const char *name)
{
    size_t n = name != NULL && isalnum((unsigned char)name[0]) ? strlen(name) : 0;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)name[i]) && strchr("_.-", name[i]) == NULL) {
            return false;
        }
    }
    return n >= 2 && n <= 255;
}

static json_t *strings(const char *const *list)
{
    json_t *array = json_array();
    for (; list != NULL && *list != NULL; list++) {
        json_array_append_new(array, json_string(*list));
    }
    return array;
}

static void set_str(json_t *object, const char *key, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        json_object_set_new(object, key, json_string(value));
    }
}

static bool is_guest(const struct runtime_spec *spec)
{
    return spec->role != RUNTIME_APP;
}

/* ---- the process ---- */

static void set_command(json_t *body, const struct runtime_spec *spec)
{
    static const char *const words[] = {
        [RUNTIME_HOST] = "host", [RUNTIME_SERVICES] = "services", [RUNTIME_SANDBOX] = "pause"};
    if (spec->command != NULL) {
        json_object_set_new(body, "Entrypoint", strings(spec->command));
    }
    json_t *args = spec->args != NULL ? strings(spec->args) : NULL;
    if (is_guest(spec) && spec->command == NULL) {
        args = args != NULL ? args : json_array();
        json_array_insert_new(args, 0, json_string(words[spec->role]));
    }
    if (args != NULL) {
        json_object_set_new(body, "Cmd", args);
    }
}

static json_t *labels_of(const struct runtime_cluster *cluster, const struct runtime_spec *spec,
                         uint64_t epoch)
{
    json_t *labels = json_object();
    char number[24];
    for (const char *const *l = spec->labels; l != NULL && *l != NULL; l++) {
        const char *equals = strchr(*l, '=');
        if (equals != NULL) {
            cleanup_free char *key = xstrndup(*l, (size_t)(equals - *l));
            json_object_set_new(labels, key, json_string(equals + 1));
        }
    }
    snprintf(number, sizeof(number), "%" PRIu64, epoch);
    json_object_set_new(labels, DOCKER_LABEL_CLUSTER, json_string(cluster->name));
    json_object_set_new(labels, DOCKER_LABEL_UID, json_string(cluster->uid));
    json_object_set_new(labels, DOCKER_LABEL_ROLE, json_string(runtime_role_name(spec->role)));
    json_object_set_new(labels, DOCKER_LABEL_HOST, json_string(spec->host ? spec->host : ""));
    json_object_set_new(labels, DOCKER_LABEL_HASH, json_string(spec->hash ? spec->hash : ""));
    json_object_set_new(labels, DOCKER_LABEL_EPOCH, json_string(number));
    set_str(labels, DOCKER_LABEL_ADDRESS, spec->address);
    return labels;
}

static json_t *config_of(const struct runtime_spec *spec)
{
    json_t *body = json_object();
    set_str(body, "Image", spec->image != NULL ? spec->image : images_guest);
    set_command(body, spec);
    if (spec->env != NULL) {
        json_object_set_new(body, "Env", strings(spec->env));
    }
    set_str(body, "WorkingDir", spec->workdir);
    set_str(body, "User", spec->user);
    if (spec->join == NULL) {
        set_str(body, "Hostname", spec->hostname);
    }
    bool spoken_to = spec->role == RUNTIME_HOST || spec->role == RUNTIME_SERVICES;
    json_object_set_new(body, "OpenStdin", json_boolean(spec->stdin_open || spoken_to));
    /* Of the guests that are spoken to never: a second attach would find them deaf. */
    json_object_set_new(body, "StdinOnce", json_boolean(spec->stdin_once && !spoken_to));
    json_object_set_new(body, "Tty", json_boolean(spec->tty && !spoken_to));
    json_object_set_new(body, "Healthcheck", json_pack("{s:[s]}", "Test", "NONE"));
    return body;
}

/* ---- what it may, and how much ---- */

static void set_capabilities(json_t *host, const struct runtime_spec *spec)
{
    json_t *add = strings(spec->cap_add), *drop = strings(spec->cap_drop);
    if (is_guest(spec)) {
        json_array_insert_new(drop, 0, json_string("ALL"));
    }
    if (spec->role == RUNTIME_SERVICES) {
        json_array_append_new(add, json_string("NET_ADMIN"));
    }
    json_object_set_new(host, "CapAdd", add);
    json_object_set_new(host, "CapDrop", drop);
    if (spec->no_new_privileges) {
        json_object_set_new(host, "SecurityOpt", json_pack("[s]", "no-new-privileges"));
    }
    json_object_set_new(host, "ReadonlyRootfs", json_boolean(spec->read_only_root));
    json_object_set_new(host, "PidsLimit", json_integer(is_guest(spec) ? GUEST_PIDS : APP_PIDS));
}

/* A quota, and not NanoCpus: Docker refuses more of these than this machine has processors, and how
 * many a host has is for the lab to say. */
static void set_limits(json_t *host, const struct runtime_spec *spec)
{
    if (spec->cpu_limit_milli > 0) {
        int64_t quota = spec->cpu_limit_milli * (CPU_PERIOD_US / 1000);
        json_object_set_new(host, "CpuPeriod", json_integer(CPU_PERIOD_US));
        json_object_set_new(host, "CpuQuota",
                            json_integer(quota < CPU_QUOTA_MIN_US ? CPU_QUOTA_MIN_US : quota));
    }
    if (spec->cpu_request_milli > 0) {
        int64_t shares = spec->cpu_request_milli * 1024 / 1000;
        shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares; /* the kernel's bounds */
        json_object_set_new(host, "CpuShares", json_integer(shares));
    }
    if (spec->memory_limit > 0) {
        json_object_set_new(host, "Memory", json_integer(spec->memory_limit));
        json_object_set_new(host, "MemorySwap", json_integer(spec->memory_limit));
    }
}

static void set_log(json_t *host, const struct runtime_spec *spec)
{
    json_object_set_new(host, "LogConfig",
                        is_guest(spec) ? json_pack("{s:s}", "Type", "none")
                                       : json_pack("{s:s, s:{s:s, s:s}}", "Type", "json-file",
                                                   "Config", "max-size", "5m", "max-file", "2"));
}

/* ---- where it is ---- */

static void set_network(json_t *body, json_t *host, const struct runtime_cluster *cluster,
                        const struct runtime_spec *spec)
{
    cleanup_free char *network = docker_spec_network(cluster);
    if (spec->join != NULL) {
        cleanup_free char *joined = xasprintf("container:%s", spec->join);
        json_object_set_new(host, "NetworkMode", json_string(joined));
        json_object_set_new(host, "IpcMode", json_string(joined));
        return;
    }
    if (spec->role == RUNTIME_SANDBOX) {
        json_object_set_new(host, "IpcMode", json_string("shareable"));
    }
    if (!is_guest(spec) && spec->address == NULL) {
        json_object_set_new(host, "NetworkMode", json_string("none"));
        return;
    }
    json_object_set_new(host, "NetworkMode", json_string(network));
    /* Ports below 1024 without a capability. */
    json_object_set_new(host, "Sysctls",
                        json_pack("{s:s}", "net.ipv4.ip_unprivileged_port_start", "0"));
    if (spec->address != NULL) {
        json_object_set_new(body, "NetworkingConfig",
                            json_pack("{s:{s:{s:{s:s}}}}", "EndpointsConfig", network, "IPAMConfig",
                                      "IPv4Address", spec->address));
    }
}

json_t *docker_spec_mount(const struct runtime_cluster *cluster, const struct runtime_spec *spec,
                          const struct runtime_mount *m, const char *target)
{
    cleanup_free char *name = docker_spec_volume(cluster, m->volume);
    json_t *labels = json_pack("{s:s, s:s}", DOCKER_LABEL_CLUSTER, cluster->name, DOCKER_LABEL_UID,
                               cluster->uid);
    if (!m->keep) {
        json_object_set_new(labels, DOCKER_LABEL_SANDBOX,
                            json_string(spec->join != NULL ? spec->join : spec->name));
    }
    return json_pack("{s:s, s:s, s:s, s:b, s:{s:b, s:o}}", "Type", "volume", "Source", name,
                     "Target", target, "ReadOnly", m->read_only, "VolumeOptions", "NoCopy", 1,
                     "Labels", labels);
}

/* The sandbox's is an anonymous volume, which goes with it; the label lets `down` find one that was
 * left over. */
static void set_share(json_t *host, json_t *mounts, const struct runtime_cluster *cluster,
                      const struct runtime_spec *spec)
{
    if (spec->share != NULL && spec->join != NULL) {
        cleanup_free char *from = xasprintf("%s:ro", spec->join);
        json_object_set_new(host, "VolumesFrom", json_pack("[s]", from));
    } else if (spec->share != NULL) {
        json_array_append_new(mounts, json_pack("{s:s, s:s, s:{s:{s:s, s:s}}}", "Type", "volume",
                                                "Target", spec->share, "VolumeOptions", "Labels",
                                                DOCKER_LABEL_CLUSTER, cluster->name,
                                                DOCKER_LABEL_UID, cluster->uid));
    }
}

static void set_mounts(json_t *host, const struct runtime_cluster *cluster,
                       const struct runtime_spec *spec)
{
    json_t *mounts = json_array(), *tmpfs = json_object();
    for (size_t i = 0; i < spec->nmounts; i++) {
        const struct runtime_mount *m = &spec->mounts[i];
        if (m->volume != NULL) {
            json_array_append_new(mounts, docker_spec_mount(cluster, spec, m, m->path));
        } else {
            json_object_set_new(tmpfs, m->path,
                                json_string(m->read_only ? "ro" : "rw,exec,mode=0777"));
        }
    }
    docker_files_add_mounts(mounts, spec);
    set_share(host, mounts, cluster, spec);
    json_object_set_new(host, "Mounts", mounts);
    json_object_set_new(host, "Tmpfs", tmpfs);
}

/* ---- all of it ---- */

static int check_text(const char *name, const char *what, const char *text, struct err *err)
{
    json_t *json = text != NULL ? json_string(text) : NULL;
    if (text != NULL && json == NULL) {
        return err_set(err, ERR_INVALID, "%s of %s is not UTF-8", what, name);
    }
    json_decref(json);
    return 0;
}

static int check_texts(const struct runtime_spec *spec, struct err *err)
{
    const char *const *const lists[] = {spec->command, spec->args,     spec->env,
                                        spec->cap_add, spec->cap_drop, spec->labels};
    const char *const words[] = {spec->image,   spec->workdir, spec->user, spec->hostname,
                                 spec->address, spec->host,    spec->hash};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (size_t j = 0; lists[i] != NULL && lists[i][j] != NULL; j++) {
            if (check_text(spec->name, "a command, argument, variable or label", lists[i][j],
                           err) != 0) {
                return -1;
            }
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (check_text(spec->name, "a field", words[i], err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int check(const struct runtime_spec *spec, struct err *err)
{
    if (!docker_spec_name_ok(spec->name) ||
        (spec->join != NULL && !docker_spec_name_ok(spec->join))) {
        return err_set(err, ERR_INVALID, "container name \"%s\": only [a-zA-Z0-9][a-zA-Z0-9_.-]",
                       spec->name != NULL ? spec->name : "");
    }
    if (check_texts(spec, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < spec->nmounts; i++) {
        const struct runtime_mount *m = &spec->mounts[i];
        if (check_text(spec->name, "a mount", m->path, err) != 0 ||
            check_text(spec->name, "a volume", m->volume, err) != 0) {
            return -1;
        }
        if (m->path == NULL || m->path[0] != '/' || m->path[1] == '\0') {
            return err_set(err, ERR_INVALID, "mount path \"%s\" of %s: an absolute path below /",
                           m->path != NULL ? m->path : "", spec->name);
        }
    }
    return docker_files_check(spec, err);
}

json_t *docker_spec_body(const struct runtime_cluster *cluster, const struct runtime_spec *spec,
                         uint64_t epoch, struct err *err)
{
    if (check(spec, err) != 0) {
        return NULL;
    }
    json_t *body = config_of(spec), *host = json_object();
    json_object_set_new(body, "Labels", labels_of(cluster, spec, epoch));
    json_object_set_new(body, "HostConfig", host);
    json_object_set_new(host, "RestartPolicy", json_pack("{s:s}", "Name", "no"));
    set_capabilities(host, spec);
    set_limits(host, spec);
    set_log(host, spec);
    set_network(body, host, cluster, spec);
    set_mounts(host, cluster, spec);
    return body;
}
