/* SPDX-License-Identifier: Apache-2.0 */
/* What a lab does to the cluster on purpose, hosts that fail and another clock, and the way back.
 */
#ifndef SESSION_FAULTS_H
#define SESSION_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct faults;
struct kube;
struct lab;
struct lab_step;
struct loop;

struct faults_opts {
    struct loop *loop;
    struct kube *kube;
    const struct lab *lab;
    bool foreign; /* the clock of the cluster goes back to what it was, not to the lab's */
    /* {step, n, host, field, to, on, over?}: before a fault strikes, and after it was undone (`on`
     * false; `over`: because its time was up). May be NULL. */
    void (*on_change)(void *arg, const json_t *change);
    /* A sentence for people: something of it cannot be done. May be NULL. */
    void (*on_trouble)(void *arg, const char *text);
    void *arg;
};

/* opts is copied, what it names is borrowed. */
struct faults *faults_new(const struct faults_opts *opts);
/* Nothing is undone; faults_end does that. NULL is fine. */
void faults_free(struct faults *f);

/* What an earlier life of ours did and did not undo: a fold over its changes in the journal, in
 * order. `step` is where it stood. */
void faults_adopt(struct faults *f, const char *step, const json_t *changes);

/* A step begins: what earlier steps did to hosts is undone, the clock is set, what strikes at once
 * does; then `done`, when the hosts are as they should be (or after 10 s, with a word of trouble).
 * `again`: the learner comes back to it; what had struck then strikes at once. */
void faults_begin(struct faults *f, const struct lab_step *step, bool again,
                  void (*done)(void *arg), void *arg);
/* A check of the step has become true. */
void faults_on_check(struct faults *f, const char *check);
/* Something will strike by itself, or is about to: the step is not what it will be. */
bool faults_are_due(const struct faults *f);
/* The step is over: nothing strikes any more. What has stays until the next begins. */
void faults_rest(struct faults *f);
/* Undoes everything; `done` when the cluster has taken it. */
void faults_end(struct faults *f, void (*done)(void *arg), void *arg);

#endif
