/* SPDX-License-Identifier: Apache-2.0 */
/* One file per subcommand of podlab; main.c holds the table. Exit status: 0 done, 1 failed, 2
 * usage.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stdbool.h>

#include <jansson.h>

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand */
};

int cmd_doctor(int argc, char **argv);
int cmd_lint(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_start(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_test(int argc, char **argv);
int cmd_version(int argc, char **argv);

#define CMD_VERSION "0.1.0"

/* The row of -o json. */
#define CMD_ROW_OUTPUT(to)                                                                         \
    {                                                                                              \
        "-o", OPTION_TEXT, (to), "json", "print JSON", 0, 0                                        \
    }
/* Whether JSON is asked for by `output` (NULL: no); another word is explained and *ret_bad set. */
bool cmd_wants_json(const char *output, bool *ret_bad);
void cmd_print_json(const json_t *v);

/* Asks on the terminal; without one, or with `yes`, it is as if Enter was typed. */
bool cmd_ask(const char *question, bool by_default, bool yes);

#endif
