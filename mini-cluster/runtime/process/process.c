/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the driver together. */
#include "runtime/process/process.h"

#include <string.h>

#include "runtime/probes.h"
#include "runtime/process/process_files.h"
#include "runtime/process/process_impl.h"

const char *const process_limits[] = {
    "containers are processes of your own: nothing is isolated, neither files nor network nor "
    "processes",
    "only podlab's own images run (podlab/web, podlab/kv, podlab/load); others need Docker",
    "CPU limits are not enforced; memory limits are",
    NULL,
};

static void process_free(void *self)
{
    struct process *d = self;
    process_streams_free(d);
    probes_free(d->probes);
    process_op_free_all(d);
    map_free(d->containers);
    process_shim_forget_children(d);
    if (d->claim >= 0) {
        close(d->claim);
    }
    str_fini(&d->ports_up);
    free(d->dir);
    free(d->cluster);
    free(d->subnet);
    free(d->gateway);
    free(d->program);
    d->dead = true;
    if (!d->delivering) {
        free(d);
    }
}

static void process_subscribe(void *self, void (*fn)(void *arg, const struct runtime_event *ev),
                              void *arg)
{
    struct process *d = self;
    d->subscriber = fn;
    d->subscriber_arg = arg;
}

int process_real_port(const struct runtime *rt, const char *address, int port)
{
    const struct process *d = rt->self;
    return process_ports_real(str_c(&d->ports_up), d->subnet, address, port);
}

int process_port_in(const char *dir, const char *subnet, const char *address, int port)
{
    cleanup_free char *path = xasprintf("%s/ports", dir);
    cleanup_str struct str up = STR_INIT;
    struct err err;
    return process_files_read(path, &up, &err) == 0
               ? process_ports_real(str_c(&up), subnet, address, port)
               : port;
}

static void process_probe(void *self, const struct runtime_probe *p, runtime_probe_done *done,
                          void *arg)
{
    struct process *d = self;
    probes_start(d->probes, p,
                 process_ports_real(str_c(&d->ports_up), d->subnet, p->address, p->port), done,
                 arg);
}

static const struct runtime_ops ops = {
    .name = "process",
    .free = process_free,
    .recover = process_recover,
    .subscribe = process_subscribe,
    .ensure = process_ensure,
    .stop = process_stop,
    .remove = process_remove,
    .pause = process_pause,
    .connect = process_connect,
    .inspect = process_inspect,
    .list = process_list,
    .destroy = process_destroy,
    .logs = process_stream_logs,
    .attach = process_stream_attach,
    .exec = process_stream_exec,
    .join = process_stream_join,
    .dial = process_stream_dial,
    .write = process_stream_write,
    .queued = process_stream_queued,
    .end = process_stream_end,
    .resize = process_stream_resize,
    .resume = process_stream_resume,
    .stream_free = process_stream_free,
    .probe = process_probe,
    .volume_remove = process_volume_remove,
    .image_find = process_image_find,
    .image_pull = process_image_pull,
    .image_load = process_image_load,
    .image_list = process_image_list,
};

int process_new(struct loop *loop, const struct process_opts *opts, struct runtime *ret,
                struct err *err)
{
    const struct runtime_cluster *cluster = opts->cluster;
    if (!str_has_prefix(cluster->subnet, "127.") || opts->dir[0] != '/') {
        return err_set(err, ERR_INVALID,
                       "subnet %s: without Docker a cluster has one of 127.0.0.0/8",
                       cluster->subnet);
    }
    struct process *d = xnew(struct process);
    d->loop = loop;
    d->dir = xstrdup(opts->dir);
    d->cluster = xstrdup(cluster->name);
    d->subnet = xstrdup(cluster->subnet);
    d->gateway = xstrdup(cluster->gateway);
    d->claim = -1;
    d->containers = map_new(process_container_free);
    d->probes = probes_new(loop);
    process_shim_watch_children(d);
    ret->ops = &ops;
    ret->self = d;
    return 0;
}
