/* SPDX-License-Identifier: Apache-2.0 */
/* Which container of a pod is meant, for logs, exec and attach. */
#include "api/relay.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/object.h"

static const char *const lists[] = {"spec.containers", "spec.initContainers",
                                    "spec.ephemeralContainers"};

static bool has_container(const json_t *pod, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (jx_find(jx_arr(pod, lists[i]), "name", name) != NULL) {
            return true;
        }
    }
    return false;
}

/* " or one of the init containers: [a b]". */
static void add_names(const json_t *list, const char *before, struct str *out)
{
    size_t i;
    const json_t *c;
    if (json_array_size(list) == 0) {
        return;
    }
    str_add_f(out, "%s: [", before);
    jx_each(i, c, list)
    {
        str_add_f(out, "%s%s", i > 0 ? " " : "", jx_get_str(c, "name", ""));
    }
    str_add_c(out, ']');
}

int api_pick_container(const json_t *pod, const char *name, const char **ret, struct err *err)
{
    const char *pod_name = object_name(pod);
    const json_t *apps = jx_arr(pod, lists[0]);
    if (name[0] != '\0' && !has_container(pod, name)) {
        return err_set(err, ERR_BAD_REQUEST, "container %s is not valid for pod %s", name,
                       pod_name);
    }
    if (name[0] == '\0' && json_array_size(apps) != 1) {
        cleanup_str struct str all = STR_INIT;
        add_names(apps, "choose one of", &all);
        add_names(jx_arr(pod, lists[1]), " or one of the init containers", &all);
        add_names(jx_arr(pod, lists[2]), " or one of the ephemeral containers", &all);
        return err_set(err, ERR_BAD_REQUEST, "a container name must be specified for pod %s, %s",
                       pod_name, str_c(&all));
    }
    *ret = name[0] != '\0' ? name : jx_get_str(json_array_get(apps, 0), "name", "");
    return 0;
}
