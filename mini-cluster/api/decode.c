/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever language a client writes its objects in, the rest of the room reads JSON. */
#include "api/decode.h"

#include <string.h>
#include <strings.h>

#include "api/fault.h"
#include "api/media.h"
#include "api/ops.h"
#include "common/json/jx.h"
#include "common/json/yaml.h"
#include "common/mem.h"
#include "kinds/kinds.h"

static int unsupported(struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED_MEDIA_TYPE,
                   "the body of the request was in an unknown format - accepted media types "
                   "include: application/json, application/yaml, "
                   "application/vnd.kubernetes.protobuf");
}

static int parse_yaml(const struct api_request *req, json_t **ret, struct err *err)
{
    json_auto_t *docs = NULL;
    if (yaml_parse(req->body, req->len, &docs, err) < 0) {
        return -1;
    }
    if (json_array_size(docs) != 1) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the body holds %zu YAML documents; send them one at a time",
                       json_array_size(docs));
    }
    *ret = json_incref(json_array_get(docs, 0));
    return 0;
}

/* `dups` may be NULL: then nobody asks. */
static int parse_json(const struct api_request *req, json_t *dups, json_t **ret, struct err *err)
{
    if (jx_parse(req->body, req->len, false, ret, err) < 0) {
        return -1;
    }
    if (dups != NULL) {
        jx_duplicates(req->body, req->len, dups);
    }
    return 0;
}

static int parse(const struct api_request *req, json_t *dups, json_t **ret, struct err *err)
{
    switch (api_media_of_body(req)) {
    case API_MEDIA_JSON:
        return parse_json(req, dups, ret, err);
    case API_MEDIA_YAML:
        return parse_yaml(req, ret, err);
    case API_MEDIA_PROTOBUF:
        return kinds_proto_decode(req->body, req->len, ret, err);
    default:
        return unsupported(err);
    }
}

/* ---- strictness ---- */

/* One finding a line of the error, or a warning each. */
static void tell(struct api_ctx *ctx, struct str *strict, const char *what, const json_t *paths)
{
    size_t i;
    const json_t *path;
    jx_each(i, path, paths)
    {
        const char *text = json_string_value(path);
        if (ctx->validation == API_VALIDATION_STRICT) {
            str_add_f(strict, "%s%s field \"%s\"", strict->len > 0 ? ", " : "", what, text);
        } else {
            api_warn(ctx, "%s field \"%s\"", what, text);
        }
    }
}

static void check_fields(struct api_ctx *ctx, const struct kind *k, const json_t *obj,
                         const json_t *dups, struct str *strict)
{
    if (ctx->validation == API_VALIDATION_IGNORE) {
        return;
    }
    json_auto_t *unknown = json_array();
    kinds_unknown(k, obj, unknown);
    tell(ctx, strict, "unknown", unknown);
    tell(ctx, strict, "duplicate", dups);
}

/* ---- what the body says it is ---- */

static const char *version_of(const char *api_version)
{
    const char *slash = strchr(api_version, '/');
    return slash != NULL ? slash + 1 : api_version;
}

static int check_type(const struct kind *k, const json_t *obj, struct err *err)
{
    const char *version = jx_get_str(obj, "apiVersion", "");
    const char *kind = jx_get_str(obj, "kind", "");
    if (kind[0] != '\0' && strcmp(kind, k->kind) != 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "%s in version \"%s\" cannot be handled as a %s: this address takes objects "
                       "of kind %s",
                       kind, version_of(version), k->kind, k->kind);
    }
    if (version[0] != '\0' && k->served && strcmp(version, k->api_version) != 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the API version in the data (%s) does not match the expected API version "
                       "(%s)",
                       version, k->api_version);
    }
    return 0;
}

static int parse_object(const struct api_request *req, const struct kind *k, json_t *dups,
                        json_t **ret, struct err *err)
{
    if (parse(req, dups, ret, err) < 0) {
        return err->code == ERR_BAD_REQUEST
                   ? err_wrap(err,
                              "the object provided is unrecognized (must be of type %s): couldn't "
                              "get version/kind",
                              k->kind)
                   : -1;
    }
    if (!json_is_object(*ret)) {
        json_decref(steal(*ret));
        return err_set(err, ERR_BAD_REQUEST,
                       "the object provided is unrecognized (must be of type %s): it is not a JSON "
                       "object",
                       k->kind);
    }
    return 0;
}

int api_decode_object(struct api_ctx *ctx, const struct api_request *req, const struct kind *k,
                      json_t **ret, struct err *err)
{
    json_auto_t *dups = json_array();
    json_auto_t *obj = NULL;
    bool ask = ctx->validation != API_VALIDATION_IGNORE;
    if (parse_object(req, k, ask ? dups : NULL, &obj, err) < 0 || check_type(k, obj, err) < 0) {
        return -1;
    }
    cleanup_str struct str strict = STR_INIT;
    check_fields(ctx, k, obj, dups, &strict);
    if (strict.len > 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "%s in version \"%s\" cannot be handled as a %s: strict decoding error: %s",
                       k->kind, version_of(k->api_version), k->kind, strict.p);
    }
    if (kinds_check_types(k, obj, err) < 0) {
        return err_wrap(err, "%s in version \"%s\" cannot be handled as a %s", k->kind,
                        version_of(k->api_version), k->kind);
    }
    *ret = steal(obj);
    return 0;
}

static int strict_patch(struct api_ctx *ctx, const struct str *strict, struct err *err)
{
    cleanup_free char *message =
        xasprintf("Invalid value: \"patch\": strict decoding error: %s", strict->p);
    api_fault_fini(&ctx->fault);
    ctx->fault.group = ctx->fault.kind = "";
    ctx->fault.causes = json_pack("[{s:s, s:s, s:s}]", "reason", "FieldValueInvalid", "message",
                                  message, "field", "patch");
    return err_set(err, ERR_INVALID, " \"\" is invalid: patch: %s", message);
}

int api_decode_patch(struct api_ctx *ctx, const struct api_request *req, json_t **ret,
                     struct err *err)
{
    json_auto_t *dups = json_array();
    json_auto_t *patch = NULL;
    bool ask = ctx->validation != API_VALIDATION_IGNORE;
    if (parse_json(req, ask ? dups : NULL, &patch, err) < 0) {
        return err_wrap(err, "error decoding patch");
    }
    cleanup_str struct str strict = STR_INIT;
    tell(ctx, &strict, "duplicate", dups);
    if (strict.len > 0) {
        return strict_patch(ctx, &strict, err);
    }
    *ret = steal(patch);
    return 0;
}

int api_decode_check_patched(struct api_ctx *ctx, const struct kind *k, const json_t *obj,
                             struct err *err)
{
    cleanup_str struct str strict = STR_INIT;
    check_fields(ctx, k, obj, NULL, &strict);
    return strict.len > 0 ? strict_patch(ctx, &strict, err) : 0;
}

int api_decode_delete(const struct api_request *req, json_t **ret, struct err *err)
{
    *ret = NULL;
    if (req->len == 0) {
        return 0;
    }
    json_auto_t *options = NULL;
    if (parse(req, NULL, &options, err) < 0) {
        return -1;
    }
    const char *kind = jx_get_str(options, "kind", "DeleteOptions");
    if (!json_is_object(options) || strcmp(kind, "DeleteOptions") != 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the body of a deletion must be DeleteOptions or empty");
    }
    *ret = steal(options);
    return 0;
}
