/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes: those that are made of data become files of the container, written before it starts;
 * empty folders become mounts. */
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/object.h"
#include "node/downward.h"
#include "node/env.h"
#include "node/spec.h"

#define ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

enum { DEFAULT_MODE = 0644 };

/* One mount of one volume. */
struct mount {
    const struct spec_in *in;
    struct spec_out *out;
    const char *volume; /* its name */
    char *path;         /* where, without a slash at the end; owned */
    char *sub;          /* only this part; "" all; owned */
    unsigned mode;      /* of its files */
};

/* ---- files ---- */

static void add_file(struct spec_out *out, char *path, const void *bytes, size_t n, unsigned mode)
{
    struct runtime_file f = {.path = spec_own(out, path),
                             .bytes = spec_own(out, xmemdup(n > 0 ? bytes : "", n > 0 ? n : 1)),
                             .len = n,
                             .mode = mode};
    vec_push(&out->files, f);
}

/* A file of the volume, if it is in the part that is mounted. */
static void put(struct mount *m, const char *name, const void *bytes, size_t n, unsigned mode)
{
    size_t sub = strlen(m->sub);
    if (sub == 0) {
        add_file(m->out, xasprintf("%s/%s", m->path, name), bytes, n, mode);
    } else if (strcmp(name, m->sub) == 0) {
        add_file(m->out, xstrdup(m->path), bytes, n, mode);
    } else if (strncmp(name, m->sub, sub) == 0 && name[sub] == '/') {
        add_file(m->out, xasprintf("%s%s", m->path, name + sub), bytes, n, mode);
    }
}

static unsigned mode_of(const json_t *item, unsigned dflt)
{
    return (unsigned)jx_int(item, "mode", dflt) & 0777u;
}

/* ---- ConfigMaps and Secrets ---- */

/* One key of `obj` as a file; false when there is no such key. */
static bool put_key(struct mount *m, const json_t *obj, bool secret, const char *key,
                    const char *path, unsigned mode)
{
    const char *text = jx_get_str(jx_get(obj, "data"), key, NULL);
    const char *binary = secret ? text : jx_get_str(jx_get(obj, "binaryData"), key, NULL);
    cleanup_str struct str bytes = STR_INIT;
    if (binary != NULL && (secret || text == NULL)) {
        if (!str_unbase64(&bytes, binary, strlen(binary))) {
            str_clear(&bytes);
        }
    } else if (text != NULL) {
        str_add(&bytes, text);
    } else {
        return false;
    }
    put(m, path, str_c(&bytes), bytes.len, mode);
    return true;
}

static void put_all(struct mount *m, const json_t *obj, bool secret)
{
    static const char *const maps[] = {"data", "binaryData"};
    for (size_t i = 0; i < (secret ? 1 : ARRAY_LEN(maps)); i++) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)jx_get(obj, maps[i]), key, value)
        {
            put_key(m, obj, secret, key, key, m->mode);
        }
    }
}

static int put_items(struct mount *m, const json_t *obj, bool secret, const json_t *source,
                     struct err *err)
{
    size_t i;
    const json_t *item;
    jx_each(i, item, jx_get(source, "items"))
    {
        const char *key = jx_get_str(item, "key", "");
        if (!put_key(m, obj, secret, key, jx_get_str(item, "path", key), mode_of(item, m->mode)) &&
            !jx_bool(source, "optional", false)) {
            return err_set(err, ERR_NOT_FOUND, "references non-existent %s key: %s",
                           secret ? "secret" : "config", key);
        }
    }
    return 0;
}

static int put_source(struct mount *m, const json_t *source, bool secret, const char *name,
                      struct err *err)
{
    const char *gr = secret ? "secrets" : "configmaps";
    const json_t *obj = m->in->find(m->in->arg, gr, object_namespace(m->in->pod), name);
    if (obj == NULL && !secret && strcmp(name, "kube-root-ca.crt") == 0 && m->in->ca_pem != NULL) {
        put(m, "ca.crt", m->in->ca_pem, strlen(m->in->ca_pem), m->mode);
        return 0;
    }
    if (obj == NULL && jx_bool(source, "optional", false)) {
        return 0;
    }
    if (obj == NULL) {
        return err_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", secret ? "secret" : "configmap",
                       name);
    }
    if (jx_get(source, "items") != NULL) {
        return put_items(m, obj, secret, source, err);
    }
    put_all(m, obj, secret);
    return 0;
}

/* ---- facts about the pod ---- */

static int put_downward(struct mount *m, const json_t *items, struct err *err)
{
    size_t i;
    const json_t *item;
    jx_each(i, item, items)
    {
        cleanup_str struct str text = STR_INIT;
        const json_t *field = jx_get(item, "fieldRef");
        const json_t *resource = jx_get(item, "resourceFieldRef");
        int rc = field != NULL
                     ? downward_field(m->in, jx_get_str(field, "fieldPath", ""), &text, err)
                     : downward_resource(m->in, resource, &text, err);
        if (rc < 0) {
            return -1;
        }
        put(m, jx_get_str(item, "path", ""), str_c(&text), text.len, mode_of(item, m->mode));
    }
    return 0;
}

/* ---- service accounts ---- */

static int put_token(struct mount *m, const char *name, struct err *err)
{
    const struct spec_in *in = m->in;
    const char *account = jx_str(in->pod, "spec.serviceAccountName", "default");
    const char *ns = object_namespace(in->pod);
    const json_t *obj = in->find(in->arg, "serviceaccounts", ns, account);
    if (in->token == NULL) {
        return err_set(err, ERR_INVALID, "no tokens for service accounts are made here");
    }
    if (obj == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "failed to fetch token: serviceaccounts \"%s\" not found", account);
    }
    cleanup_free char *token = in->token(in->arg, ns, account, object_uid(obj));
    put(m, name, token, strlen(token), m->mode);
    return 0;
}

static int put_projection(struct mount *m, const json_t *source, struct err *err)
{
    const json_t *part;
    if ((part = jx_get(source, "configMap")) != NULL) {
        return put_source(m, part, false, jx_get_str(part, "name", ""), err);
    }
    if ((part = jx_get(source, "secret")) != NULL) {
        return put_source(m, part, true, jx_get_str(part, "name", ""), err);
    }
    if ((part = jx_get(source, "downwardAPI")) != NULL) {
        return put_downward(m, jx_get(part, "items"), err);
    }
    if ((part = jx_get(source, "serviceAccountToken")) != NULL) {
        return put_token(m, jx_get_str(part, "path", "token"), err);
    }
    return err_set(err, ERR_INVALID,
                   "this source of a projected volume is not supported; use "
                   "configMap, secret, downwardAPI or serviceAccountToken");
}

/* Wants the token of its service account: the pod says so, or else the account, or else yes. */
static bool wants_account(const struct spec_in *in)
{
    const json_t *own = jx_path(in->pod, "spec.automountServiceAccountToken");
    if (in->token == NULL || json_is_boolean(own)) {
        return in->token != NULL && json_is_true(own);
    }
    const char *account = jx_str(in->pod, "spec.serviceAccountName", "default");
    const json_t *obj = in->find(in->arg, "serviceaccounts", object_namespace(in->pod), account);
    return jx_bool(obj, "automountServiceAccountToken", true);
}

static int add_account(struct mount *m, struct err *err)
{
    const char *ca = m->in->ca_pem != NULL ? m->in->ca_pem : "";
    const char *ns = object_namespace(m->in->pod);
    if (put_token(m, "token", err) < 0) {
        return -1;
    }
    put(m, "ca.crt", ca, strlen(ca), m->mode);
    put(m, "namespace", ns, strlen(ns), m->mode);
    return 0;
}

/* ---- volumes ---- */

static int add_empty_dir(struct mount *m, const json_t *dir, bool read_only, struct err *err)
{
    if (m->sub[0] != '\0') {
        return err_set(err, ERR_INVALID,
                       "subPath of an emptyDir is not supported here; mount the "
                       "whole volume");
    }
    bool memory = strcmp(jx_get_str(dir, "medium", ""), "Memory") == 0;
    struct runtime_mount mount = {
        .path = spec_own(m->out, xstrdup(m->path)),
        .volume = memory ? NULL : spec_own(m->out, spec_volume_name(m->in->pod, m->volume)),
        .read_only = read_only,
        .keep = !memory};
    vec_push(&m->out->mounts, mount);
    return 0;
}

/* What the volume is made of: its member beside "name". */
static const char *kind_of(const json_t *volume)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)volume, key, value)
    {
        if (strcmp(key, "name") != 0) {
            return key;
        }
    }
    return "emptyDir";
}

static int add_volume(struct mount *m, const json_t *volume, bool read_only, struct err *err)
{
    const char *kind = kind_of(volume);
    const json_t *source = jx_get(volume, kind);
    m->mode = (unsigned)jx_int(source, "defaultMode", DEFAULT_MODE) & 0777u;
    if (strcmp(kind, "emptyDir") == 0) {
        return add_empty_dir(m, source, read_only, err);
    }
    if (strcmp(kind, "configMap") == 0) {
        return put_source(m, source, false, jx_get_str(source, "name", ""), err);
    }
    if (strcmp(kind, "secret") == 0) {
        return put_source(m, source, true, jx_get_str(source, "secretName", ""), err);
    }
    if (strcmp(kind, "downwardAPI") == 0) {
        return put_downward(m, jx_get(source, "items"), err);
    }
    if (strcmp(kind, "projected") != 0) {
        return err_set(err, ERR_INVALID,
                       "volumes of kind %s are not supported by this cluster; use emptyDir, "
                       "configMap, secret, downwardAPI or projected",
                       kind);
    }
    size_t i;
    const json_t *part;
    jx_each(i, part, jx_get(source, "sources"))
    {
        if (put_projection(m, part, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static char *without_slash(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    return xstrndup(path, n);
}

static int add_mount(const struct spec_in *in, const json_t *vm, const struct env *env,
                     struct spec_out *out, struct err *err)
{
    const char *name = jx_get_str(vm, "name", "");
    const json_t *volume = jx_find(jx_arr(in->pod, "spec.volumes"), "name", name);
    cleanup_str struct str sub = STR_INIT;
    env_expand(env, jx_get_str(vm, "subPathExpr", ""), &sub);
    str_add(&sub, jx_get_str(vm, "subPath", ""));
    cleanup_free char *path = without_slash(jx_get_str(vm, "mountPath", "/"));
    cleanup_free char *part = without_slash(str_c(&sub));
    struct mount m = {in, out, name, path, part, DEFAULT_MODE};
    int rc = volume == NULL ? err_set(err, ERR_INVALID, "the pod has no such volume")
                            : add_volume(&m, volume, jx_bool(vm, "readOnly", false), err);
    if (rc < 0) {
        free(out->volume);
        out->volume = xstrdup(name);
    }
    return rc;
}

int files_build(const struct spec_in *in, const struct env *env, struct spec_out *out,
                struct err *err)
{
    bool account = wants_account(in);
    size_t i;
    const json_t *vm;
    jx_each(i, vm, jx_get(in->container, "volumeMounts"))
    {
        account &= !str_has_prefix(jx_get_str(vm, "mountPath", ""), ACCOUNT_DIR);
        if (add_mount(in, vm, env, out, err) < 0) {
            return -1;
        }
    }
    char path[] = ACCOUNT_DIR, all[] = "";
    struct mount m = {in, out, "kube-api-access", path, all, DEFAULT_MODE};
    if (account && in->share) {
        out->spec.share = ACCOUNT_DIR;
    } else if (account && add_account(&m, err) < 0) {
        free(out->volume);
        out->volume = xstrdup(m.volume);
        return -1;
    }
    return 0;
}

const char *files_share(const struct spec_in *in, struct spec_out *out)
{
    char path[] = ACCOUNT_DIR, all[] = "";
    struct mount m = {in, out, "kube-api-access", path, all, DEFAULT_MODE};
    struct err err;
    return wants_account(in) && add_account(&m, &err) == 0 ? ACCOUNT_DIR : NULL;
}
