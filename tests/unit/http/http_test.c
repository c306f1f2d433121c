/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let in, how refusals look, and how answers leave over more than one socket. */
#include "fixture.h"

#define CMS "/api/v1/namespaces/default/configmaps"

static void expect_status(struct fixture *f, struct ask a, int code, const char *reason)
{
    ask_start(f, &a);
    ask_wait(f, &a.done);
    json_auto_t *j = NULL;
    struct err err;
    if (a.status != code || jx_parse(str_c(&a.text), a.text.len, false, &j, &err) < 0) {
        fail_msg("%s: %d, not %d: %s %s", a.path, a.status, code, str_c(&a.text), a.err.msg);
    }
    assert_string_equal(jx_str(j, "kind", ""), "Status");
    assert_string_equal(jx_str(j, "apiVersion", ""), "v1");
    assert_string_equal(jx_str(j, "status", ""), "Failure");
    assert_string_equal(jx_str(j, "reason", ""), reason);
    assert_int_equal(jx_int(j, "code", 0), code);
    assert_true(jx_str(j, "message", "")[0] != '\0');
    assert_non_null(strstr(str_c(&a.head), "Content-Type: application/json"));
    ask_fini(&a);
}

static void test_callers(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    expect(&f, (struct ask){.path = "/healthz"}, 200, "ok");
    expect(&f, (struct ask){.path = "/version"}, 200, "v1.35.0+podlab");
    expect_status(&f, (struct ask){.path = CMS}, 401, "Unauthorized");
    expect_status(&f, (struct ask){.path = "/no/such/path"}, 401, "Unauthorized");
    expect_status(&f, (struct ask){.path = CMS, .token = "wrong"}, 401, "Unauthorized");
    expect_status(&f, (struct ask){.path = "/healthz", .token = "wrong"}, 401, "Unauthorized");
    static const char *const basic[] = {"Authorization: Basic c2VjcmV0", NULL};
    expect_status(&f, (struct ask){.path = CMS, .headers = basic}, 401, "Unauthorized");
    expect(&f, (struct ask){.path = CMS, .token = "secret"}, 200, "ConfigMapList");
    cleanup_free char *robot = auth_service_account_token(f.auth, "default", "robot", "uid");
    expect_status(&f, (struct ask){.path = CMS, .token = robot}, 403, "Forbidden");
    expect(&f, (struct ask){.path = "/api", .token = robot}, 200, "APIVersions");
    tear_down(&f);
}

static void test_certificates(void **state)
{
    struct fixture f;
    struct certs_pair stranger = {0};
    (void)state;
    set_up(&f);
    struct certs_pair admin = issue(&f, &f.ca, "ann", "system:masters", 0);
    struct certs_pair other = issue(&f, &f.ca, "bob", "friends", 0);
    make_ca(&stranger);
    struct certs_pair forged = issue(&f, &stranger, "eve", "system:masters", 0);
    expect(&f, (struct ask){.path = CMS, .cert = &admin}, 200, "ConfigMapList");
    expect(&f, (struct ask){.path = CMS, .cert = &other}, 403, "User \\\"bob\\\" cannot list");
    struct ask a = {.path = CMS, .cert = &forged};
    ask_start(&f, &a);
    ask_wait(&f, &a.done);
    assert_true(a.status == 401 || a.status == 0); /* refused here or in the handshake */
    ask_fini(&a);
    /* a server's certificate is not a user's */
    expect_status(&f, (struct ask){.path = CMS, .cert = &f.server_cert}, 401, "Unauthorized");
    certs_pair_fini(&admin);
    certs_pair_fini(&other);
    certs_pair_fini(&forged);
    certs_pair_fini(&stranger);
    tear_down(&f);
}

static void test_refusals(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    static const char type[] = "application/json";
    size_t n = 1536 * 1024 + 1;
    cleanup_free char *big = xmalloc(n + 1);
    memset(big, 'a', n);
    big[n] = '\0';
    struct ask a = {.method = "POST", .path = CMS, .token = "secret", .type = type, .body = big};
    expect_status(&f, a, 413, "RequestEntityTooLarge");
    a.body = "{";
    expect_status(&f, a, 400, "BadRequest");
    a.type = "text/csv";
    expect_status(&f, a, 415, "UnsupportedMediaType");
    expect_status(&f, (struct ask){.path = CMS "/none", .token = "secret"}, 404, "NotFound");
    expect_status(&f, (struct ask){.method = "PURGE", .path = CMS, .token = "secret"}, 405,
                  "MethodNotAllowed");
    tear_down(&f);
}

static void test_upgrades_are_refused_clearly(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    static const char *const websocket[] = {"Connection: Upgrade", "Upgrade: websocket", NULL};
    static const char *const spdy[] = {"Connection: Upgrade", "Upgrade: SPDY/3.1", NULL};
    static const char *const h2c[] = {"Connection: Upgrade", "Upgrade: h2c", NULL};
    static const char path[] = PODS "/p/exec?command=sh";
    struct ask a = {.path = path, .token = "secret", .headers = websocket};
    expect_status(&f, a, 404, "NotFound");
    make_pod_object(&f, "p", "127.0.0.1");
    expect_status(&f, a, 400, "BadRequest"); /* it is on no host */
    a.method = "POST";
    a.headers = spdy;
    expect_status(&f, a, 400, "BadRequest");
    a.token = NULL;
    expect_status(&f, a, 401, "Unauthorized"); /* strangers learn nothing */
    struct ask watch = {.path = CMS "?watch=1", .token = "secret", .headers = websocket};
    expect_status(&f, watch, 400, "BadRequest");
    struct ask plain = {.path = CMS, .token = "secret", .headers = h2c};
    expect(&f, plain, 200, "ConfigMapList");
    tear_down(&f);
}

/* ---- sockets and streams ---- */

static void test_two_sockets(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    set_up(&f);
    int second = serve(&f);
    expect(&f, (struct ask){.path = "/healthz"}, 200, "ok");
    expect(&f, (struct ask){.path = "/healthz", .port = second}, 200, "ok");
    expect(&f, (struct ask){.path = CMS, .token = "secret", .port = second}, 200, "List");
    serve(&f);
    serve(&f);
    int fd = http_listen("127.0.0.1", 0, NULL, &err);
    assert_int_equal(http_serve(f.http, fd, &err), -1); /* and closes it */
    assert_int_equal(close(fd), -1);
    tear_down(&f);
}

static void create(struct fixture *f, const char *name)
{
    struct err err;
    json_t *obj = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "ConfigMap",
                            "metadata", "name", name);
    assert_int_equal(
        client_create(f->client, kinds_find_gr("configmaps"), "default", obj, NULL, &err), 0);
}

static void wait_text(struct fixture *f, struct ask *a, const char *needle)
{
    for (uint64_t end = loop_mono_ns(f->loop) + DEADLINE;
         strstr(str_c(&a->text), needle) == NULL;) {
        if (loop_mono_ns(f->loop) > end) {
            fail_msg("no \"%s\" came, but \"%s\"", needle, str_c(&a->text));
        }
        turn(f);
    }
}

static void test_a_watch_lives_until_the_end(void **state)
{
    (void)state;
    for (int quiet = 0; quiet < 2; quiet++) {
        struct fixture f;
        set_up(&f);
        struct ask a = {.path = CMS "?watch=true", .token = "secret"};
        ask_start(&f, &a);
        ask_wait(&f, &a.begun);
        create(&f, "one");
        wait_text(&f, &a, "\"one\"");
        create(&f, "two");
        if (quiet) {
            wait_text(&f, &a, "\"two\"");
        }
        http_free(f.http); /* under way or waiting */
        f.http = NULL;
        ask_wait(&f, &a.done);
        ask_fini(&a);
        tear_down(&f);
    }
}

/* An answer that comes after its caller left, and one after the server did. */
static void test_answers_for_nobody(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++) {
        struct fixture f;
        set_up(&f);
        struct ask a = {.method = "POST",
                        .path = CMS,
                        .token = "secret",
                        .type = "application/json",
                        .body = "{\"metadata\":{\"name\":\"late\"}}"};
        ask_start(&f, &a);
        struct err err;
        const struct kind *k = kinds_find_gr("configmaps");
        while (client_get(f.client, k, "default", "late", &err) == NULL && !a.done) {
            turn(&f); /* staged, perhaps not yet answered */
        }
        if (server) {
            http_free(f.http);
            f.http = NULL;
        } else {
            http_client_free(steal(a.client));
        }
        for (int i = 0; i < 20; i++) {
            turn(&f);
        }
        assert_non_null(client_get(f.client, k, "default", "late", &err));
        ask_fini(&a);
        tear_down(&f);
    }
}

/* ---- a caller of old ---- */

/* Sends bytes over TLS and reads to the end. */
static void talk_tls(struct fixture *f, const char *text, struct str *got)
{
    gnutls_session_t tls;
    gnutls_certificate_credentials_t cred;
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)f->port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    gnutls_certificate_allocate_credentials(&cred);
    gnutls_init(&tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    gnutls_set_default_priority(tls);
    gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, cred);
    gnutls_transport_set_int(tls, fd);
    gnutls_transport_set_pull_timeout_function(tls, gnutls_system_recv_timeout);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    int rc;
    while ((rc = gnutls_handshake(tls)) != 0 && gnutls_error_is_fatal(rc) == 0) {
        turn(f);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(gnutls_record_send(tls, text, strlen(text)), strlen(text));
    for (uint64_t end = loop_mono_ns(f->loop) + DEADLINE;;) {
        char buf[4096];
        ssize_t n = gnutls_record_recv(tls, buf, sizeof(buf));
        if (n > 0) {
            str_add_n(got, buf, (size_t)n);
        } else if (n == 0 || gnutls_error_is_fatal((int)n) != 0) {
            break;
        }
        assert_true(loop_mono_ns(f->loop) < end);
        turn(f);
    }
    gnutls_deinit(tls);
    gnutls_certificate_free_credentials(cred);
    close(fd);
}

static void test_http_1_0(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    cleanup_str struct str got = STR_INIT;
    talk_tls(&f, "GET " CMS " HTTP/1.0\r\nAuthorization: Bearer secret\r\n\r\n", &got);
    assert_non_null(strstr(str_c(&got), " 200 OK\r\n"));
    assert_null(strstr(str_c(&got), "chunked"));
    assert_non_null(strstr(str_c(&got), "\"ConfigMapList\""));
    assert_int_equal(got.p[got.len - 1] == '}' || got.p[got.len - 1] == '\n', 1);
    tear_down(&f);
}

static void test_listen(void **state)
{
    struct err err;
    (void)state;
    int fd = http_listen("127.0.0.1", 0, NULL, &err);
    assert_true(fd >= 0);
    int port = http_port(fd);
    assert_true(port > 0);
    assert_int_equal(http_listen("127.0.0.1", port, NULL, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "is in use by another program"));
    close(fd);
    assert_int_equal(http_listen("localhost", 0, NULL, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(http_listen("127.0.0.1", 0, "no-such-dev0", &err), -1);
    assert_non_null(strstr(err.msg, "no-such-dev0"));
    assert_int_equal(http_port(-1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callers),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_upgrades_are_refused_clearly),
        cmocka_unit_test(test_two_sockets),
        cmocka_unit_test(test_a_watch_lives_until_the_end),
        cmocka_unit_test(test_answers_for_nobody),
        cmocka_unit_test(test_http_1_0),
        cmocka_unit_test(test_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
