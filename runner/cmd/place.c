/* SPDX-License-Identifier: Apache-2.0 */
/* Folders and programs, by the rules that a shell would go by. */
#include "cmd/place.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "journal/journal.h"

char *place_state(const char *below)
{
    const char *state = getenv("XDG_STATE_HOME");
    if (state != NULL && state[0] == '/') {
        return xasprintf("%s/podlab/%s", state, below);
    }
    const char *home = getenv("HOME");
    return xasprintf("%s/.local/state/podlab/%s", home != NULL ? home : "/tmp", below);
}

int place_make(const char *dir, struct err *err)
{
    cleanup_free char *path = xstrdup(dir);
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0') {
            continue;
        }
        char was = *p;
        *p = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST) {
            return err_errno(err, errno, "make the folder %s", path);
        }
        *p = was;
        if (was == '\0') {
            return 0;
        }
    }
}

/* The holder of a lock writes down who it is. */
static void sign_lock(int fd)
{
    const char *tty = ttyname(STDIN_FILENO);
    cleanup_free char *text = tty != NULL ? xasprintf("process %d on %s", (int)getpid(), tty)
                                          : xasprintf("process %d", (int)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, strlen(text), 0) < 0) {
        return; /* then nobody can say who it is */
    }
}

static int held(int fd, struct err *err)
{
    char who[128] = "";
    ssize_t n = pread(fd, who, sizeof(who) - 1, 0);
    close(fd);
    return err_set(err, ERR_CONFLICT, "%s", n > 0 ? who : "another podlab");
}

int place_lock(const char *name, struct err *err)
{
    cleanup_free char *below = xasprintf("locks/%s", name);
    cleanup_free char *path = place_state(below);
    cleanup_free char *dir = place_state("locks");
    if (place_make(dir, err) < 0) {
        return -1;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(err, errno, "open %s", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        sign_lock(fd);
        return 0; /* fd lives as long as we do */
    }
    return held(fd, err);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    int rc = remove(path);
    (void)rc; /* what cannot be removed stays */
    return 0;
}

void place_remove(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

int place_journal(struct journal **ret, struct err *err)
{
    cleanup_free char *path = place_state("journal.db");
    cleanup_free char *dir = place_state("");
    dir[strlen(dir) - 1] = '\0';
    return place_make(dir, err) < 0 ? -1 : journal_open(path, ret, err);
}

char *place_of_program(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n <= 0) {
        return xstrdup(".");
    }
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    *slash = '\0';
    return xstrdup(path);
}

static char *on_path(const char *name)
{
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t n = strcspn(path, ":");
        cleanup_free char *file = xasprintf("%.*s/%s", (int)n, path, name);
        if (access(file, X_OK) == 0) {
            return steal(file);
        }
        path += n + (path[n] == ':');
    }
    return NULL;
}

char *place_find_program(const char *name, const char *beside)
{
    if (beside != NULL) {
        cleanup_free char *file = xasprintf("%s/%s", beside, name);
        if (access(file, X_OK) == 0) {
            return steal(file);
        }
    }
    return on_path(name);
}

char *place_find_kubectl(void)
{
    char *found = on_path("kubectl");
    cleanup_free char *dir = place_of_program();
    /* build/podlab, or a variant's build/asan/podlab */
    for (int up = 0; found == NULL && up < 2; up++) {
        cleanup_free char *pattern = xasprintf("%s/kubectl/*/kubectl", dir);
        glob_t g;
        if (glob(pattern, 0, NULL, &g) == 0) {
            found = xstrdup(g.gl_pathv[g.gl_pathc - 1]);
        }
        globfree(&g);
        char *slash = strrchr(dir, '/');
        if (slash == NULL) {
            break;
        }
        *slash = '\0';
    }
    return found;
}
