/* SPDX-License-Identifier: Apache-2.0 */
/* What a learner may say of a container: read from the body of a request, and built anew for the
 * daemon. Nothing of the one body is handed on but what a table names. */
#ifndef HOSTS_DOCK_DOCK_CREATE_H
#define HOSTS_DOCK_DOCK_CREATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"
#include "common/vec.h"
#include "hosts/dock/dock_policy.h"

/* Labels of what a host's Docker made, beside those of runtime/docker/docker_spec.h. */
#define DOCK_LABELS "dev.podlab."           /* every label of ours; nobody else may set one */
#define DOCK_LABEL_ASKED "dev.podlab.asked" /* what was asked for, as inspect shows it */
#define DOCK_LABEL_POD "dev.podlab.pod"     /* of a pod's: "NAMESPACE/NAME" */
#define DOCK_LABEL_POD_CONTAINER "dev.podlab.container"
#define DOCK_ROLE "hand" /* dev.podlab.role: made by hand */

struct dock_mount {
    char *source; /* a volume's name on this host; NULL: one of its own */
    char *target;
    bool read_only, no_copy;
    json_t *labels; /* or NULL */
};

enum dock_network { DOCK_NET_BRIDGE, DOCK_NET_NONE, DOCK_NET_JOINED };

/* Another container of this host, as it was named. */
enum dock_join { DOCK_JOIN_NETWORK, DOCK_JOIN_IPC, DOCK_JOIN_PID, DOCK_JOINS };
struct dock_from {
    char *ref;
    bool read_only;
};

struct dock_create {
    json_t *config, *host; /* for the daemon, from the body and from its HostConfig */
    json_t *shown;         /* members of HostConfig that inspect shows as they were asked for */
    char *image;
    enum dock_network network;
    char *joins[DOCK_JOINS]; /* NULL: does not */
    VEC(struct dock_mount) mounts;
    VEC(struct dock_from) froms;
    struct dock_policy policy;
    const char *address; /* of the host, for its ports */
};

/* The body of POST /containers/create. ERR_FORBIDDEN: what a host's Docker does not do, with the
 * field and the reason; ERR_BAD_REQUEST: what it does not understand. */
int dock_create_read(const char *body, size_t n, const char *host_address, struct dock_create *ret,
                     struct err *err) WARN_UNUSED;
void dock_create_fini(struct dock_create *c);

/* Where it will be. */
struct dock_place {
    const char *cluster, *uid, *host, *prefix, *network;
    uint64_t epoch;
    const char *address;            /* on the network; NULL when it has none */
    const char *image_id;           /* "sha256:..." */
    const json_t *image_volumes;    /* Config.Volumes of the image; NULL */
    const char *joined[DOCK_JOINS]; /* full ids */
    const char *const *from_ids;    /* in the order of c->froms */
};
/* The body for the daemon; the caller owns it. */
json_t *dock_create_body(const struct dock_create *c, const struct dock_place *p);
/* dev.podlab.cluster, -uid, -host: what everything that is made here carries. */
json_t *dock_create_labels(const struct dock_place *p);

/* The body of POST /containers/ID/update: `ret` (an object) gets what is for the daemon, `policy`
 * what is for us; *ret_has_policy tells whether there was one. */
int dock_update_read(const char *body, size_t n, json_t *ret, struct dock_policy *policy,
                     bool *ret_has_policy, struct err *err) WARN_UNUSED;
/* The body of POST /containers/ID/exec, and of /exec/ID/start. */
int dock_exec_read(const char *body, size_t n, json_t *ret, struct err *err) WARN_UNUSED;
int dock_exec_start_read(const char *body, size_t n, json_t *ret, struct err *err) WARN_UNUSED;
/* The body of POST /volumes/create: Name and Labels. */
int dock_volume_read(const char *body, size_t n, json_t *ret, struct err *err) WARN_UNUSED;

#endif
