/* SPDX-License-Identifier: Apache-2.0 */
/* What Docker sends is read byte by byte and never believed: states, frames, events, versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/mem.h"
#include "runtime/docker/docker_event.h"
#include "runtime/docker/docker_frames.h"
#include "runtime/docker/docker_impl.h"
#include "runtime/docker/docker_status.h"
#include "runtime/docker/docker_version.h"

static json_t *parse(const char *text)
{
    json_t *json = NULL;
    struct err err;
    if (jx_parse(text, strlen(text), false, &json, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    return json;
}

/* ---- status ---- */

static void test_status(void **state)
{
    json_t *json = parse(
        "{\"Id\":\"abc\",\"Name\":\"/web\",\"Image\":\"sha256:1\",\"State\":{\"Status\":\"exited\","
        "\"ExitCode\":137,\"OOMKilled\":true,\"Error\":\"\",\"StartedAt\":"
        "\"2026-01-01T00:00:01.5Z\",\"FinishedAt\":\"2026-01-01T00:00:02.25+00:00\"},\"Config\":{"
        "\"Tty\":true,\"Labels\":{\"a\":\"b\",\"dev.podlab.cluster-uid\":\"u\",\"dev.podlab.role\":"
        "\"sandbox\",\"dev.podlab.epoch\":\"12\",\"dev.podlab.host\":\"w1\",\"dev.podlab.hash\":"
        "\"h\",\"dev.podlab.pod\":\"p\"}}}");
    struct docker_status s;
    struct err err;
    assert_int_equal(docker_status_read(json, &s, &err), 0);
    json_decref(json);
    assert_string_equal(s.st.name, "web");
    assert_int_equal(s.st.state, RUNTIME_EXITED);
    assert_int_equal(s.st.exit_code, 137);
    assert_true(s.st.oom_killed);
    assert_int_equal(s.st.started_us, 1767225601500000);
    assert_int_equal(s.st.finished_us, 1767225602250000);
    assert_int_equal(s.st.role, RUNTIME_SANDBOX);
    assert_int_equal(s.st.epoch, 12);
    assert_true(s.tty);
    assert_string_equal(s.st.labels[0], "a=b");
    assert_string_equal(s.st.labels[1], "dev.podlab.pod=p");
    assert_null(s.st.labels[2]);
    struct runtime_status *copy = runtime_status_copy(&s.st);
    docker_status_fini(&s);
    assert_string_equal(copy->labels[1], "dev.podlab.pod=p");
    assert_string_equal(copy->image_id, "sha256:1");
    free(copy);
}

static void test_the_end_is_not_before_the_start(void **state)
{
    static const struct {
        const char *status;
        int64_t finished_us;
    } rows[] = {{"exited", 1767225602000000}, {"running", 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_free char *text =
            xasprintf("{\"Id\":\"a\",\"Name\":\"/a\",\"State\":{\"Status\":\"%s\",\"StartedAt\":"
                      "\"2026-01-01T00:00:02Z\",\"FinishedAt\":\"2026-01-01T00:00:01.9Z\"}}",
                      rows[i].status);
        json_t *json = parse(text);
        struct docker_status s;
        struct err err;
        assert_int_equal(docker_status_read(json, &s, &err), 0);
        assert_int_equal(s.st.finished_us, rows[i].finished_us);
        docker_status_fini(&s);
        json_decref(json);
    }
}

static void test_odd_statuses_are_errors(void **state)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "7",
        "null",
        "{\"Id\":\"a\",\"State\":{\"Status\":\"running\"}}",
        "{\"Name\":\"/a\",\"State\":{\"Status\":\"running\"}}",
        "{\"Id\":\"a\",\"Name\":\"/\",\"State\":{\"Status\":\"running\"}}",
        "{\"Id\":\"a\",\"Name\":\"/a\"}",
        "{\"Id\":\"a\",\"Name\":\"/a\",\"State\":{\"Status\":\"flying\"}}",
        "{\"Id\":5,\"Name\":\"/a\",\"State\":{\"Status\":\"running\"}}",
        "{\"Id\":\"a\",\"Name\":[\"/a\"],\"State\":\"running\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        json_t *json = parse(bad[i]);
        struct docker_status s;
        struct err err = {0};
        if (docker_status_read(json, &s, &err) == 0) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_int_equal(err.code, ERR_INTERNAL);
        json_decref(json);
    }
    json_t *json = parse("{\"Id\":\"a\",\"Name\":\"/a\",\"Config\":{\"Labels\":[1],\"Tty\":\"x\"},"
                         "\"State\":{\"Status\":\"created\",\"ExitCode\":\"x\",\"StartedAt\":7,"
                         "\"FinishedAt\":\"0001-01-01T00:00:00Z\"}}");
    struct docker_status s;
    struct err err;
    assert_int_equal(docker_status_read(json, &s, &err), 0); /* the rest has defaults */
    assert_int_equal(s.st.started_us, 0);
    assert_int_equal(s.st.finished_us, 0);
    assert_int_equal(s.st.role, RUNTIME_APP);
    docker_status_fini(&s);
    json_decref(json);
}

/* ---- frames ---- */

/* Everything a stream says, as "1:text|", fed in slices of one size. -1 when it is no stream. */
static int read_frames(const char *bytes, size_t n, size_t slice, struct str *out, struct err *err)
{
    struct docker_frames f = {0};
    for (size_t at = 0; at < n;) {
        size_t end = at + slice < n ? at + slice : n;
        while (at < end) {
            const char *piece;
            size_t len;
            int fd;
            int64_t used = docker_frames_next(&f, bytes + at, end - at, &piece, &len, &fd, err);
            if (used < 0) {
                return -1;
            }
            assert_true(used > 0);
            for (size_t i = 0; i < len; i++) {
                str_add_f(out, "%d%c", fd, piece[i]);
            }
            at += (size_t)used;
        }
    }
    return docker_frames_end(&f, err);
}

static void test_frames_in_any_slices(void **state)
{
    static const char bytes[] = "\1\0\0\0\0\0\0\3abc"
                                "\2\0\0\0\0\0\0\1x"
                                "\1\0\0\0\0\0\0\0"
                                "\1\0\0\0\0\0\0\2de";
    for (size_t slice = 1; slice <= sizeof(bytes); slice++) {
        cleanup_str struct str out = STR_INIT;
        struct err err;
        assert_int_equal(read_frames(bytes, sizeof(bytes) - 1, slice, &out, &err), 0);
        assert_string_equal(str_c(&out), "1a1b1c2x1d1e");
    }
}

static void test_frames_that_are_none(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        {"\7\0\0\0\0\0\0\1x", 9},    /* no such stream */
        {"\1\0\1\0\0\0\0\1x", 9},    /* padding that is none */
        {"hello world", 11},         /* a terminal's */
        {"\1\0\0\0\0\0\0\5abc", 11}, /* cut within the payload */
        {"\1\0\0", 3},               /* cut within the header */
        {"\1\0\0\0\377\377\377\377abc", 11},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup_str struct str out = STR_INIT;
        struct err err = {0};
        assert_int_equal(read_frames(bad[i].bytes, bad[i].n, 4, &out, &err), -1);
        assert_int_not_equal(err.code, ERR_NONE);
    }
}

/* ---- events ---- */

static bool on_event(void *arg, const struct docker_event *ev)
{
    str_add_f(arg, "%s:%s:%s:%d ", ev->network != NULL ? ev->id : ev->name, ev->host, ev->action,
              ev->exit_code);
    return true;
}

static void test_events_in_any_slices(void **state)
{
    static const char text[] =
        "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"1\",\"Attributes\":{"
        "\"name\":\"web\",\"exitCode\":\"3\",\"dev.podlab.host\":\"w1\"}}}\n"
        "{\"Type\":\"container\",\"Action\":\"exec_start: sh\",\"Actor\":{\"Attributes\":{"
        "\"name\":\"web\"}}}\n"
        "garbage\n\n"
        "{\"Type\":\"network\",\"Action\":\"create\",\"Actor\":{\"Attributes\":{\"name\":\"n\"}}}\n"
        "{\"Type\":\"network\",\"Action\":\"disconnect\",\"Actor\":{\"ID\":\"77\",\"Attributes\":{"
        "\"container\":\"1\",\"name\":\"n\",\"type\":\"bridge\"}}}\n"
        "{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"Attributes\":{\"name\":\"n\"}}}"
        "\n"
        "[1]\n{\"Action\":7}\n{\"Action\":\"die\",\"Actor\":{\"Attributes\":{\"name\":\"\"}}}\n"
        "{\"status\":\"start\",\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{"
        "\"Attributes\":{\"name\":\"db\",\"exitCode\":\"999\"}}}\r\n";
    for (size_t slice = 1; slice <= sizeof(text); slice += 3) {
        struct docker_event_reader r = {0};
        cleanup_str struct str out = STR_INIT;
        struct err err;
        for (size_t at = 0; at < sizeof(text) - 1; at += slice) {
            size_t n = sizeof(text) - 1 - at;
            n = n < slice ? n : slice;
            assert_int_equal(docker_event_feed(&r, text + at, n, on_event, &out, &err), 0);
        }
        assert_string_equal(str_c(&out), "web:w1:die:3 1::disconnect:0 db::start:0 ");
        docker_event_reader_fini(&r);
    }
}

static void test_an_endless_event_is_an_error(void **state)
{
    struct docker_event_reader r = {0};
    struct err err = {0};
    char piece[4096];
    int rc = 0;
    memset(piece, 'x', sizeof(piece));
    for (int i = 0; rc == 0 && i < 1000; i++) {
        rc = docker_event_feed(&r, piece, sizeof(piece), on_event, NULL, &err);
    }
    assert_int_equal(rc, -1);
    assert_int_equal(err.code, ERR_INTERNAL);
    docker_event_reader_fini(&r);
}

/* ---- versions ---- */

static void test_versions(void **state)
{
    static const struct {
        const char *text, *chosen; /* NULL: refused, naming `words` */
        const char *words;
    } rows[] = {
        {"{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}", "1.41", NULL},
        {"{\"ApiVersion\":\"1.52\",\"MinAPIVersion\":\"1.44\"}", "1.51", NULL},
        {"{\"ApiVersion\":\"1.44\"}", "1.44", NULL},
        {"{\"ApiVersion\":\"1.40\",\"Version\":\"19.03\"}", NULL, "update Docker"},
        {"{\"ApiVersion\":\"1.90\",\"MinAPIVersion\":\"1.60\"}", NULL, "update podlab"},
        {"{\"ApiVersion\":\"2.0\"}", NULL, "no Docker Engine"},
        {"{\"ApiVersion\":1.41}", NULL, "no Docker Engine"},
        {"{\"ApiVersion\":\"1.41x\"}", NULL, "no Docker Engine"},
        {"[]", NULL, "no Docker Engine"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char chosen[DOCKER_VERSION_SIZE] = "";
        struct err err = {0};
        json_t *json = parse(rows[i].text);
        int rc = docker_version_choose(json, chosen, &err);
        json_decref(json);
        assert_int_equal(rc, rows[i].chosen != NULL ? 0 : -1);
        if (rc == 0) {
            assert_string_equal(chosen, rows[i].chosen);
        } else {
            assert_int_equal(err.code, ERR_UNAVAILABLE);
            assert_non_null(strstr(err.msg, rows[i].words));
        }
    }
}

static void test_refusals_keep_their_words(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum err_code code;
        const char *msg;
    } rows[] = {
        {404, "{\"message\":\"No such image: x\"}", ERR_NOT_FOUND, "No such image: x"},
        {409, "{\"message\":\"Conflict.\"}\n", ERR_CONFLICT, "Conflict."},
        {400, "page not found", ERR_INVALID, "Docker answered 400: page not found"},
        {500, "", ERR_INTERNAL, "Docker answered 500 and did not say why"},
        {500, "{\"message\":[1]}", ERR_INTERNAL, "Docker answered 500 and did not say why"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err;
        docker_answer_err(rows[i].status, rows[i].body, strlen(rows[i].body), &err);
        assert_int_equal(err.code, rows[i].code);
        assert_string_equal(err.msg, rows[i].msg);
    }
}

int main(void)
{
    jx_init();
    log_set_level(LOG_ERROR); /* garbage is fed on purpose */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_the_end_is_not_before_the_start),
        cmocka_unit_test(test_odd_statuses_are_errors),
        cmocka_unit_test(test_frames_in_any_slices),
        cmocka_unit_test(test_frames_that_are_none),
        cmocka_unit_test(test_events_in_any_slices),
        cmocka_unit_test(test_an_endless_event_is_an_error),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_refusals_keep_their_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
