/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments, ReplicaSets and their kin: a selector that finds their own pods, and a template
 * whose pods can be kept running. */
#include <string.h>

#include "admission/admission_impl.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/selector.h"

static bool is_one_of(const char *s, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(s, *list) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- the selector ---- */

static void check_selector(const struct admission_request *r, struct field_errs *errs)
{
    const json_t *sel = jx_path(r->obj, "spec.selector");
    const json_t *labels = jx_path(r->obj, "spec.template.metadata.labels");
    if (json_object_size(jx_get(sel, "matchLabels")) == 0 &&
        json_array_size(jx_get(sel, "matchExpressions")) == 0) {
        cleanup_free char *detail =
            xasprintf("empty selector is invalid for %s", r->kind->singular);
        field_errs_invalid(errs, "spec.selector", sel, detail);
        return;
    }
    struct selector *parsed = NULL;
    struct err err;
    if (selector_from_json(sel, &parsed, &err) < 0) {
        field_errs_invalid(errs, "spec.selector", sel, "invalid label selector");
        return;
    }
    if (!selector_match(parsed, labels)) {
        json_auto_t *none = json_object();
        field_errs_invalid(errs, "spec.template.metadata.labels", labels != NULL ? labels : none,
                           "`selector` does not match template `labels`");
    }
    selector_free(parsed);
}

/* ---- the template ---- */

/* Pods that are to be kept running are started again whatever happens. */
static void check_restart_policy(const struct admission_request *r, struct field_errs *errs)
{
    static const char *const always[] = {"Always", NULL};
    const json_t *policy = jx_path(r->obj, "spec.template.spec.restartPolicy");
    const char *text = json_string_value(policy);
    if (text != NULL && strcmp(text, "Always") != 0) {
        field_errs_not_supported(errs, "spec.template.spec.restartPolicy", policy, always);
    }
    if (jx_path(r->obj, "spec.template.spec.activeDeadlineSeconds") != NULL) {
        cleanup_free char *detail =
            xasprintf("activeDeadlineSeconds in %s is not Supported", r->kind->kind);
        field_errs_forbidden(errs, "spec.template.spec.activeDeadlineSeconds", detail);
    }
}

/* ---- a deployment's strategy ---- */

/* A number, or a percentage; -1 (and a finding) for anything else. */
static int64_t amount(const json_t *v, const char *field, struct field_errs *errs)
{
    if (json_is_integer(v)) {
        return json_integer_value(v);
    }
    const char *text = json_string_value(v);
    size_t n = text != NULL ? strspn(text, "0123456789") : 0;
    cleanup_free char *digits = xstrndup(text != NULL ? text : "", n);
    int64_t percent;
    if (n == 0 || strcmp(text + n, "%") != 0 || !str_to_i64(digits, 0, INT32_MAX, &percent)) {
        field_errs_invalid(errs, field, v,
                           "a valid percent string must be a numeric string followed by an ending "
                           "'%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
        return -1;
    }
    return percent;
}

static void check_rolling_update(const json_t *rolling, struct field_errs *errs)
{
    static const char field[] = "spec.strategy.rollingUpdate.maxUnavailable";
    const json_t *unavailable = jx_get(rolling, "maxUnavailable");
    int64_t down = amount(unavailable, field, errs);
    int64_t up = amount(jx_get(rolling, "maxSurge"), "spec.strategy.rollingUpdate.maxSurge", errs);
    if (down == 0 && up == 0) {
        field_errs_invalid(errs, field, unavailable, "may not be 0 when `maxSurge` is 0");
    }
    if (down > 100 && json_is_string(unavailable)) {
        field_errs_invalid(errs, field, unavailable, "must not be greater than 100%");
    }
}

static void check_deployment(const json_t *obj, struct field_errs *errs)
{
    const json_t *rolling = jx_path(obj, "spec.strategy.rollingUpdate");
    bool recreate = strcmp(jx_str(obj, "spec.strategy.type", ""), "Recreate") == 0;
    if (recreate && rolling != NULL) {
        field_errs_forbidden(errs, "spec.strategy.rollingUpdate",
                             "may not be specified when strategy `type` is 'Recreate'");
    } else if (rolling != NULL) {
        check_rolling_update(rolling, errs);
    }
    const json_t *deadline = jx_path(obj, "spec.progressDeadlineSeconds");
    if (deadline != NULL &&
        json_integer_value(deadline) <= jx_int(obj, "spec.minReadySeconds", 0)) {
        field_errs_invalid(errs, "spec.progressDeadlineSeconds", deadline,
                           "must be greater than minReadySeconds");
    }
}

void admission_workload_validate(const struct admission_request *r, struct field_errs *errs)
{
    static const char *const running[] = {"daemonsets.apps", "deployments.apps", "replicasets.apps",
                                          "statefulsets.apps", NULL};
    if (!is_one_of(r->kind->gr, running)) {
        return;
    }
    check_selector(r, errs);
    check_restart_policy(r, errs);
    if (strcmp(r->kind->gr, "deployments.apps") == 0) {
        check_deployment(r->obj, errs);
    }
}
