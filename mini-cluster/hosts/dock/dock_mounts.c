/* SPDX-License-Identifier: Apache-2.0 */
/* -v, --mount and --tmpfs: volumes of this host and memory, and nothing of the machine below. */
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/dock/dock_create_impl.h"
#include "runtime/docker/docker_spec.h"

enum { MAX_MOUNTS = 64 };

static const char no_binds[] =
    "files of the machine below cannot be mounted: a podlab host has none of them. Use a volume, "
    "as in -v data:/data, or docker cp";

static int check_target(const char *path, const char *target, struct err *err)
{
    if (target[0] != '/' || target[strspn(target, "/")] == '\0') {
        return err_set(err, ERR_BAD_REQUEST,
                       "%s: invalid mount path: '%.200s' mount path must be absolute and not /",
                       path, target);
    }
    for (const char *p = strstr(target, ".."); p != NULL; p = strstr(p + 1, "..")) {
        if (p[-1] == '/' && (p[2] == '/' || p[2] == '\0')) {
            return err_set(err, ERR_BAD_REQUEST, "%s: '%.200s' has a .. in it", path, target);
        }
    }
    return 0;
}

static int check_source(const char *path, const char *source, struct err *err)
{
    if (strpbrk(source, "/\\~") != NULL || source[0] == '.') {
        return err_set(err, ERR_FORBIDDEN, "%s: %.200s: %s", path, source, no_binds);
    }
    if (!docker_spec_name_ok(source) || strlen(source) > 128) {
        return err_set(err, ERR_BAD_REQUEST,
                       "%s: \"%.200s\" includes invalid characters for a local volume name, only "
                       "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed",
                       path, source);
    }
    return 0;
}

static int add(struct dock_create *c, const char *path, const struct dock_mount *m, struct err *err)
{
    if (check_target(path, m->target, err) != 0 ||
        (m->source != NULL && check_source(path, m->source, err) != 0)) {
        return -1;
    }
    for (size_t i = 0; i < c->mounts.n; i++) {
        if (strcmp(c->mounts.v[i].target, m->target) == 0) {
            return err_set(err, ERR_BAD_REQUEST, "Duplicate mount point: %.200s", m->target);
        }
    }
    if (c->mounts.n >= MAX_MOUNTS) {
        return err_set(err, ERR_BAD_REQUEST, "%s: more than %d mounts", path, (int)MAX_MOUNTS);
    }
    struct dock_mount copy = *m;
    copy.source = xstrdup(m->source);
    copy.target = xstrdup(m->target);
    copy.labels = json_incref(m->labels);
    vec_push(&c->mounts, copy);
    return 0;
}

/* ---- HostConfig.Binds ---- */

/* "ro", "nocopy" and the like behind the second colon. */
static int read_modes(const char *path, const char *modes, struct dock_mount *m, struct err *err)
{
    while (*modes != '\0') {
        size_t n = strcspn(modes, ",");
        cleanup_free char *word = xstrndup(modes, n);
        if (strcmp(word, "ro") == 0) {
            m->read_only = true;
        } else if (strcmp(word, "nocopy") == 0) {
            m->no_copy = true;
        } else if (strcmp(word, "rw") != 0 && strcmp(word, "z") != 0 && strcmp(word, "Z") != 0) {
            return err_set(err, ERR_BAD_REQUEST, "%s: invalid mode: %.60s", path, word);
        }
        modes += n + (modes[n] == ',');
    }
    return 0;
}

/* "data:/data:ro", or "/data" alone. */
static int read_bind(struct dock_create *c, const char *path, const char *bind, struct err *err)
{
    struct dock_mount m = {0};
    size_t n = strcspn(bind, ":");
    if (bind[n] == '\0') {
        m.target = (char *)(uintptr_t)bind;
        return add(c, path, &m, err);
    }
    cleanup_free char *source = xstrndup(bind, n);
    const char *rest = bind + n + 1;
    size_t len = strcspn(rest, ":");
    cleanup_free char *target = xstrndup(rest, len);
    m.source = source;
    m.target = target;
    if (source[0] == '\0' || (rest[len] == ':' && read_modes(path, rest + len + 1, &m, err) != 0)) {
        return source[0] == '\0' ? err_set(err, ERR_BAD_REQUEST,
                                           "%s: invalid volume specification: '%.200s'", path, bind)
                                 : -1;
    }
    return add(c, path, &m, err);
}

int dock_mounts_binds(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    struct dock_create *c = arg;
    const json_t *item;
    size_t i;
    (void)out;
    if (!json_is_array(v)) {
        return err_set(err, ERR_BAD_REQUEST, "%s must be a list of strings", path);
    }
    jx_each(i, item, v)
    {
        if (!json_is_string(item)) {
            return err_set(err, ERR_BAD_REQUEST, "%s must be a list of strings", path);
        }
        if (read_bind(c, path, json_string_value(item), err) != 0) {
            return -1;
        }
    }
    json_object_set_new(c->shown, "Binds", jx_edit(v));
    return 0;
}

/* ---- Config.Volumes: -v /data ---- */

int dock_mounts_volumes(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    struct dock_create *c = arg;
    const char *target;
    json_t *value;
    (void)out;
    if (!json_is_object(v)) {
        return err_set(err, ERR_BAD_REQUEST, "%s must be an object", path);
    }
    json_object_foreach((json_t *)(uintptr_t)v, target, value)
    {
        struct dock_mount m = {.target = (char *)(uintptr_t)target};
        if (json_is_object(value) && json_object_size(value) > 0) {
            return err_set(err, ERR_BAD_REQUEST, "%s[%.100s] must be empty", path, target);
        }
        if (add(c, path, &m, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- HostConfig.Mounts ---- */

static const struct dock_field driver_fields[] = {
    DOCK_TAKE("Name", DOCK_STR),
    DOCK_REFUSE("Options", "options of a volume's driver could reach into the machine below"),
    {0},
};

static const struct dock_field volume_fields[] = {
    DOCK_TAKE("NoCopy", DOCK_BOOL),
    DOCK_TAKE("Labels", DOCK_OWN, .fn = dock_create_labels_read),
    DOCK_TAKE("DriverConfig", DOCK_OBJECT, .fields = driver_fields),
    DOCK_REFUSE("Subpath", "a part of a volume cannot be mounted"),
    {0},
};

static const struct dock_field tmpfs_fields[] = {
    DOCK_TAKE("SizeBytes", DOCK_INT, .min = 0, .max = INT64_MAX),
    DOCK_TAKE("Mode", DOCK_INT, .min = 0, .max = 07777),
    DOCK_REFUSE("Options", "options beside size and mode are not taken"),
    {0},
};

static const struct dock_field mount_fields[] = {
    DOCK_TAKE("Type", DOCK_STR),
    DOCK_TAKE("Source", DOCK_STR),
    DOCK_TAKE("Target", DOCK_STR),
    DOCK_TAKE("ReadOnly", DOCK_BOOL),
    DOCK_TAKE("Consistency", DOCK_IGNORE),
    DOCK_REFUSE("BindOptions", no_binds),
    DOCK_TAKE("VolumeOptions", DOCK_OBJECT, .fields = volume_fields),
    DOCK_TAKE("TmpfsOptions", DOCK_OBJECT, .fields = tmpfs_fields),
    DOCK_REFUSE("ImageOptions", "images cannot be mounted"),
    DOCK_REFUSE("ClusterOptions", "there are no cluster volumes here"),
    {0},
};

static int add_volume(struct dock_create *c, const char *path, const json_t *m, struct err *err)
{
    const char *source = jx_get_str(m, "Source", "");
    const char *driver = jx_str(m, "VolumeOptions.DriverConfig.Name", "");
    struct dock_mount mount = {
        .source = (char *)(uintptr_t)(source[0] != '\0' ? source : NULL),
        .target = (char *)(uintptr_t)jx_get_str(m, "Target", ""),
        .read_only = jx_bool(m, "ReadOnly", false),
        .no_copy = jx_bool(m, "VolumeOptions.NoCopy", false),
        .labels = (json_t *)(uintptr_t)jx_obj(m, "VolumeOptions.Labels"),
    };
    if (driver[0] != '\0' && strcmp(driver, "local") != 0) {
        return err_set(err, ERR_FORBIDDEN, "%s: volume driver %.60s: there is only local here",
                       path, driver);
    }
    return add(c, path, &mount, err);
}

static int add_tmpfs(const char *path, const json_t *m, json_t *out, struct err *err)
{
    const char *target = jx_get_str(m, "Target", "");
    if (jx_get_str(m, "Source", "")[0] != '\0') {
        return err_set(err, ERR_BAD_REQUEST, "%s: a tmpfs has no Source", path);
    }
    if (check_target(path, target, err) != 0) {
        return -1;
    }
    json_t *mount = json_pack("{s:s, s:s, s:b}", "Type", "tmpfs", "Target", target, "ReadOnly",
                              jx_bool(m, "ReadOnly", false));
    if (jx_obj(m, "TmpfsOptions") != NULL) {
        json_object_set_new(mount, "TmpfsOptions", jx_edit(jx_obj(m, "TmpfsOptions")));
    }
    if (json_object_get(out, "Mounts") == NULL) {
        json_object_set_new(out, "Mounts", json_array());
    }
    json_array_append_new(json_object_get(out, "Mounts"), mount);
    return 0;
}

static int read_mount(struct dock_create *c, const char *path, const json_t *v, json_t *out,
                      struct err *err)
{
    json_auto_t *m = json_object();
    if (dock_fields_read(mount_fields, v, path, m, c, err) != 0) {
        return -1;
    }
    const char *type = jx_get_str(m, "Type", "");
    if (strcmp(type, "volume") == 0) {
        return add_volume(c, path, m, err);
    }
    if (strcmp(type, "tmpfs") == 0) {
        return add_tmpfs(path, m, out, err);
    }
    bool bind = strcmp(type, "bind") == 0 || strcmp(type, "npipe") == 0;
    return bind ? err_set(err, ERR_FORBIDDEN, "%s: %s", path, no_binds)
                : err_set(err, ERR_FORBIDDEN,
                          "%s: mount type \"%.60s\": volume and tmpfs are "
                          "what there is",
                          path, type);
}

int dock_mounts_mounts(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    struct dock_create *c = arg;
    const json_t *item;
    size_t i;
    if (!json_is_array(v) || json_array_size(v) > MAX_MOUNTS) {
        return err_set(err, ERR_BAD_REQUEST, "%s must be a list of at most %d", path,
                       (int)MAX_MOUNTS);
    }
    jx_each(i, item, v)
    {
        cleanup_free char *at = xasprintf("%s[%zu]", path, i);
        if (read_mount(c, at, item, out, err) != 0) {
            return -1;
        }
    }
    json_object_set_new(c->shown, "Mounts", jx_edit(v));
    return 0;
}

/* ---- HostConfig.Tmpfs ---- */

/* Words that only make a tmpfs: "bind" would be understood as well. */
static bool tmpfs_word_ok(const char *word)
{
    static const char *const words[] = {"rw",    "ro",      "suid",    "nosuid", "dev",
                                        "nodev", "exec",    "noexec",  "sync",   "async",
                                        "atime", "noatime", "relatime"};
    static const char *const keys[] = {"size=", "mode=", "uid=", "gid=", "nr_inodes="};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *value = word + strlen(keys[i]);
        if (str_has_prefix(word, keys[i]) && value[0] != '\0' &&
            strspn(value, "0123456789kKmMgG%") == strlen(value)) {
            return true;
        }
    }
    return false;
}

static int check_tmpfs(const char *path, const char *options, struct err *err)
{
    while (*options != '\0') {
        size_t n = strcspn(options, ",");
        cleanup_free char *word = xstrndup(options, n);
        if (n > 0 && !tmpfs_word_ok(word)) {
            return err_set(err, ERR_BAD_REQUEST, "%s: invalid tmpfs option \"%.60s\"", path, word);
        }
        options += n + (options[n] == ',');
    }
    return 0;
}

int dock_mounts_tmpfs(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    const char *target;
    json_t *options;
    (void)arg;
    if (!json_is_object(v) || json_object_size(v) > MAX_MOUNTS) {
        return err_set(err, ERR_BAD_REQUEST, "%s must be an object of at most %d", path,
                       (int)MAX_MOUNTS);
    }
    json_object_foreach((json_t *)(uintptr_t)v, target, options)
    {
        if (!json_is_string(options)) {
            return err_set(err, ERR_BAD_REQUEST, "%s must be an object of strings", path);
        }
        if (check_target(path, target, err) != 0 ||
            check_tmpfs(path, json_string_value(options), err) != 0) {
            return -1;
        }
    }
    json_object_set_new(out, "Tmpfs", jx_edit(v));
    return 0;
}
