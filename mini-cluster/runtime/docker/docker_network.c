/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's bridge: one that is there and ours is taken as it is, one that is not ours is
 * explained. */
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_impl.h"
#include "runtime/docker/docker_spec.h"

static int check_uid(const struct docker *d, const json_t *network, struct err *err)
{
    const char *uid = jx_get_str(jx_obj(network, "Labels"), DOCKER_LABEL_UID, "");
    if (strcmp(uid, d->cluster.uid) == 0) {
        return 0;
    }
    return err_set(err, ERR_CONFLICT,
                   "a Docker network named %s exists and belongs to %s%s. Take another name for "
                   "this cluster, or remove it: docker network rm %s",
                   d->network, uid[0] != '\0' ? "another cluster, " : "somebody else", uid,
                   d->network);
}

static int check_subnet(const struct docker *d, const json_t *network, struct err *err)
{
    const char *subnet = jx_str(network, "IPAM.Config[0].Subnet", "");
    if (strcmp(subnet, d->cluster.subnet) == 0) {
        return 0;
    }
    return err_set(err, ERR_CONFLICT,
                   "the network %s of this cluster has the subnet %s, not %s. Remove it, nothing "
                   "is lost with it: docker network rm %s",
                   d->network, subnet[0] != '\0' ? subnet : "of Docker's choice", d->cluster.subnet,
                   d->network);
}

static void adopted(void *arg, const struct docker_answer *a)
{
    struct docker_op *op = arg;
    struct err err;
    if (a->err.code != ERR_NONE) {
        docker_op_failed(op, a);
    } else if (check_uid(op->d, a->json, &err) != 0 || check_subnet(op->d, a->json, &err) != 0) {
        docker_op_finish(op, RUNTIME_FAILED, NULL, &err);
    } else {
        docker_op_ok(op);
    }
}

static void explain(const struct docker *d, struct docker_answer *a)
{
    const struct runtime_cluster *c = &d->cluster;
    if (strstr(a->err.msg, "overlaps") != NULL) {
        err_set(&a->err, ERR_ALREADY_EXISTS,
                "the subnet %s is in use by another network of this machine: choose another, or "
                "remove that network (docker network ls)",
                c->subnet);
    } else {
        err_wrap(&a->err, "create the network %s (%s)", d->network, c->subnet);
    }
}

static void made(void *arg, const struct docker_answer *a)
{
    struct docker_op *op = arg;
    if (a->err.code == ERR_NONE) {
        docker_op_ok(op);
    } else if (a->status == 409) { /* somebody was quicker: perhaps an earlier life of ours */
        docker_call(op->d, &(struct docker_ask){0}, adopted, op, "/networks/%s", op->d->network);
    } else {
        struct docker_answer explained = *a;
        explain(op->d, &explained);
        docker_op_failed(op, &explained);
    }
}

static json_t *network_body(const struct docker *d)
{
    const struct runtime_cluster *c = &d->cluster;
    json_t *pool = json_pack("{s:s, s:s}", "Subnet", c->subnet, "Gateway", c->gateway);
    if (c->ip_range != NULL) {
        json_object_set_new(pool, "IPRange", json_string(c->ip_range));
    }
    json_t *body =
        json_pack("{s:s, s:b, s:s, s:{s:s, s:[o]}, s:{s:s, s:s}}", "Name", d->network,
                  "CheckDuplicate", 1, "Driver", "bridge", "IPAM", "Driver", "default", "Config",
                  pool, "Labels", DOCKER_LABEL_CLUSTER, c->name, DOCKER_LABEL_UID, c->uid);
    if (c->bridge != NULL) {
        json_object_set_new(body, "Options",
                            json_pack("{s:s}", "com.docker.network.bridge.name", c->bridge));
    }
    return body;
}

static void looked(void *arg, const struct docker_answer *a)
{
    struct docker_op *op = arg;
    if (a->status != 404) {
        adopted(op, a);
        return;
    }
    docker_call(op->d, &(struct docker_ask){.method = "POST", .body = network_body(op->d)}, made,
                op, "/networks/create");
}

void docker_network_make(struct docker *d, runtime_done *done, void *arg)
{
    struct docker_op *op = xnew(struct docker_op);
    docker_op_init(op, d, "", done, arg);
    docker_call(d, &(struct docker_ask){0}, looked, op, "/networks/%s", d->network);
}
