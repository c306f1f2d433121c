/* SPDX-License-Identifier: Apache-2.0 */
/* A container gets another name. Nothing else about it changes: its labels say what it was made
 * for. */
#include "common/mem.h"
#include "runtime/docker/docker_impl.h"
#include "runtime/docker/docker_spec.h"

struct renaming {
    struct docker_op op; /* of the new name */
    char *from;
};

static void renaming_destroy(struct docker_op *op)
{
    free(((struct renaming *)op)->from);
}

/* An earlier life may have renamed it: then it is there under the new name. */
static void looked(void *arg, const struct docker_answer *a)
{
    struct renaming *r = arg;
    struct docker_status status;
    struct err err;
    if (a->err.code == ERR_NOT_FOUND) {
        err_set(&err, ERR_NOT_FOUND, "no container is called %s, and none %s", r->from, r->op.name);
        docker_op_finish(&r->op, RUNTIME_FAILED, NULL, &err);
    } else if (a->err.code != ERR_NONE) {
        docker_op_failed(&r->op, a);
    } else if (docker_status_read(a->json, &status, &err) != 0) {
        docker_op_finish(&r->op, RUNTIME_UNKNOWN, NULL, &err);
    } else {
        docker_op_finish(&r->op, RUNTIME_OK, &status.st, NULL);
        docker_status_fini(&status);
    }
}

static void renamed(void *arg, const struct docker_answer *a)
{
    struct renaming *r = arg;
    if (a->err.code == ERR_NONE || a->status == 404) {
        docker_call(r->op.d, &(struct docker_ask){0}, looked, r, "/containers/%s/json", r->op.name);
    } else {
        docker_op_failed(&r->op, a);
    }
}

static void rename_run(struct docker_op *op)
{
    const struct renaming *r = (const struct renaming *)op;
    docker_call(op->d, &(struct docker_ask){.method = "POST"}, renamed, op,
                "/containers/%s/rename?name=%s", r->from, op->name);
}

/* Whatever is called for the new name meanwhile waits for it, as for an ensure. */
void docker_rename(void *self, const char *name, const char *to, runtime_done *done, void *arg)
{
    struct renaming *r = xnew(struct renaming);
    docker_op_init(&r->op, self, to, done, arg);
    r->op.destroy = renaming_destroy;
    r->op.is_ensure = true;
    r->from = xstrdup(name);
    if (!docker_spec_name_ok(name)) {
        err_set(&r->op.err, ERR_INVALID,
                "container name \"%.100s\": only [a-zA-Z0-9][a-zA-Z0-9_.-]", name);
        docker_op_fail(&r->op, RUNTIME_FAILED);
    } else if (docker_op_name_ok(&r->op)) {
        docker_op_start(&r->op, NULL, rename_run);
    }
}
