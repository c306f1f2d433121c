/* SPDX-License-Identifier: Apache-2.0 */
/* Runs many histories, each from one seed, and checks what must hold after each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/options.h"
#include "world.h"

struct flags {
    int64_t seeds, seed, steps;
    const char *sabotage, *damaged;
    bool verbose;
    unsigned long evictions; /* of all histories */
};

/* Returns the trace hash; *ret_ok says whether everything held. */
static uint64_t run(uint64_t seed, struct flags *f, bool *ret_ok)
{
    struct world w;
    world_init(&w, seed, f->sabotage);
    world_begin(&w);
    for (int64_t i = 0; i < f->steps && w.broken.len == 0; i++) {
        world_act(&w);
    }
    if (w.broken.len == 0) {
        world_heal(&w);
        world_rest_ms(&w, 90000);
    }
    if (w.broken.len == 0) {
        world_check_settled(&w);
    }
    *ret_ok = w.broken.len == 0;
    bool expected = f->sabotage != NULL || f->damaged != NULL;
    if ((!*ret_ok && !expected) || f->verbose) {
        world_tell(&w);
        printf("seed %llu\n%s", (unsigned long long)seed, str_c(&w.story));
    }
    f->evictions += w.evictions;
    uint64_t trace = w.trace;
    world_fini(&w);
    return trace;
}

static void count(long passed, long failed)
{
    const char *counts = getenv("COUNT_FILE");
    FILE *file = counts != NULL && counts[0] != '\0' ? fopen(counts, "ae") : NULL;
    if (file != NULL) {
        fprintf(file, "%ld %ld\n", passed, failed);
        fclose(file);
    }
}

int main(int argc, char **argv)
{
    struct flags f = {.seeds = 500, .steps = 30};
    const struct option_row rows[] = {
        {"--damaged", OPTION_TEXT, &f.damaged, "NAME",
         "the code is: done well as soon as that is noticed", 0, 0},
        {"--sabotage", OPTION_TEXT, &f.sabotage, "NAME",
         "break a promise on purpose: done well when that is noticed", 0, 0},
        {"--seed", OPTION_NUMBER, &f.seed, "N", "only this one", 0, INT64_MAX},
        {"--seeds", OPTION_NUMBER, &f.seeds, "N", "how many histories (500)", 1, 1000000},
        {"--steps", OPTION_NUMBER, &f.steps, "N", "things that happen in each (30)", 1, 100000},
        {"--verbose", OPTION_FLAG, &f.verbose, NULL, "tell every story", 0, 0},
        {0},
    };
    const struct options o = {.usage = "sim [options]",
                              .summary = "Simulates clusters and checks invariants.",
                              .rows = rows};
    int n;
    enum options_result parsed = options_parse(&o, argc, argv, NULL, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    if (f.sabotage != NULL && !sabotage_known(f.sabotage)) {
        fprintf(stderr, "sim: --sabotage \"%s\": known are %s\n", f.sabotage, sabotages);
        return 2;
    }
    jx_init();
    log_set_level(f.verbose ? LOG_DEBUG : LOG_ERROR + 1);
    int64_t first = f.seed > 0 ? f.seed : 1;
    int64_t last = f.seed > 0 ? f.seed : f.seeds;
    long failed = 0;
    for (int64_t seed = first; seed <= last; seed++) {
        bool ok;
        uint64_t trace = run((uint64_t)seed, &f, &ok);
        if (ok && seed % 50 == 1) { /* the same seed must tell the same story */
            bool again;
            ok = run((uint64_t)seed, &f, &again) == trace;
            if (!ok) {
                printf("seed %lld: two runs differ\n", (long long)seed);
            }
        }
        failed += !ok;
        if (!ok && f.damaged != NULL) {
            printf("simulation: %s is noticed in history %lld\n", f.damaged, (long long)seed);
            count(1, 0);
            return 0;
        }
    }
    long passed = (long)(last - first + 1) - failed;
    if (f.damaged != NULL) {
        printf("simulation: %s is NOT noticed in %ld histories\n", f.damaged, passed);
        count(0, 1);
        return 1;
    }
    if (f.sabotage != NULL) {
        bool noticed = failed > 0;
        printf("simulation: %s is %snoticed, in %ld of %ld histories\n", f.sabotage,
               noticed ? "" : "NOT ", failed, passed + failed);
        count(noticed, !noticed);
        return noticed ? 0 : 1;
    }
    count(passed, failed);
    printf("simulation: %ld histories held, %ld did not; %lu pods were given up\n", passed, failed,
           f.evictions);
    return failed == 0 ? 0 : 1;
}
