/* SPDX-License-Identifier: Apache-2.0 */
/* The reader pulls, the runtime pushes; when the reader is slow the runtime is paused. */
#include "node/logs.h"

#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/object.h"
#include "meta/time.h"
#include "node/container.h"
#include "node/pipes.h"
#include "node/pod.h"

enum { HIGH = 64 * 1024, LOW = 16 * 1024 };

struct log_stream {
    struct api_stream api;
    struct nodes *nodes;
    const struct agent *agent;
    struct runtime_stream *source; /* NULL: it was cut off */
    struct log_stream *next, **at;
    char *id; /* of the container, for messages */
    struct str buf;
    int64_t left; /* bytes that may still be given; -1: no limit */
    bool any;     /* something was received */
    bool paused, ended, cut;
};

/* ---- from the runtime ---- */

static void wake(struct log_stream *s)
{
    if (s->api.wake != NULL) {
        s->api.wake(s->api.wake_arg);
    }
}

static bool on_data(void *arg, int fd, const char *bytes, size_t n)
{
    struct log_stream *s = arg;
    (void)fd;
    str_add_n(&s->buf, bytes, n);
    s->any = true;
    bool more = s->buf.len < HIGH;
    s->paused = !more;
    wake(s); /* it may be freed now */
    return more;
}

/* An error before the first byte is told as text, as a kubelet does; later the stream breaks off.
 */
static void on_end(void *arg, const struct err *err)
{
    struct log_stream *s = arg;
    bool failed = err != NULL && err->code != ERR_NONE;
    if (failed && !s->any) {
        str_add_f(&s->buf, "unable to retrieve container logs for docker://%s: %s\n", s->id,
                  err->msg);
    }
    s->ended = true;
    s->cut = failed && s->any;
    wake(s);
}

/* ---- to the API ---- */

static ptrdiff_t pull(struct api_stream *api, char *buf, size_t max)
{
    struct log_stream *s = container_of(api, struct log_stream, api);
    size_t n = s->buf.len < max ? s->buf.len : max;
    if (s->left >= 0 && (int64_t)n > s->left) {
        n = (size_t)s->left;
    }
    if (s->left == 0) {
        return -1;
    }
    if (n == 0) {
        return s->cut ? -2 : s->ended ? -1 : 0;
    }
    memcpy(buf, s->buf.p, n);
    str_drop_front(&s->buf, n);
    s->left -= s->left > 0 ? (int64_t)n : 0;
    if (s->paused && s->buf.len <= LOW && s->source != NULL) {
        s->paused = false;
        s->nodes->rt.ops->resume(s->source);
    }
    return (ptrdiff_t)n;
}

static void cut_off(struct log_stream *s)
{
    if (s->source != NULL) {
        s->nodes->rt.ops->stream_free(steal(s->source));
        *s->at = s->next;
        if (s->next != NULL) {
            s->next->at = s->at;
        }
    }
}

static void free_stream(struct api_stream *api)
{
    struct log_stream *s = container_of(api, struct log_stream, api);
    cut_off(s);
    str_fini(&s->buf);
    free(s->id);
    free(s);
}

void logs_cut(struct nodes *n, const struct agent *a)
{
    struct log_stream *next;
    for (struct log_stream *s = n->logs; s != NULL; s = next) {
        next = s->next;
        if (a == NULL || s->agent == a) {
            cut_off(s);
            s->ended = s->cut = true;
            wake(s);
        }
    }
}

/* ---- which container ---- */

static struct container *find_container(struct agent *a, const json_t *pod, const char *name)
{
    struct pod *p = pod_find(a->nodes, object_uid(pod));
    for (size_t i = 0; p != NULL && i < p->containers.n; i++) {
        if (strcmp(p->containers.v[i]->name, name) == 0) {
            return p->containers.v[i];
        }
    }
    return NULL;
}

static int still_waiting(const struct container *c, const char *name, const char *pod,
                         struct err *err)
{
    const char *why = c != NULL && c->reason != NULL ? c->reason : "ContainerCreating";
    if (strcmp(why, "ContainerCreating") == 0 && c != NULL && c->kind == CONTAINER_APP &&
        !c->pod->initialized && c->pod->containers.v[0]->kind != CONTAINER_APP) {
        why = "PodInitializing";
    } else if (strcmp(why, "ErrImagePull") == 0) {
        why = "image can't be pulled";
    } else if (strcmp(why, "ImagePullBackOff") == 0) {
        why = "trying and failing to pull image";
    }
    return err_set(err, ERR_BAD_REQUEST, "container \"%s\" in pod \"%s\" is waiting to start: %s",
                   name, pod, why);
}

/* The runtime's name of the attempt that is meant. */
static int find_attempt(const struct container *c, const struct api_log_opts *opts,
                        const json_t *pod, const char **ret, struct err *err)
{
    const char *name = opts->container;
    bool began = c != NULL && (c->state == CONTAINER_RUNNING || c->state == CONTAINER_ENDED);
    bool between = began && c->state == CONTAINER_ENDED && c->reason != NULL;
    if (opts->previous && !(between && c->asked)) { /* else the one that ended last is meant */
        if (c == NULL || c->previous == NULL) {
            return err_set(err, ERR_BAD_REQUEST,
                           "previous terminated container \"%s\" in pod \"%s\" not found", name,
                           object_name(pod));
        }
        *ret = c->previous;
        return 0;
    }
    if (began && c->asked) {
        *ret = c->runtime_name;
        return 0;
    }
    if (began) {
        return err_set(err, ERR_BAD_REQUEST, "container \"%s\" in pod \"%s\" is terminated", name,
                       object_name(pod));
    }
    if (c == NULL || c->previous == NULL) {
        return still_waiting(c, name, object_name(pod), err);
    }
    *ret = c->previous; /* between two attempts the last one is meant */
    return 0;
}

static struct runtime_log_opts options(const struct nodes *n, const struct api_log_opts *opts)
{
    struct runtime_log_opts o = {.follow = opts->follow && !opts->previous,
                                 .timestamps = opts->timestamps,
                                 .tail = opts->tail_lines};
    int64_t since = 0;
    if (opts->since_s > 0) {
        o.since_us = loop_wall_us(n->loop) - opts->since_s * 1000000;
    } else if (opts->since_time != NULL && time_parse(opts->since_time, &since)) {
        o.since_us = since;
    }
    return o;
}

static int open_logs(void *arg, const json_t *pod, const struct api_log_opts *opts,
                     struct api_stream **ret, struct err *err)
{
    static const struct runtime_stream_ops stream_ops = {.on_data = on_data, .on_end = on_end};
    struct agent *a = arg;
    struct nodes *n = a->nodes;
    struct container *c = find_container(a, pod, opts->container);
    const char *name = NULL;
    if (find_attempt(c, opts, pod, &name, err) < 0) {
        return -1;
    }
    struct log_stream *s = xnew(struct log_stream);
    s->api = (struct api_stream){.pull = pull, .free = free_stream, .size = -1};
    s->nodes = n;
    s->agent = a;
    s->id = xstrdup(c->id != NULL ? c->id : name);
    s->left = opts->limit_bytes > 0 ? opts->limit_bytes : -1;
    s->next = n->logs;
    s->at = &n->logs;
    if (s->next != NULL) {
        s->next->at = &s->next;
    }
    n->logs = s;
    struct runtime_log_opts o = options(n, opts);
    s->source = n->rt.ops->logs(n->rt.self, name, &o, &stream_ops, s);
    *ret = &s->api;
    return 0;
}

const struct api_node_ops logs_node_ops = {.logs = open_logs, .connect = pipes_connect};
