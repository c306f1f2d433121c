/* SPDX-License-Identifier: Apache-2.0 */
/* Where each kind is read and written: clients look here whether a kind knows dry-run and field
 * validation, before they use them. */
#include "kinds/openapi.h"

#include <ctype.h>

#include "common/json/jx.h"
#include "common/mem.h"

enum query {
    Q_NONE = 0,
    Q_WRITE = 1,
    Q_PATCH = 2,
    Q_DELETE = 4,
    Q_LIST = 8,
};

struct parameter {
    const char *name, *type;
    unsigned of; /* Q_ bits */
    const char *doc;
};

static const struct parameter parameters[] = {
    {"allowWatchBookmarks", "boolean", Q_LIST, "Whether a watch may say how far it is."},
    {"continue", "string", Q_LIST, "Where to go on in a long list."},
    {"dryRun", "string", Q_WRITE | Q_PATCH | Q_DELETE, "All: do everything but keep nothing."},
    {"fieldManager", "string", Q_WRITE | Q_PATCH, "Who makes the change."},
    {"fieldSelector", "string", Q_LIST, "Only objects with these fields."},
    {"fieldValidation", "string", Q_WRITE | Q_PATCH,
     "What to do about unknown and doubled fields: Ignore, Warn or Strict."},
    {"force", "boolean", Q_PATCH, "Whether an apply takes over the fields of others."},
    {"gracePeriodSeconds", "integer", Q_DELETE, "How long the object may take to end."},
    {"labelSelector", "string", Q_LIST, "Only objects with these labels."},
    {"limit", "integer", Q_LIST, "How many objects at most."},
    {"propagationPolicy", "string", Q_DELETE, "What becomes of what the object owns."},
    {"resourceVersion", "string", Q_LIST, "The moment to look at, or to watch from."},
    {"resourceVersionMatch", "string", Q_LIST, "How resourceVersion is meant."},
    {"sendInitialEvents", "boolean", Q_LIST, "Whether a watch begins with what is there."},
    {"timeoutSeconds", "integer", Q_LIST, "How long a watch lasts."},
    {"watch", "boolean", Q_LIST, "Whether to follow the changes."},
};

struct op {
    const char *verb, *method;
    const char *action; /* x-kubernetes-action */
    unsigned query;
};

static const struct op collection_ops[] = {
    {"list", "get", "list", Q_LIST},
    {"create", "post", "post", Q_WRITE},
    {"deletecollection", "delete", "deletecollection", Q_DELETE | Q_LIST},
};
static const struct op all_namespaces_ops[] = {
    {"list", "get", "list", Q_LIST},
};
static const struct op object_ops[] = {
    {"get", "get", "get", Q_NONE},
    {"update", "put", "put", Q_WRITE},
    {"patch", "patch", "patch", Q_PATCH},
    {"delete", "delete", "delete", Q_DELETE},
};
static const struct op subresource_ops[] = {
    {"get", "get", "get", Q_NONE},
    {"create", "post", "post", Q_WRITE},
    {"update", "put", "put", Q_WRITE},
    {"patch", "patch", "patch", Q_PATCH},
};

static const char *const patch_types[] = {
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
};

/* One path, and what is sent and answered there. */
struct path {
    enum openapi v;
    const struct kind *kind;
    const struct kind_subresource *sub; /* or NULL */
    const char *group, *version, *kind_name;
    const char *message; /* full name; NULL: none is known */
    bool namespaced;     /* has {namespace} */
    bool named;          /* has {name} */
};

static json_t *parameter(enum openapi v, const char *name, const char *in, const char *type,
                         const char *doc)
{
    json_t *p = json_pack("{s:s, s:s, s:s}", "name", name, "in", in, "description", doc);
    if (str_eq(in, "path")) {
        json_object_set_new(p, "required", json_true());
    }
    if (v == OPENAPI_V2) {
        json_object_set_new(p, "type", json_string(type));
        json_object_set_new(p, "uniqueItems", json_true());
    } else {
        json_object_set_new(p, "schema", json_pack("{s:s, s:b}", "type", type, "uniqueItems", 1));
    }
    return p;
}

static json_t *query_parameters(enum openapi v, unsigned query)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        const struct parameter *p = &parameters[i];
        if (p->of & query) {
            json_array_append_new(list, parameter(v, p->name, "query", p->type, p->doc));
        }
    }
    return list;
}

static json_t *path_parameters(const struct path *p)
{
    json_t *list = json_array();
    if (p->named) {
        json_array_append_new(list,
                              parameter(p->v, "name", "path", "string", "Name of the object."));
    }
    if (p->namespaced) {
        json_array_append_new(
            list, parameter(p->v, "namespace", "path", "string", "Namespace of the object."));
    }
    return list;
}

/* ---- bodies ---- */

static json_t *body_schema(const struct path *p, bool patch)
{
    if (patch || p->message == NULL) {
        return json_pack("{s:s}", "type", "object");
    }
    return openapi_schema_ref(p->v, p->message);
}

static void put_body_v3(json_t *operation, const struct path *p, bool patch)
{
    json_t *content = json_object();
    if (!patch) {
        json_object_set_new(content, "application/json",
                            json_pack("{s:o}", "schema", body_schema(p, false)));
    }
    for (size_t i = 0; patch && i < ARRAY_LEN(patch_types); i++) {
        json_object_set_new(content, patch_types[i],
                            json_pack("{s:o}", "schema", body_schema(p, true)));
    }
    json_object_set_new(operation, "requestBody",
                        json_pack("{s:o, s:b}", "content", content, "required", 1));
}

static void put_body_v2(json_t *operation, const struct path *p, bool patch)
{
    json_t *consumes = json_array();
    for (size_t i = 0; patch && i < ARRAY_LEN(patch_types); i++) {
        json_array_append_new(consumes, json_string(patch_types[i]));
    }
    if (!patch) {
        json_array_append_new(consumes, json_string("application/json"));
    }
    json_object_set_new(operation, "consumes", consumes);
    json_array_insert_new(json_object_get(operation, "parameters"), 0,
                          json_pack("{s:s, s:s, s:b, s:o}", "name", "body", "in", "body",
                                    "required", 1, "schema", body_schema(p, patch)));
}

/* What is answered: the object, or its list. */
static json_t *answer_schema(const struct path *p, const struct op *op)
{
    if (str_eq(op->action, "list")) {
        cleanup_str struct str name = STR_INIT;
        openapi_schema_list_name(&name, p->kind);
        return openapi_schema_ref(p->v, str_c(&name));
    }
    bool removes = str_eq(op->method, "delete");
    return removes || p->message == NULL ? NULL : openapi_schema_ref(p->v, p->message);
}

static json_t *responses(const struct path *p, const struct op *op)
{
    json_t *ok = json_pack("{s:s}", "description", "OK");
    json_t *schema = answer_schema(p, op);
    if (schema != NULL && p->v == OPENAPI_V2) {
        json_object_set_new(ok, "schema", schema);
    } else if (schema != NULL) {
        json_object_set_new(ok, "content",
                            json_pack("{s:{s:o}}", "application/json", "schema", schema));
    }
    return json_pack("{s:o}", "200", ok);
}

/* ---- operations ---- */

/* "apps", "v1" -> "AppsV1": group and version as part of a name. */
static void add_camel(struct str *out, const char *word)
{
    bool upper = true;
    for (; *word != '\0'; word++) {
        if (isalnum((unsigned char)*word)) {
            str_add_c(out, (char)(upper ? toupper((unsigned char)*word) : *word));
            upper = false;
        } else {
            upper = true;
        }
    }
}

/* "patchAppsV1NamespacedDeploymentScale": unique in the document. */
static void add_operation_id(struct str *out, const struct path *p, const struct op *op)
{
    str_add(out, op->action);
    add_camel(out, *p->kind->group != '\0' ? p->kind->group : "core");
    add_camel(out, p->kind->version);
    str_add(out, p->namespaced ? "Namespaced" : "");
    add_camel(out, p->kind->kind);
    add_camel(out, p->sub != NULL ? p->sub->name : "");
    if (p->kind->namespaced && !p->namespaced) {
        str_add(out, "ForAllNamespaces");
    }
}

static json_t *operation(const struct path *p, const struct op *op)
{
    cleanup_str struct str id = STR_INIT;
    add_operation_id(&id, p, op);
    json_t *out = json_pack("{s:s, s:o, s:o, s:s, s:o}", "operationId", str_c(&id), "parameters",
                            query_parameters(p->v, op->query), "responses", responses(p, op),
                            "x-kubernetes-action", op->action, "x-kubernetes-group-version-kind",
                            openapi_schema_gvk(p->group, p->version, p->kind_name));
    bool patch = str_eq(op->method, "patch");
    if (patch || str_eq(op->method, "put") || str_eq(op->method, "post")) {
        (p->v == OPENAPI_V2 ? put_body_v2 : put_body_v3)(out, p, patch);
    }
    if (p->v == OPENAPI_V2) {
        json_object_set_new(out, "produces", json_pack("[s]", "application/json"));
    }
    return out;
}

static bool has_verb(const struct path *p, const char *verb)
{
    const char *const *verbs = p->sub != NULL ? p->sub->verbs : p->kind->verbs;
    for (size_t i = 0; verbs != NULL && verbs[i] != NULL; i++) {
        if (str_eq(verbs[i], verb)) {
            return true;
        }
    }
    return false;
}

static void add_path(json_t *paths, const struct path *p, const struct op *ops, size_t nops)
{
    json_auto_t *item = json_object();
    for (size_t i = 0; i < nops; i++) {
        if (has_verb(p, ops[i].verb)) {
            json_object_set_new(item, ops[i].method, operation(p, &ops[i]));
        }
    }
    if (json_object_size(item) == 0) {
        return;
    }
    json_t *in_path = path_parameters(p);
    if (json_array_size(in_path) > 0) {
        json_object_set(item, "parameters", in_path);
    }
    json_decref(in_path);
    cleanup_str struct str url = STR_INIT;
    str_add_f(&url, "%s/%s%s/%s%s%s%s", *p->kind->group != '\0' ? "/apis" : "/api",
              p->kind->api_version, p->namespaced ? "/namespaces/{namespace}" : "",
              p->kind->resource, p->named ? "/{name}" : "", p->sub != NULL ? "/" : "",
              p->sub != NULL ? p->sub->name : "");
    json_object_set(paths, str_c(&url), item);
}

static void add_subresource(json_t *paths, struct path p, const struct kind_subresource *s)
{
    const struct kind *of = openapi_schema_subresource(p.kind, s);
    p.sub = s;
    p.group = s->group != NULL ? s->group : p.group;
    p.version = s->version != NULL ? s->version : p.version;
    p.kind_name = s->kind != NULL ? s->kind : p.kind_name;
    p.message = of != NULL ? of->message->full_name : NULL;
    add_path(paths, &p, subresource_ops, ARRAY_LEN(subresource_ops));
}

void openapi_paths_add(json_t *paths, enum openapi v, const struct kind *k)
{
    struct path p = {
        .v = v,
        .kind = k,
        .group = k->group,
        .version = k->version,
        .kind_name = k->kind,
        .message = k->message->full_name,
    };
    if (k->namespaced) {
        add_path(paths, &p, all_namespaces_ops, ARRAY_LEN(all_namespaces_ops));
        p.namespaced = true;
    }
    add_path(paths, &p, collection_ops, ARRAY_LEN(collection_ops));
    p.named = true;
    add_path(paths, &p, object_ops, ARRAY_LEN(object_ops));
    for (size_t i = 0; i < k->nsubresources; i++) {
        add_subresource(paths, p, &k->subresources[i]);
    }
}
