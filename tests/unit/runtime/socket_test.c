/* SPDX-License-Identifier: Apache-2.0 */
/* The first thing that goes wrong for a beginner is the socket, so its errors say what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "runtime/docker/docker_socket.h"

static void test_where(void **state)
{
    static const struct {
        const char *given, *host, *path; /* path NULL: refused */
    } rows[] = {
        {NULL, NULL, "/var/run/docker.sock"},
        {NULL, "", "/var/run/docker.sock"},
        {"/x.sock", "tcp://1.2.3.4:2375", "/x.sock"},
        {NULL, "unix:///run/user/1000/docker.sock", "/run/user/1000/docker.sock"},
        {NULL, "tcp://127.0.0.1:2375", NULL},
        {NULL, "ssh://a@b", NULL},
        {NULL, "unix://relative", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        unsetenv("DOCKER_HOST");
        if (rows[i].host != NULL) {
            setenv("DOCKER_HOST", rows[i].host, 1);
        }
        cleanup_free char *path = docker_socket_path(rows[i].given, &err);
        if (rows[i].path != NULL) {
            assert_string_equal(path, rows[i].path);
        } else {
            assert_null(path);
            assert_int_equal(err.code, ERR_UNAVAILABLE);
            assert_non_null(strstr(err.msg, rows[i].host));
            assert_non_null(strstr(err.msg, "unset DOCKER_HOST"));
        }
    }
    unsetenv("DOCKER_HOST");
}

/* A bound socket in a folder of its own; returns its descriptor. */
static int bind_socket(char dir[64], char path[96])
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    snprintf(dir, 64, "/tmp/podlab-socket-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, 96, "%s/docker.sock", dir);
    str_copy(sa.sun_path, sizeof(sa.sun_path), path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

static void drop_socket(int fd, const char *dir, const char *path)
{
    close(fd);
    unlink(path);
    rmdir(dir);
}

static void test_nobody_is_there(void **state)
{
    struct err err;
    assert_int_equal(docker_socket_check("/nowhere/docker.sock", &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "install"));
    char dir[64], path[96];
    int fd = bind_socket(dir, path);
    assert_int_equal(docker_socket_check(path, &err), -1); /* bound, but nobody listens */
    assert_non_null(strstr(err.msg, "systemctl start docker"));
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(docker_socket_check(path, &err), 0);
    drop_socket(fd, dir, path);
    char longer[300];
    memset(longer, 'x', sizeof(longer));
    longer[0] = '/';
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(docker_socket_check(longer, &err), -1);
}

/* In a child that is nobody: root may everything. */
static int check_as_nobody(const char *path)
{
    struct err err = {0};
    if (setgid(65534) != 0 || setuid(65534) != 0) {
        return 2;
    }
    int rc = docker_socket_check(path, &err);
    bool ok = rc == -1 && err.code == ERR_UNAVAILABLE && strstr(err.msg, "group daemon") != NULL &&
              strstr(err.msg, "usermod -aG daemon $USER") != NULL &&
              strstr(err.msg, "sg daemon -c") != NULL;
    if (!ok) {
        fprintf(stderr, "said: %s\n", err.msg);
    }
    return ok ? 0 : 1;
}

static void test_no_permission_names_the_group(void **state)
{
    char dir[64], path[96];
    if (getuid() != 0) {
        print_message("only root can give a socket to another group: not shown here\n");
        return;
    }
    int fd = bind_socket(dir, path);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(chown(path, 0, 1), 0); /* daemon */
    assert_int_equal(chmod(path, 0660), 0);
    pid_t child = fork();
    if (child == 0) {
        _exit(check_as_nobody(path));
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    drop_socket(fd, dir, path);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_nobody_is_there),
        cmocka_unit_test(test_no_permission_names_the_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
