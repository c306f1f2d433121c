/* SPDX-License-Identifier: Apache-2.0 */
/* The answers are the same bytes for the life of the process; all of them derive from the kinds. */
#include "api/discovery.h"

#include <stdio.h>
#include <string.h>

#include "api/core.h"
#include "api/fault.h"
#include "api/media.h"
#include "api/query.h"
#include "api/route.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"

static bool is(const struct api_route *r, unsigned i, const char *s)
{
    return i < r->nsegments && strcmp(r->segments[i], s) == 0;
}

/* Takes `v`; NULL is an unknown resource. */
static int answer(struct api_response *res, json_t *v, struct err *err)
{
    if (v == NULL) {
        return api_fault_no_resource(err);
    }
    res->status = 200;
    res->content_type = "application/json";
    jx_dump(&res->body, v);
    str_add_c(&res->body, '\n');
    json_decref(v);
    return 0;
}

static int answer_text(struct api_response *res, const char *text)
{
    res->status = 200;
    res->content_type = "text/plain; charset=utf-8";
    str_add(&res->body, text);
    return 0;
}

/* /api and /apis: aggregated for those who ask, in exactly the version they ask for. */
static int groups(const struct api_request *req, bool core, struct api_response *res,
                  struct err *err)
{
    const char *version;
    if (!api_media_accepts_discovery(req->accept, &version)) {
        return answer(res, core ? kinds_discovery_versions() : kinds_discovery_groups(), err);
    }
    int rc = answer(res, kinds_discovery_aggregated(version, core), err);
    res->content_type =
        strcmp(version, "v2") == 0
            ? "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
            : "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
    return rc;
}

static int openapi(const struct api_request *req, const struct api_route *r,
                   struct api_response *res, struct err *err)
{
    if (is(r, 1, "v2") && r->nsegments == 2) {
        if (strstr(req->accept, "proto") == NULL) {
            return answer(res, kinds_openapi_v2_json(), err);
        }
        res->status = 200;
        res->content_type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
        kinds_openapi_v2(&res->body);
        return 0;
    }
    if (is(r, 1, "v3") && r->nsegments == 2) {
        return answer(res, kinds_openapi_v3_index(), err);
    }
    if (is(r, 1, "v3") && is(r, 2, "api") && r->nsegments == 4) {
        return answer(res, kinds_openapi_v3("", r->segments[3]), err);
    }
    if (is(r, 1, "v3") && is(r, 2, "apis") && r->nsegments == 5) {
        return answer(res, kinds_openapi_v3(r->segments[3], r->segments[4]), err);
    }
    return api_fault_no_resource(err);
}

/* "v1.35.0+podlab" -> "1" and "35". */
static void split_version(const char *version, char major[8], char minor[8])
{
    const char *p = version + (version[0] == 'v');
    size_t n = strcspn(p, ".");
    snprintf(major, 8, "%.*s", (int)(n < 7 ? n : 7), p);
    p += n + (p[n] == '.');
    n = strcspn(p, ".+-");
    snprintf(minor, 8, "%.*s", (int)(n < 7 ? n : 7), p);
}

static int version(const struct api *api, struct api_response *res, struct err *err)
{
    char major[8], minor[8];
    split_version(api->version, major, minor);
    return answer(res,
                  json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "major", major,
                            "minor", minor, "gitVersion", api->version, "gitCommit", "",
                            "gitTreeState", "clean", "buildDate", "1970-01-01T00:00:00Z",
                            "goVersion", "none", "compiler", "gcc", "platform", "linux/amd64"),
                  err);
}

static int health(const struct api *api, const struct api_route *r, struct api_response *res,
                  struct err *err)
{
    bool ready = is(r, 0, "readyz") || is(r, 0, "healthz");
    if (ready && !store_writable(api->store)) {
        return err_set(err, ERR_UNAVAILABLE, "changes cannot be saved: %s",
                       store_why_read_only(api->store));
    }
    return answer_text(res, "ok");
}

static bool is_health(const struct api_route *r)
{
    return r->nsegments >= 1 && (is(r, 0, "healthz") || is(r, 0, "readyz") || is(r, 0, "livez"));
}

static int root(struct api_response *res, struct err *err)
{
    return answer(res,
                  json_pack("{s:[s,s,s,s,s,s,s,s]}", "paths", "/api", "/apis", "/healthz", "/livez",
                            "/openapi/v2", "/openapi/v3", "/readyz", "/version"),
                  err);
}

static int answer_path(struct api *api, const struct api_request *req, const struct api_route *r,
                       struct api_response *res, struct err *err)
{
    unsigned n = r->nsegments;
    if (n == 0) {
        return root(res, err);
    }
    if (is_health(r)) {
        return health(api, r, res, err);
    }
    if (is(r, 0, "version") && n == 1) {
        return version(api, res, err);
    }
    if (is(r, 0, "openapi")) {
        return openapi(req, r, res, err);
    }
    if (is(r, 0, "api") && n <= 2) {
        return n == 1 ? groups(req, true, res, err)
                      : answer(res, kinds_discovery_resources("", r->segments[1]), err);
    }
    if (is(r, 0, "apis") && n == 1) {
        return groups(req, false, res, err);
    }
    if (is(r, 0, "apis") && n <= 3) {
        return answer(res,
                      n == 2 ? kinds_discovery_group(r->segments[1])
                             : kinds_discovery_resources(r->segments[1], r->segments[2]),
                      err);
    }
    return api_fault_no_resource(err);
}

int api_discovery(struct api *api, const struct api_request *req, const struct api_route *r,
                  const struct api_query *q, struct api_response *res, struct err *err)
{
    int rc = answer_path(api, req, r, res, err);
    if (rc == 0 && strcmp(req->method, "GET") != 0 && strcmp(req->method, "HEAD") != 0) {
        api_response_fini(res);
        return api_fault_no_method(err);
    }
    return rc;
}
