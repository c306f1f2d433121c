/* SPDX-License-Identifier: Apache-2.0 */
/* Is it done, and what was seen; one file per kind. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct check_probe;
struct expr;
struct kube;
struct lab;
struct lab_check;
struct lab_probe;
struct lab_step;
struct loop;

enum check_state {
    CHECK_UNKNOWN, /* the cluster does not answer */
    CHECK_WAITING, /* not yet, and nothing moves */
    CHECK_MOVING,  /* not yet, but what it looks at is still changing */
    CHECK_OK,
    CHECK_BROKEN, /* a `keep` check, or `within`, that can no longer come true in this attempt */
};

/* "unknown", "waiting", "moving", "ok", "broken": what events and the journal carry. */
const char *check_state_name(enum check_state s);

/* What one check knows at the moment. Borrowed until the next event of the run. */
struct check_verdict {
    const struct lab *lab;
    const struct lab_check *check;  /* its id and name */
    const struct lab_check *judged; /* the one to explain: of `any` the way that came nearest */
    enum check_state state;
    const json_t *seen;    /* what the expression was given; NULL before the first look */
    const json_t *clauses; /* the parts of the expression (expr.h); NULL when it is true */
    const char *message;   /* what the expression or the cluster said; "" when nothing */
    bool settled;          /* nothing relevant moves */
    int64_t changed_ms;    /* monotonic: since when the state is this */
    int64_t began_us;      /* wall: when the step began */
};

/* How far it is, for people: "2 of 3" from the first part that is not true and compares numbers.
 * False when there is none. */
bool check_verdict_progress(const struct check_verdict *v, int64_t *ret_got, int64_t *ret_want);

struct check_run; /* all checks of one step, live */

struct check_opts {
    struct loop *loop;
    struct kube *kube;
    struct expr *expr;
    const struct lab *lab;
    const struct lab_step *step;
    const char *workdir; /* where shell checks run */
    /* For shell checks: "KUBECONFIG=...", NULL-terminated, on top of our own environment. May be
     * NULL. */
    const char *const *env;
    /* When the step began, on the wall clock: $began, and where `within` counts from. 0: now. */
    int64_t began_us;
    /* The lab's running probes; those that no check names are not looked at. May be NULL. */
    struct check_probe *const *probes;
    size_t nprobes;
    /* True while something is about to happen that no check has seen: nothing is done before. May
     * be NULL. */
    bool (*is_due)(void *arg);
    /* The state or the progress of a verdict changed; called from the loop. */
    void (*on_change)(void *arg, const struct check_verdict *v);
    /* Every check is OK (keep checks included), the cluster settled: the step is done. Once. */
    void (*on_done)(void *arg);
    void *arg;
};

/* Everything in opts is borrowed until the run is freed; the struct and its two arrays are copied.
 * Expressions see $began (RFC 3339 with microseconds, so that a creationTimestamp of the same
 * second counts as later) and $namespace. */
struct check_run *check_run_new(const struct check_opts *opts);
/* From any callback, its own included. NULL is fine. */
void check_run_free(struct check_run *r);
size_t check_run_count(const struct check_run *r);
const struct check_verdict *check_run_verdict(const struct check_run *r, size_t i);
/* True when nothing relevant moves: generations observed and no phase changed for 2 s, or
 * everything is where its controllers want it, or 30 s passed since the last poke. */
bool check_run_settled(const struct check_run *r);
bool check_run_done(const struct check_run *r);
/* A command of the learner ended: looks again now (shell and http checks, which no watch wakes),
 * and the 30 s after which settling is not waited for begin again. */
void check_run_poke(struct check_run *r);

/* ---- availability: one per lab and probe, over all its steps ---- */

struct check_probe_opts {
    struct loop *loop;
    struct kube *kube;
    const char *ns; /* NULL: default */
    const struct lab_probe *probe;
    const char *workdir; /* where a file of addresses is */
};

/* Everything in opts is borrowed until it is freed; the struct is copied. Sends nothing yet. */
struct check_probe *check_probe_new(const struct check_probe_opts *opts);
void check_probe_free(struct check_probe *p); /* NULL is fine */
/* Begins or goes on to send requests. */
void check_probe_start(struct check_probe *p);
void check_probe_stop(struct check_probe *p);
/* A step begins: counts from zero, and requests already sent do not count. Failures count once the
 * service has answered; at once when it answered last. */
void check_probe_reset(struct check_probe *p);
const struct lab_probe *check_probe_lab(const struct check_probe *p);

enum { CHECK_PROBE_CELLS = 60 };
enum check_cell { CELL_NONE, CELL_OK, CELL_SLOW, CELL_FAILED };

/* The figures since the last reset: {sent, answered, failed, slow, longest_outage_ms,
 * longest_outage_at, troubled_ms (from the first failure to the last, good answers in between),
 * in_a_row (good ones since the last failure), last_error, pods: {name: n}, statuses: {code: n}}.
 * `sent` are those whose end is known: answered + failed. The caller owns it. */
json_t *check_probe_figures(const struct check_probe *p);
/* The last cells, oldest first, one per 100 ms; for the sparkline. */
size_t check_probe_cells(const struct check_probe *p, enum check_cell cells[CHECK_PROBE_CELLS]);
/* True while a request that was sent at or before `mono_ns` is still under way: the figures may yet
 * change for what was then. */
bool check_probe_pending(const struct check_probe *p, uint64_t mono_ns);

#endif
