/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one container: started once, watched, and what became of it written down. */
#include "guest/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CONTROL_FD = 3,
    LINGER_MS = 3000,
    TERM_GRACE_MS = 10000,
    CLAIM_TRIES = 40,
    CLAIM_AGAIN_US = 2500
};

struct shim_child shim_main_child;

static struct {
    const char *name; /* created, running, paused, exited */
    long long started_us, finished_us;
    unsigned long long began; /* of the process, in the kernel's count */
    pid_t pid;
    int code;
    bool oom, killed; /* killed: by us */
    char boot[40];    /* which life of the machine it belongs to */
    char error[512];
} state = {.name = "created"};

static struct ev_timer grace_timer, linger_timer;
static uint64_t grace_due;

/* ---- what is known ---- */

const char *shim_state(void)
{
    static char text[1024];
    snprintf(
        text, sizeof(text),
        "state %s\nboot %s\npid %d %llu\nstarted %lld\nfinished %lld\ncode %d\noom %d\nerror %s\n",
        state.name, state.boot, (int)state.pid, state.began, state.started_us, state.finished_us,
        state.code, state.oom, state.error);
    return text;
}

/* Whole or as it was. */
static void write_state(void)
{
    const char *text = shim_state();
    size_t n = strlen(text);
    int fd = open("state.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text, n) == (ssize_t)n;
    if (fd >= 0) {
        close(fd);
    }
    if (ok) {
        rename("state.new", "state");
    }
}

static void tell(const char *name)
{
    state.name = name;
    write_state();
    shim_client_state();
}

/* When the kernel began it: with that a number that was given again is told apart. */
static unsigned long long began_of(pid_t pid)
{
    char path[32];
    char text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    const char *at = strrchr(text, ')'); /* the second field may hold anything */
    for (int field = 2; at != NULL && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? strtoull(at + 1, NULL, 10) : 0;
}

static void read_boot(void)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, state.boot, sizeof(state.boot) - 1) : 0;
    state.boot[n > 0 ? strcspn(state.boot, "\n") : 0] = '\0';
    if (fd >= 0) {
        close(fd);
    }
}

/* ---- its end ---- */

static void leave_when_alone(struct ev_timer *t)
{
    ev_stop();
}

/* Near its limit when something killed it, and that was not us. */
static bool ran_out_of_memory(void)
{
    struct rusage use;
    long long max = shim_config_num("memory");
    if (max == 0 || state.killed || shim_child_code(&shim_main_child) != 128 + SIGKILL ||
        getrusage(RUSAGE_CHILDREN, &use) < 0) {
        return false;
    }
    long long peak = (long long)use.ru_maxrss * 1024;
    return peak >= max / 4 * 3 || peak + (2 << 20) >= max;
}

static void main_ended(int status)
{
    struct shim_child *c = &shim_main_child;
    kill(-c->pid, SIGKILL); /* whatever it left behind */
    shim_client_signal(SIGKILL);
    c->pid = 0;
    c->ended = true;
    c->status = status;
    shim_child_drain(c);
    shim_child_close(c);
    shim_log_end();
    state.finished_us = shim_log_now();
    state.code = shim_child_code(c);
    state.oom = ran_out_of_memory();
    ev_timer_stop(&grace_timer);
    tell("exited");
    shim_client_finish();
    shim_client_look_if_alone();
    linger_timer.fn = leave_when_alone;
    ev_timer_start(&linger_timer, LINGER_MS);
}

static void on_child(int pid, int status)
{
    if (pid == shim_main_child.pid) {
        main_ended(status);
    } else {
        shim_client_child(pid, status);
    }
}

/* ---- what is asked of it ---- */

static void send_all(int sig)
{
    shim_child_kill(&shim_main_child, sig);
    shim_client_signal(sig);
}

void shim_kill(void)
{
    state.killed = true;
    send_all(SIGKILL);
}

static void on_grace(struct ev_timer *t)
{
    shim_kill();
}

/* The earliest of several ends it. */
void shim_stop(unsigned long grace_ms)
{
    uint64_t due = ev_now() + grace_ms;
    if (shim_main_child.pid == 0) {
        return;
    }
    if (grace_ms == 0) {
        shim_kill();
        return;
    }
    kill(shim_main_child.pid, SIGTERM);
    if (grace_due == 0 || due < grace_due) {
        grace_due = due;
        grace_timer.fn = on_grace;
        ev_timer_start(&grace_timer, grace_ms);
    }
}

void shim_pause(bool paused)
{
    const char *name = paused ? "paused" : "running";
    if (shim_main_child.pid > 0) {
        send_all(paused ? SIGSTOP : SIGCONT);
        tell(name);
    }
}

void shim_look_at_net(void)
{
    send_all(SIGUSR1);
}

/* ---- its beginning ---- */

static void main_bytes(struct shim_child *c, int fd, const char *bytes, size_t n)
{
    if (shim_config_num("log") == 1 || fd == 2) {
        shim_log_add(fd, bytes, n);
    }
    shim_client_output(fd, bytes, n);
}

static void main_room(struct shim_child *c)
{
    shim_client_room();
}

static void main_closed(struct shim_child *c)
{
    /* it may run on without a word */
}

/* Nobody else's: not a shim's that lives, nor of a container that is being removed. */
static bool take_lock(void)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat st;
    int fd = open("lock", O_RDWR | O_CLOEXEC);
    return fd >= 0 && fcntl(fd, F_OFD_SETLK, &all) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0;
}

/* A name that only one process of this machine can have: of its address. */
static bool take_address(void)
{
    const char *name = shim_config_get("claim", "");
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = strlen(name);
    if (n == 0 || n > sizeof(at.sun_path) - 1) {
        return n == 0;
    }
    memcpy(at.sun_path + 1, name, n);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = -1;
    for (int i = 0; fd >= 0 && rc < 0 && i < CLAIM_TRIES; i++) { /* its last owner may be leaving */
        rc = bind(fd, (struct sockaddr *)&at, len);
        if (rc < 0) {
            usleep(CLAIM_AGAIN_US);
        }
    }
    return rc == 0;
}

/* It ran already, whoever started it: once is enough. */
static bool has_run(void)
{
    char text[64];
    int fd = open("state", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return n > 0 && strncmp(text, "state created", 13) != 0;
}

static bool start_main(void)
{
    const struct shim_start s = {
        .args = shim_config_all("arg"),
        .tty = shim_config_num("tty") == 1,
        .stdin_open = shim_config_num("stdin") == 1,
    };
    struct shim_child *c = &shim_main_child;
    c->on_bytes = main_bytes;
    c->on_room = main_room;
    c->on_closed = main_closed;
    c->in.fd = c->out.fd = c->err.fd = -1;
    if (!take_address()) {
        snprintf(state.error, sizeof(state.error), "Address already in use");
        return false;
    }
    if (!shim_child_start(c, &s, state.error, sizeof(state.error))) {
        return false;
    }
    state.pid = c->pid;
    state.began = began_of(c->pid);
    state.started_us = shim_log_now();
    return true;
}

/* Answers whoever started this shim, and nobody else. */
static int answer_only(char type)
{
    char out[1100];
    int n = snprintf(out, sizeof(out), "%c%s", type, type == 'S' ? shim_state() : "");
    return send(CONTROL_FD, out, (size_t)n, MSG_NOSIGNAL) == n ? 0 : 1;
}

static void on_term(void)
{
    shim_stop(TERM_GRACE_MS);
}

static void run(void)
{
    shim_client_listen();
    shim_client_take(CONTROL_FD);
    tell("running");
    ev_run(on_term);
}

static void close_others(void)
{
    if (syscall(SYS_close_range, CONTROL_FD + 1, ~0u, 0) < 0) {
        for (int fd = CONTROL_FD + 1; fd < 1024; fd++) {
            close(fd);
        }
    }
}

/* shim DIRECTORY; the first monitor is connected to descriptor 3. */
int shim_main(int argc, char **argv)
{
    if (argc != 1 || chdir(argv[0]) < 0) {
        return 2;
    }
    close_others();
    fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC); /* before there are children */
    umask(077);
    if (!shim_config_read() || !take_lock() || has_run()) {
        return answer_only('B'); /* it is another's */
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    ev_init();
    ev_on_child(on_child);
    shim_log_open();
    read_boot();
    if (!start_main()) {
        write_state();
        return answer_only('S');
    }
    run();
    return 0;
}
