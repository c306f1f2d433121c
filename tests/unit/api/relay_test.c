/* SPDX-License-Identifier: Apache-2.0 */
/* What others answer or make: agents, pods, tokens; and a second start. */
#include "api/rig.h"
#include "auth/auth.h"

/* ---- agents and pods ---- */

#define POD(name, node)                                                                            \
    "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"nodeName\":\"" node                         \
    "\",\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"ports\":[{\"name\":\"http\","            \
    "\"containerPort\":8080}]}]}}"

struct text_stream {
    struct api_stream base;
    const char *text;
};

static ptrdiff_t text_pull(struct api_stream *base, char *buf, size_t max)
{
    struct text_stream *s = (struct text_stream *)base;
    size_t n = strlen(s->text);
    n = n < max ? n : max;
    memcpy(buf, s->text, n);
    s->text += n;
    return n > 0 ? (ptrdiff_t)n : -1;
}

static void text_free(struct api_stream *base)
{
    free(base);
}

static struct api_log_opts seen_opts;
static char seen_container[64], seen_since[64];

static int fake_logs(void *arg, const json_t *pod, const struct api_log_opts *opts,
                     struct api_stream **ret, struct err *err)
{
    seen_opts = *opts;
    str_copy(seen_container, sizeof(seen_container), opts->container);
    str_copy(seen_since, sizeof(seen_since), opts->since_time != NULL ? opts->since_time : "");
    if (opts->previous) {
        return err_set(err, ERR_BAD_REQUEST,
                       "previous terminated container \"c\" in pod \"p\" not found");
    }
    struct text_stream *s = xnew(struct text_stream);
    s->base.pull = text_pull;
    s->base.free = text_free;
    s->base.size = -1;
    s->text = arg;
    *ret = &s->base;
    return 0;
}

static void logs_come_from_the_agent_of_the_node(void **state)
{
    struct rig r;
    rig_init(&r);
    static const struct api_node_ops ops = {.logs = fake_logs};
    api_set_node(r.api, "worker-1", &ops, "hello\n");
    rig_expect(&r, 201, "POST", PODS, POD("p", "worker-1"));
    struct rig_answer a;
    rig_ask(&r,
            &(struct rig_ask){.method = "GET",
                              .path = PODS "/p/log",
                              .query = "follow=true&tailLines=7&timestamps=true&limitBytes=99&"
                                       "sinceTime=2026-01-01T00:00:00Z"},
            &a);
    assert_int_equal(a.res.status, 200);
    assert_string_equal(str_c(&a.text), "hello\n");
    assert_string_equal(a.res.content_type, "text/plain");
    assert_string_equal(seen_container, "c");
    assert_string_equal(seen_since, "2026-01-01T00:00:00Z");
    assert_true(seen_opts.follow && seen_opts.timestamps && !seen_opts.previous);
    assert_int_equal(seen_opts.tail_lines, 7);
    assert_int_equal(seen_opts.limit_bytes, 99);
    rig_answer_fini(&a);
    rig_ask(&r, &(struct rig_ask){.method = "GET", .path = PODS "/p/log", .query = "previous=true"},
            &a);
    assert_int_equal(a.res.status, 400);
    rig_answer_fini(&a);
    api_set_node(r.api, "worker-1", NULL, NULL);
    rig_expect(&r, 500, "GET", PODS "/p/log", NULL);
    rig_fini(&r);
}

static void expect_relay(struct rig *r, const char *path, const char *query, const char *address,
                         int port, bool https, const char *rest, const char *seen_as)
{
    struct rig_answer a;
    rig_ask(r, &(struct rig_ask){.method = "GET", .path = path, .query = query}, &a);
    if (a.res.relay == NULL) {
        fail_msg("%s: %d %s", path, a.res.status, str_c(&a.text));
    }
    assert_string_equal(a.res.relay->address, address);
    assert_int_equal(a.res.relay->port, port);
    assert_int_equal(a.res.relay->https, https);
    assert_string_equal(a.res.relay->path, rest);
    assert_string_equal(a.res.relay->seen_as, seen_as);
    rig_answer_fini(&a);
}

static void a_pod_is_reached_by_its_address(void **state)
{
    struct rig r;
    rig_init(&r);
    rig_expect(&r, 201, "POST", PODS, POD("p", "worker-1"));
    struct rig_answer a;
    rig_ask(&r,
            &(struct rig_ask){.method = "PATCH",
                              .path = PODS "/p/status",
                              .type = "application/merge-patch+json",
                              .body = "{\"status\":{\"podIP\":\"10.77.1.2\"}}"},
            &a);
    assert_int_equal(a.res.status, 200);
    rig_answer_fini(&a);
    expect_relay(&r, PODS "/p/proxy", "", "10.77.1.2", 8080, false, "/", PODS "/p/proxy");
    expect_relay(&r, PODS "/p:81/proxy/a%2fb/../c", "x=1&x=2", "10.77.1.2", 81, false,
                 "/a%2fb/../c?x=1&x=2", PODS "/p:81/proxy");
    expect_relay(&r, PODS "/https:p:http/proxy/", "", "10.77.1.2", 8080, true, "/",
                 PODS "/https:p:http/proxy");
    rig_fini(&r);
}

#define SLICES "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"

static void a_service_is_reached_by_its_ready_pods_in_turn(void **state)
{
    struct rig r;
    rig_init(&r);
    rig_expect(
        &r, 201, "POST", "/api/v1/namespaces/default/services",
        "{\"metadata\":{\"name\":\"web\"},\"spec\":{\"ports\":[{\"name\":\"http\",\"port\":80},"
        "{\"name\":\"admin\",\"port\":81}]}}");
    rig_expect(
        &r, 201, "POST", SLICES,
        "{\"metadata\":{\"name\":\"web-1\",\"labels\":{\"kubernetes.io/service-name\":\"web\"}},"
        "\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"http\",\"port\":8080},{\"name\":"
        "\"admin\",\"port\":9090}],\"endpoints\":["
        "{\"addresses\":[\"10.77.1.1\"],\"conditions\":{\"ready\":true}},"
        "{\"addresses\":[\"10.77.1.2\"],\"conditions\":{\"ready\":false}},"
        "{\"addresses\":[\"10.77.1.3\"],\"conditions\":{\"ready\":true}}]}");
    static const char service[] = "/api/v1/namespaces/default/services/web";
    cleanup_free char *plain = xasprintf("%s/proxy/x", service);
    cleanup_free char *seen = xasprintf("%s/proxy", service);
    expect_relay(&r, plain, "", "10.77.1.1", 8080, false, "/x", seen);
    expect_relay(&r, plain, "", "10.77.1.3", 8080, false, "/x", seen);
    expect_relay(&r, plain, "", "10.77.1.1", 8080, false, "/x", seen);
    cleanup_free char *admin = xasprintf("%s:admin/proxy/", service);
    cleanup_free char *by_number = xasprintf("%s:81/proxy/", service);
    cleanup_free char *seen_admin = xasprintf("%s:admin/proxy", service);
    cleanup_free char *seen_number = xasprintf("%s:81/proxy", service);
    expect_relay(&r, admin, "", "10.77.1.3", 9090, false, "/", seen_admin);
    expect_relay(&r, by_number, "", "10.77.1.1", 9090, false, "/", seen_number);
    rig_fini(&r);
}

/* ---- tokens ---- */

#define ACCOUNTS "/api/v1/namespaces/default/serviceaccounts"

static void a_service_account_gets_a_token_that_proves_it(void **state)
{
    struct rig r;
    rig_init(&r);
    rig_expect(&r, 201, "POST", ACCOUNTS, "{\"metadata\":{\"name\":\"robot\"}}");
    rig_expect(&r, 404, "POST", ACCOUNTS "/robot/token", "{}"); /* nobody makes tokens */
    static const unsigned char key[32] = "key";
    struct auth *auth = auth_new("admin", key);
    api_set_auth(r.api, auth);
    struct rig_answer a;
    rig_send(&r, "POST", ACCOUNTS "/robot/token", "{\"spec\":{\"expirationSeconds\":600}}", &a);
    assert_int_equal(a.res.status, 201);
    assert_string_equal(jx_str(a.json, "kind", ""), "TokenRequest");
    assert_string_equal(jx_str(a.json, "status.expirationTimestamp", ""), "2026-01-01T00:10:00Z");
    cleanup_free char *header = xasprintf("Bearer %s", jx_str(a.json, "status.token", ""));
    struct auth_user user;
    struct err err;
    assert_int_equal(
        auth_authenticate(auth, &(struct auth_input){.authorization = header}, &user, &err), 0);
    assert_string_equal(user.name, "system:serviceaccount:default:robot");
    rig_answer_fini(&a);
    rig_expect(&r, 404, "POST", ACCOUNTS "/none/token", "{}");
    rig_expect(&r, 422, "POST", ACCOUNTS "/robot/token", "{\"spec\":{\"expirationSeconds\":5}}");
    rig_expect(&r, 405, "GET", ACCOUNTS "/robot/token", NULL);
    rig_fini(&r);
    auth_free(auth);
}

static void the_clock_decides_how_long_a_silent_node_is_tolerated(void **state)
{
    struct rig r;
    rig_init(&r);
    api_set_toleration_seconds(r.api, 1);
    struct rig_answer a;
    rig_send(&r, "POST", PODS, POD("p", "worker-1"), &a);
    assert_int_equal(jx_int(a.json, "spec.tolerations[1].tolerationSeconds", 0), 1);
    rig_answer_fini(&a);
    api_set_toleration_seconds(r.api, -1);
    rig_send(&r, "POST", PODS, POD("q", "worker-1"), &a);
    assert_null(jx_path(a.json, "spec.tolerations"));
    rig_answer_fini(&a);
    rig_fini(&r);
}

static void a_body_beyond_all_measure_is_refused(void **state)
{
    struct rig r;
    rig_init(&r);
    size_t n = 3 * 1024 * 1024 + 1;
    cleanup_free char *body = xmalloc(n + 1);
    memset(body, ' ', n);
    body[n] = '\0';
    struct rig_answer a;
    rig_send(&r, "POST", CMS, body, &a);
    assert_int_equal(a.res.status, 413);
    assert_string_equal(jx_str(a.json, "reason", ""), "RequestEntityTooLarge");
    rig_answer_fini(&a);
    rig_fini(&r);
}

/* ---- a second start ---- */

static void bootstrap_again_changes_what_changed(void **state)
{
    struct rig r;
    rig_init(&r);
    struct err err;
    int64_t before = store_revision(r.store, STORE_STAGED);
    assert_int_equal(api_bootstrap(r.api, "10.77.0.2", 6443, &err), 0);
    assert_int_equal(store_revision(r.store, STORE_STAGED), before);
    assert_int_equal(api_bootstrap(r.api, "10.77.0.9", 6444, &err), 0);
    struct rig_answer a;
    rig_send(&r, "GET", SLICES "/kubernetes", NULL, &a);
    assert_string_equal(jx_str(a.json, "endpoints[0].addresses[0]", ""), "10.77.0.9");
    assert_int_equal(jx_int(a.json, "ports[0].port", 0), 6444);
    rig_answer_fini(&a);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_come_from_the_agent_of_the_node),
        cmocka_unit_test(a_pod_is_reached_by_its_address),
        cmocka_unit_test(a_service_is_reached_by_its_ready_pods_in_turn),
        cmocka_unit_test(a_service_account_gets_a_token_that_proves_it),
        cmocka_unit_test(the_clock_decides_how_long_a_silent_node_is_tolerated),
        cmocka_unit_test(a_body_beyond_all_measure_is_refused),
        cmocka_unit_test(bootstrap_again_changes_what_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
