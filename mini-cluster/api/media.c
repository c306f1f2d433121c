/* SPDX-License-Identifier: Apache-2.0 */
/* Accept is a list of wishes in falling order of preference; the first one that can be met counts.
 */
#include "api/media.h"

#include <string.h>
#include <strings.h>

#include "api/api.h"
#include "common/mem.h"
#include "common/str.h"

/* A piece of a header, trimmed, not NUL-terminated. */
struct piece {
    const char *p;
    size_t n;
};

static bool piece_is(struct piece a, const char *text)
{
    return a.n == strlen(text) && strncasecmp(a.p, text, a.n) == 0;
}

static struct piece trim(struct piece a)
{
    while (a.n > 0 && (a.p[0] == ' ' || a.p[0] == '\t')) {
        a.p++;
        a.n--;
    }
    while (a.n > 0 && (a.p[a.n - 1] == ' ' || a.p[a.n - 1] == '\t')) {
        a.n--;
    }
    return a;
}

/* Cuts the part before `sep` off *rest; false when nothing is left. */
static bool cut(struct piece *rest, char sep, struct piece *ret)
{
    if (rest->p == NULL) {
        return false;
    }
    const char *at = memchr(rest->p, sep, rest->n);
    ret->p = rest->p;
    ret->n = at != NULL ? (size_t)(at - rest->p) : rest->n;
    if (at != NULL) {
        rest->n -= ret->n + 1;
        rest->p = at + 1;
    } else {
        *rest = (struct piece){NULL, 0};
    }
    *ret = trim(*ret);
    return true;
}

enum api_media api_media_of_body(const struct api_request *req)
{
    static const struct {
        const char *type;
        enum api_media media;
    } types[] = {
        {"application/json", API_MEDIA_JSON},
        {"application/yaml", API_MEDIA_YAML},
        {"application/x-yaml", API_MEDIA_YAML},
        {"text/yaml", API_MEDIA_YAML},
        {"application/vnd.kubernetes.protobuf", API_MEDIA_PROTOBUF},
        {"application/merge-patch+json", API_MEDIA_MERGE_PATCH},
        {"application/json-patch+json", API_MEDIA_JSON_PATCH},
        {"application/strategic-merge-patch+json", API_MEDIA_STRATEGIC_PATCH},
        {"application/apply-patch+yaml", API_MEDIA_APPLY_PATCH},
    };
    struct piece rest = {req->content_type, strlen(req->content_type)};
    struct piece type = {"", 0};
    cut(&rest, ';', &type);
    if (type.n == 0) {
        bool proto = req->len >= 4 && memcmp(req->body, "k8s\0", 4) == 0;
        return proto ? API_MEDIA_PROTOBUF : API_MEDIA_JSON;
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (piece_is(type, types[i].type)) {
            return types[i].media;
        }
    }
    return API_MEDIA_OTHER;
}

/* ---- Accept ---- */

/* One wish: a type and the parameters that matter here. */
struct wish {
    struct piece type, as, version, group;
    bool refused; /* q=0 */
};

static struct wish read_wish(struct piece text)
{
    struct wish w = {0};
    struct piece part;
    cut(&text, ';', &w.type);
    while (cut(&text, ';', &part)) {
        struct piece value = part, key;
        cut(&value, '=', &key);
        if (value.p == NULL) {
            continue;
        }
        value = trim(value);
        if (piece_is(key, "as")) {
            w.as = value;
        } else if (piece_is(key, "v")) {
            w.version = value;
        } else if (piece_is(key, "g")) {
            w.group = value;
        } else if (piece_is(key, "q")) {
            w.refused = value.n > 0 && strspn(value.p, "0.") >= value.n;
        }
    }
    return w;
}

static bool meet_media(const struct wish *w, enum api_media *ret)
{
    if (piece_is(w->type, "application/json") || piece_is(w->type, "application/*") ||
        piece_is(w->type, "*/*")) {
        *ret = API_MEDIA_JSON;
        return true;
    }
    if (piece_is(w->type, "application/yaml")) {
        *ret = API_MEDIA_YAML;
        return true;
    }
    return false;
}

static bool meet_as(const struct wish *w, struct api_form *ret)
{
    if (w->as.n == 0) {
        ret->as = API_AS_OBJECT;
        return true;
    }
    if (!piece_is(w->group, "meta.k8s.io")) {
        return false;
    }
    if (piece_is(w->version, "v1")) {
        ret->version = "v1";
    } else if (piece_is(w->version, "v1beta1")) {
        ret->version = "v1beta1";
    } else {
        return false;
    }
    if (piece_is(w->as, "Table")) {
        ret->as = API_AS_TABLE;
        return true;
    }
    if (piece_is(w->as, "PartialObjectMetadata") || piece_is(w->as, "PartialObjectMetadataList")) {
        ret->as = API_AS_PARTIAL;
        return true;
    }
    return false;
}

int api_media_accept(const char *accept, struct api_form *ret, struct err *err)
{
    struct api_form form = {.version = "v1", .include = KIND_TABLE_METADATA};
    struct piece rest = {accept, strlen(accept)}, text;
    if (trim(rest).n == 0) {
        *ret = form;
        return 0;
    }
    while (cut(&rest, ',', &text)) {
        struct wish w = read_wish(text);
        if (!w.refused && meet_media(&w, &form.media) && meet_as(&w, &form)) {
            *ret = form;
            return 0;
        }
    }
    return err_set(err, ERR_NOT_ACCEPTABLE,
                   "only the following media types are accepted: application/json, "
                   "application/yaml");
}

bool api_media_accepts_discovery(const char *accept, const char **ret_version)
{
    struct piece rest = {accept, strlen(accept)}, text;
    while (cut(&rest, ',', &text)) {
        struct wish w = read_wish(text);
        if (!piece_is(w.as, "APIGroupDiscoveryList")) {
            if (piece_is(w.type, "application/json") || piece_is(w.type, "*/*")) {
                return false; /* plain JSON was wished for first */
            }
            continue;
        }
        if (piece_is(w.version, "v2") || piece_is(w.version, "v2beta1")) {
            *ret_version = piece_is(w.version, "v2") ? "v2" : "v2beta1";
            return true;
        }
    }
    return false;
}

const char *api_media_type(const struct api_form *form)
{
    return form->media == API_MEDIA_YAML ? "application/yaml" : "application/json";
}
