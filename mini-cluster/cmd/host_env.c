/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster host env: how docker reaches a host's own Docker. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/settings.h"
#include "cmd/state.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "hosts/dock.h"

static int no_docker(const struct settings *set, struct err *err)
{
    return err_set(err, ERR_UNAVAILABLE,
                   "the hosts of this cluster have no Docker of their own: its containers run on "
                   "the %s runtime. On a machine with Docker, make a cluster with `mini-cluster up "
                   "--runtime docker`",
                   set->runtime);
}

static int no_host(const struct state *s, const struct settings *set, const char *host,
                   struct err *err)
{
    if (strcmp(host, "control-plane") == 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "the control plane has no Docker of its own; the workers have: %s",
                       set->workers[0] != NULL ? set->workers[0] : "(there are none)");
    }
    if (!state_is_running(s)) {
        return err_set(err, ERR_UNAVAILABLE,
                       "cluster %s does not run: `mini-cluster up --name %s` starts it", s->name,
                       s->name);
    }
    return err_set(err, ERR_NOT_FOUND,
                   "host %.60s of cluster %s has no Docker; `mini-cluster status` lists the hosts",
                   host, s->name);
}

/* The socket of a host that was switched on once since the cluster is up. */
static char *find_socket(struct state *s, const struct cmd_flags *f, const char *host,
                         struct err *err)
{
    cleanup_settings struct settings set = {0};
    struct stat st;
    if (state_find(s, f->name, f->data, err) < 0 || state_load(s, err) < 0 ||
        settings_read(s, &set, err) < 0) {
        return NULL;
    }
    if (strcmp(set.runtime, "docker") != 0) {
        no_docker(&set, err);
        return NULL;
    }
    if (strchr(host, '/') != NULL || host[0] == '\0') {
        err_set(err, ERR_BAD_REQUEST, "\"%.60s\" is no name of a host", host);
        return NULL;
    }
    cleanup_free char *path = dock_socket(jx_str(s->settings, "sockets", ""), host);
    if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        no_host(s, &set, host, err);
        return NULL;
    }
    return steal(path);
}

int cmd_host_env(int argc, char **argv)
{
    struct cmd_flags f = CMD_FLAGS_INIT;
    const struct option_row rows[] = {CMD_ROW_DATA(&f), CMD_ROW_NAME(&f), {0}};
    const struct options o = {
        .usage = "mini-cluster host env NAME [options]",
        .summary = "Prints how docker reaches a host: eval \"$(mini-cluster host env worker-1)\".",
        .rows = rows,
        .max_words = 1,
        .word_names = (const char *const[]){"NAME", NULL},
    };
    struct err err = {0};
    cleanup_state struct state s = {.lock_fd = -1};
    const char *names[1] = {NULL};
    int n = 0;
    enum options_result parsed = options_parse(&o, argc, argv, names, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    if (n != 1) {
        fprintf(stderr, "mini-cluster host env: name one host, such as worker-1\n");
        return 2;
    }
    cleanup_free char *path = find_socket(&s, &f, names[0], &err);
    if (path == NULL) {
        fprintf(stderr, "mini-cluster host env: %s\n", err.msg);
        return cmd_failed(&err);
    }
    printf("export DOCKER_HOST=unix://%s\n", path);
    return 0;
}
