/* SPDX-License-Identifier: Apache-2.0 */
/* Bad luck, and what learners do to hosts and clocks; and how all of it ends. */
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "world.h"

static const char merge[] = "application/merge-patch+json";

/* ---- containers, the runtime, the core ---- */

struct choice {
    struct world *w;
    enum runtime_role role;
    const char *host; /* NULL: any */
    unsigned seen;
    char name[128];
};

/* One of those that run, each as likely as the others. */
static void consider(void *arg, const struct runtime_status *st)
{
    struct choice *c = arg;
    if (st->role == c->role && st->state == RUNTIME_RUNNING &&
        (c->host == NULL || str_eq(st->host, c->host)) && world_random(c->w, ++c->seen) == 0) {
        str_copy(c->name, sizeof(c->name), st->name);
    }
}

static void crash_container(struct world *w)
{
    struct choice c = {.w = w, .role = RUNTIME_APP};
    fake_each(w->fake, consider, &c);
    if (c.name[0] != '\0') {
        world_note(w, "a container crashes");
        fake_kill(w->fake, c.name, 1, world_random(w, 4) == 0);
    }
}

static void fail_starts(struct world *w)
{
    bool unknown = world_random(w, 2) == 0;
    unsigned n = 1 + world_random(w, 3);
    world_note(w, "the next %u starts %s", n, unknown ? "are not answered for" : "fail");
    fake_fail_starts(w->fake, NULL, n, unknown ? RUNTIME_UNKNOWN : RUNTIME_FAILED);
}

static void daemon_away(struct world *w)
{
    world_note(w, "the runtime goes away");
    fake_set_down(w->fake, true);
    world_run_ms(w, 100 + world_random(w, 1500));
    fake_set_down(w->fake, false);
    w->disturbed_ns = world_now(w);
    world_note(w, "the runtime is back");
}

static void kill_core(struct world *w)
{
    world_kill(w);
    loop_sim_advance(w->loop, LOOP_MS(20 + world_random(w, 2000)));
    world_boot(w);
}

static void crash_disk(struct world *w)
{
    world_crash_on_disk(w, 1 + world_random(w, 40));
    loop_sim_advance(w->loop, LOOP_MS(world_random(w, 500)));
    world_boot(w);
}

/* ---- the wire ---- */

static void lose_events(struct world *w)
{
    unsigned ms = 500 + world_random(w, 4000);
    world_note(w, "half of the events are lost for %u ms", ms);
    wire_lose(w->wire, ms);
}

static void repeat_events(struct world *w)
{
    unsigned ms = 500 + world_random(w, 4000);
    world_note(w, "half of the events come twice for %u ms", ms);
    wire_repeat(w->wire, ms);
}

static void slow_creates(struct world *w)
{
    unsigned ms = 500 + world_random(w, 4000);
    world_note(w, "a third of the creates take their time for %u ms", ms);
    wire_slow(w->wire, ms);
    w->disturbed_ns = world_now(w) + LOOP_MS(ms) + LOOP_S(3);
}

/* ---- hosts ---- */

/* Mostly one of the first: of the others little is known to be there. */
static struct sim_host *random_host(struct world *w)
{
    struct sim_host *h = &w->hosts[world_random(w, HOSTS)];
    return h->there ? h : &w->hosts[world_random(w, WORKERS)];
}

static void set_host(struct world *w, const struct sim_host *h, const char *field,
                     const char *value)
{
    char what[96];
    char path[96];
    char body[96];
    snprintf(what, sizeof(what), "%s: %s %s", h->name, field, value);
    snprintf(path, sizeof(path), "/apis/podlab.dev/v1/hosts/%s", h->name);
    snprintf(body, sizeof(body), "{\"spec\":{\"%s\":\"%s\"}}", field, value);
    world_ask(w, &(struct wish){
                     .what = what, .method = "PATCH", .path = path, .type = merge, .body = body});
}

static void set_power(struct world *w, struct sim_host *h, const char *power)
{
    world_host_fails(w, h);
    h->off = strcmp(power, "Off") == 0;
    h->paused = strcmp(power, "Paused") == 0;
    set_host(w, h, "power", power);
}

static void set_network(struct world *w, struct sim_host *h, bool cut)
{
    world_host_fails(w, h);
    h->cut = cut;
    set_host(w, h, "network", cut ? "Partitioned" : "Connected");
}

static void switch_host(struct world *w)
{
    struct sim_host *h = random_host(w);
    bool on = (h->off || h->paused) && world_random(w, 4) > 0;
    set_power(w, h, on ? "On" : world_random(w, 3) == 0 ? "Paused" : "Off");
}

static void cut_host(struct world *w)
{
    struct sim_host *h = random_host(w);
    set_network(w, h, !h->cut);
}

/* One more machine, or one less. */
static void come_or_go(struct world *w)
{
    struct sim_host *h = &w->hosts[WORKERS + world_random(w, HOSTS - WORKERS)];
    char what[96];
    char path[96];
    char body[128];
    world_host_fails(w, h);
    snprintf(what, sizeof(what), "%s %s", h->there ? "remove" : "add", h->name);
    snprintf(path, sizeof(path), "/apis/podlab.dev/v1/hosts%s%s", h->there ? "/" : "",
             h->there ? h->name : "");
    snprintf(body, sizeof(body),
             "{\"apiVersion\":\"podlab.dev/v1\",\"kind\":\"Host\",\"metadata\":{\"name\":\"%s\"}}",
             h->name);
    world_ask(w, &(struct wish){.what = what,
                                .method = h->there ? "DELETE" : "POST",
                                .path = path,
                                .body = h->there ? "{}" : body});
    h->removed += h->there;
    h->there = !h->there;
    h->off = h->paused = h->cut = false;
}

/* Off and on again before anybody believes it. */
static void blink(struct world *w)
{
    struct sim_host *h = random_host(w);
    set_power(w, h, "Off");
    world_run_ms(w, world_random(w, 400));
    if (w->broken.len == 0) {
        set_power(w, h, "On");
    }
}

/* As docker kill does it. */
static void kill_guest(struct world *w)
{
    struct sim_host *h = random_host(w);
    struct choice c = {.w = w, .role = RUNTIME_HOST, .host = h->name};
    fake_each(w->fake, consider, &c);
    if (c.name[0] != '\0') {
        world_note(w, "somebody kills the container of %s", h->name);
        w->lost_guest = w->lost_guest || wire_loses(w->wire);
        world_host_fails(w, h);
        h->off = true;
        fake_kill(w->fake, c.name, 137, false);
    }
}

/* The plug is pulled, and nothing else happens for as long as the clock says. */
static void pull_the_plug(struct world *w)
{
    struct sim_host *h = random_host(w);
    set_power(w, h, "Off");
    world_run_ms(w, 6000);
    if (w->broken.len == 0 && h->off) {
        world_check_replaced(w, h);
    }
}

/* ---- nodes ---- */

static void ask_node(struct world *w, const char *node, const char *what, const char *method,
                     const char *body)
{
    cleanup_free char *words = xasprintf("%s node %s", what, node);
    cleanup_free char *path = xasprintf("/api/v1/nodes/%s", node);
    world_ask(w, &(struct wish){
                     .what = words, .method = method, .path = path, .type = merge, .body = body});
}

static void cordon(struct world *w)
{
    bool off = world_random(w, 2) == 0;
    ask_node(w, random_host(w)->name, off ? "uncordon" : "cordon", "PATCH",
             off ? "{\"spec\":{\"unschedulable\":null}}" : "{\"spec\":{\"unschedulable\":true}}");
}

static void delete_node(struct world *w)
{
    cleanup_free char *path = xasprintf("/api/v1/nodes/%s", random_host(w)->name);
    world_ask(w, &(struct wish){.what = "delete a node", .method = "DELETE", .path = path});
}

/* ---- clocks, lids ---- */

static void set_clock(struct world *w, const char *preset, const char *grace)
{
    char what[96];
    char body[256];
    struct clock_promise p = {0};
    str_copy(p.preset, sizeof(p.preset), preset);
    str_copy(p.grace, sizeof(p.grace), grace);
    snprintf(what, sizeof(what), "clock %s %s", preset, grace);
    snprintf(body, sizeof(body), "{\"spec\":{\"preset\":\"%s\",\"grace\":%s%s%s}}", preset,
             grace[0] != '\0' ? "\"" : "", grace[0] != '\0' ? grace : "null",
             grace[0] != '\0' ? "\"" : "");
    world_ask(w, &(struct wish){.what = what,
                                .method = "PATCH",
                                .path = "/apis/podlab.dev/v1/clocks/cluster",
                                .type = merge,
                                .body = body,
                                .clock = &p});
}

static void change_clock(struct world *w)
{
    static const struct {
        const char *preset, *grace;
    } clocks[] = {{"lab", ""},   {"lab", ""},      {"lab", "20s"},     {"lab", "5s"},
                  {"swarm", ""}, {"swarm", "10s"}, {"kubernetes", ""}, {"mesos", ""}};
    unsigned i = world_random(w, ARRAY_LEN(clocks));
    set_clock(w, clocks[i].preset, clocks[i].grace);
}

static void close_lid(struct world *w)
{
    unsigned s = 1 + world_random(w, world_random(w, 3) == 0 ? 7200 : 20);
    world_note(w, "the lid is closed for %u s", s);
    w->calm_ns = world_now(w) + LOOP_S(s);
    w->disturbed_ns = w->calm_ns;
    loop_sim_gap(w->loop, LOOP_S(s));
}

void world_fault(struct world *w)
{
    static const struct {
        unsigned weight;
        void (*act)(struct world *w);
    } acts[] = {
        {8, crash_container}, {4, fail_starts},   {2, daemon_away},   {4, kill_core},
        {4, crash_disk},      {3, lose_events},   {3, repeat_events}, {3, slow_creates},
        {10, switch_host},    {4, cut_host},      {3, blink},         {2, kill_guest},
        {3, come_or_go},      {2, pull_the_plug}, {3, cordon},        {2, delete_node},
        {4, change_clock},    {4, close_lid},
    };
    unsigned total = 0;
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        total += acts[i].weight;
    }
    unsigned pick = world_random(w, total);
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        if (pick < acts[i].weight) {
            acts[i].act(w);
            return;
        }
        pick -= acts[i].weight;
    }
}

/* The user looks what there is: an answer may have been lost. */
static void take_stock(struct world *w)
{
    struct err err;
    for (size_t i = WORKERS; i < HOSTS; i++) {
        const json_t *host =
            client_get(w->eyes, kinds_find_gr("hosts.podlab.dev"), NULL, w->hosts[i].name, &err);
        w->hosts[i].there = host != NULL && !object_deleting(host);
    }
}

static void heal_host(struct world *w, struct sim_host *h)
{
    set_power(w, h, h == w->dark ? "Off" : "On");
    set_network(w, h, false);
    ask_node(w, h->name, "uncordon", "PATCH", "{\"spec\":{\"unschedulable\":null}}");
}

void world_heal(struct world *w)
{
    world_note(w, "nothing more goes wrong");
    fake_fail_no_more(w->fake);
    wire_calm(w->wire);
    world_run_ms(w, 3000); /* a host that was killed wants to be off first */
    if (w->lost_guest) {
        world_rest_ms(w, 62000); /* ... which nobody may have noticed yet */
    }
    if (w->broken.len > 0) {
        return;
    }
    world_check_clock(w);
    set_clock(w, "lab", "");
    take_stock(w);
    w->dark = world_random(w, 3) == 0 ? &w->hosts[world_random(w, WORKERS)] : NULL;
    for (size_t i = 0; i < HOSTS; i++) {
        if (w->hosts[i].there) {
            heal_host(w, &w->hosts[i]);
        }
    }
    world_run_ms(w, 5000);
    for (int i = 0; i < 3 && w->broken.len == 0; i++) { /* ... but this, which no event tells */
        wire_lose(w->wire, 1000);
        crash_container(w);
        world_run_ms(w, 300);
    }
    wire_calm(w->wire);
}
