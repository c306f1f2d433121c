/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the admission room share: one file per kind or rule. */
#ifndef ADMISSION_ADMISSION_IMPL_H
#define ADMISSION_ADMISSION_IMPL_H

#include "admission/admission.h"
#include "kinds/field_errs.h"

struct service_pool;

struct admission {
    struct loop *loop;
    struct store *store;
    int64_t toleration_s;
    struct service_pool *pool;
};

/* ---- clock.c ---- */
void admission_clock_validate(const struct admission_request *r, struct field_errs *errs);

/* ---- config.c: ConfigMaps and Secrets ---- */
void admission_secret_mutate(const struct admission_request *r);
void admission_secret_validate(const struct admission_request *r, struct field_errs *errs);
void admission_configmap_validate(const struct admission_request *r, struct field_errs *errs);

/* ---- namespace.c ---- */
void admission_namespace_mutate(const struct admission_request *r);
int admission_namespace_admit(struct admission *a, const struct admission_request *r,
                              json_t *causes, struct err *err) WARN_UNUSED;

/* ---- pod_default.c: a pod's own defaults, and those of every pod template ---- */
void admission_pod_mutate(struct admission *a, const struct admission_request *r);
void admission_podspec_mutate(json_t *spec);
int admission_pod_admit(struct admission *a, const struct admission_request *r,
                        struct err *err) WARN_UNUSED;

/* ---- pod.c, pod_update.c ---- */
void admission_podspec_validate(const json_t *spec, const char *path, struct field_errs *errs);
void admission_pod_validate_update(const struct admission_request *r, struct field_errs *errs);

/* ---- security.c: Pod Security "baseline" ---- */
struct str;
/* Appends what violates it, in the words of Kubernetes; nothing when it is fine. */
void admission_security_check(const json_t *spec, struct str *out);

/* ---- service.c, service_pool.c ---- */
void admission_service_mutate(struct admission *a, const struct admission_request *r,
                              struct field_errs *errs);
void admission_service_validate(const struct admission_request *r, struct field_errs *errs);

/* ---- workload.c: what runs pods from a template ---- */
void admission_workload_validate(const struct admission_request *r, struct field_errs *errs);

/* The pod spec of an object of this kind ("spec", "spec.template.spec" ...); NULL: it has none. */
const char *admission_podspec_path(const struct kind *k);

#endif
