/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts cannot say: commits that fail, peers that leave, bodies that are no text. */
#include "api/rig.h"
#include "common/log.h"

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
    rig_expect(&r, 404, "GET", CMS "/a", NULL);  /* reading goes on */
    rig_expect(&r, 503, "GET", "/readyz", NULL); /* and it says so */
    rig_expect(&r, 200, "GET", "/livez", NULL);
    rig_expect(&r, 503, "POST", CMS, "{\"metadata\":{\"name\":\"b\"}}");
    memvfs_full(r.vfs, false);
    loop_sim_advance(r.loop, LOOP_S(5));
    rig_expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"c\"}}");
    rig_expect(&r, 200, "GET", "/readyz", NULL);
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
    rig_expect(&r, 200, "GET", CMS "/a", NULL); /* what was staged stays */
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
    rig_expect(&r, 201, "POST", CMS, str_c(&body));
    body.len = head + 1024 * 1024;
    str_add(&body, "x\"}}");
    memcpy(strstr(body.p, "\"a\""), "\"b\"", 3);
    struct rig_answer a;
    rig_send(&r, "POST", CMS, str_c(&body), &a);
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
    rig_expect(&r, 201, "POST", host, "{\"metadata\":{\"name\":\"h\"}}");
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
