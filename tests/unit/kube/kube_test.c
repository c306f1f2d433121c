/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that the runner finds its way about a cluster, and that live copies heal. */
#include "kube/fake_cluster.h"

static int set_up(void **state)
{
    *state = fake_new();
    return 0;
}

static int tear_down(void **state)
{
    fake_free(*state);
    return 0;
}

/* ---- discovery ---- */

static void test_resources_have_many_names(void **state)
{
    struct fake *f = *state;
    assert_null(kube_find_resource(f->kube, "pods"));
    fake_discover(f);
    static const char *const words[] = {"deployments", "deployment", "deploy", "Deployment",
                                        "deployments.apps"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const struct kube_resource *r = kube_find_resource(f->kube, words[i]);
        assert_non_null(r);
        assert_string_equal(r->name, "deployments");
        assert_string_equal(r->group, "apps");
        assert_true(r->namespaced);
    }
    assert_null(kube_find_resource(f->kube, "deploymentz"));
    assert_null(kube_find_resource(f->kube, ""));
    assert_false(kube_find_resource(f->kube, "no")->namespaced);
}

static void test_asking_again_is_cheap(void **state)
{
    struct fake *f = *state;
    fake_discover(f);
    fake_discover(f);
    assert_int_equal(f->discoveries, 1);
    kube_discover_again(f->kube);
    assert_non_null(kube_find_resource(f->kube, "pods"));
    fake_discover(f);
    assert_int_equal(f->discoveries, 2);
}

static void test_a_broken_group_leaves_the_others(void **state)
{
    struct fake *f = *state;
    f->broken_group = "podlab.dev";
    fake_discover(f);
    assert_non_null(kube_find_resource(f->kube, "deployments"));
    assert_null(kube_find_resource(f->kube, "hosts"));
}

static void never(void *arg, const struct err *err)
{
    fail_msg("told, though forgotten");
}

static void on_refused(void *arg, const struct err *err)
{
    assert_int_equal(err->code, ERR_UNAVAILABLE);
    assert_non_null(strstr(err->msg, "/api/v1 was answered 500: the fake is down"));
    *(bool *)arg = true;
}

static void test_discovery_may_fail_and_be_forgotten(void **state)
{
    struct fake *f = *state;
    bool done = false;
    f->down = true;
    kube_discover(f->kube, never, f);
    kube_discover(f->kube, on_refused, &done);
    kube_forget(f->kube, f);
    assert_true(loop_run_until(f->loop, &done, FAKE_DEADLINE));
    f->down = false;
    fake_discover(f);
    assert_non_null(kube_find_resource(f->kube, "pods"));
    kube_discover(f->kube, never, f); /* freed with it */
}

static void free_kube(void *arg, const struct err *err)
{
    struct fake *f = arg;
    kube_free(steal(f->kube));
}

static bool kube_is_gone(void *arg)
{
    return ((struct fake *)arg)->kube == NULL;
}

static void test_a_waiter_may_free_the_kube(void **state)
{
    struct fake *f = *state;
    kube_discover(f->kube, free_kube, f);
    kube_discover(f->kube, never, &f->port);
    fake_until(f, kube_is_gone, f, "discovered");
}

/* ---- requests ---- */

struct answer {
    bool done;
    int status;
    char name[64], text[128];
};

static void on_answer(void *arg, const struct kube_answer *a)
{
    struct answer *r = arg;
    r->done = true;
    r->status = a->status;
    str_copy(r->name, sizeof(r->name), jx_str(a->answer, "metadata.name", ""));
    str_copy(r->text, sizeof(r->text), a->status == 0 ? a->err->msg : a->text);
}

static struct answer ask(struct fake *f, const char *path)
{
    struct answer r = {0};
    kube_get(f->kube, path, 0, on_answer, &r);
    assert_false(r.done);
    assert_true(loop_run_until(f->loop, &r.done, FAKE_DEADLINE));
    return r;
}

static void test_requests(void **state)
{
    struct fake *f = *state;
    fake_apply(f, "{kind: Pod, metadata: {name: web-1}}");
    struct answer r = ask(f, "/api/v1/namespaces/default/pods/web-1");
    assert_int_equal(r.status, 200);
    assert_string_equal(r.name, "web-1");
    assert_int_equal(ask(f, "/api/v1/namespaces/default/pods/web-2").status, 404);
    r = ask(f, "/api/v1/namespaces/default/services/web/proxy/");
    assert_string_equal(r.text, "web v1 from web-1 on worker-1\n");
    fake_stop(f);
    r = ask(f, "/api/v1/namespaces/default/pods/web-1");
    assert_int_equal(r.status, 0);
    assert_true(r.text[0] != '\0');
}

static void test_paths(void **state)
{
    struct fake *f = *state;
    fake_discover(f);
    static const struct {
        const char *word, *ns, *name, *path;
    } rows[] = {
        {"pods", "shop", "a", "/api/v1/namespaces/shop/pods/a"},
        {"pods", NULL, NULL, "/api/v1/pods"},
        {"deploy", "shop", NULL, "/apis/apps/v1/namespaces/shop/deployments"},
        {"node", "shop", "n/../x", "/api/v1/nodes/n%2F..%2Fx"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_free char *path =
            kube_path(kube_find_resource(f->kube, rows[i].word), rows[i].ns, rows[i].name);
        assert_string_equal(path, rows[i].path);
    }
    cleanup_free char *escaped = kube_escape("app in (a, b),x=y");
    assert_string_equal(escaped, "app%20in%20%28a%2C%20b%29%2Cx%3Dy");
}

/* ---- watches ---- */

struct watching {
    struct kube_watch *w;
    unsigned calls;
    size_t want;
    const char *why;
};

static void on_change(void *arg)
{
    ((struct watching *)arg)->calls++;
}

static bool has_count(void *arg)
{
    struct watching *x = arg;
    return kube_watch_synced(x->w) && kube_watch_alive(x->w, NULL) &&
           kube_watch_count(x->w) == x->want;
}

static bool is_dead(void *arg)
{
    struct watching *x = arg;
    return !kube_watch_alive(x->w, &x->why);
}

static void begin(struct fake *f, struct watching *x, const char *selector)
{
    fake_discover(f);
    const struct kube_resource *pods = kube_find_resource(f->kube, "pods");
    x->w = kube_watch(f->kube, pods, "default", selector, on_change, x);
    assert_false(kube_watch_synced(x->w));
}

static void test_a_watch_follows(void **state)
{
    struct fake *f = *state;
    struct watching x = {.want = 2};
    fake_apply(f, "{kind: Pod, metadata: {name: web-2, labels: {app: web}}}\n---\n"
                  "{kind: Pod, metadata: {name: web-1, labels: {app: web}}}\n---\n"
                  "{kind: Pod, metadata: {name: kv, labels: {app: kv}}}\n---\n"
                  "{kind: Pod, metadata: {name: web-3, namespace: shop, labels: {app: web}}}");
    begin(f, &x, "app=web");
    fake_until(f, has_count, &x, "two pods");
    json_auto_t *list = kube_watch_list(x.w);
    assert_string_equal(jx_str(list, "kind", ""), "PodList");
    assert_string_equal(jx_str(list, "items[0].metadata.name", ""), "web-1");
    assert_string_equal(jx_str(list, "items[0].kind", ""), "Pod");
    assert_string_equal(jx_str(list, "items[1].apiVersion", ""), "v1");
    assert_non_null(kube_watch_find(x.w, "default", "web-2"));
    assert_null(kube_watch_find(x.w, "shop", "web-3"));

    unsigned calls = x.calls;
    fake_apply(f, "{kind: Pod, metadata: {name: web-4, labels: {app: web}}}");
    x.want = 3;
    fake_until(f, has_count, &x, "three pods");
    assert_true(x.calls > calls);
    fake_delete(f, "Pod", "default", "web-1");
    x.want = 2;
    fake_until(f, has_count, &x, "two again");
    kube_watch_free(x.w);
}

static void test_a_watch_heals(void **state)
{
    struct fake *f = *state;
    struct watching x = {.want = 1};
    fake_apply(f, "{kind: Pod, metadata: {name: a}}");
    begin(f, &x, NULL);
    fake_until(f, has_count, &x, "one pod");
    unsigned calls = x.calls;
    fake_stop(f);
    fake_until(f, is_dead, &x, "the connection is lost");
    assert_true(x.why[0] != '\0');
    assert_true(x.calls > calls);
    assert_true(kube_watch_synced(x.w));
    /* What happened meanwhile is not in the stream: the server says 410, and lists anew. */
    f->gone = true;
    fake_apply(f, "{kind: Pod, metadata: {name: b}}");
    fake_delete(f, "Pod", "default", "a");
    fake_apply(f, "{kind: Pod, metadata: {name: c}}");
    fake_listen(f);
    x.want = 2;
    fake_until(f, has_count, &x, "listed anew");
    assert_null(kube_watch_find(x.w, "default", "a"));
    f->gone = false;
    kube_watch_free(x.w);
}

static void test_a_refused_watch_says_so(void **state)
{
    struct fake *f = *state;
    struct watching x = {0};
    fake_discover(f);
    f->down = true;
    begin(f, &x, NULL);
    fake_until(f, is_dead, &x, "refused");
    assert_non_null(strstr(x.why, "answered 500: the fake is down"));
    f->down = false;
    fake_until(f, has_count, &x, "allowed");
    kube_watch_free(x.w);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resources_have_many_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_asking_again_is_cheap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_broken_group_leaves_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_discovery_may_fail_and_be_forgotten, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_waiter_may_free_the_kube, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_watch_follows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_watch_heals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_refused_watch_says_so, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
