/* SPDX-License-Identifier: Apache-2.0 */
/* Three kinds of callers: the holder of the admin token or an admin certificate, service accounts,
 * and strangers. */
#include "auth/auth.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "auth/token.h"
#include "common/mem.h"
#include "common/str.h"

struct auth {
    char *admin_token;
    unsigned char key[32];
};

struct auth *auth_new(const char *admin_token, const unsigned char key[32])
{
    struct auth *a = xnew(struct auth);
    a->admin_token = xstrdup(admin_token);
    memcpy(a->key, key, sizeof(a->key));
    return a;
}

void auth_free(struct auth *a)
{
    if (a == NULL) {
        return;
    }
    free(a->admin_token);
    free(a);
}

char *auth_service_account_token(struct auth *a, const char *ns, const char *name, const char *uid)
{
    return auth_token_make(a->key, ns, name, uid);
}

/* How long a wrong guess takes says nothing about how wrong it is. */
static bool same_secret(const char *a, const char *b)
{
    size_t n = strlen(b);
    unsigned char differs = strlen(a) != n;
    for (size_t i = 0; i < n && a[i] != '\0'; i++) {
        differs |= (unsigned char)(a[i] ^ b[i]);
    }
    return differs == 0;
}

static void become_stranger(struct auth_user *u)
{
    *u = (struct auth_user){0};
    str_copy(u->name, sizeof(u->name), "system:anonymous");
    u->groups[0] = "system:unauthenticated";
}

static void become_admin(struct auth_user *u)
{
    *u = (struct auth_user){0};
    str_copy(u->name, sizeof(u->name), "kubernetes-admin");
    u->groups[0] = "system:masters";
    u->groups[1] = "system:authenticated";
}

static void become_service_account(struct auth_user *u, const struct auth_claims *claims)
{
    *u = (struct auth_user){0};
    snprintf(u->name, sizeof(u->name), "system:serviceaccount:%.63s:%.160s", claims->ns,
             claims->name);
    str_copy(u->uid, sizeof(u->uid), claims->uid);
    snprintf(u->group_buf[0], sizeof(u->group_buf[0]), "system:serviceaccounts:%.63s", claims->ns);
    u->groups[0] = "system:serviceaccounts";
    u->groups[1] = u->group_buf[0];
    u->groups[2] = "system:authenticated";
}

/* A certificate of our CA: its CN is the name, its first O the group. */
static void become_certified(struct auth_user *u, const struct auth_input *in)
{
    *u = (struct auth_user){0};
    str_copy(u->name, sizeof(u->name), in->cert_cn);
    str_copy(u->group_buf[0], sizeof(u->group_buf[0]), in->cert_org != NULL ? in->cert_org : "");
    size_t n = 0;
    if (u->group_buf[0][0] != '\0') {
        u->groups[n++] = u->group_buf[0];
    }
    u->groups[n] = "system:authenticated";
}

static int refuse(struct err *err)
{
    return err_set(err, ERR_UNAUTHORIZED, "Unauthorized");
}

static int read_bearer(struct auth *a, const char *token, struct auth_user *ret, struct err *err)
{
    struct auth_claims claims;
    if (a->admin_token[0] != '\0' && same_secret(token, a->admin_token)) {
        become_admin(ret);
        return 0;
    }
    if (auth_token_verify(a->key, token, &claims)) {
        become_service_account(ret, &claims);
        return 0;
    }
    return refuse(err);
}

int auth_authenticate(struct auth *a, const struct auth_input *in, struct auth_user *ret,
                      struct err *err)
{
    if (in->cert_cn != NULL && in->cert_cn[0] != '\0') {
        become_certified(ret, in);
        return 0;
    }
    if (in->authorization == NULL || in->authorization[0] == '\0') {
        become_stranger(ret);
        return 0;
    }
    if (strncasecmp(in->authorization, "Bearer ", 7) != 0) {
        return refuse(err);
    }
    const char *token = in->authorization + 7;
    token += strspn(token, " ");
    return read_bearer(a, token, ret, err);
}
