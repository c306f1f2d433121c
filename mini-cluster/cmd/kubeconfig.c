/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster kubeconfig: prints what kubectl needs to reach a cluster. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/state.h"
#include "common/mem.h"

int cmd_kubeconfig(int argc, char **argv)
{
    struct cmd_flags f = CMD_FLAGS_INIT;
    const struct option_row rows[] = {CMD_ROW_DATA(&f), CMD_ROW_NAME(&f), {0}};
    const struct options o = {
        .usage = "mini-cluster kubeconfig [options]",
        .summary =
            "Prints the kubeconfig: `mini-cluster kubeconfig > FILE; export KUBECONFIG=FILE`.",
        .rows = rows,
    };
    int n;
    enum options_result parsed = options_parse(&o, argc, argv, NULL, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    struct err err = {0};
    cleanup_state struct state s = {.lock_fd = -1};
    if (state_find(&s, f.name, f.data, &err) < 0 || state_load(&s, &err) < 0) {
        fprintf(stderr, "mini-cluster kubeconfig: %s\n", err.msg);
        return cmd_failed(&err);
    }
    cleanup_free char *text = state_read(&s, "kubeconfig");
    if (text == NULL) {
        fprintf(stderr, "mini-cluster kubeconfig: cluster %s was never up\n", s.name);
        return 1;
    }
    fputs(text, stdout);
    return 0;
}
