/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster's folder: whose it is, who runs it, and what becomes of half-made ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cmd/settings.h"
#include "cmd/state.h"
#include "cmd/trust.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/clock.h"

static char base[64];

static int set_up(void **state)
{
    (void)state;
    jx_init();
    str_copy(base, sizeof(base), "/tmp/podlab-state-XXXXXX");
    assert_non_null(mkdtemp(base));
    setenv("XDG_STATE_HOME", base, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cleanup_free char *command = xasprintf("rm -rf %s", base);
    return chdir("/") < 0 ? -1 : system(command);
}

static struct state find(const char *name, const char *data)
{
    struct state s;
    struct err err;
    if (state_find(&s, name, data, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return s;
}

static const struct wishes nothing = {.workers = -1, .port = -1};

/* A folder with settings, locked. */
static struct state make(const char *name)
{
    struct state s = find(name, NULL);
    struct err err;
    if (state_lock(&s, &err) < 0 || settings_make(&s, &nothing, "fake", "10.77.0.0/16", &err) < 0 ||
        state_save(&s, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return s;
}

/* ---- names and places ---- */

static void test_names(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "A", "a b", "a/b", "..", "-a", "a123456789b123456789c123456789d123"};
    struct state s;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(state_find(&s, bad[i], NULL, &err), -1);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
        assert_non_null(strstr(err.msg, "--name"));
        state_fini(&s);
    }
    cleanup_state struct state lab = find(NULL, NULL);
    assert_string_equal(lab.name, "lab");
    cleanup_free char *dir = xasprintf("%s/podlab/clusters/lab", base);
    assert_string_equal(lab.dir, dir);
    assert_false(state_exists(&lab));
}

static void test_data_is_absolute(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(chdir(base), 0);
    cleanup_state struct state s = find(NULL, "here");
    cleanup_free char *dir = xasprintf("%s/here", base);
    assert_string_equal(s.dir, dir);
    struct state none;
    assert_int_equal(state_find(&none, NULL, "", &err), -1);
    state_fini(&none);
}

/* The folder knows which cluster it is of. */
static void test_the_folder_says_the_name(void **state)
{
    (void)state;
    struct err err;
    struct state s = make("other");
    cleanup_free char *dir = xstrdup(s.dir);
    state_fini(&s);
    cleanup_state struct state by_dir = find(NULL, dir);
    assert_string_equal(by_dir.name, "other");
    assert_int_equal(state_load(&by_dir, &err), 0);
    cleanup_state struct state wrong = find("mine", dir);
    assert_int_equal(state_load(&wrong, &err), -1);
    assert_non_null(strstr(err.msg, "is the folder of cluster other and not of mine"));
}

static void test_a_folder_of_somebody_else(void **state)
{
    (void)state;
    struct err err;
    cleanup_free char *dir = xasprintf("%s/theirs", base);
    cleanup_free char *log = xasprintf("%s/log", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    cleanup_state struct state s = find(NULL, dir);
    close(open(log, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(state_lock(&s, &err), -1);
    assert_int_equal(err.code, ERR_FORBIDDEN);
    assert_non_null(strstr(err.msg, "holds other things already (log)"));
    assert_int_equal(unlink(log), 0);
    assert_int_equal(state_lock(&s, &err), 0); /* an empty one is fine */
}

static void test_no_place(void **state)
{
    (void)state;
    struct err err;
    cleanup_state struct state s = find(NULL, "/proc/nowhere/x");
    assert_int_equal(state_lock(&s, &err), -1);
    assert_non_null(strstr(err.msg, "/proc/nowhere cannot be made"));
    assert_non_null(strstr(err.msg, "--data DIR"));
    cleanup_free char *path = xmalloc(5001);
    memset(path, 'x', 5000);
    path[0] = '/';
    path[5000] = '\0';
    cleanup_state struct state deep = find(NULL, path);
    assert_int_equal(state_lock(&deep, &err), -1);
    assert_int_equal(state_load(&deep, &err), -1);
}

/* ---- the lock ---- */

/* Runs fn in a process of its own; its exit status. */
static int in_child(int (*fn)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(fn());
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int try_lock(void)
{
    struct err err;
    struct state s = find("lab", NULL);
    int rc = state_lock(&s, &err) == 0 ? 0 : err.code == ERR_CONFLICT ? 1 : 2;
    bool sees = state_pid(&s) == getppid() && state_is_running(&s);
    state_fini(&s);
    return rc == 1 && !sees ? 3 : rc;
}

static void test_one_holder(void **state)
{
    (void)state;
    struct state s = make("lab");
    assert_true(state_is_running(&s));
    assert_int_equal(state_pid(&s), getpid());
    assert_int_equal(in_child(try_lock), 1);
    assert_int_equal(state_pid(&s), getpid()); /* looking takes nothing away */
    assert_false(state_is_ready(&s));
    state_set_ready(&s);
    assert_true(state_is_ready(&s));
    state_fini(&s);
    s = find("lab", NULL);
    assert_false(state_is_running(&s));
    assert_false(state_is_ready(&s));
    assert_int_equal(state_pid(&s), 0); /* whatever number is still in the file */
    assert_int_equal(in_child(try_lock), 0);
    state_fini(&s);
}

static int handed_fd;

static int adopt(void)
{
    struct err err;
    struct state s = find("lab", NULL);
    if (state_adopt(&s, handed_fd, &err) < 0) {
        return 1;
    }
    return state_pid(&s) == getpid() ? 0 : 2;
}

/* From a parent to its child there is no moment in which nobody holds it. */
static void test_handed_over(void **state)
{
    (void)state;
    struct state s = make("lab");
    handed_fd = s.lock_fd;
    state_hand_over(&s);
    assert_true(state_is_running(&s));
    assert_int_equal(in_child(adopt), 0);
    assert_true(state_is_running(&s)); /* the file is still open here */
    state_fini(&s);
    s = find("lab", NULL);
    assert_false(state_is_running(&s));
    state_fini(&s);
}

static void test_removed_under_the_lock(void **state)
{
    (void)state;
    struct err err;
    struct state s = make("lab");
    cleanup_free char *note = state_path(&s, "note");
    close(open(note, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(state_remove(&s, &err), 0);
    assert_int_equal(access(note, F_OK), 0); /* what is not ours stays */
    assert_false(state_exists(&s));
    assert_int_equal(unlink(note), 0);
    struct state again = make("lab"); /* a new folder, a new lock */
    assert_true(state_is_running(&again));
    state_fini(&again);
    state_fini(&s);
}

/* ---- what is read back ---- */

static void damage(const char *text, const char *want)
{
    struct state s = make("lab");
    struct settings set = {0};
    struct err err = {0};
    assert_int_equal(state_write(&s, "settings.json", text, 0600, &err), 0);
    if (state_load(&s, &err) == 0 && settings_read(&s, &set, &err) == 0) {
        fail_msg("taken: %s", text);
    }
    if (strstr(err.msg, want) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", text, err.msg, want);
    }
    assert_int_equal(state_remove(&s, &err), 0);
    state_fini(&s);
}

#define HEX32 "0123456789abcdef0123456789abcdef"
#define REST "'uid':'u','token':'t','clock':'lab','port':1,'subnet':'10.77.0.0/16'"

static void damage_in(const char *fmt, const char *want)
{
    cleanup_free char *text = xstrdup(fmt);
    for (char *p = text; *p != '\0'; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    damage(text, want);
}

static void test_damaged_settings(void **state)
{
    (void)state;
    damage("", "is damaged");
    damage("{", "is damaged");
    damage("[]", "is damaged");
    damage("{}", "another version");
    damage("{\"format\": 2}", "another version");
    damage_in("{'format':1,'name':'lab'}", "is damaged");
    damage_in("{'format':1,'key':'xyz','runtime':'fake','workers':[]," REST "}", "is damaged");
    damage_in("{'format':1,'key':'" HEX32 HEX32 "','runtime':'podman','workers':[]," REST "}",
              "is damaged");
    damage_in("{'format':1,'key':'" HEX32 HEX32 "','runtime':'fake','workers':['A B']," REST "}",
              "is damaged");
    damage_in("{'format':1,'key':'" HEX32 HEX32 "','runtime':'fake','workers':[7]," REST "}",
              "is damaged");
}

static void test_settings_come_back(void **state)
{
    (void)state;
    struct err err;
    struct settings set = {0};
    struct state s = make("lab");
    json_auto_t *before = json_incref(s.settings);
    assert_int_equal(state_load(&s, &err), 0);
    assert_true(json_equal(before, s.settings));
    assert_int_equal(settings_read(&s, &set, &err), 0);
    assert_string_equal(set.workers[2], "worker-3");
    assert_null(set.workers[3]);
    assert_ptr_equal(set.clock, &clock_lab);
    cleanup_free char *path = state_path(&s, "settings.json");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* keys are in there */
    settings_fini(&set);
    state_fini(&s);
}

static void test_no_such_cluster(void **state)
{
    (void)state;
    struct err err;
    cleanup_state struct state s = find("nobody", NULL);
    assert_int_equal(state_load(&s, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.msg, "mini-cluster up --name nobody"));
}

/* ---- wishes ---- */

static void expect_wish(struct wishes w, const char *said)
{
    struct err err = {0};
    assert_int_equal(settings_check(&w, &err), -1);
    assert_int_equal(err.code, ERR_BAD_REQUEST);
    if (strstr(err.msg, said) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.msg, said);
    }
}

static void test_wishes(void **state)
{
    (void)state;
    struct err err;
    struct wishes w = nothing;
    assert_int_equal(settings_check(&w, &err), 0);
    w.node_names = "a,b";
    w.workers = 2;
    assert_int_equal(settings_check(&w, &err), 0);
    w.workers = 3;
    expect_wish(w, "--workers 3, but --node-names names 2");
    static const char *const bad[][2] = {{"", "--node-names \"\""},
                                         {"a,,b", "--node-names \"\""},
                                         {"a,B", "--node-names \"B\""},
                                         {"a,b,a", "is there twice"},
                                         {"control-plane", "the control plane's own node"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        expect_wish((struct wishes){.node_names = bad[i][0], .workers = -1, .port = -1}, bad[i][1]);
    }
    static const char *const sizes[] = {"0", "-1", "many", ""};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        expect_wish((struct wishes){.cpu = sizes[i], .workers = -1, .port = -1}, "--cpu \"");
        expect_wish((struct wishes){.memory = sizes[i], .workers = -1, .port = -1}, "--memory \"");
    }
    expect_wish((struct wishes){.clock = "sundial", .workers = -1, .port = -1}, "known are lab");
    expect_wish((struct wishes){.runtime = "podman", .workers = -1, .port = -1}, "known are auto");
}

static void expect_differs(const struct state *s, struct wishes w, bool running, const char *said)
{
    struct err err = {0};
    int rc = settings_compare(s, &w, running, &err);
    if (said == NULL) {
        assert_int_equal(rc, 0);
        return;
    }
    assert_int_equal(rc, -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    if (strstr(err.msg, said) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.msg, said);
    }
}

static void test_other_settings(void **state)
{
    (void)state;
    struct state s = make("lab");
    jx_put_int(s.settings, "port", 4711);
    struct wishes w = nothing;
    expect_differs(&s, w, true, NULL);
    w.workers = 3;
    w.node_names = "worker-1,worker-2,worker-3"; /* the same in other words */
    w.runtime = "auto";
    w.clock = "lab";
    w.port = 4711;
    expect_differs(&s, w, true, NULL);
    w = nothing;
    w.workers = 2;
    expect_differs(&s, w, true, "it began with the workers");
    w = nothing;
    w.cpu = "2000m"; /* the same in other words */
    w.memory = "2048Mi";
    expect_differs(&s, w, true, NULL);
    w.cpu = "4";
    expect_differs(&s, w, true, "its workers were made with cpu 2 and not 4");
    w.cpu = NULL;
    w.memory = "4Gi";
    expect_differs(&s, w, false, "its workers were made with memory 2Gi and not 4Gi");
    w = nothing;
    w.runtime = "docker";
    expect_differs(&s, w, true, "its runtime is fake and not docker");
    w = nothing;
    w.clock = "swarm";
    expect_differs(&s, w, true, "it was made with the clock lab and not swarm");
    w = nothing;
    w.port = 4712;
    expect_differs(&s, w, true, "its port is 4711 and not 4712");
    expect_differs(&s, w, false, NULL); /* at rest it may move */
    state_fini(&s);
}

static void test_sizes_are_remembered(void **state)
{
    (void)state;
    struct err err;
    struct settings set;
    struct state s = make("lab");
    assert_int_equal(settings_read(&s, &set, &err), 0);
    assert_int_equal(set.cpu_milli, 2000);
    assert_int_equal(set.memory, (int64_t)2 << 30);
    settings_fini(&set);
    json_object_del(s.settings, "cpu"); /* of an earlier version */
    json_object_del(s.settings, "memory");
    assert_int_equal(settings_read(&s, &set, &err), 0);
    assert_int_equal(set.cpu_milli, 2000);
    settings_fini(&set);
    jx_put_str(s.settings, "cpu", "4500m");
    jx_put_str(s.settings, "memory", "512Mi");
    assert_int_equal(settings_read(&s, &set, &err), 0);
    assert_int_equal(set.cpu_milli, 4500);
    assert_int_equal(set.memory, (int64_t)512 << 20);
    settings_fini(&set);
    jx_put_str(s.settings, "memory", "much");
    assert_int_equal(settings_read(&s, &set, &err), -1);
    state_fini(&s);
}

/* ---- trust ---- */

static void test_certificates_stay_and_heal(void **state)
{
    (void)state;
    static const char *const names[] = {"127.0.0.1", NULL};
    struct err err;
    struct state s = make("lab");
    struct certs_pair ca[3], leaf[3];
    for (int i = 0; i < 3; i++) {
        if (i == 2) { /* half of it is lost */
            cleanup_free char *path = state_path(&s, "ca.key");
            assert_int_equal(unlink(path), 0);
        }
        if (trust_make(&s, names, &ca[i], &leaf[i], &err) < 0) {
            fail_msg("%s", err.msg);
        }
    }
    assert_string_equal(ca[0].cert_pem, ca[1].cert_pem);
    assert_string_not_equal(ca[1].cert_pem, ca[2].cert_pem);
    assert_string_not_equal(leaf[0].cert_pem, leaf[1].cert_pem); /* issued at every start */
    for (int i = 0; i < 3; i++) {
        certs_pair_fini(&ca[i]);
        certs_pair_fini(&leaf[i]);
    }
    assert_int_equal(state_write(&s, "ca.crt", "nonsense", 0644, &err), 0);
    struct certs_pair a, b;
    assert_int_equal(trust_make(&s, names, &a, &b, &err), -1);
    assert_non_null(strstr(err.msg, s.dir));
    assert_int_equal(trust_write_kubeconfig(&s, "CA", "token", 4711, &err), 0);
    cleanup_free char *text = state_read(&s, "kubeconfig");
    assert_non_null(strstr(text, "server: https://127.0.0.1:4711"));
    assert_non_null(strstr(text, "current-context: podlab-lab"));
    state_fini(&s);
}

static void test_list(void **state)
{
    (void)state;
    struct state b = make("b"), a = make("a");
    struct err err;
    cleanup_free char *half = xasprintf("%s/podlab/clusters/half", base);
    assert_int_equal(mkdir(half, 0700), 0); /* a start that broke off */
    char **names = state_list();
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    assert_null(names[2]);
    free(names[0]);
    free(names[1]);
    free(names);
    cleanup_state struct state s = find("half", NULL);
    assert_int_equal(state_lock(&s, &err), 0);
    state_fini(&a);
    state_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_data_is_absolute, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_folder_says_the_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_folder_of_somebody_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_holder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_handed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removed_under_the_lock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_settings_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_such_cluster, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wishes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes_are_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_certificates_stay_and_heal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
