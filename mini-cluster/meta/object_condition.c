/* SPDX-License-Identifier: Apache-2.0 */
/* status.conditions: one per type, and when each last changed its mind. */
#include <string.h>

#include "common/json/jx.h"
#include "common/str.h"
#include "meta/object.h"
#include "meta/time.h"

const json_t *object_condition(const json_t *obj, const char *type)
{
    return jx_find(jx_get(jx_get(obj, "status"), "conditions"), "type", type);
}

bool object_condition_is(const json_t *obj, const char *type, const char *status)
{
    return str_eq(jx_get_str(object_condition(obj, type), "status", NULL), status);
}

/* The condition in its list, made when missing. One that is shared becomes a copy of its own:
 * whoever changes a status may take the list of the version before and need not copy what stays. */
static json_t *make_condition(json_t *obj, const char *type)
{
    json_t *status = jx_make(obj, "status");
    json_t *list = json_object_get(status, "conditions");
    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new_nocheck(status, "conditions", list);
    }
    size_t at = jx_find_index(list, "type", type);
    if (at != (size_t)-1) {
        if (json_array_get(list, at)->refcount > 1) {
            json_array_set_new(list, at, json_copy(json_array_get(list, at)));
        }
        return json_array_get(list, at);
    }
    json_t *made = json_object();
    jx_put_str(made, "type", type);
    json_array_append_new(list, made);
    return made;
}

static const char *or_empty(const char *s)
{
    return s != NULL ? s : "";
}

/* Empty texts are left out, as Kubernetes does. */
static void put_text(json_t *condition, const char *key, const char *value)
{
    jx_put_str(condition, key, or_empty(value)[0] != '\0' ? value : NULL);
}

bool object_set_condition(json_t *obj, const char *type, const char *status, const char *reason,
                          const char *message, int64_t wall_us, bool with_update_time)
{
    const json_t *old = object_condition(obj, type);
    bool moved = !str_eq(jx_get_str(old, "status", NULL), status);
    if (!moved && strcmp(jx_get_str(old, "reason", ""), or_empty(reason)) == 0 &&
        strcmp(jx_get_str(old, "message", ""), or_empty(message)) == 0) {
        return false;
    }
    char now[21];
    time_format(now, wall_us);
    json_t *c = make_condition(obj, type);
    jx_put_str(c, "status", status);
    if (with_update_time) {
        jx_put_str(c, "lastUpdateTime", now);
    }
    if (moved) {
        jx_put_str(c, "lastTransitionTime", now);
    }
    put_text(c, "reason", reason);
    put_text(c, "message", message);
    return true;
}

bool object_pod_ready(const json_t *pod)
{
    return object_condition_is(pod, "Ready", "True");
}

bool object_pod_terminal(const json_t *pod)
{
    const char *phase = jx_str(pod, "status.phase", "");
    return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}
