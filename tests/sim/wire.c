/* SPDX-License-Identifier: Apache-2.0 */
/* What lies between the core and the runtime, and is not to be relied on: events that get lost,
 * come twice or late, and requests that arrive after whoever sent them is gone. */
#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/vec.h"
#include "world.h"

enum verb { ENSURE, STOP, REMOVE };

/* A request on its way. */
struct parcel {
    struct wire *wire;
    struct loop_timer *timer;
    uint64_t due_ns;
    enum verb verb;
    bool orphan; /* who sent it is gone */
    void *self;
    char *name;
    struct runtime_spec spec;
    VEC(void *) owned; /* what the spec points to */
    uint64_t epoch;
    int64_t grace_s;
    runtime_done *done;
    void *arg;
};

/* An event that comes once more, later. */
struct echo {
    struct wire *wire;
    struct loop_timer *timer;
    char *name, *host;
    const char *why;
    int exit_code;
};

struct wire {
    struct world *w;
    const struct runtime_ops *honest;
    struct runtime_ops ops;
    struct runtime nobody; /* lets land what belongs to nobody any more */
    void (*subscriber)(void *arg, const struct runtime_event *ev);
    void *subscriber_arg;
    VEC(struct parcel *) parcels;
    VEC(struct echo *) echoes;
    uint64_t lose_until, repeat_until, slow_until;
};

/* A driver's functions are given the driver alone: there is one world at a time. */
static struct wire *the_wire;

/* ---- events ---- */

static void forget_echo(struct echo *e)
{
    struct wire *wire = e->wire;
    for (size_t i = 0; i < wire->echoes.n; i++) {
        if (wire->echoes.v[i] == e) {
            vec_remove(&wire->echoes, i);
            break;
        }
    }
    loop_timer_free(e->timer);
    free(e->name);
    free(e->host);
    free(e);
}

static void on_echo(void *arg)
{
    struct echo *e = arg;
    struct wire *wire = e->wire;
    const struct runtime_event ev = {.type = RUNTIME_EV_CHANGED,
                                     .name = e->name,
                                     .host = e->host,
                                     .why = e->why,
                                     .exit_code = e->exit_code};
    if (wire->subscriber != NULL) {
        wire->subscriber(wire->subscriber_arg, &ev);
    }
    forget_echo(e);
}

static void echo_later(struct wire *wire, const struct runtime_event *ev)
{
    struct echo *e = xnew(struct echo);
    e->wire = wire;
    e->name = xstrdup(ev->name);
    e->host = xstrdup(ev->host);
    e->why = ev->why; /* the fake's words are constants */
    e->exit_code = ev->exit_code;
    e->timer = loop_timer_new(wire->w->loop, on_echo, e);
    vec_push(&wire->echoes, e);
    loop_timer_start(e->timer, LOOP_MS(world_random(wire->w, 3000)));
}

static void on_event(void *arg, const struct runtime_event *ev)
{
    struct wire *wire = arg;
    struct world *w = wire->w;
    uint64_t now = world_now(w);
    if (ev->type == RUNTIME_EV_CHANGED && now < wire->lose_until && world_random(w, 2) == 0) {
        return;
    }
    if (ev->type == RUNTIME_EV_CHANGED && now < wire->repeat_until && world_random(w, 2) == 0) {
        echo_later(wire, ev);
    }
    wire->subscriber(wire->subscriber_arg, ev);
}

static void subscribe(void *self, void (*fn)(void *arg, const struct runtime_event *ev), void *arg)
{
    struct wire *wire = the_wire;
    wire->subscriber = fn;
    wire->subscriber_arg = arg;
    wire->honest->subscribe(self, on_event, wire);
}

/* ---- requests ---- */

static char *keep(struct parcel *p, const char *text)
{
    char *copy = xstrdup(text);
    vec_push(&p->owned, copy);
    return copy;
}

static const char *const *keep_all(struct parcel *p, const char *const *texts)
{
    size_t n = 0;
    while (texts != NULL && texts[n] != NULL) {
        n++;
    }
    const char **copy = xcalloc(n + 1, sizeof(*copy));
    for (size_t i = 0; i < n; i++) {
        copy[i] = keep(p, texts[i]);
    }
    vec_push(&p->owned, (void *)copy);
    return texts != NULL ? copy : NULL;
}

/* What the fake looks at. */
static void keep_spec(struct parcel *p, const struct runtime_spec *s)
{
    p->spec = *s;
    p->spec.name = p->name;
    p->spec.host = keep(p, s->host);
    p->spec.hash = keep(p, s->hash);
    p->spec.image = keep(p, s->image);
    p->spec.command = keep_all(p, s->command);
    p->spec.args = keep_all(p, s->args);
    p->spec.env = keep_all(p, s->env);
    p->spec.labels = keep_all(p, s->labels);
    p->spec.hostname = keep(p, s->hostname);
    p->spec.address = keep(p, s->address);
    p->spec.join = keep(p, s->join);
    p->spec.files = NULL;
    p->spec.nfiles = 0;
    p->spec.mounts = NULL;
    p->spec.nmounts = 0;
}

static void free_parcel(struct parcel *p)
{
    loop_timer_free(p->timer);
    for (size_t i = 0; i < p->owned.n; i++) {
        free(p->owned.v[i]);
    }
    vec_fini(&p->owned);
    free(p->name);
    free(p);
}

static void nobody_waits(void *arg, enum runtime_result result, const struct runtime_status *st,
                         const struct err *err)
{
    (void)arg, (void)result, (void)st, (void)err;
}

static void arrive(void *arg)
{
    struct parcel *p = arg;
    struct wire *wire = p->wire;
    void *self = p->orphan ? wire->nobody.self : p->self;
    runtime_done *done = p->orphan ? nobody_waits : p->done;
    for (size_t i = 0; i < wire->parcels.n; i++) {
        if (wire->parcels.v[i] == p) {
            vec_remove(&wire->parcels, i);
            break;
        }
    }
    if (p->verb == ENSURE) {
        wire->honest->ensure(self, &p->spec, p->epoch, done, p->arg);
    } else if (p->verb == STOP) {
        wire->honest->stop(self, p->name, p->grace_s, done, p->arg);
    } else {
        wire->honest->remove(self, p->name, done, p->arg);
    }
    free_parcel(p);
}

/* The last one on its way to this container; NULL: none is. */
static const struct parcel *under_way(const struct wire *wire, const char *name)
{
    for (size_t i = wire->parcels.n; i-- > 0;) {
        if (strcmp(wire->parcels.v[i]->name, name) == 0 && !wire->parcels.v[i]->orphan) {
            return wire->parcels.v[i];
        }
    }
    return NULL;
}

/* It arrives after those to the same container; timers of the same moment keep their order. */
static struct parcel *post(struct wire *wire, void *self, enum verb verb, const char *name,
                           runtime_done *done, void *arg)
{
    const struct parcel *before = under_way(wire, name);
    uint64_t now = world_now(wire->w);
    struct parcel *p = xnew(struct parcel);
    *p = (struct parcel){.wire = wire, .verb = verb, .self = self, .done = done, .arg = arg};
    p->name = xstrdup(name);
    p->due_ns = before != NULL ? before->due_ns : now + LOOP_MS(20 + world_random(wire->w, 2500));
    p->timer = loop_timer_new(wire->w->loop, arrive, p);
    vec_push(&wire->parcels, p);
    loop_timer_start(p->timer, p->due_ns > now ? p->due_ns - now : 0);
    return p;
}

static void ensure(void *self, const struct runtime_spec *spec, uint64_t epoch, runtime_done *done,
                   void *arg)
{
    struct wire *wire = the_wire;
    bool slow = world_now(wire->w) < wire->slow_until && world_random(wire->w, 3) == 0;
    if (slow || under_way(wire, spec->name) != NULL) {
        struct parcel *p = post(wire, self, ENSURE, spec->name, done, arg);
        keep_spec(p, spec);
        p->epoch = epoch;
    } else {
        wire->honest->ensure(self, spec, epoch, done, arg);
    }
}

static void stop(void *self, const char *name, int64_t grace_s, runtime_done *done, void *arg)
{
    struct wire *wire = the_wire;
    if (under_way(wire, name) != NULL) {
        post(wire, self, STOP, name, done, arg)->grace_s = grace_s;
    } else {
        wire->honest->stop(self, name, grace_s, done, arg);
    }
}

static void remove_it(void *self, const char *name, runtime_done *done, void *arg)
{
    struct wire *wire = the_wire;
    if (under_way(wire, name) != NULL) {
        post(wire, self, REMOVE, name, done, arg);
    } else {
        wire->honest->remove(self, name, done, arg);
    }
}

/* ---- lives ---- */

struct wire *wire_new(struct world *w)
{
    struct wire *wire = xnew(struct wire);
    wire->w = w;
    fake_runtime(w->fake, &wire->nobody);
    the_wire = wire;
    return wire;
}

void wire_join(struct wire *wire, struct runtime *rt)
{
    wire->honest = rt->ops;
    wire->ops = *rt->ops;
    wire->ops.subscribe = subscribe;
    wire->ops.ensure = ensure;
    wire->ops.stop = stop;
    wire->ops.remove = remove_it;
    rt->ops = &wire->ops;
}

void wire_leave(struct wire *wire)
{
    while (wire->echoes.n > 0) {
        forget_echo(wire->echoes.v[0]);
    }
    for (size_t i = 0; i < wire->parcels.n; i++) {
        wire->parcels.v[i]->orphan = true;
    }
    wire->subscriber = NULL;
}

void wire_free(struct wire *wire)
{
    wire_leave(wire);
    for (size_t i = 0; i < wire->parcels.n; i++) {
        free_parcel(wire->parcels.v[i]);
    }
    vec_fini(&wire->parcels);
    vec_fini(&wire->echoes);
    wire->nobody.ops->free(wire->nobody.self);
    the_wire = NULL;
    free(wire);
}

/* ---- what goes wrong ---- */

void wire_lose(struct wire *wire, unsigned ms)
{
    wire->lose_until = world_now(wire->w) + LOOP_MS(ms);
}

bool wire_loses(const struct wire *wire)
{
    return world_now(wire->w) < wire->lose_until;
}

void wire_repeat(struct wire *wire, unsigned ms)
{
    wire->repeat_until = world_now(wire->w) + LOOP_MS(ms);
}

void wire_slow(struct wire *wire, unsigned ms)
{
    wire->slow_until = world_now(wire->w) + LOOP_MS(ms);
}

void wire_calm(struct wire *wire)
{
    wire->lose_until = wire->repeat_until = wire->slow_until = 0;
}
