/* SPDX-License-Identifier: Apache-2.0 */
/* podlab status: which clusters there are, and which labs are begun. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/cluster.h"
#include "cmd/cmd.h"
#include "cmd/place.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/options.h"
#include "journal/journal.h"
#include "loader/loader.h"

static json_t *describe(struct journal *j, const struct journal_session *s)
{
    struct journal_progress p;
    journal_progress(j, s->uuid, &p);
    return json_pack("{s:s, s:s, s:i, s:s, s:i, s:i, s:i, s:i}", "lab", s->lab, "session", s->uuid,
                     "attempt", s->attempt, "step", p.step, "done", (int)p.done, "hints",
                     (int)p.hints, "commands", (int)p.commands, "minutes",
                     (int)(p.active_us / 60000000));
}

static json_t *sessions(struct journal *j)
{
    json_t *all = json_array();
    cleanup_free char *root = loader_root();
    char **names = root != NULL ? loader_list(root) : NULL;
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        struct journal_session s;
        if (journal_unfinished(j, names[i], &s)) {
            json_array_append_new(all, describe(j, &s));
        }
        free(names[i]);
    }
    free(names);
    return all;
}

static void print_text(const json_t *status)
{
    const json_t *clusters = jx_arr(status, "clusters");
    const json_t *begun = jx_arr(status, "sessions");
    size_t i;
    json_t *row;
    jx_each(i, row, clusters)
    {
        printf("cluster %s: %s\n", jx_str(row, "name", ""),
               jx_bool(row, "running", false) ? "runs" : "does not run; its state is kept");
    }
    if (json_array_size(clusters) == 0) {
        printf("no cluster runs\n");
    }
    jx_each(i, row, begun)
    {
        printf("lab %s: at %s, %d min at it, %d commands, %d hints\n", jx_str(row, "lab", ""),
               jx_str(row, "step", ""), (int)jx_int(row, "minutes", 0),
               (int)jx_int(row, "commands", 0), (int)jx_int(row, "hints", 0));
    }
    if (json_array_size(begun) == 0) {
        printf("no lab is begun; `podlab start` begins one\n");
    }
}

static int status(bool json, struct err *err)
{
    struct journal *j;
    json_t *clusters = NULL;
    if (cluster_list(&clusters, err) < 0) {
        return -1;
    }
    json_auto_t *out = json_pack("{s:o}", "clusters", clusters);
    if (place_journal(&j, err) < 0) {
        return -1;
    }
    json_object_set_new(out, "sessions", sessions(j));
    journal_close(j);
    if (json) {
        cmd_print_json(out);
    } else {
        print_text(out);
    }
    return 0;
}

int cmd_status(int argc, char **argv)
{
    const char *output = NULL;
    const struct option_row rows[] = {CMD_ROW_OUTPUT(&output), {0}};
    const struct options o = {.usage = "podlab status [options]",
                              .summary = "Says which clusters there are, and which labs are begun.",
                              .rows = rows};
    int n;
    bool bad;
    struct err err = {0};
    enum options_result parsed = options_parse(&o, argc, argv, NULL, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    bool json = cmd_wants_json(output, &bad);
    if (bad) {
        return 2;
    }
    if (status(json, &err) < 0) {
        fprintf(stderr, "podlab status: %s\n", err.msg);
        return 1;
    }
    return 0;
}
