/* SPDX-License-Identifier: Apache-2.0 */
/* Files and volumes as the processes inside see them, root read-only or not. */
#include "docker_testing.h"

static const char *const wait_command[] = {
    "sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.1; done", NULL};

static int setup(void **state)
{
    if (box_setup(state) != 0) {
        return -1;
    }
    if (!box_shell(*state)) {
        box_teardown(state);
        *state = NULL;
    }
    return 0;
}

static int teardown(void **state)
{
    if (*state == NULL) {
        return 0;
    }
    struct box *x = *state;
    struct outcome o = {0};
    x->rt.ops->destroy(x->rt.self, outcome_done, &o); /* the image is free after that */
    loop_run_until(x->loop, &o.done, LOOP_S(60));
    box_drop_shell(x);
    return box_teardown(state);
}

static void start_sandbox(struct box *x, char name[96])
{
    cleanup_outcome struct outcome o = {0};
    char address[16];
    const struct runtime_spec spec = {.name = box_name(x, "s", name),
                                      .role = RUNTIME_SANDBOX,
                                      .host = "w1",
                                      .hash = "h",
                                      .address = box_address(x, 10, address)};
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
}

static void expect_output(struct box *x, const char *name, const char *script, const char *text)
{
    cleanup_str struct str out = STR_INIT;
    box_exec(x, name, script, &out);
    assert_string_equal(str_c(&out), text);
}

static void check_files(struct box *x, bool read_only_root)
{
    char sandbox[96], app[96];
    cleanup_outcome struct outcome o = {0};
    start_sandbox(x, sandbox);
    char many[300] = "/etc/many/";
    memset(many + strlen(many), 'n', 200);
    const struct runtime_file files[] = {
        {"/etc/conf/app.conf", "a=1\n", 4, 0640},
        {"/etc/conf/empty", "", 0, 0644},
        {"/var/run/secrets/kubernetes.io/serviceaccount/token", "secret", 6, 0444},
        {many, "long name\n", 10, 0644},
    };
    const struct runtime_spec spec = {.name = box_name(x, "a", app),
                                      .role = RUNTIME_APP,
                                      .host = "w1",
                                      .hash = "h",
                                      .image = BOX_SHELL,
                                      .command = wait_command,
                                      .join = sandbox,
                                      .user = "1000:1000",
                                      .read_only_root = read_only_root,
                                      .files = files,
                                      .nfiles = ARRAY_LEN(files)};
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    expect_output(x, app, "id -u; cat /var/run/secrets/kubernetes.io/serviceaccount/token",
                  "1000\nsecret");
    expect_output(x, app, "cat /etc/conf/app.conf 2>/dev/null || echo no", "no\n"); /* 0640, root */
    expect_output(x, app, "cat /etc/many/n*", "long name\n");
    expect_output(x, app, "[ -f /etc/conf/empty ] && [ ! -s /etc/conf/empty ] && echo yes",
                  "yes\n");
    expect_output(x, app, "touch /tmp/x 2>/dev/null && echo can || echo cannot",
                  read_only_root ? "cannot\n" : "can\n");
    BOX_CALL(x, &o, RUNTIME_OK, remove, app);
    BOX_CALL(x, &o, RUNTIME_OK, remove, sandbox);
    assert_int_equal(box_count(x, "volumes?"), 0);
}

static void test_files(void **state)
{
    if (*state != NULL) {
        check_files(*state, false);
    }
}

static void test_files_with_a_read_only_root(void **state)
{
    if (*state != NULL) {
        check_files(*state, true);
    }
}

static void test_volumes_are_shared_and_go_with_the_sandbox(void **state)
{
    struct box *x = *state;
    char sandbox[96], a[96], b[96];
    cleanup_outcome struct outcome o = {0};
    if (x == NULL) {
        return;
    }
    start_sandbox(x, sandbox);
    const struct runtime_mount mine[] = {{.path = "/data", .volume = "v1"},
                                         {.path = "/cache"},
                                         {.path = "/keep/", .volume = "pvc", .keep = true}};
    const struct runtime_mount theirs[] = {{.path = "/in", .volume = "v1", .read_only = true}};
    struct runtime_spec spec = {.name = box_name(x, "a", a),
                                .role = RUNTIME_APP,
                                .host = "w1",
                                .hash = "h",
                                .image = BOX_SHELL,
                                .command = wait_command,
                                .join = sandbox,
                                .user = "1000:1000",
                                .read_only_root = true,
                                .mounts = mine,
                                .nmounts = 3};
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    spec.name = box_name(x, "b", b);
    spec.mounts = theirs;
    spec.nmounts = 1;
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    expect_output(x, a, "echo one >/data/f && echo two >/cache/f && echo three >/keep/f && echo ok",
                  "ok\n");
    expect_output(x, b, "cat /in/f; touch /in/g 2>/dev/null || echo read-only", "one\nread-only\n");
    /* another attempt of the same container finds what the first left */
    BOX_CALL(x, &o, RUNTIME_OK, remove, a);
    spec.name = box_name(x, "a2", a);
    spec.mounts = mine;
    spec.nmounts = 3;
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    expect_output(x, a, "cat /data/f /keep/f; ls /cache", "one\nthree\n");
    assert_int_equal(box_count(x, "volumes?"), 2);
    BOX_CALL(x, &o, RUNTIME_FAILED, volume_remove, "pvc"); /* it is used */
    assert_int_equal(o.err.code, ERR_CONFLICT);
    BOX_CALL(x, &o, RUNTIME_OK, remove, a);
    BOX_CALL(x, &o, RUNTIME_OK, remove, b);
    BOX_CALL(x, &o, RUNTIME_OK, remove, sandbox);
    assert_int_equal(box_count(x, "volumes?"), 1);
    BOX_CALL(x, &o, RUNTIME_OK, volume_remove, "pvc");
    BOX_CALL(x, &o, RUNTIME_OK, volume_remove, "pvc");
    assert_int_equal(box_count(x, "volumes?"), 0);
}

/* The sandbox was removed by hand, before its apps: the next life sweeps what it had. */
static void test_left_over_volumes_are_swept(void **state)
{
    struct box *x = *state;
    char sandbox[96], a[96];
    cleanup_outcome struct outcome o = {0};
    if (x == NULL) {
        return;
    }
    start_sandbox(x, sandbox);
    const struct runtime_mount mine[] = {{.path = "/data", .volume = "v1"}};
    const struct runtime_spec spec = {.name = box_name(x, "a", a),
                                      .role = RUNTIME_APP,
                                      .host = "w1",
                                      .hash = "h",
                                      .image = BOX_SHELL,
                                      .command = wait_command,
                                      .join = sandbox,
                                      .mounts = mine,
                                      .nmounts = 1};
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    BOX_CALL(x, &o, RUNTIME_OK, remove, sandbox);
    BOX_CALL(x, &o, RUNTIME_OK, remove, a);
    assert_int_equal(box_count(x, "volumes?"), 1);
    box_reopen(x);
    assert_int_equal(box_count(x, "volumes?"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    int rc;
    const struct CMUnitTest tests[] = {
        T(test_files),
        T(test_files_with_a_read_only_root),
        T(test_volumes_are_shared_and_go_with_the_sandbox),
        T(test_left_over_volumes_are_swept),
    };
    return box_have_docker(&rc) ? cmocka_run_group_tests(tests, NULL, NULL) : rc;
}
