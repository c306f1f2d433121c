/* SPDX-License-Identifier: Apache-2.0 */
/* exec, attach and ports of pods: what can be had, how it ends, and who ends it. */
#include "fixture.h"

#include "common/vec.h"

struct caller {
    struct fixture *f;
    struct api_pipe *pipe;
    struct str got;
    bool ended, take_nothing, free_at_end, free_at_output;
    unsigned outputs, drained;
    int exit_code;
    struct err err;
};

static bool on_output(void *arg, int fd, const char *bytes, size_t n)
{
    struct caller *c = arg;
    assert_non_null(c->pipe);
    assert_false(c->ended);
    (void)fd;
    c->outputs++;
    str_add_n(&c->got, bytes, n);
    if (c->free_at_output) {
        struct api_pipe *p = steal(c->pipe);
        p->free(p);
    }
    return !c->take_nothing;
}

static void on_drain(void *arg)
{
    ((struct caller *)arg)->drained++;
}

static void on_end(void *arg, int exit_code, const struct err *err)
{
    struct caller *c = arg;
    assert_false(c->ended);
    c->ended = true;
    c->exit_code = exit_code;
    c->err = *err;
    if (c->free_at_end) {
        struct api_pipe *p = steal(c->pipe);
        p->free(p);
    }
}

static const struct api_pipe_events events = {
    .on_output = on_output, .on_drain = on_drain, .on_end = on_end};

/* ---- asking ---- */

struct answer {
    bool done;
    int status;
    char message[512];
    struct api_connect *connect;
};

static void on_answer(void *arg, struct api_response *res)
{
    struct answer *a = arg;
    json_t *status = NULL;
    struct err err;
    a->done = true;
    a->status = res->status;
    a->connect = steal(res->connect);
    if (a->connect == NULL && jx_parse(res->body.p, res->body.len, false, &status, &err) == 0) {
        str_copy(a->message, sizeof(a->message), jx_str(status, "message", ""));
    }
    json_decref(status);
    api_response_fini(res);
}

static void ask(struct fixture *f, const char *name, const char *query, struct answer *ret)
{
    static const char *const masters[] = {"system:masters", "system:authenticated", NULL};
    char path[200];
    size_t n = strcspn(query, "?");
    snprintf(path, sizeof(path), "/api/v1/namespaces/default/pods/%s/%.*s", name, (int)n, query);
    struct api_request req = {.method = "POST",
                              .path = path,
                              .query = query[n] == '?' ? query + n + 1 : "",
                              .accept = "",
                              .content_type = "",
                              .user_agent = "",
                              .body = "",
                              .user = {.name = "admin", .uid = "", .groups = masters}};
    *ret = (struct answer){0};
    api_handle(f->api, &req, on_answer, ret);
    run_ms(f, 1);
    assert_true(ret->done);
}

static void refuses(struct fixture *f, const char *name, const char *query, int status,
                    const char *text)
{
    struct answer a;
    ask(f, name, query, &a);
    if (a.status != status || strstr(a.message, text) == NULL) {
        fail_msg("%s %s: %d \"%s\", not %d \"%s\"", name, query, a.status, a.message, status, text);
    }
}

/* Opens what is asked for; "port=N" is the port. */
static void begin(struct fixture *f, struct caller *c, const char *name, const char *query,
                  int port)
{
    struct answer a;
    *c = (struct caller){.f = f};
    ask(f, name, query, &a);
    if (a.connect == NULL) {
        fail_msg("%s %s: %d %s", name, query, a.status, a.message);
    }
    a.connect->port = port;
    if (api_connect_open(a.connect, &events, c, &c->pipe, &c->err) < 0) {
        fail_msg("%s %s: %s", name, query, c->err.msg);
    }
    api_connect_free(a.connect);
}

static void finish(struct caller *c)
{
    if (c->pipe != NULL) {
        c->pipe->free(c->pipe);
    }
    str_fini(&c->got);
}

static void set_up_pod(struct fixture *f)
{
    set_up(f);
    create_pod(f, "a", "worker-1", WEB);
    wait_for(f, "a", "status.phase", "Running", 1000);
}

/* ---- exec ---- */

static void a_command_and_its_exit_code(void **state)
{
    struct fixture f;
    struct caller c;
    (void)state;
    set_up_pod(&f);
    begin(&f, &c, "a", "exec?command=do&command=exit%3D7&stdout=1&stderr=1", 0);
    assert_false(c.ended);
    run_ms(&f, 10);
    assert_true(c.ended);
    assert_int_equal(c.exit_code, 7);
    assert_int_equal(c.err.code, ERR_NONE);
    assert_string_equal(str_c(&c.got), "do exit=7\n");
    finish(&c);
    begin(&f, &c, "a", "exec?command=do&stdout=1", 0);
    c.free_at_end = true;
    run_ms(&f, 10);
    assert_true(c.ended && c.exit_code == 0);
    finish(&c);
    assert_int_equal(fake_hangups(f.fake), 0);
    tear_down(&f);
}

static void input_comes_back(void **state)
{
    struct fixture f;
    struct caller c;
    static char piece[100 * 1024];
    (void)state;
    set_up_pod(&f);
    begin(&f, &c, "a", "exec?command=cat&stdin=1&stdout=1", 0);
    assert_true(c.pipe->write(c.pipe, "hello", 5));
    run_ms(&f, 5);
    assert_string_equal(str_c(&c.got), "hello");
    c.take_nothing = true;
    assert_true(c.pipe->write(c.pipe, "x", 1));
    run_ms(&f, 5);
    size_t given = 0;
    while (c.pipe->write(c.pipe, piece, sizeof(piece))) { /* it is told when to wait */
        given += sizeof(piece);
        assert_true(given < (size_t)1 << 20);
    }
    run_ms(&f, 5);
    assert_int_equal(c.drained, 0);
    c.take_nothing = false;
    c.pipe->resume(c.pipe);
    run_ms(&f, 5);
    assert_int_equal(c.drained, 1);
    c.pipe->end(c.pipe);
    run_ms(&f, 5);
    assert_true(c.ended && c.exit_code == 0);
    finish(&c);
    tear_down(&f);
}

static void a_flood_waits_for_its_reader(void **state)
{
    struct fixture f;
    struct caller c;
    (void)state;
    set_up_pod(&f);
    begin(&f, &c, "a", "exec?command=yes&stdout=1", 0);
    c.take_nothing = true;
    run_ms(&f, 1000);
    assert_int_equal(c.outputs, 1);
    c.pipe->resume(c.pipe);
    run_ms(&f, 1000);
    assert_int_equal(c.outputs, 2);
    finish(&c); /* Ctrl-C */
    assert_int_equal(fake_hangups(f.fake), 1);
    run_ms(&f, 10);
    tear_down(&f);
}

static void it_may_be_freed_by_its_own_output(void **state)
{
    struct fixture f;
    struct caller c;
    (void)state;
    set_up_pod(&f);
    begin(&f, &c, "a", "exec?command=yes&stdout=1", 0);
    c.free_at_output = true;
    run_ms(&f, 10);
    assert_null(c.pipe);
    assert_int_equal(c.outputs, 1);
    finish(&c);
    tear_down(&f);
}

static void a_terminal_and_its_size(void **state)
{
    struct fixture f;
    struct caller c;
    (void)state;
    set_up_pod(&f);
    begin(&f, &c, "a", "exec?command=size&stdout=1&stdin=1&tty=1", 0);
    c.pipe->resize(c.pipe, 100, 40);
    run_ms(&f, 5);
    assert_string_equal(str_c(&c.got), "0x0\n100x40\n");
    finish(&c);
    tear_down(&f);
}

/* ---- how it ends ---- */

static void the_container_ends(void **state)
{
    struct fixture f;
    struct caller c, watch;
    (void)state;
    set_up_pod(&f);
    begin(&f, &c, "a", "exec?command=cat&stdin=1&stdout=1", 0);
    begin(&f, &watch, "a", "attach?stdout=1", 0);
    assert_true(fake_kill(f.fake, find_running(&f, "default/a web"), 9, false));
    run_ms(&f, 3000);
    assert_true(c.ended && watch.ended);
    assert_int_equal(c.exit_code, 137);
    assert_int_equal(c.err.code, ERR_NONE);
    assert_int_equal(watch.err.code, ERR_NONE);
    finish(&c);
    finish(&watch);
    tear_down(&f);
}

static void the_pod_is_deleted(void **state)
{
    struct fixture f;
    struct caller c, port, watch;
    (void)state;
    set_up_pod(&f);
    begin(&f, &c, "a", "attach?stdout=1&stdin=1", 0);
    begin(&f, &port, "a", "portforward", 8080);
    begin(&f, &watch, "a", "portforward", 0); /* no connection: it only watches */
    run_ms(&f, 100);
    assert_false(c.ended || port.ended || watch.ended);
    delete_pod(&f, "a", -1);
    run_ms(&f, 5000);
    assert_true(c.ended && port.ended && watch.ended);
    assert_int_equal(watch.err.code, ERR_UNAVAILABLE);
    finish(&c);
    finish(&port);
    finish(&watch);
    tear_down(&f);
}

static void the_host_goes(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct fixture f;
        struct caller c, watch;
        set_up_pod(&f);
        begin(&f, &c, "a", "exec?command=yes&stdout=1", 0);
        c.take_nothing = true;
        begin(&f, &watch, "a", "portforward", 0);
        watch.free_at_end = true;
        run_ms(&f, 10);
        if (how == 0) {
            nodes_power_off(f.nodes, "worker-1");
        } else if (how == 1) {
            nodes_cut(f.nodes, "worker-1", true);
        } else {
            nodes_freeze(f.nodes, "worker-1", true);
        }
        assert_true(c.ended && watch.ended); /* at once */
        assert_int_equal(c.err.code, ERR_UNAVAILABLE);
        refuses(&f, "a", "exec?command=a&stdout=1", 500,
                "error dialing backend: dial tcp 10.77.0.11:10250: connect: no route to host");
        refuses(&f, "a", "portforward", 500, "is it off?");
        finish(&c);
        finish(&watch);
        tear_down(&f);
    }
}

static void the_cluster_stops(void **state)
{
    struct fixture f;
    struct caller c;
    (void)state;
    set_up_pod(&f);
    begin(&f, &c, "a", "exec?command=yes&stdout=1", 0);
    c.take_nothing = true;
    run_ms(&f, 10);
    end_life(&f);
    assert_true(c.ended);
    finish(&c);
    begin_life(&f);
    tear_down(&f);
}

static void the_daemon_goes(void **state)
{
    struct fixture f;
    struct caller c;
    (void)state;
    set_up_pod(&f);
    begin(&f, &c, "a", "exec?command=cat&stdin=1&stdout=1", 0);
    fake_set_down(f.fake, true);
    run_ms(&f, 100);
    assert_true(c.ended);
    assert_int_equal(c.err.code, ERR_UNAVAILABLE);
    refuses(&f, "a", "exec?command=a&stdout=1", 503, "does not answer");
    finish(&c);
    tear_down(&f);
}

/* ---- attach and ports ---- */

static void who_attached_may_leave(void **state)
{
    struct fixture f;
    struct caller c;
    (void)state;
    set_up_pod(&f);
    begin(&f, &c, "a", "attach?stdin=1&stdout=1", 0);
    c.pipe->write(c.pipe, "echo", 4);
    run_ms(&f, 5);
    assert_string_equal(str_c(&c.got), "echo");
    finish(&c);
    run_ms(&f, 1000);
    assert_string_equal(phase(&f, "a"), "Running");
    assert_int_equal(fake_hangups(f.fake), 0);
    begin(&f, &c, "a", "attach?stdin=1&stdout=1", 0);
    c.pipe->end(c.pipe); /* all is said, and the container runs on */
    run_ms(&f, 1000);
    assert_true(c.ended);
    assert_int_equal(c.err.code, ERR_NONE);
    assert_string_equal(phase(&f, "a"), "Running");
    finish(&c);
    tear_down(&f);
}

static void a_port(void **state)
{
    struct fixture f;
    struct caller c, closed;
    (void)state;
    set_up_pod(&f);
    begin(&f, &c, "a", "portforward", 8080);
    begin(&f, &closed, "a", "portforward", 9999);
    c.pipe->write(c.pipe, "ping", 4);
    run_ms(&f, 5);
    assert_string_equal(str_c(&c.got), "ping");
    assert_true(closed.ended);
    assert_string_equal(closed.err.msg, "dial tcp4 127.0.0.1:9999: connect: connection refused");
    c.pipe->end(c.pipe);
    run_ms(&f, 5);
    assert_true(c.ended);
    assert_int_equal(c.err.code, ERR_NONE);
    finish(&c);
    finish(&closed);
    tear_down(&f);
}

/* ---- what cannot be had ---- */

static void refusals(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create(&f, "pods", "default",
           json_text("{'metadata':{'name':'nowhere'},'spec':{'containers':[{'name':'c','image':'i'"
                     "}]}}"));
    create_pod(&f, "two", "worker-1",
               "{'containers':[{'name':'x','image':'podlab/web:v1'},{'name':'y','image':"
               "'podlab/web:v1'}],'initContainers':[{'name':'i','image':'podlab/web:v1','args':["
               "'exit=0']}]}");
    create_pod(&f, "pull", "worker-1", "{'containers':[{'name':'c','image':'none/such:v1'}]}");
    create_pod(&f, "done", "worker-1",
               "{'restartPolicy':'Never','containers':[{'name':'c','image':'podlab/web:v1','args':["
               "'exit=0']}]}");
    run_ms(&f, 2000);
    refuses(&f, "nowhere", "exec?command=a&stdout=1", 400,
            "pod nowhere does not have a host assigned");
    refuses(&f, "nowhere", "portforward", 400, "does not have a host assigned");
    refuses(&f, "two", "exec?command=a&stdout=1", 400,
            "a container name must be specified for pod two, choose one of: [x y] or one of the "
            "init containers: [i]");
    refuses(&f, "two", "exec?command=a&stdout=1&container=i", 500, "container not found (\"i\")");
    refuses(&f, "pull", "exec?command=a&stdout=1", 500,
            "unable to upgrade connection: container not found (\"c\"): it is waiting "
            "(ImagePullBackOff)");
    refuses(&f, "done", "attach?stdout=1", 500, "container not found (\"c\"): it is not running");
    refuses(&f, "done", "portforward", 400,
            "unable to forward port because pod is not running. Current status=Succeeded");
    struct caller c;
    begin(&f, &c, "two", "exec?command=a&stdout=1&container=y", 0);
    finish(&c);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_and_its_exit_code),
        cmocka_unit_test(input_comes_back),
        cmocka_unit_test(a_flood_waits_for_its_reader),
        cmocka_unit_test(it_may_be_freed_by_its_own_output),
        cmocka_unit_test(a_terminal_and_its_size),
        cmocka_unit_test(the_container_ends),
        cmocka_unit_test(the_pod_is_deleted),
        cmocka_unit_test(the_host_goes),
        cmocka_unit_test(the_cluster_stops),
        cmocka_unit_test(the_daemon_goes),
        cmocka_unit_test(who_attached_may_leave),
        cmocka_unit_test(a_port),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
