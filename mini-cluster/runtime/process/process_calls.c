/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime interface over the containers there are. A new one is put together beside them and
 * moved to its name at once, whole: the name is the lock. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/process/process_files.h"
#include "runtime/process/process_impl.h"

/* ---- making one ---- */

static const char *hostname_of(struct process *d, const struct runtime_spec *spec)
{
    const struct process_container *s =
        spec->join != NULL ? map_find(d->containers, spec->join) : NULL;
    const char *own = spec->hostname != NULL ? spec->hostname : "localhost";
    return s != NULL ? process_config_get(&s->config, "hostname", own) : own;
}

static const char *address_of(struct process *d, const struct runtime_spec *spec)
{
    const struct process_container *s =
        spec->join != NULL ? map_find(d->containers, spec->join) : NULL;
    const char *address = s != NULL ? s->address : spec->address;
    return address != NULL ? address : d->gateway;
}

static void new_id(struct process *d, char ret[65])
{
    unsigned char raw[32];
    loop_random(d->loop, LOOP_RANDOM_UID, raw, sizeof(raw));
    str_hex(ret, raw, sizeof(raw));
}

static void build_config(struct process *d, const struct runtime_spec *spec, uint64_t epoch,
                         const struct image_config *image, struct str *config)
{
    char id[65];
    cleanup_free char *dir = xasprintf("%s/containers/%s", d->dir, spec->name);
    cleanup_free char *network =
        xasprintf("%s/containers/%s", d->dir, spec->join != NULL ? spec->join : spec->name);
    new_id(d, id);
    const struct process_place place = {
        .spec = spec,
        .image = image,
        .cluster = d->cluster,
        .id = id,
        .image_id = process_image_id(d, image->name),
        .epoch = epoch,
        .dir = dir,
        .network_dir = network,
        .address = address_of(d, spec),
        .hostname = hostname_of(d, spec),
        .ports_up = str_c(&d->ports_up),
    };
    process_config_build(&place, config);
}

/* The folder with all that belongs to it, under a name of nobody's. */
static int build_folder(struct process *d, const struct runtime_spec *spec,
                        const struct str *config, const char *dir, struct err *err)
{
    const char *sandbox = spec->join != NULL ? spec->join : spec->name;
    cleanup_free char *network =
        spec->join != NULL ? xasprintf("%s/containers/%s", d->dir, spec->join) : NULL;
    cleanup_free char *kept = xasprintf("%s/volumes", d->dir);
    cleanup_free char *shared = xasprintf("%s/containers/%s/volumes", d->dir, sandbox);
    cleanup_free char *config_path = xasprintf("%s/config", dir);
    cleanup_free char *lock_path = xasprintf("%s/lock", dir);
    const struct process_root root = {.dir = dir,
                                      .kept_dir = kept,
                                      .shared_dir = shared,
                                      .network = network,
                                      .address = spec->address,
                                      .hostname = spec->hostname};
    if (process_files_root(&root, spec, err) != 0 ||
        process_files_write(lock_path, "", 0, 0600, err) != 0) {
        return -1;
    }
    return process_files_write(config_path, config->p, config->len, 0600, err);
}

static struct process_container *make(struct process *d, const struct runtime_spec *spec,
                                      uint64_t epoch, const struct image_config *image,
                                      struct err *err)
{
    cleanup_str struct str config = STR_INIT;
    cleanup_free char *fresh = xasprintf("%s/tmp/new-%s", d->dir, spec->name);
    cleanup_free char *dir = xasprintf("%s/containers/%s", d->dir, spec->name);
    build_config(d, spec, epoch, image, &config);
    process_files_remove(fresh);
    if (build_folder(d, spec, &config, fresh, err) != 0) {
        process_files_remove(fresh);
        return NULL;
    }
    if (rename(fresh, dir) != 0) {
        err_errno(err, errno, "make %s", dir);
        process_files_remove(fresh);
        return NULL;
    }
    struct process_container *c = process_container_new(d, spec->name, &config);
    process_op_event(c, "create", 0);
    return c;
}

/* ---- ensure ---- */

static int check(struct process *d, const struct runtime_spec *spec, struct err *err)
{
    if (!d->ready) {
        return err_set(err, ERR_UNAVAILABLE, "the runtime has not recovered yet");
    }
    if (process_config_check(spec, err) != 0) {
        return -1;
    }
    size_t n =
        strcspn(strchr(d->subnet, '.') + 1, ".") + (size_t)(strchr(d->subnet, '.') + 2 - d->subnet);
    if (spec->address != NULL && strncmp(spec->address, d->subnet, n) != 0) {
        return err_set(err, ERR_INVALID,
                       "Invalid address %.40s: It does not belong to this cluster's %s",
                       spec->address, d->subnet);
    }
    return 0;
}

static void ensure_existing(struct process_op *op, struct process_container *c,
                            const struct runtime_spec *spec)
{
    if (strcmp(c->st.hash, spec->hash != NULL ? spec->hash : "") != 0) {
        err_set(&op->err, ERR_CONFLICT,
                "a container named %s exists, made from another specification (%s)", spec->name,
                c->st.hash);
        op->st = runtime_status_copy(&c->st);
        process_op_fail(op, RUNTIME_FAILED);
        return;
    }
    if (!c->starting && c->st.state == RUNTIME_CREATED) {
        process_container_start(c);
    }
    process_op_wait(op, c);
}

void process_ensure(void *self, const struct runtime_spec *spec, uint64_t epoch, runtime_done *done,
                    void *arg)
{
    struct process *d = self;
    struct process_op *op = process_op_new(d, PROCESS_ENSURE, done, arg);
    const char *name = spec->image != NULL ? spec->image : images_guest;
    const struct image_config *image =
        check(d, spec, &op->err) == 0 ? process_image_config(name, &op->err) : NULL;
    if (image == NULL) {
        process_op_fail(op, RUNTIME_FAILED);
        return;
    }
    struct process_container *c = map_find(d->containers, spec->name);
    if (c != NULL) {
        ensure_existing(op, c, spec);
        return;
    }
    c = make(d, spec, epoch, image, &op->err);
    if (c == NULL) {
        process_op_fail(op, RUNTIME_FAILED);
        return;
    }
    process_container_start(c);
    process_op_wait(op, c);
}

/* ---- what happens to one that is there ---- */

static bool check_name(struct process_op *op, const char *name)
{
    if (process_config_name_ok(name)) {
        return true;
    }
    err_set(&op->err, ERR_INVALID, "container name \"%.100s\": only [a-zA-Z0-9][a-zA-Z0-9_.-]",
            name);
    process_op_fail(op, RUNTIME_FAILED);
    return false;
}

void process_stop(void *self, const char *name, int64_t grace_s, runtime_done *done, void *arg)
{
    struct process *d = self;
    struct process_op *op = process_op_new(d, PROCESS_STOP, done, arg);
    struct process_container *c = map_find(d->containers, name);
    op->grace_s = grace_s < 0 ? 0 : grace_s > 86400 ? 86400 : grace_s;
    if (!check_name(op, name)) {
        return;
    }
    if (c == NULL) {
        process_op_ok(op, NULL);
    } else {
        process_op_wait(op, c);
    }
}

void process_remove(void *self, const char *name, runtime_done *done, void *arg)
{
    struct process *d = self;
    struct process_op *op = process_op_new(d, PROCESS_REMOVE, done, arg);
    struct process_container *c = map_find(d->containers, name);
    if (!check_name(op, name)) {
        return;
    }
    if (c == NULL) {
        process_op_ok(op, NULL);
    } else {
        process_op_wait(op, c);
    }
}

void process_pause(void *self, const char *name, bool paused, runtime_done *done, void *arg)
{
    struct process *d = self;
    struct process_op *op = process_op_new(d, PROCESS_PAUSE, done, arg);
    struct process_container *c = map_find(d->containers, name);
    op->paused = paused;
    if (!check_name(op, name)) {
        return;
    }
    if (c == NULL) {
        process_op_not_found(op, name);
    } else {
        process_op_wait(op, c);
    }
}

void process_inspect(void *self, const char *name, runtime_done *done, void *arg)
{
    struct process *d = self;
    struct process_op *op = process_op_new(d, PROCESS_LOOK, done, arg);
    struct process_container *c = map_find(d->containers, name);
    if (!check_name(op, name)) {
        return;
    }
    if (c == NULL) {
        process_op_not_found(op, name);
    } else {
        process_op_wait(op, c);
    }
}

void process_list(void *self, runtime_list_done *done, void *arg)
{
    struct process_op *op = process_op_new(self, PROCESS_LOOK, NULL, arg);
    op->list_done = done;
    process_op_wait_all(op);
}

/* ---- the network ---- */

/* Everything that has this network looks whether it is still there. */
static void tell_network(struct process_container *owner)
{
    void *value;
    for (size_t it = 0; map_next(owner->d->containers, &it, NULL, &value);) {
        struct process_container *c = value;
        if (c == owner || (c->join != NULL && strcmp(c->join, owner->st.name) == 0)) {
            process_container_send(c, 'n', "");
        }
    }
}

static int set_cut(struct process_container *c, bool cut, struct err *err)
{
    cleanup_free char *path = xasprintf("%s/cut", c->dir);
    if (cut && process_files_write(path, "", 0, 0600, err) != 0) {
        return -1;
    }
    if (!cut && unlink(path) != 0 && errno != ENOENT) {
        return err_errno(err, errno, "remove %s", path);
    }
    c->cut = cut;
    c->st.cut = cut;
    tell_network(c);
    process_op_event(c, cut ? "disconnect" : "connect", 0);
    return 0;
}

void process_connect(void *self, const char *name, bool connected, runtime_done *done, void *arg)
{
    struct process *d = self;
    struct process_op *op = process_op_new(d, PROCESS_LOOK, done, arg);
    struct process_container *c = map_find(d->containers, name);
    if (!check_name(op, name)) {
        return;
    }
    if (c == NULL) {
        process_op_not_found(op, name);
    } else if (c->join == NULL && c->cut == connected && set_cut(c, !connected, &op->err) != 0) {
        process_op_fail(op, RUNTIME_FAILED);
    } else {
        process_op_wait(op, c);
    }
}

/* ---- volumes ---- */

static const char *user_of(const struct process *d, const char *volume)
{
    void *value;
    for (size_t it = 0; map_next(d->containers, &it, NULL, &value);) {
        const struct process_container *c = value;
        const char *used;
        for (size_t at = 0; (used = process_config_next(&c->config, &at, "volume")) != NULL;) {
            if (strcmp(used, volume) == 0) {
                return c->st.name;
            }
        }
    }
    return NULL;
}

void process_volume_remove(void *self, const char *volume, runtime_done *done, void *arg)
{
    struct process *d = self;
    struct process_op *op = process_op_new(d, PROCESS_LOOK, done, arg);
    const char *user = user_of(d, volume);
    if (!check_name(op, volume)) {
        return;
    }
    if (user != NULL) {
        err_set(&op->err, ERR_CONFLICT, "volume %s is in use by container %s", volume, user);
        process_op_fail(op, RUNTIME_FAILED);
        return;
    }
    cleanup_free char *path = xasprintf("%s/volumes/%s", d->dir, volume);
    process_files_remove(path);
    process_op_ok(op, NULL);
}
