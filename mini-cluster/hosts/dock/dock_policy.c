/* SPDX-License-Identifier: Apache-2.0 */
/* The four policies, as Docker has them. */
#include "hosts/dock/dock_policy.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"

#define FIRST_NS LOOP_MS(100)
#define MAX_NS LOOP_S(60)
#define WELL_NS LOOP_S(10)

static const char *const names[] = {
    [DOCK_NEVER] = "no",
    [DOCK_ALWAYS] = "always",
    [DOCK_UNLESS_STOPPED] = "unless-stopped",
    [DOCK_ON_FAILURE] = "on-failure",
};

static int read_name(const char *name, struct dock_policy *ret, struct err *err)
{
    ret->restart = DOCK_NEVER;
    if (name[0] == '\0') {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) == 0) {
            ret->restart = (enum dock_restart)i;
            return 0;
        }
    }
    return err_set(err, ERR_BAD_REQUEST, "invalid restart policy '%.60s'", name);
}

int dock_policy_read(const json_t *v, struct dock_policy *ret, struct err *err)
{
    const char *key;
    json_t *value;
    *ret = (struct dock_policy){0};
    if (v == NULL || json_is_null(v)) {
        return 0;
    }
    if (!json_is_object(v)) {
        return err_set(err, ERR_BAD_REQUEST, "RestartPolicy must be an object");
    }
    json_object_foreach((json_t *)(uintptr_t)v, key, value)
    {
        bool known = (strcmp(key, "Name") == 0 && json_is_string(value)) ||
                     (strcmp(key, "MaximumRetryCount") == 0 && json_is_integer(value));
        if (!known) {
            return err_set(err, ERR_BAD_REQUEST,
                           "RestartPolicy.%.60s: a Name and a MaximumRetryCount are all there is",
                           key);
        }
    }
    ret->max = jx_int(v, "MaximumRetryCount", 0);
    if (read_name(jx_get_str(v, "Name", ""), ret, err) != 0) {
        return -1;
    }
    if (ret->max != 0 && ret->restart != DOCK_ON_FAILURE) {
        return err_set(err, ERR_BAD_REQUEST,
                       "maximum retry count cannot be used with restart policy '%s'",
                       names[ret->restart]);
    }
    if (ret->max < 0) {
        return err_set(err, ERR_BAD_REQUEST, "maximum retry count cannot be negative");
    }
    return 0;
}

json_t *dock_policy_show(const struct dock_policy *p)
{
    return json_pack("{s:s, s:I}", "Name", names[p->restart], "MaximumRetryCount",
                     (json_int_t)p->max);
}

bool dock_policy_wants(const struct dock_policy *p, const struct dock_end *e)
{
    switch (p->restart) {
    case DOCK_ALWAYS:
        return e->power || !e->stopped;
    case DOCK_UNLESS_STOPPED:
        return !e->stopped;
    case DOCK_ON_FAILURE:
        return !e->power && !e->stopped && e->exit_code != 0 &&
               (p->max == 0 || e->restarts < p->max);
    case DOCK_NEVER:
        break;
    }
    return false;
}

uint64_t dock_policy_delay(uint64_t delay_ns, uint64_t ran_ns)
{
    if (delay_ns == 0 || ran_ns >= WELL_NS) {
        return FIRST_NS;
    }
    return delay_ns * 2 < MAX_NS ? delay_ns * 2 : MAX_NS;
}
