/* SPDX-License-Identifier: Apache-2.0 */
/* Finds a cluster's folder and keeps its settings there. */
#include "cmd/state.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/name.h"

enum { FORMAT = 1, MAX_NAME = 32 };

static char *absolute(const char *path)
{
    char cwd[PATH_MAX];
    if (path[0] == '/' || getcwd(cwd, sizeof(cwd)) == NULL) {
        return xstrdup(path);
    }
    return xasprintf("%s/%s", cwd, path);
}

static json_t *read_settings(const struct state *s, struct err *err)
{
    json_t *settings = NULL;
    errno = 0;
    cleanup_free char *text = state_read(s, "settings.json");
    if (text == NULL && errno != ENOENT && errno != ENOTDIR) {
        err_errno(err, errno, "read %.300s/settings.json", s->dir);
        return NULL;
    }
    if (text == NULL) {
        err_set(err, ERR_NOT_FOUND,
                "there is no cluster named %s; `mini-cluster up --name %s` makes one", s->name,
                s->name);
        return NULL;
    }
    if (jx_parse(text, strlen(text), true, &settings, err) < 0 || !json_is_object(settings)) {
        json_decref(settings);
        err_set(err, ERR_INVALID,
                "%.300s/settings.json is damaged; move the folder away and start anew", s->dir);
        return NULL;
    }
    return settings;
}

/* A folder knows its cluster's name. */
static void recall_name(struct state *s)
{
    struct err err;
    json_auto_t *settings = read_settings(s, &err);
    const char *name = jx_str(settings, "name", "");
    if (name_check_label(name) == NULL && strlen(name) <= MAX_NAME) {
        free(s->name);
        s->name = xstrdup(name);
    }
}

int state_find(struct state *s, const char *name, const char *data, struct err *err)
{
    *s = (struct state){.lock_fd = -1};
    const char *wanted = name != NULL ? name : "lab";
    const char *wrong = name_check_label(wanted);
    if (wrong != NULL || strlen(wanted) > MAX_NAME) {
        return err_set(err, ERR_BAD_REQUEST, "--name \"%.100s\": %s", wanted,
                       wrong != NULL ? wrong : "must be no more than 32 characters");
    }
    if (data != NULL && data[0] == '\0') {
        return err_set(err, ERR_BAD_REQUEST, "--data needs the path of a folder");
    }
    s->name = xstrdup(wanted);
    if (data != NULL) {
        s->dir = absolute(data);
        if (name == NULL) {
            recall_name(s);
        }
        return 0;
    }
    cleanup_free char *base = state_base();
    s->dir = xasprintf("%s/%s", base, wanted);
    return 0;
}

void state_fini(struct state *s)
{
    free(s->name);
    free(s->dir);
    json_decref(s->settings);
    if (s->lock_fd >= 0) {
        close(s->lock_fd);
    }
    *s = (struct state){.lock_fd = -1};
}

bool state_exists(const struct state *s)
{
    cleanup_free char *path = state_path(s, "settings.json");
    return access(path, F_OK) == 0;
}

int state_load(struct state *s, struct err *err)
{
    json_auto_t *settings = read_settings(s, err);
    if (settings == NULL) {
        return -1;
    }
    if (jx_int(settings, "format", 0) != FORMAT) {
        return err_set(err, ERR_INVALID,
                       "%.300s/settings.json was written by another version of mini-cluster; use "
                       "that one, or move the folder away and start anew",
                       s->dir);
    }
    const char *name = jx_str(settings, "name", s->name);
    if (strcmp(name, s->name) != 0) {
        return err_set(err, ERR_CONFLICT, "%.300s is the folder of cluster %s and not of %s",
                       s->dir, name, s->name);
    }
    json_decref(s->settings);
    s->settings = steal(settings);
    return 0;
}

int state_save(struct state *s, struct err *err)
{
    cleanup_free char *text = jx_dump_pretty(s->settings);
    return state_write(s, "settings.json", text, 0600, err);
}
