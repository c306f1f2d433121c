/* SPDX-License-Identifier: Apache-2.0 */
/* Collects findings and words them as Kubernetes does. */
#include "kinds/field_errs.h"

#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"

void field_errs_fini(struct field_errs *e)
{
    for (size_t i = 0; i < e->n; i++) {
        free(e->v[i].field);
        free(e->v[i].message);
    }
    vec_fini(e);
}

enum { MAX_FINDINGS = 100 }; /* more help nobody, and would make hostile objects expensive */

/* Takes the message. The same finding twice is one. */
static void add(struct field_errs *e, const char *reason, const char *field, char *message)
{
    for (size_t i = 0; i < e->n; i++) {
        if (strcmp(e->v[i].field, field) == 0 && strcmp(e->v[i].message, message) == 0) {
            free(message);
            return;
        }
    }
    if (e->n >= MAX_FINDINGS) {
        free(message);
        return;
    }
    struct field_err one = {.reason = reason, .field = xstrdup(field), .message = message};
    vec_push(e, one);
}

static int add_text(const char *text, size_t n, void *out)
{
    str_add_n(out, text, n);
    return 0;
}

/* A value as Go's %q and %v show it: texts in quotes, the rest as JSON. The caller frees. */
static char *value_text(const json_t *v)
{
    struct str text = STR_INIT;
    if (v == NULL ||
        json_dump_callback(v, add_text, &text,
                           JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) != 0) {
        str_clear(&text);
        str_add(&text, "null");
    }
    return str_take(&text);
}

void field_errs_required(struct field_errs *e, const char *field, const char *detail)
{
    bool more = detail != NULL && detail[0] != '\0';
    add(e, "FieldValueRequired", field,
        xasprintf("Required value%s%s", more ? ": " : "", more ? detail : ""));
}

void field_errs_invalid(struct field_errs *e, const char *field, const json_t *value,
                        const char *detail)
{
    cleanup_free char *text = value_text(value);
    add(e, "FieldValueInvalid", field, xasprintf("Invalid value: %s: %s", text, detail));
}

void field_errs_not_supported(struct field_errs *e, const char *field, const json_t *value,
                              const char *const *allowed)
{
    cleanup_free char *text = value_text(value);
    cleanup_str struct str all = STR_INIT;
    for (; *allowed != NULL; allowed++) {
        str_add_f(&all, "%s\"%s\"", all.len > 0 ? ", " : "", *allowed);
    }
    add(e, "FieldValueNotSupported", field,
        xasprintf("Unsupported value: %s: supported values: %s", text, str_c(&all)));
}

void field_errs_duplicate(struct field_errs *e, const char *field, const json_t *value)
{
    cleanup_free char *text = value_text(value);
    add(e, "FieldValueDuplicate", field, xasprintf("Duplicate value: %s", text));
}

void field_errs_forbidden(struct field_errs *e, const char *field, const char *detail)
{
    add(e, "FieldValueForbidden", field, xasprintf("Forbidden: %s", detail));
}

void field_errs_not_found(struct field_errs *e, const char *field, const json_t *value)
{
    cleanup_free char *text = value_text(value);
    add(e, "FieldValueNotFound", field, xasprintf("Not found: %s", text));
}

void field_errs_too_long(struct field_errs *e, const char *field, size_t max)
{
    add(e, "FieldValueTooLong", field, xasprintf("Too long: may not be more than %zu bytes", max));
}

void field_errs_too_many(struct field_errs *e, const char *field, size_t actual, size_t max)
{
    add(e, "FieldValueTooMany", field,
        xasprintf("Too many: %zu: must have at most %zu item%s", actual, max, max == 1 ? "" : "s"));
}

void field_errs_type(struct field_errs *e, const char *field, const json_t *value,
                     const char *wanted)
{
    cleanup_free char *text = value_text(value);
    add(e, "FieldValueTypeInvalid", field, xasprintf("Invalid value: %s: %s", text, wanted));
}

int field_errs_finish(const struct field_errs *e, const char *kind, const char *group,
                      const char *name, struct err *err)
{
    if (e->n == 0) {
        return 0;
    }
    cleanup_str struct str all = STR_INIT;
    for (size_t i = 0; i < e->n; i++) {
        str_add_f(&all, "%s%s: %s", i > 0 ? ", " : "", e->v[i].field, e->v[i].message);
    }
    return err_set(err, ERR_INVALID, "%s%s%s \"%s\" is invalid: %s%s%s", kind,
                   group[0] != '\0' ? "." : "", group, name, e->n > 1 ? "[" : "", str_c(&all),
                   e->n > 1 ? "]" : "");
}

json_t *field_errs_causes(const struct field_errs *e)
{
    json_t *causes = json_array();
    for (size_t i = 0; i < e->n; i++) {
        json_array_append_new(causes,
                              json_pack("{s:s, s:s, s:s}", "reason", e->v[i].reason, "message",
                                        e->v[i].message, "field", e->v[i].field));
    }
    return causes;
}
