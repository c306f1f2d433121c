/* SPDX-License-Identifier: Apache-2.0 */
/* Reads paths as "metadata.labels['app']", and amounts. */
#include "node/downward.h"

#include <inttypes.h>
#include <string.h>

#include "common/json/jx.h"
#include "meta/object.h"
#include "meta/quantity.h"
#include "node/spec.h"

static int unknown(const char *path, struct err *err)
{
    return err_set(err, ERR_INVALID, "unsupported fieldPath: %s", path);
}

/* "metadata.labels['app']": the value of that key, "" when there is none. */
static int subscript(const struct spec_in *in, const char *path, struct str *out, struct err *err)
{
    const char *open = strchr(path, '[');
    size_t n = strlen(path);
    if (open == NULL || n < 4 || open[1] != '\'' || strcmp(path + n - 2, "']") != 0) {
        return unknown(path, err);
    }
    cleanup_free char *key = xstrndup(open + 2, (size_t)(path + n - 2 - (open + 2)));
    bool label = strncmp(path, "metadata.labels[", 16) == 0;
    if (!label && strncmp(path, "metadata.annotations[", 21) != 0) {
        return unknown(path, err);
    }
    const char *value = label ? object_label(in->pod, key) : object_annotation(in->pod, key);
    str_add(out, value != NULL ? value : "");
    return 0;
}

/* One key="value" a line, sorted, as the files of a downwardAPI volume have it. */
static void add_map(const json_t *map, struct str *out)
{
    VEC(const char *) keys = {0};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        size_t at = keys.n;
        vec_push(&keys, key);
        for (; at > 0 && strcmp(keys.v[at - 1], key) > 0; at--) {
            keys.v[at] = keys.v[at - 1];
        }
        keys.v[at] = key;
    }
    for (size_t i = 0; i < keys.n; i++) {
        json_auto_t *quoted = json_string(jx_get_str(map, keys.v[i], ""));
        cleanup_free char *text = jx_dump_text(quoted);
        str_add_f(out, "%s%s=%s", i > 0 ? "\n" : "", keys.v[i], text);
    }
    vec_fini(&keys);
}

int downward_field(const struct spec_in *in, const char *path, struct str *out, struct err *err)
{
    static const char *const plain[] = {"metadata.name", "metadata.namespace", "metadata.uid",
                                        "spec.nodeName", "spec.serviceAccountName"};
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (strcmp(path, plain[i]) == 0) {
            str_add(out, jx_str(in->pod, path, ""));
            return 0;
        }
    }
    if (strcmp(path, "status.podIP") == 0 || strcmp(path, "status.podIPs") == 0) {
        str_add(out, in->address);
    } else if (strcmp(path, "status.hostIP") == 0 || strcmp(path, "status.hostIPs") == 0) {
        str_add(out, in->host_address);
    } else if (strcmp(path, "metadata.labels") == 0 || strcmp(path, "metadata.annotations") == 0) {
        add_map(jx_path(in->pod, path), out);
    } else {
        return subscript(in, path, out, err);
    }
    return 0;
}

/* ---- resources ---- */

static const json_t *find_container(const struct spec_in *in, const char *name)
{
    if (name[0] == '\0') {
        return in->container;
    }
    const json_t *c = jx_find(jx_arr(in->pod, "spec.containers"), "name", name);
    return c != NULL ? c : jx_find(jx_arr(in->pod, "spec.initContainers"), "name", name);
}

/* Without a limit a container may have all that its node has. */
static int64_t amount(const struct spec_in *in, const json_t *container, const char *resource,
                      bool cpu)
{
    int64_t v = 0;
    cleanup_free char *path = xasprintf("resources.%s", resource);
    const json_t *quantity = jx_path(container, path);
    if (cpu ? quantity_json_milli(quantity, &v) : quantity_json_units(quantity, &v)) {
        return v;
    }
    bool limit = strncmp(resource, "limits.", 7) == 0;
    return !limit ? 0 : cpu ? in->node_cpu_milli : in->node_memory;
}

int downward_resource(const struct spec_in *in, const json_t *ref, struct str *out, struct err *err)
{
    const char *resource = jx_get_str(ref, "resource", "");
    const char *name = jx_get_str(ref, "containerName", "");
    const json_t *container = find_container(in, name);
    const char *dot = strchr(resource, '.');
    bool cpu = dot != NULL && strcmp(dot, ".cpu") == 0;
    if (container == NULL) {
        return err_set(err, ERR_INVALID, "container %s not found", name);
    }
    if (dot == NULL ||
        (!cpu && strcmp(dot, ".memory") != 0 && strcmp(dot, ".ephemeral-storage") != 0)) {
        return err_set(err, ERR_INVALID, "unsupported container resource : %s", resource);
    }
    int64_t divisor = 0;
    const json_t *by = jx_get(ref, "divisor");
    bool given = cpu ? quantity_json_milli(by, &divisor) : quantity_json_units(by, &divisor);
    if (!given || divisor <= 0) {
        divisor = cpu ? 1000 : 1;
    }
    int64_t v = amount(in, container, resource, cpu);
    str_add_f(out, "%" PRId64, v / divisor + (v % divisor != 0));
    return 0;
}
