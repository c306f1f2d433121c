/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl auth can-i, auth whoami, create token: the access rules themselves give the answers. */
#include "api/review.h"

#include <string.h>

#include "api/core.h"
#include "api/decode.h"
#include "api/fault.h"
#include "api/handle.h"
#include "api/write.h"
#include "auth/auth.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "meta/time.h"

/* ---- may I ---- */

static bool may(const struct api_call *c, const json_t *spec, struct err *err)
{
    const json_t *r = jx_get(spec, "resourceAttributes");
    const json_t *p = jx_get(spec, "nonResourceAttributes");
    struct auth_attributes a = {.user = c->req->user.name,
                                .groups = c->req->user.groups,
                                .verb = jx_get_str(r != NULL ? r : p, "verb", ""),
                                .path = jx_get_str(p, "path", "")};
    if (r != NULL) {
        a.group = jx_get_str(r, "group", "");
        a.resource = jx_get_str(r, "resource", "");
        a.subresource = jx_get_str(r, "subresource", "");
        a.ns = jx_get_str(r, "namespace", "");
        a.name = jx_get_str(r, "name", "");
    }
    return auth_authorize(&a, err) == 0;
}

static json_t *review_access(const struct api_call *c, const json_t *obj)
{
    struct err err = {.code = ERR_NONE};
    if (may(c, jx_get(obj, "spec"), &err)) {
        return json_pack("{s:b}", "allowed", 1);
    }
    return json_pack("{s:b, s:s}", "allowed", 0, "reason", err.msg);
}

/* ---- what may I ---- */

static bool is_master(const struct api_call *c)
{
    for (const char *const *g = c->req->user.groups; g != NULL && *g != NULL; g++) {
        if (strcmp(*g, "system:masters") == 0) {
            return true;
        }
    }
    return false;
}

static json_t *review_rules(const struct api_call *c, const json_t *obj)
{
    if (is_master(c)) {
        return json_pack("{s:[{s:[s], s:[s], s:[s]}], s:[{s:[s], s:[s]}], s:b}", "resourceRules",
                         "verbs", "*", "apiGroups", "*", "resources", "*", "nonResourceRules",
                         "verbs", "*", "nonResourceURLs", "*", "incomplete", 0);
    }
    return json_pack("{s:[], s:[{s:[s], s:[s,s,s,s,s,s,s]}], s:b}", "resourceRules",
                     "nonResourceRules", "verbs", "get", "nonResourceURLs", "/api/*", "/apis/*",
                     "/healthz", "/livez", "/openapi/*", "/readyz", "/version", "incomplete", 0);
}

/* ---- who am I ---- */

static json_t *review_self(const struct api_call *c, const json_t *obj)
{
    const struct api_user *u = &c->req->user;
    json_t *groups = json_array();
    for (const char *const *g = u->groups; g != NULL && *g != NULL; g++) {
        json_array_append_new(groups, json_string(*g));
    }
    json_t *info = json_pack("{s:s, s:o}", "username", u->name, "groups", groups);
    if (u->uid != NULL && u->uid[0] != '\0') {
        json_object_set_new(info, "uid", json_string(u->uid));
    }
    return json_pack("{s:o}", "userInfo", info);
}

static const struct {
    const char *group, *resource, *kind;
    json_t *(*status)(const struct api_call *c, const json_t *obj);
} reviews[] = {
    {"authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", review_self},
    {"authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", review_access},
    {"authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", review_rules},
};

const struct kind *api_review_kind(const char *group, const char *version, const char *resource)
{
    for (size_t i = 0; i < ARRAY_LEN(reviews); i++) {
        if (strcmp(reviews[i].group, group) == 0 && strcmp(reviews[i].resource, resource) == 0) {
            return kinds_find_kind(group, version, reviews[i].kind);
        }
    }
    return NULL;
}

static void answer(struct api_call *c, const struct kind *k, json_t *obj)
{
    char now[21];
    time_format(now, loop_wall_us(c->api->loop));
    json_object_set_new(obj, "kind", json_string(k->kind));
    json_object_set_new(obj, "apiVersion", json_string(k->api_version));
    json_object_set_new(api_write_meta(obj), "creationTimestamp", json_string(now));
    c->res->status = 201;
    jx_dump(&c->res->body, obj);
    str_add_c(&c->res->body, '\n');
}

int api_review(struct api_call *c, struct err *err)
{
    const struct kind *k = c->route.kind;
    json_auto_t *obj = NULL;
    if (api_decode_object(&c->ctx, c->req, k, &obj, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(reviews); i++) {
        if (strcmp(reviews[i].kind, k->kind) == 0) {
            json_object_set_new(obj, "status", reviews[i].status(c, obj));
        }
    }
    answer(c, k, obj);
    return 0;
}

/* ---- tokens ---- */

static int check_request(struct api_call *c, const struct kind *k, const json_t *obj,
                         struct err *err)
{
    struct field_errs errs = {0};
    const json_t *seconds = jx_path(obj, "spec.expirationSeconds");
    if (json_integer_value(seconds) < 600) {
        field_errs_invalid(&errs, "spec.expirationSeconds", seconds,
                           "may not specify a duration less than 10 minutes");
    }
    int rc = api_fault_invalid(&c->ctx, k, c->target.name, &errs, err);
    field_errs_fini(&errs);
    return rc;
}

int api_review_token(struct api_call *c, struct err *err)
{
    if (c->api->auth == NULL) {
        return api_fault_no_resource(err);
    }
    const struct kind *k = kinds_find_kind("authentication.k8s.io", "v1", "TokenRequest");
    json_auto_t *obj = NULL;
    if (api_decode_object(&c->ctx, c->req, k, &obj, err) < 0) {
        return -1;
    }
    kinds_default(k, obj);
    cleanup_entry const struct store_entry *account = NULL;
    struct api_target t = c->target;
    t.subresource = "";
    if (check_request(c, k, obj, err) < 0 ||
        api_write_find(c->api, &c->ctx, &t, &account, err) < 0) {
        return -1;
    }
    cleanup_free char *token = auth_service_account_token(c->api->auth, t.ns, t.name, account->uid);
    char until[21];
    time_format(until,
                loop_wall_us(c->api->loop) + jx_int(obj, "spec.expirationSeconds", 3600) * 1000000);
    json_object_set_new(obj, "status",
                        json_pack("{s:s, s:s}", "token", token, "expirationTimestamp", until));
    json_t *meta = api_write_meta(obj);
    json_object_set_new(meta, "name", json_string(t.name));
    json_object_set_new(meta, "namespace", json_string(t.ns));
    answer(c, k, obj);
    return 0;
}
