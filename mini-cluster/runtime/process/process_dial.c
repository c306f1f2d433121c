/* SPDX-License-Identifier: Apache-2.0 */
/* A port of a sandbox: its address is an address of this machine. */
#include "common/tcp.h"
#include "runtime/process/process_stream.h"

static void on_open(void *arg)
{
    ((struct runtime_stream *)arg)->is_open = true;
}

static void on_data(void *arg, const char *bytes, size_t n)
{
    if (n > 0) {
        process_stream_take(arg, 1, bytes, n);
    } else {
        process_stream_finish(arg, NULL);
    }
}

static void on_drain(void *arg)
{
    struct runtime_stream *s = arg;
    if (s->ops.on_drain != NULL) {
        s->ops.on_drain(s->arg);
    }
}

static void on_close(void *arg, const struct err *err, bool refused)
{
    (void)refused;
    process_stream_finish(arg, err);
}

struct runtime_stream *process_stream_dial(void *self, const char *name, const char *address,
                                           int port, const struct runtime_stream_ops *ops,
                                           void *arg)
{
    struct process *d = self;
    struct runtime_stream *s = process_stream_new(d, name, ops, arg);
    s->speaks = true;
    s->tcp =
        tcp_dial(d->loop, &(struct tcp_opts){.address = address,
                                             .port = process_ports_real(str_c(&d->ports_up),
                                                                        d->subnet, address, port),
                                             .on_open = on_open,
                                             .on_data = on_data,
                                             .on_drain = on_drain,
                                             .on_close = on_close,
                                             .arg = s});
    return s;
}
