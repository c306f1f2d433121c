/* SPDX-License-Identifier: Apache-2.0 */
/* Who one is, and that nobody becomes somebody by guessing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

static const unsigned char key[32] = "0123456789abcdef0123456789abcde";

static int who(struct auth *a, const char *header, struct auth_user *ret)
{
    struct err err;
    struct auth_input in = {.authorization = header};
    int rc = auth_authenticate(a, &in, ret, &err);
    if (rc < 0) {
        assert_int_equal(err.code, ERR_UNAUTHORIZED);
        assert_string_equal(err.msg, "Unauthorized");
    }
    return rc;
}

static void the_admin_token_makes_an_admin(void **state)
{
    struct auth *a = auth_new("s3cret", key);
    struct auth_user u;
    assert_int_equal(who(a, "Bearer s3cret", &u), 0);
    assert_string_equal(u.name, "kubernetes-admin");
    assert_string_equal(u.groups[0], "system:masters");
    assert_string_equal(u.groups[1], "system:authenticated");
    assert_null(u.groups[2]);
    assert_int_equal(who(a, "bearer  s3cret", &u), 0);
    static const char *const wrong[] = {
        "Bearer s3cre", "Bearer s3crett", "Bearer S3cret", "Bearer ",        "Basic s3cret",
        "s3cret",       "Bearer a.b.c",   "Bearer ...",    "Bearer s3cret ", "Bearer a..b"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(who(a, wrong[i], &u), -1);
    }
    auth_free(a);
}

static void an_empty_admin_token_admits_nobody(void **state)
{
    struct auth *a = auth_new("", key);
    struct auth_user u;
    assert_int_equal(who(a, "Bearer ", &u), -1);
    auth_free(a);
}

static void who_says_nothing_is_a_stranger(void **state)
{
    struct auth *a = auth_new("s3cret", key);
    struct auth_user u;
    assert_int_equal(who(a, NULL, &u), 0);
    assert_string_equal(u.name, "system:anonymous");
    assert_string_equal(u.groups[0], "system:unauthenticated");
    assert_null(u.groups[1]);
    auth_free(a);
}

static void a_certificate_names_user_and_group(void **state)
{
    struct auth *a = auth_new("s3cret", key);
    struct auth_user u;
    struct err err;
    struct auth_input in = {.cert_cn = "kubernetes-admin", .cert_org = "system:masters"};
    assert_int_equal(auth_authenticate(a, &in, &u, &err), 0);
    assert_string_equal(u.name, "kubernetes-admin");
    assert_string_equal(u.groups[0], "system:masters");
    in.cert_org = NULL;
    assert_int_equal(auth_authenticate(a, &in, &u, &err), 0);
    assert_string_equal(u.groups[0], "system:authenticated");
    assert_null(u.groups[1]);
    auth_free(a);
}

static void service_accounts_prove_themselves(void **state)
{
    jx_init();
    struct auth *a = auth_new("s3cret", key);
    struct auth_user u;
    cleanup_free char *token = auth_service_account_token(a, "shop", "robot", "u-1");
    cleanup_free char *header = xasprintf("Bearer %s", token);
    assert_int_equal(who(a, header, &u), 0);
    assert_string_equal(u.name, "system:serviceaccount:shop:robot");
    assert_string_equal(u.uid, "u-1");
    assert_string_equal(u.groups[0], "system:serviceaccounts");
    assert_string_equal(u.groups[1], "system:serviceaccounts:shop");
    assert_string_equal(u.groups[2], "system:authenticated");
    cleanup_free char *again = auth_service_account_token(a, "shop", "robot", "u-1");
    assert_string_equal(token, again);
    auth_free(a);
}

static void a_token_that_was_touched_is_none(void **state)
{
    jx_init();
    struct auth *a = auth_new("s3cret", key);
    struct auth_user u;
    cleanup_free char *token = auth_service_account_token(a, "shop", "robot", "u-1");
    for (size_t i = 0; token[i] != '\0'; i++) {
        cleanup_free char *header = xasprintf("Bearer %s", token);
        header[7 + i] = header[7 + i] == 'A' ? 'B' : 'A';
        if (token[i + 1] == '\0') {
            continue; /* the last character's low bits stand for nothing */
        }
        assert_int_equal(who(a, header, &u), -1);
    }
    for (size_t n = 0; n + 1 < strlen(token); n++) {
        cleanup_free char *header = xasprintf("Bearer %.*s", (int)n, token);
        assert_int_equal(who(a, header, &u), -1);
    }
    static const unsigned char other[32] = "another key";
    struct auth *b = auth_new("s3cret", other);
    cleanup_free char *header = xasprintf("Bearer %s", token);
    assert_int_equal(who(b, header, &u), -1);
    auth_free(b);
    auth_free(a);
}

/* "alg": "none" and its kin. */
static void a_token_cannot_choose_how_it_is_checked(void **state)
{
    jx_init();
    struct auth *a = auth_new("s3cret", key);
    struct auth_user u;
    cleanup_free char *token = auth_service_account_token(a, "shop", "robot", "u-1");
    const char *rest = strchr(token, '.');
    static const char head[] = "{\"alg\":\"none\",\"typ\":\"JWT\"}";
    struct str forged = STR_INIT;
    str_add(&forged, "Bearer ");
    str_base64(&forged, head, strlen(head));
    while (forged.p[forged.len - 1] == '=') {
        forged.p[--forged.len] = '\0';
    }
    str_add(&forged, rest);
    assert_int_equal(who(a, str_c(&forged), &u), -1);
    str_fini(&forged);
    auth_free(a);
}

/* ---- may they ---- */

static const char *const masters[] = {"system:masters", NULL};
static const char *const known[] = {"system:serviceaccounts", "system:authenticated", NULL};
static const char *const strangers[] = {"system:unauthenticated", NULL};

static void paths_are_for_all_for_some_for_none(void **state)
{
    static const struct {
        const char *path, *verb;
        enum err_code known, stranger;
    } rows[] = {
        {"/healthz", "get", ERR_NONE, ERR_NONE},
        {"/livez/ping", "get", ERR_NONE, ERR_NONE},
        {"/version", "get", ERR_NONE, ERR_NONE},
        {"/version", "create", ERR_FORBIDDEN, ERR_UNAUTHORIZED},
        {"/healthzz", "get", ERR_FORBIDDEN, ERR_UNAUTHORIZED},
        {"/api", "get", ERR_NONE, ERR_UNAUTHORIZED},
        {"/apis/apps/v1", "get", ERR_NONE, ERR_UNAUTHORIZED},
        {"/openapi/v3", "get", ERR_NONE, ERR_UNAUTHORIZED},
        {"/metrics", "get", ERR_FORBIDDEN, ERR_UNAUTHORIZED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {.code = ERR_NONE};
        struct auth_attributes a = {
            .user = "u", .groups = known, .verb = rows[i].verb, .path = rows[i].path};
        assert_int_equal(auth_authorize(&a, &err) < 0 ? err.code : ERR_NONE, rows[i].known);
        a.groups = strangers;
        assert_int_equal(auth_authorize(&a, &err) < 0 ? err.code : ERR_NONE, rows[i].stranger);
        a.groups = masters;
        assert_int_equal(auth_authorize(&a, &err), 0);
    }
}

static void a_refusal_says_who_what_and_where(void **state)
{
    struct err err;
    struct auth_attributes a = {.user = "u",
                                .groups = known,
                                .verb = "delete",
                                .group = "apps",
                                .resource = "deployments",
                                .subresource = "",
                                .ns = "shop",
                                .name = "web",
                                .path = "/healthz"};
    assert_int_equal(auth_authorize(&a, &err), -1);
    assert_string_equal(err.msg,
                        "deployments.apps \"web\" is forbidden: User \"u\" cannot delete resource "
                        "\"deployments\" in API group \"apps\" in the namespace \"shop\"");
    a.ns = "";
    a.name = "";
    a.group = "";
    a.resource = "nodes";
    a.subresource = "status";
    assert_int_equal(auth_authorize(&a, &err), -1);
    assert_string_equal(err.msg, "nodes is forbidden: User \"u\" cannot delete resource "
                                 "\"nodes/status\" in API group \"\" at the cluster scope");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_admin_token_makes_an_admin),
        cmocka_unit_test(an_empty_admin_token_admits_nobody),
        cmocka_unit_test(who_says_nothing_is_a_stranger),
        cmocka_unit_test(a_certificate_names_user_and_group),
        cmocka_unit_test(service_accounts_prove_themselves),
        cmocka_unit_test(a_token_that_was_touched_is_none),
        cmocka_unit_test(a_token_cannot_choose_how_it_is_checked),
        cmocka_unit_test(paths_are_for_all_for_some_for_none),
        cmocka_unit_test(a_refusal_says_who_what_and_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
