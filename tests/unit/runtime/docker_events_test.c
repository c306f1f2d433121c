/* SPDX-License-Identifier: Apache-2.0 */
/* A daemon that dies, hangs and comes back, with a socket in between that can be cut; and lists
 * that are taken while things change. */
#include "docker_testing.h"
#include "relay.h"

static struct relay *relay;

static int setup(void **state)
{
    struct err err;
    cleanup_free char *socket = docker_socket_path(NULL, &err);
    relay = relay_new(socket);
    struct box *x = box_new();
    x->socket = relay->path;
    if (box_recover(x) != 0) {
        box_free(x);
        relay_free(relay);
        return -1;
    }
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct box *x = *state;
    relay_set(relay, RELAY_UP);
    box_free(x);
    relay_free(relay);
    return 0;
}

static struct runtime_spec sandbox(const struct box *x, unsigned n, char name[96], char address[16])
{
    char suffix[16];
    snprintf(suffix, sizeof(suffix), "s%u", n);
    return (struct runtime_spec){.name = box_name(x, suffix, name),
                                 .role = RUNTIME_SANDBOX,
                                 .host = "w1",
                                 .hash = "h",
                                 .address = box_address(x, n, address)};
}

static bool is_lost(void *arg)
{
    return ((struct box *)arg)->lost > 0;
}

static bool is_back(void *arg)
{
    return ((struct box *)arg)->back > 0;
}

static void test_lost_and_back(void **state)
{
    struct box *x = *state;
    char name[96], address[16];
    cleanup_outcome struct outcome o = {0};
    struct runtime_spec spec = sandbox(x, 10, name, address);
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    relay_set(relay, RELAY_DOWN);
    box_wait(x, is_lost, x, "LOST");
    BOX_CALL(x, &o, RUNTIME_FAILED, inspect, name);
    assert_int_equal(o.err.code, ERR_UNAVAILABLE);
    BOX_CALL(x, &o, RUNTIME_FAILED, stop, name, 0); /* it was certainly not sent */
    assert_int_equal(o.err.code, ERR_UNAVAILABLE);
    assert_int_equal(x->back, 0);
    relay_set(relay, RELAY_UP);
    box_wait(x, is_back, x, "BACK");
    assert_int_equal(x->lost, 1);
    assert_int_equal(x->back, 1);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, name);
    assert_int_equal(o.st->state, RUNTIME_RUNNING);
    BOX_CALL(x, &o, RUNTIME_OK, stop, name, 0);
    box_wait_event(x, name, "die"); /* the new stream works */
}

static void test_an_answer_that_is_lost_is_unknown(void **state)
{
    struct box *x = *state;
    char name[96], address[16];
    cleanup_outcome struct outcome o = {0}, found = {0};
    struct runtime_spec spec = sandbox(x, 10, name, address);
    relay_set(relay, RELAY_MUTE);
    BOX_CALL(x, &o, RUNTIME_UNKNOWN, ensure, &spec, 1);
    assert_int_equal(o.err.code, ERR_UNAVAILABLE);
    relay_set(relay, RELAY_UP);
    box_wait(x, is_back, x, "BACK");
    BOX_CALL(x, &found, RUNTIME_OK, ensure, &spec, 1); /* whatever it had come to */
    assert_int_equal(found.st->state, RUNTIME_RUNNING);
    assert_int_equal(box_count(x, "containers/json?all=1&"), 1);
    x->back = 0;
    relay_set(relay, RELAY_MUTE);
    BOX_CALL(x, &o, RUNTIME_UNKNOWN, remove, name);
    relay_set(relay, RELAY_UP);
    box_wait(x, is_back, x, "BACK");
    BOX_CALL(x, &o, RUNTIME_OK, remove, name);
    assert_int_equal(box_count(x, "containers/json?all=1&"), 0);
}

static void test_streams_end_when_the_daemon_goes(void **state)
{
    struct box *x = *state;
    char host[96], address[16];
    cleanup_outcome struct outcome o = {0};
    cleanup_reader struct reader r = {.takes = true};
    struct runtime_spec spec = sandbox(x, 10, host, address);
    spec.role = RUNTIME_HOST;
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    struct runtime_stream *s = x->rt.ops->attach(x->rt.self, host, &reader_ops, &r);
    x->rt.ops->write(s, "x", 1);
    bool never = false;
    loop_run_until(x->loop, &never, LOOP_MS(200));
    relay_set(relay, RELAY_DOWN);
    box_wait_end(x, &r);
    x->rt.ops->stream_free(s);
}

static void test_a_daemon_that_hangs_is_not_there(void **state)
{
    struct box *x = *state;
    cleanup_outcome struct outcome o = {0};
    struct err err;
    x->rt.ops->free(x->rt.self);
    x->rt.self = NULL;
    relay_set(relay, RELAY_HANG);
    assert_int_equal(box_open(x, &err), 0); /* somebody accepts */
    uint64_t start = loop_mono_ns(x->loop);
    BOX_CALL(x, &o, RUNTIME_FAILED, recover);
    assert_int_equal(o.err.code == ERR_UNAVAILABLE || o.err.code == ERR_TIMEOUT, 1);
    assert_true(loop_mono_ns(x->loop) - start < LOOP_S(30));
    relay_set(relay, RELAY_UP);
    BOX_CALL(x, &o, RUNTIME_OK, recover); /* and again, with the same driver */
}

struct listing {
    struct box *x;
    bool done;
    size_t n, running;
    size_t died; /* according to the events told until then */
    enum runtime_result result;
};

static size_t count_deaths(const struct box *x)
{
    size_t n = 0;
    for (const char *at = str_c(&x->events); (at = strstr(at, ":die:")) != NULL; at++) {
        n++;
    }
    return n;
}

static void on_list(void *arg, enum runtime_result result, const struct runtime_status *list,
                    size_t n, const struct err *err)
{
    struct listing *l = arg;
    l->done = true;
    l->result = result;
    l->n = n;
    l->died = count_deaths(l->x);
    l->running = 0;
    for (size_t i = 0; i < n; i++) {
        l->running += list[i].state == RUNTIME_RUNNING;
    }
}

static void take_list(struct box *x, struct listing *l)
{
    *l = (struct listing){.x = x};
    x->rt.ops->list(x->rt.self, on_list, l);
    assert_false(l->done);
    assert_true(loop_run_until(x->loop, &l->done, LOOP_S(60)));
}

static void test_list(void **state)
{
    struct box *x = *state;
    enum { N = 5 };
    char names[N][96], address[16];
    struct listing l;
    cleanup_outcome struct outcome o = {0};
    take_list(x, &l);
    assert_int_equal(l.result, RUNTIME_OK);
    assert_int_equal(l.n, 0);
    for (unsigned i = 0; i < N; i++) {
        struct runtime_spec spec = sandbox(x, 10 + i, names[i], address);
        BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    }
    BOX_CALL(x, &o, RUNTIME_OK, stop, names[0], 0);
    take_list(x, &l);
    assert_int_equal(l.n, N);
    assert_int_equal(l.running, N - 1);
    relay_set(relay, RELAY_DOWN);
    take_list(x, &l);
    assert_int_equal(l.result, RUNTIME_FAILED);
    assert_int_equal(l.n, 0);
}

/* An event that was told before the list must not be contradicted by the list. */
static void test_a_list_is_not_older_than_the_events(void **state)
{
    struct box *x = *state;
    enum { N = 8 };
    char names[N][96], address[16];
    cleanup_outcome struct outcome o = {0};
    struct outcome killed[N] = {0};
    for (unsigned i = 0; i < N; i++) {
        struct runtime_spec spec = sandbox(x, 10 + i, names[i], address);
        BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    }
    for (unsigned i = 0; i < N; i++) {
        x->rt.ops->remove(x->rt.self, names[i], outcome_done, &killed[i]);
    }
    for (bool all = false; !all;) {
        struct listing l;
        take_list(x, &l);
        assert_int_equal(l.result, RUNTIME_OK);
        if (l.running > N - l.died) {
            fail_msg("%zu run according to the list, though %zu of %d have died", l.running, l.died,
                     N);
        }
        all = true;
        for (unsigned i = 0; i < N; i++) {
            all &= killed[i].done;
        }
    }
}

static void set_network(struct box *x, const char *what, const char *container)
{
    cleanup_free char *path = xasprintf("/networks/podlab-%s/%s", x->name, what);
    cleanup_free char *body = xasprintf("{\"Container\":\"%s\"}", container);
    assert_int_equal(box_ask(x, "POST", path, body).status, 200);
}

/* Somebody pulls a cable: told of the guests of hosts, also when another life made them. */
static void test_the_network_of_guests_is_told(void **state)
{
    struct box *x = *state;
    char name[96], address[16], other[96], other_address[16];
    cleanup_outcome struct outcome o = {0};
    struct runtime_spec pod = sandbox(x, 10, other, other_address);
    struct runtime_spec guest = sandbox(x, 11, name, address);
    guest.role = RUNTIME_HOST;
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &pod, 1);
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &guest, 1);
    for (int life = 0; life < 2; life++) {
        str_clear(&x->events);
        set_network(x, "disconnect", pod.name);
        set_network(x, "disconnect", guest.name);
        box_wait_event(x, guest.name, "disconnect");
        set_network(x, "connect", pod.name);
        set_network(x, "connect", guest.name);
        box_wait_event(x, guest.name, "connect");
        assert_null(strstr(str_c(&x->events), pod.name));
        box_reopen(x);
        BOX_CALL(x, &o, RUNTIME_OK, ensure, &guest, 1);
    }
}

static void test_the_events_of_others_are_not_told(void **state)
{
    struct box *x = *state;
    char name[96], address[16], theirs[96], their_address[16];
    cleanup_outcome struct outcome o = {0};
    struct box *y = box_new();
    assert_int_equal(box_recover(y), 0);
    struct runtime_spec spec = sandbox(y, 10, theirs, their_address);
    BOX_CALL(y, &o, RUNTIME_OK, ensure, &spec, 1);
    spec = sandbox(x, 10, name, address);
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    box_wait_event(x, name, "start");
    bool told = strstr(str_c(&x->events), theirs) != NULL;
    box_free(y);
    assert_false(told);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    int rc;
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        T(test_lost_and_back),
        T(test_an_answer_that_is_lost_is_unknown),
        T(test_streams_end_when_the_daemon_goes),
        T(test_a_daemon_that_hangs_is_not_there),
        T(test_list),
        T(test_a_list_is_not_older_than_the_events),
        T(test_the_network_of_guests_is_told),
        T(test_the_events_of_others_are_not_told),
    };
    return box_have_docker(&rc) ? cmocka_run_group_tests(tests, NULL, NULL) : rc;
}
