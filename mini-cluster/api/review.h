/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about oneself, and tokens for service accounts: posted, answered, never stored. */
#ifndef API_REVIEW_H
#define API_REVIEW_H

#include "common/err.h"

struct api_call;
struct kind;

/* The kind of question that is asked at this address; NULL when it is none. */
const struct kind *api_review_kind(const char *group, const char *version, const char *resource);
int api_review(struct api_call *c, struct err *err) WARN_UNUSED;
/* serviceaccounts/token. */
int api_review_token(struct api_call *c, struct err *err) WARN_UNUSED;

#endif
