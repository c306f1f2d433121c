/* SPDX-License-Identifier: Apache-2.0 */
/* A small certificate authority (GnuTLS, ECDSA P-256) for the API's TLS. */
#ifndef COMMON_CERTS_H
#define COMMON_CERTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct certs_pair {
    char *cert_pem; /* the caller frees both */
    char *key_pem;
};

void certs_pair_fini(struct certs_pair *p);

/* A self-signed CA named `cn`. `serial` is 16 bytes from the caller; times are Unix seconds. */
int certs_make_ca(const char *cn, const uint8_t serial[16], int64_t not_before, int64_t not_after,
                  struct certs_pair *ret, struct err *err) WARN_UNUSED;

struct certs_leaf {
    const char *cn;
    const char *org;           /* O=; NULL for none */
    const char *const *names;  /* SAN: DNS names and IP addresses, NULL-terminated; may be NULL */
    int server;                /* 1: TLS server, 0: TLS client */
    uint8_t serial[16];
    int64_t not_before, not_after;
};

int certs_issue(const struct certs_pair *ca, const struct certs_leaf *leaf, struct certs_pair *ret,
                struct err *err) WARN_UNUSED;

#endif
