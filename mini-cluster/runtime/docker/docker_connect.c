/* SPDX-License-Identifier: Apache-2.0 */
/* Pulls a container's network cable and plugs it in again. Docker forgets the address of one that
 * is off the network, so it is kept in a label. */
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_impl.h"
#include "runtime/docker/docker_spec.h"

struct connecting {
    struct docker_op op;
    bool connected;
    char *address; /* NULL: it was made without one */
};

static void connecting_destroy(struct docker_op *op)
{
    free(((struct connecting *)op)->address);
}

/* In the words of 20.10 and of 28. */
static bool is_so_already(bool connected, const char *message)
{
    return strstr(message, connected ? "already exists in network" : "not connected to") != NULL;
}

static void failed(struct connecting *c, const struct docker_answer *a)
{
    struct docker_answer b = *a;
    if (strstr(b.err.msg, "ddress already in use") != NULL) {
        b.err.code = ERR_CONFLICT;
    }
    docker_op_failed(&c->op, &b);
}

static void plugged(void *arg, const struct docker_answer *a)
{
    struct connecting *c = arg;
    if (a->err.code == ERR_NONE || is_so_already(true, a->err.msg)) {
        docker_op_ok(&c->op);
    } else {
        failed(c, a);
    }
}

static void plug(struct connecting *c)
{
    json_t *body = json_pack("{s:s, s:{s:{s:s}}}", "Container", c->op.name, "EndpointConfig",
                             "IPAMConfig", "IPv4Address", c->address);
    const struct docker_ask ask = {.method = "POST", .body = body};
    docker_call(c->op.d, &ask, plugged, c, "/networks/%s/connect", c->op.d->network);
}

static void unplugged(void *arg, const struct docker_answer *a)
{
    struct connecting *c = arg;
    if (a->err.code != ERR_NONE && !is_so_already(false, a->err.msg)) {
        failed(c, a);
    } else if (c->connected) {
        plug(c); /* where it belongs */
    } else {
        docker_op_ok(&c->op);
    }
}

static void unplug(struct connecting *c)
{
    json_t *body = json_pack("{s:s, s:b}", "Container", c->op.name, "Force", 1);
    const struct docker_ask ask = {.method = "POST", .body = body};
    docker_call(c->op.d, &ask, unplugged, c, "/networks/%s/disconnect", c->op.d->network);
}

/* Somebody put it back without saying where: Docker chose an address. */
static bool is_elsewhere(const struct connecting *c, const json_t *inspect)
{
    const json_t *network =
        json_object_get(jx_obj(inspect, "NetworkSettings.Networks"), c->op.d->network);
    const char *address = jx_get_str(network, "IPAddress", "");
    return c->address != NULL && address[0] != '\0' && strcmp(address, c->address) != 0;
}

static void decide(struct connecting *c, const json_t *inspect)
{
    bool cut = docker_status_cut(inspect);
    if (!docker_status_has_network(inspect) || (cut && !c->connected)) {
        docker_op_ok(&c->op);
    } else if (!cut) {
        if (c->connected && !is_elsewhere(c, inspect)) {
            docker_op_ok(&c->op);
        } else {
            unplug(c);
        }
    } else if (c->address == NULL) {
        struct err err;
        err_set(&err, ERR_INVALID,
                "%s was made without an address of its own: it cannot come back to the network as "
                "what it was",
                c->op.name);
        docker_op_finish(&c->op, RUNTIME_FAILED, NULL, &err);
    } else {
        plug(c);
    }
}

static void looked(void *arg, const struct docker_answer *a)
{
    struct connecting *c = arg;
    if (a->err.code != ERR_NONE) { /* nothing was changed, so nothing is unknown */
        docker_op_finish(&c->op, RUNTIME_FAILED, NULL, &a->err);
        return;
    }
    c->address = xstrdup(jx_get_str(jx_obj(a->json, "Config.Labels"), DOCKER_LABEL_ADDRESS, NULL));
    decide(c, a->json);
}

static void connect_run(struct docker_op *op)
{
    docker_call(op->d, &(struct docker_ask){0}, looked, op, "/containers/%s/json", op->name);
}

void docker_connect(void *self, const char *name, bool connected, runtime_done *done, void *arg)
{
    struct docker *d = self;
    struct connecting *c = xnew(struct connecting);
    docker_op_init(&c->op, d, name, done, arg);
    c->op.destroy = connecting_destroy;
    c->connected = connected;
    if (docker_op_name_ok(&c->op)) {
        docker_op_start(&c->op, NULL, connect_run);
    }
}
