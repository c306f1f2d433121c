/* SPDX-License-Identifier: Apache-2.0 */
/* Service links are put together once, and anew when a service comes, changes or goes. */
#include "fixture.h"

#include "node/env.h"
#include "node/links.h"
#include "node/node_impl.h"
#include "node/spec.h"

struct asked {
    struct fixture *f;
    int times; /* the services were gone through */
};

static const json_t *find(void *arg, const char *gr, const char *ns, const char *name)
{
    struct asked *a = arg;
    struct err err;
    return client_get(a->f->client, kinds_find_gr(gr), ns, name, &err);
}

struct walk {
    void (*fn)(void *arg, const json_t *service);
    void *arg;
};

static bool visit(void *arg, const json_t *service)
{
    struct walk *w = arg;
    w->fn(w->arg, service);
    return true;
}

static void each_service(void *arg, const char *ns, void (*fn)(void *fn_arg, const json_t *service),
                         void *fn_arg)
{
    struct asked *a = arg;
    struct client_filter in_ns = {.ns = ns};
    struct walk w = {fn, fn_arg};
    a->times++;
    client_each(a->f->client, kinds_find_gr("services"), &in_ns, visit, &w);
}

static const struct env *links(struct asked *a, const char *ns)
{
    json_auto_t *pod = json_pack("{s:{s:s}}", "metadata", "namespace", ns);
    struct spec_in in = {.pod = pod, .find = find, .each_service = each_service, .arg = a};
    return links_of(a->f->nodes, &in);
}

static void make_service(struct fixture *f, const char *name, int port)
{
    create(f, "services", "default",
           json_pack("{s:{s:s}, s:{s:[{s:i}]}}", "metadata", "name", name, "spec", "ports", "port",
                     port));
}

static void test_links_follow_the_services(void **state)
{
    struct fixture f;
    set_up(&f);
    struct asked a = {.f = &f};
    make_service(&f, "db", 5432);
    assert_string_equal(env_get(links(&a, "default"), "DB_SERVICE_PORT"), "5432");
    assert_non_null(env_get(links(&a, "default"), "KUBERNETES_SERVICE_HOST"));
    assert_int_equal(a.times, 1);
    assert_null(env_get(links(&a, "kube-system"), "DB_SERVICE_PORT"));
    assert_int_equal(a.times, 2);

    make_service(&f, "web",
                 80); /* seen before it is committed, as a pod that is started then would */
    assert_string_equal(env_get(links(&a, "default"), "WEB_SERVICE_PORT"), "80");
    assert_int_equal(a.times, 3);

    struct err err;
    json_t *patch = json_pack("{s:{s:[{s:i}]}}", "spec", "ports", "port", 81);
    assert_int_equal(client_patch(f.client, kinds_find_gr("services"), "default", "web", NULL,
                                  patch, NULL, &err),
                     0);
    assert_string_equal(env_get(links(&a, "default"), "WEB_SERVICE_PORT"), "81");

    assert_int_equal(
        client_delete(f.client, kinds_find_gr("services"), "default", "db", NULL, &err), 0);
    assert_null(env_get(links(&a, "default"), "DB_SERVICE_PORT"));
    assert_int_equal(a.times, 5);
    (void)links(&a, "default");
    (void)links(&a, "kube-system");
    assert_int_equal(a.times, 5);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links_follow_the_services),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
