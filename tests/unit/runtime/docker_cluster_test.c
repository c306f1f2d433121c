/* SPDX-License-Identifier: Apache-2.0 */
/* What a cluster needs is made once, adopted after, and taken away whole: networks, images, and all
 * that has the cluster's label. */
#include "docker_testing.h"
#include "runtime/images.h"

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

/* ---- the network ---- */

static void test_the_network_is_made_and_adopted(void **state)
{
    struct box *x = *state;
    cleanup_free char *path = xasprintf("/networks/podlab-%s", x->name);
    struct raw first = box_raw(x, "GET", path);
    assert_string_equal(jx_str(first.json, "IPAM.Config[0].Subnet", ""), x->subnet);
    assert_string_equal(jx_str(first.json, "IPAM.Config[0].Gateway", ""), x->gateway);
    assert_string_equal(jx_str(first.json, "IPAM.Config[0].IPRange", ""), x->ip_range);
    assert_string_equal(
        jx_get_str(jx_obj(first.json, "Options"), "com.docker.network.bridge.name", ""), x->bridge);
    box_reopen(x);
    struct raw second = box_raw(x, "GET", path);
    assert_string_equal(jx_str(first.json, "Id", "1"), jx_str(second.json, "Id", "2"));
    json_decref(first.json);
    json_decref(second.json);
    assert_int_equal(box_count(x, "networks?"), 1);
}

/* Tries to recover as another; the message. */
static void recover_as(struct box *x, const char *name, const char *uid, const char *subnet,
                       struct outcome *o)
{
    struct runtime_cluster cluster = x->cluster;
    struct runtime rt;
    cluster.name = name;
    cluster.uid = uid;
    cluster.subnet = subnet;
    cluster.bridge = "rt-test-other";
    const struct docker_opts opts = {.cluster = &cluster};
    assert_int_equal(docker_new(x->loop, &opts, &rt, &o->err), 0);
    o->done = false;
    rt.ops->recover(rt.self, outcome_done, o);
    loop_run_until(x->loop, &o->done, LOOP_S(60));
    rt.ops->free(rt.self);
    assert_true(o->done);
}

static void test_network_conflicts_are_explained(void **state)
{
    struct box *x = *state;
    struct outcome o = {0};
    recover_as(x, x->name, "somebody-elses-uid", x->subnet, &o);
    assert_int_equal(o.err.code, ERR_CONFLICT);
    assert_non_null(strstr(o.err.msg, x->uid));
    assert_non_null(strstr(o.err.msg, "docker network rm"));
    recover_as(x, x->name, x->uid, "10.200.0.0/16", &o);
    assert_int_equal(o.err.code, ERR_CONFLICT);
    assert_non_null(strstr(o.err.msg, x->subnet));
    recover_as(x, "rt-test-third", "rt-test-third-uid", x->subnet, &o);
    assert_int_equal(o.err.code, ERR_ALREADY_EXISTS);
    assert_non_null(strstr(o.err.msg, "in use by another network"));
}

static void test_a_free_subnet_is_free(void **state)
{
    struct box *x = *state;
    char first[24], second[24];
    struct err err;
    assert_int_equal(docker_free_subnet(NULL, NULL, first, &err), 0);
    assert_int_equal(docker_free_subnet(NULL, first, second, &err), 0);
    assert_string_not_equal(first, x->subnet);
    assert_string_not_equal(first, second);
    assert_true(str_has_suffix(first, ".0.0/16"));
}

static void test_a_subnet_is_reserved_once(void **state)
{
    struct box *x = *state;
    struct runtime_cluster other = x->cluster;
    struct err err;
    assert_int_equal(docker_reserve(&(struct docker_opts){.cluster = &x->cluster}, &err), 0);
    assert_int_equal(box_count(x, "networks?"), 1); /* it was there: nothing new */
    other.name = "rt-test-reserve";
    other.uid = "rt-test-reserve-uid";
    other.bridge = "rt-test-res";
    assert_int_equal(docker_reserve(&(struct docker_opts){.cluster = &other}, &err), -1);
    assert_int_equal(err.code, ERR_ALREADY_EXISTS);
    other.name = x->name;
    assert_int_equal(docker_reserve(&(struct docker_opts){.cluster = &other}, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
}

/* ---- taking it away ---- */

static void test_destroy_takes_everything(void **state)
{
    struct box *x = *state;
    char name[96], address[16], app[96];
    cleanup_outcome struct outcome o = {0};
    struct outcome landing[6] = {0};
    const struct runtime_mount mounts[] = {{.path = "/data", .volume = "v", .keep = true}};
    struct runtime_spec spec = sandbox(x, 10, name, address);
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    const struct runtime_spec app_spec = {.name = box_name(x, "a", app),
                                          .role = RUNTIME_APP,
                                          .host = "w1",
                                          .hash = "h",
                                          .image = "podlab/web:v1",
                                          .join = name,
                                          .mounts = mounts,
                                          .nmounts = 1};
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &app_spec, 1);
    BOX_CALL(x, &o, RUNTIME_OK, pause, app, true);
    for (unsigned i = 0; i < 6; i++) { /* some are under way, and land or not */
        char other[96], theirs[16];
        spec = sandbox(x, 20 + i, other, theirs);
        x->rt.ops->ensure(x->rt.self, &spec, 1, outcome_done, &landing[i]);
    }
    BOX_CALL(x, &o, RUNTIME_OK, destroy);
    for (unsigned i = 0; i < 6; i++) {
        assert_true(landing[i].done);
        free(landing[i].st);
    }
    assert_int_equal(box_count(x, "containers/json?all=1&"), 0);
    assert_int_equal(box_count(x, "volumes?"), 0);
    assert_int_equal(box_count(x, "networks?"), 0);
    BOX_CALL(x, &o, RUNTIME_OK, destroy);
}

/* A learner connected a container of another cluster to ours by hand. */
/* Whoever lists after the process has ended sees what it was making. */
static void test_what_is_being_made_lands(void **state)
{
    struct box *x = *state;
    struct outcome started[4] = {0};
    struct err err;
    bool never = false;
    for (unsigned i = 0; i < ARRAY_LEN(started); i++) {
        char name[96], address[16];
        struct runtime_spec spec = sandbox(x, 20 + i, name, address);
        x->rt.ops->ensure(x->rt.self, &spec, 1, outcome_done, &started[i]);
    }
    loop_run_until(x->loop, &never, LOOP_MS(2)); /* the requests are on their way */
    docker_leave(&x->rt);
    assert_null(x->rt.self);
    size_t there = box_count(x, "containers/json?all=1&");
    assert_int_equal(box_open(x, &err), 0); /* for the teardown */
    assert_int_equal(there, ARRAY_LEN(started));
    for (unsigned i = 0; i < ARRAY_LEN(started); i++) {
        assert_false(started[i].done);
    }
}

static void test_destroy_with_a_guest_on_the_network(void **state)
{
    struct box *x = *state;
    struct box *y = box_new();
    char name[96], address[16];
    cleanup_outcome struct outcome o = {0};
    assert_int_equal(box_recover(y), 0);
    struct runtime_spec spec = sandbox(y, 10, name, address);
    BOX_CALL(y, &o, RUNTIME_OK, ensure, &spec, 1);
    cleanup_free char *path = xasprintf("/networks/podlab-%s/connect", x->name);
    cleanup_free char *body = xasprintf("{\"Container\":\"%s\"}", name);
    struct raw connected = box_ask(x, "POST", path, body);
    json_decref(connected.json);
    BOX_CALL(x, &o, RUNTIME_OK, destroy);
    size_t left = box_count(x, "networks?");
    BOX_CALL(y, &o, RUNTIME_OK, inspect, name);
    bool runs = o.st->state == RUNTIME_RUNNING;
    box_free(y);
    assert_int_equal(connected.status, 200);
    assert_int_equal(left, 0);
    assert_true(runs); /* it is not ours to stop */
}

/* ---- images ---- */

static void on_images(void *arg, const struct runtime_image *v, size_t n, const struct err *err)
{
    struct outcome *o = arg;
    o->done = true;
    o->result = RUNTIME_FAILED;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(v[i].name, "podlab/web:v1") == 0 && v[i].size > 1000 &&
            str_has_prefix(v[i].id, "sha256:")) {
            o->result = RUNTIME_OK;
        }
    }
}

static void test_bundled_images_are_here(void **state)
{
    struct box *x = *state;
    cleanup_outcome struct outcome o = {0};
    for (size_t i = 0; images_bundled[i] != NULL; i++) {
        BOX_CALL(x, &o, RUNTIME_OK, image_find, images_bundled[i]);
    }
    BOX_CALL(x, &o, RUNTIME_OK, image_find, "docker.io/podlab/kv");
    o.done = false;
    x->rt.ops->image_list(x->rt.self, on_images, &o);
    box_expect(x, &o, RUNTIME_OK);
}

static void test_their_ids_are_known_before(void **state)
{
    struct box *x = *state;
    struct image_identity id;
    for (size_t i = 0; images_bundled[i] != NULL; i++) {
        cleanup_free char *path = xasprintf("/images/%s/json", images_bundled[i]);
        struct raw r = box_raw(x, "GET", path);
        assert_true(images_identity(images_bundled[i], &id));
        const char *is = jx_str(r.json, "Id", "");
        bool same =
            strcmp(is, id.id) == 0 ||
            strcmp(jx_get_str(jx_obj(r.json, "Config.Labels"), IMAGE_LABEL, ""), id.label) == 0;
        json_decref(r.json);
        assert_true(same);
    }
}

static void test_missing_images_name_those_that_are_here(void **state)
{
    struct box *x = *state;
    cleanup_outcome struct outcome o = {0};
    BOX_CALL(x, &o, RUNTIME_FAILED, image_find, "podlab/web:v9");
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(o.err.msg, "podlab/web:v9 is not on this machine"));
    assert_non_null(strstr(o.err.msg, "podlab/web:v1"));
    assert_null(strstr(o.err.msg, "podlab/guest")); /* nobody is to run that */
    BOX_CALL(x, &o, RUNTIME_FAILED, image_find, "No Image");
    assert_int_equal(o.err.code, ERR_INVALID);
    BOX_CALL(x, &o, RUNTIME_FAILED, image_find, "../containers/json?x=");
    assert_int_equal(o.err.code, ERR_INVALID);
}

static void test_ours_are_never_pulled(void **state)
{
    struct box *x = *state;
    cleanup_outcome struct outcome o = {0};
    uint64_t start = loop_mono_ns(x->loop);
    BOX_CALL(x, &o, RUNTIME_OK, image_pull, "podlab/web:v2", NULL);
    BOX_CALL(x, &o, RUNTIME_FAILED, image_pull, "podlab/web:v9", NULL);
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
    assert_true(loop_mono_ns(x->loop) - start < LOOP_S(5));
}

static void count_lines(void *arg, const char *line)
{
    (void)arg;
    assert_true(strlen(line) > 0);
}

/* localhost:1: nothing listens there on any machine, with a network or without. */
static void test_offline_is_told_soon(void **state)
{
    struct box *x = *state;
    cleanup_outcome struct outcome o = {0};
    uint64_t start = loop_mono_ns(x->loop);
    BOX_CALL(x, &o, RUNTIME_FAILED, image_pull, "localhost:1/nothing:v1", count_lines);
    assert_int_equal(o.err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(o.err.msg, "no registry answers"));
    assert_non_null(strstr(o.err.msg, "podlab/web:v1"));
    assert_true(loop_mono_ns(x->loop) - start < LOOP_S(20));
    BOX_CALL(x, &o, RUNTIME_FAILED, image_pull, "UPPER", count_lines);
    assert_int_equal(o.err.code, ERR_INVALID);
}

/* Of a tag that no registry has: with a network the registry says so, without one it is made here.
 */
static void test_busybox_is_made_here_when_offline(void **state)
{
    struct box *x = *state;
    cleanup_outcome struct outcome had = {0}, o = {0};
    struct err err;
    cleanup_str struct str archive = STR_INIT;
    x->rt.ops->image_find(x->rt.self, "busybox", outcome_done, &had);
    assert_true(loop_run_until(x->loop, &had.done, LOOP_S(60)));
    x->rt.ops->image_pull(x->rt.self, "busybox:rt-test", count_lines, outcome_done, &o);
    assert_true(loop_run_until(x->loop, &o.done, LOOP_S(90)));
    if (o.result != RUNTIME_OK) {
        bool has_one = images_busybox(&archive, &err) == 0;
        print_message("not made here: %s\n", o.err.msg);
        assert_true(o.err.code == ERR_NOT_FOUND || !has_one);
        return;
    }
    BOX_CALL(x, &o, RUNTIME_OK, image_find, "busybox:rt-test");
    json_decref(box_raw(x, "DELETE", "/images/busybox:rt-test").json);
    if (had.result != RUNTIME_OK) {
        json_decref(box_raw(x, "DELETE", "/images/busybox:latest").json);
    }
}

static void test_a_load_that_is_no_archive_fails(void **state)
{
    struct box *x = *state;
    cleanup_outcome struct outcome o = {0};
    BOX_CALL(x, &o, RUNTIME_FAILED, image_load, "this is no tar", 14);
    assert_true(o.err.msg[0] != '\0');
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)
    int rc;
    const struct CMUnitTest tests[] = {
        T(test_the_network_is_made_and_adopted),
        T(test_network_conflicts_are_explained),
        T(test_a_free_subnet_is_free),
        T(test_a_subnet_is_reserved_once),
        T(test_destroy_takes_everything),
        T(test_what_is_being_made_lands),
        T(test_destroy_with_a_guest_on_the_network),
        T(test_bundled_images_are_here),
        T(test_their_ids_are_known_before),
        T(test_missing_images_name_those_that_are_here),
        T(test_ours_are_never_pulled),
        T(test_offline_is_told_soon),
        T(test_busybox_is_made_here_when_offline),
        T(test_a_load_that_is_no_archive_fails),
    };
    return box_have_docker(&rc) ? cmocka_run_group_tests(tests, NULL, NULL) : rc;
}
