/* SPDX-License-Identifier: Apache-2.0 */
/* Which pod answered: what an HTTP answer says about its sender. */
#ifndef CHECK_ANSWER_H
#define CHECK_ANSWER_H

#include <stddef.h>

#include <jansson.h>

struct answer_sender {
    char pod[256], host[256], version[64]; /* "" when the answer does not say */
};

/* Understands JSON with `pod` (or podName, hostname), `host` (or node) and `version`, and the words
 * "NAME VERSION from POD on HOST" in plain text or between HTML tags, as the demo workload says it.
 * `json` is the parsed body, or NULL. */
void answer_read(const char *body, const json_t *json, struct answer_sender *ret);

#endif
