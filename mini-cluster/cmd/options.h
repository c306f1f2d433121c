/* SPDX-License-Identifier: Apache-2.0 */
/* The options that every subcommand shares: --name, --data, -o. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>

#include "common/options.h"

struct cmd_flags {
    const char *name;   /* "lab" */
    const char *data;   /* NULL */
    const char *output; /* NULL or "json" */
};

#define CMD_FLAGS_INIT                                                                             \
    {                                                                                              \
        .name = "lab"                                                                              \
    }
#define CMD_ROW_NAME(f)                                                                            \
    {                                                                                              \
        "--name", OPTION_TEXT, &(f)->name, "NAME", "which cluster (default lab)", 0, 0             \
    }
#define CMD_ROW_DATA(f)                                                                            \
    {                                                                                              \
        "--data", OPTION_TEXT, &(f)->data, "DIR", "the folder of its state, when up was told one", \
            0, 0                                                                                   \
    }
#define CMD_ROW_OUTPUT(f)                                                                          \
    {                                                                                              \
        "-o", OPTION_TEXT, &(f)->output, "json", "print JSON", 0, 0                                \
    }

/* Whether -o json was asked for; another word is explained and *ret_bad set. */
bool cmd_wants_json(const struct cmd_flags *f, bool *ret_bad);

#endif
