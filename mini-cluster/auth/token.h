/* SPDX-License-Identifier: Apache-2.0 */
/* Service-account tokens: shaped as a JWT, signed with the cluster's own key. */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include <stdbool.h>

struct auth_claims {
    char ns[64];
    char name[254];
    char uid[64];
};

/* The caller frees. */
char *auth_token_make(const unsigned char key[32], const char *ns, const char *name, const char *uid);
/* False for anything that this key did not sign. */
bool auth_token_verify(const unsigned char key[32], const char *token, struct auth_claims *ret);

#endif
