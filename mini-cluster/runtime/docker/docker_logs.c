/* SPDX-License-Identifier: Apache-2.0 */
/* GET /containers/NAME/logs, for as long as it is followed. */
#include "common/mem.h"
#include "runtime/docker/docker_stream.h"

static bool on_data(void *arg, const char *bytes, size_t n)
{
    docker_stream_take(arg, bytes, n);
    return true;
}

static void on_done(void *arg, const struct http_response *res)
{
    struct runtime_stream *s = arg;
    struct err err = {0};
    s->logs = NULL;
    if (res->status == 0) {
        err_set(&err, ERR_UNAVAILABLE, "Docker ended the log: %s", res->err->msg);
    } else if (res->status >= 400) {
        docker_answer_err(res->status, res->body, res->len, &err);
    }
    docker_stream_finish(s, &err);
}

static void add_options(struct str *out, const struct runtime_log_opts *o)
{
    str_add_f(out, "/logs?stdout=1&stderr=1&follow=%d&timestamps=%d", o->follow, o->timestamps);
    if (o->tail >= 0) {
        str_add_f(out, "&tail=%lld", (long long)o->tail);
    }
    if (o->since_us > 0) {
        str_add_f(out, "&since=%lld.%06d", (long long)(o->since_us / 1000000),
                  (int)(o->since_us % 1000000));
    }
}

static void open_logs(struct runtime_stream *s, const struct docker_status *status)
{
    cleanup_str struct str target = STR_INIT;
    str_add_f(&target, "/containers/%s", s->name);
    add_options(&target, &s->log_opts);
    cleanup_free char *path = docker_path(s->d, str_c(&target));
    cleanup_free char *url = xasprintf("http://docker%s", path);
    const struct http_request req = {
        .method = "GET", .url = url, .fresh = true, .on_data = on_data, .done = on_done, .arg = s};
    s->is_open = true;
    s->logs = http_client_call(s->d->streams, &req);
    if (s->paused) {
        http_call_pause(s->logs, true);
    }
}

struct runtime_stream *docker_stream_logs(void *self, const char *name,
                                          const struct runtime_log_opts *opts,
                                          const struct runtime_stream_ops *ops, void *arg)
{
    struct runtime_stream *s = docker_stream_new(self, name, ops, arg);
    s->log_opts = *opts;
    s->open = open_logs;
    docker_stream_start(s);
    return s;
}
