/* SPDX-License-Identifier: Apache-2.0 */
/* First what services add, then envFrom, then env, where each may refer to those before it. */
#include "node/env.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "meta/object.h"
#include "node/downward.h"
#include "node/spec.h"

void env_fini(struct env *e)
{
    for (size_t i = 0; i < e->vars.n; i++) {
        free(e->vars.v[i]);
    }
    vec_fini(&e->vars);
}

static size_t find(const struct env *e, const char *name, size_t n)
{
    size_t i = 0;
    while (i < e->vars.n && (strncmp(e->vars.v[i], name, n) != 0 || e->vars.v[i][n] != '=')) {
        i++;
    }
    return i;
}

void env_put(struct env *e, const char *name, const char *value)
{
    size_t i = find(e, name, strlen(name));
    char *var = xasprintf("%s=%s", name, value);
    if (i < e->vars.n) {
        free(e->vars.v[i]);
        e->vars.v[i] = var;
    } else {
        vec_push(&e->vars, var);
    }
}

static const char *get_n(const struct env *e, const char *name, size_t n)
{
    size_t i = find(e, name, n);
    return i < e->vars.n ? e->vars.v[i] + n + 1 : NULL;
}

const char *env_get(const struct env *e, const char *name)
{
    return get_n(e, name, strlen(name));
}

void env_expand(const struct env *e, const char *text, struct str *out)
{
    while (*text != '\0') {
        const char *close = text[0] == '$' && text[1] == '(' ? strchr(text, ')') : NULL;
        if (text[0] == '$' && text[1] == '$') {
            str_add_c(out, '$');
            text += 2;
        } else if (close != NULL) {
            size_t n = (size_t)(close - text) - 2;
            const char *value = get_n(e, text + 2, n);
            if (value != NULL) {
                str_add(out, value);
            } else {
                str_add_n(out, text, n + 3);
            }
            text = close + 1;
        } else {
            str_add_c(out, *text++);
        }
    }
}

/* ---- services ---- */

static void put_f(struct env *e, const char *prefix, const char *suffix, const char *value)
{
    cleanup_free char *name = xasprintf("%s%s", prefix, suffix);
    env_put(e, name, value);
}

/* As a shell's variable is named: upper case, no dashes. */
static char *as_name(const char *text)
{
    char *name = xstrdup(text);
    for (char *p = name; *p != '\0'; p++) {
        *p = *p == '-' || *p == '.' ? '_' : (char)toupper((unsigned char)*p);
    }
    return name;
}

static void put_port(struct env *e, const char *name, const char *ip, const json_t *port)
{
    const char *proto = jx_get_str(port, "protocol", "TCP");
    int number = (int)jx_int(port, "port", 0);
    char digits[16], url[64], prefix[320];
    cleanup_free char *upper = as_name(proto);
    cleanup_free char *lower = xstrdup(proto);
    for (char *p = lower; *p != '\0'; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
    snprintf(digits, sizeof(digits), "%d", number);
    snprintf(url, sizeof(url), "%.8s://%.40s:%d", lower, ip, number);
    snprintf(prefix, sizeof(prefix), "%.256s_PORT_%d_%.8s", name, number, upper);
    env_put(e, prefix, url);
    put_f(e, prefix, "_PROTO", lower);
    put_f(e, prefix, "_PORT", digits);
    put_f(e, prefix, "_ADDR", ip);
}

void env_put_service(struct env *e, const json_t *service)
{
    const char *ip = jx_str(service, "spec.clusterIP", "");
    const json_t *ports = jx_arr(service, "spec.ports");
    if (ip[0] == '\0' || strcmp(ip, "None") == 0 || json_array_size(ports) == 0) {
        return;
    }
    cleanup_free char *name = as_name(object_name(service));
    const json_t *first = json_array_get(ports, 0);
    char digits[16], url[64];
    snprintf(digits, sizeof(digits), "%d", (int)jx_int(first, "port", 0));
    bool udp = strcmp(jx_get_str(first, "protocol", "TCP"), "UDP") == 0;
    snprintf(url, sizeof(url), "%s://%.40s:%s", udp ? "udp" : "tcp", ip, digits);
    put_f(e, name, "_SERVICE_HOST", ip);
    put_f(e, name, "_SERVICE_PORT", digits);
    size_t i;
    const json_t *port;
    jx_each(i, port, ports)
    {
        const char *port_name = jx_get_str(port, "name", "");
        if (port_name[0] != '\0') {
            cleanup_free char *upper = as_name(port_name);
            cleanup_free char *var = xasprintf("%s_SERVICE_PORT_%s", name, upper);
            snprintf(digits, sizeof(digits), "%d", (int)jx_int(port, "port", 0));
            env_put(e, var, digits);
        }
    }
    put_f(e, name, "_PORT", url);
    jx_each(i, port, ports)
    {
        put_port(e, name, ip, port);
    }
}

static void on_service(void *arg, const json_t *service)
{
    env_put_service(arg, service);
}

static void put_api(const struct spec_in *in, struct env *e)
{
    const json_t *api = in->find(in->arg, "services", "default", "kubernetes");
    if (api != NULL) {
        env_put_service(e, api);
    } else if (in->api_host != NULL) {
        env_put(e, "KUBERNETES_SERVICE_HOST", in->api_host);
        env_put(e, "KUBERNETES_SERVICE_PORT", "443");
    }
}

void env_put_services(const struct spec_in *in, struct env *e)
{
    put_api(in, e);
    if (in->each_service != NULL) {
        in->each_service(in->arg, object_namespace(in->pod), on_service, e);
    }
}

/* The first to be put: of what was put together before there is nothing to replace. */
static void put_links(const struct spec_in *in, struct env *e)
{
    if (!jx_bool(in->pod, "spec.enableServiceLinks", true)) {
        put_api(in, e);
        return;
    }
    if (in->links == NULL) {
        env_put_services(in, e);
        return;
    }
    for (size_t i = 0; i < in->links->vars.n; i++) {
        vec_push(&e->vars, xstrdup(in->links->vars.v[i]));
    }
}

/* ---- ConfigMaps and Secrets ---- */

/* NULL with err; NULL without (code ERR_NONE) when it may be missing. */
static const json_t *find_source(const struct spec_in *in, bool secret, const json_t *ref,
                                 struct err *err)
{
    const char *name = jx_get_str(ref, "name", "");
    const json_t *obj =
        in->find(in->arg, secret ? "secrets" : "configmaps", object_namespace(in->pod), name);
    err->code = ERR_NONE;
    if (obj == NULL && !jx_bool(ref, "optional", false)) {
        err_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", secret ? "secret" : "configmap", name);
    }
    return obj;
}

static void decode(bool secret, const char *text, struct str *out)
{
    if (!secret) {
        str_add(out, text);
    } else if (!str_unbase64(out, text, strlen(text))) {
        str_clear(out);
    }
}

static int put_from(const struct spec_in *in, const json_t *from, struct env *e, struct err *err)
{
    const json_t *ref = jx_get(from, "configMapRef");
    bool secret = ref == NULL;
    ref = secret ? jx_get(from, "secretRef") : ref;
    if (ref == NULL) {
        return 0;
    }
    const json_t *obj = find_source(in, secret, ref, err);
    if (obj == NULL) {
        return err->code == ERR_NONE ? 0 : -1;
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)jx_get(obj, "data"), key, value)
    {
        cleanup_str struct str text = STR_INIT;
        decode(secret, json_string_value(value) != NULL ? json_string_value(value) : "", &text);
        if (key[0] != '\0' && strchr(key, '=') == NULL) {
            cleanup_free char *name = xasprintf("%s%s", jx_get_str(from, "prefix", ""), key);
            env_put(e, name, str_c(&text));
        }
    }
    return 0;
}

/* 1: *out has the value. 0: there is none, and that is allowed. */
static int key_value(const struct spec_in *in, bool secret, const json_t *ref, struct str *out,
                     struct err *err)
{
    const char *key = jx_get_str(ref, "key", "");
    const json_t *obj = find_source(in, secret, ref, err);
    if (obj == NULL) {
        return err->code == ERR_NONE ? 0 : -1;
    }
    const char *text = jx_get_str(jx_get(obj, "data"), key, NULL);
    if (text == NULL && jx_bool(ref, "optional", false)) {
        return 0;
    }
    if (text == NULL) {
        return err_set(err, ERR_NOT_FOUND, "couldn't find key %s in %s %s/%s", key,
                       secret ? "Secret" : "ConfigMap", object_namespace(in->pod),
                       jx_get_str(ref, "name", ""));
    }
    decode(secret, text, out);
    return 1;
}

static int value_from(const struct spec_in *in, const json_t *from, struct str *out,
                      struct err *err)
{
    const json_t *ref;
    if ((ref = jx_get(from, "configMapKeyRef")) != NULL) {
        return key_value(in, false, ref, out, err);
    }
    if ((ref = jx_get(from, "secretKeyRef")) != NULL) {
        return key_value(in, true, ref, out, err);
    }
    if ((ref = jx_get(from, "fieldRef")) != NULL) {
        return downward_field(in, jx_get_str(ref, "fieldPath", ""), out, err) < 0 ? -1 : 1;
    }
    if ((ref = jx_get(from, "resourceFieldRef")) != NULL) {
        return downward_resource(in, ref, out, err) < 0 ? -1 : 1;
    }
    return err_set(err, ERR_INVALID, "this kind of valueFrom is not supported");
}

int env_build(const struct spec_in *in, struct env *e, struct err *err)
{
    size_t i;
    const json_t *item;
    put_links(in, e);
    jx_each(i, item, jx_get(in->container, "envFrom"))
    {
        if (put_from(in, item, e, err) < 0) {
            return -1;
        }
    }
    jx_each(i, item, jx_get(in->container, "env"))
    {
        cleanup_str struct str value = STR_INIT;
        const json_t *from = jx_get(item, "valueFrom");
        int rc = 1;
        if (from != NULL) {
            rc = value_from(in, from, &value, err);
        } else {
            env_expand(e, jx_get_str(item, "value", ""), &value);
        }
        if (rc < 0) {
            return -1;
        }
        if (rc > 0) {
            env_put(e, jx_get_str(item, "name", ""), str_c(&value));
        }
    }
    return 0;
}
