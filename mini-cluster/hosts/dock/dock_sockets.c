/* SPDX-License-Identifier: Apache-2.0 */
/* Where the sockets are: in a folder of this user's alone, under names that fit a socket's 107
 * bytes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/mem.h"
#include "common/str.h"
#include "hosts/dock.h"
#include "hosts/dock/dock_impl.h"

enum { BACKLOG = 64 };

char *dock_dir(const char *cluster_uid)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    if (base != NULL && base[0] == '/') {
        return xasprintf("%s/podlab/%.8s", base, cluster_uid);
    }
    return xasprintf("/tmp/podlab-%u/%.8s", (unsigned)getuid(), cluster_uid);
}

char *dock_socket(const char *dir, const char *host)
{
    struct sockaddr_un sa;
    char *path = xasprintf("%s/%s.sock", dir, host);
    if (strlen(path) < sizeof(sa.sun_path)) {
        return path;
    }
    free(path);
    return xasprintf("%s/%08x.sock", dir, (unsigned)str_hash32(host, strlen(host)));
}

/* Nobody else may put a socket of his own in the way. */
static int make_one(const char *dir, bool own, struct err *err)
{
    struct stat st;
    if (mkdir(dir, 0700) == 0) {
        return 0;
    }
    if (errno != EEXIST) {
        return err_errno(err, errno, "make the folder %s for the sockets of the hosts", dir);
    }
    if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return err_set(err, ERR_CONFLICT,
                       "%s, where the sockets of the hosts would be, is no "
                       "folder",
                       dir);
    }
    if (own && (st.st_uid != getuid() || (st.st_mode & 077) != 0)) {
        return err_set(err, ERR_CONFLICT,
                       "%s, where the sockets of the hosts would be, is open to others; remove it, "
                       "or set XDG_RUNTIME_DIR to a folder of your own",
                       dir);
    }
    return 0;
}

int dock_dir_make(const char *dir, struct err *err)
{
    const char *slash = strrchr(dir, '/');
    cleanup_free char *parent = xstrndup(dir, slash != NULL ? (size_t)(slash - dir) : 0);
    return make_one(parent, true, err) != 0 ? -1 : make_one(dir, true, err);
}

void dock_dir_remove(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        if (str_has_suffix(e->d_name, ".sock")) {
            unlinkat(dirfd(d), e->d_name, 0);
        }
    }
    if (d != NULL) {
        closedir(d);
        rmdir(dir);
    }
}

/* ---- one of them ---- */

static int address_of(const char *path, struct sockaddr_un *sa, struct err *err)
{
    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (str_copy(sa->sun_path, sizeof(sa->sun_path), path) >= sizeof(sa->sun_path)) {
        return err_set(err, ERR_INVALID,
                       "%s is longer than a socket's name may be (107 bytes); set XDG_RUNTIME_DIR "
                       "to a shorter path",
                       path);
    }
    return 0;
}

int dock_socket_listen(const char *path, struct err *err)
{
    struct sockaddr_un sa;
    if (address_of(path, &sa, err) != 0) {
        return -1;
    }
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    unlink(path); /* of an earlier life: whoever holds the cluster's lock is alone */
    if (fd < 0 || bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 ||
        chmod(path, 0600) != 0 || listen(fd, BACKLOG) != 0) {
        return err_errno(err, errno, "listen on %s", path);
    }
    int listening = fd;
    fd = -1;
    return listening;
}
