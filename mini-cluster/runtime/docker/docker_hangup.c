/* SPDX-License-Identifier: Apache-2.0 */
/* Docker lets the process of an exec run on when its caller leaves, reading from nobody and writing
 * to nobody, for ever. Here it is told to hang up, as by a terminal that goes: by us when we may,
 * else by a kill in its container. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "runtime/docker/docker_stream.h"

#define LOOK_AGAIN_NS LOOP_MS(50) /* the daemon answers before the process is there */

enum { LOOKS = 60 };

static void look(void *arg);

/* The beginning of a file of /proc. */
static void read_proc(int64_t pid, const char *name, struct str *out)
{
    char path[64], text[4096];
    snprintf(path, sizeof(path), "/proc/%lld/%s", (long long)pid, name);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    str_add_n(out, text, n > 0 ? (size_t)n : 0);
}

/* The daemon may live on another machine than it seems: its numbers are ours only when the process
 * is in the group of this container. */
static bool is_in_container(const struct runtime_stream *s, int64_t pid)
{
    cleanup_str struct str groups = STR_INIT;
    read_proc(pid, "cgroup", &groups);
    return strlen(s->container_id) == 64 && strstr(str_c(&groups), s->container_id) != NULL;
}

/* What its container calls the process; 0: not known. */
static int64_t inner_pid(int64_t pid)
{
    cleanup_str struct str status = STR_INIT;
    read_proc(pid, "status", &status);
    const char *line = strstr(str_c(&status), "\nNSpid:");
    int64_t inner = 0;
    if (line != NULL) {
        cleanup_free char *row = xstrndup(line + 1, strcspn(line + 1, "\n"));
        const char *last = strrchr(row, '\t');
        (void)(last != NULL && str_to_i64(last + 1, 1, INT32_MAX, &inner));
    }
    return inner;
}

/* ---- a kill in the container ---- */

static void kill_inside(struct runtime_stream *s);

/* Where there is no shell there may be the guest; else there is nothing more to be done. */
static void killed(void *arg, const struct docker_answer *a)
{
    struct runtime_stream *s = arg;
    s->asked = NULL;
    if (a->err.code != ERR_NONE && ++s->kills < 2) {
        kill_inside(s);
    } else {
        docker_stream_release(s);
    }
}

static void kill_made(void *arg, const struct docker_answer *a)
{
    struct runtime_stream *s = arg;
    const char *id = jx_str(a->json, "Id", "");
    s->asked = NULL;
    if (a->err.code != ERR_NONE || strspn(id, "0123456789abcdef") != strlen(id)) {
        docker_stream_release(s);
        return;
    }
    const struct docker_ask ask = {.method = "POST", .body = json_pack("{s:b}", "Detach", 1)};
    s->asked = docker_call(s->d, &ask, killed, s, "/exec/%s/start", id);
}

static void kill_inside(struct runtime_stream *s)
{
    cleanup_free char *group = xasprintf("-%lld", (long long)s->inner_pid);
    cleanup_free char *line = xasprintf("kill -HUP %s", group);
    json_t *words = s->kills == 0 ? json_pack("[s, s, s]", "sh", "-c", line)
                                  : json_pack("[s, s, s, s]", "/podlab", "kill", "-HUP", group);
    const struct docker_ask ask = {.method = "POST",
                                   .body = json_pack("{s:o, s:s}", "Cmd", words, "User", "0")};
    s->asked = docker_call(s->d, &ask, kill_made, s, "/containers/%s/exec", s->name);
}

/* ---- looking for it ---- */

/* It leads a group of its own, which is what a terminal would tell. */
static void tell(struct runtime_stream *s, int64_t pid)
{
    s->inner_pid = inner_pid(pid);
    if (!is_in_container(s, pid)) {
        log_debug("docker", "%s: process %lld is not to be seen from here; it was not told to end",
                  s->name, (long long)pid);
        docker_stream_release(s);
    } else if (kill((pid_t)-pid, SIGHUP) == 0 || errno != EPERM || s->inner_pid == 0) {
        docker_stream_release(s);
    } else {
        kill_inside(s);
    }
}

static void looked(void *arg, const struct docker_answer *a)
{
    struct runtime_stream *s = arg;
    int64_t pid = jx_int(a->json, "Pid", 0);
    s->asked = NULL;
    if (a->err.code == ERR_NONE && pid == 0 && jx_get(a->json, "ExitCode") == json_null() &&
        ++s->exec_polls < LOOKS) {
        loop_timer_start(s->exec_timer, LOOK_AGAIN_NS);
    } else if (a->err.code == ERR_NONE && pid > 1 && jx_bool(a->json, "Running", false)) {
        tell(s, pid);
    } else {
        docker_stream_release(s);
    }
}

static void look(void *arg)
{
    struct runtime_stream *s = arg;
    s->asked = docker_call(s->d, &(struct docker_ask){0}, looked, s, "/exec/%s/json", s->exec_id);
}

bool docker_hangup(struct runtime_stream *s)
{
    if (s->exec_id == NULL || s->ended || s->hanging_up || s->upgrade == NULL) {
        return false;
    }
    s->hanging_up = true;
    s->paused = true;
    http_upgrade_pause(s->upgrade, true);
    docker_call_cancel(steal(s->resizing));
    loop_undefer(s->d->loop, s);
    s->exec_timer = loop_timer_new(s->d->loop, look, s);
    loop_timer_start(s->exec_timer, 0); /* not from within a call */
    return true;
}
