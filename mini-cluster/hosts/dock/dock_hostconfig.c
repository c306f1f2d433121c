/* SPDX-License-Identifier: Apache-2.0 */
/* HostConfig, where the ways out of a container are: a row for each field that Docker knows. */
#include "hosts/dock/dock_create_impl.h"

#include <string.h>
#include <strings.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/dock/dock_ports.h"

static int nano_cpus_shown(void *arg, const char *path, const json_t *v, json_t *out,
                           struct err *err)
{
    struct dock_create *c = arg;
    json_object_set_new(c->shown, "NanoCpus", jx_edit(v));
    return dock_create_nano_cpus(arg, path, v, out, err);
}

/* "container:NAME"; false when it is something else. */
static bool read_join(struct dock_create *c, enum dock_join what, const char *mode)
{
    if (!str_has_prefix(mode, "container:") || strlen(mode) > 300) {
        return false;
    }
    free(c->joins[what]);
    c->joins[what] = xstrdup(mode + strlen("container:"));
    return true;
}

static int read_network_mode(void *arg, const char *path, const json_t *v, json_t *out,
                             struct err *err)
{
    struct dock_create *c = arg;
    const char *mode = json_string_value(v);
    (void)out;
    if (mode == NULL) {
        return err_set(err, ERR_BAD_REQUEST, "%s must be a string", path);
    }
    json_object_set_new(c->shown, "NetworkMode", json_string(mode[0] != '\0' ? mode : "default"));
    if (mode[0] == '\0' || strcmp(mode, "default") == 0 || strcmp(mode, "bridge") == 0) {
        c->network = DOCK_NET_BRIDGE;
        return 0;
    }
    if (strcmp(mode, "none") == 0) {
        c->network = DOCK_NET_NONE;
        return 0;
    }
    if (read_join(c, DOCK_JOIN_NETWORK, mode)) {
        c->network = DOCK_NET_JOINED;
        return 0;
    }
    if (strcmp(mode, "host") == 0) {
        return err_set(err, ERR_FORBIDDEN, "%s: %s", path, DOCK_OUTSIDE("the network \"host\""));
    }
    return err_set(err, ERR_FORBIDDEN,
                   "%s: network %.100s not found: a podlab host has bridge and none", path, mode);
}

/* What IpcMode, PidMode and the like may be. */
static int read_mode(struct dock_create *c, int join, const char *path, const json_t *v,
                     const char *private_words, json_t *out, struct err *err)
{
    const char *mode = json_string_value(v);
    const char *key = strrchr(path, '.') + 1;
    if (mode == NULL) {
        return err_set(err, ERR_BAD_REQUEST, "%s must be a string", path);
    }
    if (mode[0] == '\0' || (join >= 0 && read_join(c, (enum dock_join)join, mode))) {
        return 0;
    }
    const char *word = strstr(private_words, mode);
    if (word != NULL && strchr(mode, ' ') == NULL && word[strlen(mode)] == ' ') {
        json_object_set_new(out, key, json_string(mode));
        return 0;
    }
    return err_set(err, ERR_FORBIDDEN, "%s: \"%.60s\": %s", path, mode,
                   DOCK_OUTSIDE("a namespace that is not this container's own"));
}

static int read_ipc(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    return read_mode(arg, DOCK_JOIN_IPC, path, v, "private shareable none ", out, err);
}

static int read_pid(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    return read_mode(arg, DOCK_JOIN_PID, path, v, "", out, err);
}

static int read_cgroupns(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    return read_mode(arg, -1, path, v, "private ", out, err);
}

static int read_bindings(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    struct dock_create *c = arg;
    struct dock_ports ports = {0};
    int rc = dock_ports_read(v, c->address, &ports, err);
    (void)path, (void)out;
    dock_ports_fini(&ports);
    json_object_set_new(c->shown, "PortBindings", jx_edit(v));
    return rc;
}

static int read_publish_all(void *arg, const char *path, const json_t *v, json_t *out,
                            struct err *err)
{
    struct dock_create *c = arg;
    (void)out;
    json_object_set_new(c->shown, "PublishAllPorts", json_boolean(json_is_true(v)));
    return json_is_boolean(v) ? 0 : err_set(err, ERR_BAD_REQUEST, "%s must be true or false", path);
}

static int read_policy(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    struct dock_create *c = arg;
    (void)path, (void)out;
    return dock_policy_read(v, &c->policy, err);
}

static int read_froms(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    struct dock_create *c = arg;
    const json_t *item;
    size_t i;
    (void)out;
    jx_each(i, item, v)
    {
        const char *text = json_string_value(item);
        size_t n = text != NULL ? strcspn(text, ":") : 0;
        const char *mode = text != NULL && text[n] == ':' ? text + n + 1 : "rw";
        bool read_only = strcmp(mode, "ro") == 0;
        if (n == 0 || n > 255 || (!read_only && strcmp(mode, "rw") != 0) || i >= 16) {
            return err_set(err, ERR_BAD_REQUEST, "%s: container[:ro], at most 16 of them", path);
        }
        struct dock_from from = {xstrndup(text, n), read_only};
        vec_push(&c->froms, from);
    }
    json_object_set_new(c->shown, "VolumesFrom", jx_edit(v));
    return json_is_array(v) ? 0 : err_set(err, ERR_BAD_REQUEST, "%s must be a list", path);
}

static bool is_default_capability(const char *name)
{
    static const char *const all[] = {
        "AUDIT_WRITE", "CHOWN",  "DAC_OVERRIDE", "FOWNER",          "FSETID",
        "KILL",        "MKNOD",  "NET_RAW",      "SETFCAP",         "SETGID",
        "SETPCAP",     "SETUID", "SYS_CHROOT",   "NET_BIND_SERVICE"};
    const char *bare = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (strcasecmp(all[i], bare) == 0) {
            return true;
        }
    }
    return false;
}

static int read_cap_add(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    const json_t *item;
    size_t i;
    (void)arg;
    jx_each(i, item, v)
    {
        const char *name = json_string_value(item);
        if (name == NULL || !is_default_capability(name)) {
            return err_set(err, ERR_FORBIDDEN,
                           "%s: %.60s: containers of a podlab host have Docker's default "
                           "capabilities and no others",
                           path, name != NULL ? name : "not a string");
        }
    }
    json_object_set_new(out, "CapAdd", jx_edit(v));
    return json_is_array(v) ? 0 : err_set(err, ERR_BAD_REQUEST, "%s must be a list", path);
}

/* Only what takes rights away. */
static int read_security(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    const json_t *item;
    size_t i;
    (void)arg;
    jx_each(i, item, v)
    {
        const char *text = json_string_value(item);
        bool known = str_eq(text, "no-new-privileges") || str_eq(text, "no-new-privileges:true") ||
                     str_eq(text, "no-new-privileges=true");
        if (!known) {
            return err_set(err, ERR_FORBIDDEN,
                           "%s: %.100s: no-new-privileges is the one option that a podlab host "
                           "takes",
                           path, text != NULL ? text : "not a string");
        }
        json_object_set_new(out, "SecurityOpt", json_pack("[s]", "no-new-privileges"));
    }
    return json_is_array(v) ? 0 : err_set(err, ERR_BAD_REQUEST, "%s must be a list", path);
}

static const struct dock_field log_fields[] = {
    DOCK_TAKE("Type", DOCK_STR),
    DOCK_REFUSE("Config", "options of the log are not taken"),
    {0},
};

static int read_log(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    json_auto_t *log = json_object();
    (void)out;
    if (dock_fields_read(log_fields, v, path, log, arg, err) != 0) {
        return -1;
    }
    const char *type = jx_get_str(log, "Type", "");
    if (type[0] != '\0' && strcmp(type, "json-file") != 0) {
        return err_set(err, ERR_FORBIDDEN,
                       "%s.Type: log driver \"%.60s\": a podlab host has json-file", path, type);
    }
    return 0;
}

/* null is the daemon's own list; any other, and above all an empty one, shows what it hides. */
static int read_masked(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    (void)arg, (void)v, (void)out;
    return err_set(err, ERR_FORBIDDEN,
                   "%s: what containers do not see of the machine is not "
                   "theirs to choose",
                   path);
}

static const struct dock_field host_fields[] = {
    DOCK_LIMITS,
    DOCK_TAKE("NanoCpus", DOCK_OWN, .fn = nano_cpus_shown),
    DOCK_REFUSE("Annotations", "annotations are for the machine's runtime"),
    DOCK_TAKE("AutoRemove", DOCK_BOOL),
    DOCK_TAKE("Binds", DOCK_OWN, .fn = dock_mounts_binds),
    DOCK_TAKE("CapAdd", DOCK_OWN, .fn = read_cap_add),
    DOCK_TAKE("CapDrop", DOCK_STRS),
    DOCK_REFUSE("Capabilities", "capabilities are added with --cap-add"),
    DOCK_REFUSE("Cgroup", DOCK_OUTSIDE("a cgroup")),
    DOCK_TAKE("CgroupnsMode", DOCK_OWN, .fn = read_cgroupns),
    DOCK_TAKE("ConsoleSize", DOCK_IGNORE),
    DOCK_TAKE("ContainerIDFile", DOCK_IGNORE),
    DOCK_TAKE("Dns", DOCK_STRS),
    DOCK_TAKE("DnsOptions", DOCK_STRS),
    DOCK_TAKE("DnsSearch", DOCK_STRS),
    DOCK_TAKE("ExtraHosts", DOCK_STRS),
    DOCK_TAKE("GroupAdd", DOCK_STRS),
    DOCK_TAKE("Init", DOCK_BOOL),
    DOCK_TAKE("IpcMode", DOCK_OWN, .fn = read_ipc),
    DOCK_REFUSE("Isolation", "this is not Windows"),
    DOCK_REFUSE("Links", "links are not made here: publish a port, or join with --network "
                         "container:NAME"),
    DOCK_TAKE("LogConfig", DOCK_OWN, .fn = read_log),
    DOCK_TAKE("MaskedPaths", DOCK_OWN, .fn = read_masked),
    DOCK_TAKE("Mounts", DOCK_OWN, .fn = dock_mounts_mounts),
    DOCK_TAKE("NetworkMode", DOCK_OWN, .fn = read_network_mode),
    DOCK_REFUSE("OomScoreAdj", DOCK_OUTSIDE("who is killed first")),
    DOCK_TAKE("PidMode", DOCK_OWN, .fn = read_pid),
    DOCK_TAKE("PortBindings", DOCK_OWN, .fn = read_bindings),
    DOCK_REFUSE("Privileged", DOCK_OUTSIDE("a privileged container")),
    DOCK_TAKE("PublishAllPorts", DOCK_OWN, .fn = read_publish_all),
    DOCK_TAKE("ReadonlyPaths", DOCK_OWN, .fn = read_masked),
    DOCK_TAKE("ReadonlyRootfs", DOCK_BOOL),
    DOCK_TAKE("RestartPolicy", DOCK_OWN, .fn = read_policy),
    DOCK_REFUSE("Runtime", DOCK_OUTSIDE("another runtime")),
    DOCK_TAKE("SecurityOpt", DOCK_OWN, .fn = read_security),
    DOCK_TAKE("ShmSize", DOCK_INT, .min = 0, .max = (int64_t)1 << 30),
    DOCK_REFUSE("StorageOpt", DOCK_OUTSIDE("an option of the storage")),
    DOCK_REFUSE("Sysctls", DOCK_OUTSIDE("a sysctl")),
    DOCK_TAKE("Tmpfs", DOCK_OWN, .fn = dock_mounts_tmpfs),
    DOCK_REFUSE("UTSMode", DOCK_OUTSIDE("a namespace that is not this container's own")),
    DOCK_REFUSE("UsernsMode", DOCK_OUTSIDE("a namespace that is not this container's own")),
    DOCK_REFUSE("VolumeDriver", "volumes are made by the local driver here"),
    DOCK_TAKE("VolumesFrom", DOCK_OWN, .fn = read_froms),
    {0},
};

int dock_create_host(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    struct dock_create *c = arg;
    (void)out;
    return dock_fields_read(host_fields, v, path, c->host, c, err);
}
