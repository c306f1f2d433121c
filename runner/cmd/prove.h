/* SPDX-License-Identifier: Apache-2.0 */
/* Proves a lab from both sides: untouched and wrong must fail, the solution must pass. */
#ifndef CMD_PROVE_H
#define CMD_PROVE_H

#include <stdbool.h>

#include <jansson.h>

struct kube;
struct lab;
struct loop;

struct prove_opts {
    struct loop *loop;
    struct kube *kube;
    const struct lab *lab;
    const char *workdir;
    const char *const *env;
    bool foreign;     /* the cluster is somebody else's */
    int64_t since_us; /* then: what is older is not touched */
    /* {lab, step, proof, ok, seconds, details}, as each is proved; borrowed. */
    void (*on_proof)(void *arg, const json_t *proof);
    void *arg;
};

/* The cluster may hold anything before, and holds the lab's last state after. */
void prove_lab(const struct prove_opts *opts);

#endif
