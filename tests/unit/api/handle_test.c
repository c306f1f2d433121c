/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts cannot say: commits that fail, peers that leave, streams that wait, protobuf,
 * agents. */
#include "api/rig.h"
#include "auth/auth.h"
#include "common/log.h"
#include "kinds/kinds.h"

static void ask(struct rig *r, const char *method, const char *path, const char *body,
                struct rig_answer *ret)
{
    rig_ask(r, &(struct rig_ask){.method = method, .path = path, .body = body}, ret);
}

static void expect(struct rig *r, int status, const char *method, const char *path,
                   const char *body)
{
    struct rig_answer a;
    ask(r, method, path, body, &a);
    if (a.res.status != status) {
        fail_msg("%s %s: %d, not %d: %s", method, path, a.res.status, status, str_c(&a.text));
    }
    rig_answer_fini(&a);
}

#define CMS "/api/v1/namespaces/default/configmaps"

/* ---- commits ---- */

static void nobody_is_answered_before_the_commit(void **state)
{
    struct rig r;
    rig_init(&r);
    struct rig_answer a = {0};
    struct api_request req = {.method = "POST",
                              .path = CMS,
                              .query = "",
                              .accept = "",
                              .content_type = "",
                              .body = "{\"metadata\":{\"name\":\"a\"}}",
                              .len = 25,
                              .user = {"kubernetes-admin", "", rig_admin_groups}};
    int64_t before = store_revision(r.store, STORE_COMMITTED);
    api_handle(r.api, &req, rig_on_answer, &a);
    assert_false(a.done);
    assert_int_equal(store_revision(r.store, STORE_COMMITTED), before);
    loop_sim_advance(r.loop, 0);
    assert_true(a.done);
    assert_int_equal(a.res.status, 201);
    assert_true(store_revision(r.store, STORE_COMMITTED) > before);
    rig_answer_fini(&a);
    rig_fini(&r);
}

static void a_commit_that_fails_is_a_503_for_writes_and_reads(void **state)
{
    struct rig r;
    rig_init(&r);
    log_set_level(LOG_ERROR + 1);
    memvfs_full(r.vfs, true);
    struct rig_answer w = {0}, rd = {0};
    struct api_request req = {.method = "POST",
                              .path = CMS,
                              .query = "",
                              .accept = "",
                              .content_type = "",
                              .body = "{\"metadata\":{\"name\":\"a\"}}",
                              .len = 25,
                              .user = {"kubernetes-admin", "", rig_admin_groups}};
    api_handle(r.api, &req, rig_on_answer, &w);
    req.method = "GET"; /* in the same tick: it saw what was never saved */
    req.path = CMS "/a";
    api_handle(r.api, &req, rig_on_answer, &rd);
    loop_sim_advance(r.loop, 0);
    assert_int_equal(w.res.status, 503);
    assert_int_equal(rd.res.status, 503);
    assert_non_null(strstr(str_c(&w.res.body), "\"reason\":\"ServiceUnavailable\""));
    rig_answer_fini(&w);
    rig_answer_fini(&rd);
    expect(&r, 404, "GET", CMS "/a", NULL);  /* reading goes on */
    expect(&r, 503, "GET", "/readyz", NULL); /* and it says so */
    expect(&r, 200, "GET", "/livez", NULL);
    expect(&r, 503, "POST", CMS, "{\"metadata\":{\"name\":\"b\"}}");
    memvfs_full(r.vfs, false);
    loop_sim_advance(r.loop, LOOP_S(5));
    expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"c\"}}");
    expect(&r, 200, "GET", "/readyz", NULL);
    rig_fini(&r);
}

static void a_peer_that_left_is_not_answered(void **state)
{
    struct rig r;
    rig_init(&r);
    struct rig_answer a = {0}, b = {0};
    struct api_request req = {.method = "POST",
                              .path = CMS,
                              .query = "",
                              .accept = "",
                              .content_type = "",
                              .body = "{\"metadata\":{\"name\":\"a\"}}",
                              .len = 25,
                              .user = {"kubernetes-admin", "", rig_admin_groups}};
    api_handle(r.api, &req, rig_on_answer, &a);
    req.method = "GET";
    api_handle(r.api, &req, rig_on_answer, &b);
    api_forget(r.api, &a);
    loop_sim_advance(r.loop, 0);
    assert_false(a.done);
    assert_true(b.done);
    rig_answer_fini(&b);
    expect(&r, 200, "GET", CMS "/a", NULL); /* what was staged stays */
    rig_fini(&r);
}

static void answers_under_way_die_with_the_room(void **state)
{
    struct rig r;
    rig_init(&r);
    struct rig_answer a = {0};
    struct api_request req = {.method = "GET",
                              .path = "/api/v1/pods",
                              .query = "watch=true",
                              .accept = "",
                              .content_type = "",
                              .body = "",
                              .user = {"kubernetes-admin", "", rig_admin_groups}};
    api_handle(r.api, &req, rig_on_answer, &a);
    rig_fini(&r);
    assert_false(a.done);
}

/* ---- bodies ---- */

static void protobuf_bodies_are_read(void **state)
{
    struct rig r;
    rig_init(&r);
    /* k8s\0, Unknown{TypeMeta{v1, ConfigMap}, raw: ConfigMap{metadata{name: pb}, data{k: v}}} */
    static const char body[] = "k8s\0"
                               "\x0a\x0f\x0a\x02v1\x12\x09"
                               "ConfigMap"
                               "\x12\x0e"
                               "\x0a\x04\x0a\x02pb"
                               "\x12\x06\x0a\x01k\x12\x01v";
    struct rig_answer a;
    rig_ask(&r,
            &(struct rig_ask){.method = "POST",
                              .path = CMS,
                              .query = "fieldManager=kubectl-create&fieldValidation=Strict",
                              .accept = "application/vnd.kubernetes.protobuf,application/json",
                              .type = "application/vnd.kubernetes.protobuf",
                              .body = body,
                              .len = sizeof(body) - 1},
            &a);
    if (a.res.status != 201) {
        fail_msg("%s", str_c(&a.text));
    }
    assert_string_equal(jx_str(a.json, "data.k", ""), "v");
    assert_string_equal(a.res.content_type, "application/json");
    rig_answer_fini(&a);
    rig_fini(&r);
}

static void hostile_bodies_change_nothing(void **state)
{
    struct rig r;
    rig_init(&r);
    int64_t before = store_revision(r.store, STORE_STAGED);
    static const char good[] = "{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"y\"}},\"data\":"
                               "{\"k\":\"v\",\"l\":\"w\"}}";
    for (size_t n = 0; n < sizeof(good) - 1; n++) { /* every prefix */
        cleanup_free char *cut = xstrndup(good, n);
        int status = rig_status(&r, "POST", CMS, cut);
        if (status < 400 || status >= 500) {
            fail_msg("%d for %s", status, cut);
        }
    }
    for (size_t at = 0; at < sizeof(good) - 1; at++) { /* a NUL anywhere */
        cleanup_free char *odd = xmemdup(good, sizeof(good));
        odd[at] = '\0';
        struct rig_answer a;
        rig_ask(
            &r,
            &(struct rig_ask){.method = "POST", .path = CMS, .body = odd, .len = sizeof(good) - 1},
            &a);
        assert_in_range(a.res.status, 400, 499);
        rig_answer_fini(&a);
    }
    struct str deep = STR_INIT;
    for (int i = 0; i < 100000; i++) {
        str_add(&deep, "{\"a\":");
    }
    assert_int_equal(rig_status(&r, "POST", CMS, str_c(&deep)), 400);
    str_fini(&deep);
    assert_int_equal(store_revision(r.store, STORE_STAGED), before);
    rig_fini(&r);
}

static void a_mebibyte_fits_and_more_does_not(void **state)
{
    struct rig r;
    rig_init(&r);
    struct str body = STR_INIT;
    str_add(&body, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"");
    size_t head = body.len;
    for (int i = 0; i < 1024 * 1024; i++) {
        str_add_c(&body, 'x');
    }
    str_add(&body, "\"}}");
    expect(&r, 201, "POST", CMS, str_c(&body));
    body.len = head + 1024 * 1024;
    str_add(&body, "x\"}}");
    memcpy(strstr(body.p, "\"a\""), "\"b\"", 3);
    struct rig_answer a;
    ask(&r, "POST", CMS, str_c(&body), &a);
    assert_int_equal(a.res.status, 422);
    assert_non_null(strstr(str_c(&a.text), "Too long: may not be more than 1048576 bytes"));
    rig_answer_fini(&a);
    str_fini(&body);
    rig_fini(&r);
}

static void an_object_does_not_grow_for_ever(void **state)
{
    struct rig r;
    rig_init(&r);
    static const char host[] = "/apis/podlab.dev/v1/hosts";
    expect(&r, 201, "POST", host, "{\"metadata\":{\"name\":\"h\"}}");
    cleanup_free char *much = xmalloc(500 * 1024 + 1);
    memset(much, 'x', 500 * 1024);
    much[500 * 1024] = '\0';
    int last = 0;
    for (int i = 0; i < 6 && last != 413; i++) {
        cleanup_free char *body = xasprintf("[{\"op\":\"add\",\"path\":\"/status/refusals/-\","
                                            "\"value\":{\"reason\":\"%s\"}}]",
                                            much);
        cleanup_free char *first =
            xasprintf("[{\"op\":\"add\",\"path\":\"/status\",\"value\":{\"refusals\":[{\"reason\":"
                      "\"%s\"}]}}]",
                      much);
        struct rig_answer a;
        rig_ask(&r,
                &(struct rig_ask){.method = "PATCH",
                                  .path = "/apis/podlab.dev/v1/hosts/h/status",
                                  .type = "application/json-patch+json",
                                  .body = i == 0 ? first : body},
                &a);
        last = a.res.status;
        rig_answer_fini(&a);
        assert_true(last == 200 || last == 413);
    }
    assert_int_equal(last, 413);
    rig_fini(&r);
}

/* ---- streams ---- */

static void a_long_list_comes_in_pieces(void **state)
{
    struct rig r;
    rig_init(&r);
    for (int i = 0; i < 300; i++) {
        char body[128];
        snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"n%03d\"},\"data\":{\"k\":\"%d\"}}",
                 i, i);
        expect(&r, 201, "POST", CMS, body);
    }
    struct rig_answer a;
    ask(&r, "GET", CMS, NULL, &a);
    assert_int_equal(jx_len(a.json, "items"), 300);
    assert_string_equal(jx_str(a.json, "items[299].data.k", ""), "299");
    rig_answer_fini(&a);
    rig_fini(&r);
}

/* What a list shows is what was there when it was asked for. */
static void a_list_does_not_see_what_comes_after_it(void **state)
{
    struct rig r;
    rig_init(&r);
    expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"1\"}}");
    struct rig_answer a = {0};
    struct api_request req = {.method = "GET",
                              .path = CMS,
                              .query = "",
                              .accept = "",
                              .content_type = "",
                              .body = "",
                              .user = {"kubernetes-admin", "", rig_admin_groups}};
    api_handle(r.api, &req, rig_on_answer, &a);
    loop_sim_advance(r.loop, 0);
    expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"b\"}}");
    expect(&r, 200, "DELETE", CMS "/a", NULL);
    assert_true(rig_pull(a.res.stream, &a.text));
    assert_non_null(strstr(str_c(&a.text), "\"name\":\"a\""));
    assert_null(strstr(str_c(&a.text), "\"name\":\"b\""));
    rig_answer_fini(&a);
    rig_fini(&r);
}

static void open_watch(struct rig *r, const char *query, struct rig_answer *ret)
{
    rig_ask(r, &(struct rig_ask){.method = "GET", .path = CMS, .query = query}, ret);
    assert_int_equal(ret->res.status, 200);
    assert_non_null(ret->res.stream);
}

static void count_wakes(void *arg)
{
    ++*(int *)arg;
}

static void a_watch_wakes_its_reader(void **state)
{
    struct rig r;
    rig_init(&r);
    struct rig_answer w;
    open_watch(&r, "watch=true", &w);
    int wakes = 0;
    w.res.stream->wake = count_wakes;
    w.res.stream->wake_arg = &wakes;
    expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"a\"}}");
    assert_int_equal(wakes, 1);
    assert_false(rig_pull(w.res.stream, &w.text));
    assert_non_null(strstr(str_c(&w.text), "\"type\":\"ADDED\""));
    rig_answer_fini(&w);
    rig_fini(&r);
}

/* A reader that does not read is told that it is behind, and let go. */
static void a_watch_that_fell_behind_ends_with_a_410(void **state)
{
    struct rig r;
    rig_init_keep(&r, 8);
    struct rig_answer w;
    open_watch(&r, "watch=true", &w);
    expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"a\"}}");
    for (int i = 0; i < 2000; i++) {
        char body[64];
        snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"%d\"}}", i);
        expect(&r, 200, "PUT", CMS "/a", body);
    }
    assert_true(rig_pull(w.res.stream, &w.text));
    struct err err;
    json_auto_t *event = NULL;
    const char *text = str_c(&w.text);
    const char *end = strchr(text, '\n');
    assert_int_equal(jx_parse(text, (size_t)(end - text), true, &event, &err), 0);
    assert_string_equal(jx_str(event, "type", ""), "ERROR");
    assert_int_equal(jx_int(event, "object.code", 0), 410);
    assert_string_equal(jx_str(event, "object.reason", ""), "Expired");
    rig_answer_fini(&w);

    struct rig_answer old; /* and nobody can begin there */
    rig_ask(
        &r,
        &(struct rig_ask){.method = "GET", .path = CMS, .query = "watch=true&resourceVersion=3"},
        &old);
    assert_int_equal(old.res.status, 410);
    assert_string_equal(jx_str(old.json, "reason", ""), "Expired");
    rig_answer_fini(&old);
    rig_fini(&r);
}

static void a_continue_token_expires_with_the_log(void **state)
{
    struct rig r;
    rig_init_keep(&r, 8);
    expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"a\"}}");
    expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"b\"}}");
    struct rig_answer first;
    rig_ask(&r, &(struct rig_ask){.method = "GET", .path = CMS, .query = "limit=1"}, &first);
    cleanup_free char *query =
        xasprintf("limit=1&continue=%s", jx_str(first.json, "metadata.continue", ""));
    rig_answer_fini(&first);
    for (int i = 0; i < 2000; i++) {
        char body[64];
        snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"%d\"}}", i);
        expect(&r, 200, "PUT", CMS "/a", body);
    }
    struct rig_answer next;
    rig_ask(&r, &(struct rig_ask){.method = "GET", .path = CMS, .query = query}, &next);
    assert_int_equal(next.res.status, 410);
    rig_answer_fini(&next);
    rig_fini(&r);
}

/* ---- agents and pods ---- */

#define PODS "/api/v1/namespaces/default/pods"
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
    expect(&r, 201, "POST", PODS, POD("p", "worker-1"));
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
    expect(&r, 500, "GET", PODS "/p/log", NULL);
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
    expect(&r, 201, "POST", PODS, POD("p", "worker-1"));
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
    expect(&r, 201, "POST", "/api/v1/namespaces/default/services",
           "{\"metadata\":{\"name\":\"web\"},\"spec\":{\"ports\":[{\"name\":\"http\",\"port\":80},"
           "{\"name\":\"admin\",\"port\":81}]}}");
    expect(&r, 201, "POST", SLICES,
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
    expect(&r, 201, "POST", ACCOUNTS, "{\"metadata\":{\"name\":\"robot\"}}");
    expect(&r, 404, "POST", ACCOUNTS "/robot/token", "{}"); /* nobody makes tokens */
    static const unsigned char key[32] = "key";
    struct auth *auth = auth_new("admin", key);
    api_set_auth(r.api, auth);
    struct rig_answer a;
    ask(&r, "POST", ACCOUNTS "/robot/token", "{\"spec\":{\"expirationSeconds\":600}}", &a);
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
    expect(&r, 404, "POST", ACCOUNTS "/none/token", "{}");
    expect(&r, 422, "POST", ACCOUNTS "/robot/token", "{\"spec\":{\"expirationSeconds\":5}}");
    expect(&r, 405, "GET", ACCOUNTS "/robot/token", NULL);
    rig_fini(&r);
    auth_free(auth);
}

static void the_clock_decides_how_long_a_silent_node_is_tolerated(void **state)
{
    struct rig r;
    rig_init(&r);
    api_set_toleration_seconds(r.api, 1);
    struct rig_answer a;
    ask(&r, "POST", PODS, POD("p", "worker-1"), &a);
    assert_int_equal(jx_int(a.json, "spec.tolerations[1].tolerationSeconds", 0), 1);
    rig_answer_fini(&a);
    api_set_toleration_seconds(r.api, -1);
    ask(&r, "POST", PODS, POD("q", "worker-1"), &a);
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
    ask(&r, "POST", CMS, body, &a);
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
    ask(&r, "GET", SLICES "/kubernetes", NULL, &a);
    assert_string_equal(jx_str(a.json, "endpoints[0].addresses[0]", ""), "10.77.0.9");
    assert_int_equal(jx_int(a.json, "ports[0].port", 0), 6444);
    rig_answer_fini(&a);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_answered_before_the_commit),
        cmocka_unit_test(a_commit_that_fails_is_a_503_for_writes_and_reads),
        cmocka_unit_test(a_peer_that_left_is_not_answered),
        cmocka_unit_test(answers_under_way_die_with_the_room),
        cmocka_unit_test(protobuf_bodies_are_read),
        cmocka_unit_test(hostile_bodies_change_nothing),
        cmocka_unit_test(a_mebibyte_fits_and_more_does_not),
        cmocka_unit_test(an_object_does_not_grow_for_ever),
        cmocka_unit_test(a_long_list_comes_in_pieces),
        cmocka_unit_test(a_list_does_not_see_what_comes_after_it),
        cmocka_unit_test(a_watch_wakes_its_reader),
        cmocka_unit_test(a_watch_that_fell_behind_ends_with_a_410),
        cmocka_unit_test(a_continue_token_expires_with_the_log),
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
