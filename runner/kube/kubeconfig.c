/* SPDX-License-Identifier: Apache-2.0 */
/* Finds context, cluster and user in a kubeconfig and resolves what they point to. */
#include "kube/kubeconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/json/yaml.h"
#include "common/mem.h"
#include "common/str.h"

static int read_file(const char *path, struct str *ret, struct err *err)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    char buf[8192];
    ssize_t n;
    if (fd < 0) {
        return err_errno(err, errno, "open %s", path);
    }
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        str_add_n(ret, buf, (size_t)n);
    }
    return n < 0 ? err_errno(err, errno, "read %s", path) : 0;
}

/* Relative to the kubeconfig. */
static char *beside(const char *config, const char *file)
{
    const char *slash = strrchr(config, '/');
    return file[0] == '/' || slash == NULL
               ? xstrdup(file)
               : xasprintf("%.*s/%s", (int)(slash - config), config, file);
}

/* `field` as a file's path, relative to the kubeconfig, or `field`-data as base64. */
static int read_pem(const char *config, const json_t *from, const char *field, char **ret,
                    struct err *err)
{
    cleanup_free char *data_field = xasprintf("%s-data", field);
    const char *data = jx_get_str(from, data_field, NULL);
    const char *file = jx_get_str(from, field, NULL);
    struct str text = STR_INIT;
    if (data != NULL) {
        if (!str_unbase64(&text, data, strlen(data))) {
            str_fini(&text);
            return err_set(err, ERR_INVALID, "%s: %s is not base64", config, data_field);
        }
    } else if (file != NULL) {
        cleanup_free char *path = beside(config, file);
        if (read_file(path, &text, err) < 0) {
            str_fini(&text);
            return err_wrap(err, "%s: %s", config, field);
        }
    } else {
        return 0;
    }
    *ret = str_take(&text);
    return 0;
}

static int read_token(const char *config, const json_t *user, char **ret, struct err *err)
{
    const char *file = jx_get_str(user, "tokenFile", NULL);
    if (file == NULL) {
        *ret = xstrdup(jx_get_str(user, "token", NULL));
        return 0;
    }
    cleanup_str struct str text = STR_INIT;
    cleanup_free char *path = beside(config, file);
    if (read_file(path, &text, err) < 0) {
        return err_wrap(err, "%s: tokenFile", config);
    }
    *ret = xstrndup(str_c(&text), strcspn(str_c(&text), "\r\n"));
    return 0;
}

static const json_t *find(const json_t *config, const char *list, const char *name,
                          const char *member)
{
    return jx_get(jx_find(jx_arr(config, list), "name", name), member);
}

static int fill(const char *path, const json_t *config, const char *context, struct kubeconfig *out,
                struct err *err)
{
    const json_t *ctx = find(config, "contexts", context, "context");
    if (ctx == NULL) {
        return err_set(err, ERR_INVALID, "%s has no context \"%s\"", path, context);
    }
    const json_t *cluster = find(config, "clusters", jx_get_str(ctx, "cluster", ""), "cluster");
    const json_t *user = find(config, "users", jx_get_str(ctx, "user", ""), "user");
    const char *server = jx_get_str(cluster, "server", NULL);
    if (server == NULL) {
        return err_set(err, ERR_INVALID, "%s: context \"%s\": its cluster has no server", path,
                       context);
    }
    out->context = xstrdup(context);
    out->server = xstrdup(server);
    size_t n = strlen(out->server);
    while (n > 0 && out->server[n - 1] == '/') {
        out->server[--n] = '\0';
    }
    out->insecure = jx_bool(cluster, "insecure-skip-tls-verify", false);
    if (jx_get(user, "exec") != NULL || jx_get(user, "auth-provider") != NULL) {
        return err_set(err, ERR_INVALID,
                       "%s: context \"%s\" logs in through a program; use a token or a client "
                       "certificate (kubectl create token ...)",
                       path, context);
    }
    return read_token(path, user, &out->token, err) < 0 ||
                   read_pem(path, cluster, "certificate-authority", &out->ca_pem, err) < 0 ||
                   read_pem(path, user, "client-certificate", &out->cert_pem, err) < 0 ||
                   read_pem(path, user, "client-key", &out->key_pem, err) < 0
               ? -1
               : 0;
}

int kubeconfig_read(const char *path, const char *context, struct kubeconfig *ret, struct err *err)
{
    cleanup_str struct str text = STR_INIT;
    json_auto_t *docs = NULL;
    struct kubeconfig out = {0};
    if (read_file(path, &text, err) < 0) {
        return -1;
    }
    if (yaml_parse(str_c(&text), text.len, &docs, err) < 0) {
        return err_wrap(err, "%s", path);
    }
    const json_t *config = json_array_get(docs, 0);
    const char *name = context != NULL ? context : jx_str(config, "current-context", "");
    if (fill(path, config, name, &out, err) < 0) {
        kubeconfig_fini(&out);
        return -1;
    }
    *ret = out;
    return 0;
}

void kubeconfig_fini(struct kubeconfig *c)
{
    free(c->context);
    free(c->server);
    free(c->ca_pem);
    free(c->cert_pem);
    free(c->key_pem);
    free(c->token);
    *c = (struct kubeconfig){0};
}
