/* SPDX-License-Identifier: Apache-2.0 */
/* What every cluster has before anybody asks for anything. */
#include <string.h>

#include "api/core.h"
#include "api/ops.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"

static const char *const groups[] = {"system:masters", NULL};

static struct api_ctx system_context(void)
{
    return (struct api_ctx){.user = {.name = "system:apiserver", .uid = "", .groups = groups},
                            .field_manager = "kube-apiserver",
                            .validation = API_VALIDATION_IGNORE,
                            .in_process = true};
}

/* Takes obj. What is there already stays, unless `fresh` says it must be as given. */
static int ensure(struct api *api, const char *group, const char *resource, const char *ns,
                  json_t *obj, bool fresh, struct err *err)
{
    struct api_ctx ctx = system_context();
    const char *name = jx_str(obj, "metadata.name", "");
    cleanup_free char *copy = xstrdup(name);
    const struct kind *k = kinds_find(group, "v1", resource);
    struct api_target t = {.kind = k, .ns = ns, .name = copy, .subresource = ""};
    struct store_key key = {k->gr, ns, copy};
    cleanup_entry const struct store_entry *e = store_find(api->store, STORE_STAGED, &key);
    cleanup_api_object struct api_object out = {0};
    int rc = 0;
    if (e == NULL) {
        rc = api_create(api, &ctx, &t, obj, &out, err);
    } else if (fresh) {
        rc = api_update(api, &ctx, &t, obj, &out, err);
    } else {
        json_decref(obj);
    }
    api_ctx_fini(&ctx);
    return rc < 0 ? err_wrap(err, "%s %s", resource, copy) : 0;
}

static int ensure_namespace(struct api *api, const char *name, struct err *err)
{
    return ensure(api, "", "namespaces", "", json_pack("{s:{s:s}}", "metadata", "name", name),
                  false, err);
}

static int ensure_service(struct api *api, int port, struct err *err)
{
    char first[64];
    admission_service_first(api->admission, first);
    json_t *svc =
        json_pack("{s:{s:s, s:{s:s, s:s}}, s:{s:s, s:s, s:[{s:s, s:s, s:i, s:i}]}}", "metadata",
                  "name", "kubernetes", "labels", "component", "apiserver", "provider",
                  "kubernetes", "spec", "type", "ClusterIP", "clusterIP", first, "ports", "name",
                  "https", "protocol", "TCP", "port", 443, "targetPort", port);
    return ensure(api, "", "services", "default", svc, true, err);
}

static int ensure_endpoints(struct api *api, const char *address, int port, struct err *err)
{
    json_t *ep = json_pack(
        "{s:{s:s, s:{s:s}}, s:[{s:[{s:s}], s:[{s:s, s:s, s:i}]}]}", "metadata", "name",
        "kubernetes", "labels", "endpointslice.kubernetes.io/skip-mirror", "true", "subsets",
        "addresses", "ip", address, "ports", "name", "https", "protocol", "TCP", "port", port);
    if (ensure(api, "", "endpoints", "default", ep, true, err) < 0) {
        return -1;
    }
    json_t *slice =
        json_pack("{s:{s:s, s:{s:s}}, s:s, s:[{s:[s], s:{s:b}}], s:[{s:s, s:s, s:i}]}", "metadata",
                  "name", "kubernetes", "labels", "kubernetes.io/service-name", "kubernetes",
                  "addressType", "IPv4", "endpoints", "addresses", address, "conditions", "ready",
                  true, "ports", "name", "https", "protocol", "TCP", "port", port);
    return ensure(api, "discovery.k8s.io", "endpointslices", "default", slice, true, err);
}

int api_bootstrap(struct api *api, const char *api_address, int api_port, struct err *err)
{
    static const char *const namespaces[] = {"default", "kube-node-lease", "kube-public",
                                             "kube-system"};
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        if (ensure_namespace(api, namespaces[i], err) < 0) {
            return -1;
        }
    }
    if (ensure_service(api, api_port, err) < 0) {
        return -1;
    }
    return ensure_endpoints(api, api_address, api_port, err);
}
