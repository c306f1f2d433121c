/* SPDX-License-Identifier: Apache-2.0 */
/* Images: which are here, loading what we bring along, and telling what there is when one is
 * missing. */
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_impl.h"
#include "runtime/image_name.h"
#include "runtime/images.h"

#define LOAD_NS LOOP_S(300)

/* ---- which are here ---- */

struct image_list {
    struct docker_op op;
    void (*done)(void *arg, const struct runtime_image *v, size_t n, const struct err *err);
    json_t *rows;
};

static void image_list_answer(struct docker_op *op, enum runtime_result result,
                              const struct err *err)
{
    struct image_list *l = (struct image_list *)op;
    VEC(struct runtime_image) images = {0};
    size_t i, j;
    const json_t *row, *tag;
    jx_each(i, row, l->rows)
    {
        const json_t *tags = jx_arr(row, "RepoTags");
        jx_each(j, tag, tags)
        {
            struct runtime_image image = {json_string_value(tag), jx_get_str(row, "Id", ""),
                                          jx_int(row, "Size", 0)};
            if (image.name != NULL && strcmp(image.name, "<none>:<none>") != 0) {
                vec_push(&images, image);
            }
        }
    }
    l->done(op->arg, images.v, images.n, err);
    vec_fini(&images);
}

static void image_list_destroy(struct docker_op *op)
{
    json_decref(((struct image_list *)op)->rows);
}

static void images_listed(void *arg, const struct docker_answer *a)
{
    struct image_list *l = arg;
    l->rows = json_incref(a->json);
    docker_op_finish(&l->op, docker_answer_result(a), NULL, &a->err);
}

static void image_list_run(struct docker_op *op)
{
    docker_call(op->d, &(struct docker_ask){0}, images_listed, op, "/images/json");
}

void docker_image_list(void *self,
                       void (*done)(void *arg, const struct runtime_image *v, size_t n,
                                    const struct err *err),
                       void *arg)
{
    struct image_list *l = xnew(struct image_list);
    docker_op_init(&l->op, self, "", NULL, arg);
    l->op.answer = image_list_answer;
    l->op.destroy = image_list_destroy;
    l->done = done;
    docker_op_start(&l->op, NULL, image_list_run);
}

/* ---- is this one here? ---- */

struct image_search {
    struct docker_op op;
    struct image_name name;
    char text[512];
};

static bool is_podlab_tag(const char *tag)
{
    return str_has_prefix(tag, "podlab/") && !str_has_prefix(tag, "podlab/guest:");
}

/* The bundled ones: what a lab can do without any registry. */
static void add_podlab_tags(struct str *out, const json_t *images)
{
    size_t i, j;
    const json_t *image, *tag;
    jx_each(i, image, images)
    {
        const json_t *tags = jx_arr(image, "RepoTags");
        jx_each(j, tag, tags)
        {
            const char *text = json_string_value(tag);
            if (text != NULL && is_podlab_tag(text)) {
                str_add_f(out, "%s%s", out->len > 0 ? ", " : "", text);
            }
        }
    }
}

static void what_is_here(void *arg, const struct docker_answer *a)
{
    struct image_search *s = arg;
    cleanup_str struct str here = STR_INIT;
    struct err err;
    add_podlab_tags(&here, a->json);
    err_set(&err, ERR_NOT_FOUND, "%.200s is not on this machine%s%s", s->text,
            here.len > 0 ? ". Here are " : "", str_c(&here));
    docker_op_finish(&s->op, RUNTIME_FAILED, NULL, &err);
}

static void searched(void *arg, const struct docker_answer *a)
{
    struct image_search *s = arg;
    if (a->status == 404) {
        docker_call(s->op.d, &(struct docker_ask){0}, what_is_here, s, "/images/json");
    } else if (a->err.code != ERR_NONE) {
        docker_op_finish(&s->op, RUNTIME_FAILED, NULL, &a->err);
    } else {
        docker_op_ok(&s->op);
    }
}

void docker_image_find(void *self, const char *image, runtime_done *done, void *arg)
{
    struct image_search *s = xnew(struct image_search);
    docker_op_init(&s->op, self, "", done, arg);
    if (image_name_parse(image, &s->name, &s->op.err) != 0) {
        docker_op_fail(&s->op, RUNTIME_FAILED);
        return;
    }
    image_name_text(&s->name, s->text, sizeof(s->text)); /* only letters that may be in a path */
    docker_call(self, &(struct docker_ask){0}, searched, s, "/images/%s/json", s->text);
}

/* ---- loading ---- */

static void loaded(void *arg, const struct docker_answer *a)
{
    struct docker_op *op = arg;
    struct docker_answer wrapped = *a;
    if (a->err.code == ERR_NONE) {
        docker_op_ok(op);
    } else {
        err_wrap(&wrapped.err, "load an image");
        docker_op_failed(op, &wrapped);
    }
}

void docker_image_load(void *self, const void *tar, size_t n, runtime_done *done, void *arg)
{
    struct docker_op *op = xnew(struct docker_op);
    docker_op_init(op, self, "", done, arg);
    const struct docker_ask ask = {
        .method = "POST", .tar = tar, .tar_len = n, .timeout_ns = LOAD_NS, .lines = true};
    docker_call(self, &ask, loaded, op, "/images/load?quiet=1");
}
