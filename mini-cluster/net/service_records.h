/* SPDX-License-Identifier: Apache-2.0 */
/* What a service means to the guests: a pure function of the service and its slices. */
#ifndef NET_SERVICE_RECORDS_H
#define NET_SERVICE_RECORDS_H

#include <stddef.h>

#include <jansson.h>

#include "net/records.h"

/* Says, between records_begin and records_end, which addresses and node ports lead where and which
 * names there are. `slices` are the service's EndpointSlices, `domain` is "cluster.local". */
void service_records_say(struct records *r, const json_t *service, const json_t *const *slices,
                         size_t nslices, const char *domain);

#endif
