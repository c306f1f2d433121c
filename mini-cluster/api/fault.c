/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl, helm and client-go decide by reason, details and causes, and people read the sentence:
 * all of them are made here, and nowhere else. */
#include "api/fault.h"

#include <stdio.h>
#include <string.h>

#include "api/core.h"
#include "common/str.h"
#include "kinds/kinds.h"

void api_fault_fini(struct api_fault *f)
{
    json_decref(f->causes);
    *f = (struct api_fault){0};
}

static struct api_fault *about(struct api_ctx *ctx, const struct kind *k, const char *kind,
                               const char *name)
{
    char copy[sizeof(ctx->fault.name)]; /* name may point into the fault */
    str_copy(copy, sizeof(copy), name);
    api_fault_fini(&ctx->fault);
    ctx->fault.group = k->group;
    ctx->fault.kind = kind;
    memcpy(ctx->fault.name, copy, sizeof(copy));
    return &ctx->fault;
}

const char *api_fault_resource(const struct kind *k)
{
    return k->gr;
}

int api_fault_not_found(struct api_ctx *ctx, const struct kind *k, const char *name,
                        struct err *err)
{
    about(ctx, k, k->resource, name);
    return err_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", k->gr, name);
}

int api_fault_exists(struct api_ctx *ctx, const struct kind *k, const char *name, struct err *err)
{
    about(ctx, k, k->resource, name);
    return err_set(err, ERR_ALREADY_EXISTS, "%s \"%s\" already exists", k->gr, name);
}

int api_fault_conflict(struct api_ctx *ctx, const struct kind *k, const char *name, struct err *err,
                       const char *fmt, ...)
{
    char why[384];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    about(ctx, k, k->resource, name);
    return err_set(err, ERR_CONFLICT, "Operation cannot be fulfilled on %s \"%s\": %s", k->gr, name,
                   why);
}

int api_fault_modified(struct api_ctx *ctx, const struct kind *k, const char *name, struct err *err)
{
    return api_fault_conflict(ctx, k, name, err,
                              "the object has been modified; please apply your changes to the "
                              "latest version and try again");
}

int api_fault_forbidden(struct api_ctx *ctx, const struct kind *k, const char *name,
                        struct err *err, const char *fmt, ...)
{
    char why[sizeof(err->msg)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    json_t *causes = json_incref(ctx->fault.causes);
    about(ctx, k, k->resource, name)->causes = causes;
    if (name[0] == '\0') {
        return err_set(err, ERR_FORBIDDEN, "%s is forbidden: %s", k->gr, why);
    }
    return err_set(err, ERR_FORBIDDEN, "%s \"%s\" is forbidden: %s", k->gr, name, why);
}

int api_fault_invalid(struct api_ctx *ctx, const struct kind *k, const char *name,
                      const struct field_errs *errs, struct err *err)
{
    if (field_errs_finish(errs, k->kind, k->group, name, err) == 0) {
        return 0;
    }
    about(ctx, k, k->kind, name)->causes = field_errs_causes(errs);
    return -1;
}

int api_fault_unsupported(struct api_ctx *ctx, const char *field, const char *value,
                          const char *supported, struct err *err)
{
    api_fault_fini(&ctx->fault);
    ctx->fault.group = ctx->fault.kind = "";
    char message[256];
    snprintf(message, sizeof(message), "Unsupported value: \"%.100s\": supported values: %s", value,
             supported);
    ctx->fault.causes = json_pack("[{s:s, s:s, s:s}]", "reason", "FieldValueNotSupported",
                                  "message", message, "field", field);
    return err_set(err, ERR_INVALID, " \"\" is invalid: %s: %s", field, message);
}

int api_fault_too_large(struct api_ctx *ctx, int64_t asked, int64_t now, struct err *err)
{
    api_fault_fini(&ctx->fault);
    ctx->fault.causes = json_pack("[{s:s, s:s}]", "reason", "ResourceVersionTooLarge", "message",
                                  "Too large resource version");
    ctx->fault.retry_after_s = 1;
    return err_set(err, ERR_TIMEOUT, "Too large resource version: %lld, current: %lld",
                   (long long)asked, (long long)now);
}

int api_fault_no_resource(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
}

int api_fault_no_method(struct err *err)
{
    return err_set(err, ERR_METHOD_NOT_ALLOWED,
                   "the server does not allow this method on the requested resource");
}

static void put_unless_empty(json_t *to, const char *key, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        json_object_set_new(to, key, json_string(value));
    }
}

static json_t *details_of(const struct api_fault *f)
{
    json_t *details = json_object();
    if (f == NULL) {
        return details;
    }
    put_unless_empty(details, "name", f->name);
    put_unless_empty(details, "group", f->group);
    put_unless_empty(details, "kind", f->kind);
    if (json_array_size(f->causes) > 0) {
        json_object_set(details, "causes", f->causes);
    }
    if (f->retry_after_s > 0) {
        json_object_set_new(details, "retryAfterSeconds", json_integer(f->retry_after_s));
    }
    return details;
}

/* A message may end in the middle of a UTF-8 sequence, where err_set cut it. */
static json_t *text(const char *s)
{
    size_t n = strlen(s);
    json_t *v = json_stringn(s, n);
    while (v == NULL && n > 0) {
        v = json_stringn(s, --n);
    }
    return v != NULL ? v : json_string("");
}

json_t *api_fault_status(const struct err *err, const struct api_fault *f)
{
    json_t *status =
        json_pack("{s:s, s:s, s:{}, s:s, s:o, s:s, s:i}", "kind", "Status", "apiVersion", "v1",
                  "metadata", "status", "Failure", "message", text(err->msg), "reason",
                  err_reason(err->code), "code", err_http(err->code));
    json_t *details = details_of(f);
    bool wanted = json_object_size(details) > 0 || err->code == ERR_NOT_FOUND;
    if (wanted) {
        json_object_set(status, "details", details);
    }
    json_decref(details);
    return status;
}
