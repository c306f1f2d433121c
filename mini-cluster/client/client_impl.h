/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the client room share. */
#ifndef CLIENT_CLIENT_IMPL_H
#define CLIENT_CLIENT_IMPL_H

#include "api/ops.h"
#include "client/client.h"
#include "common/str.h"
#include "common/vec.h"
#include "store/store.h"

struct commit_waiter;

struct client {
    struct api *api;
    struct store *store;
    struct loop *loop;
    char *user;
    VEC(struct client_watch *) watches;
    VEC(struct commit_waiter *) waiters;
    struct str event; /* where Events are encoded; kept, because an allocation of this size makes
                       * malloc tidy up all it has (3 % of the work of a pod) */
};

#endif
