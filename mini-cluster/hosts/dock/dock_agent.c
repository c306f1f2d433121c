/* SPDX-License-Identifier: Apache-2.0 */
/* The host's agent: looks at every container that something happened to, and starts those again
 * that their policy wants. It is told nothing: it looks. */
#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"
#include "runtime/docker/docker_spec.h"

/* Events of pods' containers come in swarms, and only the Host's status waits for them. */
#define SWARM_NS LOOP_MS(300)
#define RETRY_NS LOOP_S(1)

/* ---- starting again ---- */

static bool may_act(const struct dock *d)
{
    return d->up && d->loaded && d->all->ready && !d->paused;
}

static void found_to_start(struct dock_req *r)
{
    struct dock_box *b = dock_box_take(r->dock, r->seen);
    if (!b->want || dock_box_runs(b) || b->busy > 1) {
        dock_req_free(r);
        return;
    }
    b->restarts++;
    dock_start(r);
}

void dock_agent_restart(struct dock_box *b)
{
    struct dock *d = b->dock;
    if (!may_act(d) || b->busy > 0 || !b->want || dock_box_runs(b)) {
        return; /* whoever is at it, or the resumed host, settles it */
    }
    struct dock_req *r = dock_req_new(d, NULL);
    log_debug("hosts", "%s: start %s again", d->host, b->shown);
    dock_busy(r, b);
    dock_find(r, b->id, found_to_start);
}

/* It ended: again, after a while, or never. */
static void ended(struct dock_box *b)
{
    struct dock *d = b->dock;
    bool power = b->epoch != d->epoch;
    const struct dock_end end = {b->exit_code, b->restarts, b->stopped, power};
    bool wanted = b->want || (power && strcmp(b->state, "created") != 0);
    bool known = b->want || power || b->holds;
    dock_box_release(b);
    b->want = wanted && dock_policy_wants(&b->policy, &end);
    b->epoch = d->epoch;
    if (known) {
        dock_box_record(b);
    }
    if (b->want && power) {
        loop_timer_start(b->timer, 0);
    } else if (b->want) {
        int64_t ran_us = b->finished_us - b->started_us;
        b->delay_ns = dock_policy_delay(b->delay_ns, ran_us > 0 ? (uint64_t)ran_us * 1000 : 0);
        loop_timer_start(b->timer, b->delay_ns);
    }
    dock_status_changed(d);
}

/* It runs: somebody started it, or it ran when we came. */
static void running(struct dock_box *b)
{
    struct err err;
    loop_timer_stop(b->timer);
    if (!b->want || b->epoch != b->dock->epoch) {
        b->want = true;
        b->epoch = b->dock->epoch;
        dock_box_record(b);
    }
    if (!b->forwarded && dock_box_forward(b, &err) != 0) {
        log_warn("hosts", "%s: %s", b->dock->host, err.msg);
    }
}

void dock_agent_settle(struct dock_box *b)
{
    if (!b->by_hand || b->busy > 0 || !may_act(b->dock)) {
        return;
    }
    if (dock_box_runs(b)) {
        running(b);
    } else if (!loop_timer_active(b->timer) && strcmp(b->state, "removing") != 0) {
        ended(b);
    }
}

void dock_agent_settle_all(struct dock *d)
{
    void *value;
    for (size_t it = 0; map_next(d->boxes, &it, NULL, &value);) {
        dock_agent_settle(value);
    }
}

/* ---- looking ---- */

static void look_next(struct dock *d);
static void list(struct dock *d);

static void drop_named(struct dock *d, const char *name)
{
    const char *id;
    void *value;
    for (size_t it = 0; map_next(d->boxes, &it, &id, &value);) {
        if (str_eq(((struct dock_box *)value)->name, name)) {
            cleanup_free char *copy = xstrdup(id);
            dock_box_drop(d, copy);
            return;
        }
    }
}

static void looked(struct dock_req *r, const struct dock_reply *a)
{
    struct dock *d = r->dock;
    d->looking = NULL;
    if (a->err.code == ERR_NONE && dock_find_shows(d, jx_obj(a->json, "Config.Labels"))) {
        dock_agent_settle(dock_box_take(d, a->json));
    } else if (a->status == 404) {
        drop_named(d, r->wanted);
    }
    dock_req_free(r);
    look_next(d);
}

static void finish_load(struct dock *d)
{
    d->listing = false;
    d->loaded = true;
    dock_box_forget_missing(d);
    dock_agent_settle_all(d);
    dock_opened(d);
}

static void look_next(struct dock *d)
{
    const char *name;
    size_t it = 0;
    if (d->looking != NULL || !d->up || !d->all->ready || loop_timer_active(d->look_timer)) {
        return;
    }
    if (d->list_wanted) {
        list(d);
        return;
    }
    if (!map_next(d->to_look, &it, &name, NULL)) {
        if (d->listing) {
            finish_load(d);
        }
        return;
    }
    d->looking = dock_req_new(d, NULL);
    d->looking->wanted = xstrdup(name);
    map_remove(d->to_look, name);
    dock_call(d->looking, &(struct dock_ask){0}, looked, "/containers/%s/json", d->looking->wanted);
}

void dock_agent_go_on(void *arg)
{
    look_next(arg);
}

void dock_agent_look(struct dock *d, const char *name)
{
    if (!d->up || !docker_spec_name_ok(name)) {
        return;
    }
    map_put(d->to_look, name, d);
    if (str_has_prefix(name, d->prefix) || d->listing) {
        loop_timer_stop(d->look_timer);
        look_next(d);
    } else if (!loop_timer_active(d->look_timer)) {
        loop_timer_start(d->look_timer, SWARM_NS);
    }
}

/* ---- all of them ---- */

static void drop_missing(struct dock *d, const json_t *rows)
{
    const char *id;
    VEC(char *) gone = {0};
    for (size_t it = 0; map_next(d->boxes, &it, &id, NULL);) {
        if (jx_find(rows, "Id", id) == NULL) {
            vec_push(&gone, xstrdup(id));
        }
    }
    for (size_t i = 0; i < gone.n; i++) {
        dock_box_drop(d, gone.v[i]);
        free(gone.v[i]);
    }
    vec_fini(&gone);
}

static void listed(struct dock_req *r, const struct dock_reply *a)
{
    struct dock *d = r->dock;
    const json_t *row;
    size_t i;
    d->looking = NULL;
    if (a->err.code != ERR_NONE) {
        log_warn("hosts", "the Docker of %s: %s; it is tried again", d->host, a->err.msg);
        d->list_wanted = true;
        loop_timer_start(d->look_timer, RETRY_NS);
        dock_req_free(r);
        return;
    }
    drop_missing(d, a->json);
    jx_each(i, row, a->json)
    {
        const char *name = jx_str(row, "Names[0]", "");
        name += name[0] == '/';
        if (dock_find_shows(d, jx_obj(row, "Labels")) && docker_spec_name_ok(name)) {
            map_put(d->to_look, name, d);
        }
    }
    dock_req_free(r);
    look_next(d);
}

static void list(struct dock *d)
{
    cleanup_free char *filter = dock_call_filter(d, NULL);
    d->list_wanted = false;
    d->listing = true;
    d->looking = dock_req_new(d, NULL);
    dock_call(d->looking, &(struct dock_ask){0}, listed, "/containers/json?all=1&filters=%s",
              filter);
}

void dock_agent_load(struct dock *d)
{
    d->list_wanted = true;
    look_next(d);
}

static void killed(struct dock_req *r, const struct dock_reply *a)
{
    (void)a; /* what is left the hosts room finds by its label */
    dock_req_free(r);
}

static void kill_now(struct dock_req *r)
{
    dock_call(r, &(struct dock_ask){.method = "POST"}, killed, "/containers/%s/kill", r->id);
}

/* At once and without a word, as the power goes; written down is it all the same. */
static void kill_later(const struct dock_box *b)
{
    struct dock_req *r = dock_req_new(b->dock, NULL);
    str_copy(r->id, sizeof(r->id), b->id);
    dock_commit(r, kill_now);
}

void dock_agent_end(struct dock *d)
{
    void *value;
    for (size_t it = 0; map_next(d->boxes, &it, NULL, &value);) {
        struct dock_box *b = value;
        dock_box_release(b);
        if (b->by_hand && dock_box_runs(b) && !d->on) {
            kill_later(b);
        }
    }
    if (d->looking != NULL) {
        dock_req_free(d->looking);
        d->looking = NULL;
    }
    loop_timer_stop(d->look_timer);
    map_clear(d->boxes);
    map_clear(d->to_look);
    d->listing = d->loaded = d->list_wanted = false;
}
