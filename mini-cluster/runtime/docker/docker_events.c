/* SPDX-License-Identifier: Apache-2.0 */
/* One long answer to GET /events, asked for again whenever it ends. It also tells whether the
 * daemon is there at all: a daemon that hangs is found out by a ping.
 *
 * Docker cannot be asked for the containers with a label and for a network at once, so everybody's
 * events come and ours are picked. A network's event names a container by its id alone, and comes
 * with every start and end: only the guests of hosts are known by id, and told of. */
#include <assert.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "runtime/docker/docker_event.h"
#include "runtime/docker/docker_impl.h"

#define RETRY_FIRST_NS LOOP_MS(100)
#define RETRY_MAX_NS LOOP_S(2)
#define OPEN_NS LOOP_S(15)
#define PING_EVERY_NS LOOP_S(5)
#define PING_NS LOOP_S(15)

/* Told to the subscriber from the loop, not from within libcurl. */
struct told {
    enum runtime_event_type type;
    char *name, *host, *why;
    int exit_code;
};

struct docker_events {
    struct docker *d;
    void (*subscriber)(void *arg, const struct runtime_event *ev);
    void *subscriber_arg;
    VEC(struct told) outbox;
    VEC(struct map *) noting;
    struct map *guests; /* id -> struct guest */
    uint64_t seen;
    struct http_call *stream;
    struct docker_call *version, *ping;
    struct docker_event_reader reader;
    struct loop_timer *retry; /* the next attempt; while it is made, how long it may take */
    struct loop_timer *ping_timer;
    uint64_t retry_ns;
    bool open, lost, delivering, dead;
    struct err why;           /* of the end */
    runtime_done *first_done; /* of docker_events_start, until it is called */
    void *first_arg;
};

struct guest {
    char *name, *host;
};

static void guest_free(void *arg)
{
    struct guest *g = arg;
    free(g->name);
    free(g->host);
    free(g);
}

/* ---- telling ---- */

static void told_fini(struct told *t)
{
    free(t->name);
    free(t->host);
    free(t->why);
}

static void release(struct docker_events *e)
{
    for (size_t i = 0; i < e->outbox.n; i++) {
        told_fini(&e->outbox.v[i]);
    }
    vec_fini(&e->outbox);
    vec_fini(&e->noting);
    map_free(e->guests);
    docker_event_reader_fini(&e->reader);
    free(e);
}

static void deliver(void *arg)
{
    struct docker_events *e = arg;
    VEC(struct told) items = {e->outbox.v, e->outbox.n, e->outbox.cap};
    memset(&e->outbox, 0, sizeof(e->outbox));
    e->delivering = true;
    for (size_t i = 0; i < items.n; i++) {
        struct told *t = &items.v[i];
        const struct runtime_event ev = {.type = t->type,
                                         .name = t->name,
                                         .host = t->host,
                                         .why = t->why,
                                         .exit_code = t->exit_code};
        if (!e->dead && e->subscriber != NULL) {
            e->subscriber(e->subscriber_arg, &ev); /* may free the driver */
        }
        told_fini(t);
    }
    vec_fini(&items);
    e->delivering = false;
    if (e->dead) {
        release(e);
    }
}

static void tell(struct docker_events *e, enum runtime_event_type type,
                 const struct docker_event *ev, const char *why)
{
    struct told t = {.type = type, .why = xstrdup(why)};
    if (ev != NULL) {
        t.name = xstrdup(ev->name);
        t.host = xstrdup(ev->host);
        t.exit_code = ev->exit_code;
    }
    if (e->outbox.n == 0) {
        loop_defer(e->d->loop, deliver, e);
    }
    vec_push(&e->outbox, t);
}

static void tell_first(struct docker_events *e, enum runtime_result result, const struct err *err)
{
    runtime_done *done = e->first_done;
    if (done != NULL) {
        e->first_done = NULL;
        done(e->first_arg, result, NULL, err); /* may free the driver */
    }
}

/* ---- the stream's end, and the next one ---- */

static void hang_up(struct docker_events *e)
{
    if (e->stream != NULL) {
        http_call_cancel(e->stream);
        e->stream = NULL;
    }
    docker_call_cancel(e->version);
    docker_call_cancel(e->ping);
    e->version = e->ping = NULL;
    loop_timer_stop(e->retry);
    loop_timer_stop(e->ping_timer);
    docker_event_reader_fini(&e->reader);
    e->open = false;
}

/* The connection is gone, or did not come about. */
static void lost(struct docker_events *e, const struct err *err)
{
    struct err why = *err;
    hang_up(e);
    if (!e->lost) {
        e->lost = true;
        e->retry_ns = RETRY_FIRST_NS;
        log_warn("docker", "lost: %s", why.msg);
        if (e->first_done == NULL) {
            tell(e, RUNTIME_EV_LOST, NULL, why.msg);
        }
    }
    if (e->first_done != NULL) { /* whoever recovers tries again */
        tell_first(e, RUNTIME_FAILED, &why);
        return;
    }
    loop_timer_start(e->retry, e->retry_ns);
    e->retry_ns = e->retry_ns * 2 < RETRY_MAX_NS ? e->retry_ns * 2 : RETRY_MAX_NS;
}

/* ---- is it there? ---- */

static void pinged(void *arg, const struct docker_answer *a)
{
    struct docker_events *e = arg;
    e->ping = NULL;
    if (a->err.code != ERR_NONE) {
        lost(e, &a->err);
    } else {
        loop_timer_start(e->ping_timer, PING_EVERY_NS);
    }
}

static void ping(void *arg)
{
    struct docker_events *e = arg;
    const struct docker_ask ask = {.unversioned = true, .timeout_ns = PING_NS};
    e->ping = docker_call(e->d, &ask, pinged, e, "/_ping");
}

/* ---- the stream ---- */

static void opened(void *arg)
{
    struct docker_events *e = arg;
    bool was_lost = e->lost;
    if (e->open || e->stream == NULL) {
        return;
    }
    e->open = true;
    e->lost = false;
    loop_timer_stop(e->retry);
    loop_timer_start(e->ping_timer, PING_EVERY_NS);
    if (e->first_done != NULL) {
        tell_first(e, RUNTIME_OK, &(struct err){0});
    } else if (was_lost) {
        log_info("docker", "back");
        tell(e, RUNTIME_EV_BACK, NULL, NULL);
    }
}

/* From within libcurl: whoever is told may do anything, so it is told later. */
static void on_headers(void *arg, int status, const char *content_type)
{
    struct docker_events *e = arg;
    if (status == 200) {
        loop_defer(e->d->loop, opened, e);
    }
}

/* Whose event it is, when it is ours. */
static bool take(struct docker_events *e, struct docker_event *ev)
{
    if (ev->network == NULL) {
        return strcmp(ev->uid, e->d->cluster.uid) == 0;
    }
    const struct guest *g = map_find(e->guests, ev->id);
    if (g == NULL || strcmp(ev->network, e->d->network) != 0) {
        return false;
    }
    ev->name = g->name;
    ev->host = g->host;
    return true;
}

static bool on_event(void *arg, const struct docker_event *any)
{
    struct docker_events *e = arg;
    struct docker_event ours = *any, *ev = &ours;
    if (!take(e, ev)) {
        return true;
    }
    e->seen++;
    for (size_t i = 0; i < e->noting.n; i++) {
        map_put(e->noting.v[i], ev->name, (void *)(uintptr_t)e->seen);
    }
    tell(e, RUNTIME_EV_CHANGED, ev, ev->action);
    if (strcmp(ev->action, "destroy") == 0) {
        map_remove(e->guests, ev->id);
    }
    return true;
}

static bool on_data(void *arg, const char *bytes, size_t n)
{
    struct docker_events *e = arg;
    return docker_event_feed(&e->reader, bytes, n, on_event, e, &e->why) == 0;
}

static void on_done(void *arg, const struct http_response *res)
{
    struct docker_events *e = arg;
    struct err err = e->why;
    e->stream = NULL;
    if (err.code == ERR_NONE && res->status >= 400) {
        docker_answer_err(res->status, res->body, res->len, &err);
    } else if (err.code == ERR_NONE && res->status == 0) {
        err_set(&err, ERR_UNAVAILABLE, "Docker does not answer: %s", res->err->msg);
    } else if (err.code == ERR_NONE) {
        err_set(&err, ERR_UNAVAILABLE, "Docker ended its stream of events: it stops or restarts");
    }
    lost(e, &err);
}

static char *event_filter(void)
{
    json_t *filter = json_pack("{s:[s, s], s:o}", "type", "container", "network", "event",
                               docker_event_actions());
    cleanup_free char *text = jx_dump_text(filter);
    json_decref(filter);
    return docker_escape(text);
}

static void ask_events(struct docker_events *e)
{
    cleanup_free char *filter = event_filter();
    cleanup_free char *target = xasprintf("/events?filters=%s", filter);
    cleanup_free char *path = docker_path(e->d, target);
    cleanup_free char *url = xasprintf("http://docker%s", path);
    const struct http_request req = {.method = "GET",
                                     .url = url,
                                     .fresh = true,
                                     .on_data = on_data,
                                     .on_headers = on_headers,
                                     .done = on_done,
                                     .arg = e};
    e->why = (struct err){0};
    e->stream = http_client_call(e->d->streams, &req);
}

/* The version first: a daemon that comes back may be another. */
static void versioned(void *arg, const struct docker_answer *a)
{
    struct docker_events *e = arg;
    struct err err = a->err;
    e->version = NULL;
    if (err.code != ERR_NONE || docker_version_choose(a->json, e->d->version, &err) != 0) {
        lost(e, &err);
        return;
    }
    ask_events(e);
}

static void too_slow(struct docker_events *e)
{
    struct err err;
    err_set(&err, ERR_UNAVAILABLE,
            "Docker accepts connections but answers nothing: it hangs, or "
            "starts");
    lost(e, &err);
}

static void attempt(struct docker_events *e)
{
    const struct docker_ask ask = {.unversioned = true, .timeout_ns = OPEN_NS};
    e->version = docker_call(e->d, &ask, versioned, e, "/version");
    loop_timer_start(e->retry, OPEN_NS);
}

static void on_retry(void *arg)
{
    struct docker_events *e = arg;
    if (e->version != NULL || e->stream != NULL) {
        too_slow(e);
    } else {
        attempt(e);
    }
}

/* ---- for the rest of the driver ---- */

struct docker_events *docker_events_new(struct docker *d)
{
    struct docker_events *e = xnew(struct docker_events);
    e->d = d;
    e->retry = loop_timer_new(d->loop, on_retry, e);
    e->ping_timer = loop_timer_new(d->loop, ping, e);
    e->retry_ns = RETRY_FIRST_NS;
    e->guests = map_new(guest_free);
    return e;
}

void docker_events_free(struct docker_events *e)
{
    hang_up(e);
    loop_undefer(e->d->loop, e);
    loop_timer_free(e->retry);
    loop_timer_free(e->ping_timer);
    e->dead = true;
    if (!e->delivering) {
        release(e);
    }
}

void docker_events_subscribe(void *self, void (*fn)(void *arg, const struct runtime_event *ev),
                             void *arg)
{
    struct docker *d = self;
    d->events->subscriber = fn;
    d->events->subscriber_arg = arg;
}

void docker_events_start(struct docker *d, runtime_done *done, void *arg)
{
    struct docker_events *e = d->events;
    assert(e->first_done == NULL); /* docker_events_starting says so */
    hang_up(e);
    e->lost = false;
    e->first_done = done;
    e->first_arg = arg;
    attempt(e);
}

bool docker_events_starting(const struct docker *d)
{
    return d->events->first_done != NULL;
}

void docker_events_note(struct docker *d, struct map *names)
{
    vec_push(&d->events->noting, names);
}

void docker_events_unnote(struct docker *d, struct map *names)
{
    struct docker_events *e = d->events;
    for (size_t i = 0; i < e->noting.n; i++) {
        if (e->noting.v[i] == names) {
            vec_remove(&e->noting, i);
            return;
        }
    }
}

void docker_events_know(struct docker *d, const struct runtime_status *st)
{
    if (st->role == RUNTIME_HOST || st->role == RUNTIME_SERVICES) {
        struct guest *g = xnew(struct guest);
        *g = (struct guest){xstrdup(st->name), xstrdup(st->host)};
        map_put(d->events->guests, st->id, g);
    }
}

uint64_t docker_events_seen(const struct docker *d)
{
    return d->events->seen;
}
