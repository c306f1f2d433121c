/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA256 over header and claims. The algorithm is ours to choose, never the token's: its
 * header is compared, not read. */
#include "auth/token.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#include <jansson.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

enum { SIGNATURE = 32, MAX_TOKEN = 4096 };

static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

/* Base64 as URLs take it: no padding. */
static void add_base64url(struct str *out, const void *bytes, size_t n)
{
    size_t from = out->len;
    str_base64(out, bytes, n);
    for (size_t i = from; i < out->len; i++) {
        out->p[i] = out->p[i] == '+' ? '-' : out->p[i] == '/' ? '_' : out->p[i];
    }
    while (out->len > from && out->p[out->len - 1] == '=') {
        out->p[--out->len] = '\0';
    }
}

static bool read_base64url(struct str *out, const char *text, size_t n)
{
    cleanup_str struct str padded = STR_INIT;
    for (size_t i = 0; i < n; i++) {
        str_add_c(&padded, text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i]);
    }
    while (padded.len % 4 != 0) {
        str_add_c(&padded, '=');
    }
    return str_unbase64(out, str_c(&padded), padded.len);
}

static void sign(const unsigned char key[32], const char *text, size_t n, unsigned char ret[32])
{
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, 32, text, n, ret) < 0) {
        abort(); /* HMAC-SHA256 is always there */
    }
}

char *auth_token_make(const unsigned char key[32], const char *ns, const char *name, const char *uid)
{
    json_auto_t *claims =
        json_pack("{s:s, s:{s:s, s:{s:s, s:s}}}", "iss", "podlab", "kubernetes.io", "namespace", ns,
                  "serviceaccount", "name", name, "uid", uid);
    cleanup_free char *sub = xasprintf("system:serviceaccount:%s:%s", ns, name);
    json_object_set_new(claims, "sub", json_string(sub));
    cleanup_free char *text = jx_dump_text(claims);
    struct str out = STR_INIT;
    add_base64url(&out, header, strlen(header));
    str_add_c(&out, '.');
    add_base64url(&out, text, strlen(text));
    unsigned char mac[SIGNATURE];
    sign(key, out.p, out.len, mac);
    str_add_c(&out, '.');
    add_base64url(&out, mac, sizeof(mac));
    return str_take(&out);
}

static bool signature_is(const unsigned char key[32], const char *token, const char *last_dot)
{
    unsigned char mac[SIGNATURE];
    cleanup_str struct str given = STR_INIT;
    sign(key, token, (size_t)(last_dot - token), mac);
    return read_base64url(&given, last_dot + 1, strlen(last_dot + 1)) && given.len == SIGNATURE &&
           gnutls_memcmp(given.p, mac, SIGNATURE) == 0;
}

static bool read_claims(const char *text, size_t n, struct auth_claims *ret)
{
    cleanup_str struct str json = STR_INIT;
    json_auto_t *claims = NULL;
    struct err err;
    if (!read_base64url(&json, text, n) ||
        jx_parse(str_c(&json), json.len, true, &claims, &err) < 0) {
        return false;
    }
    const json_t *k = jx_get(claims, "kubernetes.io");
    const json_t *sa = jx_get(k, "serviceaccount");
    str_copy(ret->ns, sizeof(ret->ns), jx_get_str(k, "namespace", ""));
    str_copy(ret->name, sizeof(ret->name), jx_get_str(sa, "name", ""));
    str_copy(ret->uid, sizeof(ret->uid), jx_get_str(sa, "uid", ""));
    return ret->ns[0] != '\0' && ret->name[0] != '\0' && ret->uid[0] != '\0';
}

bool auth_token_verify(const unsigned char key[32], const char *token, struct auth_claims *ret)
{
    const char *first = strchr(token, '.');
    const char *last = strrchr(token, '.');
    if (first == NULL || first == last || strlen(token) > MAX_TOKEN) {
        return false;
    }
    return signature_is(key, token, last) &&
           read_claims(first + 1, (size_t)(last - first - 1), ret);
}
