/* SPDX-License-Identifier: Apache-2.0 */
/* Pod Security "baseline", without its rule against host ports: here they are forwarded by the
 * host's container, not taken from the machine. */
#include <string.h>

#include "admission/admission_impl.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

static const char *const container_lists[] = {"initContainers", "containers",
                                              "ephemeralContainers"};

static bool is_one_of(const char *s, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(s, *list) == 0) {
            return true;
        }
    }
    return false;
}

static void add(struct str *out, const char *violation)
{
    str_add_f(out, "%s%s", out->len > 0 ? ", " : "", violation);
}

/* ---- rules about containers: those that break one are named together ---- */

/* Whether the container breaks the rule; `what` gains what it did, when that has to be said. */
typedef bool breaks_fn(const json_t *container, struct str *what);

static bool is_privileged(const json_t *c, struct str *what)
{
    return jx_bool(c, "securityContext.privileged", false);
}

static bool adds_capabilities(const json_t *c, struct str *what)
{
    static const char *const allowed[] = {
        "AUDIT_WRITE",      "CHOWN",   "DAC_OVERRIDE", "FOWNER",  "FSETID", "KILL",       "MKNOD",
        "NET_BIND_SERVICE", "SETFCAP", "SETGID",       "SETPCAP", "SETUID", "SYS_CHROOT", NULL};
    bool breaks = false;
    size_t i;
    const json_t *v;
    jx_each(i, v, jx_arr(c, "securityContext.capabilities.add"))
    {
        const char *name = json_string_value(v);
        if (name == NULL || is_one_of(name, allowed)) {
            continue;
        }
        breaks = true;
        cleanup_free char *quoted = xasprintf("\"%s\"", name);
        if (strstr(str_c(what), quoted) == NULL) {
            add(what, quoted);
        }
    }
    return breaks;
}

static bool unmasks_proc(const json_t *c, struct str *what)
{
    return strcmp(jx_str(c, "securityContext.procMount", "Default"), "Default") != 0;
}

static bool is_unconfined(const json_t *c, struct str *what)
{
    return strcmp(jx_str(c, "securityContext.seccompProfile.type", ""), "Unconfined") == 0;
}

static bool has_no_apparmor(const json_t *c, struct str *what)
{
    return strcmp(jx_str(c, "securityContext.appArmorProfile.type", ""), "Unconfined") == 0;
}

static bool sets_selinux(const json_t *c, struct str *what)
{
    static const char *const allowed[] = {
        "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t", NULL};
    const json_t *o = jx_obj(c, "securityContext.seLinuxOptions");
    return !is_one_of(jx_get_str(o, "type", ""), allowed) || jx_get_str(o, "user", "")[0] != '\0' ||
           jx_get_str(o, "role", "")[0] != '\0';
}

static bool is_host_process(const json_t *c, struct str *what)
{
    return jx_bool(c, "securityContext.windowsOptions.hostProcess", false);
}

/* The host's agent makes the probes: they lead to the pod, and nowhere else. */
static bool probes_elsewhere(const json_t *c, struct str *what)
{
    static const char *const paths[] = {
        "livenessProbe.httpGet.host",       "livenessProbe.tcpSocket.host",
        "readinessProbe.httpGet.host",      "readinessProbe.tcpSocket.host",
        "startupProbe.httpGet.host",        "startupProbe.tcpSocket.host",
        "lifecycle.postStart.httpGet.host", "lifecycle.postStart.tcpSocket.host",
        "lifecycle.preStop.httpGet.host",   "lifecycle.preStop.tcpSocket.host"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (jx_str(c, paths[i], "")[0] != '\0') {
            str_clear(what);
            str_add(what, paths[i]);
            return true;
        }
    }
    return false;
}

/* `format` holds one %s for `what`, or none. */
static void check_containers(const json_t *spec, breaks_fn *breaks, const char *rule,
                             const char *before, const char *after, struct str *out)
{
    cleanup_str struct str names = STR_INIT, what = STR_INIT;
    size_t found = 0;
    for (size_t l = 0; l < ARRAY_LEN(container_lists); l++) {
        size_t i;
        const json_t *c;
        jx_each(i, c, jx_get(spec, container_lists[l]))
        {
            if (breaks(c, &what)) {
                str_add_f(&names, "%s\"%s\"", found++ > 0 ? ", " : "", jx_get_str(c, "name", ""));
            }
        }
    }
    if (found > 0) {
        cleanup_free char *text =
            xasprintf("%s (container%s %s %s%s%s)", rule, found > 1 ? "s" : "", names.p, before,
                      str_c(&what), after);
        add(out, text);
    }
}

/* ---- rules about the pod ---- */

static void check_host_namespaces(const json_t *spec, struct str *out)
{
    static const char *const fields[] = {"hostNetwork", "hostPID", "hostIPC"};
    cleanup_str struct str which = STR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (json_is_true(jx_get(spec, fields[i]))) {
            str_add_f(&which, "%s%s=true", which.len > 0 ? ", " : "", fields[i]);
        }
    }
    if (which.len > 0) {
        cleanup_free char *text = xasprintf("host namespaces (%s)", which.p);
        add(out, text);
    }
}

static void check_host_paths(const json_t *spec, struct str *out)
{
    cleanup_str struct str which = STR_INIT;
    size_t i, found = 0;
    const json_t *v;
    jx_each(i, v, jx_get(spec, "volumes"))
    {
        if (jx_get(v, "hostPath") != NULL) {
            str_add_f(&which, "%s\"%s\"", found++ > 0 ? ", " : "", jx_get_str(v, "name", ""));
        }
    }
    if (found > 0) {
        cleanup_free char *text =
            xasprintf("hostPath volumes (volume%s %s)", found > 1 ? "s" : "", which.p);
        add(out, text);
    }
}

static void check_sysctls(const json_t *spec, struct str *out)
{
    static const char *const safe[] = {"kernel.shm_rmid_forced",
                                       "net.ipv4.ip_local_port_range",
                                       "net.ipv4.ip_local_reserved_ports",
                                       "net.ipv4.ip_unprivileged_port_start",
                                       "net.ipv4.ping_group_range",
                                       "net.ipv4.tcp_fin_timeout",
                                       "net.ipv4.tcp_keepalive_intvl",
                                       "net.ipv4.tcp_keepalive_probes",
                                       "net.ipv4.tcp_keepalive_time",
                                       "net.ipv4.tcp_syncookies",
                                       NULL};
    cleanup_str struct str which = STR_INIT;
    size_t i;
    const json_t *v;
    jx_each(i, v, jx_arr(spec, "securityContext.sysctls"))
    {
        const char *name = jx_get_str(v, "name", "");
        if (!is_one_of(name, safe)) {
            add(&which, name);
        }
    }
    if (which.len > 0) {
        cleanup_free char *text = xasprintf("forbidden sysctls (%s)", which.p);
        add(out, text);
    }
}

/* The pod's own security context: `spec` has one just as a container has. */
static void check_pod_context(const json_t *spec, struct str *out)
{
    if (is_unconfined(spec, NULL)) {
        add(out, "seccompProfile (pod must not set securityContext.seccompProfile.type to "
                 "\"Unconfined\")");
    }
    if (has_no_apparmor(spec, NULL)) {
        add(out, "forbidden AppArmor profile (pod must not set "
                 "securityContext.appArmorProfile.type to \"Unconfined\")");
    }
    if (sets_selinux(spec, NULL)) {
        add(out, "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions)");
    }
    if (is_host_process(spec, NULL)) {
        add(out, "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)");
    }
}

void admission_security_check(const json_t *spec, struct str *out)
{
    static const struct {
        breaks_fn *breaks;
        const char *rule, *before, *after;
    } rules[] = {
        {is_privileged, "privileged", "must not set securityContext.privileged=true", ""},
        {adds_capabilities, "non-default capabilities", "must not include ",
         " in securityContext.capabilities.add"},
        {unmasks_proc, "procMount", "must not set securityContext.procMount to \"Unmasked\"", ""},
        {is_unconfined, "seccompProfile",
         "must not set securityContext.seccompProfile.type to \"Unconfined\"", ""},
        {has_no_apparmor, "forbidden AppArmor profile",
         "must not set securityContext.appArmorProfile.type to \"Unconfined\"", ""},
        {sets_selinux, "seLinuxOptions", "set forbidden securityContext.seLinuxOptions", ""},
        {is_host_process, "hostProcess",
         "must not set securityContext.windowsOptions.hostProcess=true", ""},
        {probes_elsewhere, "probe or lifecycle host", "must not set ", ""},
    };
    check_host_namespaces(spec, out);
    check_host_paths(spec, out);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        check_containers(spec, rules[i].breaks, rules[i].rule, rules[i].before, rules[i].after,
                         out);
    }
    check_pod_context(spec, out);
    check_sysctls(spec, out);
}
