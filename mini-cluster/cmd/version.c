/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster version: of this program, and of the Kubernetes API it speaks. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "core.h"

int cmd_version(int argc, char **argv)
{
    struct cmd_flags f = CMD_FLAGS_INIT;
    const struct option_row rows[] = {CMD_ROW_OUTPUT(&f), {0}};
    const struct options o = {
        .usage = "mini-cluster version [options]",
        .summary = "Prints the version.",
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
    puts(json ? "{\"version\": \"" CMD_VERSION "\", \"kubernetes\": \"" CORE_VERSION "\"}"
              : "mini-cluster " CMD_VERSION ", Kubernetes API " CORE_VERSION);
    return 0;
}
