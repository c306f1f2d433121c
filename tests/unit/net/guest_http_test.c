/* SPDX-License-Identifier: Apache-2.0 */
/* The demo workloads: answers, answers that take time, readiness, the end without a dropped
 * request, and what is kept. */
#include "guest_fixture.h"

#include <dirent.h>
#include <sys/stat.h>

static pid_t pid;
static uint16_t port;
static char dir[64];

/* ---- a role in a child ---- */

static void start(int (*role)(int, char **))
{
    int probe = endpoint(SOCK_STREAM, &port);
    char text[16];
    snprintf(text, sizeof(text), "%u", port);
    setenv("PORT", text, 1);
    close(probe);
    pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDOUT_FILENO);
        _exit(role(0, NULL));
    }
}

static int wait_exit(void)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    pid = 0;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int try_connect(void)
{
    struct sockaddr_in a = loopback(INADDR_LOOPBACK, port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* It needs a moment to listen; a deadline, and no more than that moment. */
static int connect_to(void)
{
    for (int i = 0; i < PATIENCE_MS; i++) {
        int fd = try_connect();
        if (fd >= 0) {
            return fd;
        }
        poll(NULL, 0, 1);
    }
    fail_msg("nobody listens on port %u", port);
    return -1;
}

/* ---- requests ---- */

static char answer[70000];

/* Until the peer ends, or `until` was seen. */
static const char *read_answer(int fd, const char *until)
{
    size_t n = 0;
    answer[0] = '\0';
    while (until == NULL || strstr(answer, until) == NULL) {
        wait_readable(fd, "an answer");
        ssize_t more = recv(fd, answer + n, sizeof(answer) - 1 - n, 0);
        if (more <= 0) {
            break;
        }
        n += (size_t)more;
        answer[n] = '\0';
    }
    return answer;
}

static const char *ask(const char *request)
{
    int fd = connect_to();
    say_text(fd, request);
    read_answer(fd, NULL);
    close(fd);
    return answer;
}

static const char *get(const char *path)
{
    char request[300];
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
             path);
    return ask(request);
}

static void expect_status(const char *text, int status)
{
    char begin[32];
    snprintf(begin, sizeof(begin), "HTTP/1.1 %d ", status);
    if (strncmp(text, begin, strlen(begin)) != 0) {
        fail_msg("expected %d, got: %.200s", status, text);
    }
}

static void expect_in(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("expected \"%s\" in: %.400s", part, text);
    }
}

static int setup_web(void **state)
{
    setenv("VERSION", "v2", 1);
    setenv("POD_NAME", "web-7c9-abcde", 1);
    setenv("NODE_NAME", "worker-2", 1);
    setenv("DRAIN_MS", "50", 1);
    unsetenv("READY_DELAY");
    start(web_main);
    return 0;
}

static int teardown(void **state)
{
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        pid = 0;
    }
    return 0;
}

/* ---- web ---- */

static void a_line_for_curl_and_a_page_for_browsers(void **state)
{
    const char *text = get("/");
    expect_status(text, 200);
    expect_in(text, "X-Pod: web-7c9-abcde\r\n");
    expect_in(text, "\r\n\r\nweb v2 from web-7c9-abcde on worker-2\n");
    text = ask("GET / HTTP/1.0\r\nAccept: text/html,*/*\r\n\r\n");
    expect_in(text, "Content-Type: text/html");
    expect_in(text, "<h1>web v2</h1>");
    expect_in(text, "worker-2");
    expect_in(get("/info"), "\"version\":\"v2\",\"pod\":\"web-7c9-abcde\"");
    expect_in(get("/env"), "\nVERSION=v2\n");
    expect_status(get("/nothing"), 404);
}

static void connections_are_kept(void **state)
{
    int fd = connect_to();
    for (int i = 0; i < 3; i++) {
        say_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        expect_status(read_answer(fd, "worker-2\n"), 200);
    }
    say_text(fd, "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const char *text = read_answer(fd, NULL);
    expect_in(text, "Content-Length: 38\r\n");
    assert_string_equal(text + strlen(text) - 4, "\r\n\r\n");
    close(fd);
}

static void requests_may_come_all_at_once(void **state)
{
    enum { MANY = 2000 };
    static char requests[MANY * 40];
    int fd = connect_to();
    unsigned answers = 0;
    for (int i = 0; i < MANY; i++) {
        strcat(requests + i * 18, "GET / HTTP/1.1\r\n\r\n");
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    size_t sent = 0;
    size_t len = strlen(requests);
    char tail[64] = "";
    while (answers < MANY) {
        char some[4097];
        struct pollfd p = {.fd = fd, .events = (short)(POLLIN | (sent < len ? POLLOUT : 0))};
        assert_true(poll(&p, 1, PATIENCE_MS) > 0);
        ssize_t w = sent < len ? send(fd, requests + sent, len - sent, MSG_NOSIGNAL) : 0;
        sent += w > 0 ? (size_t)w : 0;
        ssize_t n = recv(fd, some, sizeof(some) - 1, 0);
        for (ssize_t i = 0; i < n; i++) { /* each answer ends with this line */
            memmove(tail, tail + 1, 8);
            tail[8] = some[i];
            answers += strcmp(tail, "worker-2\n") == 0;
        }
        assert_true(n != 0);
    }
    close(fd);
}

static void slow_and_busy_answers_hold_up_nobody(void **state)
{
    int slow = connect_to();
    int busy = connect_to();
    say_text(slow, "GET /slow?ms=400 HTTP/1.0\r\n\r\n");
    say_text(busy, "GET /burn?ms=300 HTTP/1.0\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        expect_status(get("/"), 200);
    }
    struct pollfd p[2] = {{.fd = slow, .events = POLLIN}, {.fd = busy, .events = POLLIN}};
    assert_int_equal(poll(p, 2, 0), 0); /* they still wait */
    expect_in(read_answer(busy, NULL), "burnt 300 ms");
    expect_in(read_answer(slow, NULL), "slow: 400 ms later");
    close(slow);
    close(busy);
}

static void readiness_can_be_taken_away_and_given_back(void **state)
{
    expect_status(get("/readyz"), 200);
    expect_status(get("/readyz?fail=100"), 503);
    expect_status(get("/readyz"), 503);
    expect_status(get("/healthz"), 200);
    expect_status(get("/readyz?fail=0"), 200);
    expect_status(get("/healthz?fail=100"), 503);
    expect_status(get("/readyz"), 200);
}

static void a_slow_start_is_not_ready(void **state)
{
    teardown(NULL);
    setenv("READY_DELAY", "1", 1);
    start(web_main);
    expect_status(get("/readyz"), 503);
    expect_status(get("/healthz"), 200);
    for (int i = 0; strstr(answer, " 200 ") == NULL || i == 0; i++) {
        assert_true(i < PATIENCE_MS);
        poll(NULL, 0, 1);
        get("/readyz");
    }
}

static void a_crash_is_a_crash(void **state)
{
    assert_string_equal(get("/crash?code=3"), "");
    assert_int_equal(wait_exit(), 3);
}

static void nonsense_is_refused(void **state)
{
    static char big[20000];
    expect_status(ask("hello\r\n\r\n"), 400);
    expect_status(ask("GET relative HTTP/1.1\r\n\r\n"), 400);
    expect_status(ask("PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 413);
    expect_status(ask("PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"), 413);
    expect_status(ask("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 501);
    memset(big, 'a', sizeof(big) - 1);
    memcpy(big, "GET /", 5);
    expect_status(ask(big), 431);
    expect_status(get("/"), 200);
}

/* ---- the end ---- */

static void what_was_begun_is_finished(void **state)
{
    int slow = connect_to();
    int kept = connect_to();
    say_text(slow, "GET /slow?ms=300 HTTP/1.1\r\n\r\n");
    say_text(kept, "GET / HTTP/1.1\r\n\r\n");
    read_answer(kept, "worker-2\n");
    kill(pid, SIGTERM);
    int late = connect_to(); /* endpoints are still changing: it is taken */
    say_text(late, "GET / HTTP/1.1\r\n\r\n");
    const char *text = read_answer(late, NULL);
    expect_status(text, 200);
    say_text(kept, "GET / HTTP/1.1\r\n\r\n");
    text = read_answer(kept, NULL);
    expect_status(text, 200);
    expect_in(text, "Connection: close\r\n");
    text = read_answer(slow, NULL);
    expect_in(text, "slow: 300 ms later");
    assert_int_equal(wait_exit(), 0);
    assert_int_equal(try_connect(), -1);
    close(slow);
    close(kept);
    close(late);
}

static void an_idle_server_ends_at_once(void **state)
{
    int idle = connect_to();
    kill(pid, SIGTERM);
    assert_int_equal(wait_exit(), 0);
    close(idle);
}

/* ---- kv ---- */

static int setup_kv(void **state)
{
    strcpy(dir, "/tmp/podlab-kv-XXXXXX");
    assert_non_null(mkdtemp(dir));
    setenv("KV_DIR", dir, 1);
    start(kv_main);
    return 0;
}

static int teardown_kv(void **state)
{
    char path[600];
    teardown(state);
    DIR *d = opendir(dir);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        unlink(path);
    }
    closedir(d);
    rmdir(dir);
    return 0;
}

static const char *put(const char *key, const char *value)
{
    char request[300];
    snprintf(request, sizeof(request),
             "PUT %s HTTP/1.1\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", key,
             strlen(value), value);
    return ask(request);
}

static void keys_are_kept(void **state)
{
    expect_status(put("/color", "blue"), 201);
    expect_status(put("/color", "green"), 200);
    expect_status(put("/apple", ""), 201);
    expect_in(get("/color"), "\r\n\r\ngreen");
    expect_in(get("/"), "\r\n\r\napple\ncolor\n");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    start(kv_main); /* what was said to be stored is there */
    expect_in(get("/color"), "\r\n\r\ngreen");
    expect_status(ask("DELETE /color HTTP/1.0\r\n\r\n"), 200);
    expect_status(ask("DELETE /color HTTP/1.0\r\n\r\n"), 404);
    expect_status(get("/color"), 404);
}

static void keys_do_not_leave_their_folder(void **state)
{
    expect_status(get("/../etc"), 400);
    expect_status(get("/.."), 400);
    expect_status(get("/.new"), 400);
    expect_status(put("/a/b", "x"), 400);
    expect_status(put("/a%2fb", "x"), 400);
    expect_status(ask("PATCH /a HTTP/1.0\r\n\r\n"), 405);
}

static void a_large_value_waits_for_its_go(void **state)
{
    static char body[60001];
    int fd = connect_to();
    memset(body, 'b', sizeof(body) - 1);
    say_text(fd, "PUT /big HTTP/1.1\r\nContent-Length: 60000\r\nExpect: 100-continue\r\n"
                 "Connection: close\r\n\r\n");
    read_answer(fd, "100 Continue\r\n\r\n");
    say_text(fd, body);
    expect_status(read_answer(fd, NULL), 201);
    close(fd);
    const char *text = get("/big");
    assert_int_equal(strlen(strstr(text, "\r\n\r\n") + 4), 60000);
}

static void without_a_folder_it_says_so(void **state)
{
    unsetenv("KV_DIR");
    start(kv_main);
    assert_int_equal(wait_exit(), 1);
}

/* ---- load ---- */

static void load_says_what_became_of_its_requests(void **state)
{
    char url[64];
    char *args[] = {url, (char[]){"50"}, (char[]){"1"}};
    int out[2];
    expect_status(get("/"), 200);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t load = fork();
    if (load == 0) {
        dup2(out[1], STDOUT_FILENO);
        _exit(load_main(3, args));
    }
    close(out[1]);
    size_t n = 0;
    for (ssize_t more = 1; more > 0; n += (size_t)more) {
        wait_readable(out[0], "a line");
        more = read(out[0], answer + n, sizeof(answer) - 1 - n);
        assert_true(more >= 0);
    }
    answer[n] = '\0';
    int status;
    waitpid(load, &status, 0);
    close(out[0]);
    assert_int_equal(status, 0);
    unsigned answered = 0;
    unsigned failed = 99;
    const char *total = strstr(answer, "total: ");
    assert_non_null(total);
    assert_int_equal(sscanf(total, "total: %u answered, %*u slow, %u failed", &answered, &failed),
                     2);
    assert_in_range(answered, 40, 51);
    assert_int_equal(failed, 0);
    expect_in(total, "1 pods: web-7c9-abcde ");
}

#define WEB(name) cmocka_unit_test_setup_teardown(name, setup_web, teardown)
#define KV(name) cmocka_unit_test_setup_teardown(name, setup_kv, teardown_kv)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WEB(a_line_for_curl_and_a_page_for_browsers),
        WEB(connections_are_kept),
        WEB(requests_may_come_all_at_once),
        WEB(slow_and_busy_answers_hold_up_nobody),
        WEB(readiness_can_be_taken_away_and_given_back),
        WEB(a_slow_start_is_not_ready),
        WEB(a_crash_is_a_crash),
        WEB(nonsense_is_refused),
        WEB(what_was_begun_is_finished),
        WEB(an_idle_server_ends_at_once),
        KV(keys_are_kept),
        KV(keys_do_not_leave_their_folder),
        KV(a_large_value_waits_for_its_go),
        cmocka_unit_test_teardown(without_a_folder_it_says_so, teardown),
        WEB(load_says_what_became_of_its_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
