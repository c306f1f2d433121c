/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's PID 1 points DNS at the cluster, in place, and ends when it is told to. */
#include "guest_fixture.h"

#include <sys/stat.h>

static char resolv[64], hosts[64];

static void make_file(char path[64], const char *text)
{
    strcpy(path, "/tmp/podlab-pause-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static const char *read_back(const char *path)
{
    static char text[1000];
    FILE *f = fopen(path, "r");
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static ino_t inode(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

static int setup(void **state)
{
    make_file(resolv, "nameserver 127.0.0.11\nsearch somewhere.example\noptions ndots:0\n# long\n");
    make_file(hosts, "127.0.0.1 localhost\n");
    setenv("PODLAB_RESOLV_CONF", resolv, 1);
    setenv("PODLAB_HOSTS_FILE", hosts, 1);
    unsetenv("PODLAB_DNS");
    unsetenv("PODLAB_SEARCH");
    unsetenv("PODLAB_HOSTS");
    return 0;
}

static int teardown(void **state)
{
    unlink(resolv);
    unlink(hosts);
    return 0;
}

/* It takes SIGTERM when it has done its work, and not before: the signal waits. */
static void run(void)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(pause_main(0, NULL));
    }
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) { /* too early: before it had blocked the signal */
        run();
        return;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void dns_leads_to_the_cluster(void **state)
{
    setenv("PODLAB_DNS", "10.77.128.10", 1);
    setenv("PODLAB_SEARCH", "ns.svc.cluster.local svc.cluster.local cluster.local", 1);
    ino_t before = inode(resolv);
    run();
    assert_string_equal(read_back(resolv),
                        "nameserver 10.77.128.10\n"
                        "search ns.svc.cluster.local svc.cluster.local cluster.local\n"
                        "options ndots:5\n");
    assert_true(inode(resolv) == before); /* a mount cannot be replaced */
}

static void without_a_server_nothing_changes(void **state)
{
    run();
    assert_non_null(strstr(read_back(resolv), "127.0.0.11"));
}

static void at_most_three_servers(void **state)
{
    setenv("PODLAB_DNS", "10.0.0.1 10.0.0.2,10.0.0.3 10.0.0.4", 1);
    run();
    assert_string_equal(read_back(resolv), "nameserver 10.0.0.1\nnameserver 10.0.0.2\n"
                                           "nameserver 10.0.0.3\noptions ndots:5\n");
}

static void host_aliases_are_added(void **state)
{
    setenv("PODLAB_HOSTS", "10.0.0.9 db.example\n", 1);
    run();
    assert_string_equal(read_back(hosts), "127.0.0.1 localhost\n10.0.0.9 db.example\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dns_leads_to_the_cluster),
        TEST(without_a_server_nothing_changes),
        TEST(at_most_three_servers),
        TEST(host_aliases_are_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
