/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces: what is in them needs one that is there and stays. */
#include <string.h>

#include "admission/admission_impl.h"
#include "common/json/jx.h"
#include "kinds/kinds.h"
#include "store/store.h"

static bool is_namespace(const struct kind *k)
{
    return strcmp(k->gr, "namespaces") == 0;
}

/* A new namespace holds itself until its contents are gone, and carries its name as a label. */
void admission_namespace_mutate(const struct admission_request *r)
{
    if (!is_namespace(r->kind)) {
        return;
    }
    json_t *obj = r->obj;
    const char *name = jx_str(obj, "metadata.name", "");
    if (name[0] != '\0') {
        json_object_set_new(jx_make(obj, "metadata.labels"), "kubernetes.io/metadata.name",
                            json_string(name));
    }
    if (r->old == NULL) {
        jx_put(obj, "spec", json_pack("{s:[s]}", "finalizers", "kubernetes"));
        jx_put(obj, "status", json_pack("{s:s}", "phase", "Active"));
    }
}

static int terminating(const struct admission_request *r, json_t *causes, struct err *err)
{
    json_t *cause = json_object();
    json_object_set_new(cause, "reason", json_string("NamespaceTerminating"));
    char message[320];
    snprintf(message, sizeof(message), "namespace %s is being terminated", r->ns);
    json_object_set_new(cause, "message", json_string(message));
    json_object_set_new(cause, "field", json_string("metadata.namespace"));
    json_array_append_new(causes, cause);
    return err_set(err, ERR_FORBIDDEN,
                   "unable to create new content in namespace %s because it is being terminated",
                   r->ns);
}

int admission_namespace_admit(struct admission *a, const struct admission_request *r,
                              json_t *causes, struct err *err)
{
    if (!r->kind->namespaced || r->old != NULL) {
        return 0;
    }
    struct store_key key = {"namespaces", "", r->ns};
    cleanup_entry const struct store_entry *ns = store_find(a->store, STORE_STAGED, &key);
    if (ns == NULL) {
        return err_set(err, ERR_NOT_FOUND, "namespaces \"%s\" not found", r->ns);
    }
    return ns->deleting ? terminating(r, causes, err) : 0;
}

int admission_admit_delete(const struct kind *kind, const char *name, struct err *err)
{
    if (!is_namespace(kind)) {
        return 0;
    }
    static const char *const needed[] = {"default", "kube-system", "kube-public"};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (strcmp(name, needed[i]) == 0) {
            return err_set(err, ERR_FORBIDDEN, "this namespace may not be deleted");
        }
    }
    return 0;
}
