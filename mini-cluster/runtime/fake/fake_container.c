/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one container that does not exist: starts that take time, ends, stops, pauses; told
 * to whoever watches. */
#include <stdio.h>
#include <string.h>

#include "common/str.h"
#include "runtime/fake/fake_impl.h"

static void timer_fired(void *arg);

static void arm(struct fake_container *c, uint64_t delay_ns)
{
    if (c->timer == NULL) {
        c->timer = loop_timer_new(c->f->loop, timer_fired, c);
    }
    c->due_ns = loop_mono_ns(c->f->loop) + delay_ns;
    loop_timer_start(c->timer, delay_ns);
}

static void disarm(struct fake_container *c)
{
    loop_timer_free(c->timer);
    c->timer = NULL;
}

/* A time from the options, spread by half of it when they say so. */
static uint64_t spread(struct fake *f, uint64_t ns)
{
    uint64_t base = ns != 0 ? ns : LOOP_MS(1);
    if (!f->opts.jitter) {
        return base;
    }
    return base / 2 + base * loop_random_below(f->loop, LOOP_RANDOM_JITTER, 1001) / 1000;
}

/* Whatever waited for the end of a start or of a stop goes on. */
static void wake(struct fake_container *c)
{
    VEC(struct fake_call *) calls = {c->waiting.v, c->waiting.n, c->waiting.cap};
    if (calls.n == 0) {
        return;
    }
    memset(&c->waiting, 0, sizeof(c->waiting));
    struct map *containers = c->f->containers;
    cleanup_free char *name = xstrdup(c->st->name);
    for (size_t i = 0; i < calls.n; i++) {
        calls.v[i]->waits = NULL;
    }
    for (size_t i = 0; i < calls.n; i++) { /* one of them may remove it */
        fake_call_step(calls.v[i], map_find(containers, name));
    }
    vec_fini(&calls);
}

struct fake_container *fake_container_new(struct fake *f, const struct runtime_spec *spec,
                                          uint64_t epoch, const struct fake_image *image)
{
    struct fake_container *c = xnew(struct fake_container);
    char id[65];
    snprintf(id, sizeof(id), "%064llx", (unsigned long long)++f->made);
    const struct runtime_status st = {
        .name = spec->name,
        .id = id,
        .image_id = image->id,
        .role = spec->role,
        .host = spec->host,
        .hash = spec->hash,
        .epoch = epoch,
        .state = RUNTIME_CREATED,
        .labels = spec->labels,
    };
    c->f = f;
    c->st = runtime_status_copy(&st);
    c->image = image;
    c->address = xstrdup(spec->address);
    c->join = xstrdup(spec->join);
    c->plan = fake_image_plan(image, spec);
    map_put(f->containers, spec->name, c);
    fake_event(f, c, "create", 0);
    return c;
}

void fake_container_free(void *arg)
{
    struct fake_container *c = arg;
    disarm(c);
    free(c->st);
    free(c->address);
    free(c->join);
    free(c->error);
    vec_fini(&c->apps);
    vec_fini(&c->waiting);
    free(c);
}

/* ---- starting ---- */

static struct fake_container *sandbox_of(const struct fake_container *c)
{
    return c->join != NULL ? map_find(c->f->containers, c->join) : NULL;
}

/* What would keep Docker from starting it, in Docker's words; "" when nothing does. */
static void find_refusal(const struct fake_container *c, struct str *out)
{
    const struct fake_container *sandbox = sandbox_of(c);
    if (c->refused) {
        str_add(out, "OCI runtime create failed: the start was made to fail");
    } else if (c->join != NULL && sandbox == NULL) {
        str_add_f(out, "No such container: %s", c->join);
    } else if (c->join != NULL && sandbox->st->state != RUNTIME_RUNNING &&
               sandbox->st->state != RUNTIME_PAUSED) {
        str_add_f(out, "cannot join network of a non running container: %s", sandbox->st->id);
    } else if (c->address != NULL && !c->st->cut && map_find(c->f->addresses, c->address) != NULL) {
        str_add(out, "Address already in use");
    }
}

static void count_start(struct fake *f, const char *name)
{
    uintptr_t n = (uintptr_t)map_find(f->starts, name);
    map_put(f->starts, name, (void *)(n + 1));
}

static void run(struct fake_container *c)
{
    c->st->state = RUNTIME_RUNNING;
    c->st->started_us = loop_wall_us(c->f->loop);
    if (c->address != NULL && !c->st->cut) {
        map_put(c->f->addresses, c->address, c);
    }
    struct fake_container *sandbox = sandbox_of(c);
    if (sandbox != NULL) {
        vec_push(&sandbox->apps, c);
    }
    fake_event(c->f, c, "start", 0);
    if (c->plan.ends) {
        arm(c, c->plan.after_ns);
    }
}

static void started(struct fake_container *c)
{
    cleanup_str struct str refusal = STR_INIT;
    c->starting = false;
    find_refusal(c, &refusal);
    free(c->error);
    c->error = str_take(&refusal);
    c->st->error = c->error;
    if (c->error[0] == '\0') {
        count_start(c->f, c->st->name);
        run(c);
    }
    wake(c);
}

void fake_container_start(struct fake_container *c, bool refused)
{
    c->starting = true;
    c->refused = refused;
    arm(c, spread(c->f, c->f->opts.start_ns));
}

bool fake_container_again(struct fake_container *c)
{
    cleanup_str struct str refusal = STR_INIT;
    find_refusal(c, &refusal);
    if (refusal.len > 0) {
        return false;
    }
    c->st->exit_code = 0;
    c->st->oom_killed = false;
    c->st->finished_us = 0;
    run(c);
    return true;
}

/* ---- ending ---- */

static void leave_address(struct fake_container *c)
{
    if (c->address != NULL && map_find(c->f->addresses, c->address) == c) {
        map_remove(c->f->addresses, c->address);
    }
}

static void leave_sandbox(struct fake_container *c)
{
    struct fake_container *sandbox = sandbox_of(c);
    for (size_t i = 0; sandbox != NULL && i < sandbox->apps.n; i++) {
        if (sandbox->apps.v[i] == c) {
            vec_remove(&sandbox->apps, i);
            return;
        }
    }
}

static bool runs(const struct fake_container *c)
{
    return c->st->state == RUNTIME_RUNNING || c->st->state == RUNTIME_PAUSED;
}

static void set_ended(struct fake_container *c, int exit_code, bool oom)
{
    disarm(c);
    leave_address(c);
    leave_sandbox(c);
    c->stopping = false;
    c->st->state = RUNTIME_EXITED;
    c->st->exit_code = exit_code;
    c->st->oom_killed = oom;
    c->st->finished_us = loop_wall_us(c->f->loop);
    if (oom) {
        fake_event(c->f, c, "oom", 0);
    }
    fake_event(c->f, c, "die", exit_code);
    fake_streams_ended(c->f, c->st->name);
}

void fake_container_end(struct fake_container *c, int exit_code, bool oom)
{
    set_ended(c, exit_code, oom);
    wake(c);
}

void fake_container_stop(struct fake_container *c, int64_t grace_s)
{
    uint64_t needs = spread(c->f, c->f->opts.stop_ns);
    uint64_t grace = grace_s > 0 ? LOOP_S(grace_s) : 0;
    bool frozen = c->st->state == RUNTIME_PAUSED;
    if (c->stopping && c->due_ns <= loop_mono_ns(c->f->loop) + grace) {
        return; /* the earlier stop ends it sooner */
    }
    bool killed = frozen || needs > grace;
    c->stopping = true;
    c->plan.exit_code = killed ? 137 : c->plan.term_code;
    c->plan.oom = false;
    c->left_ns = 0;
    arm(c, killed ? grace : needs);
}

static void timer_fired(void *arg)
{
    struct fake_container *c = arg;
    disarm(c);
    if (c->starting) {
        started(c);
    } else if (runs(c)) {
        fake_container_end(c, c->plan.exit_code, c->plan.oom);
    }
}

void fake_container_pause(struct fake_container *c, bool paused)
{
    c->st->state = paused ? RUNTIME_PAUSED : RUNTIME_RUNNING;
    if (paused && c->timer != NULL && !c->stopping) {
        uint64_t now = loop_mono_ns(c->f->loop);
        c->left_ns = c->due_ns > now ? c->due_ns - now : 1;
        disarm(c);
    } else if (!paused && c->left_ns != 0) {
        arm(c, c->left_ns);
        c->left_ns = 0;
    }
    fake_event(c->f, c, paused ? "pause" : "unpause", 0);
}

/* What it has of the network stays off, whatever its state: a container that is started later is
 * still cut, as with Docker. */
bool fake_container_connect(struct fake_container *c, bool connected)
{
    if (connected && runs(c) && map_find(c->f->addresses, c->address) != NULL) {
        return false;
    }
    c->st->cut = !connected;
    if (!connected) {
        leave_address(c);
    } else if (runs(c)) {
        map_put(c->f->addresses, c->address, c);
    }
    fake_event(c->f, c, connected ? "connect" : "disconnect", 0);
    return true;
}

void fake_container_rename(struct fake_container *c, const char *to)
{
    struct fake *f = c->f;
    struct runtime_status st = *c->st;
    struct runtime_status *old = c->st;
    uintptr_t starts = (uintptr_t)map_find(f->starts, old->name);
    map_take(f->containers, old->name);
    map_put(f->starts, to, (void *)((uintptr_t)map_find(f->starts, to) + starts));
    map_remove(f->starts, old->name);
    st.name = to;
    c->st = runtime_status_copy(&st);
    free(old);
    map_put(f->containers, to, c);
    fake_event(f, c, "rename", 0);
}

void fake_container_remove(struct fake_container *c)
{
    struct fake *f = c->f;
    if (runs(c)) {
        set_ended(c, 137, false);
    }
    fake_event(f, c, "destroy", 0);
    map_take(f->containers, c->st->name);
    for (size_t i = 0; i < c->waiting.n; i++) {
        c->waiting.v[i]->waits = NULL;
    }
    for (size_t i = 0; i < c->waiting.n; i++) {
        fake_call_step(c->waiting.v[i], NULL);
    }
    fake_container_free(c);
}
