/* SPDX-License-Identifier: Apache-2.0 */
/* What a container finds at its paths; which images there are; ports that are moved up. */
#include "process_testing.h"

#include "runtime/process/process_impl.h"

static void read_in(struct box *x, const char *name, const char *path, const char *wanted)
{
    const char *const cat[] = {"cat", path, NULL};
    cleanup_reader struct reader r = {0};
    if (box_exec(x, name, cat, &r) != 0) {
        fail_msg("cat %s: %s", path, str_c(&r.err_out));
    }
    assert_string_equal(str_c(&r.out), wanted);
}

static void test_files(void **state)
{
    struct box *x = *state;
    struct pod p;
    const struct runtime_file files[] = {
        {"/etc/config/color", "blue", 4, 0644},
        {"/var/run/secrets/kubernetes.io/serviceaccount/token", "secret", 6, 0600},
        {"/top", "", 0, 0444},
    };
    const char *const ls[] = {"ls", "/etc/config", NULL};
    cleanup_reader struct reader r = {0};
    make_pod(x, &p, 10);
    p.app_spec.files = files;
    p.app_spec.nfiles = ARRAY_LEN(files);
    p.app_spec.workdir = "/work/here";
    start_pod(x, &p);
    read_in(x, p.app, "/etc/config/color", "blue");
    read_in(x, p.app, files[1].path, "secret");
    read_in(x, p.app, "/top", "");
    assert_int_equal(box_exec(x, p.app, ls, &r), 0);
    assert_string_equal(str_c(&r.out), "color\n");
}

static void test_names(void **state)
{
    struct box *x = *state;
    struct pod p;
    const char *const env[] = {"PODLAB_DNS=10.1.2.3", "PODLAB_SEARCH=default.svc.cluster.local",
                               "PODLAB_HOSTS=1.2.3.4\tdb\n", NULL};
    const char *const hosts[] = {"cat", "/etc/hosts", NULL};
    cleanup_reader struct reader r = {0};
    make_pod(x, &p, 10);
    p.sandbox_spec.env = env;
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    read_in(x, p.app, "/etc/hostname", "web-0\n");
    read_in(x, p.app, "/etc/resolv.conf",
            "nameserver 10.1.2.3\nsearch default.svc.cluster.local\noptions ndots:5\n");
    assert_int_equal(box_exec(x, p.app, hosts, &r), 0);
    assert_non_null(strstr(str_c(&r.out), p.address));
    assert_non_null(strstr(str_c(&r.out), "1.2.3.4\tdb\n"));
}

/* A volume is shared by the containers of a pod and goes with it, unless it is kept. */
static void test_volumes(void **state)
{
    struct box *x = *state;
    struct pod p;
    const struct runtime_mount mounts[] = {{.path = "/shared/", .volume = "v1"},
                                           {.path = "/data", .volume = "v2", .keep = true},
                                           {.path = "/scratch"}};
    const struct runtime_file file = {"/data/inside", "hello", 5, 0644};
    const char *const sleep[] = {"sleep", "infinity", NULL};
    struct stat st;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    p.app_spec.mounts = mounts;
    p.app_spec.nmounts = ARRAY_LEN(mounts);
    p.app_spec.files = &file;
    p.app_spec.nfiles = 1;
    p.app_spec.args = sleep;
    start_pod(x, &p);
    read_in(x, p.app, "/data/inside", "hello");
    cleanup_free char *kept = xasprintf("%s/volumes/v2/inside", x->dir);
    cleanup_free char *shared = xasprintf("%s/containers/%s/volumes/v1", x->dir, p.sandbox);
    assert_int_equal(stat(kept, &st), 0);
    assert_int_equal(stat(shared, &st), 0);
    p.app_spec.name = "second";
    p.app_spec.nfiles = 0;
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &p.app_spec, 1);
    read_in(x, "second", "/data/inside", "hello");
    BOX_CALL(x, &o, RUNTIME_FAILED, volume_remove, "v2");
    assert_int_equal(o.err.code, ERR_CONFLICT);
    BOX_CALL(x, &o, RUNTIME_OK, remove, "second");
    BOX_CALL(x, &o, RUNTIME_OK, remove, p.app);
    BOX_CALL(x, &o, RUNTIME_OK, remove, p.sandbox);
    assert_int_not_equal(stat(shared, &st), 0);
    assert_int_equal(stat(kept, &st), 0);
    BOX_CALL(x, &o, RUNTIME_OK, volume_remove, "v2");
    BOX_CALL(x, &o, RUNTIME_OK, volume_remove, "v2"); /* not there */
    assert_int_not_equal(stat(kept, &st), 0);
}

/* What a container put into its volume is not followed when a file is put there. */
static void test_a_link_out_of_a_volume(void **state)
{
    struct box *x = *state;
    struct pod p;
    struct stat st;
    const struct runtime_mount mount = {.path = "/data", .volume = "v", .keep = true};
    const struct runtime_file file = {"/data/out/passwd", "gotcha", 6, 0644};
    cleanup_free char *outside = xasprintf("%s/outside", x->dir);
    cleanup_free char *target = xasprintf("%s/outside/passwd", x->dir);
    cleanup_free char *link = xasprintf("mkdir -p %s %s/volumes/v && ln -s %s %s/volumes/v/out",
                                        outside, x->dir, outside, x->dir);
    cleanup_outcome struct outcome o = {0};
    assert_int_equal(system(link), 0);
    make_pod(x, &p, 10);
    p.app_spec.mounts = &mount;
    p.app_spec.nmounts = 1;
    p.app_spec.files = &file;
    p.app_spec.nfiles = 1;
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &p.sandbox_spec, 1);
    BOX_CALL(x, &o, RUNTIME_FAILED, ensure, &p.app_spec, 1);
    assert_int_not_equal(stat(target, &st), 0);
}

static void test_paths_that_lead_out(void **state)
{
    struct box *x = *state;
    struct pod p;
    static const char *const bad[] = {"/../x", "/a/../../x", "x", "", "/", "/a/.."};
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &p.sandbox_spec, 1);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct runtime_file file = {bad[i], "x", 1, 0644};
        p.app_spec.files = &file;
        p.app_spec.nfiles = 1;
        BOX_CALL(x, &o, RUNTIME_FAILED, ensure, &p.app_spec, 1);
        assert_int_equal(o.err.code, ERR_INVALID);
        const struct runtime_mount mount = {.path = bad[i], .volume = "v"};
        p.app_spec.nfiles = 0;
        p.app_spec.mounts = &mount;
        p.app_spec.nmounts = 1;
        BOX_CALL(x, &o, RUNTIME_FAILED, ensure, &p.app_spec, 1);
        assert_int_equal(o.err.code, ERR_INVALID);
        p.app_spec.nmounts = 0;
    }
}

/* ---- the key-value store keeps what it has where it was told to ---- */

static void test_kv_keeps_its_keys_in_its_volume(void **state)
{
    struct box *x = *state;
    struct pod p;
    const struct runtime_mount mount = {.path = "/data", .volume = "kv", .keep = true};
    const char *const env[] = {"KV_DIR=/data", NULL};
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    p.app_spec.image = "podlab/kv";
    p.app_spec.env = env;
    p.app_spec.mounts = &mount;
    p.app_spec.nmounts = 1;
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    cleanup_free char *put =
        xasprintf("curl -sf -X PUT --data-binary blue http://%s:8080/color >/dev/null", p.address);
    assert_int_equal(system(put), 0);
    BOX_CALL(x, &o, RUNTIME_OK, remove, p.app);
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &p.app_spec, 2);
    box_wait_answer(x, p.address, 8080);
    assert_string_equal(box_get(x, p.address, 8080, "/color").body, "blue");
}

/* ---- images ---- */

struct images {
    bool done;
    size_t n;
    char first[64];
};

static void images_came(void *arg, const struct runtime_image *v, size_t n, const struct err *err)
{
    struct images *i = arg;
    i->done = true;
    i->n = n;
    str_copy(i->first, sizeof(i->first), v[0].id);
    assert_int_equal(err->code, ERR_NONE);
}

static void test_images(void **state)
{
    struct box *x = *state;
    cleanup_outcome struct outcome o = {0};
    struct images i = {0};
    BOX_CALL(x, &o, RUNTIME_OK, image_find, "podlab/web:v2");
    BOX_CALL(x, &o, RUNTIME_OK, image_find, "podlab/kv");
    BOX_CALL(x, &o, RUNTIME_OK, image_pull, "podlab/kv:latest", NULL);
    BOX_CALL(x, &o, RUNTIME_FAILED, image_find, "podlab/web:v9");
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
    BOX_CALL(x, &o, RUNTIME_FAILED, image_pull, "nginx", NULL);
    assert_non_null(strstr(o.err.msg, "nginx:latest needs Docker"));
    assert_non_null(strstr(o.err.msg, "podlab/web:v1"));
    BOX_CALL(x, &o, RUNTIME_FAILED, image_find, "NO/Name");
    assert_int_equal(o.err.code, ERR_INVALID);
    BOX_CALL(x, &o, RUNTIME_FAILED, image_load, "tar", 3);
    x->rt.ops->image_list(x->rt.self, images_came, &i);
    assert_true(loop_run_until(x->loop, &i.done, LOOP_S(5)));
    assert_int_equal(i.n, 6);
    assert_true(str_has_prefix(i.first, "sha256:"));
}

/* ---- subnets and ports ---- */

static void test_subnets_differ(void **state)
{
    struct box *x = *state;
    struct err err;
    char subnet[24], other[24];
    assert_int_equal(process_free_subnet(NULL, subnet, &err), 0);
    assert_string_not_equal(subnet, x->subnet);
    assert_int_equal(process_free_subnet(subnet, other, &err), 0);
    assert_string_not_equal(subnet, other);
    assert_string_not_equal(other, "127.0.0.0/16");
    assert_int_equal(process_reserve(x->subnet, &err), -1);
    assert_int_equal(err.code, ERR_ALREADY_EXISTS);
}

/* A program of the machine that has an address of it is enough. */
static void test_a_subnet_that_others_use(void **state)
{
    struct err err;
    char subnet[24], other[24];
    unsigned net = 0;
    assert_int_equal(process_free_subnet(NULL, subnet, &err), 0);
    assert_int_equal(sscanf(subnet, "127.%u.", &net), 1);
    char address[16];
    snprintf(address, sizeof(address), "127.%u.9.9", net & 255);
    struct sockaddr_in at = {.sin_family = AF_INET};
    inet_pton(AF_INET, address, &at.sin_addr);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(process_free_subnet(NULL, other, &err), 0);
    close(fd);
    assert_string_not_equal(subnet, other);
}

static void test_ports_that_are_moved(void **state)
{
    static const char net[] = "127.77.0.0/16";
    assert_int_equal(process_ports_real("1023 8080", net, "127.77.1.1", 80), 10080);
    assert_int_equal(process_ports_real("1023 8080", net, "127.77.1.1", 1023), 11023);
    assert_int_equal(process_ports_real("1023 8080", net, "127.77.1.1", 1024), 1024);
    assert_int_equal(process_ports_real("1023 8080", net, "127.77.1.1", 8080), 18080);
    assert_int_equal(process_ports_real("1023 8080", net, "127.77.1.1", 8081), 8081);
    assert_int_equal(process_ports_real("1023 8080", net, "127.7.1.1", 80), 80);
    assert_int_equal(process_ports_real("1023", net, "127.0.0.1", 80), 80);
    assert_int_equal(process_ports_real("0", net, "127.77.1.1", 80), 80);
    assert_int_equal(process_ports_real("0 60000", net, "127.77.1.1", 60000), 60000);
}

/* Somebody listens on every address: the programs of the cluster use another port, and all of them
 * know. */
static void test_a_port_that_somebody_has_everywhere(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    char port[16];
    cleanup_str struct str ports = STR_INIT;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    unsigned number = ntohs(at.sin_port);
    process_ports_look("127.0.0.1", &ports);
    snprintf(port, sizeof(port), " %u", number);
    assert_non_null(strstr(ports.p, port));

    struct box *x = box_new(); /* made while the port is taken */
    struct pod p;
    char var[24];
    snprintf(var, sizeof(var), "PORT=%u", number);
    const char *const env[] = {var, NULL};
    make_pod(x, &p, 10);
    p.app_spec.env = env;
    start_pod(x, &p);
    if (number <= 55535) {
        box_wait_answer(x, p.address, (int)number); /* as its probes call it */
    }
    close(fd);
    box_free(x);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_files),
        TEST(test_names),
        TEST(test_volumes),
        TEST(test_a_link_out_of_a_volume),
        TEST(test_paths_that_lead_out),
        TEST(test_kv_keeps_its_keys_in_its_volume),
        TEST(test_images),
        TEST(test_subnets_differ),
        TEST(test_a_subnet_that_others_use),
        cmocka_unit_test(test_ports_that_are_moved),
        cmocka_unit_test(test_a_port_that_somebody_has_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
