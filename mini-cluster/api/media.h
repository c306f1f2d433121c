/* SPDX-License-Identifier: Apache-2.0 */
/* Which language and which form: Content-Type and Accept. */
#ifndef API_MEDIA_H
#define API_MEDIA_H

#include <stdbool.h>

#include "common/err.h"
#include "kinds/kinds.h"

struct api_request;

enum api_media {
    API_MEDIA_JSON,
    API_MEDIA_YAML,
    API_MEDIA_PROTOBUF, /* bodies only */
    API_MEDIA_MERGE_PATCH,
    API_MEDIA_JSON_PATCH,
    API_MEDIA_STRATEGIC_PATCH,
    API_MEDIA_APPLY_PATCH,
    API_MEDIA_OTHER,
};

/* Of the request's body; without a Content-Type it is JSON, or protobuf when it begins so. */
enum api_media api_media_of_body(const struct api_request *req);

enum api_as { API_AS_OBJECT, API_AS_TABLE, API_AS_PARTIAL };

/* The form of an answer. */
struct api_form {
    enum api_media media; /* JSON or YAML */
    enum api_as as;
    const char *version; /* of meta.k8s.io, for tables and partial metadata; static */
    enum kind_table_object include;
};

/* The first form of Accept that we can give. ERR_NOT_ACCEPTABLE when there is none. */
int api_media_accept(const char *accept, struct api_form *ret, struct err *err) WARN_UNUSED;
/* Whether `type` ("application/json", with parameters) is among those of Accept: for discovery. */
bool api_media_accepts_discovery(const char *accept, const char **ret_version);
/* The Content-Type of an answer; static. */
const char *api_media_type(const struct api_form *form);

#endif
