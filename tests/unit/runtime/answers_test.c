/* SPDX-License-Identifier: Apache-2.0 */
/* A daemon that answers nonsense: half answers, other types, broken JSON, refusals. Every call of
 * the driver must still be answered, once, and nothing may crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "runtime/docker/docker.h"

/* ---- the daemon ---- */

#define OK_JSON(json)                                                                              \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" json
#define NOTHING "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
#define CONTAINER                                                                                  \
    "{\"Id\":\"abc\",\"Name\":\"/c1\",\"State\":{\"Status\":\"running\"},\"Config\":{\"Labels\":{" \
    "\"dev.podlab.cluster-uid\":\"u1\",\"dev.podlab.hash\":\"h\"}}}"
#define NETWORK                                                                                    \
    "{\"Id\":\"n1\",\"Labels\":{\"dev.podlab.cluster-uid\":\"u1\"},\"IPAM\":{\"Config\":[{"        \
    "\"Subnet\":\"10.91.0.0/16\"}]}}"

/* What a well-behaved daemon says; the first row whose words are in the request line. */
static const struct {
    const char *words, *answer;
} manners[] = {
    {"/version", OK_JSON("{\"ApiVersion\":\"1.41\"}")},
    {"/_ping", OK_JSON("")},
    {"/events", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"}, /* and goes on */
    {"/networks/podlab-x", OK_JSON(NETWORK)},
    {"/networks?", OK_JSON("[{\"Id\":\"n1\"}]")},
    {"/images/json", OK_JSON("[{\"Id\":\"i\",\"RepoTags\":[\"podlab/web:v1\"],\"Size\":1}]")},
    {"/images/load", OK_JSON("{\"stream\":\"Loaded\"}\n")},
    {"/images/create", OK_JSON("{\"status\":\"Pulling\"}\n{\"status\":\"Done\"}\n")},
    {"/images/",
     "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n{\"message\":\"No such image\"}"},
    {"/containers/json", OK_JSON("[{\"Id\":\"abc\",\"Names\":[\"/c1\"]}]")},
    {"/containers/create", "HTTP/1.1 201 Created\r\nConnection: close\r\n\r\n{\"Id\":\"abc\"}"},
    {"/exec HTTP",
     "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
     "{\"Id\":\"e1\"}"},
    {"/exec/e1/json", OK_JSON("{\"Running\":false,\"ExitCode\":3}")},
    {"/exec/", "HTTP/1.1 101 UPGRADED\r\n\r\n\1\0\0\0\0\0\0\0"},
    {"/attach", "HTTP/1.1 101 UPGRADED\r\n\r\n"},
    {"/logs", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"},
    {"DELETE /v1.41/containers", NOTHING},
    {"/json", OK_JSON(CONTAINER)},
    {"/volumes?", OK_JSON("{\"Volumes\":[{\"Name\":\"v\"}]}")},
    {"", NOTHING},
};

static struct {
    char dir[64], path[96];
    int listener;
    pthread_t thread;
    atomic_bool end;
    /* One kind of request gets this instead. */
    const char *bad_words, *bad;
    size_t bad_len;
    int events; /* the open stream */
} daemon_;

static void send_all(int fd, const char *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t sent = send(fd, bytes + at, n - at, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        at += (size_t)sent;
    }
}

/* How long a whole request is, once its headers are here; 0 before. */
static size_t request_len(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\nContent-Length:");
    if (end == NULL) {
        return 0;
    }
    return (size_t)(end - text) + 4 +
           (length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

/* Keeps the beginning in `text`. */
static bool read_request(int fd, char *text, size_t size)
{
    size_t len = 0, want = 0;
    char drain[65536];
    while (want == 0 || len < want) {
        bool room = len < size - 1;
        ssize_t n =
            room ? recv(fd, text + len, size - 1 - len, 0) : recv(fd, drain, sizeof(drain), 0);
        if (n <= 0) {
            return false;
        }
        len += (size_t)n;
        text[len < size ? len : size - 1] = '\0';
        want = want != 0 ? want : request_len(text);
    }
    return true;
}

static void answer(int fd)
{
    static char text[65536];
    if (!read_request(fd, text, sizeof(text))) {
        return;
    }
    text[strcspn(text, "\r")] = '\0';
    if (daemon_.bad_words != NULL && strstr(text, daemon_.bad_words) != NULL) {
        send_all(fd, daemon_.bad, daemon_.bad_len);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
        if (strstr(text, manners[i].words) != NULL) {
            size_t n = strlen(manners[i].answer);
            n += strstr(manners[i].answer, "101 UPGRADED\r\n\r\n\1") != NULL ? 7 : 0;
            send_all(fd, manners[i].answer, n);
            if (strcmp(manners[i].words, "/events") == 0) {
                if (daemon_.events >= 0) {
                    close(daemon_.events);
                }
                daemon_.events = dup(fd);
            }
            return;
        }
    }
}

static void *serve(void *arg)
{
    (void)arg;
    while (!atomic_load(&daemon_.end)) {
        struct pollfd p = {.fd = daemon_.listener, .events = POLLIN};
        if (poll(&p, 1, 50) > 0) {
            int fd = accept4(daemon_.listener, NULL, NULL, SOCK_CLOEXEC);
            answer(fd);
            close(fd);
        }
    }
    return NULL;
}

static int start_daemon(void **state)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    (void)state;
    snprintf(daemon_.dir, sizeof(daemon_.dir), "/tmp/podlab-answers-XXXXXX");
    assert_non_null(mkdtemp(daemon_.dir));
    snprintf(daemon_.path, sizeof(daemon_.path), "%s/docker.sock", daemon_.dir);
    str_copy(sa.sun_path, sizeof(sa.sun_path), daemon_.path);
    daemon_.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    daemon_.events = -1;
    atomic_store(&daemon_.end, false);
    if (bind(daemon_.listener, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
        listen(daemon_.listener, 64) != 0) {
        return -1;
    }
    return pthread_create(&daemon_.thread, NULL, serve, NULL);
}

static int stop_daemon(void **state)
{
    (void)state;
    atomic_store(&daemon_.end, true);
    pthread_join(daemon_.thread, NULL);
    close(daemon_.listener);
    if (daemon_.events >= 0) {
        close(daemon_.events);
    }
    unlink(daemon_.path);
    rmdir(daemon_.dir);
    return 0;
}

/* ---- the calls ---- */

struct caller {
    struct loop *loop;
    struct runtime rt;
    unsigned asked, answered, failed;
    bool is_answered;
};

static void on_done(void *arg, enum runtime_result result, const struct runtime_status *st,
                    const struct err *err)
{
    struct caller *c = arg;
    c->answered++;
    c->is_answered = true;
    c->failed += result != RUNTIME_OK;
    assert_true((result == RUNTIME_OK) == (err->code == ERR_NONE));
    assert_true(result == RUNTIME_OK || err->msg[0] != '\0');
    if (st != NULL) {
        free(runtime_status_copy(st)); /* all of it can be read */
    }
}

static void on_list(void *arg, enum runtime_result result, const struct runtime_status *list,
                    size_t n, const struct err *err)
{
    on_done(arg, result, n > 0 ? &list[n - 1] : NULL, err);
}

static void on_images(void *arg, const struct runtime_image *v, size_t n, const struct err *err)
{
    on_done(arg, err->code == ERR_NONE ? RUNTIME_OK : RUNTIME_FAILED, NULL, err);
}

static bool on_data(void *arg, int fd, const char *bytes, size_t n)
{
    return true;
}

static void on_end(void *arg, const struct err *err)
{
    on_done(arg, err->code == ERR_NONE ? RUNTIME_OK : RUNTIME_FAILED, NULL, err);
}

static const struct runtime_stream_ops stream_ops = {.on_data = on_data, .on_end = on_end};

static const struct runtime_spec spec = {
    .name = "c1", .role = RUNTIME_SANDBOX, .host = "h", .hash = "h", .address = "10.91.1.1"};

static void wait_answer(struct caller *c, const char *what)
{
    c->asked++;
    if (!loop_run_until(c->loop, &c->is_answered, LOOP_S(90))) {
        fail_msg("%s is not answered, when %s is: %.60s", what,
                 daemon_.bad_words != NULL ? daemon_.bad_words : "nothing", daemon_.bad);
    }
    if (c->answered != c->asked) {
        fail_msg("%s is answered twice", what);
    }
    c->is_answered = false;
}

static void call_streams(struct caller *c)
{
    const struct runtime_ops *o = c->rt.ops;
    const char *const command[] = {"sh", NULL};
    const struct runtime_exec exec = {.command = command};
    struct runtime_stream *s =
        o->logs(c->rt.self, "c1", &(struct runtime_log_opts){.tail = -1}, &stream_ops, c);
    wait_answer(c, "logs");
    o->stream_free(s);
    s = o->attach(c->rt.self, "c1", &stream_ops, c);
    wait_answer(c, "attach");
    o->stream_free(s);
    s = o->exec(c->rt.self, "c1", &exec, &stream_ops, c);
    wait_answer(c, "exec");
    o->stream_free(s);
}

static void call_everything(struct caller *c)
{
    const struct runtime_ops *o = c->rt.ops;
    void *self = c->rt.self;
    o->recover(self, on_done, c);
    wait_answer(c, "recover");
    o->ensure(self, &spec, 1, on_done, c);
    wait_answer(c, "ensure");
    o->list(self, on_list, c);
    wait_answer(c, "list");
    o->inspect(self, "c1", on_done, c);
    wait_answer(c, "inspect");
    o->pause(self, "c1", true, on_done, c);
    wait_answer(c, "pause");
    o->stop(self, "c1", 0, on_done, c);
    wait_answer(c, "stop");
    o->remove(self, "c1", on_done, c);
    wait_answer(c, "remove");
    o->volume_remove(self, "v", on_done, c);
    wait_answer(c, "volume_remove");
    o->image_find(self, "nginx", on_done, c);
    wait_answer(c, "image_find");
    o->image_pull(self, "nginx", NULL, on_done, c);
    wait_answer(c, "image_pull");
    o->image_load(self, "tar", 3, on_done, c);
    wait_answer(c, "image_load");
    o->image_list(self, on_images, c);
    wait_answer(c, "image_list");
    call_streams(c);
}

static void connect_with(struct caller *c, const char *words, const char *bad, size_t len)
{
    const struct runtime_cluster cluster = {
        .name = "x", .uid = "u1", .subnet = "10.91.0.0/16", .gateway = "10.91.0.1"};
    const struct docker_opts opts = {.socket = daemon_.path, .cluster = &cluster};
    struct err err;
    c->loop = loop_new();
    daemon_.bad_words = words;
    daemon_.bad = bad;
    daemon_.bad_len = len;
    assert_int_equal(docker_new(c->loop, &opts, &c->rt, &err), 0);
}

static unsigned try_answer(const char *words, const char *bad, size_t len)
{
    struct caller c = {0};
    connect_with(&c, words, bad, len);
    call_everything(&c);
    c.rt.ops->free(c.rt.self);
    loop_free(c.loop);
    return c.failed;
}

/* ---- the nonsense ---- */

static void test_good_manners(void **state)
{
    /* image_find: nginx is not there */
    assert_int_equal(try_answer(NULL, "", 0), 1);
}

/* Its list never gets shorter. */
static void test_destroy_gives_up(void **state)
{
    struct caller c = {0};
    connect_with(&c, NULL, "", 0);
    c.rt.ops->destroy(c.rt.self, on_done, &c);
    wait_answer(&c, "destroy");
    assert_int_equal(c.failed, 1);
    c.rt.ops->free(c.rt.self);
    loop_free(c.loop);
}

static const char *const kinds[] = {
    "/version",    "/events",          "/networks/",  "/images/json", "/images/load",
    "/images/cre", "/containers/json", "create?name", "/c1/json",     "/c1/start",
    "/c1/stop",    "DELETE",           "/volumes",    "/c1/logs",     "/c1/attach",
    "/c1/exec",    "/exec/e1/start",   "/exec/e1/js", "/c1/pause",
};

static void try_everywhere(const char *bad, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        try_answer(kinds[i], bad, len);
    }
}

static void test_no_http(void **state)
{
    static const char *const bad[] = {
        "",
        "garbage",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 999999 x\r\n\r\n",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        try_everywhere(bad[i], strlen(bad[i]));
    }
}

static void test_other_json(void **state)
{
    static const char *const bad[] = {
        "{",
        "[]",
        "{}",
        "null",
        "7",
        "\"x\"",
        "[[[]]]",
        "[null,1,{}]",
        "{\"Id\":[]}",
        "[{\"Names\":[]},{\"Names\":7}]",
        "[{\"Names\":[\"/../x\"]},{\"Names\":[\"/a b\"]}]",
        "{\"Id\":\"../../x\",\"Name\":\"/c1\",\"State\":{\"Status\":\"running\"}}",
        "{\"message\":7}",
        "{\"error\":\"no\"}",
        "{\"Volumes\":7}",
        "{\"Volumes\":[1,{\"Name\":2}]}",
        "{\"Id\":\"a\",\"Name\":\"/c1\",\"State\":{\"Status\":\"odd\"}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup_free char *text = xasprintf(OK_JSON("%s"), bad[i]);
        try_everywhere(text, strlen(text));
    }
    cleanup_str struct str deep = STR_INIT;
    str_add(&deep, OK_JSON(""));
    for (int i = 0; i < 100000; i++) {
        str_add_c(&deep, '[');
    }
    try_everywhere(deep.p, deep.len);
}

static void test_refusals(void **state)
{
    static const int statuses[] = {301, 304, 400, 404, 409, 500, 503};
    static const char *const bodies[] = {"", "no", "{\"message\":\"because\"}", "[]"};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        for (size_t j = 0; j < ARRAY_LEN(bodies); j++) {
            cleanup_free char *text =
                xasprintf("HTTP/1.1 %d No\r\nContent-Type: application/json\r\nConnection: "
                          "close\r\n\r\n%s",
                          statuses[i], bodies[j]);
            try_everywhere(text, strlen(text));
        }
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start_daemon, stop_daemon)
    jx_init();
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        T(test_good_manners), T(test_destroy_gives_up), T(test_no_http),
        T(test_other_json),   T(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
