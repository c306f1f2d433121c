/* SPDX-License-Identifier: Apache-2.0 */
/* A real process on a real disk, killed with SIGKILL while it writes: nothing it acknowledged is
 * lost. */
#include <signal.h>
#include <sys/wait.h>

#include "fixture.h"

enum { ROUNDS = 4, ACKS = 60 };

struct child {
    struct store *s;
    int fd;
    int n; /* of the commit under way */
};

static void commit_more(void *arg, bool ok, const char *why)
{
    struct child *c = arg;
    if (ok && c->n > 0 && write(c->fd, &c->n, sizeof(c->n)) != sizeof(c->n)) {
        _exit(1);
    }
    c->n++;
    for (int i = 0; i < 5; i++) {
        cleanup_free char *name = xasprintf("p%d", i);
        cleanup_free char *value = xasprintf("%d", c->n);
        struct store_key key = pod_key(name);
        struct err err;
        if (store_put(c->s, &key, object("default", name, value), -1, NULL, &err) < 0) {
            _exit(2);
        }
    }
    store_on_commit(c->s, commit_more, c);
}

/* Never returns: it writes until it is killed. */
static void be_child(const char *path, int fd)
{
    struct loop *loop = loop_new();
    struct store_opts opts = {.path = path, .log_keep = 100};
    struct child c = {.fd = fd};
    struct err err;
    if (store_open(loop, &opts, &c.s, &err) < 0) {
        _exit(3);
    }
    commit_more(&c, true, "");
    loop_run(loop);
    _exit(4);
}

/* The last number that the child acknowledged before it was killed. */
static int run_child(const char *path)
{
    int fds[2], n = 0, last = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        be_child(path, fds[1]);
    }
    close(fds[1]);
    while (last < ACKS && read(fds[0], &n, sizeof(n)) == sizeof(n)) {
        last = n;
    }
    kill(pid, SIGKILL);
    while (read(fds[0], &n, sizeof(n)) == sizeof(n)) { /* said before it died */
        last = n;
    }
    close(fds[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    return last;
}

static void a_killed_process_loses_nothing_it_acknowledged(void **state)
{
    char folder[] = "/tmp/store-kill-XXXXXX";
    assert_non_null(mkdtemp(folder));
    cleanup_free char *path = xasprintf("%s/state.db", folder);
    struct fixture f = {.loop = loop_sim_new(1)};
    f.opts.path = path;
    for (int round = 0; round < ROUNDS; round++) {
        int acknowledged = run_child(path);
        assert_true(acknowledged >= ACKS);
        open_store(&f);
        cleanup_free char *first = value_of(&f, STORE_COMMITTED, "p0");
        assert_in_range(atoi(first), acknowledged, acknowledged + 1);
        for (int i = 1; i < 5; i++) { /* all of a tick, or nothing */
            cleanup_free char *name = xasprintf("p%d", i);
            assert_value(&f, STORE_COMMITTED, name, first);
        }
        store_close(steal(f.s));
    }
    loop_free(f.loop);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_process_loses_nothing_it_acknowledged),
    };
    return cmocka_run_group_tests_name("store kill", tests, NULL, NULL);
}
