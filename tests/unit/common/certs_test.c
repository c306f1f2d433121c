/* SPDX-License-Identifier: Apache-2.0 */
/* What the CA issues is accepted by a verifier exactly for its names, purpose and time. */
#include "testing.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#include "common/certs.h"
#include "common/mem.h"

#define FROM 1767225600
#define DAY 86400

static struct certs_pair ca;

static int setup(void **state)
{
    (void)state;
    struct err err;
    return certs_make_ca("lab-ca", (const uint8_t[16]){1, 2, 3}, FROM, FROM + 10 * DAY, &ca, &err);
}

static int teardown(void **state)
{
    (void)state;
    certs_pair_fini(&ca);
    return 0;
}

static gnutls_x509_crt_t read_cert(const char *pem)
{
    gnutls_x509_crt_t crt;
    gnutls_datum_t d = {(unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem)};
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_PEM), 0);
    return crt;
}

struct ask {
    const char *host;
    const char *purpose;
    time_t when;
};

static time_t now;

static time_t fixed_time(time_t *ret)
{
    return ret != NULL ? (*ret = now) : now;
}

/* The verifier's word on a certificate: 0 is fine. */
static unsigned verify(const char *cert_pem, const char *ca_pem, const struct ask *ask)
{
    gnutls_x509_trust_list_t trust;
    gnutls_x509_crt_t root = read_cert(ca_pem), crt = read_cert(cert_pem);
    gnutls_typed_vdata_st data[2] = {
        {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)(uintptr_t)ask->purpose, 0},
        {GNUTLS_DT_DNS_HOSTNAME, (unsigned char *)(uintptr_t)ask->host, 0},
    };
    unsigned char ip[4];
    if (ask->host != NULL && inet_pton(AF_INET, ask->host, ip) == 1) {
        data[1] = (gnutls_typed_vdata_st){GNUTLS_DT_IP_ADDRESS, ip, 4};
    }
    unsigned status = 0;
    now = ask->when;
    gnutls_global_set_time_function(fixed_time);
    assert_int_equal(gnutls_x509_trust_list_init(&trust, 0), 0);
    assert_int_equal(gnutls_x509_trust_list_add_cas(trust, &root, 1, 0), 1);
    assert_int_equal(gnutls_x509_trust_list_verify_crt2(
                         trust, &crt, 1, data, ask->host != NULL ? 2 : 1, 0, &status, NULL),
                     0);
    gnutls_global_set_time_function(time);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_crt_deinit(root);
    gnutls_x509_trust_list_deinit(trust, 0);
    return status;
}

static void a_server_certificate_is_good_for_its_names(void **state)
{
    (void)state;
    static const char *const names[] = {"localhost", "127.0.0.1", "kubernetes.default.svc", "::1",
                                        NULL};
    struct certs_leaf leaf = {.cn = "mini-cluster",
                              .names = names,
                              .server = 1,
                              .serial = {9},
                              .not_before = FROM,
                              .not_after = FROM + 5 * DAY};
    struct certs_pair got;
    struct err err;
    assert_int_equal(certs_issue(&ca, &leaf, &got, &err), 0);
    static const struct {
        struct ask ask;
        unsigned bad; /* a bit that must be set; 0: none may */
    } rows[] = {
        {{"localhost", GNUTLS_KP_TLS_WWW_SERVER, FROM + DAY}, 0},
        {{"127.0.0.1", GNUTLS_KP_TLS_WWW_SERVER, FROM + DAY}, 0},
        {{"kubernetes.default.svc", GNUTLS_KP_TLS_WWW_SERVER, FROM + DAY}, 0},
        {{"mini-cluster", GNUTLS_KP_TLS_WWW_SERVER, FROM + DAY}, GNUTLS_CERT_UNEXPECTED_OWNER},
        {{"127.0.0.2", GNUTLS_KP_TLS_WWW_SERVER, FROM + DAY}, GNUTLS_CERT_UNEXPECTED_OWNER},
        {{"localhost", GNUTLS_KP_TLS_WWW_CLIENT, FROM + DAY}, GNUTLS_CERT_PURPOSE_MISMATCH},
        {{"localhost", GNUTLS_KP_TLS_WWW_SERVER, FROM - DAY}, GNUTLS_CERT_NOT_ACTIVATED},
        {{"localhost", GNUTLS_KP_TLS_WWW_SERVER, FROM + 6 * DAY}, GNUTLS_CERT_EXPIRED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned status = verify(got.cert_pem, ca.cert_pem, &rows[i].ask);
        if (rows[i].bad == 0 ? status != 0 : (status & rows[i].bad) == 0) {
            fail_msg("row %zu: status %x", i, status);
        }
    }
    certs_pair_fini(&got);
}

static void a_client_certificate_names_user_and_group(void **state)
{
    (void)state;
    struct certs_leaf leaf = {.cn = "admin",
                              .org = "system:masters",
                              .serial = {0xff},
                              .not_before = FROM,
                              .not_after = FROM + 5 * DAY};
    struct certs_pair got;
    struct err err;
    assert_int_equal(certs_issue(&ca, &leaf, &got, &err), 0);
    struct ask ask = {NULL, GNUTLS_KP_TLS_WWW_CLIENT, FROM + DAY};
    assert_int_equal(verify(got.cert_pem, ca.cert_pem, &ask), 0);
    gnutls_x509_crt_t crt = read_cert(got.cert_pem);
    char dn[128];
    size_t n = sizeof(dn);
    assert_int_equal(gnutls_x509_crt_get_dn(crt, dn, &n), 0);
    assert_string_equal(dn, "O=system:masters,CN=admin");
    unsigned char serial[32];
    n = sizeof(serial);
    assert_int_equal(gnutls_x509_crt_get_serial(crt, serial, &n), 0);
    assert_int_equal(n, 16);
    assert_true(serial[0] < 0x80); /* a serial number is not negative */
    unsigned critical;
    assert_int_equal(gnutls_x509_crt_get_basic_constraints(crt, &critical, &(unsigned){0}, NULL),
                     0);
    gnutls_x509_crt_deinit(crt);
    certs_pair_fini(&got);
}

static void another_ca_of_the_same_name_is_not_believed(void **state)
{
    (void)state;
    struct certs_pair other, got;
    struct err err;
    assert_int_equal(
        certs_make_ca("lab-ca", (const uint8_t[16]){4}, FROM, FROM + 10 * DAY, &other, &err), 0);
    struct certs_leaf leaf = {.cn = "admin", .not_before = FROM, .not_after = FROM + DAY};
    assert_int_equal(certs_issue(&other, &leaf, &got, &err), 0);
    struct ask ask = {NULL, GNUTLS_KP_TLS_WWW_CLIENT, FROM + 10};
    assert_true(verify(got.cert_pem, ca.cert_pem, &ask) != 0);
    certs_pair_fini(&got);
    certs_pair_fini(&other);
}

static void a_broken_ca_is_an_error_that_says_what(void **state)
{
    (void)state;
    char junk[] = "not a certificate";
    struct certs_pair bad = {junk, ca.key_pem}, got = {0};
    struct certs_leaf leaf = {.cn = "x", .not_before = FROM, .not_after = FROM + DAY};
    struct err err;
    assert_int_equal(certs_issue(&bad, &leaf, &got, &err), -1);
    assert_non_null(strstr(err.msg, "CA's certificate"));
    bad = (struct certs_pair){ca.cert_pem, junk};
    assert_int_equal(certs_issue(&bad, &leaf, &got, &err), -1);
    assert_non_null(strstr(err.msg, "CA's key"));
    assert_null(got.cert_pem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_certificate_is_good_for_its_names),
        cmocka_unit_test(a_client_certificate_names_user_and_group),
        cmocka_unit_test(another_ca_of_the_same_name_is_not_believed),
        cmocka_unit_test(a_broken_ca_is_an_error_that_says_what),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
