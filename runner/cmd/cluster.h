/* SPDX-License-Identifier: Apache-2.0 */
/* Has mini-cluster, the program beside this one, bring clusters up and down. */
#ifndef CMD_CLUSTER_H
#define CMD_CLUSTER_H

#include <stdbool.h>

#include <jansson.h>

#include "common/err.h"

/* Runs a program to its end. *ret_output (may be NULL) is what it printed on both channels; the
 * caller frees. The status, or -1 with err when it did not start. */
int cluster_run_program(const char *const *argv, char **ret_output, struct err *err) WARN_UNUSED;

/* Starts it, or finds that it runs. `wishes` is a lab's `cluster` (may be NULL); `runtime` is what
 * mini-cluster's --runtime takes (may be NULL). ERR_CONFLICT: it runs with other settings. */
int cluster_up(const char *name, const json_t *wishes, const char *runtime,
               struct err *err) WARN_UNUSED;
int cluster_down(const char *name, struct err *err) WARN_UNUSED;
/* [{name, running, pid, runtime, api}]; the caller owns it. */
int cluster_list(json_t **ret, struct err *err) WARN_UNUSED;
/* Where this machine's Docker is asked; borrowed. And whether somebody takes connections there. */
const char *cluster_docker_socket(void);
bool cluster_docker_connects(void);
/* A cluster without Docker: true, and *ret_why says why, "" when that was wished; the caller frees. */
bool cluster_is_without_docker(const char *name, char **ret_why);
/* Whether a cluster of this name was made before, running or not. */
bool cluster_exists(const char *name);
/* Where the Docker of one of its hosts answers: "unix:///..."; the caller frees. ERR_UNAVAILABLE:
 * its hosts have none. */
int cluster_host_docker(const char *name, const char *host, char **ret,
                        struct err *err) WARN_UNUSED;
/* Where its kubeconfig is; the caller frees. */
char *cluster_kubeconfig(const char *name);

#endif
