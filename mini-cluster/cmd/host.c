/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster host: the plugs and cables of the simulated machines, and machines more or less. */
#include "cmd/host.h"

#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/settings.h"
#include "common/mem.h"
#include "common/str.h"

enum { MAX_NAMES = 64, WAIT_S = 60 };

/* ---- the command ---- */

static const struct host_verb verbs[] = {
    {"add", "NAME...", "make machines, each with its node (--cpu, --memory)", host_change_add,
     "power", "On", "added"},
    {"cut", "NAME...", "pull the network cable: they run on, and nobody reaches them",
     host_change_switch, "network", "Partitioned", "cut off the network"},
    {"env", "NAME", "print how docker reaches one's own Docker", NULL, NULL, NULL, NULL},
    {"join", "NAME...", "put the network cable back", host_change_switch, "network", "Connected",
     "back on the network"},
    {"list", "", "how every machine is", host_list, NULL, NULL, NULL},
    {"off", "NAME...", "pull the plug: all that runs on them is dead at once", host_change_switch,
     "power", "Off", "switched off"},
    {"on", "NAME...", "switch them on", host_change_switch, "power", "On", "switched on"},
    {"pause", "NAME...", "freeze them: everything stands still, and may go on later",
     host_change_switch, "power", "Paused", "paused"},
    {"remove", "NAME...", "take machines away, with their nodes and all that is on them",
     host_change_remove, NULL, NULL, "removed"},
    {"resume", "NAME...", "let them go on where they were paused", host_change_switch, "power",
     "On", "resumed"},
};

static const struct host_verb *find_verb(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(verbs[i].name, word) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static void print_verbs(FILE *to)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        fprintf(to, "  mini-cluster host %-6s %-8s %s\n", verbs[i].name, verbs[i].args,
                verbs[i].summary);
    }
}

static int usage(const char *word)
{
    const char *near = NULL;
    unsigned best = 3;
    for (size_t i = 0; word != NULL && i < ARRAY_LEN(verbs); i++) {
        unsigned d = str_distance(word, verbs[i].name, 2);
        if (d < best) {
            best = d;
            near = verbs[i].name;
        }
    }
    if (word != NULL) {
        fprintf(stderr, "mini-cluster host: there is no \"%s\"%s%s\n", word,
                near != NULL ? "; did you mean " : "", near != NULL ? near : "");
    }
    print_verbs(stderr);
    return 2;
}

static int run(struct host_request *r, const struct cmd_flags *f, struct err *err)
{
    cleanup_state struct state s = {.lock_fd = -1};
    cleanup_settings struct settings set = {0};
    if (state_find(&s, f->name, f->data, err) < 0 || state_load(&s, err) < 0 ||
        settings_read(&s, &set, err) < 0) {
        return -1;
    }
    if (state_pid(&s) == 0) {
        return err_set(err, ERR_UNAVAILABLE, "cluster %s is not running; `mini-cluster up` does",
                       s.name);
    }
    r->api = (struct host_api){&s, &set};
    return r->verb->run(r, err);
}

static enum options_result parse(int argc, char **argv, struct host_request *r, struct cmd_flags *f,
                                 const char **words, int *n)
{
    bool wait; /* as it is anyway */
    const struct option_row rows[] = {
        {"--cpu", OPTION_TEXT, &r->cpu, "N", "add: the CPUs of its node (default 2)", 0, 0},
        CMD_ROW_DATA(f),
        {"--memory", OPTION_TEXT, &r->memory, "SIZE", "add: the memory of its node (default 2Gi)",
         0, 0},
        CMD_ROW_NAME(f),
        {"--no-wait", OPTION_FLAG, &r->no_wait, NULL, "return before it is so", 0, 0},
        CMD_ROW_OUTPUT(f),
        {"--timeout", OPTION_NUMBER, &r->timeout_s, "SECONDS",
         "how long it may take at most (default 60)", 1, 86400},
        {"--wait", OPTION_FLAG, &wait, NULL, "return when it is so (the default)", 0, 0},
        {0},
    };
    const struct options o = {
        .usage = "mini-cluster host VERB [NAME...] [options]",
        .summary = "The simulated machines: add cut env join list off on pause remove resume.\n"
                   "`mini-cluster host` lists what each does.",
        .rows = rows,
        .max_words = MAX_NAMES + 1,
    };
    return options_parse(&o, argc, argv, words, n);
}

int cmd_host(int argc, char **argv)
{
    struct host_request r = {.timeout_s = WAIT_S};
    struct cmd_flags f = CMD_FLAGS_INIT;
    const char *words[MAX_NAMES + 1];
    int n;
    bool bad;
    if (argc > 1 && strcmp(argv[1], "env") == 0) {
        return cmd_host_env(argc - 1, argv + 1);
    }
    enum options_result parsed = parse(argc, argv, &r, &f, words, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    r.json = cmd_wants_json(&f, &bad);
    r.verb = n > 0 ? find_verb(words[0]) : NULL;
    if (bad) {
        return 2;
    }
    if (r.verb == NULL || r.verb->run == NULL) {
        return usage(n > 0 ? words[0] : NULL);
    }
    r.names = words + 1;
    r.n = n - 1;
    if ((r.n == 0) != (r.verb->args[0] == '\0')) {
        fprintf(stderr, "Usage: mini-cluster host %s %s   (--help says more)\n", r.verb->name,
                r.verb->args);
        return 2;
    }
    struct err err = {0};
    if (run(&r, &f, &err) < 0) {
        fprintf(stderr, "mini-cluster host %s: %s\n", r.verb->name, err.msg);
        return cmd_failed(&err);
    }
    return 0;
}
