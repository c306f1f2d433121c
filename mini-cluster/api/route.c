/* SPDX-License-Identifier: Apache-2.0 */
/* Paths are cut before they are decoded, so that an encoded slash can never move a border. */
#include "api/route.h"

#include <string.h>

#include "api/fault.h"
#include "api/query.h"
#include "api/review.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"

void api_route_fini(struct api_route *r)
{
    free(r->text);
    *r = (struct api_route){0};
}

static bool eq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* A name that could be mistaken for a place. */
static int check_segment(const char *s, struct err *err)
{
    if (eq(s, ".") || eq(s, "..")) {
        return err_set(err, ERR_BAD_REQUEST, "invalid path segment \"%s\"", s);
    }
    for (const char *p = s; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '/' || c == '%' || c < 0x20 || c == 0x7f) {
            return err_set(err, ERR_BAD_REQUEST,
                           "invalid path segment: a name may not contain '/', '%%' or control "
                           "characters");
        }
    }
    return 0;
}

/* What follows "proxy" belongs to somebody else and stays as it was sent. */
static bool is_proxy_border(const struct api_route *r)
{
    unsigned n = r->nsegments;
    if (n < 5 || !eq(r->segments[n - 1], "proxy")) {
        return false;
    }
    /* api/v1/namespaces/NS/pods/NAME/proxy, api/v1/nodes/NAME/proxy */
    return n == 7 || (n == 5 && eq(r->segments[2], "nodes"));
}

static int add_segment(struct api_route *r, char *segment, struct err *err)
{
    if (r->nsegments == API_ROUTE_SEGMENTS) {
        return api_fault_no_resource(err);
    }
    if (!api_query_unescape(segment, false)) {
        return err_set(err, ERR_BAD_REQUEST, "the path is not properly percent-encoded");
    }
    r->segments[r->nsegments++] = segment;
    return check_segment(segment, err);
}

static int cut_path(const char *path, struct api_route *r, struct err *err)
{
    r->text = xstrdup(path);
    r->rest = "";
    if (r->text[0] != '/') {
        return api_fault_no_resource(err);
    }
    for (char *segment = r->text + 1;;) {
        char *end = segment + strcspn(segment, "/");
        bool last = *end == '\0';
        if (segment == end) {
            return last ? 0 : api_fault_no_resource(err); /* "/api/" is "/api"; "//" is nothing */
        }
        *end = '\0';
        if (add_segment(r, segment, err) < 0) {
            return -1;
        }
        if (is_proxy_border(r)) {
            r->rest = path + (end - r->text);
            return 0;
        }
        if (last) {
            return 0;
        }
        segment = end + 1;
    }
}

/* ---- what the segments mean ---- */

static const char *segment(const struct api_route *r, unsigned i)
{
    return i < r->nsegments ? r->segments[i] : "";
}

/* A subresource that is served though the kinds' data need not name it. */
static bool has_subresource(const struct kind *k, const char *name)
{
    if (kinds_subresource(k, name) != NULL) {
        return true;
    }
    return (eq(k->gr, "namespaces") && eq(name, "finalize")) ||
           (eq(k->gr, "serviceaccounts") && eq(name, "token"));
}

static bool is_in(const char *s, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (eq(*list, s)) {
            return true;
        }
    }
    return false;
}

/* What HTTP methods ask for, of a collection and of one object; NULL: nothing. */
static const char *verb_of(const struct api_route *r, const char *method)
{
    static const struct {
        const char *method, *collection, *object;
    } verbs[] = {
        {"DELETE", "deletecollection", "delete"},
        {"GET", "list", "get"},
        {"PATCH", NULL, "patch"},
        {"POST", "create", NULL},
        {"PUT", NULL, "update"},
    };
    if (eq(r->subresource, "proxy") && (eq(method, "HEAD") || eq(method, "OPTIONS"))) {
        return "get"; /* a pod may be asked in every way */
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!eq(verbs[i].method, method)) {
            continue;
        }
        if (r->name[0] == '\0') {
            return verbs[i].collection;
        }
        return eq(method, "POST") && r->subresource[0] != '\0' ? "create" : verbs[i].object;
    }
    return NULL;
}

static bool verb_allowed(const struct api_route *r, const char *verb)
{
    const struct kind *k = r->kind;
    if (r->subresource[0] == '\0') {
        /* a collection over all namespaces can be read, not written */
        bool reads = eq(verb, "list") || eq(verb, "watch");
        bool placed = !k->namespaced || r->ns[0] != '\0' || reads;
        return placed && (kinds_has_verb(k, verb) || eq(verb, "deletecollection"));
    }
    const struct kind_subresource *sub = kinds_subresource(k, r->subresource);
    if (sub != NULL) {
        return is_in(verb, sub->verbs);
    }
    return eq(verb, eq(r->subresource, "token") ? "create" : "update");
}

/* `at` is where the resource stands. */
static int find_kind(struct api_route *r, unsigned at, struct err *err)
{
    r->kind = api_review_kind(r->group, r->version, segment(r, at));
    if (r->kind != NULL && r->nsegments == at + 1) {
        r->type = API_ROUTE_REVIEW;
        return 0;
    }
    r->kind = kinds_find(r->group, r->version, segment(r, at));
    bool deep = r->nsegments > at + 3;
    if (r->kind == NULL || !r->kind->served || deep) {
        return api_fault_no_resource(err);
    }
    r->name = segment(r, at + 1);
    r->subresource = segment(r, at + 2);
    bool misplaced = r->ns[0] != '\0' && !r->kind->namespaced;
    bool homeless = r->ns[0] == '\0' && r->kind->namespaced && r->name[0] != '\0';
    if (misplaced || homeless ||
        (r->subresource[0] != '\0' && !has_subresource(r->kind, r->subresource))) {
        return api_fault_no_resource(err);
    }
    r->type = API_ROUTE_OBJECT;
    return 0;
}

/* namespaces/NAME and its subresources are about the namespace, anything longer about what is in
 * it. */
static bool is_in_namespace(const struct api_route *r, unsigned at)
{
    if (!eq(segment(r, at), "namespaces") || r->nsegments < at + 3) {
        return false;
    }
    const char *third = segment(r, at + 2);
    return !(r->nsegments == at + 3 && (eq(third, "status") || eq(third, "finalize")));
}

/* The empty name of a segment that is there ("/api/v1/namespaces//pods") was refused before. */
static int read_object(struct api_route *r, unsigned at, struct err *err)
{
    if (r->nsegments <= at) {
        return 0; /* /api/v1 itself: discovery */
    }
    if (is_in_namespace(r, at)) {
        r->ns = segment(r, at + 1);
        return find_kind(r, at + 2, err);
    }
    return find_kind(r, at, err);
}

void api_route_watch(struct api_route *r)
{
    if (r->verb != NULL && eq(r->verb, "list")) {
        r->verb = verb_allowed(r, "watch") ? "watch" : NULL;
    }
}

int api_route_parse(const char *method, const char *path, struct api_route *ret, struct err *err)
{
    *ret = (struct api_route){.type = API_ROUTE_OTHER,
                              .ns = "",
                              .name = "",
                              .subresource = "",
                              .group = "",
                              .version = ""};
    if (cut_path(path, ret, err) < 0) {
        return -1;
    }
    int rc = 0;
    if (eq(segment(ret, 0), "api") && ret->nsegments >= 2) {
        ret->version = segment(ret, 1);
        rc = read_object(ret, 2, err);
    } else if (eq(segment(ret, 0), "apis") && ret->nsegments >= 3) {
        ret->group = segment(ret, 1);
        ret->version = segment(ret, 2);
        rc = read_object(ret, 3, err);
    }
    if (rc == 0 && ret->type == API_ROUTE_OBJECT) {
        const char *verb = verb_of(ret, method);
        ret->verb = verb != NULL && verb_allowed(ret, verb) ? verb : NULL;
    } else if (rc == 0 && ret->type == API_ROUTE_REVIEW) {
        ret->verb = eq(method, "POST") ? "create" : NULL;
    }
    return rc;
}
