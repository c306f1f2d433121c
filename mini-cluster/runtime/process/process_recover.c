/* SPDX-License-Identifier: Apache-2.0 */
/* The folder is made or read; whatever lives in it is found again, or removed with all of it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"
#include "runtime/guest_blob.h"
#include "runtime/process/process_files.h"
#include "runtime/process/process_impl.h"

enum { CLAIM_TRIES = 20, CLAIM_AGAIN_US = 2000 };

/* ---- reading ---- */

/* What a power cut left of one cannot be run nor told of; a live one always has its config. */
static void read_container(struct process *d, const char *name)
{
    cleanup_free char *path = xasprintf("%s/containers/%s/config", d->dir, name);
    cleanup_str struct str config = STR_INIT;
    struct err err;
    if (process_files_read(path, &config, &err) != 0 || !process_config_whole(&config)) {
        cleanup_free char *dir = xasprintf("%s/containers/%s", d->dir, name);
        log_warn("runtime", "%s is damaged and is removed", dir);
        process_files_remove(dir);
        return;
    }
    process_container_adopt(process_container_new(d, name, &config));
}

static void each_name(const char *path, void (*fn)(struct process *d, const char *name),
                      struct process *d)
{
    DIR *dir = opendir(path);
    for (struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL; e = readdir(dir)) {
        if (e->d_name[0] != '.') {
            fn(d, e->d_name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static void sweep(struct process *d, const char *name)
{
    cleanup_free char *path = xasprintf("%s/tmp/%s", d->dir, name);
    process_files_remove(path);
}

static void read_folder(struct process *d)
{
    cleanup_free char *containers = xasprintf("%s/containers", d->dir);
    cleanup_free char *tmp = xasprintf("%s/tmp", d->dir);
    if (!d->ready) {
        d->ready = true;
        each_name(tmp, sweep, d);
        each_name(containers, read_container, d);
    }
}

/* ---- making ---- */

static int make_folder(struct process *d, struct err *err)
{
    static const char *const names[] = {"containers", "volumes", "tmp"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cleanup_free char *path = xasprintf("%s/%s", d->dir, names[i]);
        if (process_files_mkdirs(path, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Named after what it is: one that runs is not written over by another version's. */
static int make_program(struct process *d, struct err *err)
{
    struct stat st;
    size_t n = process_image_size();
    free(d->program);
    d->program =
        xasprintf("%s/podlab-%016llx", d->dir, (unsigned long long)str_hash(guest_blob, n));
    if (stat(d->program, &st) == 0 && st.st_size == (off_t)n) {
        return 0;
    }
    return process_files_write(d->program, guest_blob, n, 0700, err);
}

/* What runs was told which ports are moved: that must not change under it. */
static int make_ports(struct process *d, struct err *err)
{
    cleanup_free char *path = xasprintf("%s/ports", d->dir);
    struct err none;
    str_clear(&d->ports_up);
    if (process_files_read(path, &d->ports_up, &none) == 0 && d->ports_up.len > 0) {
        return 0;
    }
    str_clear(&d->ports_up);
    process_ports_look(d->gateway, &d->ports_up);
    return process_files_write(path, d->ports_up.p, d->ports_up.len, 0600, err);
}

static int claim(struct process *d, struct err *err)
{
    cleanup_free char *name = xasprintf(PROCESS_CLAIM "%s", d->gateway);
    for (int i = 0; d->claim < 0 && i < CLAIM_TRIES; i++) { /* our last life may be leaving */
        d->claim = process_claim(name, err);
        if (d->claim < 0) {
            usleep(CLAIM_AGAIN_US);
        }
    }
    return d->claim < 0 ? err_wrap(err, "the subnet %s", d->subnet) : 0;
}

void process_recover(void *self, runtime_done *done, void *arg)
{
    struct process *d = self;
    struct process_op *op = process_op_new(d, PROCESS_LOOK, done, arg);
    if (claim(d, &op->err) != 0 || make_folder(d, &op->err) != 0 ||
        make_program(d, &op->err) != 0 || make_ports(d, &op->err) != 0) {
        process_op_fail(op, RUNTIME_FAILED);
        return;
    }
    read_folder(d);
    process_op_wait_all(op);
}

/* ---- removing all ---- */

struct destruction {
    unsigned under_way;
    bool failed;
    struct process_op *op;
};

static void finish(struct destruction *x)
{
    struct process *d = x->op->d;
    if (--x->under_way > 0) {
        return;
    }
    if (x->failed) {
        process_op_fail(x->op, RUNTIME_FAILED);
    } else {
        process_files_remove(d->dir);
        d->ready = false;
        process_op_ok(x->op, NULL);
    }
    free(x);
}

static void removed(void *arg, enum runtime_result result, const struct runtime_status *st,
                    const struct err *err)
{
    struct destruction *x = arg;
    (void)st;
    if (result != RUNTIME_OK) {
        x->failed = true;
        x->op->err = *err;
    }
    finish(x);
}

/* All of them are known. */
static void remove_all(struct process_op *known)
{
    struct process *d = known->d;
    struct destruction *x = xnew(struct destruction);
    VEC(char *) names = {0};
    const char *name;
    x->op = process_op_new(d, PROCESS_LOOK, known->done, known->arg);
    x->under_way = 1;
    for (size_t it = 0; map_next(d->containers, &it, &name, NULL);) {
        vec_push(&names, xstrdup(name));
    }
    for (size_t i = 0; i < names.n; i++) {
        x->under_way++;
        process_remove(d, names.v[i], removed, x);
        free(names.v[i]);
    }
    vec_fini(&names);
    finish(x);
}

void process_destroy(void *self, runtime_done *done, void *arg)
{
    struct process *d = self;
    struct process_op *op = process_op_new(d, PROCESS_LOOK, done, arg);
    op->then = remove_all;
    read_folder(d);
    process_op_wait_all(op);
}
