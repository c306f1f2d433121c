/* SPDX-License-Identifier: Apache-2.0 */
/* A pod is made once: afterwards little of its spec may change, and everything else takes a new
 * pod. */
#include <stdio.h>
#include <string.h>

#include "admission/admission_impl.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

static const char rule[] =
    "pod updates may not change fields other than "
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/* Puts the old value of a field that may change into the new spec, so that the rest can be
 * compared. */
static void restore(json_t *spec, const json_t *old, const char *field)
{
    const json_t *v = jx_get(old, field);
    if (v != NULL) {
        json_object_set(spec, field, (json_t *)(uintptr_t)v);
    } else {
        json_object_del(spec, field);
    }
}

/* With the old images; the pull policy follows the image. */
static void restore_images(json_t *spec, const json_t *old, const char *list)
{
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(spec, list), i, c)
    {
        const json_t *was = json_array_get(jx_get(old, list), i);
        if (json_is_object(c) && jx_get(was, "image") != NULL) {
            restore(c, was, "image");
        }
    }
}

/* What there was is still there; a longer tolerationSeconds, or a shorter one, is no change of a
 * toleration. */
static bool only_added(const json_t *old, const json_t *new)
{
    size_t i, j;
    const json_t *was, *is;
    jx_each(i, was, old)
    {
        bool found = false;
        jx_each(j, is, new)
        {
            json_auto_t *a = jx_edit(was), *b = jx_edit(is);
            json_object_del(a, "tolerationSeconds");
            json_object_del(b, "tolerationSeconds");
            found = found || jx_equal(a, b);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* A gate can be opened, not put up again. */
static bool only_removed(const json_t *old, const json_t *new)
{
    size_t i;
    const json_t *gate;
    jx_each(i, gate, new)
    {
        if (jx_find(old, "name", jx_get_str(gate, "name", "")) == NULL) {
            return false;
        }
    }
    return true;
}

/* A deadline can be set, and then only come nearer. */
static void check_deadline(const json_t *old, const json_t *new, struct field_errs *errs)
{
    const json_t *was = jx_get(old, "activeDeadlineSeconds");
    const json_t *is = jx_get(new, "activeDeadlineSeconds");
    if (was == NULL) {
        return;
    }
    if (is == NULL) {
        field_errs_invalid(errs, "spec.activeDeadlineSeconds", NULL,
                           "must not update from a positive integer to nil value");
    } else if (json_integer_value(is) > json_integer_value(was)) {
        char detail[128];
        snprintf(detail, sizeof(detail), "must be less than or equal to previous value");
        field_errs_invalid(errs, "spec.activeDeadlineSeconds", is, detail);
    }
}

static void name_changes(const json_t *old, const json_t *new, struct str *out)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t) new, key, v)
    {
        const json_t *was = jx_get(old, key);
        if (was == NULL || !jx_equal(was, v)) {
            str_add_f(out, "%sspec.%s", out->len > 0 ? ", " : "", key);
        }
    }
    json_object_foreach((json_t *)(uintptr_t)old, key, v)
    {
        if (jx_get(new, key) == NULL) {
            str_add_f(out, "%sspec.%s", out->len > 0 ? ", " : "", key);
        }
    }
}

static void compare(const json_t *old, const json_t *new, struct field_errs *errs)
{
    json_auto_t *spec = jx_edit(new);
    restore(spec, old, "activeDeadlineSeconds");
    if (only_added(jx_get(old, "tolerations"), jx_get(new, "tolerations"))) {
        restore(spec, old, "tolerations");
    }
    if (only_removed(jx_get(old, "schedulingGates"), jx_get(new, "schedulingGates"))) {
        restore(spec, old, "schedulingGates");
    }
    restore_images(spec, old, "containers");
    restore_images(spec, old, "initContainers");
    if (jx_equal(old, spec)) {
        return;
    }
    cleanup_str struct str changed = STR_INIT;
    name_changes(old, spec, &changed);
    cleanup_free char *detail = xasprintf("%s\nchanged: %s", rule, str_c(&changed));
    field_errs_forbidden(errs, "spec", detail);
}

static bool check_length(const json_t *old, const json_t *new, const char *list,
                         struct field_errs *errs)
{
    if (json_array_size(jx_get(old, list)) == json_array_size(jx_get(new, list))) {
        return true;
    }
    char field[64];
    snprintf(field, sizeof(field), "spec.%s", list);
    field_errs_forbidden(errs, field, "pod updates may not add or remove containers");
    return false;
}

void admission_pod_validate_update(const struct admission_request *r, struct field_errs *errs)
{
    const json_t *old = r->old != NULL ? jx_get(r->old, "spec") : NULL;
    const json_t *new = jx_get(r->obj, "spec");
    if (old == NULL || new == NULL || jx_equal(old, new)) {
        return;
    }
    if (!check_length(old, new, "containers", errs) ||
        !check_length(old, new, "initContainers", errs)) {
        return;
    }
    check_deadline(old, new, errs);
    compare(old, new, errs);
}
