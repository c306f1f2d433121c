/* SPDX-License-Identifier: Apache-2.0 */
/* Finds kinds and fields by their names. There are a few dozen kinds: a walk is quick enough. */
#include <stdlib.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"

const struct kind *kinds_find(const char *group, const char *version, const char *resource)
{
    for (const struct kind *const *k = kinds_all; *k != NULL; k++) {
        if ((*k)->served && strcmp((*k)->resource, resource) == 0 &&
            strcmp((*k)->group, group) == 0 && strcmp((*k)->version, version) == 0) {
            return *k;
        }
    }
    return NULL;
}

static const struct kind *exactly(const char *group, const char *version, const char *kind)
{
    for (const struct kind *const *k = kinds_all; *k != NULL; k++) {
        if (strcmp((*k)->kind, kind) == 0 && strcmp((*k)->group, group) == 0 &&
            strcmp((*k)->version, version) == 0) {
            return *k;
        }
    }
    return NULL;
}

/* The bodies of meta (DeleteOptions, Status) belong to every group. */
const struct kind *kinds_find_kind(const char *group, const char *version, const char *kind)
{
    const struct kind *k = exactly(group, version, kind);
    return k != NULL ? k : exactly("meta.k8s.io", "v1", kind);
}

const struct kind *kinds_of(const json_t *obj)
{
    const char *api_version = jx_get_str(obj, "apiVersion", NULL);
    const char *kind = jx_get_str(obj, "kind", NULL);
    if (api_version == NULL || kind == NULL) {
        return NULL;
    }
    const char *slash = strchr(api_version, '/');
    if (slash == NULL) {
        return kinds_find_kind("", api_version, kind);
    }
    cleanup_free char *group = xstrndup(api_version, (size_t)(slash - api_version));
    return kinds_find_kind(group, slash + 1, kind);
}

const struct kind *kinds_find_gr(const char *gr)
{
    for (const struct kind *const *k = kinds_all; *k != NULL; k++) {
        if ((*k)->served && strcmp((*k)->gr, gr) == 0) {
            return *k;
        }
    }
    return NULL;
}

bool kinds_has_verb(const struct kind *k, const char *verb)
{
    for (const char *const *v = k->verbs; *v != NULL; v++) {
        if (strcmp(*v, verb) == 0) {
            return true;
        }
    }
    return false;
}

const struct kind_subresource *kinds_subresource(const struct kind *k, const char *name)
{
    for (size_t i = 0; i < k->nsubresources; i++) {
        if (strcmp(k->subresources[i].name, name) == 0) {
            return &k->subresources[i];
        }
    }
    return NULL;
}

static int by_name(const void *name, const void *field)
{
    return strcmp(name, ((const struct kind_field *)field)->name);
}

const struct kind_field *kinds_field(const struct kind_message *m, const char *name)
{
    const struct kind_field *f = bsearch(name, m->fields, m->nfields, sizeof(*f), by_name);
    if (f != NULL && !f->inlined) {
        return f;
    }
    for (size_t i = 0; i < m->nfields; i++) {
        if (m->fields[i].inlined) {
            f = kinds_field(m->fields[i].message, name);
            if (f != NULL) {
                return f;
            }
        }
    }
    return NULL;
}
