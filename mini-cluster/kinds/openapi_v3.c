/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAPI 3 documents, one per group and version, and the index that names them. */
#include "kinds/openapi.h"

#include <inttypes.h>

#include "common/json/jx.h"

json_t *kinds_openapi_v3(const char *group, const char *version)
{
    json_auto_t *schemas = json_object();
    json_auto_t *paths = json_object();
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        const struct kind *k = kinds_all[i];
        if (k->served && str_eq(k->group, group) && str_eq(k->version, version)) {
            openapi_schema_add_kind(schemas, OPENAPI_V3, k);
            openapi_paths_add(paths, OPENAPI_V3, k);
        }
    }
    if (json_object_size(schemas) == 0) {
        return NULL;
    }
    return json_pack("{s:s, s:{s:s, s:s}, s:O, s:{s:O}}", "openapi", "3.0.0", "info", "title",
                     "podlab", "version", "v1", "paths", paths, "components", "schemas", schemas);
}

/* Clients keep a document for as long as its address, hash and all, stays the same. */
static json_t *index_entry(const struct kind *k, const char *path)
{
    json_auto_t *document = kinds_openapi_v3(k->group, k->version);
    cleanup_str struct str bytes = STR_INIT;
    jx_dump(&bytes, document);
    cleanup_str struct str url = STR_INIT;
    str_add_f(&url, "/openapi/v3/%s?hash=%016" PRIX64, path, str_hash(str_c(&bytes), bytes.len));
    return json_pack("{s:s}", "serverRelativeURL", str_c(&url));
}

json_t *kinds_openapi_v3_index(void)
{
    json_t *paths = json_object();
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        const struct kind *k = kinds_all[i];
        cleanup_str struct str path = STR_INIT;
        str_add_f(&path, "%s/%s", *k->group != '\0' ? "apis" : "api", k->api_version);
        if (k->served && json_object_get(paths, str_c(&path)) == NULL) {
            json_object_set_new(paths, str_c(&path), index_entry(k, str_c(&path)));
        }
    }
    return json_pack("{s:o}", "paths", paths);
}
