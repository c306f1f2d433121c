/* SPDX-License-Identifier: Apache-2.0 */
/* A port of a sandbox: its address is reachable from here. What listens only on its 127.0.0.1 is
 * reached from within, by the guest that is its main program. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/tcp.h"
#include "runtime/docker/docker_stream.h"

static void dial_inside(struct runtime_stream *s)
{
    char port[16];
    snprintf(port, sizeof(port), "%d", s->port);
    tcp_free(steal(s->tcp));
    s->is_open = false;
    s->exec_body = json_pack("{s:[s, s, s], s:b, s:b, s:b, s:b}", "Cmd", "/podlab", "dial", port,
                             "Tty", 0, "AttachStdin", 1, "AttachStdout", 1, "AttachStderr", 1);
    docker_stream_run(s);
}

static void on_open(void *arg)
{
    docker_stream_opened(arg);
}

static void on_data(void *arg, const char *bytes, size_t n)
{
    struct runtime_stream *s = arg;
    if (n > 0) {
        docker_stream_take(s, bytes, n);
    } else {
        docker_stream_finish(s, NULL);
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
    struct runtime_stream *s = arg;
    if (refused) {
        dial_inside(s);
    } else {
        docker_stream_finish(s, err);
    }
}

struct runtime_stream *docker_stream_dial(void *self, const char *name, const char *address,
                                          int port, const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = docker_stream_new(self, name, ops, arg);
    s->port = port;
    s->tty = true; /* bare bytes */
    s->tcp = tcp_dial(s->d->loop, &(struct tcp_opts){.address = address,
                                                     .port = port,
                                                     .on_open = on_open,
                                                     .on_data = on_data,
                                                     .on_drain = on_drain,
                                                     .on_close = on_close,
                                                     .arg = s});
    return s;
}
