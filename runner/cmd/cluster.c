/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the mini-cluster program and takes its words for errors. */
#include "cmd/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/place.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

extern char **environ;

static int spawn(const char *const *argv, int out, pid_t *ret, struct err *err)
{
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawn_file_actions_adddup2(&files, out, 2);
    int rc = posix_spawnp(ret, argv[0], &files, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&files);
    return rc == 0 ? 0 : err_errno(err, rc, "run %s", argv[0]);
}

int cluster_run_program(const char *const *argv, char **ret_output, struct err *err)
{
    struct str out = STR_INIT;
    char buf[4096];
    int fds[2];
    pid_t pid;
    int status;
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return err_errno(err, errno, "pipe");
    }
    cleanup_close int from = fds[0];
    int rc = spawn(argv, fds[1], &pid, err);
    close(fds[1]);
    if (rc < 0) {
        return -1;
    }
    for (ssize_t n; (n = read(from, buf, sizeof(buf))) > 0;) {
        str_add_n(&out, buf, (size_t)n);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (ret_output != NULL) {
        *ret_output = str_take(&out);
    }
    str_fini(&out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* "mini-cluster up: what was wrong\n" without its beginning and end. */
static const char *words_of(char *output)
{
    static const char prefix[] = "mini-cluster ";
    output[strcspn(output, "\n")] = '\0';
    const char *colon = strchr(output, ':');
    return str_has_prefix(output, prefix) && colon != NULL ? colon + 2 : output;
}

/* Runs mini-cluster with up to ten words; *ret_output may be NULL. */
static int run(const char *const *words, char **ret_output, struct err *err)
{
    cleanup_free char *dir = place_of_program();
    cleanup_free char *program = place_find_program("mini-cluster", dir);
    const char *argv[12] = {program};
    cleanup_free char *output = NULL;
    if (program == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "there is no mini-cluster program in %s or on PATH; `make` builds it", dir);
    }
    for (size_t i = 0; words[i] != NULL && i + 2 < ARRAY_LEN(argv); i++) {
        argv[i + 1] = words[i];
    }
    int status = cluster_run_program(argv, &output, err);
    if (status < 0) {
        return -1;
    }
    if (status != 0) {
        enum err_code code =
            strstr(output, "other settings") != NULL ? ERR_CONFLICT : ERR_UNAVAILABLE;
        return err_set(err, code, "%s", words_of(output));
    }
    if (ret_output != NULL) {
        *ret_output = steal(output);
    }
    return 0;
}

int cluster_up(const char *name, const json_t *wishes, const char *runtime, struct err *err)
{
    const char *clock = jx_str(wishes, "clock", NULL);
    cleanup_free char *workers = xasprintf("%d", (int)jx_int(wishes, "workers", 3));
    const char *words[] = {"up", "--detach", "--name", name, "--workers", workers,
                           NULL, NULL,       NULL,     NULL, NULL};
    size_t n = 6;
    if (clock != NULL) {
        words[n++] = "--clock";
        words[n++] = clock;
    }
    if (runtime != NULL) {
        words[n++] = "--runtime";
        words[n++] = runtime;
    }
    return run(words, NULL, err);
}

int cluster_down(const char *name, struct err *err)
{
    const char *const words[] = {"down", "--name", name, NULL};
    return run(words, NULL, err);
}

int cluster_list(json_t **ret, struct err *err)
{
    static const char *const words[] = {"list", "-o", "json", NULL};
    cleanup_free char *output = NULL;
    if (run(words, &output, err) < 0) {
        return -1;
    }
    return jx_parse(output, strlen(output), false, ret, err);
}

const char *cluster_docker_socket(void)
{
    const char *host = getenv("DOCKER_HOST");
    return host != NULL && str_has_prefix(host, "unix://") ? host + strlen("unix://")
                                                           : "/var/run/docker.sock";
}

bool cluster_docker_connects(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    str_copy(at.sun_path, sizeof(at.sun_path), cluster_docker_socket());
    return fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
}

bool cluster_is_without_docker(const char *name, char **ret_why)
{
    json_t *all = NULL;
    struct err err;
    if (cluster_list(&all, &err) < 0) {
        return false;
    }
    const json_t *row = jx_find(all, "name", name);
    bool without = strcmp(jx_get_str(row, "runtime", ""), "process") == 0;
    *ret_why = without ? xstrdup(jx_get_str(row, "noDocker", "")) : NULL;
    json_decref(all);
    return without;
}

int cluster_host_docker(const char *name, const char *host, char **ret, struct err *err)
{
    static const char before[] = "export DOCKER_HOST=";
    const char *const words[] = {"host", "env", host, "--name", name, NULL};
    cleanup_free char *output = NULL;
    if (run(words, &output, err) < 0) {
        return -1;
    }
    const char *at = strstr(output, before);
    if (at == NULL) {
        return err_set(err, ERR_UNAVAILABLE, "%s has no Docker of its own", host);
    }
    at += strlen(before);
    *ret = xstrndup(at, strcspn(at, "\r\n"));
    return 0;
}

static char *folder_of(const char *name, const char *file)
{
    cleanup_free char *below = xasprintf("clusters/%s/%s", name, file);
    return place_state(below);
}

bool cluster_exists(const char *name)
{
    cleanup_free char *path = folder_of(name, "settings.json");
    return access(path, F_OK) == 0;
}

char *cluster_kubeconfig(const char *name)
{
    return folder_of(name, "kubeconfig");
}
