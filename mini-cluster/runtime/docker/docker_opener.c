/* SPDX-License-Identifier: Apache-2.0 */
/* Create, put, remove: about 30 ms, and only for a read-only root with writable volumes. One that a
 * crash leaves behind has the labels of its cluster, and is found again by its name. */
#include "runtime/docker/docker_opener.h"

#include <stdio.h>

#include "common/mem.h"
#include "runtime/docker/docker_spec.h"
#include "runtime/images.h"
#include "runtime/tar.h"

struct docker_opener {
    struct docker *d;
    char *name;
    json_t *body;
    struct str tar;
    docker_answer_fn *done;
    void *arg;
};

/* The volumes, at /v0, /v1 ... */
static json_t *mounts_of(const struct docker *d, const struct runtime_spec *spec, struct str *tar)
{
    json_t *mounts = json_array();
    for (size_t i = 0; i < spec->nmounts; i++) {
        const struct runtime_mount *m = &spec->mounts[i];
        char target[32];
        if (m->volume != NULL && !m->read_only) {
            snprintf(target, sizeof(target), "/v%zu/", i);
            tar_add_dir(tar, target, 0777);
            json_array_append_new(mounts, docker_spec_mount(&d->cluster, spec, m, target));
        }
    }
    tar_end(tar);
    return mounts;
}

struct docker_opener *docker_opener_new(const struct docker *d, const struct runtime_spec *spec)
{
    struct str tar = STR_INIT;
    json_t *mounts = spec->read_only_root ? mounts_of(d, spec, &tar) : NULL;
    if (json_array_size(mounts) == 0) {
        json_decref(mounts);
        str_fini(&tar);
        return NULL;
    }
    struct docker_opener *o = xnew(struct docker_opener);
    o->tar = tar;
    o->name = xasprintf("%s-volumes", spec->name);
    o->body = json_pack("{s:s, s:{s:s, s:s, s:s}, s:{s:s, s:o}}", "Image", images_guest, "Labels",
                        DOCKER_LABEL_CLUSTER, d->cluster.name, DOCKER_LABEL_UID, d->cluster.uid,
                        DOCKER_LABEL_ROLE, DOCKER_ROLE_OPENER, "HostConfig", "NetworkMode", "none",
                        "Mounts", mounts);
    return o;
}

void docker_opener_free(struct docker_opener *o)
{
    if (o != NULL) {
        json_decref(o->body);
        str_fini(&o->tar);
        free(o->name);
        free(o);
    }
}

static void removed(void *arg, const struct docker_answer *a)
{
    struct docker_opener *o = arg;
    struct docker_answer fine = {.status = 204};
    o->done(o->arg, a->status == 404 || a->status == 409 ? &fine : a);
}

static void was_put(void *arg, const struct docker_answer *a)
{
    struct docker_opener *o = arg;
    if (a->err.code != ERR_NONE) {
        o->done(o->arg, a);
        return;
    }
    docker_call(o->d, &(struct docker_ask){.method = "DELETE"}, removed, o,
                "/containers/%s?force=1&v=1", o->name);
}

static void created(void *arg, const struct docker_answer *a)
{
    struct docker_opener *o = arg;
    if (a->err.code != ERR_NONE && a->status != 409) {
        o->done(o->arg, a);
        return;
    }
    docker_call(o->d, &(struct docker_ask){.method = "PUT", .tar = o->tar.p, .tar_len = o->tar.len},
                was_put, o, "/containers/%s/archive?path=%%2F", o->name);
}

void docker_opener_run(struct docker_opener *o, struct docker *d, docker_answer_fn *done, void *arg)
{
    o->d = d;
    o->done = done;
    o->arg = arg;
    const struct docker_ask ask = {.method = "POST", .body = json_incref(o->body), .lands = true};
    docker_call(d, &ask, created, o, "/containers/create?name=%s", o->name);
}
