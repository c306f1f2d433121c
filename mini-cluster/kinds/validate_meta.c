/* SPDX-License-Identifier: Apache-2.0 */
/* The rules for the metadata of a stored object that go beyond its fields' own. */
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/validate.h"

static void check_name(const struct kind *k, const json_t *meta, struct field_errs *errs)
{
    const json_t *name = jx_get(meta, "name");
    if (json_string_length(name) == 0) {
        if (jx_get_str(meta, "generateName", "")[0] == '\0') {
            field_errs_required(errs, "metadata.name", "name or generateName is required");
        }
        return;
    }
    const char *wrong = format_check(k->name_format, json_string_value(name));
    if (wrong != NULL) {
        field_errs_invalid(errs, "metadata.name", name, wrong);
    }
}

/* Five characters will follow, so that a dash at the end is no fault. */
static void check_generate_name(const struct kind *k, const json_t *meta, struct field_errs *errs)
{
    const json_t *v = jx_get(meta, "generateName");
    if (json_string_length(v) == 0) {
        return;
    }
    cleanup_free char *base = xstrdup(json_string_value(v));
    size_t n = strlen(base);
    if (n > 1 && base[n - 1] == '-') {
        base[n - 1] = 'a';
    }
    const char *wrong = format_check(k->name_format, base);
    if (wrong != NULL) {
        field_errs_invalid(errs, "metadata.generateName", v, wrong);
    }
}

static void check_namespace(const struct kind *k, const json_t *meta, struct field_errs *errs)
{
    bool given = jx_get_str(meta, "namespace", "")[0] != '\0';
    if (k->namespaced && !given) {
        field_errs_required(errs, "metadata.namespace", "");
    } else if (!k->namespaced && given) {
        field_errs_forbidden(errs, "metadata.namespace", "not allowed on this type");
    }
}

/* Only one owner may be the controller. */
static void check_owners(const json_t *meta, struct field_errs *errs)
{
    const json_t *owners = jx_arr(meta, "ownerReferences"), *owner, *first = NULL;
    size_t i;
    jx_each(i, owner, owners)
    {
        if (!jx_bool(owner, "controller", false)) {
            continue;
        }
        if (first == NULL) {
            first = owner;
            continue;
        }
        cleanup_free char *detail =
            xasprintf("Only one reference can have Controller set to true. Found \"true\" in "
                      "references for %s/%s and %s/%s",
                      jx_get_str(first, "kind", ""), jx_get_str(first, "name", ""),
                      jx_get_str(owner, "kind", ""), jx_get_str(owner, "name", ""));
        field_errs_invalid(errs, "metadata.ownerReferences", owners, detail);
    }
}

void validate_object_meta(const struct kind *k, const json_t *meta, struct field_errs *errs)
{
    check_name(k, meta, errs);
    check_generate_name(k, meta, errs);
    check_namespace(k, meta, errs);
    check_owners(meta, errs);
}
