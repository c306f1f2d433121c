/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of a real container, and the words a kubelet has for what goes wrong. */
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "docker_testing.h"

static struct {
    char sandbox[96], app[96], address[16];
} pod;

static int setup(void **state)
{
    if (box_setup(state) != 0) {
        return -1;
    }
    struct box *x = *state;
    struct outcome o = {0};
    const struct runtime_spec sandbox = {.name = box_name(x, "s", pod.sandbox),
                                         .role = RUNTIME_SANDBOX,
                                         .host = "w1",
                                         .hash = "h",
                                         .address = box_address(x, 10, pod.address)};
    const struct runtime_spec app = {.name = box_name(x, "a", pod.app),
                                     .role = RUNTIME_APP,
                                     .host = "w1",
                                     .hash = "h",
                                     .image = "podlab/web:v2",
                                     .join = pod.sandbox};
    x->rt.ops->ensure(x->rt.self, &sandbox, 1, outcome_done, &o);
    loop_run_until(x->loop, &o.done, LOOP_S(60));
    o.done = false;
    x->rt.ops->ensure(x->rt.self, &app, 1, outcome_done, &o);
    loop_run_until(x->loop, &o.done, LOOP_S(60));
    outcome_fini(&o);
    return 0;
}

struct seen {
    bool done;
    int status;
    char body[512];
    struct err err;
};

static void on_probe(void *arg, int status, const char *body, const struct err *err)
{
    struct seen *s = arg;
    assert_false(s->done);
    s->done = true;
    s->status = status;
    s->err = *err;
    str_copy(s->body, sizeof(s->body), body);
}

static struct seen probe(struct box *x, const struct runtime_probe *p)
{
    struct seen s = {0};
    x->rt.ops->probe(x->rt.self, p, on_probe, &s);
    assert_false(s.done);
    assert_true(loop_run_until(x->loop, &s.done, LOOP_S(30)));
    return s;
}

static struct seen get(struct box *x, const char *path, int port)
{
    const struct runtime_probe p = {.address = pod.address,
                                    .port = port,
                                    .scheme = "http",
                                    .path = path,
                                    .timeout_ns = LOOP_S(1)};
    return probe(x, &p);
}

static void expect_words(const struct seen *s, const char *words)
{
    assert_int_equal(s->status, 0);
    if (strcmp(s->err.msg, words) != 0) {
        fail_msg("it says \"%s\", not \"%s\"", s->err.msg, words);
    }
}

static bool is_up(void *arg)
{
    struct box *x = arg;
    return get(x, "/healthz", 8080).status == 200;
}

static void test_http(void **state)
{
    struct box *x = *state;
    box_wait(x, is_up, x, "the app answers");
    assert_int_equal(get(x, "/healthz", 8080).status, 200);
    assert_int_equal(get(x, "readyz", 8080).status, 200); /* the slash may be missing */
    struct seen s = get(x, "/no/such/page", 8080);
    assert_int_equal(s.status, 404);
    assert_int_equal(s.err.code, ERR_NONE);
    s = get(x, "/", 8080);
    assert_int_equal(s.status, 200);
    assert_non_null(strstr(s.body, "v2"));
}

static void test_refused(void **state)
{
    struct box *x = *state;
    box_wait(x, is_up, x, "the app answers");
    cleanup_free char *dial = xasprintf("dial tcp %s:81: connect: connection refused", pod.address);
    cleanup_free char *words = xasprintf("Get \"http://%s:81/healthz\": %s", pod.address, dial);
    struct seen s = get(x, "/healthz", 81);
    expect_words(&s, words);
    const struct runtime_probe tcp = {
        .address = pod.address, .port = 81, .tcp = true, .timeout_ns = LOOP_S(1)};
    s = probe(x, &tcp);
    expect_words(&s, dial);
}

static void test_tcp(void **state)
{
    struct box *x = *state;
    box_wait(x, is_up, x, "the app answers");
    const struct runtime_probe p = {
        .address = pod.address, .port = 8080, .tcp = true, .timeout_ns = LOOP_S(1)};
    struct seen s = probe(x, &p);
    assert_int_equal(s.status, 200);
    assert_int_equal(s.err.code, ERR_NONE);
    const struct runtime_probe odd = {
        .address = "nowhere", .port = 8080, .tcp = true, .timeout_ns = LOOP_S(1)};
    s = probe(x, &odd);
    assert_int_equal(s.status, 0);
    assert_int_equal(s.err.code, ERR_INVALID);
}

/* A frozen process accepts connections (the kernel does) and never answers. */
static void test_reads_time_out(void **state)
{
    struct box *x = *state;
    cleanup_outcome struct outcome o = {0};
    box_wait(x, is_up, x, "the app answers");
    BOX_CALL(x, &o, RUNTIME_OK, pause, pod.app, true);
    uint64_t start = loop_mono_ns(x->loop);
    struct seen s = get(x, "/healthz", 8080);
    uint64_t took = loop_mono_ns(x->loop) - start;
    assert_int_equal(s.err.code, ERR_TIMEOUT);
    cleanup_free char *words =
        xasprintf("Get \"http://%s:8080/healthz\": context deadline exceeded (Client.Timeout "
                  "exceeded while awaiting headers)",
                  pod.address);
    expect_words(&s, words);
    assert_true(took >= LOOP_MS(900) && took < LOOP_S(3));
    BOX_CALL(x, &o, RUNTIME_OK, pause, pod.app, false);
}

static void test_nobody_there(void **state)
{
    struct box *x = *state;
    char empty[16];
    const struct runtime_probe p = {.address = box_address(x, 200, empty),
                                    .port = 8080,
                                    .tcp = true,
                                    .timeout_ns = LOOP_MS(300)};
    struct seen s = probe(x, &p);
    assert_int_equal(s.status, 0);
    assert_int_equal(s.err.code, ERR_TIMEOUT);
    assert_non_null(strstr(s.err.msg, "i/o timeout"));
}

/* ---- answers that no container gives: a server of the test's own ---- */

/* Accepts one connection on 127.0.0.1, reads a request, sends `answer` and closes; in a child. */
static int serve_once(const char *answer, size_t n, pid_t *child)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(fd, 4) != 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &len) != 0) {
        fail_msg("no server");
    }
    *child = fork();
    if (*child == 0) {
        char request[4096];
        alarm(20);
        int c = accept(fd, NULL, NULL);
        (void)!read(c, request, sizeof(request));
        for (size_t at = 0; at < n;) {
            ssize_t sent = send(c, answer + at, n - at, MSG_NOSIGNAL);
            if (sent <= 0) {
                break;
            }
            at += (size_t)sent;
        }
        _exit(0);
    }
    close(fd);
    return ntohs(sa.sin_port);
}

static struct seen get_from(struct box *x, const char *answer, size_t n)
{
    pid_t child;
    int port = serve_once(answer, n, &child);
    const struct runtime_probe p = {
        .address = "127.0.0.1", .port = port, .path = "/", .timeout_ns = LOOP_S(2)};
    struct seen s = probe(x, &p);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return s;
}

static void test_odd_answers(void **state)
{
    struct box *x = *state;
    struct seen s = get_from(x, "", 0);
    assert_int_equal(s.status, 0);
    assert_non_null(strstr(s.err.msg, "EOF"));
    s = get_from(x, "garbage\r\n\r\n", 11);
    assert_int_equal(s.status, 0);
    assert_int_not_equal(s.err.code, ERR_NONE);
    static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    s = get_from(x, half, sizeof(half) - 1);
    assert_true(s.status == 200 || s.status == 0);
    cleanup_str struct str huge = STR_INIT;
    for (int error = 0; error < 2;
         error++) { /* a good answer and a bad one, both too long to keep */
        str_clear(&huge);
        str_add_f(&huge, "HTTP/1.1 %s\r\nContent-Length: 5000000\r\n\r\n",
                  error ? "500 No" : "200 OK");
        for (int i = 0; i < 500000; i++) {
            str_add(&huge, "0123456789");
        }
        s = get_from(x, huge.p, huge.len);
        assert_int_equal(s.status, error ? 500 : 200);
        assert_int_equal(s.err.code, ERR_NONE);
    }
}

static void test_many_at_once_and_then_none(void **state)
{
    struct box *x = *state;
    struct seen s[50] = {{0}};
    char paths[50][32];
    box_wait(x, is_up, x, "the app answers");
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        snprintf(paths[i], sizeof(paths[i]), "/healthz?n=%zu", i);
        const struct runtime_probe p = {
            .address = pod.address, .port = 8080, .path = paths[i], .timeout_ns = LOOP_S(10)};
        x->rt.ops->probe(x->rt.self, &p, on_probe, &s[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        assert_true(loop_run_until(x->loop, &s[i].done, LOOP_S(30)));
        assert_int_equal(s[i].status, 200);
    }
    struct seen never = {0};
    const struct runtime_probe p = {
        .address = pod.address, .port = 8080, .path = "/", .timeout_ns = LOOP_S(10)};
    x->rt.ops->probe(x->rt.self, &p, on_probe, &never);
    box_reopen(x); /* the driver dies with a probe under way */
    assert_false(never.done);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, box_teardown)
    int rc;
    const struct CMUnitTest tests[] = {
        T(test_http),
        T(test_refused),
        T(test_tcp),
        T(test_reads_time_out),
        T(test_nobody_there),
        T(test_odd_answers),
        T(test_many_at_once_and_then_none),
    };
    return box_have_docker(&rc) ? cmocka_run_group_tests(tests, NULL, NULL) : rc;
}
