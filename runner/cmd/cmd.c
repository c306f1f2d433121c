/* SPDX-License-Identifier: Apache-2.0 */
/* What subcommands share: JSON on request, and a question. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/json/jx.h"
#include "common/mem.h"

bool cmd_wants_json(const char *output, bool *ret_bad)
{
    *ret_bad = output != NULL && strcmp(output, "json") != 0;
    if (*ret_bad) {
        fprintf(stderr, "-o \"%s\": the one known form is json\n", output);
    }
    return output != NULL;
}

void cmd_print_json(const json_t *v)
{
    cleanup_free char *text = jx_dump_pretty(v);
    puts(text);
}

bool cmd_ask(const char *question, bool by_default, bool yes)
{
    char line[64];
    if (yes || !isatty(STDIN_FILENO)) {
        return by_default;
    }
    for (;;) {
        printf("%s [%s] ", question, by_default ? "Y/n" : "y/N");
        fflush(stdout);
        if (fgets(line, sizeof(line), stdin) == NULL || line[0] == '\n') {
            return by_default;
        }
        if (strchr("yYnN", line[0]) != NULL) {
            return line[0] == 'y' || line[0] == 'Y';
        }
        printf("Please answer y or n.\n");
    }
}
