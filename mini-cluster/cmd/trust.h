/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's certificates and its kubeconfig, in its folder. */
#ifndef CMD_TRUST_H
#define CMD_TRUST_H

#include "cmd/state.h"
#include "common/certs.h"

/* The CA (made once, kept) and a server certificate for today's names, which is issued at every
 * start. */
int trust_make(const struct state *s, const char *const *names, struct certs_pair *ret_ca,
               struct certs_pair *ret_server, struct err *err) WARN_UNUSED;
/* Writes dir/kubeconfig (0600): context podlab-NAME, the admin's token. */
int trust_write_kubeconfig(const struct state *s, const char *ca_pem, const char *token, int port,
                           struct err *err) WARN_UNUSED;

#endif
