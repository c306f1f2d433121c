/* SPDX-License-Identifier: Apache-2.0 */
/* Who are you, and may you. */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct auth;

/* What the caller presented. */
struct auth_input {
    const char *authorization; /* the header, or NULL */
    const char *cert_cn;       /* of a verified client certificate, or NULL */
    const char *cert_org;
};

struct auth_user {
    char name[254];
    char uid[64];
    const char *groups[6]; /* NULL-terminated; static or inside `auth` */
    char group_buf[2][254];
};

/* `admin_token` gives kubernetes-admin in system:masters. `key` (32 bytes) signs service-account
 * tokens. */
struct auth *auth_new(const char *admin_token, const unsigned char key[32]);
void auth_free(struct auth *a);

/* No credentials: system:anonymous, 0. Wrong ones: ERR_UNAUTHORIZED. */
int auth_authenticate(struct auth *a, const struct auth_input *in, struct auth_user *ret,
                      struct err *err) WARN_UNUSED;

/* A signed token for a service account, "ns", "name", its uid; the caller frees. */
char *auth_service_account_token(struct auth *a, const char *ns, const char *name, const char *uid);

/* What is asked, already parsed. */
struct auth_attributes {
    const char *user;
    const char *const *groups;
    const char
        *verb; /* "get", "list", "watch", "create", ... ; of a path: the HTTP verb, lower case */
    const char *group, *resource, *subresource, *ns, *name; /* resource NULL: a path */
    const char *path;
};
/* ERR_FORBIDDEN in Kubernetes' words: pods is forbidden: User "x" cannot list resource "pods" in
 * API group "" in the namespace "default". Anonymous: /healthz /readyz /livez /version only
 * (ERR_UNAUTHORIZED else: "Unauthorized"). */
int auth_authorize(const struct auth_attributes *a, struct err *err) WARN_UNUSED;

#endif
