/* SPDX-License-Identifier: Apache-2.0 */
/* Picks the role: by the program's name, else by the first argument. */
#include "guest/guest.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int exit_main(int argc, char **argv)
{
    return argc > 0 ? atoi(argv[0]) : 0;
}

static int false_main(int argc, char **argv)
{
    return 1;
}

static void on_term(int sig)
{
    _exit(0);
}

/* PID 1 has no default actions: without a handler SIGTERM would be lost. */
static int sleep_main(int argc, char **argv)
{
    signal(SIGTERM, on_term);
    signal(SIGINT, on_term);
    if (argc == 0 || strcmp(argv[0], "infinity") == 0) {
        for (;;) {
            pause();
        }
    }
    for (unsigned left = (unsigned)atoi(argv[0]); left > 0;) {
        left = sleep(left);
    }
    return 0;
}

static const struct role {
    const char *name, *summary;
    int (*fn)(int argc, char **argv);
} roles[] = {
    {"cat", "copy files, or the input, to the output", cat_main},
    {"dial", "join a port of this pod with input and output", dial_main},
    {"echo", "print the words", echo_main},
    {"env", "print the environment", env_main},
    {"exit", "end with this status", exit_main},
    {"false", "end with status 1", false_main},
    {"get", "fetch a page", get_main},
    {"host", "forward a simulated machine's ports", host_main},
    {"hostname", "print this machine's name", hostname_main},
    {"id", "print the user", id_main},
    {"kill", "send a signal", kill_main},
    {"kv", "a small key-value store", kv_main},
    {"load", "send requests and count the answers", load_main},
    {"ls", "list folders", ls_main},
    {"pause", "hold a pod's network", pause_main},
    {"services", "hold the service addresses and the DNS server", services_main},
    {"shim", "watch over one process (for mini-cluster)", shim_main},
    {"sleep", "wait", sleep_main},
    {"stty", "print the size of the terminal", stty_main},
    {"tar", "pack files to the output, or unpack the input", tar_main},
    {"test", "whether a path is there (-e), a folder (-d), a file (-f)", test_main},
    {"true", "end with status 0", exit_main},
    {"web", "the demo web server", web_main},
};

static const struct role *find_role(const char *name)
{
    const char *slash = strrchr(name, '/');
    name = slash != NULL ? slash + 1 : name;
    for (size_t i = 0; i < LEN(roles); i++) {
        if (strcmp(roles[i].name, name) == 0) {
            return &roles[i];
        }
    }
    return NULL;
}

bool guest_has_role(const char *name)
{
    return find_role(name) != NULL;
}

int main(int argc, char **argv)
{
    const struct role *role = argc > 0 ? find_role(argv[0]) : NULL;
    int used = 1;
    if (role == NULL && argc > 1) {
        role = find_role(argv[1]);
        used = 2;
    }
    if (role != NULL) {
        prctl(PR_SET_NAME, role->name); /* it may have been started as /proc/self/exe */
        return role->fn(argc - used, argv + used);
    }
    fprintf(stderr, "usage: podlab ROLE [ARGUMENTS]\n");
    for (size_t i = 0; i < LEN(roles); i++) {
        fprintf(stderr, "  %-10s %s\n", roles[i].name, roles[i].summary);
    }
    return 2;
}
