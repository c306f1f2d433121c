/* SPDX-License-Identifier: Apache-2.0 */
/* One table ties an error code to its Kubernetes reason and its HTTP status. */
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *reason;
    int http;
} codes[] = {
    [ERR_NONE] = {"", 200},
    [ERR_BAD_REQUEST] = {"BadRequest", 400},
    [ERR_UNAUTHORIZED] = {"Unauthorized", 401},
    [ERR_FORBIDDEN] = {"Forbidden", 403},
    [ERR_NOT_FOUND] = {"NotFound", 404},
    [ERR_METHOD_NOT_ALLOWED] = {"MethodNotAllowed", 405},
    [ERR_NOT_ACCEPTABLE] = {"NotAcceptable", 406},
    [ERR_ALREADY_EXISTS] = {"AlreadyExists", 409},
    [ERR_CONFLICT] = {"Conflict", 409},
    [ERR_EXPIRED] = {"Expired", 410},
    [ERR_TOO_LARGE] = {"RequestEntityTooLarge", 413},
    [ERR_UNSUPPORTED_MEDIA_TYPE] = {"UnsupportedMediaType", 415},
    [ERR_INVALID] = {"Invalid", 422},
    [ERR_TOO_MANY_REQUESTS] = {"TooManyRequests", 429},
    [ERR_INTERNAL] = {"InternalError", 500},
    [ERR_UNAVAILABLE] = {"ServiceUnavailable", 503},
    [ERR_TIMEOUT] = {"Timeout", 504},
};

static const int code_count = sizeof(codes) / sizeof(codes[0]);

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    char msg[sizeof(err->msg)]; /* the arguments may point into err->msg */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    memcpy(err->msg, msg, sizeof(msg));
    err->code = code;
    return -1;
}

int err_errno(struct err *err, int errnum, const char *fmt, ...)
{
    char what[sizeof(err->msg)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    char why[128];
    return err_set(err, ERR_INTERNAL, "%s: %s", what, strerror_r(errnum, why, sizeof(why)));
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char context[sizeof(err->msg)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    return err_set(err, err->code, "%s: %s", context, err->msg);
}

const char *err_reason(enum err_code code)
{
    return (int)code >= 0 && (int)code < code_count ? codes[code].reason : "InternalError";
}

int err_http(enum err_code code)
{
    return (int)code >= 0 && (int)code < code_count ? codes[code].http : 500;
}

enum err_code err_from_reason(const char *reason)
{
    if (reason != NULL && strcmp(reason, "Gone") == 0) {
        return ERR_EXPIRED; /* older servers say Gone for the same 410 */
    }
    for (int i = 1; reason != NULL && i < code_count; i++) {
        if (strcmp(codes[i].reason, reason) == 0) {
            return (enum err_code)i;
        }
    }
    return ERR_INTERNAL;
}
