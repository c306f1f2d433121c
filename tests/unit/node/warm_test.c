/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes made ahead: when there are some, which pods get them, and that nothing is ever made
 * twice, lost or left over, whenever we are killed. The test plays the controller. */
#include "fixture.h"

#include "client/pod_names.h"
#include "client/spares.h"
#include "runtime/names.h"

#define GIB ((int64_t)1 << 30)

static int64_t memory;

static int64_t memory_left(void)
{
    return memory;
}

/* ---- ReplicaSets and their pods ---- */

static const struct kind *sets(void)
{
    return kinds_find_gr("replicasets.apps");
}

static const json_t *set(struct fixture *f, const char *name)
{
    struct err err;
    return client_get(f->client, sets(), "default", name, &err);
}

/* As its controller says when all of its pods are ready. */
static void say_ready(struct fixture *f, const char *name)
{
    struct err err;
    json_t *s = jx_edit(set(f, name));
    int64_t n = jx_int(s, "spec.replicas", 0);
    jx_put_int(s, "status.replicas", n);
    jx_put_int(s, "status.readyReplicas", n);
    jx_put_int(s, "status.observedGeneration", object_generation(s));
    assert_int_equal(client_update_status(f->client, sets(), s, NULL, &err), 0);
}

static void make_set(struct fixture *f, const char *name, int replicas, const char *spec)
{
    create(f, "replicasets.apps", "default",
           json_pack("{s:s, s:s, s:{s:s}, s:{s:i, s:{s:{s:s}}, s:{s:{s:{s:s}}, s:o}}}",
                     "apiVersion", "apps/v1", "kind", "ReplicaSet", "metadata", "name", name,
                     "spec", "replicas", replicas, "selector", "matchLabels", "app", name,
                     "template", "metadata", "labels", "app", name, "spec", json_text(spec)));
    say_ready(f, name);
}

static void patch_set(struct fixture *f, const char *name, const char *patch)
{
    struct err err;
    assert_int_equal(
        client_patch(f->client, sets(), "default", name, NULL, json_text(patch), NULL, &err), 0);
    say_ready(f, name);
}

static const char *nth(struct fixture *f, const char *owner, uint64_t n)
{
    static char name[64];
    cleanup_free char *made = pod_names_format(set(f, owner), n);
    snprintf(name, sizeof(name), "%s", made);
    return name;
}

/* The nth pod of the set comes, on that node. */
static const char *come(struct fixture *f, const char *owner, uint64_t n, const char *node)
{
    const char *name = nth(f, owner, n);
    const json_t *s = set(f, owner);
    struct pod_names names;
    json_t *spec = jx_edit(jx_path(s, "spec.template.spec"));
    jx_put_str(spec, "nodeName", node);
    create(f, "pods", "default",
           json_pack("{s:s, s:s, s:{s:s, s:{s:s}, s:[o]}, s:o}", "apiVersion", "v1", "kind", "Pod",
                     "metadata", "name", name, "labels", "app", owner, "ownerReferences",
                     object_controller_ref(s, "apps/v1", "ReplicaSet"), "spec", spec));
    pod_names_load(f->client, object_uid(s), &names);
    pod_names_use(&names, n);
    pod_names_save(f->client, object_uid(s), &names);
    pod_names_fini(&names);
    return name;
}

/* ---- what there is ---- */

struct found {
    int spares, on[3];
    uint64_t epoch;
    char id[72], name[RUNTIME_NAME_SIZE]; /* of the last one */
    const char *pod;                      /* look for the sandbox of this pod instead */
    int sandboxes;
};

static void find_one(void *arg, const struct runtime_status *st)
{
    struct found *s = arg;
    char who[128] = "";
    if (s->pod != NULL) {
        snprintf(who, sizeof(who), "default/%s", s->pod);
    }
    bool spare = str_has_prefix(st->name, RUNTIME_SPARE_PREFIX);
    bool wanted = s->pod != NULL ? strcmp(label(st, "dev.podlab.pod"), who) == 0 : spare;
    if (st->role != RUNTIME_SANDBOX || !wanted) {
        return;
    }
    s->spares += spare;
    s->sandboxes++;
    s->epoch = st->epoch;
    for (int i = 0; i < 3; i++) {
        s->on[i] += strcmp(st->host, node_names[i]) == 0;
    }
    snprintf(s->id, sizeof(s->id), "%s", st->id);
    snprintf(s->name, sizeof(s->name), "%s", st->name);
}

static struct found find(struct fixture *f, const char *name)
{
    struct found s = {.pod = name};
    fake_each(f->fake, find_one, &s);
    return s;
}

static int spares(struct fixture *f)
{
    return find(f, NULL).spares;
}

static bool count_record(void *arg, const char *key, const json_t *value)
{
    (void)key, (void)value;
    ++*(int *)arg;
    return true;
}

static int records(struct fixture *f)
{
    int n = 0;
    client_record_each(f->client, spares_table, count_record, &n);
    return n;
}

static const char *host_of(struct fixture *f, const char *owner, uint64_t n)
{
    return spares_host(f->client, "default", nth(f, owner, n));
}

/* Everything is as it should be: so many spares, each on record, and nothing else without a pod. */
static void expect_spares(struct fixture *f, int n)
{
    assert_int_equal(spares(f), n);
    assert_int_equal(records(f), n);
    take_census(f, NULL);
}

static void set_up_warm(struct fixture *f, unsigned n)
{
    set_up(f);
    end_life(f);
    memory = 8 * GIB;
    f->spares = n;
    f->memory_left = memory_left;
    begin_life(f);
    run_ms(f, 100);
}

/* One set, and so many spares for it, on all hosts. */
static void set_up_spares(struct fixture *f, int n)
{
    set_up_warm(f, (unsigned)n);
    make_set(f, "web", 1, WEB);
    run_ms(f, 5000);
    expect_spares(f, n);
}

static void restart(struct fixture *f)
{
    end_life(f);
    begin_life(f);
    run_ms(f, 500);
}

/* ---- being made ---- */

static void test_they_are_made_when_the_machine_is_idle(void **state)
{
    struct fixture f;
    set_up_warm(&f, 6);
    make_set(&f, "web", 3, WEB);
    create_pod(&f, "busy", "worker-1", WEB);
    run_ms(&f, 900);
    assert_int_equal(spares(&f), 0);
    run_ms(&f, 3000);
    expect_spares(&f, 6);
    struct found all = find(&f, NULL);
    assert_true(all.on[0] == 2 && all.on[1] == 2 && all.on[2] == 2);
    for (uint64_t i = 0; i < 6; i++) {
        assert_non_null(host_of(&f, "web", i)); /* the next names, each once */
    }
    tear_down(&f);
}

static void test_nobody_counts_them_as_pods(void **state)
{
    struct fixture f;
    set_up_spares(&f, 4);
    assert_int_equal(client_count(f.client, pods_kind(), NULL), 0);
    tear_down(&f);
}

static void test_some_sets_want_none(void **state)
{
    static const char *const choosy[] = {
        "{'containers':[{'name':'web','image':'i'}],'nodeSelector':{'disk':'fast'}}",
        "{'containers':[{'name':'web','image':'i'}],'schedulerName':'mine'}",
        "{'containers':[{'name':'web','image':'i','ports':[{'containerPort':80,'hostPort':80}]}]}",
    };
    struct fixture f;
    set_up_warm(&f, 6);
    for (int i = 0; i < 3; i++) {
        char name[8] = {'s', (char)('0' + i), '\0'};
        make_set(&f, name, 1, choosy[i]);
    }
    make_set(&f, "none", 0, WEB);
    make_set(&f, "unready", 2, WEB);
    json_t *s = jx_edit(set(&f, "unready"));
    struct err err;
    jx_put_int(s, "status.readyReplicas", 1);
    assert_int_equal(client_update_status(f.client, sets(), s, NULL, &err), 0);
    run_ms(&f, 5000);
    expect_spares(&f, 0);
    say_ready(&f, "unready");
    run_ms(&f, 5000);
    expect_spares(&f, 6);
    tear_down(&f);
}

static void test_hosts_that_take_no_pods_get_none(void **state)
{
    struct fixture f;
    struct err err;
    set_up_warm(&f, 4);
    assert_int_equal(client_patch(f.client, kinds_find_gr("nodes"), NULL, "worker-1", NULL,
                                  json_text("{'spec':{'unschedulable':true}}"), NULL, &err),
                     0);
    assert_int_equal(
        client_patch(f.client, kinds_find_gr("nodes"), NULL, "worker-2", NULL,
                     json_text("{'spec':{'taints':[{'key':'k','effect':'NoExecute'}]}}"), NULL,
                     &err),
        0);
    make_set(&f, "web", 1, WEB);
    run_ms(&f, 5000);
    assert_int_equal(find(&f, NULL).on[2], 4);
    tear_down(&f);
}

static void test_sets_share(void **state)
{
    struct fixture f;
    set_up_spares(&f, 6);
    make_set(&f, "late", 1, WEB);
    run_ms(&f, 10000);
    expect_spares(&f, 6);
    assert_non_null(host_of(&f, "late", 0));
    assert_non_null(host_of(&f, "late", 1));
    assert_null(host_of(&f, "late", 2)); /* two are enough: the others are not taken away */
    assert_non_null(host_of(&f, "web", 3));
    tear_down(&f);
}

static void test_memory_bounds_them(void **state)
{
    struct fixture f;
    set_up_warm(&f, 24);
    memory = GIB;
    make_set(&f, "web", 1, WEB);
    run_ms(&f, 10000);
    expect_spares(&f, 8);
    memory = GIB - 1; /* short: none at all */
    run_ms(&f, 12000);
    expect_spares(&f, 0);
    memory = 3 * GIB / 2;
    run_ms(&f, 20000);
    expect_spares(&f, 12);
    tear_down(&f);
}

static void test_a_spare_that_dies_is_replaced(void **state)
{
    struct fixture f;
    set_up_spares(&f, 2);
    cleanup_free char *name = xstrdup(find(&f, NULL).name);
    assert_true(fake_kill(f.fake, name, 1, false));
    run_ms(&f, 5000);
    expect_spares(&f, 2);
    assert_string_not_equal(find(&f, NULL).name, name);
    tear_down(&f);
}

/* A runtime that makes none is left in peace for longer and longer. */
static void test_failures(void **state)
{
    struct fixture f;
    set_up_warm(&f, 2);
    fake_fail_starts(f.fake, NULL, 3, RUNTIME_FAILED);
    make_set(&f, "web", 1, WEB);
    run_ms(&f, 5000);
    expect_spares(&f, 0);
    run_ms(&f, 20000);
    expect_spares(&f, 2);
    fake_fail_starts(f.fake, NULL, 1, RUNTIME_UNKNOWN);
    come(&f, "web", 0, "worker-1"); /* that renaming */
    run_ms(&f, 10000);
    expect_spares(&f, 2);
    tear_down(&f);
}

/* ---- being used ---- */

static void test_a_pod_takes_its_spare_over(void **state)
{
    struct fixture f;
    set_up_spares(&f, 3);
    cleanup_free char *host = xstrdup(host_of(&f, "web", 1));
    struct found before = find(&f, nth(&f, "web", 1));
    cleanup_free char *name = xstrdup(come(&f, "web", 1, host));
    run_ms(&f, 100);
    struct found after = find(&f, name);
    assert_string_equal(phase(&f, name), "Running");
    assert_string_equal(before.id, after.id);
    assert_true(before.spares == 1 && after.spares == 0 && after.sandboxes == 1);
    assert_string_equal(jx_str(pod(&f, name), "status.podIP", ""), "10.77.1.2");
    assert_int_equal(records(&f), 2);
    assert_null(host_of(&f, "web", 1));
    run_ms(&f, 5000);
    expect_spares(&f, 3); /* another one is made */
    delete_pod(&f, name, 0);
    run_ms(&f, 1000);
    assert_int_equal(find(&f, name).sandboxes, 0);
    expect_spares(&f, 3);
    tear_down(&f);
}

static void test_a_pod_on_another_host_does_without(void **state)
{
    struct fixture f;
    set_up_spares(&f, 3);
    const char *other = strcmp(host_of(&f, "web", 0), "worker-1") == 0 ? "worker-2" : "worker-1";
    const char *name = come(&f, "web", 0, other);
    run_ms(&f, 200);
    assert_string_equal(phase(&f, name), "Running");
    assert_int_equal(find(&f, name).sandboxes, 2);
    run_ms(&f, 5000); /* nobody will ever want it */
    assert_int_equal(find(&f, name).sandboxes, 1);
    expect_spares(&f, 3);
    tear_down(&f);
}

static void test_what_it_is_made_with_must_be_the_same(void **state)
{
    struct fixture f;
    set_up_spares(&f, 2);
    cleanup_free char *host = xstrdup(host_of(&f, "web", 0));
    struct found before = find(&f, nth(&f, "web", 0));
    patch_set(
        &f, "web",
        "{'spec':{'template':{'spec':{'hostAliases':[{'ip':'1.2.3.4','hostnames':['x']}]}}}}");
    const char *name = come(&f, "web", 0, host);
    run_ms(&f, 1000);
    assert_string_equal(phase(&f, name), "Running");
    assert_string_not_equal(find(&f, name).id, before.id);
    run_ms(&f, 5000);
    expect_spares(&f, 2);
    tear_down(&f);
}

/* ---- no longer wanted ---- */

static void test_a_changed_template_makes_them_anew(void **state)
{
    struct fixture f;
    set_up_spares(&f, 2);
    cleanup_free char *id = xstrdup(find(&f, NULL).id);
    patch_set(&f, "web", "{'spec':{'template':{'spec':{'dnsPolicy':'Default'}}}}");
    run_ms(&f, 5000);
    expect_spares(&f, 2);
    assert_string_not_equal(find(&f, NULL).id, id);
    tear_down(&f);
}

static void test_they_go_with_their_set(void **state)
{
    struct fixture f;
    struct err err;
    set_up_spares(&f, 3);
    patch_set(&f, "web", "{'spec':{'replicas':0}}");
    run_ms(&f, 5000);
    expect_spares(&f, 0);
    patch_set(&f, "web", "{'spec':{'replicas':1}}");
    run_ms(&f, 5000);
    expect_spares(&f, 3);
    assert_int_equal(client_delete(f.client, sets(), "default", "web", NULL, &err), 0);
    run_ms(&f, 5000);
    expect_spares(&f, 0);
    tear_down(&f);
}

static void test_they_go_with_their_host(void **state)
{
    struct fixture f;
    set_up_spares(&f, 3);
    nodes_power_off(f.nodes, "worker-2");
    run_ms(&f, 100);
    assert_int_equal(find(&f, NULL).on[1], 0);
    run_ms(&f, 5000);
    expect_spares(&f, 3);
    f.epoch[1] = 2;
    power_on(&f, 1);
    nodes_power_off(f.nodes, "worker-1");
    nodes_power_off(f.nodes, "worker-3");
    run_ms(&f, 5000);
    struct found all = find(&f, NULL);
    assert_int_equal(all.on[1], 3);
    assert_int_equal(all.epoch, 2);
    expect_spares(&f, 3);
    tear_down(&f);
}

static void test_hosts_cut_off_or_frozen_have_none(void **state)
{
    struct fixture f;
    set_up_spares(&f, 3);
    nodes_cut(f.nodes, "worker-1", true);
    nodes_freeze(f.nodes, "worker-2", true);
    run_ms(&f, 100);
    assert_int_equal(find(&f, NULL).on[0] + find(&f, NULL).on[1], 0);
    run_ms(&f, 5000);
    assert_int_equal(find(&f, NULL).on[2], 3);
    nodes_cut(f.nodes, "worker-1", false);
    nodes_freeze(f.nodes, "worker-2", false);
    come(&f, "web", 0, host_of(&f, "web", 0));
    run_ms(&f, 5000);
    expect_spares(&f, 3);
    assert_int_equal(find(&f, NULL).on[2], 2);
    tear_down(&f);
}

/* ---- other lives ---- */

static void test_another_life_goes_on_with_them(void **state)
{
    struct fixture f;
    set_up_spares(&f, 3);
    struct found before = find(&f, nth(&f, "web", 2));
    restart(&f);
    expect_spares(&f, 3);
    const char *name = come(&f, "web", 2, host_of(&f, "web", 2));
    run_ms(&f, 100);
    assert_string_equal(find(&f, name).id, before.id);
    tear_down(&f);
}

static void test_what_died_meanwhile_is_no_spare(void **state)
{
    struct fixture f;
    set_up_spares(&f, 3);
    cleanup_free char *name = xstrdup(find(&f, NULL).name);
    end_life(&f);
    assert_true(fake_kill(f.fake, name, 1, false));
    f.epoch[0] = 2;
    begin_life(&f);
    run_ms(&f, 8000);
    expect_spares(&f, 3);
    assert_string_not_equal(find(&f, NULL).name, name);
    tear_down(&f);
}

static void test_a_life_without_them_sweeps(void **state)
{
    struct fixture f;
    set_up_spares(&f, 3);
    end_life(&f);
    f.spares = 0;
    begin_life(&f);
    run_ms(&f, 3000);
    expect_spares(&f, 0);
    tear_down(&f);
}

static void nothing(void *arg, enum runtime_result result, const struct runtime_status *st,
                    const struct err *err)
{
    (void)arg, (void)result, (void)st, (void)err;
}

/* Made by a life that was killed before it could remember, or after it had forgotten. */
static void test_strays_are_swept(void **state)
{
    static const char *const labels[] = {"dev.podlab.spare=7", "dev.podlab.pod=default/web-x",
                                         "dev.podlab.container=", NULL};
    struct fixture f;
    set_up_warm(&f, 3);
    struct runtime_spec spec = {.name = RUNTIME_SPARE_PREFIX "default-web-x-1",
                                .role = RUNTIME_SANDBOX,
                                .host = "worker-1",
                                .hash = "1",
                                .address = "10.77.9.9",
                                .labels = labels};
    struct runtime other;
    fake_runtime(f.fake, &other);
    other.ops->ensure(other.self, &spec, 1, nothing, NULL);
    other.ops->free(other.self);
    run_ms(&f, 2000);
    assert_int_equal(spares(&f), 0);
    spec.name = "podlab-default-web-x-0123"; /* taken over by a pod that is gone */
    fake_runtime(f.fake, &other);
    other.ops->ensure(other.self, &spec, 1, nothing, NULL);
    other.ops->free(other.self);
    run_ms(&f, 2000);
    assert_int_equal(find(&f, "web-x").sandboxes, 0);
    tear_down(&f);
}

/* ---- being killed in the middle ---- */

/* The pod runs in what was its spare, or in another sandbox, and there is no second one. */
static void expect_one_sandbox(struct fixture *f, const char *name, const char *id, bool same)
{
    wait_for(f, name, "status.phase", "Running", 10000);
    struct found s = find(f, name);
    assert_int_equal(s.sandboxes, 1);
    assert_int_equal(s.spares, 0);
    assert_true((strcmp(s.id, id) == 0) == same);
    run_ms(f, 8000);
    expect_spares(f, 2);
    assert_int_equal(find(f, name).sandboxes, 1);
}

struct crash {
    struct fixture f;
    char host[32], id[72], name[64];
};

static void set_up_crash(struct crash *c)
{
    set_up_spares(&c->f, 2);
    snprintf(c->host, sizeof(c->host), "%s", host_of(&c->f, "web", 0));
    snprintf(c->name, sizeof(c->name), "%s", nth(&c->f, "web", 0));
    snprintf(c->id, sizeof(c->id), "%s", find(&c->f, c->name).id);
}

static void test_killed_before_the_commit(void **state)
{
    struct crash c;
    set_up_crash(&c);
    come(&c.f, "web", 0, c.host);
    loop_sim_tick(c.f.loop); /* the pod is there */
    memvfs_crash_at(c.f.disk, memvfs_steps(c.f.disk) + 1);
    run_ms(&c.f, 50);
    assert_int_equal(find(&c.f, c.name).spares, 1); /* nothing happened to it */
    end_life(&c.f);
    memvfs_reboot(c.f.disk, 1, false);
    begin_life(&c.f);
    expect_one_sandbox(&c.f, c.name, c.id, true);
    tear_down(&c.f);
}

static void test_killed_between_commit_and_renaming(void **state)
{
    struct crash c;
    set_up_crash(&c);
    fake_set_down(c.f.fake, true);
    come(&c.f, "web", 0, c.host);
    run_ms(&c.f, 50);
    assert_int_equal(records(&c.f), 1); /* it is the pod's */
    assert_int_equal(find(&c.f, c.name).spares, 1);
    end_life(&c.f);
    fake_set_down(c.f.fake, false);
    begin_life(&c.f);
    expect_one_sandbox(&c.f, c.name, c.id, true);
    tear_down(&c.f);
}

static void test_killed_between_renaming_and_looking(void **state)
{
    struct crash c;
    set_up_crash(&c);
    fake_fail_starts(c.f.fake, NULL, 1, RUNTIME_UNKNOWN);
    come(&c.f, "web", 0, c.host);
    for (int i = 0; i < 1000 && find(&c.f, c.name).spares > 0; i++) {
        loop_sim_tick(c.f.loop);
    }
    assert_int_equal(find(&c.f, c.name).spares, 0);
    end_life(&c.f);
    begin_life(&c.f);
    expect_one_sandbox(&c.f, c.name, c.id, true);
    tear_down(&c.f);
}

static void test_an_unknown_renaming_is_repeated(void **state)
{
    struct crash c;
    set_up_crash(&c);
    fake_fail_starts(c.f.fake, NULL, 1, RUNTIME_UNKNOWN);
    come(&c.f, "web", 0, c.host);
    expect_one_sandbox(&c.f, c.name, c.id, true);
    tear_down(&c.f);
}

static void test_a_renaming_that_fails_makes_a_cold_start(void **state)
{
    struct crash c;
    set_up_crash(&c);
    fake_fail_starts(c.f.fake, NULL, 1, RUNTIME_FAILED);
    come(&c.f, "web", 0, c.host);
    expect_one_sandbox(&c.f, c.name, c.id, false);
    tear_down(&c.f);
}

static void test_a_spare_that_is_gone_makes_a_cold_start(void **state)
{
    struct crash c;
    struct runtime other;
    set_up_crash(&c);
    fake_set_down(c.f.fake, true);
    come(&c.f, "web", 0, c.host);
    run_ms(&c.f, 50);
    end_life(&c.f);
    fake_set_down(c.f.fake, false);
    fake_runtime(c.f.fake, &other);
    other.ops->remove(other.self, find(&c.f, c.name).name, nothing, NULL);
    other.ops->free(other.self);
    begin_life(&c.f);
    expect_one_sandbox(&c.f, c.name, c.id, false);
    tear_down(&c.f);
}

/* The host loses its power in between: what waited there is not used in its next life. */
static void test_an_epoch_that_ends_in_between(void **state)
{
    struct crash c;
    set_up_crash(&c);
    fake_set_down(c.f.fake, true);
    come(&c.f, "web", 0, c.host);
    run_ms(&c.f, 50);
    end_life(&c.f);
    fake_set_down(c.f.fake, false);
    for (int i = 0; i < 3; i++) {
        c.f.epoch[i] = 2;
    }
    begin_life(&c.f);
    expect_one_sandbox(&c.f, c.name, c.id, false);
    tear_down(&c.f);
}

static void test_a_pod_that_goes_before_the_renaming(void **state)
{
    struct crash c;
    set_up_crash(&c);
    fake_set_down(c.f.fake, true);
    come(&c.f, "web", 0, c.host);
    run_ms(&c.f, 50);
    delete_pod(&c.f, c.name, 0);
    run_ms(&c.f, 50);
    fake_set_down(c.f.fake, false);
    run_ms(&c.f, 8000);
    assert_int_equal(find(&c.f, c.name).sandboxes, 0);
    assert_string_equal(phase(&c.f, c.name), "gone");
    expect_spares(&c.f, 2);
    tear_down(&c.f);
}

static void test_a_commit_that_fails_leaves_it_a_spare(void **state)
{
    struct crash c;
    set_up_crash(&c);
    come(&c.f, "web", 0, c.host);
    loop_sim_tick(c.f.loop);
    memvfs_full(c.f.disk, true);
    run_ms(&c.f, 50);
    assert_int_equal(find(&c.f, c.name).spares, 1);
    memvfs_full(c.f.disk, false);
    expect_one_sandbox(&c.f, c.name, c.id, true);
    tear_down(&c.f);
}

/* A life that is killed while it makes them, again and again, at any moment. */
static void test_killed_at_any_step(void **state)
{
    struct fixture f;
    struct fake_opts slow = {.start_ns = LOOP_MS(80), .stop_ns = LOOP_MS(40), .jitter = true};
    set_up_with(&f, &slow);
    end_life(&f);
    f.spares = 3;
    begin_life(&f);
    make_set(&f, "web", 1, WEB);
    for (unsigned i = 0; i < 40; i++) {
        run_ms(&f, 1000 + 37 * i % 400);
        if (i % 4 == 0) {
            const char *host = host_of(&f, "web", i / 4);
            come(&f, "web", i / 4, host != NULL ? host : "worker-1");
            run_ms(&f, i);
        }
        end_life(&f);
        begin_life(&f);
    }
    run_ms(&f, 20000);
    expect_spares(&f, 3);
    struct census c = take_census(&f, NULL);
    assert_int_equal(c.sandboxes, 10 + 3);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_they_are_made_when_the_machine_is_idle),
        cmocka_unit_test(test_nobody_counts_them_as_pods),
        cmocka_unit_test(test_some_sets_want_none),
        cmocka_unit_test(test_hosts_that_take_no_pods_get_none),
        cmocka_unit_test(test_sets_share),
        cmocka_unit_test(test_memory_bounds_them),
        cmocka_unit_test(test_a_spare_that_dies_is_replaced),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_a_pod_takes_its_spare_over),
        cmocka_unit_test(test_a_pod_on_another_host_does_without),
        cmocka_unit_test(test_what_it_is_made_with_must_be_the_same),
        cmocka_unit_test(test_a_changed_template_makes_them_anew),
        cmocka_unit_test(test_they_go_with_their_set),
        cmocka_unit_test(test_they_go_with_their_host),
        cmocka_unit_test(test_hosts_cut_off_or_frozen_have_none),
        cmocka_unit_test(test_another_life_goes_on_with_them),
        cmocka_unit_test(test_what_died_meanwhile_is_no_spare),
        cmocka_unit_test(test_a_life_without_them_sweeps),
        cmocka_unit_test(test_strays_are_swept),
        cmocka_unit_test(test_killed_before_the_commit),
        cmocka_unit_test(test_killed_between_commit_and_renaming),
        cmocka_unit_test(test_killed_between_renaming_and_looking),
        cmocka_unit_test(test_an_unknown_renaming_is_repeated),
        cmocka_unit_test(test_a_renaming_that_fails_makes_a_cold_start),
        cmocka_unit_test(test_a_spare_that_is_gone_makes_a_cold_start),
        cmocka_unit_test(test_an_epoch_that_ends_in_between),
        cmocka_unit_test(test_a_pod_that_goes_before_the_renaming),
        cmocka_unit_test(test_a_commit_that_fails_leaves_it_a_spare),
        cmocka_unit_test(test_killed_at_any_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
