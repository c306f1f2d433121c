/* SPDX-License-Identifier: Apache-2.0 */
/* What `down` does: everything with the label of this cluster goes. An abandoned create may land
 * after the list, so it is listed again until nothing is left. */
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_impl.h"
#include "runtime/docker/docker_spec.h"

#define AT_ONCE 8
#define MAX_ROUNDS 50
#define ROUND_NS LOOP_MS(200) /* before what is still being removed is looked at again */

struct destruction {
    struct docker_op op;
    struct loop_timer *timer;
    unsigned rounds, under_way;
    VEC(char *) paths; /* to be deleted */
    void (*then)(struct destruction *x);
    bool lost;      /* the daemon went away */
    struct err why; /* the last refusal */
    enum runtime_result result;
};

static void clear_paths(struct destruction *x)
{
    for (size_t i = 0; i < x->paths.n; i++) {
        free(x->paths.v[i]);
    }
    x->paths.n = 0;
}

static void destruction_destroy(struct docker_op *op)
{
    struct destruction *x = (struct destruction *)op;
    clear_paths(x);
    vec_fini(&x->paths);
    loop_timer_free(x->timer);
}

/* Docker now and then miscounts what is connected to a network, until it is restarted. */
static void fail(struct destruction *x)
{
    if (strstr(x->why.msg, "active endpoints") != NULL) {
        err_set(&x->why, ERR_CONFLICT,
                "Docker believes that somebody is still connected to the network %s. Restart it "
                "(sudo systemctl restart docker), then try again",
                x->op.d->network);
    }
    err_wrap(&x->why, "not everything of the cluster %s could be removed", x->op.d->cluster.name);
    docker_op_finish(&x->op, x->result, NULL, &x->why);
}

/* ---- many deletions, a few at once ---- */

static void delete_on(struct destruction *x);

static void deleted(void *arg, const struct docker_answer *a)
{
    struct destruction *x = arg;
    x->under_way--;
    if (a->err.code != ERR_NONE && a->status != 404) {
        x->why = a->err;
        x->result = docker_answer_result(a);
        x->lost |= a->status <= 0;
    }
    delete_on(x);
}

static void delete_on(struct destruction *x)
{
    while (!x->lost && x->under_way < AT_ONCE && x->paths.n > 0) {
        cleanup_free char *path = x->paths.v[--x->paths.n];
        x->under_way++;
        docker_call(x->op.d, &(struct docker_ask){.method = "DELETE"}, deleted, x, "%s", path);
    }
    if (x->under_way > 0) {
        return;
    }
    if (x->lost) {
        fail(x);
    } else {
        x->then(x);
    }
}

/* A path for every row: prefix, its `key`, suffix. */
static void add_rows(struct destruction *x, const json_t *rows, const char *key, const char *prefix,
                     const char *suffix)
{
    size_t i;
    const json_t *row;
    jx_each(i, row, rows)
    {
        cleanup_free char *id = docker_escape(jx_get_str(row, key, ""));
        if (id[0] != '\0') {
            vec_push(&x->paths, xasprintf("%s%s%s", prefix, id, suffix));
        }
    }
}

static bool answered(struct destruction *x, const struct docker_answer *a)
{
    if (a->err.code == ERR_NONE) {
        return true;
    }
    x->why = a->err;
    x->result = docker_answer_result(a);
    fail(x);
    return false;
}

/* ---- 3: the network, and whoever else is on it ---- */

static void list_networks(struct destruction *x);

static void disconnected(void *arg, const struct docker_answer *a)
{
    struct destruction *x = arg;
    if (--x->under_way == 0) {
        list_networks(x);
    }
}

/* Containers that somebody connected by hand, and endpoints ("ep-...") whose container is gone:
 * those are known by its name. */
static void guests_listed(void *arg, const struct docker_answer *a)
{
    struct destruction *x = arg;
    const char *id;
    json_t *value;
    if (a->status != 404 && !answered(x, a)) {
        return;
    }
    json_t *guests = json_object_get(a->json, "Containers");
    json_object_foreach(guests, id, value)
    {
        const char *who = str_has_prefix(id, "ep-") ? jx_get_str(value, "Name", id) : id;
        x->under_way++;
        docker_call(
            x->op.d,
            &(struct docker_ask){.method = "POST",
                                 .body = json_pack("{s:s, s:b}", "Container", who, "Force", 1)},
            disconnected, x, "/networks/%s/disconnect", x->op.d->network);
    }
    if (x->under_way == 0) {
        loop_timer_start(x->timer, ROUND_NS);
    }
}

static void networks_deleted(struct destruction *x)
{
    if (x->why.code == ERR_NONE) {
        docker_op_ok(&x->op);
    } else if (++x->rounds >= MAX_ROUNDS) {
        fail(x);
    } else {
        docker_call(x->op.d, &(struct docker_ask){0}, guests_listed, x, "/networks/%s",
                    x->op.d->network);
    }
}

static void networks_listed(void *arg, const struct docker_answer *a)
{
    struct destruction *x = arg;
    if (answered(x, a)) {
        add_rows(x, a->json, "Id", "/networks/", "");
        x->then = networks_deleted;
        delete_on(x);
    }
}

static void list_networks(struct destruction *x)
{
    cleanup_free char *filter = docker_filter(x->op.d, NULL);
    x->why = (struct err){0};
    docker_call(x->op.d, &(struct docker_ask){0}, networks_listed, x, "/networks?filters=%s",
                filter);
}

/* ---- 2: the volumes ---- */

static void volumes_listed(void *arg, const struct docker_answer *a)
{
    struct destruction *x = arg;
    if (answered(x, a)) {
        add_rows(x, jx_arr(a->json, "Volumes"), "Name", "/volumes/", "");
        x->then = list_networks;
        delete_on(x);
    }
}

static void list_volumes(struct destruction *x)
{
    cleanup_free char *filter = docker_filter(x->op.d, NULL);
    docker_call(x->op.d, &(struct docker_ask){0}, volumes_listed, x, "/volumes?filters=%s", filter);
}

/* ---- 1: the containers ---- */

static void list_containers(void *arg);

/* What was refused is perhaps only being removed already. */
static void containers_deleted(struct destruction *x)
{
    if (++x->rounds < MAX_ROUNDS) {
        loop_timer_start(x->timer, x->why.code != ERR_NONE ? ROUND_NS : 0);
        return;
    }
    if (x->why.code == ERR_NONE) {
        err_set(&x->why, ERR_CONFLICT, "new containers come up all the time");
        x->result = RUNTIME_FAILED;
    }
    fail(x);
}

static void containers_listed(void *arg, const struct docker_answer *a)
{
    struct destruction *x = arg;
    if (!answered(x, a)) {
        return;
    }
    add_rows(x, a->json, "Id", "/containers/", "?force=1&v=1");
    if (x->paths.n == 0) {
        list_volumes(x);
        return;
    }
    x->then = containers_deleted;
    delete_on(x);
}

static void list_containers(void *arg)
{
    struct destruction *x = arg;
    cleanup_free char *filter = docker_filter(x->op.d, NULL);
    x->why = (struct err){0};
    docker_call(x->op.d, &(struct docker_ask){0}, containers_listed, x,
                "/containers/json?all=1&filters=%s", filter);
}

static void destroy_run(struct docker_op *op)
{
    docker_op_cancel_ensures(op->d, NULL, "the cluster is being removed");
    list_containers(op);
}

void docker_destroy(void *self, runtime_done *done, void *arg)
{
    struct docker *d = self;
    struct destruction *x = xnew(struct destruction);
    docker_op_init(&x->op, d, "", done, arg);
    x->op.destroy = destruction_destroy;
    x->timer = loop_timer_new(d->loop, list_containers, x);
    docker_op_start(&x->op, NULL, destroy_run);
}
