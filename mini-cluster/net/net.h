/* SPDX-License-Identifier: Apache-2.0 */
/* Makes names and virtual addresses lead to pods.
 *
 * It watches Services and EndpointSlices, works out what every guest must know (who listens where
 * and leads to which ready endpoints, which names exist) and keeps each guest told over its control
 * stream: a snapshot first, then changes, resent until acknowledged. Only committed facts leave. */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct api;
struct net;
struct runtime;

struct net_opts {
    const char *dns;           /* the DNS server's service address, "10.77.128.10" */
    const char *control_plane; /* the host whose guest holds the service addresses */
    const char *subnet;      /* "10.77.0.0/16": names of addresses in it are never asked elsewhere;
                                NULL: the /16 around `dns` */
    const char *domain;      /* NULL: "cluster.local" */
    const char *resolv_conf; /* the machine's, as text, for names outside the cluster; NULL: the
                                guest asks what its container was given */
    /* Where a port of the cluster really is, on a machine that is shared with others: told on each
     * service whose ports are elsewhere. NULL: where it says. */
    int (*real_port)(void *arg, const char *address, int port);
    void *arg;
};

/* Strings are copied; api and runtime outlive it. */
struct net *net_new(struct api *api, const struct runtime *rt, const struct net_opts *opts);
void net_free(struct net *n); /* NULL is fine */

/* The host's guest container runs, under this name: it is told its tables from now on, across drops
 * of the stream. Again with another container: the host began a new life. */
void net_guest_up(struct net *n, const char *host, const char *container);
void net_guest_down(struct net *n, const char *host);
/* Whether the host's guest has acknowledged all that it was told. */
bool net_synced(const struct net *n, const char *host);

/* ---- ports of a host beside node ports: hostPort and `docker run -p` ---- */

struct net_port {
    const char *key; /* the caller's own, unique per host: "docker/ID/8080" */
    bool udp;
    int port;            /* of the host */
    const char *address; /* where it leads */
    int target_port;
};
/* ERR_CONFLICT names who has the port. Putting the same key again moves it. The fact behind it must
 * be committed before. Ports outlive the guest: they come back with the next one. */
int net_port_put(struct net *n, const char *host, const struct net_port *p,
                 struct err *err) WARN_UNUSED;
void net_port_delete(struct net *n, const char *host, const char *key);
/* Who has this port on this host: a key given to net_port_put, or "service/NS/NAME"; NULL: nobody.
 * Borrowed until the next call. */
const char *net_port_owner(const struct net *n, const char *host, bool udp, int port);

/* ---- reading ---- */

struct net_target {
    char address[16];
    int port;
};
/* The ready endpoints of a service's port ("http" or "80"; NULL or "": its only or first one), at
 * most max. Returns how many; 0 with ERR_NOT_FOUND or ERR_UNAVAILABLE ("no endpoints available for
 * service \"web\"") in err. */
size_t net_resolve(const struct net *n, const char *ns, const char *service, const char *port,
                   struct net_target *ret, size_t max, struct err *err);

/* How connections were spread, as the guests counted them. */
struct net_count {
    const char *host;    /* whose guest counted: the control plane's for service addresses */
    const char *service; /* "ns/name:port", or the key given to net_port_put */
    const char *address; /* of the endpoint */
    int port;
    uint64_t connections; /* since the cluster started, restarts of the guest included */
    uint32_t active;
    uint64_t failed; /* it did not answer; the next endpoint was tried */
};
/* Calls fn for each until it returns false. `service` NULL: all; "ns/name": all its ports. */
void net_counts(const struct net *n, const char *service,
                bool (*fn)(void *arg, const struct net_count *c), void *arg);

#endif
