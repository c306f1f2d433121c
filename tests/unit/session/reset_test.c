/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what a reset takes away, and what it leaves alone. */
#include "kube/fake_cluster.h"

#include <sys/stat.h>

#include "kube/units.h"
#include "session/reset.h"

struct fixture {
    struct fake *fake;
    bool ended;
    struct err err;
    unsigned deleted;
    bool stubborn; /* deletions are accepted and nothing goes */
};

/* Deletes, or merges what a patch says into spec and status. */
static void on_write(struct fake *fake, struct http_exchange *x, const struct fake_kind *k,
                     const char *ns, const char *name)
{
    struct fixture *f = fake->user;
    cleanup_free char *key = fake_key(k, ns, name);
    json_t *obj = map_find(fake->objects, key);
    if (obj == NULL) {
        fake_answer(x, 404, fake_status(404, "NotFound", "gone"));
    } else if (strcmp(http_exchange_method(x), "DELETE") == 0) {
        f->deleted++;
        fake_answer(x, 200, jx_edit(obj));
        if (!f->stubborn) {
            fake_delete(fake, k->kind, ns, name);
        }
    } else {
        size_t n;
        const char *body = http_exchange_body(x, &n);
        json_auto_t *patch = json_loadb(body, n, 0, NULL);
        assert_string_equal(http_exchange_header(x, "Content-Type"),
                            "application/merge-patch+json");
        json_object_update_recursive(obj, patch);
        json_object_update_recursive(json_object_get(obj, "status"),
                                     json_object_get(patch, "spec"));
        fake_answer(x, 200, jx_edit(obj));
    }
}

static int set_up(void **state)
{
    struct fixture *f = xnew(struct fixture);
    f->fake = fake_new();
    f->fake->user = f;
    f->fake->write = on_write;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fake_free(f->fake);
    free(f);
    return 0;
}

static void on_end(void *arg, const struct err *err)
{
    struct fixture *f = arg;
    assert_false(f->ended);
    f->ended = true;
    f->err = *err;
}

static void reset(struct fixture *f, bool foreign, const char *since)
{
    struct reset_opts opts = {.kube = f->fake->kube, .ns = "default", .foreign = foreign};
    if (since != NULL) {
        assert_true(kube_time(since, &opts.since_us));
    }
    f->ended = false;
    reset_start(&opts, on_end, f);
    if (!loop_run_until(f->fake->loop, &f->ended, LOOP_S(90))) {
        fail_msg("the reset does not end");
    }
}

static bool is_there(struct fixture *f, const char *key)
{
    return map_find(f->fake->objects, key) != NULL;
}

static void what_a_learner_made_goes(void **state)
{
    struct fixture *f = *state;
    fake_apply(f->fake, "{kind: Deployment, metadata: {name: web}}\n---\n"
                        "{kind: ReplicaSet, metadata: {name: web-1}}\n---\n"
                        "{kind: Pod, metadata: {name: web-1-x}}\n---\n"
                        "{kind: Service, metadata: {name: web}}\n---\n"
                        "{kind: ConfigMap, metadata: {name: conf, namespace: shop}}\n---\n"
                        "{kind: Namespace, metadata: {name: shop}}\n");
    reset(f, false, NULL);
    assert_int_equal(f->err.code, ERR_NONE);
    assert_int_equal(map_count(f->fake->objects), 0);
}

static void what_belongs_to_the_cluster_stays(void **state)
{
    struct fixture *f = *state;
    fake_apply(f->fake, "{kind: Service, metadata: {name: kubernetes}}\n---\n"
                        "{kind: ConfigMap, metadata: {name: kube-root-ca.crt}}\n---\n"
                        "{kind: Pod, metadata: {name: dns, namespace: kube-system}}\n---\n"
                        "{kind: Namespace, metadata: {name: default}}\n---\n"
                        "{kind: Namespace, metadata: {name: kube-system}}\n---\n"
                        "{kind: Node, metadata: {name: worker-1}, spec: {}}\n---\n"
                        "{kind: Host, metadata: {name: worker-1}, spec: {power: 'On'}, status: "
                        "{power: 'On'}}\n");
    reset(f, false, NULL);
    assert_int_equal(f->err.code, ERR_NONE);
    assert_int_equal(f->deleted, 0);
    assert_int_equal(map_count(f->fake->objects), 7);
}

static void hosts_and_nodes_are_put_right(void **state)
{
    struct fixture *f = *state;
    fake_apply(f->fake,
               "{kind: Host, metadata: {name: worker-1}, spec: {power: 'Off'}, status: {power: "
               "'Off'}}\n---\n"
               "{kind: Host, metadata: {name: worker-2}, spec: {network: Partitioned}, status: "
               "{network: Partitioned}}\n---\n"
               "{kind: Node, metadata: {name: worker-1}, spec: {unschedulable: true}}\n");
    reset(f, false, NULL);
    assert_int_equal(f->err.code, ERR_NONE);
    assert_string_equal(jx_str(map_find(f->fake->objects, "hosts//worker-1"), "spec.power", ""),
                        "On");
    assert_string_equal(jx_str(map_find(f->fake->objects, "hosts//worker-2"), "spec.network", ""),
                        "Connected");
    assert_false(
        jx_bool(map_find(f->fake->objects, "nodes//worker-1"), "spec.unschedulable", false));
}

/* A docker that says what it was asked; the cluster sees the effect by and by. */
static void what_was_made_by_hand_goes(void **state)
{
    struct fixture *f = *state;
    char dir[] = "/tmp/podlab-reset-XXXXXX";
    assert_non_null(mkdtemp(dir));
    cleanup_free char *path = xasprintf("PATH=%s:/usr/bin:/bin", dir);
    cleanup_free char *docker = xasprintf("%s/docker", dir);
    cleanup_free char *asked = xasprintf("%s/asked", dir);
    FILE *file = fopen(docker, "we");
    fprintf(file, "#!/bin/sh\necho \"$*\" >>%s\n", asked);
    fclose(file);
    chmod(docker, 0755);
    fake_apply(f->fake, "{kind: Host, metadata: {name: worker-1}, spec: {power: 'On'}, status: "
                        "{power: 'On', containers: [{id: aa, name: web}, {id: bb, pod: "
                        "default/web-1}, {id: cc}]}}\n");
    const char *const env[] = {path, NULL};
    struct reset_opts opts = {.kube = f->fake->kube, .ns = "default", .env = env};
    reset_start(&opts, on_end, f);
    for (int i = 0; i < 500 && access(asked, F_OK) != 0; i++) {
        loop_run_until(f->fake->loop, &f->ended, LOOP_MS(10));
    }
    assert_false(f->ended);
    fake_apply(f->fake, "{kind: Host, metadata: {name: worker-1}, spec: {power: 'On'}, status: "
                        "{power: 'On', containers: [{id: bb, pod: default/web-1}]}}\n");
    assert_true(loop_run_until(f->fake->loop, &f->ended, LOOP_S(20)));
    assert_int_equal(f->err.code, ERR_NONE);
    char line[128] = "";
    file = fopen(asked, "re");
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    assert_string_equal(line, "-c worker-1 rm -f -v aa cc\n");
    cleanup_free char *command = xasprintf("rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static void on_a_foreign_cluster_only_the_labs_own_goes(void **state)
{
    struct fixture *f = *state;
    fake_apply(f->fake,
               "{kind: Deployment, metadata: {name: old, creationTimestamp: "
               "'2026-01-01T00:00:00Z'}}\n---\n"
               "{kind: Deployment, metadata: {name: new, creationTimestamp: "
               "'2026-01-03T00:00:00Z'}}\n---\n"
               "{kind: Deployment, metadata: {name: other, namespace: shop, creationTimestamp: "
               "'2026-01-03T00:00:00Z'}}\n---\n"
               "{kind: Namespace, metadata: {name: shop, creationTimestamp: "
               "'2026-01-03T00:00:00Z'}}\n---\n"
               "{kind: Node, metadata: {name: worker-1}, spec: {unschedulable: true}}\n");
    reset(f, true, "2026-01-02T00:00:00Z");
    assert_int_equal(f->err.code, ERR_NONE);
    assert_int_equal(f->deleted, 1);
    assert_false(is_there(f, "deployments/default/new"));
    assert_true(is_there(f, "deployments/default/old"));
    assert_true(is_there(f, "deployments/shop/other"));
    assert_true(is_there(f, "namespaces//shop"));
    assert_true(
        jx_bool(map_find(f->fake->objects, "nodes//worker-1"), "spec.unschedulable", false));
}

static void a_cluster_that_fails_is_an_error(void **state)
{
    struct fixture *f = *state;
    fake_apply(f->fake, "{kind: Pod, metadata: {name: x}}\n");
    reset(f, false, NULL); /* discovers */
    f->fake->down = true;
    reset(f, false, NULL);
    assert_int_equal(f->err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.msg, "the fake is down"));
    fake_stop(f->fake);
    reset(f, false, NULL);
    assert_int_not_equal(f->err.code, ERR_NONE);
    fake_listen(f->fake);
}

static void it_may_be_given_up(void **state)
{
    struct fixture *f = *state;
    struct reset_opts opts = {.kube = f->fake->kube, .ns = "default"};
    f->stubborn = true;
    fake_apply(f->fake, "{kind: Pod, metadata: {name: x}}\n");
    struct reset *r = reset_start(&opts, on_end, f);
    loop_run_until(f->fake->loop, &f->ended, LOOP_MS(300));
    assert_false(f->ended);
    reset_cancel(r);
    reset_cancel(NULL);
    loop_run_until(f->fake->loop, &f->ended, LOOP_MS(200));
    assert_false(f->ended);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_learner_made_goes),
        TEST(what_belongs_to_the_cluster_stays),
        TEST(hosts_and_nodes_are_put_right),
        TEST(on_a_foreign_cluster_only_the_labs_own_goes),
        TEST(what_was_made_by_hand_goes),
        TEST(a_cluster_that_fails_is_an_error),
        TEST(it_may_be_given_up),
    };
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
