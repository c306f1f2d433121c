/* SPDX-License-Identifier: Apache-2.0 */
/* Puts together what a container and what a sandbox is run with. */
#include "node/spec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/object.h"
#include "meta/quantity.h"
#include "node/env.h"

enum { HOSTNAME_MAX = 63 };

void spec_out_fini(struct spec_out *out)
{
    for (size_t i = 0; i < out->owned.n; i++) {
        free(out->owned.v[i]);
    }
    vec_fini(&out->owned);
    vec_fini(&out->files);
    vec_fini(&out->mounts);
    free(out->volume);
    out->volume = NULL;
}

void *spec_own(struct spec_out *out, void *p)
{
    vec_push(&out->owned, p);
    return p;
}

char *spec_volume_name(const json_t *pod, const char *volume)
{
    return xasprintf("%s-%s", object_uid(pod), volume);
}

json_t *spec_volumes(const json_t *pod)
{
    json_t *names = NULL;
    size_t i;
    const json_t *v;
    jx_each(i, v, jx_arr(pod, "spec.volumes"))
    {
        const json_t *dir = jx_get(v, "emptyDir");
        if (dir != NULL && strcmp(jx_get_str(dir, "medium", ""), "Memory") != 0) {
            names = names != NULL ? names : json_array();
            cleanup_free char *name = spec_volume_name(pod, jx_get_str(v, "name", ""));
            json_array_append_new(names, json_string(name));
        }
    }
    return names;
}

/* ---- containers ---- */

/* A list of texts with $(NAME) replaced; NULL when there is none. */
static const char *const *words(const json_t *list, const struct env *env, struct spec_out *out)
{
    size_t n = json_array_size(list);
    if (n == 0) {
        return NULL;
    }
    const char **v = spec_own(out, xcalloc(n + 1, sizeof(*v)));
    for (size_t i = 0; i < n; i++) {
        struct str text = STR_INIT;
        const char *word = json_string_value(json_array_get(list, i));
        env_expand(env, word != NULL ? word : "", &text);
        v[i] = spec_own(out, str_take(&text));
    }
    return v;
}

static const char *const *take_env(struct env *env, struct spec_out *out)
{
    const char **v = spec_own(out, xcalloc(env->vars.n + 1, sizeof(*v)));
    for (size_t i = 0; i < env->vars.n; i++) {
        v[i] = spec_own(out, env->vars.v[i]);
    }
    env->vars.n = 0;
    return v;
}

static int64_t milli(const json_t *container, const char *path)
{
    int64_t v = 0;
    return quantity_json_milli(jx_path(container, path), &v) ? v : 0;
}

static void set_resources(const json_t *container, struct runtime_spec *spec)
{
    int64_t memory = 0;
    if (quantity_json_units(jx_path(container, "resources.limits.memory"), &memory)) {
        spec->memory_limit = memory;
    }
    spec->cpu_limit_milli = milli(container, "resources.limits.cpu");
    spec->cpu_request_milli = milli(container, "resources.requests.cpu");
}

/* The container's own word, or else the pod's. */
static const json_t *security(const struct spec_in *in, const char *key)
{
    const json_t *own = jx_get(jx_get(in->container, "securityContext"), key);
    return own != NULL ? own : jx_get(jx_get(jx_get(in->pod, "spec"), "securityContext"), key);
}

static const char *const *capabilities(const struct spec_in *in, const char *which,
                                       struct spec_out *out)
{
    const json_t *list = jx_get(jx_path(in->container, "securityContext.capabilities"), which);
    size_t n = json_array_size(list);
    const char **v = n > 0 ? spec_own(out, xcalloc(n + 1, sizeof(*v))) : NULL;
    for (size_t i = 0; i < n; i++) {
        const char *cap = json_string_value(json_array_get(list, i));
        cap = cap != NULL ? cap : "";
        v[i] = spec_own(out, xstrdup(str_has_prefix(cap, "CAP_") ? cap + 4 : cap));
    }
    return v;
}

static int set_security(const struct spec_in *in, struct spec_out *out, struct err *err)
{
    struct runtime_spec *spec = &out->spec;
    const json_t *user = security(in, "runAsUser");
    const json_t *group = security(in, "runAsGroup");
    if (json_is_integer(user)) {
        spec->user =
            spec_own(out, json_is_integer(group)
                              ? xasprintf("%" PRId64 ":%" PRId64, (int64_t)json_integer_value(user),
                                          (int64_t)json_integer_value(group))
                              : xasprintf("%" PRId64, (int64_t)json_integer_value(user)));
    }
    if (json_is_true(security(in, "runAsNonRoot")) && json_is_integer(user) &&
        json_integer_value(user) == 0) {
        return err_set(err, ERR_INVALID,
                       "container's runAsUser breaks non-root policy (pod: \"%s_%s(%s)\", "
                       "container: %s)",
                       object_name(in->pod), object_namespace(in->pod), object_uid(in->pod),
                       jx_get_str(in->container, "name", ""));
    }
    spec->read_only_root = json_is_true(security(in, "readOnlyRootFilesystem"));
    spec->no_new_privileges = json_is_false(security(in, "allowPrivilegeEscalation"));
    spec->cap_add = capabilities(in, "add", out);
    spec->cap_drop = capabilities(in, "drop", out);
    return 0;
}

int spec_container(const struct spec_in *in, struct spec_out *out, struct err *err)
{
    cleanup_env struct env env = {0};
    const json_t *c = in->container;
    struct runtime_spec *spec = &out->spec;
    if (env_build(in, &env, err) < 0 || set_security(in, out, err) < 0 ||
        files_build(in, &env, out, err) < 0) {
        return -1;
    }
    spec->role = RUNTIME_APP;
    spec->image = spec_own(out, xstrdup(jx_get_str(c, "image", "")));
    spec->command = words(jx_get(c, "command"), &env, out);
    spec->args = words(jx_get(c, "args"), &env, out);
    const char *dir = jx_get_str(c, "workingDir", "");
    spec->workdir = dir[0] != '\0' ? spec_own(out, xstrdup(dir)) : NULL;
    spec->tty = jx_bool(c, "tty", false);
    spec->stdin_open = jx_bool(c, "stdin", false);
    spec->stdin_once = spec->stdin_open && jx_bool(c, "stdinOnce", false);
    set_resources(c, spec);
    spec->env = take_env(&env, out);
    spec->files = out->files.v;
    spec->nfiles = out->files.n;
    spec->mounts = out->mounts.v;
    spec->nmounts = out->mounts.n;
    return 0;
}

/* ---- sandboxes ---- */

static void add_words(struct str *out, const json_t *list)
{
    size_t i;
    const json_t *item;
    jx_each(i, item, list)
    {
        const char *word = json_string_value(item);
        str_add_f(out, "%s%s", out->len > 0 ? " " : "", word != NULL ? word : "");
    }
}

static void add_options(struct str *out, const json_t *list)
{
    size_t i;
    const json_t *item;
    jx_each(i, item, list)
    {
        const char *value = jx_get_str(item, "value", "");
        str_add_f(out, "%s%s%s%s", out->len > 0 ? " " : "", jx_get_str(item, "name", ""),
                  value[0] != '\0' ? ":" : "", value);
    }
}

/* Whom the pod asks for names: the cluster's server, unless it says otherwise. */
static void set_dns(const struct spec_in *in, struct env *env)
{
    const char *policy = jx_str(in->pod, "spec.dnsPolicy", "ClusterFirst");
    const json_t *config = jx_obj(in->pod, "spec.dnsConfig");
    bool cluster = str_has_prefix(policy, "ClusterFirst");
    const char *ns = object_namespace(in->pod);
    cleanup_str struct str servers = STR_INIT;
    cleanup_str struct str search = STR_INIT;
    cleanup_str struct str options = STR_INIT;
    if (cluster) {
        str_add(&servers, in->dns);
        str_add_f(&search, "%s.svc.cluster.local svc.cluster.local cluster.local", ns);
    }
    if (cluster && jx_find(jx_get(config, "options"), "name", "ndots") == NULL) {
        str_add(&options, "ndots:5");
    }
    add_words(&servers, jx_get(config, "nameservers"));
    add_words(&search, jx_get(config, "searches"));
    add_options(&options, jx_get(config, "options"));
    if (servers.len == 0) {
        return; /* the runtime's own */
    }
    env_put(env, "PODLAB_DNS", str_c(&servers));
    if (search.len > 0) {
        env_put(env, "PODLAB_SEARCH", str_c(&search));
    }
    env_put(env, "PODLAB_DNS_OPTIONS", options.len > 0 ? options.p : "ndots:1");
}

/* hostAliases as lines of /etc/hosts. */
static void set_aliases(const struct spec_in *in, struct env *env)
{
    cleanup_str struct str lines = STR_INIT;
    size_t i;
    const json_t *alias;
    jx_each(i, alias, jx_arr(in->pod, "spec.hostAliases"))
    {
        cleanup_str struct str names = STR_INIT;
        add_words(&names, jx_get(alias, "hostnames"));
        str_add_f(&lines, "%s\t%s\n", jx_get_str(alias, "ip", ""), str_c(&names));
    }
    if (lines.len > 0) {
        env_put(env, "PODLAB_HOSTS", lines.p);
    }
}

static char *hostname_of(const json_t *pod)
{
    const char *name = jx_str(pod, "spec.hostname", "");
    if (jx_str(pod, "spec.hostnameOverride", "")[0] != '\0') {
        name = jx_str(pod, "spec.hostnameOverride", "");
    } else if (name[0] == '\0') {
        name = object_name(pod);
    }
    char *cut = xstrndup(name, HOSTNAME_MAX);
    for (size_t n = strlen(cut); n > 0 && (cut[n - 1] == '-' || cut[n - 1] == '.'); n--) {
        cut[n - 1] = '\0'; /* a name that was cut must not end so */
    }
    return cut;
}

/* What all containers have alike is written once, by the sandbox when it starts: to put files into
 * each costs more than half of what its start does. */
static void set_share(const struct spec_in *in, struct env *env, struct spec_out *out)
{
    out->spec.share = in->share ? files_share(in, out) : NULL;
    for (size_t i = 0; i < out->files.n; i++) {
        const struct runtime_file *f = &out->files.v[i];
        cleanup_free char *name = xasprintf("PODLAB_FILE_%zu", i);
        cleanup_str struct str text = STR_INIT;
        str_add_f(&text, "%o %s\n", f->mode, f->path);
        str_add_n(&text, f->bytes, f->len);
        env_put(env, name, text.p);
    }
    out->files.n = 0;
}

void spec_sandbox(const struct spec_in *in, struct spec_out *out)
{
    cleanup_env struct env env = {0};
    set_dns(in, &env);
    set_aliases(in, &env);
    set_share(in, &env, out);
    out->spec.role = RUNTIME_SANDBOX;
    out->spec.env = take_env(&env, out);
    out->spec.hostname = spec_own(out, hostname_of(in->pod));
    out->spec.address = spec_own(out, xstrdup(in->address));
}

uint64_t spec_sandbox_hash(const struct runtime_spec *spec)
{
    cleanup_str struct str text = STR_INIT;
    for (const char *const *e = spec->env; e != NULL && *e != NULL; e++) {
        str_add_f(&text, "%s%c", *e, '\0');
    }
    str_add_f(&text, "%s%c%s", spec->hostname, '\0', spec->share != NULL ? spec->share : "");
    return str_hash(text.p, text.len);
}
