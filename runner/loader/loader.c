/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a whole lab from its folder. */
#include "loader/loader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "common/mem.h"
#include "common/vec.h"
#include "loader/loader_impl.h"

enum { MAX_FILE = 1024 * 1024 };

static const struct read_key lab_keys[] = {
    {"format", READ_INT, true},    {"title", READ_TEXT, true},      {"summary", READ_TEXT, true},
    {"time", READ_INT, true},      {"level", READ_TEXT, false},     {"requires", READ_ARRAY, false},
    {"images", READ_ARRAY, false}, {"namespace", READ_TEXT, false}, {"cluster", READ_OBJECT, false},
    {"probes", READ_ARRAY, false}, {"steps", READ_ARRAY, true},     {0},
};

static const struct read_key cluster_keys[] = {
    {"workers", READ_INT, false},
    {"cpu", READ_TEXT, false},
    {"memory", READ_TEXT, false},
    {"clock", READ_TEXT, false},
    {0},
};

static const struct read_key probe_keys[] = {
    {"id", READ_TEXT, true},      {"service", READ_TEXT, false},
    {"url", READ_TEXT, false},    {"addresses", READ_TEXT, false},
    {"path", READ_TEXT, false},   {"per_second", READ_INT, false},
    {"slow_ms", READ_INT, false}, {0},
};

static char *slurp(const char *path)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct str text = STR_INIT;
    char buf[8192];
    if (fd < 0) {
        return NULL;
    }
    for (ssize_t n; (n = read(fd, buf, sizeof(buf))) > 0 && text.len < MAX_FILE;) {
        str_add_n(&text, buf, (size_t)n);
    }
    return str_take(&text);
}

char *read_file(struct reading *r, const char *name)
{
    cleanup_free char *path = xasprintf("%s/%s", r->lab->dir, name);
    return arena_take(r->arena, slurp(path));
}

/* ---- what the folder holds, as one digest: a lab that changed is another lab ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void digest_dir(gnutls_hash_hd_t hash, const char *dir)
{
    VEC(char *) entries = {0};
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.') {
            vec_push(&entries, xstrdup(e->d_name));
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    if (entries.n > 1) {
        qsort(entries.v, entries.n, sizeof(entries.v[0]), by_name);
    }
    for (size_t i = 0; i < entries.n; i++) {
        cleanup_free char *path = xasprintf("%s/%s", dir, entries.v[i]);
        struct stat st;
        gnutls_hash(hash, entries.v[i], strlen(entries.v[i]) + 1);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            digest_dir(hash, path);
        } else {
            cleanup_free char *text = slurp(path);
            if (text != NULL) {
                gnutls_hash(hash, text, strlen(text) + 1);
            }
        }
        free(entries.v[i]);
    }
    vec_fini(&entries);
}

static void digest(struct lab *lab)
{
    gnutls_hash_hd_t hash;
    unsigned char raw[32] = {0};
    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) == 0) {
        digest_dir(hash, lab->dir);
        gnutls_hash_deinit(hash, raw);
    }
    str_hex(lab->sha, raw, sizeof(raw));
}

/* ---- lab.yaml ---- */

static int read_target(struct reading *r, const json_t *obj, const char *path, struct lab_probe *p)
{
    p->service = read_text(r, obj, "service");
    p->url = read_text(r, obj, "url");
    p->addresses = read_text(r, obj, "addresses");
    if ((p->service != NULL) + (p->url != NULL) + (p->addresses != NULL) != 1) {
        return read_fail(r, path, "one of service, url and addresses must say where to");
    }
    if (p->url != NULL && !read_is_address(p->url)) {
        return read_fail(r, path, "url: \"%s\" is not of the form HOST:PORT, such as worker-1:8080",
                         p->url);
    }
    if (p->addresses != NULL && strchr(p->addresses, '/') != NULL) {
        return read_fail(r, path, "addresses: must be a file of the learner's folder, not a path");
    }
    return 0;
}

static int read_probes(struct reading *r, const json_t *doc)
{
    const json_t *probes = jx_get(doc, "probes");
    size_t i;
    json_t *probe;
    r->lab->probes = arena_alloc(r->arena, json_array_size(probes) * sizeof(*r->lab->probes));
    jx_each(i, probe, probes)
    {
        cleanup_free char *path = xasprintf("probes[%zu]", i);
        if (read_keys(r, probe, path, probe_keys) < 0) {
            return -1;
        }
        struct lab_probe *p = &r->lab->probes[i];
        p->id = read_text(r, probe, "id");
        if (read_target(r, probe, path, p) < 0) {
            return -1;
        }
        p->path = jx_get(probe, "path") != NULL ? read_text(r, probe, "path") : "/";
        p->per_second = (unsigned)jx_int(probe, "per_second", 10);
        p->slow_ms = jx_int(probe, "slow_ms", 250);
        if (p->per_second < 1 || p->per_second > 50) {
            return read_fail(r, path, "per_second: must be from 1 to 50");
        }
        r->lab->nprobes++;
    }
    return 0;
}

static int read_steps(struct reading *r, const json_t *doc)
{
    const json_t *steps = jx_get(doc, "steps");
    size_t n = json_array_size(steps);
    size_t i;
    json_t *step;
    if (n == 0) {
        return read_fail(r, "steps", "a lab has at least one step");
    }
    r->lab->steps = arena_alloc(r->arena, n * sizeof(*r->lab->steps));
    jx_each(i, step, steps)
    {
        cleanup_free char *path = xasprintf("steps[%zu]", i);
        if (read_step(r, step, path, &r->lab->steps[i]) < 0) {
            return -1;
        }
        if (lab_find_step(r->lab, r->lab->steps[i].id) != NULL) {
            return read_fail(r, path, "the id \"%s\" is taken by an earlier step",
                             r->lab->steps[i].id);
        }
        r->lab->nsteps++;
        if (read_scripts(r, i + 1, &r->lab->steps[i]) < 0) {
            return -1;
        }
    }
    return read_stray_scripts(r);
}

static int read_lab(struct reading *r, const json_t *doc)
{
    struct lab *lab = r->lab;
    if (read_keys(r, doc, "", lab_keys) < 0) {
        return -1;
    }
    if (jx_int(doc, "format", 0) != 1) {
        return read_fail(r, "format", "this program reads format 1");
    }
    lab->title = read_text(r, doc, "title");
    lab->summary = read_text(r, doc, "summary");
    lab->level = jx_get(doc, "level") != NULL ? read_text(r, doc, "level") : "beginner";
    lab->minutes = (int)jx_int(doc, "time", 0);
    lab->ns = jx_get(doc, "namespace") != NULL ? read_text(r, doc, "namespace") : "default";
    const json_t *cluster = jx_get(doc, "cluster");
    lab->cluster = cluster != NULL ? jx_edit(cluster) : json_object();
    if (read_keys(r, lab->cluster, "cluster", cluster_keys) < 0 ||
        read_texts(r, doc, "requires", "requires", &lab->requires) < 0 ||
        read_texts(r, doc, "images", "images", &lab->images) < 0 || read_probes(r, doc) < 0) {
        return -1;
    }
    return read_steps(r, doc);
}

int loader_load(const char *dir, struct lab **ret, struct err *err)
{
    char absolute[PATH_MAX];
    if (realpath(dir, absolute) == NULL) {
        return err_errno(err, errno, "lab folder %s", dir);
    }
    struct lab *lab = xnew(struct lab);
    struct arena *arena = arena_new();
    lab->arena = arena;
    lab->dir = arena_copy(arena, absolute);
    lab->id = strrchr(lab->dir, '/') + 1;
    cleanup_free char *file = xasprintf("%s/lab.yaml", dir);
    struct reading r = {.lab = lab, .arena = arena, .file = file, .err = err};
    const char *text = read_file(&r, "lab.yaml");
    json_auto_t *doc = NULL;
    int rc = -1;
    if (text == NULL) {
        err_set(err, ERR_NOT_FOUND, "%s is not there: this is no lab's folder", file);
    } else if (yaml_parse_marks(text, strlen(text), &doc, &r.marks, err) < 0) {
        err_wrap(err, "%s", file);
    } else {
        rc = read_lab(&r, doc);
    }
    yaml_marks_free(r.marks);
    if (rc < 0) {
        lab_free(lab);
        return -1;
    }
    digest(lab);
    *ret = lab;
    return 0;
}
