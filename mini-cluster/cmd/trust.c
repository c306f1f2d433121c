/* SPDX-License-Identifier: Apache-2.0 */
/* Makes and keeps what a client needs to trust the API. */
#include "cmd/trust.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/json/yaml.h"
#include "common/mem.h"
#include "common/str.h"

enum { DAY = 86400 };

static int new_serial(uint8_t serial[16], struct err *err)
{
    if (getrandom(serial, 16, 0) != 16) {
        return err_set(err, ERR_INTERNAL, "the system gives no random bytes");
    }
    return 0;
}

static int make_ca(const struct state *s, struct certs_pair *ret, struct err *err)
{
    ret->cert_pem = state_read(s, "ca.crt");
    ret->key_pem = state_read(s, "ca.key");
    if (ret->cert_pem != NULL && ret->key_pem != NULL) {
        return 0;
    }
    certs_pair_fini(ret);
    cleanup_free char *half = state_path(s, "ca.crt");
    unlink(half); /* never an old certificate beside a new key */
    uint8_t serial[16];
    int64_t now = time(NULL);
    cleanup_free char *cn = xasprintf("podlab %s", s->name);
    if (new_serial(serial, err) < 0 ||
        certs_make_ca(cn, serial, now - DAY, now + (int64_t)3650 * DAY, ret, err) < 0) {
        return err_wrap(err, "make the cluster's certificate authority");
    }
    return state_write(s, "ca.key", ret->key_pem, 0600, err) < 0 ||
                   state_write(s, "ca.crt", ret->cert_pem, 0644, err) < 0
               ? -1
               : 0;
}

int trust_make(const struct state *s, const char *const *names, struct certs_pair *ret_ca,
               struct certs_pair *ret_server, struct err *err)
{
    struct certs_pair ca = {0};
    int64_t now = time(NULL);
    struct certs_leaf leaf = {
        .cn = "mini-cluster",
        .names = names,
        .server = 1,
        .not_before = now - DAY,
        .not_after = now + (int64_t)365 * DAY,
    };
    if (make_ca(s, &ca, err) < 0 || new_serial(leaf.serial, err) < 0 ||
        certs_issue(&ca, &leaf, ret_server, err) < 0) {
        certs_pair_fini(&ca);
        return err_wrap(err, "the certificates in %.200s", s->dir);
    }
    *ret_ca = ca;
    return 0;
}

int trust_write_kubeconfig(const struct state *s, const char *ca_pem, const char *token, int port,
                           struct err *err)
{
    struct str ca = STR_INIT;
    str_base64(&ca, ca_pem, strlen(ca_pem));
    cleanup_free char *context = xasprintf("podlab-%s", s->name);
    cleanup_free char *server = xasprintf("https://127.0.0.1:%d", port);
    json_auto_t *config =
        json_pack("{s:s, s:s, s:s, s:[{s:s, s:{s:s, s:s}}], s:[{s:s, s:{s:s}}],"
                  " s:[{s:s, s:{s:s, s:s, s:s}}]}",
                  "apiVersion", "v1", "kind", "Config", "current-context", context, "clusters",
                  "name", context, "cluster", "server", server, "certificate-authority-data",
                  str_c(&ca), "users", "name", context, "user", "token", token, "contexts", "name",
                  context, "context", "cluster", context, "user", context, "namespace", "default");
    str_fini(&ca);
    cleanup_str struct str text = STR_INIT;
    yaml_dump(&text, config);
    return state_write(s, "kubeconfig", str_c(&text), 0600, err);
}
