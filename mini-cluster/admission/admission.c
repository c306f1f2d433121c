/* SPDX-License-Identifier: Apache-2.0 */
/* Sends each object past the rules of its kind, in the order the three steps have. */
#include "admission/admission.h"

#include <string.h>

#include "admission/admission_impl.h"
#include "admission/service_pool.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"

struct admission *admission_new(struct loop *loop, struct store *store,
                                const struct admission_opts *opts)
{
    struct admission *a = xnew(struct admission);
    a->loop = loop;
    a->store = store;
    a->toleration_s = 300;
    a->pool = service_pool_new(loop, store, opts);
    return a;
}

void admission_free(struct admission *a)
{
    if (a == NULL) {
        return;
    }
    service_pool_free(a->pool);
    free(a);
}

void admission_set_toleration_seconds(struct admission *a, int64_t seconds)
{
    a->toleration_s = seconds;
}

void admission_service_first(const struct admission *a, char *buf)
{
    service_pool_first(a->pool, buf);
}

static bool is(const struct admission_request *r, const char *gr)
{
    return strcmp(r->kind->gr, gr) == 0;
}

/* Status writes bring nothing but what a worker saw. */
static bool is_main(const struct admission_request *r)
{
    return r->subresource[0] == '\0';
}

const char *admission_podspec_path(const struct kind *k)
{
    static const struct {
        const char *gr, *path;
    } paths[] = {
        {"cronjobs.batch", "spec.jobTemplate.spec.template.spec"},
        {"daemonsets.apps", "spec.template.spec"},
        {"deployments.apps", "spec.template.spec"},
        {"jobs.batch", "spec.template.spec"},
        {"pods", "spec"},
        {"podtemplates", "template.spec"},
        {"replicasets.apps", "spec.template.spec"},
        {"replicationcontrollers", "spec.template.spec"},
        {"statefulsets.apps", "spec.template.spec"},
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (strcmp(paths[i].gr, k->gr) == 0) {
            return paths[i].path;
        }
    }
    return NULL;
}

void admission_mutate(struct admission *a, const struct admission_request *r,
                      struct field_errs *errs)
{
    if (!is_main(r)) {
        return;
    }
    const char *path = admission_podspec_path(r->kind);
    if (path != NULL) {
        admission_podspec_mutate((json_t *)(uintptr_t)jx_obj(r->obj, path));
    }
    if (is(r, "pods")) {
        admission_pod_mutate(a, r);
    } else if (is(r, "services")) {
        admission_service_mutate(a, r, errs);
    } else if (is(r, "secrets")) {
        admission_secret_mutate(r);
    } else if (is(r, "namespaces")) {
        admission_namespace_mutate(r);
    }
}

void admission_validate(struct admission *a, const struct admission_request *r,
                        struct field_errs *errs)
{
    if (!is_main(r)) {
        return;
    }
    const char *path = admission_podspec_path(r->kind);
    const json_t *spec = path != NULL ? jx_obj(r->obj, path) : NULL;
    bool known = r->old != NULL && path != NULL && jx_obj(r->old, path) != NULL &&
                 jx_equal(jx_obj(r->old, path), spec);
    if (spec != NULL && !known) {
        admission_podspec_validate(spec, path, errs);
    }
    if (is(r, "pods")) {
        admission_pod_validate_update(r, errs);
    } else if (is(r, "services")) {
        admission_service_validate(r, errs);
    } else if (is(r, "secrets")) {
        admission_secret_validate(r, errs);
    } else if (is(r, "configmaps")) {
        admission_configmap_validate(r, errs);
    } else if (is(r, "clocks.podlab.dev")) {
        admission_clock_validate(r, errs);
    } else if (path != NULL) {
        admission_workload_validate(r, errs);
    }
}

static void warn(const struct admission_request *r, const struct str *violations)
{
    if (r->warnings != NULL) {
        cleanup_free char *text =
            xasprintf("would violate PodSecurity \"baseline:latest\": %s", violations->p);
        json_array_append_new(r->warnings, json_string(text));
    }
}

/* A pod is refused; what would make such pods is warned about, so that its author learns it at
 * once. */
static int admit_security(const struct admission_request *r, struct err *err)
{
    const char *path = admission_podspec_path(r->kind);
    if (path == NULL || !is_main(r) || (is(r, "pods") ? r->old != NULL : r->warnings == NULL)) {
        return 0;
    }
    cleanup_str struct str violations = STR_INIT;
    admission_security_check(jx_obj(r->obj, path), &violations);
    if (violations.len == 0) {
        return 0;
    }
    if (!is(r, "pods")) {
        warn(r, &violations);
        return 0;
    }
    return err_set(err, ERR_FORBIDDEN, "violates PodSecurity \"baseline:latest\": %s",
                   violations.p);
}

int admission_admit(struct admission *a, const struct admission_request *r, json_t *causes,
                    struct err *err)
{
    if (admission_namespace_admit(a, r, causes, err) < 0 || admit_security(r, err) < 0) {
        return -1;
    }
    return is(r, "pods") && is_main(r) ? admission_pod_admit(a, r, err) : 0;
}
