/* SPDX-License-Identifier: Apache-2.0 */
/* A small key-value store over HTTP, one file per key: something that has state worth keeping. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/guest.h"
#include "guest/http.h"

static int dir = -1;
static const char *dir_name;

/* "/name" with letters, digits, dot, dash and underscore; no hidden files. */
static const char *key_of(const char *path)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *key = path + 1;
    size_t n = strlen(key);
    return n > 0 && n <= 128 && key[0] != '.' && strspn(key, ok) == n ? key : NULL;
}

static void failed(struct http_response *r, const char *what)
{
    http_text(r, errno == ENOENT ? 404 : 500, "cannot %s: %s\n", what, strerror(errno));
}

static void get(const char *key, struct http_response *r)
{
    struct stat st;
    int fd = openat(dir, key, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        if (errno == ENOENT) {
            http_text(r, 404, "no such key: %s\n", key);
        } else {
            failed(r, "read it");
        }
        return;
    }
    r->body = guest_alloc((size_t)st.st_size + 1);
    ssize_t n = read(fd, r->body, (size_t)st.st_size);
    r->len = n > 0 ? (size_t)n : 0;
    r->type = "application/octet-stream";
    close(fd);
}

/* Whole or not at all, and on the disk before it is said to be there. */
static void put(const char *key, const struct http_request *q, struct http_response *r)
{
    struct stat st;
    bool is_new = fstatat(dir, key, &st, 0) < 0;
    int fd = openat(dir, ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && write(fd, q->body, q->body_len) == (ssize_t)q->body_len &&
              fsync(fd) == 0 && renameat(dir, ".new", dir, key) == 0;
    if (ok) {
        http_text(r, is_new ? 201 : 200, "stored %zu bytes\n", q->body_len);
    } else {
        failed(r, "store it");
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void delete (const char *key, struct http_response *r)
{
    if (unlinkat(dir, key, 0) == 0) {
        http_text(r, 200, "deleted\n");
    } else if (errno == ENOENT) {
        http_text(r, 404, "no such key: %s\n", key);
    } else {
        failed(r, "delete it");
    }
}

/* Sorted by insertion: it is a small store. */
static size_t read_keys(DIR *d, char ***ret)
{
    size_t n = 0;
    char **keys = NULL;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (e->d_name[0] == '.') {
            continue;
        }
        keys = guest_grow(keys, (n + 1) * sizeof(*keys));
        size_t at = n++;
        for (; at > 0 && strcmp(keys[at - 1], e->d_name) > 0; at--) {
            keys[at] = keys[at - 1];
        }
        keys[at] = guest_copy(e->d_name);
    }
    *ret = keys;
    return n;
}

static void list(struct http_response *r)
{
    char **keys = NULL;
    DIR *d = opendir(guest_path(dir_name));
    if (d == NULL) {
        failed(r, "list the keys");
        return;
    }
    size_t n = read_keys(d, &keys);
    r->body = guest_alloc(1);
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(keys[i]);
        r->body = guest_grow(r->body, r->len + len + 1);
        memcpy(r->body + r->len, keys[i], len);
        r->len += len + 1;
        r->body[r->len - 1] = '\n';
        free(keys[i]);
    }
    free(keys);
    closedir(d);
}

static void handle(const struct http_request *q, struct http_response *r)
{
    bool read = strcmp(q->method, "GET") == 0 || strcmp(q->method, "HEAD") == 0;
    const char *key = key_of(q->path);
    if (strcmp(q->path, "/healthz") == 0 || strcmp(q->path, "/readyz") == 0) {
        http_text(r, 200, "ok\n");
        r->quiet = true;
    } else if (read && strcmp(q->path, "/") == 0) {
        list(r);
    } else if (key == NULL) {
        http_text(r, 400,
                  "a key has 1 to 128 of the characters a-z A-Z 0-9 . _ - and no dot first\n");
    } else if (read) {
        get(key, r);
    } else if (strcmp(q->method, "PUT") == 0 || strcmp(q->method, "POST") == 0) {
        put(key, q, r);
    } else if (strcmp(q->method, "DELETE") == 0) {
        delete (key, r);
    } else {
        http_text(r, 405, "GET, PUT or DELETE\n");
    }
}

int kv_main(int argc, char **argv)
{
    dir_name = guest_env("KV_DIR", NULL);
    if (dir_name == NULL) {
        guest_log("KV_DIR is not set");
        return 1;
    }
    mkdir(guest_path(dir_name), 0755);
    dir = open(guest_path(dir_name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        guest_log("KV_DIR %s: %s", dir_name, strerror(errno));
        return 1;
    }
    struct http_opts opts = {
        .port = (uint16_t)guest_env_num("PORT", 8080, 1, 65535),
        .handle = handle,
        .drain_ms = (unsigned)guest_env_num("DRAIN_MS", 300, 0, 60000),
    };
    ev_init();
    printf("kv listens on port %u, keeps its keys in %s\n", opts.port, dir_name);
    fflush(stdout);
    return http_run(&opts);
}
