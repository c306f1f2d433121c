/* SPDX-License-Identifier: Apache-2.0 */
/* The smaller bodies: update, exec, volumes; and the fields that they share with the great one. */
#include "hosts/dock/dock_create_impl.h"

#include <string.h>
#include <strings.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

enum { CPU_PERIOD_US = 100000, CPU_QUOTA_MIN_US = 1000 };

/* ---- shared fields ---- */

int dock_create_labels_read(void *arg, const char *path, const json_t *v, json_t *out,
                            struct err *err)
{
    static const struct dock_field texts = DOCK_TAKE("Labels", DOCK_TEXTS);
    const struct dock_field table[] = {texts, {0}};
    json_auto_t *wrapped = json_pack("{s:O}", "Labels", v);
    const char *key;
    json_t *value;
    if (dock_fields_read(table, wrapped, "", out, arg, err) != 0) {
        return err_wrap(err, "%s", path);
    }
    json_object_foreach(json_object_get(out, "Labels"), key, value)
    {
        if (strncasecmp(key, DOCK_LABELS, strlen(DOCK_LABELS)) == 0) {
            return err_set(err, ERR_FORBIDDEN, "%s: labels %s... are podlab's own: %.100s", path,
                           DOCK_LABELS, key);
        }
    }
    return 0;
}

/* Docker knows more processors or fewer than this host has: a quota says the same. */
int dock_create_nano_cpus(void *arg, const char *path, const json_t *v, json_t *out,
                          struct err *err)
{
    (void)arg;
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < 0 || n > (json_int_t)1000000 * 1000000000) {
        return err_set(err, ERR_BAD_REQUEST, "%s is no number of processors", path);
    }
    if (n > 0) {
        json_int_t quota = n / (1000000000 / CPU_PERIOD_US);
        json_object_set_new(out, "CpuPeriod", json_integer(CPU_PERIOD_US));
        json_object_set_new(out, "CpuQuota",
                            json_integer(quota < CPU_QUOTA_MIN_US ? CPU_QUOTA_MIN_US : quota));
    }
    return 0;
}

/* -1: the daemon's own. */
int dock_create_swappiness(void *arg, const char *path, const json_t *v, json_t *out,
                           struct err *err)
{
    (void)arg;
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < -1 || n > 100) {
        return err_set(err, ERR_BAD_REQUEST, "%s must be between 0 and 100", path);
    }
    if (n >= 0) {
        json_object_set_new(out, "MemorySwappiness", json_integer(n));
    }
    return 0;
}

int dock_create_pids(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    (void)arg;
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v)) {
        return err_set(err, ERR_BAD_REQUEST, "%s must be a whole number", path);
    }
    json_object_set_new(out, "PidsLimit", json_integer(n > 0 && n < DOCK_PIDS ? n : DOCK_PIDS));
    return 0;
}

/* ---- update ---- */

struct update {
    struct dock_policy *policy;
    bool *has;
};

static int update_policy(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    struct update *u = arg;
    (void)path, (void)out;
    *u->has = jx_get_str(v, "Name", "")[0] != '\0';
    return dock_policy_read(v, u->policy, err);
}

static const struct dock_field update_fields[] = {
    DOCK_LIMITS,
    DOCK_TAKE("NanoCpus", DOCK_OWN, .fn = dock_create_nano_cpus),
    DOCK_REFUSE("Init", "an init is chosen when the container is made"),
    DOCK_TAKE("RestartPolicy", DOCK_OWN, .fn = update_policy),
    {0},
};

int dock_update_read(const char *body, size_t n, json_t *ret, struct dock_policy *policy,
                     bool *ret_has_policy, struct err *err)
{
    struct update u = {policy, ret_has_policy};
    const char *key;
    json_t *value;
    void *next;
    *ret_has_policy = false;
    if (dock_fields_parse(update_fields, body, n, ret, &u, err) != 0) {
        return -1;
    }
    json_object_foreach_safe(ret, next, key, value)
    {
        if (json_integer_value(value) == 0) { /* unchanged */
            json_object_del(ret, key);
        }
    }
    return 0;
}

/* ---- exec ---- */

static const struct dock_field exec_fields[] = {
    DOCK_TAKE("AttachStderr", DOCK_BOOL),
    DOCK_TAKE("AttachStdin", DOCK_BOOL),
    DOCK_TAKE("AttachStdout", DOCK_BOOL),
    DOCK_TAKE("Cmd", DOCK_STRS),
    DOCK_TAKE("ConsoleSize", DOCK_IGNORE),
    DOCK_TAKE("Detach", DOCK_IGNORE),
    DOCK_TAKE("DetachKeys", DOCK_STR),
    DOCK_TAKE("Env", DOCK_STRS),
    DOCK_REFUSE("Privileged", DOCK_OUTSIDE("a privileged process")),
    DOCK_TAKE("Tty", DOCK_BOOL),
    DOCK_TAKE("User", DOCK_STR),
    DOCK_TAKE("WorkingDir", DOCK_STR),
    {0},
};

int dock_exec_read(const char *body, size_t n, json_t *ret, struct err *err)
{
    return dock_fields_parse(exec_fields, body, n, ret, NULL, err);
}

static const struct dock_field exec_start_fields[] = {
    DOCK_TAKE("ConsoleSize", DOCK_IGNORE),
    DOCK_TAKE("Detach", DOCK_BOOL),
    DOCK_TAKE("Tty", DOCK_BOOL),
    {0},
};

int dock_exec_start_read(const char *body, size_t n, json_t *ret, struct err *err)
{
    return dock_fields_parse(exec_start_fields, body, n, ret, NULL, err);
}

/* ---- volumes ---- */

static const struct dock_field new_volume_fields[] = {
    DOCK_REFUSE("ClusterVolumeSpec", "there are no cluster volumes here"),
    DOCK_TAKE("Driver", DOCK_STR),
    DOCK_REFUSE("DriverOpts", "options of a volume's driver could reach into the machine below"),
    DOCK_TAKE("Labels", DOCK_OWN, .fn = dock_create_labels_read),
    DOCK_TAKE("Name", DOCK_STR),
    {0},
};

int dock_volume_read(const char *body, size_t n, json_t *ret, struct err *err)
{
    if (dock_fields_parse(new_volume_fields, body, n, ret, NULL, err) != 0) {
        return -1;
    }
    const char *driver = jx_get_str(ret, "Driver", "");
    if (driver[0] != '\0' && strcmp(driver, "local") != 0) {
        return err_set(err, ERR_FORBIDDEN, "Driver: volume driver %.60s: there is only local here",
                       driver);
    }
    return 0;
}
