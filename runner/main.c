/* SPDX-License-Identifier: Apache-2.0 */
/* podlab: finds the subcommand and runs it. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "expr/expr.h"

static const struct command commands[] = {
    {"doctor", "look whether this machine has what a learner needs", cmd_doctor},
    {"lint", "read a lab and say what is wrong with it", cmd_lint},
    {"list", "list the labs, and how far you are", cmd_list},
    {"start", "begin a lab, or go on with it", cmd_start},
    {"status", "say which clusters run and which labs are begun", cmd_status},
    {"stop", "end the cluster of the labs and free its memory", cmd_stop},
    {"test", "prove labs: untouched and wrong must fail, the solution must pass", cmd_test},
    {"version", "print the version", cmd_version},
};

static void print_help(FILE *to)
{
    fprintf(to, "podlab guides you through labs on a small cluster of your own.\n\n"
                "Usage: podlab COMMAND [options]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    fprintf(to, "\nEvery command takes --help. To begin: podlab start\n");
}

static int unknown(const char *word)
{
    const char *near = NULL;
    unsigned best = 3;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        unsigned d = str_distance(word, commands[i].name, 2);
        if (d < best) {
            best = d;
            near = commands[i].name;
        }
    }
    fprintf(stderr, "podlab: there is no command \"%s\"", word);
    if (near != NULL) {
        fprintf(stderr, "; did you mean %s?", near);
    }
    fprintf(stderr, "\n`podlab --help` lists them\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (expr_child_wanted(argc, argv)) {
        return expr_child_main();
    }
    jx_init();
    setlocale(LC_CTYPE, ""); /* widths of characters; numbers stay as JSON has them */
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, argv[1]) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    return unknown(argv[1]);
}
