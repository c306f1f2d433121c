/* SPDX-License-Identifier: Apache-2.0 */
/* The one error value of both programs: a code the API can send and a sentence a person can read. */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

/* The codes are the `reason`s of a Kubernetes Status; err_http() gives the HTTP code of each. */
enum err_code {
    ERR_NONE = 0,
    ERR_BAD_REQUEST,
    ERR_UNAUTHORIZED,
    ERR_FORBIDDEN,
    ERR_NOT_FOUND,
    ERR_METHOD_NOT_ALLOWED,
    ERR_NOT_ACCEPTABLE,
    ERR_ALREADY_EXISTS,
    ERR_CONFLICT,
    ERR_EXPIRED,
    ERR_TOO_LARGE,
    ERR_UNSUPPORTED_MEDIA_TYPE,
    ERR_INVALID,
    ERR_TOO_MANY_REQUESTS,
    ERR_INTERNAL,
    ERR_UNAVAILABLE,
    ERR_TIMEOUT,
};

/* The caller's, on its stack; nothing to free. `msg` says what was wrong, where, and what to do. */
struct err {
    enum err_code code;
    char msg[512];
};

#define WARN_UNUSED __attribute__((warn_unused_result))

/* Sets code and message. Returns -1, so that failing is one line: `return err_set(err, ...)`. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and strerror(errnum) appended. The code is ERR_INTERNAL. */
int err_errno(struct err *err, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the message that is there; keeps the code. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The reason as Kubernetes spells it ("NotFound"); "" for ERR_NONE. */
const char *err_reason(enum err_code code);

/* The HTTP status of a code: 404 for ERR_NOT_FOUND, 200 for ERR_NONE. */
int err_http(enum err_code code);

/* The code whose reason is `reason`, ERR_INTERNAL when there is none. */
enum err_code err_from_reason(const char *reason);

#endif
