/* SPDX-License-Identifier: Apache-2.0 */
/* The options that every subcommand shares: --name, --data, -o. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>

#include "common/err.h"
#include "common/options.h"

struct cmd_flags {
    const char *name;   /* NULL: "lab", or what the folder of --data says */
    const char *data;   /* NULL */
    const char *output; /* NULL or "json" */
};

#define CMD_FLAGS_INIT                                                                             \
    {                                                                                              \
        .name = NULL                                                                               \
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

/* The exit status that an error means: 2 when it was the usage. */
int cmd_failed(const struct err *err);
/* Whether -o json was asked for; another word is explained and *ret_bad set. */
bool cmd_wants_json(const struct cmd_flags *f, bool *ret_bad);

#endif
