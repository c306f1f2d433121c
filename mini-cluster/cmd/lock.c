/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of a cluster's folder tells whether it runs; a number in a file would outlive its
 * process. It belongs to an open file, so that a parent can hand it to its child without a gap. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "cmd/state.h"
#include "common/mem.h"
#include "common/str.h"

/* What the holder locks, byte by byte, as it comes up. */
enum { CLUSTER, PID_WRITTEN, READY };

enum { MAX_TRIES = 1000, PID_WAIT_MS = 2000 };

static struct flock range(int byte, short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

static int take(int fd, int byte)
{
    struct flock r = range(byte, F_WRLCK);
    return fcntl(fd, F_OFD_SETLK, &r);
}

static void give(int fd, int byte)
{
    struct flock r = range(byte, F_UNLCK);
    (void)fcntl(fd, F_OFD_SETLK, &r);
}

/* Whether somebody holds it, without taking it even for a moment. */
static bool is_taken(int fd, int byte)
{
    struct flock r = range(byte, F_WRLCK);
    return fcntl(fd, F_OFD_GETLK, &r) == 0 && r.l_type != F_UNLCK;
}

static int open_lock(const struct state *s, int flags)
{
    cleanup_free char *path = state_path(s, "lock");
    return open(path, O_RDWR | O_CLOEXEC | flags, 0600);
}

static int write_pid(int fd, struct err *err)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n) {
        return err_errno(err, errno, "write the lock file");
    }
    return take(fd, PID_WRITTEN) < 0 ? err_errno(err, errno, "lock the lock file") : 0;
}

/* Somebody may have removed the folder since the file was opened. */
static bool is_current(const struct state *s, int fd)
{
    cleanup_free char *path = state_path(s, "lock");
    struct stat here;
    struct stat there;
    return fstat(fd, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino &&
           here.st_dev == there.st_dev;
}

int state_lock(struct state *s, struct err *err)
{
    for (int i = 0; i < MAX_TRIES; i++) {
        if (state_make_dir(s, err) < 0) {
            return -1;
        }
        cleanup_close int fd = open_lock(s, O_CREAT);
        if (fd < 0 && errno == ENOENT) {
            continue; /* the folder went in between */
        }
        if (fd < 0) {
            return err_errno(err, errno, "open %s/lock", s->dir);
        }
        if (take(fd, CLUSTER) < 0) {
            bool held = errno == EAGAIN || errno == EACCES;
            return held ? err_set(err, ERR_CONFLICT, "cluster %s is running already", s->name)
                        : err_errno(err, errno, "lock %s/lock", s->dir);
        }
        if (!is_current(s, fd)) {
            continue;
        }
        if (write_pid(fd, err) < 0) {
            return -1;
        }
        s->lock_fd = fd;
        fd = -1;
        return 0;
    }
    return err_set(err, ERR_INTERNAL, "%s comes and goes; is another program at work there?",
                   s->dir);
}

void state_hand_over(struct state *s)
{
    give(s->lock_fd, PID_WRITTEN);
}

int state_adopt(struct state *s, int fd, struct err *err)
{
    if (take(fd, CLUSTER) < 0) {
        return err_errno(err, errno, "take the lock over");
    }
    if (write_pid(fd, err) < 0) {
        return -1;
    }
    s->lock_fd = fd;
    return 0;
}

void state_set_ready(struct state *s)
{
    if (s->lock_fd >= 0) {
        (void)take(s->lock_fd, READY);
    }
}

static bool look(const struct state *s, int byte)
{
    cleanup_close int fd = open_lock(s, 0);
    return fd >= 0 && is_taken(fd, byte);
}

bool state_is_running(const struct state *s)
{
    return look(s, CLUSTER);
}

bool state_is_ready(const struct state *s)
{
    return look(s, READY);
}

/* Between the lock and the number behind it are moments; a number of before would be wrong. */
pid_t state_pid(const struct state *s)
{
    cleanup_close int fd = open_lock(s, 0);
    if (fd < 0) {
        return 0;
    }
    for (int ms = 0; is_taken(fd, CLUSTER) && ms < PID_WAIT_MS; ms++) {
        char text[32] = "";
        int64_t pid = 0;
        if (is_taken(fd, PID_WRITTEN)) {
            ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
            if (n > 0 && text[n - 1] == '\n') {
                text[n - 1] = '\0';
                return str_to_i64(text, 1, INT32_MAX, &pid) ? (pid_t)pid : 0;
            }
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return 0;
}
