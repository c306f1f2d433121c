/* SPDX-License-Identifier: Apache-2.0 */
/* podlab version. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "common/options.h"

int cmd_version(int argc, char **argv)
{
    const char *output = NULL;
    const struct option_row rows[] = {CMD_ROW_OUTPUT(&output), {0}};
    const struct options o = {
        .usage = "podlab version [options]", .summary = "Prints the version.", .rows = rows};
    int n;
    bool bad;
    enum options_result parsed = options_parse(&o, argc, argv, NULL, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    bool json = cmd_wants_json(output, &bad);
    if (bad) {
        return 2;
    }
    puts(json ? "{\"version\": \"" CMD_VERSION "\"}" : "podlab " CMD_VERSION);
    return 0;
}
