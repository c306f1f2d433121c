/* SPDX-License-Identifier: Apache-2.0 */
/* podlab stop: ends the labs' cluster; what the learner did is kept. */
#include <stdio.h>

#include "cmd/cluster.h"
#include "cmd/cmd.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/str.h"

/* VmRSS of a process in MB; 0 when it cannot be told. */
static double memory_of(int64_t pid)
{
    cleanup_free char *path = xasprintf("/proc/%lld/status", (long long)pid);
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
    return (double)kib / 1000;
}

static double memory_of_cluster(const char *name)
{
    json_t *all = NULL;
    struct err err;
    if (cluster_list(&all, &err) < 0) {
        return 0;
    }
    double mb = memory_of(jx_int(jx_find(all, "name", name), "pid", 0));
    json_decref(all);
    return mb;
}

static int stop(const char *name, struct err *err)
{
    if (!cluster_exists(name)) {
        printf("There is no cluster %s; nothing is to be freed.\n", name);
        return 0;
    }
    double mb = memory_of_cluster(name);
    if (cluster_down(name, err) < 0) {
        return -1;
    }
    if (mb > 0) {
        printf("The cluster %s is gone, with all its containers; its control plane had %.0f MB.\n",
               name, mb);
    } else {
        printf("The cluster %s is gone, with all its containers.\n", name);
    }
    printf("Your progress is kept: podlab start goes on where you were.\n");
    return 0;
}

int cmd_stop(int argc, char **argv)
{
    const char *name = "lab";
    const struct option_row rows[] = {
        {"--name", OPTION_TEXT, &name, "NAME", "which cluster (default lab)", 0, 0}, {0}};
    const struct options o = {.usage = "podlab stop [options]",
                              .summary =
                                  "Ends the cluster of the labs and removes all its containers. "
                                  "Your progress is kept.",
                              .rows = rows};
    int n;
    struct err err = {0};
    enum options_result parsed = options_parse(&o, argc, argv, NULL, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    if (stop(name, &err) < 0) {
        fprintf(stderr, "podlab stop: %s\n", err.msg);
        return 1;
    }
    return 0;
}
