/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster: finds the subcommand and runs it. */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "cmd/cmd.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

static const struct command commands[] = {
    {"clock", "show or change how long a cluster waits", cmd_clock},
    {"down", "end a cluster and remove what was made for it", cmd_down},
    {"host", "pull the plugs and cables of hosts, add and remove them", cmd_host},
    {"image", "list images, or load one from a file", cmd_image},
    {"kubeconfig", "print the kubeconfig", cmd_kubeconfig},
    {"list", "list the clusters of this machine", cmd_list},
    {"status", "say how a cluster is", cmd_status},
    {"up", "start a cluster", cmd_up},
    {"version", "print the version", cmd_version},
};

static void print_help(FILE *to)
{
    fprintf(to, "mini-cluster runs a small Kubernetes cluster on this machine.\n\n"
                "Usage: mini-cluster COMMAND [options]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].summary);
    }
    fprintf(to, "\nEvery command takes --name (default lab) and --help.\n");
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
    fprintf(stderr, "mini-cluster: there is no command \"%s\"", word);
    if (near != NULL) {
        fprintf(stderr, "; did you mean %s?", near);
    }
    fprintf(stderr, "\n`mini-cluster --help` lists them\n");
    return 2;
}

int main(int argc, char **argv)
{
    prctl(PR_SET_NAME, "mini-cluster"); /* started as /proc/self/exe it would be called exe */
    jx_init();
    jx_use_pool();
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        return cmd_version(1, argv);
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, argv[1]) == 0) {
            int rc = commands[i].run(argc - 1, argv + 1);
            if (fflush(stdout) != 0 || ferror(stdout)) {
                perror("mini-cluster: standard output");
                rc = rc == 0 ? 1 : rc;
            }
            return rc;
        }
    }
    return unknown(argv[1]);
}
