/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates good enough for kubectl, curl and browsers: v3, P-256, key identifiers, usages. */
#include "common/certs.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#include "common/mem.h"

/* A certificate and its key, under construction or read back. */
struct bundle {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};

static void bundle_fini(struct bundle *b)
{
    if (b->crt != NULL) {
        gnutls_x509_crt_deinit(b->crt);
    }
    if (b->key != NULL) {
        gnutls_x509_privkey_deinit(b->key);
    }
}

#define cleanup_bundle __attribute__((cleanup(bundle_fini)))

void certs_pair_fini(struct certs_pair *p)
{
    if (p->key_pem != NULL) {
        explicit_bzero(p->key_pem, strlen(p->key_pem));
    }
    free(p->cert_pem);
    free(p->key_pem);
    *p = (struct certs_pair){0};
}

static int tls_err(struct err *err, int rc, const char *what)
{
    return rc < 0 ? err_set(err, ERR_INTERNAL, "%s: %s", what, gnutls_strerror(rc)) : 0;
}

static int bundle_init(struct bundle *b, struct err *err)
{
    if (tls_err(err, gnutls_x509_crt_init(&b->crt), "make a certificate") != 0) {
        return -1;
    }
    return tls_err(err, gnutls_x509_privkey_init(&b->key), "make a key");
}

static int set_key_id(struct bundle *b, const struct bundle *ca, struct err *err)
{
    unsigned char id[64];
    size_t n = sizeof(id);
    int rc = gnutls_x509_crt_get_key_id(b->crt, 0, id, &n);
    rc = rc < 0 ? rc : gnutls_x509_crt_set_subject_key_id(b->crt, id, n);
    n = sizeof(id);
    rc = rc < 0 ? rc : gnutls_x509_crt_get_key_id(ca->crt, 0, id, &n);
    rc = rc < 0 ? rc : gnutls_x509_crt_set_authority_key_id(b->crt, id, n);
    return tls_err(err, rc, "set the certificate's key identifiers");
}

/* A fresh key, and a certificate for it with the fields that every kind has. */
static int begin(struct bundle *b, const char *cn, const char *org, const uint8_t serial[16],
                 const int64_t times[2], struct err *err)
{
    uint8_t number[16];
    memcpy(number, serial, sizeof(number));
    number[0] = (number[0] & 0x7f) | 0x40; /* positive, and never shorter than it looks */
    if (bundle_init(b, err) != 0) {
        return -1;
    }
    unsigned bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
    int rc = gnutls_x509_privkey_generate(b->key, GNUTLS_PK_ECDSA, bits, 0);
    rc = rc < 0 ? rc : gnutls_x509_crt_set_version(b->crt, 3);
    rc = rc < 0 ? rc : gnutls_x509_crt_set_key(b->crt, b->key);
    rc = rc < 0 ? rc : gnutls_x509_crt_set_serial(b->crt, number, sizeof(number));
    rc = rc < 0 ? rc : gnutls_x509_crt_set_activation_time(b->crt, (time_t)times[0]);
    rc = rc < 0 ? rc : gnutls_x509_crt_set_expiration_time(b->crt, (time_t)times[1]);
    if (rc >= 0 && org != NULL) {
        rc = gnutls_x509_crt_set_dn_by_oid(b->crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0, org,
                                           (unsigned)strlen(org));
    }
    rc = rc < 0 ? rc
                : gnutls_x509_crt_set_dn_by_oid(b->crt, GNUTLS_OID_X520_COMMON_NAME, 0, cn,
                                                (unsigned)strlen(cn));
    return rc < 0 ? err_set(err, ERR_INTERNAL, "make a certificate for \"%s\": %s", cn,
                            gnutls_strerror(rc))
                  : 0;
}

static int to_pem(const gnutls_datum_t *datum, int rc, char **ret, struct err *err)
{
    if (rc < 0) {
        return tls_err(err, rc, "write PEM");
    }
    *ret = xstrndup((const char *)datum->data, datum->size);
    return 0;
}

static int export(const struct bundle *b, struct certs_pair *ret, struct err *err)
{
    struct certs_pair pair = {0};
    gnutls_datum_t d = {0};
    int rc =
        to_pem(&d, gnutls_x509_crt_export2(b->crt, GNUTLS_X509_FMT_PEM, &d), &pair.cert_pem, err);
    gnutls_free(d.data);
    d = (gnutls_datum_t){0};
    if (rc == 0) {
        rc = to_pem(&d, gnutls_x509_privkey_export2(b->key, GNUTLS_X509_FMT_PEM, &d), &pair.key_pem,
                    err);
        gnutls_free(d.data);
    }
    if (rc != 0) {
        certs_pair_fini(&pair);
        return -1;
    }
    *ret = pair;
    return 0;
}

static int sign_and_export(struct bundle *b, const struct bundle *ca, struct certs_pair *ret,
                           struct err *err)
{
    if (set_key_id(b, ca, err) != 0) {
        return -1;
    }
    int rc = gnutls_x509_crt_sign2(b->crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0);
    if (rc < 0) {
        return tls_err(err, rc, "sign the certificate");
    }
    return export(b, ret, err);
}

int certs_make_ca(const char *cn, const uint8_t serial[16], int64_t not_before, int64_t not_after,
                  struct certs_pair *ret, struct err *err)
{
    cleanup_bundle struct bundle b = {0};
    const int64_t times[2] = {not_before, not_after};
    if (begin(&b, cn, NULL, serial, times, err) != 0) {
        return -1;
    }
    int rc = gnutls_x509_crt_set_basic_constraints(b.crt, 1, -1);
    rc = rc < 0
             ? rc
             : gnutls_x509_crt_set_key_usage(b.crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN |
                                                        GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (tls_err(err, rc, "make a certificate authority") != 0) {
        return -1;
    }
    return sign_and_export(&b, &b, ret, err);
}

static int read_ca(const struct certs_pair *ca, struct bundle *b, struct err *err)
{
    gnutls_datum_t cert = {(unsigned char *)ca->cert_pem, (unsigned)strlen(ca->cert_pem)};
    gnutls_datum_t key = {(unsigned char *)ca->key_pem, (unsigned)strlen(ca->key_pem)};
    if (bundle_init(b, err) != 0) {
        return -1;
    }
    int rc = gnutls_x509_crt_import(b->crt, &cert, GNUTLS_X509_FMT_PEM);
    if (rc < 0) {
        return tls_err(err, rc, "read the CA's certificate (PEM)");
    }
    rc = gnutls_x509_privkey_import2(b->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
    return tls_err(err, rc, "read the CA's key (PEM)");
}

static int add_name(gnutls_x509_crt_t crt, const char *name)
{
    unsigned char ip[16];
    if (inet_pton(AF_INET, name, ip) == 1) {
        return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, 4,
                                                    GNUTLS_FSAN_APPEND);
    }
    if (inet_pton(AF_INET6, name, ip) == 1) {
        return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, 16,
                                                    GNUTLS_FSAN_APPEND);
    }
    return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name,
                                                (unsigned)strlen(name), GNUTLS_FSAN_APPEND);
}

static int add_leaf_fields(gnutls_x509_crt_t crt, const struct certs_leaf *leaf, struct err *err)
{
    const char *purpose = leaf->server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
    int rc = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
    rc = rc < 0 ? rc : gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
    rc = rc < 0 ? rc : gnutls_x509_crt_set_key_purpose_oid(crt, purpose, 0);
    if (tls_err(err, rc, "set the certificate's usage") != 0) {
        return -1;
    }
    for (const char *const *name = leaf->names; name != NULL && *name != NULL; name++) {
        rc = add_name(crt, *name);
        if (rc < 0) {
            return err_set(err, ERR_INVALID, "the name \"%s\" cannot go into a certificate: %s",
                           *name, gnutls_strerror(rc));
        }
    }
    return 0;
}

int certs_issue(const struct certs_pair *ca, const struct certs_leaf *leaf, struct certs_pair *ret,
                struct err *err)
{
    cleanup_bundle struct bundle issuer = {0};
    cleanup_bundle struct bundle b = {0};
    const int64_t times[2] = {leaf->not_before, leaf->not_after};
    if (read_ca(ca, &issuer, err) != 0 ||
        begin(&b, leaf->cn, leaf->org, leaf->serial, times, err) != 0 ||
        add_leaf_fields(b.crt, leaf, err) != 0) {
        return -1;
    }
    return sign_and_export(&b, &issuer, ret, err);
}
