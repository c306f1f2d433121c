/* SPDX-License-Identifier: Apache-2.0 */
/* What texts must look like: names, labels, keys, quantities. */
#include <string.h>

#include "kinds/validate.h"
#include "meta/name.h"
#include "meta/quantity.h"

enum { MAX_ANNOTATIONS = 256 * 1024 };

static const struct {
    const char *format;
    const char *(*check)(const char *s);
} checks[] = {
    {"annotations", name_check_key}, {"config-key", name_check_config_key},
    {"dns-label", name_check_label}, {"dns-subdomain", name_check_subdomain},
    {"dns1035", name_check_dns1035}, {"env-name", name_check_env},
    {"label-key", name_check_key},   {"label-value", name_check_label_value},
    {"labels", name_check_key},      {"port-name", name_check_port},
};

const char *format_check(const char *format, const char *text)
{
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (strcmp(checks[i].format, format) == 0) {
            return checks[i].check(text);
        }
    }
    return NULL;
}

static void check_text(const char *format, const json_t *v, const struct walk_at *at,
                       struct field_errs *errs)
{
    const char *wrong = json_is_string(v) ? format_check(format, json_string_value(v)) : NULL;
    if (wrong != NULL) {
        cleanup_str struct str path = STR_INIT;
        field_errs_invalid(errs, walk_text(at, &path), v, wrong);
    }
}

static void check_key(const char *format, const char *key, const struct walk_at *at,
                      struct field_errs *errs)
{
    const char *wrong = format_check(format, key);
    if (wrong != NULL) {
        json_auto_t *text = json_string(key);
        cleanup_str struct str path = STR_INIT;
        field_errs_invalid(errs, walk_text(at, &path), text, wrong);
    }
}

static void check_quantity(const json_t *v, const struct walk_at *at, struct field_errs *errs)
{
    int64_t milli;
    if (quantity_json_milli(v, &milli) && milli < 0) {
        cleanup_str struct str path = STR_INIT;
        field_errs_invalid(errs, walk_text(at, &path), v, "must be greater than or equal to 0");
    }
}

/* Kubernetes names the map for labels and annotations, and the key for data. */
static void check_map(const struct kind_field *f, const json_t *v, const struct walk_at *at,
                      struct field_errs *errs)
{
    bool labels = strcmp(f->format, "labels") == 0;
    bool whole = labels || strcmp(f->format, "annotations") == 0;
    size_t total = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)v, key, value)
    {
        const struct walk_at member = {.up = at, .key = key};
        check_key(f->format, key, whole ? at : &member, errs);
        if (labels) {
            check_text("label-value", value, at, errs);
        }
        total += strlen(key) + json_string_length(value);
    }
    if (whole && !labels && total > MAX_ANNOTATIONS) {
        cleanup_str struct str path = STR_INIT;
        field_errs_too_long(errs, walk_text(at, &path), MAX_ANNOTATIONS);
    }
}

void format_validate(const struct kind_field *f, const json_t *v, const struct walk_at *at,
                     struct field_errs *errs)
{
    if (f->format == NULL) {
        return;
    }
    if (strcmp(f->format, "quantity>=0") == 0) {
        check_quantity(v, at, errs);
    } else if (f->shape == KIND_MAP) {
        check_map(f, v, at, errs);
    } else if (json_is_string(v) && json_string_length(v) > 0) {
        check_text(f->format, v, at, errs);
    }
}
