/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster status: does it run, where does it answer, how are its hosts. */
#include <stdio.h>
#include <string.h>

#include "cmd/ask.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/clock.h"
#include "runtime/process/process.h"

/* VmRSS of a process, in bytes; 0 when it cannot be read. */
static int64_t rss_of(pid_t pid)
{
    cleanup_free char *path = xasprintf("/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    char line[256];
    long long kib = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "VmRSS: %lld kB", &kib) == 1) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return (int64_t)kib * 1024;
}

static const char *ready_word(const json_t *node)
{
    const json_t *c = jx_find(jx_arr(node, "status.conditions"), "type", "Ready");
    return jx_get_str(c, "status", "Unknown");
}

static json_t *host_row(const json_t *host, const json_t *nodes)
{
    const char *name = jx_str(host, "metadata.name", "");
    size_t i;
    json_t *node;
    const char *ready = "Unknown";
    jx_each(i, node, nodes)
    {
        if (str_eq(jx_str(node, "metadata.name", ""), name)) {
            ready = ready_word(node);
        }
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", name, "power",
                     jx_str(host, "status.power", "Unknown"), "network",
                     jx_str(host, "status.network", "Unknown"), "address",
                     jx_str(host, "status.address", ""), "ready", ready);
}

/* What the API says at this path; a list's items, or NULL with the reason in `status`. */
static json_t *ask_for(json_t *status, const struct state *s, const struct settings *set,
                       const char *path)
{
    struct err err;
    json_t *answer;
    int code = 0;
    if (ask(s, set, path, &code, &answer, &err) < 0) {
        jx_put_str(status, "error", err.msg);
        return NULL;
    }
    if (code != 200) {
        jx_put_str(status, "error",
                   json_is_string(answer) ? json_string_value(answer)
                                          : jx_str(answer, "message", "not ready"));
    }
    return answer;
}

/* Every node says the same of the runtime. */
static void add_outage(json_t *status, const json_t *nodes)
{
    const json_t *c = jx_find(jx_arr(json_array_get(nodes, 0), "status.conditions"), "type",
                              "RuntimeUnavailable");
    if (strcmp(jx_get_str(c, "status", ""), "True") == 0) {
        jx_put_str(status, "error", jx_get_str(c, "message", ""));
    }
}

/* Fills in what only the running cluster knows; an API that does not answer is said, not fatal. */
static void add_live(json_t *status, const struct state *s, const struct settings *set)
{
    json_auto_t *ready = ask_for(status, s, set, "/readyz");
    json_auto_t *hosts =
        ready != NULL ? ask_for(status, s, set, "/apis/podlab.dev/v1/hosts") : NULL;
    json_auto_t *clock =
        hosts != NULL ? ask_for(status, s, set, "/apis/podlab.dev/v1/clocks/cluster") : NULL;
    json_auto_t *nodes = clock != NULL ? ask_for(status, s, set, "/api/v1/nodes") : NULL;
    if (nodes == NULL) {
        return;
    }
    add_outage(status, jx_arr(nodes, "items"));
    jx_put_str(status, "clock", jx_str(clock, "status.preset", set->clock->name));
    json_t *rows = json_array();
    const json_t *items = jx_arr(hosts, "items");
    size_t i;
    json_t *host;
    jx_each(i, host, items)
    {
        json_array_append_new(rows, host_row(host, jx_arr(nodes, "items")));
    }
    jx_put(status, "hosts", rows);
}

/* On a machine that is shared not every port of a service is where it says. */
static void add_moved_ports(json_t *status, const struct state *s, const struct settings *set)
{
    cleanup_free char *dir = state_path(s, "process");
    json_auto_t *services = ask_for(status, s, set, "/api/v1/services");
    json_t *moved = json_array();
    size_t i;
    size_t j;
    json_t *svc;
    json_t *p;
    jx_each(i, svc, jx_arr(services, "items"))
    {
        const char *address = jx_str(svc, "spec.clusterIP", "");
        jx_each(j, p, jx_arr(svc, "spec.ports"))
        {
            int port = (int)jx_int(p, "port", 0);
            int real = process_port_in(dir, set->subnet, address, port);
            if (real != port) {
                json_array_append_new(moved,
                                      json_pack("{s:s, s:s, s:s, s:i, s:i}", "namespace",
                                                jx_str(svc, "metadata.namespace", ""), "service",
                                                jx_str(svc, "metadata.name", ""), "address",
                                                address, "port", port, "at", real));
            }
        }
    }
    jx_put(status, "movedPorts", moved);
}

static json_t *look(const struct state *s, const struct settings *set)
{
    pid_t pid = state_pid(s);
    cleanup_free char *api =
        set->port > 0 ? xasprintf("https://127.0.0.1:%d", set->port) : xstrdup("");
    json_t *status =
        json_pack("{s:s, s:b, s:b, s:i, s:s, s:s, s:s, s:s, s:s, s:I, s:[]}", "name", s->name,
                  "running", pid != 0, "ready", state_is_ready(s), "pid", (int)pid, "api", api,
                  "runtime", set->runtime, "clock", set->clock->name, "version", CMD_VERSION, "dir",
                  s->dir, "rssBytes", (json_int_t)(pid != 0 ? rss_of(pid) : 0), "hosts");
    if (pid != 0 && set->port > 0) {
        add_live(status, s, set);
        if (strcmp(set->runtime, "process") == 0) {
            add_moved_ports(status, s, set);
        }
    }
    return status;
}

static void print_moved_ports(const json_t *moved)
{
    size_t i;
    json_t *m;
    jx_each(i, m, moved)
    {
        printf("%s%s/%s: port %d is at %s:%d\n",
               i == 0 ? "  ports that a user may not have here; pods find them, you use:\n    "
                      : "    ",
               jx_str(m, "namespace", ""), jx_str(m, "service", ""), (int)jx_int(m, "port", 0),
               jx_str(m, "address", ""), (int)jx_int(m, "at", 0));
    }
}

static void print_text(const json_t *st)
{
    if (!jx_bool(st, "running", false)) {
        printf("cluster %s is not running; `mini-cluster up` continues it, `mini-cluster down` "
               "removes "
               "it\n",
               jx_str(st, "name", ""));
        return;
    }
    printf("cluster %s: %s on %s, process %d, %.1f MB\n", jx_str(st, "name", ""),
           jx_str(st, "api", ""), jx_str(st, "runtime", ""), (int)jx_int(st, "pid", 0),
           (double)jx_int(st, "rssBytes", 0) / 1e6);
    if (jx_get(st, "error") != NULL) {
        printf("  problem: %s\n", jx_str(st, "error", ""));
    }
    size_t i;
    json_t *h;
    const json_t *hosts = jx_arr(st, "hosts");
    jx_each(i, h, hosts)
    {
        printf("  %-16s power %-8s network %-12s ready %-8s %s\n", jx_str(h, "name", ""),
               jx_str(h, "power", ""), jx_str(h, "network", ""), jx_str(h, "ready", ""),
               jx_str(h, "address", ""));
    }
    print_moved_ports(jx_arr(st, "movedPorts"));
}

static int status(const struct cmd_flags *f, bool json, struct err *err)
{
    cleanup_state struct state s = {.lock_fd = -1};
    cleanup_settings struct settings set = {0};
    if (state_find(&s, f->name, f->data, err) < 0 || state_load(&s, err) < 0 ||
        settings_read(&s, &set, err) < 0) {
        return -1;
    }
    json_auto_t *st = look(&s, &set);
    if (json) {
        cleanup_free char *text = jx_dump_pretty(st);
        puts(text);
    } else {
        print_text(st);
    }
    return 0;
}

int cmd_status(int argc, char **argv)
{
    struct cmd_flags f = CMD_FLAGS_INIT;
    const struct option_row rows[] = {CMD_ROW_DATA(&f), CMD_ROW_NAME(&f), CMD_ROW_OUTPUT(&f), {0}};
    const struct options o = {
        .usage = "mini-cluster status [options]",
        .summary = "Says whether a cluster runs, where it answers, and how its hosts are.",
        .rows = rows,
    };
    int n;
    bool bad;
    enum options_result parsed = options_parse(&o, argc, argv, NULL, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    bool json = cmd_wants_json(&f, &bad);
    struct err err = {0};
    if (bad) {
        return 2;
    }
    if (status(&f, json, &err) < 0) {
        fprintf(stderr, "mini-cluster status: %s\n", err.msg);
        return cmd_failed(&err);
    }
    return 0;
}
