/* SPDX-License-Identifier: Apache-2.0 */
/* What a container is run with, as "key=value" texts that end with NUL: written once, read by its
 * shim and by every later life of ours. */
#include "runtime/process/process_config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "runtime/images.h"

/* ---- reading ---- */

const char *process_config_next(const struct str *config, size_t *at, const char *key)
{
    size_t n = strlen(key);
    while (*at < config->len) {
        const char *entry = config->p + *at;
        *at += strlen(entry) + 1;
        if (strncmp(entry, key, n) == 0 && entry[n] == '=') {
            return entry + n + 1;
        }
    }
    return NULL;
}

const char *process_config_get(const struct str *config, const char *key, const char *dflt)
{
    size_t at = 0;
    const char *value = process_config_next(config, &at, key);
    return value != NULL ? value : dflt;
}

bool process_config_whole(const struct str *config)
{
    return config->len > 0 && config->p[config->len - 1] == '\0' &&
           process_config_get(config, "end", NULL) != NULL;
}

/* ---- writing ---- */

void process_config_add(struct str *config, const char *key, const char *value)
{
    if (value != NULL) {
        str_add_f(config, "%s=%s", key, value);
        str_add_c(config, '\0');
    }
}

static void add_number(struct str *config, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    process_config_add(config, key, text);
}

static void add_all(struct str *config, const char *key, const char *const *list)
{
    for (; list != NULL && *list != NULL; list++) {
        process_config_add(config, key, *list);
    }
}

/* ---- the program ---- */

/* The entrypoint of every image is this program itself, which the shim runs anyway. */
static void add_args(struct str *config, const struct process_place *p)
{
    static const char *const roles[] = {
        [RUNTIME_HOST] = "host", [RUNTIME_SERVICES] = "services", [RUNTIME_SANDBOX] = "pause"};
    const struct runtime_spec *spec = p->spec;
    bool guest = spec->role != RUNTIME_APP;
    const char *const *words = spec->command;
    if (words != NULL) {
        words += str_eq(words[0], "/podlab") ? 1 : 0;
        add_all(config, "arg", words);
        add_all(config, "arg", spec->args);
        return;
    }
    if (guest) {
        process_config_add(config, "arg", roles[spec->role]);
    }
    add_all(config, "arg", spec->args != NULL ? spec->args : p->image->cmd);
}

static bool has_var(const char *const *env, const char *var)
{
    size_t n = strcspn(var, "=") + 1;
    for (; env != NULL && *env != NULL; env++) {
        if (strncmp(*env, var, n) == 0) {
            return true;
        }
    }
    return false;
}

static void add_var(struct str *config, const char *name, const char *value)
{
    cleanup_free char *text = xasprintf("%s=%s", name, value);
    process_config_add(config, "env", text);
}

/* The first of a name counts: ours, then what was asked for, then the image's. */
static void add_env(struct str *config, const struct process_place *p)
{
    const char *const *own = p->spec->env;
    cleanup_free char *root = xasprintf("%s/root", p->dir);
    cleanup_free char *cut = xasprintf("%s/cut", p->network_dir);
    add_var(config, "PODLAB_ROOT", root);
    add_var(config, "PODLAB_ADDRESS", p->address);
    add_var(config, "PODLAB_PORTS_UP", p->ports_up);
    add_var(config, "PODLAB_CUT", cut);
    add_all(config, "env", own);
    if (!has_var(own, "HOSTNAME=")) {
        add_var(config, "HOSTNAME", p->hostname);
    }
    for (const char *const *e = p->image->env; e != NULL && *e != NULL; e++) {
        if (!has_var(own, *e)) {
            process_config_add(config, "env", *e);
        }
    }
}

static const char *label_of(const struct runtime_spec *spec, const char *key)
{
    size_t n = strlen(key);
    for (const char *const *l = spec->labels; l != NULL && *l != NULL; l++) {
        if (strncmp(*l, key, n) == 0 && (*l)[n] == '=') {
            return *l + n + 1;
        }
    }
    return "";
}

/* What people see who list their processes. The last word is never a role's name alone. */
static void add_title(struct str *config, const struct process_place *p)
{
    static const char *const kinds[] = {[RUNTIME_HOST] = "host",
                                        [RUNTIME_SERVICES] = "services",
                                        [RUNTIME_SANDBOX] = "sandbox",
                                        [RUNTIME_APP] = ""};
    const struct runtime_spec *spec = p->spec;
    const char *host = spec->host != NULL && spec->host[0] != '\0' ? spec->host : spec->hostname;
    const char *pod = label_of(spec, "dev.podlab.pod");
    const char *what =
        spec->role == RUNTIME_APP ? label_of(spec, "dev.podlab.container") : kinds[spec->role];
    cleanup_free char *title =
        xasprintf("podlab: %s %s%s%s %s", p->cluster, host != NULL ? host : "-",
                  pod[0] != '\0' ? " " : "", pod, what[0] != '\0' ? what : "container");
    process_config_add(config, "title", title);
}

/* ---- all of it ---- */

void process_config_build(const struct process_place *p, struct str *config)
{
    const struct runtime_spec *spec = p->spec;
    bool spoken_to = spec->role == RUNTIME_HOST || spec->role == RUNTIME_SERVICES;
    const char *dir = spec->workdir != NULL ? spec->workdir : "";
    cleanup_free char *workdir = xasprintf("%s/root%s%s", p->dir, dir[0] == '/' ? "" : "/", dir);
    process_config_add(config, "name", spec->name);
    process_config_add(config, "id", p->id);
    process_config_add(config, "image_id", p->image_id);
    process_config_add(config, "role", runtime_role_name(spec->role));
    process_config_add(config, "host", spec->host);
    process_config_add(config, "hash", spec->hash);
    add_number(config, "epoch", (int64_t)p->epoch);
    add_all(config, "label", spec->labels);
    process_config_add(config, "address", spec->address);
    process_config_add(config, "join", spec->join);
    process_config_add(config, "hostname", p->hostname);
    if (spec->address != NULL) {
        cleanup_free char *claim = xasprintf(PROCESS_CLAIM "%s", spec->address);
        process_config_add(config, "claim", claim);
    }
    for (size_t i = 0; i < spec->nmounts; i++) {
        if (spec->mounts[i].volume != NULL && spec->mounts[i].keep) {
            process_config_add(config, "volume", spec->mounts[i].volume);
        }
    }
    add_title(config, p);
    add_args(config, p);
    add_env(config, p);
    process_config_add(config, "workdir", workdir);
    add_number(config, "tty", spec->tty && !spoken_to);
    add_number(config, "stdin", spec->stdin_open || spoken_to);
    add_number(config, "once", spec->stdin_once);
    add_number(config, "memory", spec->memory_limit);
    add_number(config, "log", spec->role == RUNTIME_APP);
    process_config_add(config, "end", "");
}

/* ---- what is asked for ---- */

bool process_config_name_ok(const char *name)
{
    size_t n = name != NULL && isalnum((unsigned char)name[0]) ? strlen(name) : 0;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)name[i]) && strchr("_.-", name[i]) == NULL) {
            return false;
        }
    }
    return n >= 2 && n <= 200;
}

/* Absolute, below the root, without "..". */
static bool path_ok(const char *path)
{
    if (path == NULL || path[0] != '/' || path[1] == '\0') {
        return false;
    }
    for (const char *part = path; *part != '\0';) {
        part += strspn(part, "/");
        size_t n = strcspn(part, "/");
        if (n == 2 && strncmp(part, "..", 2) == 0) {
            return false;
        }
        part += n;
    }
    return true;
}

static bool is_file_path(const char *path)
{
    return path_ok(path) && path[strlen(path) - 1] != '/';
}

int process_config_check(const struct runtime_spec *spec, struct err *err)
{
    if (!process_config_name_ok(spec->name) ||
        (spec->join != NULL && !process_config_name_ok(spec->join))) {
        return err_set(err, ERR_INVALID,
                       "container name \"%.200s\": only [a-zA-Z0-9][a-zA-Z0-9_.-]",
                       spec->name != NULL ? spec->name : "");
    }
    for (size_t i = 0; i < spec->nfiles; i++) {
        if (!is_file_path(spec->files[i].path)) {
            return err_set(err, ERR_INVALID,
                           "file \"%.200s\" of %s: an absolute path without \"..\"",
                           spec->files[i].path != NULL ? spec->files[i].path : "", spec->name);
        }
    }
    for (size_t i = 0; i < spec->nmounts; i++) {
        const struct runtime_mount *m = &spec->mounts[i];
        if (!path_ok(m->path) || (m->volume != NULL && !process_config_name_ok(m->volume))) {
            return err_set(err, ERR_INVALID,
                           "mount path \"%.200s\" of %s: an absolute path below /, and a volume's "
                           "name of [a-zA-Z0-9_.-]",
                           m->path != NULL ? m->path : "", spec->name);
        }
    }
    if (spec->workdir != NULL && strcmp(spec->workdir, "/") != 0 && !path_ok(spec->workdir)) {
        return err_set(err, ERR_INVALID, "working directory \"%.200s\" of %s: an absolute path",
                       spec->workdir, spec->name);
    }
    return 0;
}
