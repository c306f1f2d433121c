/* SPDX-License-Identifier: Apache-2.0 */
/* Everything of the cluster. Docker's list says too little (no exit code, no times), so each row is
 * looked at; and a container of which an event came in meanwhile is looked at again, so that nobody
 * acts on a row that is older than an event already seen. */
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_impl.h"

#define LOOKS_AT_ONCE 8
#define MAX_ROUNDS 5 /* of something that changes all the time the events will tell */

struct row {
    struct list *list;
    char *name;
    bool wanted, seen; /* to be looked at; answered with a container */
    uint64_t asked_at; /* how many events there had been */
    struct docker_status status;
};

struct list {
    struct docker_op op;
    runtime_list_done *done;
    struct map *rows;    /* by name */
    struct map *touched; /* name -> the count of events when the last one came */
    size_t next;         /* where to look for wanted rows */
    unsigned looking, rounds;
    struct err err;
    bool failed;
};

static void row_free(void *value)
{
    struct row *row = value;
    if (row->seen) {
        docker_status_fini(&row->status);
    }
    free(row->name);
    free(row);
}

static void want(struct list *l, const char *name)
{
    struct row *row = map_find(l->rows, name);
    if (row == NULL) {
        row = xnew(struct row);
        row->list = l;
        row->name = xstrdup(name);
        map_put(l->rows, name, row);
    }
    row->wanted = true;
}

/* ---- the end ---- */

static void list_answer(struct docker_op *op, enum runtime_result result, const struct err *err)
{
    struct list *l = (struct list *)op;
    VEC(struct runtime_status) list = {0};
    void *value;
    for (size_t it = 0; result == RUNTIME_OK && map_next(l->rows, &it, NULL, &value);) {
        const struct row *row = value;
        if (row->seen && !row->status.hidden) {
            vec_push(&list, row->status.st);
        }
    }
    l->done(op->arg, result, list.v, list.n, err);
    vec_fini(&list);
}

static void list_destroy(struct docker_op *op)
{
    struct list *l = (struct list *)op;
    map_free(l->rows);
    map_free(l->touched);
}

static void finish(struct list *l)
{
    docker_events_unnote(l->op.d, l->touched);
    /* Nothing was changed, so nothing is unknown. */
    docker_op_finish(&l->op, l->failed ? RUNTIME_FAILED : RUNTIME_OK, NULL, &l->err);
}

/* ---- looking ---- */

static void look_on(struct list *l);

static void forget(struct row *row)
{
    if (row->seen) {
        docker_status_fini(&row->status);
    }
    row->seen = false;
}

static void looked(void *arg, const struct docker_answer *a)
{
    struct row *row = arg;
    struct list *l = row->list;
    l->looking--;
    forget(row);
    if (a->err.code == ERR_NONE && !l->failed) {
        row->seen = docker_status_read(a->json, &row->status, &l->err) == 0;
        l->failed = !row->seen;
    } else if (a->status != 404 && !l->failed) {
        l->failed = true;
        l->err = a->err;
    }
    look_on(l);
}

static void look(struct row *row)
{
    struct docker *d = row->list->op.d;
    cleanup_free char *name = docker_escape(row->name);
    row->wanted = false;
    row->asked_at = docker_events_seen(d);
    row->list->looking++;
    docker_call(d, &(struct docker_ask){0}, looked, row, "/containers/%s/json", name);
}

/* Rows that an event has overtaken. */
static bool want_touched(struct list *l)
{
    const char *name;
    void *at;
    bool any = false;
    for (size_t it = 0; map_next(l->touched, &it, &name, &at);) {
        const struct row *row = map_find(l->rows, name);
        if (row == NULL || (uint64_t)(uintptr_t)at > row->asked_at) {
            want(l, name);
            any = true;
        }
    }
    l->next = 0;
    return any;
}

static void look_on(struct list *l)
{
    void *value;
    while (!l->failed && l->looking < LOOKS_AT_ONCE && map_next(l->rows, &l->next, NULL, &value)) {
        if (((struct row *)value)->wanted) {
            look(value);
        }
    }
    if (l->looking > 0) {
        return;
    }
    if (!l->failed && ++l->rounds < MAX_ROUNDS && want_touched(l)) {
        look_on(l);
        return;
    }
    finish(l);
}

static void listed(void *arg, const struct docker_answer *a)
{
    struct list *l = arg;
    size_t i;
    const json_t *row;
    if (a->err.code != ERR_NONE || !json_is_array(a->json)) {
        l->failed = true;
        l->err = a->err;
        if (a->err.code == ERR_NONE) {
            err_set(&l->err, ERR_INTERNAL, "Docker's list of containers is no list");
        }
    }
    jx_each(i, row, a->json)
    {
        const char *name = jx_str(row, "Names[0]", "");
        name += name[0] == '/';
        if (name[0] != '\0') {
            want(l, name);
        }
    }
    look_on(l);
}

static void list_run(struct docker_op *op)
{
    struct list *l = (struct list *)op;
    cleanup_free char *filter = docker_filter(op->d, NULL);
    docker_events_note(op->d, l->touched);
    docker_call(op->d, &(struct docker_ask){0}, listed, l, "/containers/json?all=1&filters=%s",
                filter);
}

void docker_list(void *self, runtime_list_done *done, void *arg)
{
    struct list *l = xnew(struct list);
    docker_op_init(&l->op, self, "", NULL, arg);
    l->op.answer = list_answer;
    l->op.destroy = list_destroy;
    l->done = done;
    l->rows = map_new(row_free);
    l->touched = map_new(NULL);
    docker_op_start(&l->op, NULL, list_run);
}
