/* SPDX-License-Identifier: Apache-2.0 */
/* The images are those that podlab brings along: they are all this program. Any other would find no
 * files of its own here. */
#include <string.h>

#include "runtime/guest_blob.h"
#include "runtime/image_name.h"
#include "runtime/process/process_impl.h"

static bool is_for_users(const char *name)
{
    return strcmp(name, images_guest) != 0;
}

static int needs_docker(const char *name, struct err *err)
{
    cleanup_str struct str here = STR_INIT;
    for (size_t i = 0; images_bundled[i] != NULL; i++) {
        if (is_for_users(images_bundled[i])) {
            str_add_f(&here, "%s%s", here.len > 0 ? ", " : "", images_bundled[i]);
        }
    }
    return err_set(err, ERR_NOT_FOUND,
                   "%.200s needs Docker, and this cluster runs without it: here are only %s", name,
                   str_c(&here));
}

const struct image_config *process_image_config(const char *image, struct err *err)
{
    struct image_name name;
    char text[512];
    if (image_name_parse(image, &name, err) != 0) {
        return NULL;
    }
    image_name_text(&name, text, sizeof(text));
    const struct image_config *found = images_config(text);
    if (found == NULL) {
        needs_docker(text, err);
    }
    return found;
}

size_t process_image_size(void)
{
    return (size_t)(guest_blob_end - guest_blob);
}

/* Reckoned once: it takes the digest of the whole program. */
const char *process_image_id(struct process *d, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(d->identities); i++) {
        if (d->identities[i].name[0] == '\0') {
            struct image_identity identity;
            if (!images_identity(name, &identity)) {
                return "";
            }
            str_copy(d->identities[i].name, sizeof(d->identities[i].name), name);
            memcpy(d->identities[i].id, identity.id, sizeof(d->identities[i].id));
        }
        if (strcmp(d->identities[i].name, name) == 0) {
            return d->identities[i].id;
        }
    }
    return "";
}

static void find(struct process *d, const char *image, runtime_done *done, void *arg)
{
    struct process_op *op = process_op_new(d, PROCESS_LOOK, done, arg);
    if (process_image_config(image, &op->err) != NULL) {
        process_op_ok(op, NULL);
    } else {
        process_op_fail(op, RUNTIME_FAILED);
    }
}

void process_image_find(void *self, const char *image, runtime_done *done, void *arg)
{
    find(self, image, done, arg);
}

void process_image_pull(void *self, const char *image,
                        void (*progress)(void *arg, const char *line), runtime_done *done,
                        void *arg)
{
    (void)progress;
    find(self, image, done, arg); /* what is not here cannot be had */
}

void process_image_load(void *self, const void *tar, size_t n, runtime_done *done, void *arg)
{
    struct process_op *op = process_op_new(self, PROCESS_LOOK, done, arg);
    (void)tar, (void)n;
    err_set(&op->err, ERR_INVALID,
            "this cluster runs without Docker, and so it has no place for other images");
    process_op_fail(op, RUNTIME_FAILED);
}

void process_image_list(void *self,
                        void (*done)(void *arg, const struct runtime_image *v, size_t n,
                                     const struct err *err),
                        void *arg)
{
    struct process_op *op = process_op_new(self, PROCESS_LOOK, NULL, arg);
    op->images_done = done;
    process_op_ok(op, NULL);
}
