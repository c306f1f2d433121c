/* SPDX-License-Identifier: Apache-2.0 */
/* One step being worked on: set up, its checks live, and scripts of the lab run in it when asked.
 */
#ifndef SESSION_ATTEMPT_H
#define SESSION_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct attempt;
struct check_probe;
struct check_run;
struct check_verdict;
struct expr;
struct faults;
struct kube;
struct lab;
struct lab_step;
struct loop;

/* Where steps are worked on. Borrowed until the attempt is freed; the struct is copied. */
struct attempt_place {
    struct loop *loop;
    struct kube *kube;
    struct expr *expr;
    const struct lab *lab;
    const char *workdir;
    const char *const *env; /* of setups, scripts and shell checks; may be NULL */
    struct check_probe *const *probes;
    size_t nprobes;
    struct faults *faults; /* NULL: nothing fails on purpose, and the clock is as it is */
};

/* All may be NULL. */
struct attempt_ops {
    void (*on_change)(void *arg, const struct check_verdict *v);
    /* Every check holds; of a step without checks, once it is set up. Once. */
    void (*on_done)(void *arg);
    /* The setup ended with a status that is not 0; the checks begin all the same. */
    void (*on_bad_setup)(void *arg, int exit, const char *output);
};

/* The probes count anew; what fails at once does; the setup runs (unless `again`: it did before),
 * then the checks, and what fails later does. */
struct attempt *attempt_new(const struct attempt_place *place, const struct lab_step *step,
                            bool again, const struct attempt_ops *ops, void *arg);
void attempt_free(struct attempt *a); /* NULL is fine; no callback after */

enum attempt_goal {
    ATTEMPT_DONE,    /* every check holds, and the cluster has settled */
    ATTEMPT_HOLDS,   /* every check holds for a moment */
    ATTEMPT_SETTLED, /* all was looked at, and nothing moves any more; or every check holds */
};

struct attempt_result {
    int exit;           /* of the script (script.h); 0 when there was none */
    const char *output; /* of the script */
    bool done;          /* every check holds, and the cluster has settled */
    bool in_time;       /* the goal was reached before the time was up */
};
typedef void attempt_end(void *arg, const struct attempt_result *r);

/* Once the step is set up: runs the script (a path; NULL: none), then waits for the goal, at most
 * `timeout_ns`. A script that fails ends it at once, unless the goal is ATTEMPT_SETTLED. One at a
 * time; `end` may free the attempt. */
void attempt_run(struct attempt *a, const char *script, enum attempt_goal goal, uint64_t timeout_ns,
                 attempt_end *end, void *arg);

/* NULL before the setup has ended, and in a step without checks. */
struct check_run *attempt_checks(const struct attempt *a);
bool attempt_is_done(const struct attempt *a);
/* The one to explain: the first check that does not hold; NULL when all do. */
const struct check_verdict *attempt_failing(const struct attempt *a);

#endif
