/* SPDX-License-Identifier: Apache-2.0 */
/* Histories of wishes, hands, deaths of ours and of the daemon: at the end everything is as the
 * objects ask, and on the way no epoch comes twice. CHAOS_SEED=n shows one, CHAOS_SEEDS=n makes
 * more. */
#include "fixture.h"

#include <stdlib.h>

enum { SEEDS = 150, STEPS = 60, MACHINES = 4 };

static const char *const machines[MACHINES] = {"control-plane", "worker-1", "worker-2", "extra"};

struct history {
    struct fixture f;
    uint64_t rng;
    bool down, loud;
    int64_t epochs[MACHINES]; /* the highest that was seen */
    int apps;
};

static unsigned roll(struct history *h, unsigned n)
{
    h->rng = h->rng * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(h->rng >> 33) % n;
}

/* ---- what happens ---- */

static void patch(struct history *h, const char *name, const char *field, const char *value)
{
    struct err err;
    if (host(&h->f, name) != NULL && !object_deleting(host(&h->f, name)) &&
        client_patch(h->f.client, kind(), NULL, name, NULL,
                     json_pack("{s:{s:s}}", "spec", field, value), NULL, &err) < 0) {
        fail_msg("patch %s: %s", name, err.msg);
    }
}

static void random_wish(struct history *h)
{
    static const char *const powers[] = {"On", "Off", "Paused", "On"};
    static const char *const networks[] = {"Connected", "Partitioned"};
    const char *name = machines[roll(h, MACHINES)];
    if (roll(h, 2) == 0) {
        patch(h, name, "power", powers[roll(h, ARRAY_LEN(powers))]);
    } else {
        patch(h, name, "network", networks[roll(h, ARRAY_LEN(networks))]);
    }
}

struct victims {
    char names[64][128];
    unsigned n;
};

static void list_guests(void *arg, const struct runtime_status *st)
{
    struct victims *v = arg;
    if ((st->role == RUNTIME_HOST || st->role == RUNTIME_SERVICES) && v->n < 64) {
        snprintf(v->names[v->n++], 128, "%s", st->name);
    }
}

static void random_hand(struct history *h)
{
    struct victims v = {.n = 0};
    fake_each(h->f.fake, list_guests, &v);
    if (v.n == 0) {
        return;
    }
    const char *name = v.names[roll(h, v.n)];
    switch (roll(h, 6)) {
    case 0:
        fake_kill(h->f.fake, name, roll(h, 2) == 0 ? 137 : 0, false);
        break;
    case 1:
        fake_start(h->f.fake, name);
        break;
    case 2: /* docker restart */
        fake_kill(h->f.fake, name, 0, false);
        fake_start(h->f.fake, name);
        break;
    case 3:
        fake_pause(h->f.fake, name, roll(h, 2) == 0);
        break;
    default:
        fake_connect(h->f.fake, name, roll(h, 2) == 0);
        break;
    }
}

static void random_app(struct history *h)
{
    char name[32];
    char address[32];
    snprintf(name, sizeof(name), "app-%d", ++h->apps);
    snprintf(address, sizeof(address), "10.77.%d.%d", 1 + h->apps / 250, 1 + h->apps % 250);
    struct runtime_spec spec = {.name = name,
                                .role = RUNTIME_SANDBOX,
                                .host = machines[1 + roll(h, MACHINES - 1)],
                                .hash = "h",
                                .address = address};
    static bool ok;
    h->f.rt.ops->ensure(h->f.rt.self, &spec, 1, nothing_more, &ok);
}

static void random_machine(struct history *h)
{
    struct err err;
    const json_t *obj = host(&h->f, "extra");
    if (obj != NULL && roll(h, 3) == 0) {
        json_t *none = json_pack("{s:{s:n}}", "metadata", "finalizers");
        if (client_patch(h->f.client, kind(), NULL, "extra", NULL, none, NULL, &err) < 0) {
            fail_msg("%s", err.msg);
        }
    }
    if (host(&h->f, "extra") != NULL) {
        (void)!client_delete(h->f.client, kind(), NULL, "extra", NULL, &err);
        return;
    }
    json_t *made = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "podlab.dev/v1", "kind", "Host",
                             "metadata", "name", "extra");
    if (client_create(h->f.client, kind(), NULL, made, NULL, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static void random_death(struct history *h)
{
    end_life(&h->f);
    if (roll(h, 2) == 0) { /* the machine goes on meanwhile */
        loop_sim_advance(h->f.loop, LOOP_MS(roll(h, 20)));
    }
    begin_life(&h->f);
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
    if (h->loud) {
        printf("%8.3f step %u\n", (double)loop_mono_ns(h->f.loop) / 1e6, what);
    }
    if (what < 7) {
        random_wish(h);
    } else if (what < 11 && !h->down) {
        random_hand(h);
    } else if (what < 13) {
        random_app(h);
    } else if (what < 15) {
        random_death(h);
    } else if (what < 17) {
        random_machine(h);
    } else if (what == 17) {
        set_down(h, !h->down);
    } else {
        fake_fail_starts(h->f.fake, "podlab/guest:1", 1,
                         what == 18 ? RUNTIME_UNKNOWN : RUNTIME_FAILED);
    }
}

/* ---- what must be true ---- */

/* A machine that is told to be on has the highest epoch ever. */
static void check_epochs(struct history *h, uint64_t seed)
{
    for (int i = 0; i < MACHINES; i++) {
        int64_t on = (int64_t)(uintptr_t)map_find(h->f.on, machines[i]);
        if (on != 0 && on < h->epochs[i]) {
            fail_msg("seed %d: %s is on in epoch %d after %d", (int)seed, machines[i], (int)on,
                     (int)h->epochs[i]);
        }
        h->epochs[i] = on > h->epochs[i] ? on : h->epochs[i];
    }
}

static void list_containers(void *arg, const struct runtime_status *st)
{
    (void)arg;
    printf("  %-12s %-14s state %d cut %d epoch %d %s\n", runtime_role_name(st->role), st->host,
           (int)st->state, st->cut, (int)st->epoch, st->name);
}

static void fail_with(struct history *h, uint64_t seed, const char *name, const char *what)
{
    cleanup_free char *obj = host(&h->f, name) != NULL ? jx_dump_pretty(host(&h->f, name)) : NULL;
    const struct hosts_machine *m = map_find(h->f.machines, name);
    fake_each(h->f.fake, list_containers, NULL);
    printf("on %d, guest %s, told: epoch %d paused %d cut %d\n", map_find(h->f.on, name) != NULL,
           map_find(h->f.guests, name) != NULL ? (char *)map_find(h->f.guests, name) : "none",
           m != NULL ? (int)m->epoch : -1, m != NULL && m->paused, m != NULL && m->cut_us != 0);
    fail_msg("seed %d: %s %s\n%s", (int)seed, name, what, obj != NULL ? obj : "no object");
}

struct found {
    const char *name;
    int running, others;
};

static void look(void *arg, const struct runtime_status *st)
{
    struct found *v = arg;
    bool mine = strcmp(st->host, v->name) == 0 ||
                (st->role == RUNTIME_SERVICES && strcmp(v->name, "control-plane") == 0);
    bool good = st->state == RUNTIME_RUNNING && !st->cut;
    v->running += mine && good && st->role != RUNTIME_SANDBOX;
    v->others += mine && !good && st->state != RUNTIME_CREATED; /* a life of ours left that */
}

static void check_machine(struct history *h, uint64_t seed, const char *name)
{
    struct found v = {.name = name};
    const struct hosts_machine *m = map_find(h->f.machines, name);
    fake_each(h->f.fake, look, &v);
    if (host(&h->f, name) == NULL) {
        if (v.running + v.others > 0 || map_find(h->f.on, name) != NULL) {
            fail_with(h, seed, name, "is gone and has containers");
        }
        return;
    }
    const char *power = jx_str(host(&h->f, name), "status.power", "");
    const char *network = jx_str(host(&h->f, name), "status.network", "");
    if (strcmp(power, "On") != 0 || strcmp(network, "Connected") != 0 || v.running != 1 ||
        v.others != 0 || map_find(h->f.guests, name) == NULL || m == NULL || m->paused ||
        m->cut_us != 0 || (int64_t)m->epoch != epoch(&h->f, name)) {
        fail_with(h, seed, name, "is not as it should be");
    }
}

/* Everything is asked to be on, and time passes. */
static void settle(struct history *h, uint64_t seed)
{
    fake_fail_no_more(h->f.fake);
    set_down(h, false);
    run_ms(&h->f, 15000); /* verdicts, and wishes by hand, are over */
    for (int i = 0; i < MACHINES; i++) {
        patch(h, machines[i], "power", "On");
        patch(h, machines[i], "network", "Connected");
    }
    run_ms(&h->f, 60000);
    for (int i = 0; i < MACHINES; i++) {
        check_machine(h, seed, machines[i]);
    }
}

static void print_event(void *arg, const struct runtime_event *ev)
{
    struct history *h = arg;
    printf("%8.3f %s %s\n", (double)loop_mono_ns(h->f.loop) / 1e6,
           ev->name != NULL ? ev->name : "-", ev->why != NULL ? ev->why : "-");
}

static void run_history(uint64_t seed, bool loud)
{
    struct history h = {.rng = seed * 7919, .loud = loud};
    struct runtime witness;
    set_up_with(&h.f, &(struct fake_opts){.start_ns = LOOP_MS(3), .jitter = true});
    fake_runtime(h.f.fake, &witness);
    if (loud) {
        witness.ops->subscribe(witness.self, print_event, &h);
    }
    for (int i = 0; i < STEPS; i++) {
        happen(&h);
        if (roll(&h, 3) == 0) {
            loop_sim_tick(h.f.loop);
        } else {
            loop_sim_advance(h.f.loop, LOOP_MS(roll(&h, roll(&h, 8) == 0 ? 8000 : 12)));
        }
        check_epochs(&h, seed);
    }
    settle(&h, seed);
    witness.ops->free(witness.self);
    tear_down(&h.f);
}

static void test_histories(void **state)
{
    (void)state;
    const char *only = getenv("CHAOS_SEED");
    const char *many = getenv("CHAOS_SEEDS");
    uint64_t first = only != NULL ? (uint64_t)atoi(only) : 1;
    uint64_t last = only != NULL ? first : many != NULL ? (uint64_t)atoi(many) : SEEDS;
    for (uint64_t seed = first; seed <= last; seed++) {
        run_history(seed, only != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
