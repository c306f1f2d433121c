/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster list: every cluster there is on this machine. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/state.h"
#include "common/json/jx.h"
#include "common/mem.h"

static json_t *describe(const char *name)
{
    struct err err;
    cleanup_state struct state s = {.lock_fd = -1};
    if (state_find(&s, name, NULL, &err) < 0) {
        return json_pack("{s:s, s:b, s:s}", "name", name, "running", 0, "error", err.msg);
    }
    int pid = (int)state_pid(&s);
    if (state_load(&s, &err) < 0) {
        return json_pack("{s:s, s:b, s:i, s:s}", "name", name, "running", pid != 0, "pid", pid,
                         "error", err.msg);
    }
    int port = (int)jx_int(s.settings, "port", 0);
    cleanup_free char *api = port > 0 ? xasprintf("https://127.0.0.1:%d", port) : xstrdup("");
    return json_pack("{s:s, s:b, s:i, s:s, s:s, s:s}", "name", name, "running", pid != 0, "pid",
                     pid, "runtime", jx_str(s.settings, "runtime", ""), "noDocker",
                     jx_str(s.settings, "noDocker", ""), "api", api);
}

static json_t *describe_all(void)
{
    json_t *all = json_array();
    char **names = state_list();
    for (size_t i = 0; names[i] != NULL; i++) {
        json_array_append_new(all, describe(names[i]));
        free(names[i]);
    }
    free(names);
    return all;
}

static void print_table(const json_t *all)
{
    size_t i;
    json_t *c;
    if (json_array_size(all) == 0) {
        printf("no clusters; `mini-cluster up` makes one\n");
        return;
    }
    printf("%-16s %-8s %-8s %s\n", "NAME", "RUNNING", "RUNTIME", "API");
    jx_each(i, c, all)
    {
        printf("%-16s %-8s %-8s %s\n", jx_str(c, "name", ""),
               jx_bool(c, "running", false) ? "yes" : "no", jx_str(c, "runtime", "?"),
               jx_str(c, "api", jx_str(c, "error", "")));
    }
}

int cmd_list(int argc, char **argv)
{
    struct cmd_flags f = CMD_FLAGS_INIT;
    const struct option_row rows[] = {CMD_ROW_OUTPUT(&f), {0}};
    const struct options o = {
        .usage = "mini-cluster list [options]",
        .summary = "Lists the clusters of this machine, running or not.",
        .rows = rows,
    };
    int n;
    bool bad;
    enum options_result parsed = options_parse(&o, argc, argv, NULL, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    bool json = cmd_wants_json(&f, &bad);
    if (bad) {
        return 2;
    }
    json_auto_t *all = describe_all();
    if (json) {
        cleanup_free char *text = jx_dump_pretty(all);
        puts(text);
    } else {
        print_table(all);
    }
    return 0;
}
