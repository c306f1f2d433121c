/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses and node ports that services share out among themselves. */
#ifndef ADMISSION_SERVICE_POOL_H
#define ADMISSION_SERVICE_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct admission_opts;
struct loop;
struct service_pool;
struct store;

/* Who asks: "ns/name" of the service. What a service holds is looked up when somebody else wants
 * it, so nothing has to be given back. */
struct service_pool *service_pool_new(struct loop *loop, struct store *store,
                                      const struct admission_opts *opts);
void service_pool_free(struct service_pool *p);

/* The API's own address. */
void service_pool_first(const struct service_pool *p, char buf[16]);
/* A free address; false when there is none left. */
bool service_pool_take_address(struct service_pool *p, const char *owner, char buf[16]);
enum service_claim { SERVICE_CLAIM_OK, SERVICE_CLAIM_TAKEN, SERVICE_CLAIM_OUTSIDE };
/* `keep` false: only asks. */
enum service_claim service_pool_claim_address(struct service_pool *p, const char *owner,
                                              const char *address, bool keep);
/* "10.77.128.0/17". */
const char *service_pool_cidr(const struct service_pool *p);

/* Node ports; protocol "TCP" or "UDP". 0 when none is left. */
int service_pool_take_port(struct service_pool *p, const char *owner, const char *protocol);
enum service_claim service_pool_claim_port(struct service_pool *p, const char *owner,
                                           const char *protocol, int port, bool keep);
void service_pool_port_range(const struct service_pool *p, int *ret_min, int *ret_max);

#endif
