/* SPDX-License-Identifier: Apache-2.0 */
/* One question to a running cluster's API, for the subcommands. */
#ifndef CMD_ASK_H
#define CMD_ASK_H

#include <jansson.h>

#include "cmd/settings.h"

/* GET path of the cluster that `s` (loaded) describes. The answer's JSON, whatever its status; the
 * status to *ret_status. ERR_UNAVAILABLE when it does not answer within 5 s. */
int ask(const struct state *s, const struct settings *set, const char *path, int *ret_status,
        json_t **ret, struct err *err) WARN_UNUSED;

/* The same with another method; `patch` (may be NULL) is sent with PATCH as a merge patch, with
 * others as the object. */
int ask_to(const struct state *s, const struct settings *set, const char *method, const char *path,
           const json_t *patch, int *ret_status, json_t **ret, struct err *err) WARN_UNUSED;

#endif
