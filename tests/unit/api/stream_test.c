/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and watches while they are read: in pieces, late, or not at all. */
#include "api/rig.h"

static void a_long_list_comes_in_pieces(void **state)
{
    struct rig r;
    rig_init(&r);
    for (int i = 0; i < 300; i++) {
        char body[128];
        snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"n%03d\"},\"data\":{\"k\":\"%d\"}}",
                 i, i);
        rig_expect(&r, 201, "POST", CMS, body);
    }
    struct rig_answer a;
    rig_send(&r, "GET", CMS, NULL, &a);
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
    rig_expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"1\"}}");
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
    rig_expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"b\"}}");
    rig_expect(&r, 200, "DELETE", CMS "/a", NULL);
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
    rig_expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"a\"}}");
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
    rig_expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"a\"}}");
    for (int i = 0; i < 2000; i++) {
        char body[64];
        snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"%d\"}}", i);
        rig_expect(&r, 200, "PUT", CMS "/a", body);
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
    rig_expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"a\"}}");
    rig_expect(&r, 201, "POST", CMS, "{\"metadata\":{\"name\":\"b\"}}");
    struct rig_answer first;
    rig_ask(&r, &(struct rig_ask){.method = "GET", .path = CMS, .query = "limit=1"}, &first);
    cleanup_free char *query =
        xasprintf("limit=1&continue=%s", jx_str(first.json, "metadata.continue", ""));
    rig_answer_fini(&first);
    for (int i = 0; i < 2000; i++) {
        char body[64];
        snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"%d\"}}", i);
        rig_expect(&r, 200, "PUT", CMS "/a", body);
    }
    struct rig_answer next;
    rig_ask(&r, &(struct rig_ask){.method = "GET", .path = CMS, .query = query}, &next);
    assert_int_equal(next.res.status, 410);
    rig_answer_fini(&next);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_list_comes_in_pieces),
        cmocka_unit_test(a_list_does_not_see_what_comes_after_it),
        cmocka_unit_test(a_watch_wakes_its_reader),
        cmocka_unit_test(a_watch_that_fell_behind_ends_with_a_410),
        cmocka_unit_test(a_continue_token_expires_with_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
