/* SPDX-License-Identifier: Apache-2.0 */
/* Which resolvers a container can ask for names outside the cluster. */
#ifndef NET_RESOLV_CONF_H
#define NET_RESOLV_CONF_H

#include <stddef.h>
#include <stdint.h>

/* The IPv4 nameservers in the text of a resolv.conf, at most max; those on a loopback address are
 * left out, since a container has another loopback. Returns how many. */
size_t resolv_conf_servers(const char *text, uint32_t *ret, size_t max);

#endif
