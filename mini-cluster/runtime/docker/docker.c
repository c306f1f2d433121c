/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the driver together, and finds a subnet before there is one. */
#include "runtime/docker/docker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "runtime/docker/docker_impl.h"
#include "runtime/docker/docker_socket.h"
#include "runtime/docker/docker_spec.h"
#include "runtime/docker/docker_subnet.h"
#include "runtime/probes.h"

#define STARTS_MIN 4 /* more at once finish no earlier on two processors */
#define STARTS_MAX 8
#define STOPS 128 /* they mostly wait for a grace period */
#define REMOVALS 8
#define STREAMS 512
#define SUBNET_NS LOOP_S(15)
#define LEAVE_NS LOOP_S(5)

static struct http_client *client_new(struct docker *d, unsigned max)
{
    const struct http_client_opts opts = {.unix_path = d->socket, .max_connections = max};
    return http_client_new(d->loop, &opts);
}

static void cluster_copy(struct runtime_cluster *to, const struct runtime_cluster *from)
{
    *to = (struct runtime_cluster){
        .name = xstrdup(from->name),
        .uid = xstrdup(from->uid),
        .subnet = xstrdup(from->subnet),
        .gateway = xstrdup(from->gateway),
        .ip_range = xstrdup(from->ip_range),
        .bridge = xstrdup(from->bridge),
    };
}

static void cluster_fini(struct runtime_cluster *c)
{
    const char *const all[] = {c->name, c->uid, c->subnet, c->gateway, c->ip_range, c->bridge};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        free((void *)(uintptr_t)all[i]);
    }
}

static void end_streams(struct docker *d)
{
    docker_streams_free(d);
    probes_free(steal(d->probes));
    if (d->events != NULL) {
        docker_events_free(d->events);
        d->events = NULL;
    }
}

static void end_ops(struct docker *d)
{
    while (d->ops != NULL) {
        docker_op_free(d->ops);
    }
}

/* The clients first: then no answer finds an operation that is gone. */
static void docker_free(void *self)
{
    struct docker *d = self;
    end_streams(d);
    while (d->asked != NULL) {
        docker_call_cancel(d->asked);
    }
    end_ops(d);
    http_client_free(d->calls);
    http_client_free(d->waits);
    http_client_free(d->streams);
    map_free(d->ensuring);
    cluster_fini(&d->cluster);
    free(d->network);
    free(d->socket);
    free(d);
}

static const struct runtime_ops ops = {
    .name = "docker",
    .shares = true,
    .free = docker_free,
    .recover = docker_recover,
    .subscribe = docker_events_subscribe,
    .ensure = docker_ensure,
    .stop = docker_stop,
    .remove = docker_remove,
    .pause = docker_pause,
    .connect = docker_connect,
    .rename = docker_rename,
    .inspect = docker_inspect,
    .list = docker_list,
    .destroy = docker_destroy,
    .logs = docker_stream_logs,
    .attach = docker_stream_attach,
    .exec = docker_stream_exec,
    .join = docker_stream_join,
    .dial = docker_stream_dial,
    .queued = docker_stream_queued,
    .write = docker_stream_write,
    .end = docker_stream_end,
    .resize = docker_stream_resize,
    .resume = docker_stream_resume,
    .stream_free = docker_stream_free,
    .probe = docker_probe,
    .volume_remove = docker_volume_remove,
    .image_find = docker_image_find,
    .image_pull = docker_image_pull,
    .image_load = docker_image_load,
    .image_list = docker_image_list,
};

void docker_leave(struct runtime *rt)
{
    struct docker *d = rt->self;
    end_streams(d);
    docker_calls_leave(d);
    end_ops(d);
    loop_run_until(d->loop, &d->left, LEAVE_NS);
    docker_free(d);
    *rt = (struct runtime){0};
}

static unsigned starts_of_machine(void)
{
    long n = 2 * sysconf(_SC_NPROCESSORS_ONLN);
    return n < STARTS_MIN ? STARTS_MIN : n > STARTS_MAX ? STARTS_MAX : (unsigned)n;
}

int docker_new(struct loop *loop, const struct docker_opts *opts, struct runtime *ret,
               struct err *err)
{
    cleanup_free char *socket = docker_socket_path(opts->socket, err);
    if (socket == NULL || docker_socket_check(socket, err) != 0) {
        return -1;
    }
    struct docker *d = xnew(struct docker);
    d->loop = loop;
    d->socket = steal(socket);
    cluster_copy(&d->cluster, opts->cluster);
    d->network = docker_spec_network(&d->cluster);
    d->calls = client_new(d, 0);
    d->waits = client_new(d, STOPS);
    d->streams = client_new(d, STREAMS);
    d->probes = probes_new(loop);
    docker_queue_init(&d->starts, opts->starts > 0 ? opts->starts : starts_of_machine());
    docker_queue_init(&d->stops, STOPS);
    docker_queue_init(&d->removes, REMOVALS);
    d->ensuring = map_new(NULL);
    d->events = docker_events_new(d);
    ret->ops = &ops;
    ret->self = d;
    return 0;
}

bool docker_endpoint(const struct runtime *rt, struct docker_endpoint *ret)
{
    if (rt->ops != &ops) {
        return false;
    }
    const struct docker *d = rt->self;
    *ret = (struct docker_endpoint){d->socket, d->version, d->network, &d->cluster};
    return true;
}

/* ---- a free subnet ---- */

struct subnet_question {
    const char *avoid;
    bool done;
    int rc;
    char subnet[24];
    struct err *err;
};

static int read_routes(struct str *out, struct err *err)
{
    cleanup_close int fd = open("/proc/net/route", O_RDONLY | O_CLOEXEC);
    char piece[4096];
    ssize_t n = 0;
    while (fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0) {
        str_add_n(out, piece, (size_t)n);
    }
    return fd < 0 || n < 0 ? err_errno(err, errno, "read /proc/net/route") : 0;
}

static void networks_came(void *arg, const struct http_response *res)
{
    struct subnet_question *q = arg;
    cleanup_str struct str routes = STR_INIT;
    json_t *networks = NULL;
    q->done = true;
    if (res->status == 0) {
        q->rc = err_set(q->err, ERR_UNAVAILABLE, "Docker does not answer: %s", res->err->msg);
    } else if (res->status >= 400) {
        docker_answer_err(res->status, res->body, res->len, q->err);
        q->rc = -1;
    } else if (jx_parse(res->body, res->len, false, &networks, q->err) != 0) {
        q->rc = err_wrap(q->err, "Docker's list of networks");
    } else if (read_routes(&routes, q->err) != 0) {
        q->rc = -1;
    } else {
        q->rc = docker_subnet_choose(networks, str_c(&routes), q->avoid, q->subnet, q->err);
    }
    json_decref(networks);
}

int docker_free_subnet(const char *socket, const char *avoid, char subnet[24], struct err *err)
{
    cleanup_free char *path = docker_socket_path(socket, err);
    if (path == NULL || docker_socket_check(path, err) != 0) {
        return -1;
    }
    struct subnet_question q = {.avoid = avoid, .rc = -1, .err = err};
    struct loop *loop = loop_new();
    struct http_client *client =
        http_client_new(loop, &(struct http_client_opts){.unix_path = path});
    const struct http_request req = {.method = "GET",
                                     .url = "http://docker/networks",
                                     .timeout_ns = SUBNET_NS,
                                     .done = networks_came,
                                     .arg = &q};
    http_client_call(client, &req);
    if (!loop_run_until(loop, &q.done, 2 * SUBNET_NS)) {
        err_set(err, ERR_UNAVAILABLE, "Docker does not answer at %s", path);
    }
    http_client_free(client);
    loop_free(loop);
    if (q.rc == 0) {
        memcpy(subnet, q.subnet, sizeof(q.subnet));
    }
    return q.rc;
}
