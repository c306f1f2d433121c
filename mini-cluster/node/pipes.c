/* SPDX-License-Identifier: Apache-2.0 */
/* A pipe outlives neither its container nor its caller; what is cut off says so to the other. */
#include "node/pipes.h"

#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "node/container.h"
#include "node/pod.h"

enum { HIGH = 256 * 1024 };  /* more waiting input than this makes the caller wait: see on_drain */
#define LAST_WORDS LOOP_S(2) /* so long may a stream outlive its container */
#define LAST_ECHO LOOP_MS(500) /* ... and one whose caller has said all: the container's answer */

struct pipe {
    struct api_pipe api;
    struct nodes *nodes;
    const struct agent *agent;
    struct pipe *next, **at; /* in nodes->pipes; at NULL: it ended */
    char *uid;               /* of the pod */
    char runtime_name[RUNTIME_NAME_SIZE];
    enum api_connect_type type;
    const struct api_pipe_events *ev;
    void *arg;
    struct runtime_stream *source; /* NULL: ended, or it only watches over its pod */
    struct loop_timer *last_words;
    int exit_code;
    bool full;            /* the caller was told to wait */
    bool ends_with_input; /* an attach to a container that runs on without */
};

/* ---- the end ---- */

static void detach(struct pipe *p)
{
    if (p->source != NULL) {
        p->nodes->rt.ops->stream_free(steal(p->source));
    }
    if (p->at != NULL) {
        *p->at = p->next;
        if (p->next != NULL) {
            p->next->at = p->at;
        }
        p->at = NULL;
    }
    loop_timer_free(steal(p->last_words));
}

/* The caller may free p. */
static void tell_end(struct pipe *p, int exit_code, const struct err *err)
{
    struct err copy = *err;
    detach(p);
    p->ev->on_end(p->arg, exit_code, &copy);
}

static void tell_lost(struct pipe *p, const char *why)
{
    struct err err;
    err_set(&err, ERR_UNAVAILABLE, "%s", why);
    tell_end(p, 0, &err);
}

static void container_is_gone(void *arg)
{
    static const struct err ok = {ERR_NONE, ""};
    struct pipe *p = arg;
    if (p->type == API_CONNECT_PORT) {
        tell_lost(p, "the pod ended");
    } else {
        tell_end(p, p->type == API_CONNECT_EXEC ? 137 : 0, &ok);
    }
}

static void end_soon(struct pipe *p, uint64_t delay_ns)
{
    if (p->last_words == NULL) {
        p->last_words = loop_timer_new(p->nodes->loop, container_is_gone, p);
        loop_timer_start(p->last_words, delay_ns);
    }
}

/* ---- from the runtime ---- */

static bool on_data(void *arg, int fd, const char *bytes, size_t n)
{
    struct pipe *p = arg;
    return p->ev->on_output(p->arg, fd, bytes, n);
}

static void on_drain(void *arg)
{
    struct pipe *p = arg;
    if (p->full) {
        p->full = false;
        p->ev->on_drain(p->arg);
    }
}

static void on_exit_code(void *arg, int exit_code)
{
    struct pipe *p = arg;
    p->exit_code = exit_code;
}

static void on_end(void *arg, const struct err *err)
{
    struct pipe *p = arg;
    tell_end(p, p->exit_code, err);
}

static const struct runtime_stream_ops stream_ops = {
    .on_data = on_data, .on_end = on_end, .on_exit = on_exit_code, .on_drain = on_drain};

/* ---- from the caller ---- */

static struct pipe *pipe_of(struct api_pipe *api)
{
    return container_of(api, struct pipe, api);
}

static bool pipe_write(struct api_pipe *api, const char *bytes, size_t n)
{
    struct pipe *p = pipe_of(api);
    const struct runtime_ops *rt = p->nodes->rt.ops;
    if (p->source == NULL) {
        return true;
    }
    /* Beyond the high mark nobody writes; what is refused is lost, and its reader with it. */
    if (!rt->write(p->source, bytes, n)) {
        rt->end(p->source);
    }
    p->full = rt->queued != NULL && p->source != NULL && rt->queued(p->source) > HIGH;
    return !p->full;
}

static void pipe_end(struct api_pipe *api)
{
    struct pipe *p = pipe_of(api);
    if (p->source != NULL) {
        p->nodes->rt.ops->end(p->source);
    }
    if (p->source != NULL && p->ends_with_input) {
        end_soon(p, LAST_ECHO);
    }
}

static void pipe_resize(struct api_pipe *api, unsigned width, unsigned height)
{
    struct pipe *p = pipe_of(api);
    if (p->source != NULL && p->type != API_CONNECT_PORT) {
        p->nodes->rt.ops->resize(p->source, width, height);
    }
}

static void pipe_resume(struct api_pipe *api)
{
    struct pipe *p = pipe_of(api);
    if (p->source != NULL) {
        p->nodes->rt.ops->resume(p->source);
    }
}

static void pipe_free(struct api_pipe *api)
{
    struct pipe *p = pipe_of(api);
    detach(p);
    free(p->uid);
    free(p);
}

/* ---- what happens to them ---- */

/* Who is told may free others, too: the search begins anew. */
static void end_each(struct nodes *n, bool (*concerns)(const struct pipe *p, const void *what),
                     const void *what, const char *why)
{
    for (struct pipe *p = n->pipes; p != NULL;) {
        if (concerns(p, what)) {
            tell_lost(p, why);
            p = n->pipes;
        } else {
            p = p->next;
        }
    }
}

static bool is_of_agent(const struct pipe *p, const void *agent)
{
    return agent == NULL || p->agent == agent;
}

void pipes_cut(struct nodes *n, const struct agent *a)
{
    end_each(n, is_of_agent, a,
             a != NULL ? "the connection to the node was lost" : "the cluster stops");
}

static bool is_of_pod(const struct pipe *p, const void *pod)
{
    return strcmp(p->uid, ((const struct pod *)pod)->uid) == 0;
}

void pipes_pod_gone(const struct pod *pod)
{
    end_each(pod->nodes, is_of_pod, pod, "the pod is gone");
}

void pipes_container_ended(const struct container *c)
{
    for (struct pipe *p = c->pod->nodes->pipes; p != NULL; p = p->next) {
        if (strcmp(p->runtime_name, c->runtime_name) == 0) {
            end_soon(p, p->source != NULL ? LAST_WORDS : 0);
        }
    }
}

/* ---- making one ---- */

static const struct container *find_container(const struct pod *pod, const char *name)
{
    for (size_t i = 0; i < pod->containers.n; i++) {
        if (strcmp(pod->containers.v[i]->name, name) == 0) {
            return pod->containers.v[i];
        }
    }
    return NULL;
}

/* The container that is meant, running; of a port the sandbox. */
static int find_target(const struct pod *pod, const struct api_connect *c,
                       const struct container **ret, struct err *err)
{
    if (c->type == API_CONNECT_PORT) {
        *ret = &pod->sandbox;
        return pod->sandbox.state == CONTAINER_RUNNING && pod->address[0] != '\0'
                   ? 0
                   : err_set(err, ERR_BAD_REQUEST,
                             "unable to forward port because pod is not running. Current "
                             "status=%s",
                             pod_phase_name(pod->phase));
    }
    const struct container *found = find_container(pod, c->container);
    const char *why = found != NULL && found->reason != NULL ? found->reason : "not running";
    if (found == NULL || found->state != CONTAINER_RUNNING) {
        return err_set(err, ERR_INTERNAL,
                       "unable to upgrade connection: container not found (\"%s\"): it is %s%s%s",
                       c->container, strcmp(why, "not running") == 0 ? "" : "waiting (", why,
                       strcmp(why, "not running") == 0 ? "" : ")");
    }
    *ret = found;
    return 0;
}

static void open_source(struct pipe *p, const struct pod *pod, const struct api_connect *c)
{
    const struct runtime *rt = &p->nodes->rt;
    const struct runtime_exec x = {.command = (const char *const *)c->command,
                                   .tty = c->tty,
                                   .stdin_open = c->stdin_open,
                                   .width = c->width,
                                   .height = c->height};
    if (c->type == API_CONNECT_EXEC) {
        p->source = rt->ops->exec(rt->self, p->runtime_name, &x, &stream_ops, p);
    } else if (c->type == API_CONNECT_PORT) {
        p->source = rt->ops->dial(rt->self, p->runtime_name, pod->address, c->port, &stream_ops, p);
    } else if (rt->ops->join != NULL) {
        p->source = rt->ops->join(rt->self, p->runtime_name, &x, &stream_ops, p);
    } else {
        p->source = rt->ops->attach(rt->self, p->runtime_name, &stream_ops, p);
    }
}

static struct pipe *pipe_new(struct agent *a, const struct api_connect *c,
                             const struct container *target)
{
    struct nodes *n = a->nodes;
    struct pipe *p = xnew(struct pipe);
    p->api = (struct api_pipe){.write = pipe_write,
                               .end = pipe_end,
                               .resize = pipe_resize,
                               .resume = pipe_resume,
                               .free = pipe_free};
    p->nodes = n;
    p->agent = a;
    p->uid = xstrdup(c->uid);
    p->type = c->type;
    p->ends_with_input = c->type == API_CONNECT_ATTACH && !c->stdin_once;
    str_copy(p->runtime_name, sizeof(p->runtime_name), target->runtime_name);
    p->next = n->pipes;
    p->at = &n->pipes;
    if (p->next != NULL) {
        p->next->at = &p->next;
    }
    n->pipes = p;
    return p;
}

int pipes_connect(void *arg, const struct api_connect *c, const struct api_pipe_events *ev,
                  void *ev_arg, struct api_pipe **ret, struct err *err)
{
    struct agent *a = arg;
    const struct pod *pod = pod_find(a->nodes, c->uid);
    const struct container *target = NULL;
    if (a->nodes->down) {
        return err_set(err, ERR_UNAVAILABLE, "the container runtime does not answer");
    }
    if (pod == NULL) {
        return err_set(err, ERR_NOT_FOUND, "pod does not exist");
    }
    if (c->type == API_CONNECT_PORT && a->nodes->rt.ops->dial == NULL) {
        return err_set(err, ERR_INTERNAL, "this cluster's runtime forwards no ports");
    }
    if (find_target(pod, c, &target, err) < 0) {
        return -1;
    }
    if (ret != NULL) {
        struct pipe *p = pipe_new(a, c, target);
        p->ev = ev;
        p->arg = ev_arg;
        if (c->type != API_CONNECT_PORT || c->port != 0) {
            open_source(p, pod, c);
        }
        *ret = &p->api;
    }
    return 0;
}
