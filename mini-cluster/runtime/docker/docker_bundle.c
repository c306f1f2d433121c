/* SPDX-License-Identifier: Apache-2.0 */
/* The images that podlab brings along: looked at when a cluster comes up, loaded when one of them
 * is missing or another than ours. */
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_impl.h"
#include "runtime/image_archive.h"
#include "runtime/images.h"

struct bundle {
    struct docker_op op;
    size_t next;
    bool stale;
    VEC(char *) outdated; /* ids that our names will lead to no longer */
};

static void bundle_destroy(struct docker_op *op)
{
    struct bundle *b = (struct bundle *)op;
    for (size_t i = 0; i < b->outdated.n; i++) {
        free(b->outdated.v[i]);
    }
    vec_fini(&b->outdated);
}

/* ---- 3: what nobody can name any more goes, unless somebody uses it ---- */

static void drop_outdated(struct bundle *b);

static void dropped(void *arg, const struct docker_answer *a)
{
    drop_outdated(arg);
}

static void outdated_looked(void *arg, const struct docker_answer *a)
{
    struct bundle *b = arg;
    const char *id = jx_str(a->json, "Id", "");
    if (a->err.code == ERR_NONE && jx_len(a->json, "RepoTags") == 0 &&
        str_has_prefix(id, "sha256:") && strpbrk(id, "/?#% ") == NULL) {
        docker_call(b->op.d, &(struct docker_ask){.method = "DELETE"}, dropped, b, "/images/%s",
                    id);
    } else {
        drop_outdated(b);
    }
}

static void drop_outdated(struct bundle *b)
{
    if (b->outdated.n == 0) {
        docker_op_ok(&b->op);
        return;
    }
    cleanup_free char *id = b->outdated.v[--b->outdated.n];
    cleanup_free char *escaped = docker_escape(id);
    docker_call(b->op.d, &(struct docker_ask){0}, outdated_looked, b, "/images/%s/json", escaped);
}

/* ---- 2: load ---- */

static void loaded(void *arg, enum runtime_result result, const struct runtime_status *st,
                   const struct err *err)
{
    struct bundle *b = arg;
    if (result != RUNTIME_OK) {
        docker_op_finish(&b->op, result, NULL, err);
    } else {
        drop_outdated(b);
    }
}

static void load(struct bundle *b)
{
    cleanup_str struct str archive = STR_INIT;
    images_archive(&archive);
    docker_image_load(b->op.d, archive.p, archive.len, loaded, b);
}

/* ---- 1: look ---- */

/* Daemons with containerd's image store give other ids, but keep labels and layers. */
static bool is_current(const json_t *image, const char *name)
{
    struct image_identity ours;
    images_identity(name, &ours);
    return strcmp(jx_str(image, "Id", ""), ours.id) == 0 ||
           (strcmp(jx_get_str(jx_obj(image, "Config.Labels"), IMAGE_LABEL, ""), ours.label) == 0 &&
            strcmp(jx_str(image, "RootFS.Layers[0]", ""), ours.layer) == 0 &&
            jx_len(image, "RootFS.Layers") == 1);
}

static void look(struct docker_op *op);

static void looked(void *arg, const struct docker_answer *a)
{
    struct bundle *b = arg;
    if (a->err.code != ERR_NONE && a->status != 404) {
        docker_op_failed(&b->op, a);
        return;
    }
    if (a->status == 404) {
        b->stale = true;
    } else if (!is_current(a->json, images_bundled[b->next])) {
        b->stale = true;
        vec_push(&b->outdated, xstrdup(jx_str(a->json, "Id", "")));
    }
    b->next++;
    look(&b->op);
}

static void look(struct docker_op *op)
{
    struct bundle *b = (struct bundle *)op;
    const char *name = images_bundled[b->next];
    if (name != NULL) {
        docker_call(op->d, &(struct docker_ask){0}, looked, b, "/images/%s/json", name);
    } else if (b->stale) {
        load(b);
    } else {
        docker_op_ok(op);
    }
}

void docker_bundle_load(struct docker *d, runtime_done *done, void *arg)
{
    struct bundle *b = xnew(struct bundle);
    docker_op_init(&b->op, d, "", done, arg);
    b->op.destroy = bundle_destroy;
    docker_op_start(&b->op, NULL, look);
}
