/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs as requests ask for them: bodies and parameters in, forms out. */
#include <string.h>

#include "api/core.h"
#include "api/decode.h"
#include "api/fault.h"
#include "api/handle.h"
#include "api/list.h"
#include "api/media.h"
#include "api/query.h"
#include "api/relay.h"
#include "api/render.h"
#include "api/review.h"
#include "api/selection.h"
#include "api/watch.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "meta/object.h"

static bool sub_is(const struct api_call *c, const char *name)
{
    return strcmp(c->target.subresource, name) == 0;
}

static int read_form(const struct api_call *c, struct api_form *form, struct err *err)
{
    if (api_media_accept(c->req->accept, form, err) < 0) {
        return -1;
    }
    const char *include = api_query_get(c->query, "includeObject");
    if (strcmp(include, "None") == 0) {
        form->include = KIND_TABLE_NONE;
    } else if (strcmp(include, "Object") == 0) {
        form->include = KIND_TABLE_OBJECT;
    } else if (include[0] != '\0' && strcmp(include, "Metadata") != 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "includeObject: \"%.40s\" is none of None, Metadata, Object", include);
    }
    return 0;
}

/* The kind of what is answered: a Scale has no table of its own. */
static int answer_object(struct api_call *c, const struct api_object *o, int status,
                         struct err *err)
{
    struct api_form form;
    if (read_form(c, &form, err) < 0) {
        return -1;
    }
    const struct kind *k = c->target.kind;
    if (o->entry == NULL && strcmp(jx_get_str(o->tree, "kind", ""), k->kind) != 0) {
        form.as = API_AS_OBJECT;
    }
    c->res->status = status;
    c->res->content_type = api_media_type(&form);
    api_render_object(c->api, &form, k, o, &c->res->body);
    return 0;
}

/* The form is settled before anything is written: a 406 changes nothing. */
static int check_form(const struct api_call *c, struct err *err)
{
    struct api_form form;
    return read_form(c, &form, err);
}

static void answer_success(struct api_call *c, int status, const char *name, const char *uid)
{
    const struct kind *k = c->target.kind;
    json_auto_t *details = json_pack("{s:s, s:s}", "name", name, "kind", k->resource);
    if (k->group[0] != '\0') {
        json_object_set_new(details, "group", json_string(k->group));
    }
    if (uid[0] != '\0') {
        json_object_set_new(details, "uid", json_string(uid));
    }
    json_auto_t *ok = json_pack("{s:s, s:s, s:{}, s:s, s:O}", "kind", "Status", "apiVersion", "v1",
                                "metadata", "status", "Success", "details", details);
    c->res->status = status;
    jx_dump(&c->res->body, ok);
    str_add_c(&c->res->body, '\n');
}

/* ---- reading ---- */

static int verb_get(struct api_call *c, struct err *err)
{
    if (sub_is(c, "log")) {
        c->res->content_type = "text/plain";
        return api_log(c->api, &c->ctx, &c->target, c->query, &c->res->stream, err);
    }
    cleanup_api_object struct api_object o = {0};
    if (api_get(c->api, &c->ctx, &c->target, &o, err) < 0) {
        return -1;
    }
    return answer_object(c, &o, 200, err);
}

/* A revision of the future: what was read elsewhere has not come here. */
static int check_revision(struct api_call *c, struct err *err)
{
    int64_t rev = 0;
    int64_t now = store_revision(c->api->store, STORE_STAGED);
    if (api_query_int(c->query, "resourceVersion", 0, 0, &rev, err) < 0) {
        return -1;
    }
    if (rev > now) {
        return api_fault_too_large(&c->ctx, rev, now, err);
    }
    const char *match = api_query_get(c->query, "resourceVersionMatch");
    if (strcmp(match, "Exact") == 0 && rev != now) {
        return err_set(err, ERR_EXPIRED, "The resourceVersion for the provided list is too old.");
    }
    return 0;
}

static int verb_list(struct api_call *c, struct err *err)
{
    struct api_form form;
    struct api_selection *sel = NULL;
    const struct kind *k = c->target.kind;
    if (read_form(c, &form, err) < 0 || api_list_check_options(&c->ctx, c->query, false, err) < 0 ||
        check_revision(c, err) < 0 || api_selection_new(c->query, k, c->target.ns, &sel, err) < 0) {
        return -1;
    }
    struct api_listing listing = {0};
    int rc = api_list_collect(c->api, c->query, sel, k, &listing, err);
    api_selection_free(sel);
    if (rc < 0) {
        return -1;
    }
    c->res->content_type = api_media_type(&form);
    c->res->stream = api_list_stream(c->api, &listing, k, &form);
    return 0;
}

static int verb_watch(struct api_call *c, struct err *err)
{
    struct api_form form;
    struct api_selection *sel = NULL;
    if (read_form(c, &form, err) < 0 || api_list_check_options(&c->ctx, c->query, true, err) < 0 ||
        check_revision(c, err) < 0 ||
        api_selection_new(c->query, c->target.kind, c->target.ns, &sel, err) < 0) {
        return -1;
    }
    return api_watch_new(c->api, c->query, sel, c->target.kind, &form, &c->res->stream, err);
}

/* ---- writing ---- */

static int create_binding(struct api_call *c, struct err *err)
{
    json_auto_t *body = NULL;
    if (api_decode_object(&c->ctx, c->req, kinds_find_kind("", "v1", "Binding"), &body, err) < 0 ||
        api_bind(c->api, &c->ctx, &c->target, body, err) < 0) {
        return -1;
    }
    answer_success(c, 201, c->target.name, "");
    return 0;
}

static int create_eviction(struct api_call *c, struct err *err)
{
    json_auto_t *body = NULL;
    const struct kind *k = kinds_find_kind("policy", "v1", "Eviction");
    if (api_decode_object(&c->ctx, c->req, k, &body, err) < 0 ||
        api_evict(c->api, &c->ctx, &c->target, body, err) < 0) {
        return -1;
    }
    answer_success(c, 201, c->target.name, "");
    return 0;
}

static int verb_create(struct api_call *c, struct err *err)
{
    if (sub_is(c, "binding")) {
        return create_binding(c, err);
    }
    if (sub_is(c, "eviction")) {
        return create_eviction(c, err);
    }
    if (sub_is(c, "token")) {
        return api_review_token(c, err);
    }
    if (c->target.subresource[0] != '\0') {
        return api_fault_no_method(err);
    }
    json_t *obj = NULL;
    cleanup_api_object struct api_object o = {0};
    if (check_form(c, err) < 0 ||
        api_decode_object(&c->ctx, c->req, c->target.kind, &obj, err) < 0 ||
        api_create(c->api, &c->ctx, &c->target, obj, &o, err) < 0) {
        return -1;
    }
    return answer_object(c, &o, 201, err);
}

static const struct kind *body_kind(const struct api_call *c)
{
    return sub_is(c, "scale") ? kinds_find_kind("autoscaling", "v1", "Scale") : c->target.kind;
}

static int verb_update(struct api_call *c, struct err *err)
{
    json_t *obj = NULL;
    cleanup_api_object struct api_object o = {0};
    if (check_form(c, err) < 0 || api_decode_object(&c->ctx, c->req, body_kind(c), &obj, err) < 0 ||
        api_update(c->api, &c->ctx, &c->target, obj, &o, err) < 0) {
        return -1;
    }
    return answer_object(c, &o, 200, err);
}

static int patch_type(const struct api_call *c, enum api_patch_type *ret, struct err *err)
{
    switch (api_media_of_body(c->req)) {
    case API_MEDIA_MERGE_PATCH:
        *ret = API_PATCH_MERGE;
        return 0;
    case API_MEDIA_JSON_PATCH:
        *ret = API_PATCH_JSON;
        return 0;
    case API_MEDIA_STRATEGIC_PATCH:
        *ret = API_PATCH_STRATEGIC;
        return 0;
    case API_MEDIA_APPLY_PATCH:
        return err_set(err, ERR_UNSUPPORTED_MEDIA_TYPE,
                       "server-side apply is not served here yet; use kubectl apply without "
                       "--server-side");
    default:
        return err_set(err, ERR_UNSUPPORTED_MEDIA_TYPE,
                       "the body of the request was in an unknown format - accepted media types "
                       "include: application/json-patch+json, application/merge-patch+json, "
                       "application/strategic-merge-patch+json");
    }
}

static int verb_patch(struct api_call *c, struct err *err)
{
    enum api_patch_type type = API_PATCH_MERGE;
    json_auto_t *patch = NULL;
    cleanup_api_object struct api_object o = {0};
    if (check_form(c, err) < 0 || patch_type(c, &type, err) < 0 ||
        api_decode_patch(&c->ctx, c->req, &patch, err) < 0 ||
        api_patch(c->api, &c->ctx, &c->target, type, patch, &o, err) < 0) {
        return -1;
    }
    return answer_object(c, &o, 200, err);
}

/* ---- deleting ---- */

/* The body's options, and what the query adds where the body is silent. */
static int read_delete_opts(struct api_call *c, const json_t *body, struct api_delete_opts *opts,
                            struct err *err)
{
    *opts = (struct api_delete_opts){.grace_s = -1};
    json_auto_t *query = json_object();
    int64_t grace = -1;
    if (api_query_int(c->query, "gracePeriodSeconds", 0, -1, &grace, err) < 0) {
        return -1;
    }
    if (grace >= 0) {
        opts->grace_s = grace;
    }
    const char *policy = api_query_get(c->query, "propagationPolicy");
    if (policy[0] != '\0') {
        json_object_set_new(query, "propagationPolicy", json_string(policy));
        if (api_delete_opts_read(&c->ctx, query, opts, err) < 0) {
            return -1;
        }
        opts->policy = policy;
    }
    return api_delete_opts_read(&c->ctx, body, opts, err);
}

static int verb_delete(struct api_call *c, struct err *err)
{
    json_auto_t *body = NULL;
    struct api_delete_opts opts;
    cleanup_api_object struct api_object o = {0};
    if (check_form(c, err) < 0 || api_decode_delete(c->req, &body, err) < 0 ||
        read_delete_opts(c, body, &opts, err) < 0 ||
        api_delete(c->api, &c->ctx, &c->target, &opts, &o, err) < 0) {
        return -1;
    }
    if (!o.removed || strcmp(c->target.kind->gr, "pods") == 0) {
        return answer_object(c, &o, 200, err);
    }
    answer_success(c, 200, c->target.name, o.entry->uid);
    return 0;
}

/* One by one; what went meanwhile is no error. */
static int delete_each(struct api_call *c, const struct api_listing *l,
                       const struct api_delete_opts *opts, struct err *err)
{
    for (size_t i = 0; i < l->entries.n; i++) {
        const struct store_entry *e = l->entries.v[i];
        struct api_target t = {
            .kind = c->target.kind, .ns = e->key.ns, .name = e->key.name, .subresource = ""};
        cleanup_api_object struct api_object o = {0};
        if (api_delete(c->api, &c->ctx, &t, opts, &o, err) < 0 && err->code != ERR_NOT_FOUND) {
            return -1;
        }
    }
    return 0;
}

static int verb_deletecollection(struct api_call *c, struct err *err)
{
    json_auto_t *body = NULL;
    struct api_delete_opts opts;
    struct api_selection *sel = NULL;
    if (api_decode_delete(c->req, &body, err) < 0 || read_delete_opts(c, body, &opts, err) < 0 ||
        api_selection_new(c->query, c->target.kind, c->target.ns, &sel, err) < 0) {
        return -1;
    }
    struct api_listing listing = {0};
    int rc = api_list_collect(c->api, c->query, sel, c->target.kind, &listing, err);
    api_selection_free(sel);
    if (rc == 0) {
        rc = delete_each(c, &listing, &opts, err);
    }
    api_listing_fini(&listing);
    if (rc == 0) {
        answer_success(c, 200, "", "");
    }
    return rc;
}

/* ---- into a pod ---- */

static bool is_connect(const struct api_call *c)
{
    return strcmp(c->target.kind->gr, "pods") == 0 &&
           (sub_is(c, "exec") || sub_is(c, "attach") || sub_is(c, "portforward"));
}

/* A WebSocket can only be asked for with GET; who may merely read pods gets none all the same. */
static int connect_pod(struct api_call *c, struct err *err)
{
    if (api_call_authorize(c, "create", err) < 0) {
        return -1;
    }
    return api_connect(c->api, &c->ctx, &c->target, c->query, &c->res->connect, err);
}

/* ---- choosing ---- */

static const struct {
    const char *verb;
    int (*run)(struct api_call *c, struct err *err);
} verbs[] = {
    {"create", verb_create}, {"delete", verb_delete}, {"deletecollection", verb_deletecollection},
    {"get", verb_get},       {"list", verb_list},     {"patch", verb_patch},
    {"update", verb_update}, {"watch", verb_watch},
};

int api_call_verb(struct api_call *c, struct err *err)
{
    if (sub_is(c, "proxy")) {
        return api_proxy(c->api, &c->ctx, c->req, &c->route, &c->res->relay, err);
    }
    if (is_connect(c)) {
        return connect_pod(c, err);
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(verbs[i].verb, c->route.verb) == 0) {
            return verbs[i].run(c, err);
        }
    }
    return api_fault_no_method(err);
}
