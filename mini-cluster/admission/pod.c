/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a pod beyond its single fields: names that lead nowhere, things that exclude
 * each other. Templates are held to the same. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "admission/admission_impl.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "meta/quantity.h"

enum { PATH = 300 };

/* The pod spec, and where in the object it stands. */
struct place {
    const json_t *spec;
    const char *path;
    struct field_errs *errs;
};

/* ---- things of which exactly one must be given ---- */

/* How many of the keys an object has. */
static size_t count_of(const json_t *obj, const char *const *keys)
{
    size_t n = 0;
    for (; *keys != NULL; keys++) {
        const json_t *v = jx_get(obj, *keys);
        n += v != NULL && !json_is_null(v);
    }
    return n;
}

/* ---- probes and hooks ---- */

static const char *const handlers[] = {"exec", "grpc", "httpGet", "tcpSocket", NULL};

static void check_probe(const json_t *probe, const char *path, bool must_be_one,
                        struct field_errs *errs)
{
    size_t n = count_of(probe, handlers);
    if (n == 0) {
        field_errs_required(errs, path, "must specify a handler type");
    } else if (n > 1) {
        field_errs_forbidden(errs, path, "may not specify more than 1 handler type");
    }
    const json_t *successes = jx_get(probe, "successThreshold");
    if (must_be_one && successes != NULL && json_integer_value(successes) != 1) {
        cleanup_free char *field = xasprintf("%s.successThreshold", path);
        field_errs_invalid(errs, field, successes, "must be 1");
    }
}

static void check_probes(const json_t *c, const char *path, struct field_errs *errs)
{
    static const struct {
        const char *name;
        bool must_be_one;
    } probes[] = {{"livenessProbe", true}, {"readinessProbe", false}, {"startupProbe", true}};
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        const json_t *probe = jx_get(c, probes[i].name);
        if (probe != NULL) {
            cleanup_free char *field = xasprintf("%s.%s", path, probes[i].name);
            check_probe(probe, field, probes[i].must_be_one, errs);
        }
    }
}

/* ---- resources ---- */

static void check_resources(const json_t *c, const char *path, struct field_errs *errs)
{
    const json_t *requests = jx_obj(c, "resources.requests");
    const json_t *limits = jx_obj(c, "resources.limits");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)requests, key, value)
    {
        const json_t *limit = jx_get(limits, key);
        int64_t a, b;
        if (limit == NULL || !quantity_json_milli(value, &a) || !quantity_json_milli(limit, &b) ||
            quantity_compare(json_string_value(value), json_string_value(limit)) <= 0) {
            continue;
        }
        cleanup_free char *field = xasprintf("%s.resources.requests", path);
        cleanup_free char *detail = xasprintf("must be less than or equal to %s limit of %s", key,
                                              json_string_value(limit));
        field_errs_invalid(errs, field, value, detail);
    }
}

/* ---- environment, ports, mounts ---- */

static const char *const env_sources[] = {"configMapKeyRef",  "fieldRef",     "fileKeyRef",
                                          "resourceFieldRef", "secretKeyRef", NULL};

static void check_env(const json_t *c, const char *path, struct field_errs *errs)
{
    size_t i;
    const json_t *env;
    jx_each(i, env, jx_get(c, "env"))
    {
        const json_t *from = jx_get(env, "valueFrom");
        if (from == NULL) {
            continue;
        }
        cleanup_free char *field = xasprintf("%s.env[%zu].valueFrom", path, i);
        json_auto_t *nothing = json_string("");
        size_t n = count_of(from, env_sources);
        if (n == 0) {
            field_errs_invalid(errs, field, nothing,
                               "must specify one of: `fieldRef`, `resourceFieldRef`, "
                               "`configMapKeyRef`, `secretKeyRef` or `fileKeyRef`");
        } else if (n > 1) {
            field_errs_invalid(errs, field, nothing,
                               "may not have more than one field specified at a time");
        } else if (jx_get_str(env, "value", "")[0] != '\0') {
            field_errs_invalid(errs, field, nothing,
                               "may not be specified when `value` is not empty");
        }
    }
}

static bool port_name_before(const json_t *ports, size_t end, const char *name)
{
    for (size_t i = 0; i < end; i++) {
        if (strcmp(jx_get_str(json_array_get(ports, i), "name", ""), name) == 0) {
            return true;
        }
    }
    return false;
}

static void check_ports(const json_t *c, const char *path, struct field_errs *errs)
{
    const json_t *ports = jx_get(c, "ports"), *port;
    size_t i;
    jx_each(i, port, ports)
    {
        const char *name = jx_get_str(port, "name", "");
        if (name[0] != '\0' && port_name_before(ports, i, name)) {
            cleanup_free char *field = xasprintf("%s.ports[%zu].name", path, i);
            field_errs_duplicate(errs, field, jx_get(port, "name"));
        }
    }
}

static void check_mounts(const struct place *p, const json_t *c, const char *path)
{
    size_t i;
    const json_t *m;
    jx_each(i, m, jx_get(c, "volumeMounts"))
    {
        const char *name = jx_get_str(m, "name", "");
        if (name[0] != '\0' && jx_find(jx_get(p->spec, "volumes"), "name", name) == NULL) {
            cleanup_free char *field = xasprintf("%s.volumeMounts[%zu].name", path, i);
            field_errs_not_found(p->errs, field, jx_get(m, "name"));
        }
    }
}

static void check_image(const json_t *c, const char *path, struct field_errs *errs)
{
    const json_t *image = jx_get(c, "image");
    const char *text = json_string_value(image);
    size_t n = text != NULL ? strlen(text) : 0;
    if (n > 0 && (isspace((unsigned char)text[0]) || isspace((unsigned char)text[n - 1]))) {
        cleanup_free char *field = xasprintf("%s.image", path);
        field_errs_invalid(errs, field, image, "must not have leading or trailing whitespace");
    }
}

/* ---- containers ---- */

static void check_container(const struct place *p, const json_t *c, const char *path)
{
    check_image(c, path, p->errs);
    check_probes(c, path, p->errs);
    check_resources(c, path, p->errs);
    check_env(c, path, p->errs);
    check_ports(c, path, p->errs);
    check_mounts(p, c, path);
}

/* What runs to its end has nothing to probe; only a sidecar runs on. */
static void check_init_container(const struct place *p, const json_t *c, const char *path)
{
    static const char *const fields[] = {"lifecycle", "livenessProbe", "readinessProbe",
                                         "startupProbe"};
    bool sidecar = strcmp(jx_get_str(c, "restartPolicy", ""), "Always") == 0;
    for (size_t i = 0; i < ARRAY_LEN(fields) && !sidecar; i++) {
        if (jx_get(c, fields[i]) != NULL) {
            cleanup_free char *field = xasprintf("%s.%s", path, fields[i]);
            field_errs_forbidden(p->errs, field,
                                 "may not be set for init containers without "
                                 "restartPolicy=Always");
        }
    }
    const json_t *main = jx_find(jx_get(p->spec, "containers"), "name", jx_get_str(c, "name", ""));
    if (main != NULL) {
        cleanup_free char *field = xasprintf("%s.name", path);
        field_errs_duplicate(p->errs, field, jx_get(c, "name"));
    }
}

static void check_containers(const struct place *p)
{
    size_t i;
    const json_t *c;
    char path[PATH];
    jx_each(i, c, jx_get(p->spec, "initContainers"))
    {
        snprintf(path, sizeof(path), "%s.initContainers[%zu]", p->path, i);
        check_container(p, c, path);
        check_init_container(p, c, path);
    }
    jx_each(i, c, jx_get(p->spec, "containers"))
    {
        snprintf(path, sizeof(path), "%s.containers[%zu]", p->path, i);
        check_container(p, c, path);
    }
}

/* Two containers cannot both have the same port of the host. */
static void check_host_ports(const struct place *p)
{
    json_auto_t *seen = json_object();
    size_t i, j;
    const json_t *c, *port;
    jx_each(i, c, jx_get(p->spec, "containers"))
    {
        jx_each(j, port, jx_get(c, "ports"))
        {
            int64_t number = jx_int(port, "hostPort", 0);
            if (number == 0) {
                continue;
            }
            char key[128];
            snprintf(key, sizeof(key), "%s/%.60s/%lld", jx_get_str(port, "protocol", "TCP"),
                     jx_get_str(port, "hostIP", ""), (long long)number);
            if (json_object_get(seen, key) != NULL) {
                json_auto_t *value = json_string(key);
                cleanup_free char *field =
                    xasprintf("%s.containers[%zu].ports[%zu].hostPort", p->path, i, j);
                field_errs_duplicate(p->errs, field, value);
            }
            json_object_set_new(seen, key, json_true());
        }
    }
}

/* ---- the rest of the pod ---- */

static void check_volumes(const struct place *p)
{
    size_t i;
    const json_t *v;
    jx_each(i, v, jx_get(p->spec, "volumes"))
    {
        size_t n = json_object_size(v) - (jx_get(v, "name") != NULL);
        cleanup_free char *field = xasprintf("%s.volumes[%zu]", p->path, i);
        if (n == 0) {
            field_errs_required(p->errs, field, "must specify a volume type");
        } else if (n > 1) {
            field_errs_forbidden(p->errs, field, "may not specify more than 1 volume type");
        }
    }
}

static void check_toleration(const struct place *p, const json_t *t, const char *path)
{
    const char *op = jx_get_str(t, "operator", "");
    const char *key = jx_get_str(t, "key", "");
    bool exists = strcmp(op, "Exists") == 0;
    cleanup_free char *operator_field = xasprintf("%s.operator", path);
    if (key[0] == '\0' && !exists) {
        field_errs_invalid(p->errs, operator_field, jx_get(t, "operator"),
                           "operator must be Exists when `key` is empty, which means \"match all "
                           "values and all keys\"");
    }
    if (exists && jx_get_str(t, "value", "")[0] != '\0') {
        field_errs_invalid(p->errs, operator_field, t,
                           "value must be empty when `operator` is 'Exists'");
    }
    if (jx_get(t, "tolerationSeconds") != NULL &&
        strcmp(jx_get_str(t, "effect", ""), "NoExecute") != 0) {
        cleanup_free char *field = xasprintf("%s.effect", path);
        field_errs_invalid(p->errs, field, jx_get(t, "effect"),
                           "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
}

static void check_tolerations(const struct place *p)
{
    size_t i;
    const json_t *t;
    jx_each(i, t, jx_get(p->spec, "tolerations"))
    {
        char path[PATH];
        snprintf(path, sizeof(path), "%s.tolerations[%zu]", p->path, i);
        check_toleration(p, t, path);
    }
}

static void check_dns(const struct place *p)
{
    if (strcmp(jx_get_str(p->spec, "dnsPolicy", ""), "None") == 0 &&
        jx_len(p->spec, "dnsConfig.nameservers") == 0) {
        cleanup_free char *field = xasprintf("%s.dnsConfig.nameservers", p->path);
        field_errs_required(p->errs, field,
                            "must provide at least one DNS nameserver when `dnsPolicy` is None");
    }
}

void admission_podspec_validate(const json_t *spec, const char *path, struct field_errs *errs)
{
    struct place p = {.spec = spec, .path = path, .errs = errs};
    check_volumes(&p);
    check_containers(&p);
    check_host_ports(&p);
    check_tolerations(&p);
    check_dns(&p);
}
