/* SPDX-License-Identifier: Apache-2.0 */
/* podlab list: the labs, how long they take, and how far the learner is. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "cmd/place.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/options.h"
#include "journal/journal.h"
#include "lab/lab.h"
#include "loader/loader.h"

static void add_progress(json_t *row, const struct lab *lab, struct journal *j)
{
    struct journal_session s;
    struct journal_progress p;
    bool done = journal_lab_done(j, lab->id);
    jx_put_str(row, "state", done ? "done" : "new");
    if (!journal_unfinished(j, lab->id, &s)) {
        return;
    }
    journal_progress(j, s.uuid, &p);
    const struct lab_step *step = lab_find_step(lab, p.step);
    if (step != NULL) {
        jx_put_str(row, "state", done ? "again" : "started");
        jx_put_int(row, "step", (int64_t)lab_step_index(lab, step) + 1);
    }
}

/* A lab that does not load is listed with what is wrong about it. */
static json_t *describe(const char *dir, const char *name, struct journal *j)
{
    struct lab *lab;
    struct err err;
    if (loader_load(dir, &lab, &err) < 0) {
        return json_pack("{s:s, s:s, s:s}", "name", name, "state", "broken", "error", err.msg);
    }
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:i, s:s, s:i}", "name", lab->id, "title", lab->title, "summary",
                  lab->summary != NULL ? lab->summary : "", "minutes", lab->minutes, "level",
                  lab->level != NULL ? lab->level : "", "steps", (int)lab->nsteps);
    add_progress(row, lab, j);
    lab_free(lab);
    return row;
}

static json_t *describe_all(const char *root, struct journal *j)
{
    json_t *all = json_array();
    char **names = loader_list(root);
    for (size_t i = 0; names[i] != NULL; i++) {
        cleanup_free char *dir = xasprintf("%s/%s", root, names[i]);
        json_array_append_new(all, describe(dir, names[i], j));
        free(names[i]);
    }
    free(names);
    return all;
}

static void print_row(const json_t *row)
{
    const char *state = jx_str(row, "state", "");
    char how[64];
    if (jx_int(row, "step", 0) > 0) {
        snprintf(how, sizeof(how), "%sat step %d of %d", state[0] == 'a' ? "done; " : "",
                 (int)jx_int(row, "step", 0), (int)jx_int(row, "steps", 0));
    } else {
        snprintf(how, sizeof(how), "%s", state[0] == 'n' ? "-" : state);
    }
    printf("%-36s %3d min  %-13s %s\n", jx_str(row, "name", ""), (int)jx_int(row, "minutes", 0),
           jx_str(row, "level", ""), how);
    if (jx_get(row, "error") != NULL) {
        printf("   %s\n", jx_str(row, "error", ""));
    }
}

static void print_table(const json_t *all)
{
    size_t i;
    json_t *row;
    if (json_array_size(all) == 0) {
        printf("there are no labs; PODLAB_LABS may name the folder that holds them\n");
        return;
    }
    printf("%-36s %7s  %-13s %s\n", "LAB", "TIME", "LEVEL", "YOU");
    jx_each(i, row, all)
    {
        print_row(row);
    }
    printf("\n`podlab start LAB` begins one; the beginning of its name is enough.\n");
}

static int list(bool json, struct err *err)
{
    struct journal *j;
    cleanup_free char *root = loader_root();
    if (place_journal(&j, err) < 0) {
        return -1;
    }
    json_auto_t *all = root != NULL ? describe_all(root, j) : json_array();
    journal_close(j);
    if (json) {
        cmd_print_json(all);
    } else {
        print_table(all);
    }
    return 0;
}

int cmd_list(int argc, char **argv)
{
    const char *output = NULL;
    const struct option_row rows[] = {CMD_ROW_OUTPUT(&output), {0}};
    const struct options o = {.usage = "podlab list [options]",
                              .summary = "Lists the labs, and how far you are in each.",
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
    if (list(json, &err) < 0) {
        fprintf(stderr, "podlab list: %s\n", err.msg);
        return 1;
    }
    return 0;
}
