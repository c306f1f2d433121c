/* SPDX-License-Identifier: Apache-2.0 */
/* What the API serves, in the two forms clients ask for: one aggregated document, or a list of
 * groups and one of resources per group and version. */
#include "kinds/kinds.h"

#include "common/json/jx.h"

/* kinds_all is in the order of discovery: groups and versions come in the order in which they first
 * appear in it, and the first version of a group is the preferred one. */

static bool same_group(const struct kind *a, const struct kind *b)
{
    return str_eq(a->group, b->group);
}

static bool same_version(const struct kind *a, const struct kind *b)
{
    return same_group(a, b) && str_eq(a->version, b->version);
}

static bool is_body_of(const struct kind *body, const struct kind *k)
{
    for (size_t i = 0; i < k->nsubresources; i++) {
        const struct kind_subresource *s = &k->subresources[i];
        if (s->group != NULL && str_eq(s->group, body->group) && s->version != NULL &&
            str_eq(s->version, body->version) && s->kind != NULL && str_eq(s->kind, body->kind)) {
            return true;
        }
    }
    return false;
}

/* A group is listed for the kinds that it serves, and for those that a subresource takes as its
 * body: drain looks for the group policy before it asks for an eviction. */
static bool is_listed(const struct kind *k)
{
    if (k->served) {
        return true;
    }
    for (size_t i = 0; k->group[0] != '\0' && kinds_all[i] != NULL; i++) {
        if (kinds_all[i]->served && is_body_of(k, kinds_all[i])) {
            return true;
        }
    }
    return false;
}

/* Whether kinds_all[i] is the first listed kind of its group, or of its group and version. */
static bool is_first(size_t i, bool (*same)(const struct kind *a, const struct kind *b))
{
    const struct kind *k = kinds_all[i];
    if (!is_listed(k)) {
        return false;
    }
    for (size_t j = 0; j < i; j++) {
        if (is_listed(kinds_all[j]) && same(kinds_all[j], k)) {
            return false;
        }
    }
    return true;
}

static bool is_core(const struct kind *k)
{
    return *k->group == '\0';
}

static json_t *strings(const char *const *list)
{
    json_t *out = json_array();
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        json_array_append_new(out, json_string(list[i]));
    }
    return out;
}

/* Optional lists are left out when they are empty, as Go's omitempty does. */
static void put_strings(json_t *obj, const char *key, const char *const *list)
{
    if (list != NULL && list[0] != NULL) {
        json_object_set_new(obj, key, strings(list));
    }
}

static const char *or_else(const char *s, const char *dflt)
{
    return s != NULL ? s : dflt;
}

/* ---- aggregated ---- */

static json_t *response_kind(const char *group, const char *version, const char *kind)
{
    return json_pack("{s:s, s:s, s:s}", "group", group, "version", version, "kind", kind);
}

static json_t *aggregated_subresource(const struct kind *k, const struct kind_subresource *s)
{
    json_t *kind = response_kind(or_else(s->group, k->group), or_else(s->version, k->version),
                                 or_else(s->kind, k->kind));
    return json_pack("{s:s, s:o, s:o}", "subresource", s->name, "responseKind", kind, "verbs",
                     strings(s->verbs));
}

static json_t *aggregated_resource(const struct kind *k)
{
    json_t *out = json_pack("{s:s, s:o, s:s, s:s, s:o}", "resource", k->resource, "responseKind",
                            response_kind(k->group, k->version, k->kind), "scope",
                            k->namespaced ? "Namespaced" : "Cluster", "singularResource",
                            k->singular, "verbs", strings(k->verbs));
    put_strings(out, "shortNames", k->short_names);
    put_strings(out, "categories", k->categories);
    if (k->nsubresources > 0) {
        json_t *subresources = json_array();
        for (size_t i = 0; i < k->nsubresources; i++) {
            json_array_append_new(subresources, aggregated_subresource(k, &k->subresources[i]));
        }
        json_object_set_new(out, "subresources", subresources);
    }
    return out;
}

static json_t *aggregated_version(const struct kind *first)
{
    json_t *resources = json_array();
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        if (kinds_all[i]->served && same_version(kinds_all[i], first)) {
            json_array_append_new(resources, aggregated_resource(kinds_all[i]));
        }
    }
    return json_pack("{s:s, s:o, s:s}", "version", first->version, "resources", resources,
                     "freshness", "Current");
}

static json_t *aggregated_group(const struct kind *first)
{
    json_t *versions = json_array();
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        const struct kind *k = kinds_all[i];
        if (same_group(k, first) && is_first(i, same_version)) {
            json_array_append_new(versions, aggregated_version(k));
        }
    }
    json_t *metadata = json_object();
    if (!is_core(first)) {
        json_object_set_new(metadata, "name", json_string(first->group));
    }
    json_object_set_new(metadata, "creationTimestamp", json_null());
    return json_pack("{s:o, s:o}", "metadata", metadata, "versions", versions);
}

json_t *kinds_discovery_aggregated(const char *version, bool core)
{
    json_t *items = json_array();
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        const struct kind *k = kinds_all[i];
        if (is_core(k) == core && is_first(i, same_group)) {
            json_array_append_new(items, aggregated_group(k));
        }
    }
    cleanup_str struct str api_version = STR_INIT;
    str_add_f(&api_version, "apidiscovery.k8s.io/%s", version);
    return json_pack("{s:s, s:s, s:{}, s:o}", "kind", "APIGroupDiscoveryList", "apiVersion",
                     str_c(&api_version), "metadata", "items", items);
}

/* ---- by group ---- */

static json_t *group_version(const struct kind *k)
{
    return json_pack("{s:s, s:s}", "groupVersion", k->api_version, "version", k->version);
}

static json_t *group_members(const struct kind *first)
{
    json_t *versions = json_array();
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        const struct kind *k = kinds_all[i];
        if (same_group(k, first) && is_first(i, same_version)) {
            json_array_append_new(versions, group_version(k));
        }
    }
    return json_pack("{s:s, s:o, s:o}", "name", first->group, "versions", versions,
                     "preferredVersion", group_version(first));
}

json_t *kinds_discovery_groups(void)
{
    json_t *groups = json_array();
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        const struct kind *k = kinds_all[i];
        if (!is_core(k) && is_first(i, same_group)) {
            json_array_append_new(groups, group_members(k));
        }
    }
    return json_pack("{s:s, s:s, s:o}", "kind", "APIGroupList", "apiVersion", "v1", "groups",
                     groups);
}

json_t *kinds_discovery_group(const char *group)
{
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        const struct kind *k = kinds_all[i];
        if (is_listed(k) && !is_core(k) && str_eq(k->group, group)) {
            json_t *out = json_pack("{s:s, s:s}", "kind", "APIGroup", "apiVersion", "v1");
            json_t *members = group_members(k);
            json_object_update(out, members);
            json_decref(members);
            return out;
        }
    }
    return NULL;
}

json_t *kinds_discovery_versions(void)
{
    json_t *versions = json_array();
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        if (is_core(kinds_all[i]) && is_first(i, same_version)) {
            json_array_append_new(versions, json_string(kinds_all[i]->version));
        }
    }
    return json_pack("{s:s, s:o, s:[]}", "kind", "APIVersions", "versions", versions,
                     "serverAddressByClientCIDRs");
}

/* ---- by group and version ---- */

static json_t *resource(const struct kind *k)
{
    json_t *out =
        json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", k->resource, "singularName", k->singular,
                  "namespaced", k->namespaced, "kind", k->kind, "verbs", strings(k->verbs));
    put_strings(out, "shortNames", k->short_names);
    put_strings(out, "categories", k->categories);
    return out;
}

static json_t *subresource(const struct kind *k, const struct kind_subresource *s)
{
    cleanup_str struct str name = STR_INIT;
    str_add_f(&name, "%s/%s", k->resource, s->name);
    json_t *out = json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", str_c(&name), "singularName", "",
                            "namespaced", k->namespaced, "kind", or_else(s->kind, k->kind), "verbs",
                            strings(s->verbs));
    const char *group = or_else(s->group, k->group);
    const char *version = or_else(s->version, k->version);
    if (!str_eq(group, k->group) || !str_eq(version, k->version)) {
        json_object_set_new(out, "group", json_string(group));
        json_object_set_new(out, "version", json_string(version));
    }
    return out;
}

json_t *kinds_discovery_resources(const char *group, const char *version)
{
    json_auto_t *resources = json_array();
    const char *api_version = NULL;
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        const struct kind *k = kinds_all[i];
        if (!is_listed(k) || !str_eq(k->group, group) || !str_eq(k->version, version)) {
            continue;
        }
        api_version = k->api_version;
        if (!k->served) {
            continue;
        }
        json_array_append_new(resources, resource(k));
        for (size_t j = 0; j < k->nsubresources; j++) {
            json_array_append_new(resources, subresource(k, &k->subresources[j]));
        }
    }
    if (api_version == NULL) {
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:O}", "kind", "APIResourceList", "apiVersion", "v1",
                     "groupVersion", api_version, "resources", resources);
}
