/* SPDX-License-Identifier: Apache-2.0 */
/* The surroundings of a lab's commands: a folder for settings, and an environment that leads
 * kubectl, docker and curl to the lab's cluster and nowhere else. */
#ifndef CMD_HOME_H
#define CMD_HOME_H

#include <stdbool.h>

#include <jansson.h>

#include "common/err.h"

struct home {
    char *dir;
    char **env;  /* "A=b", NULL-terminated; an empty value takes a name away */
    bool docker; /* each host answers the docker command */
};

/* Makes the folder. `lab` is told to the shell as PODLAB_LAB. */
int home_init(struct home *h, const char *dir, const char *kubeconfig, const char *lab,
              struct err *err) WARN_UNUSED;
void home_fini(struct home *h);
#define cleanup_home __attribute__((cleanup(home_fini)))

/* Lets curl find hosts by their names, and docker theirs: `hosts` is a list of Host objects, of the
 * cluster `cluster` of mini-cluster (NULL: it is somebody else's, and its hosts have no Docker that
 * we could reach). */
int home_set_hosts(struct home *h, const json_t *hosts, const char *cluster,
                   struct err *err) WARN_UNUSED;

#endif
