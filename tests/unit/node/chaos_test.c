/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded histories of everything that can happen to hosts and pods. At every moment no name was
 * started twice and no container runs twice; in the end everything is as the objects say. */
#include "fixture.h"

#include <stdlib.h>

enum { SEEDS = 60, STEPS = 80, PODS = 12 };

struct history {
    struct fixture f;
    uint64_t rng;
    bool on[3], down, alive;
    int made;
    int64_t restarts; /* lives of mini-cluster */
    struct str log;
    struct map *by_hand; /* names removed behind our back: these may be used again */
};

static unsigned roll(struct history *h, unsigned n)
{
    h->rng = h->rng * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(h->rng >> 33) % n;
}

static void on_done(void *arg, enum runtime_result result, const struct runtime_status *st,
                    const struct err *err)
{
    (void)arg, (void)result, (void)st, (void)err;
}

/* ---- what happens ---- */

static const char *const specs[] = {
    WEB,
    "{'containers':[{'name':'x','image':'podlab/web:v1'},{'name':'y','image':'podlab/web:v2'}]}",
    "{'initContainers':[{'name':'i','image':'podlab/web:v1','args':['exit=0','after=7']}],"
    "'containers':[{'name':'x','image':'podlab/web:v1'}]}",
    "{'initContainers':[{'name':'s','image':'podlab/web:v1','restartPolicy':'Always'}],"
    "'containers':[{'name':'x','image':'podlab/web:v1','readinessProbe':{'httpGet':{'port':8080}}}"
    "]}",
    "{'volumes':[{'name':'e','emptyDir':{}}],'terminationGracePeriodSeconds':1,"
    "'containers':[{'name':'x','image':'podlab/web:v1','volumeMounts':[{'name':'e',"
    "'mountPath':'/e'}]}]}",
};

static void random_pod(struct history *h)
{
    char name[32];
    if (client_count(h->f.client, pods_kind(), NULL) >= PODS) {
        return;
    }
    snprintf(name, sizeof(name), "p%d", ++h->made);
    create_pod(&h->f, name, node_names[roll(h, 3)], specs[roll(h, ARRAY_LEN(specs))]);
}

struct choice {
    struct history *h;
    unsigned left;
    char name[64];
};

static bool choose(void *arg, const json_t *obj)
{
    struct choice *c = arg;
    snprintf(c->name, sizeof(c->name), "%s", object_name(obj));
    return c->left-- > 0;
}

static void random_deletion(struct history *h)
{
    size_t n = client_count(h->f.client, pods_kind(), NULL);
    if (n > 0) {
        struct choice c = {h, roll(h, (unsigned)n), ""};
        client_each(h->f.client, pods_kind(), NULL, choose, &c);
        delete_pod(&h->f, c.name, roll(h, 3) == 0 ? 0 : -1);
    }
}

struct victims {
    char names[256][128];
    unsigned n;
};

static void list_running(void *arg, const struct runtime_status *st)
{
    struct victims *v = arg;
    if (st->state == RUNTIME_RUNNING && v->n < 256) {
        snprintf(v->names[v->n++], 128, "%s", st->name);
    }
}

static void random_kill(struct history *h)
{
    struct victims *v = xnew(struct victims);
    fake_each(h->f.fake, list_running, v);
    if (v->n > 0) {
        const char *name = v->names[roll(h, v->n)];
        if (h->down || roll(h, 3) > 0) {
            fake_kill(h->f.fake, name, (int)roll(h, 3), roll(h, 8) == 0);
        } else { /* removed by hand, behind our back */
            struct runtime rt;
            fake_runtime(h->f.fake, &rt);
            rt.ops->remove(rt.self, name, on_done, NULL);
            rt.ops->free(rt.self);
            map_put(h->by_hand, name, h);
        }
    }
    free(v);
}

static void switch_all_on(struct history *h)
{
    for (int i = 0; i < 3; i++) { /* begin_life has switched all on */
        if (!h->on[i]) {
            nodes_power_off(h->f.nodes, node_names[i]);
        }
    }
}

static void random_death(struct history *h)
{
    end_life(&h->f);
    if (roll(h, 2) == 0) { /* the machine goes on meanwhile */
        loop_sim_advance(h->f.loop, LOOP_MS(roll(h, 20)));
    }
    begin_life(&h->f);
    h->restarts++;
    switch_all_on(h);
}

static void clear_host(void *arg, const struct runtime_status *st)
{
    struct victims *v = arg;
    if (v->n < 256) {
        snprintf(v->names[v->n++], 128, "%s", st->host);
        snprintf(v->names[v->n++], 128, "%s", st->name);
    }
}

/* As the hosts room does it: everything on the host is removed. */
static void clean(struct history *h, int i)
{
    struct victims *v = xnew(struct victims);
    struct runtime rt;
    fake_runtime(h->f.fake, &rt);
    fake_each(h->f.fake, clear_host, v);
    for (unsigned k = 0; k < v->n; k += 2) {
        if (strcmp(v->names[k], node_names[i]) == 0) {
            rt.ops->remove(rt.self, v->names[k + 1], on_done, NULL);
        }
    }
    rt.ops->free(rt.self);
    free(v);
}

static void random_power(struct history *h)
{
    int i = (int)roll(h, 3);
    if (h->down) {
        return;
    }
    if (h->on[i]) {
        nodes_power_off(h->f.nodes, node_names[i]);
        h->f.cut_us[i] = 0;
        h->f.frozen[i] = false;
        clean(h, i);
    } else {
        h->f.epoch[i]++;
        power_on(&h->f, i);
    }
    h->on[i] = !h->on[i];
}

static void random_cut(struct history *h)
{
    int i = (int)roll(h, 3);
    if (h->on[i]) {
        bool cut = h->f.cut_us[i] == 0;
        h->f.cut_us[i] = cut ? loop_wall_us(h->f.loop) : 0;
        nodes_cut(h->f.nodes, node_names[i], cut);
    }
}

static void random_freeze(struct history *h)
{
    int i = (int)roll(h, 3);
    if (h->on[i]) {
        h->f.frozen[i] = !h->f.frozen[i];
        nodes_freeze(h->f.nodes, node_names[i], h->f.frozen[i]);
    }
}

static void set_down(struct history *h, bool down)
{
    h->down = down;
    fake_set_down(h->f.fake, down);
    if (!down) {
        h->f.rt.ops->recover(h->f.rt.self, on_recovered, &h->f);
    }
}

static void happen(struct history *h)
{
    unsigned what = roll(h, 20);
    str_add_f(&h->log, "%u ", what);
    if (getenv("CHAOS_SEED") != NULL) {
        printf("%8.3f step %u\n", (double)loop_mono_ns(h->f.loop) / 1e6, what);
    }
    if (what < 6) {
        random_pod(h);
    } else if (what < 9) {
        random_deletion(h);
    } else if (what < 12) {
        random_kill(h);
    } else if (what < 14) {
        random_death(h);
    } else if (what < 16) {
        random_power(h);
    } else if (what == 16) {
        (roll(h, 2) == 0 ? random_cut : random_freeze)(h);
    } else if (what == 17) {
        set_down(h, !h->down);
    } else {
        fake_fail_starts(h->f.fake, NULL, 1, what == 18 ? RUNTIME_UNKNOWN : RUNTIME_FAILED);
    }
}

/* ---- what must be true ---- */

struct check {
    struct history *h;
    struct map *alive;
    bool bad;
    int running;
};

static void check_one(void *arg, const struct runtime_status *st)
{
    struct check *c = arg;
    char who[320];
    if (fake_starts(c->h->f.fake, st->name) > 1 && map_find(c->h->by_hand, st->name) == NULL) {
        printf("%s was started twice\n", st->name);
        c->bad = true;
    }
    if (st->state != RUNTIME_RUNNING) {
        return;
    }
    c->running++;
    snprintf(who, sizeof(who), "%s %s of epoch %d", label(st, "dev.podlab.pod-uid"),
             label(st, "dev.podlab.container"), (int)st->epoch);
    if (map_find(c->alive, who) != NULL) {
        printf("%s %s runs twice\n", label(st, "dev.podlab.pod"), who);
        c->bad = true;
    }
    map_put(c->alive, who, c);
}

static int check_now(struct history *h, uint64_t seed)
{
    struct check c = {.h = h, .alive = map_new(NULL)};
    fake_each(h->f.fake, check_one, &c);
    map_free(c.alive);
    if (c.bad) {
        fail_msg("seed %d after: %s", (int)seed, str_c(&h->log));
    }
    return c.running;
}

struct ending {
    struct history *h;
    struct map *addresses;
    int containers;
    uint64_t seed;
};

static bool check_pod(void *arg, const json_t *obj)
{
    struct ending *e = arg;
    const char *ip = jx_str(obj, "status.podIP", "");
    if (!object_pod_ready(obj) || ip[0] == '\0' || map_find(e->addresses, ip) != NULL) {
        cleanup_free char *text = jx_dump_pretty(obj);
        fail_msg("seed %d after %s: not as it should be:\n%s", (int)e->seed, str_c(&e->h->log),
                 text);
    }
    map_put(e->addresses, ip, e);
    e->containers += 1 + (int)jx_len(obj, "status.containerStatuses");
    const json_t *init = jx_arr(obj, "spec.initContainers");
    e->containers += jx_get(json_array_get(init, 0), "restartPolicy") != NULL;
    return true;
}

static bool count_record(void *arg, const char *key, const json_t *value)
{
    (void)key, (void)value;
    ++*(int *)arg;
    return true;
}

/* Everything is switched on and connected, and time passes. */
static void settle(struct history *h, uint64_t seed)
{
    int records = 0;
    set_down(h, false);
    for (int i = 0; i < 3; i++) {
        if (!h->on[i]) {
            h->f.epoch[i]++;
            power_on(&h->f, i);
        }
        nodes_freeze(h->f.nodes, node_names[i], false);
        nodes_cut(h->f.nodes, node_names[i], false);
    }
    run_ms(&h->f, 90000);
    struct ending e = {h, map_new(NULL), 0, seed};
    client_each(h->f.client, pods_kind(), NULL, check_pod, &e);
    map_free(e.addresses);
    client_record_each(h->f.client, "node.pods", count_record, &records);
    int running = check_now(h, seed);
    size_t pods = client_count(h->f.client, pods_kind(), NULL);
    if (running != e.containers || records != (int)pods) {
        fail_msg("seed %d after %s: %d run instead of %d; %d records of %d pods", (int)seed,
                 str_c(&h->log), running, e.containers, records, (int)pods);
    }
}

static void print_event(void *arg, const struct runtime_event *ev)
{
    struct history *h = arg;
    printf("%8.3f %s %s %d\n", (double)loop_mono_ns(h->f.loop) / 1e6, ev->name, ev->why,
           ev->exit_code);
}

static void test_histories(void **state)
{
    (void)state;
    const char *only = getenv("CHAOS_SEED");
    uint64_t first = only != NULL ? (uint64_t)atoi(only) : 1;
    uint64_t last = only != NULL                    ? first
                    : getenv("CHAOS_SEEDS") != NULL ? (uint64_t)atoi(getenv("CHAOS_SEEDS"))
                                                    : SEEDS;
    for (uint64_t seed = first; seed <= last; seed++) {
        struct history h = {.rng = seed * 7919, .on = {true, true, true}, .by_hand = map_new(NULL)};
        set_up_with(&h.f, &(struct fake_opts){.start_ns = LOOP_MS(3), .jitter = true});
        fake_set_probe(h.f.fake, "podlab/web:v1", 200);
        struct runtime witness;
        fake_runtime(h.f.fake, &witness);
        if (only != NULL) {
            witness.ops->subscribe(witness.self, print_event, &h);
        }
        for (int i = 0; i < STEPS; i++) {
            happen(&h);
            if (roll(&h, 3) == 0) {
                loop_sim_tick(h.f.loop);
            } else {
                loop_sim_advance(h.f.loop, LOOP_MS(roll(&h, 12)));
            }
            check_now(&h, seed);
        }
        settle(&h, seed);
        witness.ops->free(witness.self);
        tear_down(&h.f);
        str_fini(&h.log);
        map_free(h.by_hand);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
