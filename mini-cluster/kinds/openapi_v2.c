/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAPI 2 document, which kubectl before 1.27 explains, validates and patches with. */
#include "kinds/openapi.h"

json_t *kinds_openapi_v2_json(void)
{
    json_t *definitions = json_object();
    json_t *paths = json_object();
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        if (kinds_all[i]->served) {
            openapi_schema_add_kind(definitions, OPENAPI_V2, kinds_all[i]);
            openapi_paths_add(paths, OPENAPI_V2, kinds_all[i]);
        }
    }
    return json_pack("{s:s, s:{s:s, s:s}, s:o, s:o}", "swagger", "2.0", "info", "title", "podlab",
                     "version", "v1", "paths", paths, "definitions", definitions);
}

void kinds_openapi_v2(struct str *out)
{
    json_auto_t *document = kinds_openapi_v2_json();
    openapi_gnostic_encode(out, document);
}
