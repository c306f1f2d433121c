/* SPDX-License-Identifier: Apache-2.0 */
/* May you: administrators and the cluster's own parts may everything, service accounts may ask
 * whether the cluster lives and what it serves, strangers only the first. */
#include <stdio.h>
#include <string.h>

#include "auth/auth.h"
#include "common/str.h"

static bool in_group(const struct auth_attributes *a, const char *group)
{
    for (size_t i = 0; a->groups != NULL && a->groups[i] != NULL; i++) {
        if (strcmp(a->groups[i], group) == 0) {
            return true;
        }
    }
    return false;
}

/* "/healthz", "/healthz/ping", not "/healthzz". */
static bool is_below(const char *path, const char *root)
{
    size_t n = strlen(root);
    return strncmp(path, root, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool is_below_one_of(const char *path, const char *const *roots)
{
    for (; *roots != NULL; roots++) {
        if (is_below(path, *roots)) {
            return true;
        }
    }
    return false;
}

static const char *const for_all[] = {"/healthz", "/livez", "/readyz", "/version", NULL};
static const char *const for_known[] = {"/api", "/apis", "/openapi", NULL};

static bool may_read_path(const struct auth_attributes *a)
{
    if (a->resource != NULL || strcmp(a->verb, "get") != 0) {
        return false;
    }
    return is_below_one_of(a->path, for_all) ||
           (in_group(a, "system:authenticated") && is_below_one_of(a->path, for_known));
}

static int forbid_path(const struct auth_attributes *a, struct err *err)
{
    return err_set(err, ERR_FORBIDDEN, "forbidden: User \"%s\" cannot %s path \"%.200s\"", a->user,
                   a->verb, a->path);
}

static int forbid_resource(const struct auth_attributes *a, struct err *err)
{
    char what[160], gr[130], object[280] = "", where[96] = "at the cluster scope";
    bool sub = a->subresource != NULL && a->subresource[0] != '\0';
    const char *group = a->group != NULL ? a->group : "";
    snprintf(what, sizeof(what), "%s%s%s", a->resource, sub ? "/" : "", sub ? a->subresource : "");
    snprintf(gr, sizeof(gr), "%s%s%s", a->resource, group[0] != '\0' ? "." : "", group);
    if (a->name != NULL && a->name[0] != '\0') {
        snprintf(object, sizeof(object), " \"%.253s\"", a->name);
    }
    if (a->ns != NULL && a->ns[0] != '\0') {
        snprintf(where, sizeof(where), "in the namespace \"%.63s\"", a->ns);
    }
    return err_set(
        err, ERR_FORBIDDEN,
        "%s%s is forbidden: User \"%s\" cannot %s resource \"%s\" in API group \"%s\" %s", gr,
        object, a->user, a->verb, what, group, where);
}

int auth_authorize(const struct auth_attributes *a, struct err *err)
{
    if (in_group(a, "system:masters") || may_read_path(a)) {
        return 0;
    }
    if (!in_group(a, "system:authenticated")) {
        return err_set(err, ERR_UNAUTHORIZED, "Unauthorized");
    }
    return a->resource != NULL ? forbid_resource(a, err) : forbid_path(a, err);
}
