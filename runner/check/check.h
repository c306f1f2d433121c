/* SPDX-License-Identifier: Apache-2.0 */
/* Is it done, and what was seen; one file per kind. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct expr;
struct kube;
struct lab;
struct lab_check;
struct lab_step;
struct loop;

enum check_state {
    CHECK_UNKNOWN, /* the cluster does not answer */
    CHECK_WAITING, /* not yet, and nothing moves */
    CHECK_MOVING,  /* not yet, but what it looks at is still changing */
    CHECK_OK,
    CHECK_BROKEN, /* a `keep` check, or `within`, that can no longer come true in this attempt */
};

/* What one check knows at the moment. Borrowed until the next event of the run. */
struct check_verdict {
    const struct lab_check *check;
    enum check_state state;
    const json_t *seen; /* what the expression was given; NULL before the first look */
    int64_t changed_ms; /* monotonic: since when the state is this */
};

struct check_run; /* all checks of one step, live */

struct check_opts {
    struct loop *loop;
    struct kube *kube;
    struct expr *expr;
    const struct lab *lab;
    const struct lab_step *step;
    const char *workdir;    /* where shell checks run */
    const char *const *env; /* for shell checks: "KUBECONFIG=..." */
    /* A verdict changed; called from the loop. */
    void (*on_change)(void *arg, const struct check_verdict *v);
    /* Every check is OK (keep checks included), the cluster settled: the step is done. Once. */
    void (*on_done)(void *arg);
    void *arg;
};

struct check_run *check_run_new(const struct check_opts *opts);
void check_run_free(struct check_run *r); /* NULL is fine */
size_t check_run_count(const struct check_run *r);
const struct check_verdict *check_run_verdict(const struct check_run *r, size_t i);
/* True when nothing relevant moved for 2 s (observedGeneration current, no phase change), or 30 s
 * passed. */
bool check_run_settled(const struct check_run *r);
/* Looks again now (shell and http checks, which no watch wakes). */
void check_run_poke(struct check_run *r);

/* ---- availability: one per lab, over all its steps ---- */

struct check_probe;
enum { CHECK_PROBE_CELLS = 60 };
enum check_cell { CELL_NONE, CELL_OK, CELL_SLOW, CELL_FAILED };

/* The figures of a probe since its last reset: {sent, answered, failed, slow, longest_outage_ms,
 * pods: {name: n}}. The caller owns it. */
json_t *check_probe_figures(const struct check_probe *p);
/* The last cells, oldest first, one per 100 ms; for the sparkline. */
size_t check_probe_cells(const struct check_probe *p, enum check_cell cells[CHECK_PROBE_CELLS]);

#endif
