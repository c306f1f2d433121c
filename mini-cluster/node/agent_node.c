/* SPDX-License-Identifier: Apache-2.0 */
/* A Node's labels, capacity and conditions, in a kubelet's words. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/clock.h"
#include "meta/object.h"
#include "meta/time.h"
#include "node/agent.h"

/* As Go names processors. */
static const char *architecture(const char *machine)
{
    static const char *const names[][2] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"}, {"i686", "386"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i][0], machine) == 0) {
            return names[i][1];
        }
    }
    return machine;
}

json_t *agent_node_object(const struct agent *a)
{
    struct utsname u;
    uname(&u);
    const char *arch = architecture(u.machine);
    json_t *labels = json_pack("{s:s, s:s, s:s, s:s, s:s}", "beta.kubernetes.io/arch", arch,
                               "beta.kubernetes.io/os", "linux", "kubernetes.io/arch", arch,
                               "kubernetes.io/hostname", a->name, "kubernetes.io/os", "linux");
    json_t *node = json_pack("{s:s, s:s, s:{s:s, s:o}, s:{}}", "apiVersion", "v1", "kind", "Node",
                             "metadata", "name", a->name, "labels", labels, "spec");
    if (a->opts.control_plane) {
        static const char role[] = "node-role.kubernetes.io/control-plane";
        json_object_set_new(labels, role, json_string(""));
        json_object_set_new(json_object_get(node, "spec"), "taints",
                            json_pack("[{s:s, s:s}]", "key", role, "effect", "NoSchedule"));
    }
    return node;
}

/* The same every time for the same words: ids of a machine that does not exist. */
static json_t *made_up_id(const struct agent *a, const char *what, uint64_t life)
{
    char text[256];
    snprintf(text, sizeof(text), "%s/%.200s/%" PRIu64, what, a->name, life);
    uint64_t h = str_hash(text, strlen(text));
    uint64_t g = str_hash(&h, sizeof(h));
    return json_sprintf("%08x-%04x-%04x-%04x-%012llx", (unsigned)(h >> 32),
                        (unsigned)(h >> 16 & 0xffff), (unsigned)(h & 0xffff), (unsigned)(g >> 48),
                        (unsigned long long)(g & 0xffffffffffffu));
}

static json_t *node_info(const struct agent *a)
{
    struct utsname u;
    uname(&u);
    json_t *info = json_object();
    json_object_set_new(info, "machineID", made_up_id(a, "machine", 0));
    json_object_set_new(info, "systemUUID", made_up_id(a, "system", 0));
    json_object_set_new(info, "bootID", made_up_id(a, "boot", a->epoch));
    json_object_set_new(info, "kernelVersion", json_string(u.release));
    json_object_set_new(info, "osImage", json_string("podlab simulated host"));
    json_object_set_new(info, "containerRuntimeVersion",
                        json_sprintf("%s://podlab", a->nodes->rt.ops->name));
    json_object_set_new(info, "kubeletVersion", json_string("v1.35.0+podlab"));
    json_object_set_new(info, "kubeProxyVersion", json_string(""));
    json_object_set_new(info, "operatingSystem", json_string("linux"));
    json_object_set_new(info, "architecture", json_string(architecture(u.machine)));
    return info;
}

static json_t *capacity(const struct agent *a)
{
    return json_pack("{s:o, s:o, s:s, s:o}", "cpu",
                     a->opts.cpu_milli % 1000 == 0
                         ? json_sprintf("%" PRId64, a->opts.cpu_milli / 1000)
                         : json_sprintf("%" PRId64 "m", a->opts.cpu_milli),
                     "memory", json_sprintf("%" PRId64 "Ki", a->opts.memory / 1024),
                     "ephemeral-storage", "10Gi", "pods", json_sprintf("%d", a->opts.pods));
}

static void set_condition(json_t *node, const char *type, bool yes, const char *reason,
                          const char *message, int64_t now)
{
    char text[21];
    object_set_condition(node, type, yes ? "True" : "False", reason, message, now, false);
    json_t *list = json_object_get(json_object_get(node, "status"), "conditions");
    json_t *c = json_array_get(list, jx_find_index(list, "type", type));
    time_format(text, now);
    json_object_set_new(c, "lastHeartbeatTime", json_string(text));
}

bool agent_was_ready(const struct agent *a, const json_t *node)
{
    json_auto_t *boot = made_up_id(a, "boot", a->epoch);
    return json_equal(jx_path(node, "status.nodeInfo.bootID"), boot) &&
           object_condition_is(node, "Ready", "True");
}

/* Nobody has told yet whether the host's guest runs, and in this life of the host it did. */
static bool is_trusted(const struct agent *a)
{
    uint64_t passed = loop_mono_ns(a->nodes->loop) - a->began_ns;
    bool soon = passed < (*a->nodes->clock)->grace || !a->nodes->ready;
    return a->was_ready && !a->host_told && soon;
}

static void set_conditions(const struct agent *a, json_t *node)
{
    int64_t now = loop_wall_us(a->nodes->loop);
    set_condition(node, "MemoryPressure", false, "KubeletHasSufficientMemory",
                  "kubelet has sufficient memory available", now);
    set_condition(node, "DiskPressure", false, "KubeletHasNoDiskPressure",
                  "kubelet has no disk pressure", now);
    set_condition(node, "PIDPressure", false, "KubeletHasSufficientPID",
                  "kubelet has sufficient PID available", now);
    if (a->host_up || is_trusted(a)) {
        set_condition(node, "Ready", true, "KubeletReady", "kubelet is posting ready status", now);
    } else {
        set_condition(node, "Ready", false, "KubeletNotReady",
                      "container runtime network not ready: the host's own container does not "
                      "run yet",
                      now);
    }
}

json_t *agent_node_status(const struct agent *a, const json_t *old)
{
    json_t *status = old != NULL ? jx_edit(old) : json_object();
    json_auto_t *node = json_pack("{s:O}", "status", status);
    json_object_set_new(status, "capacity", capacity(a));
    json_object_set_new(status, "allocatable", capacity(a));
    json_object_set_new(status, "addresses",
                        json_pack("[{s:s, s:s}, {s:s, s:s}]", "type", "InternalIP", "address",
                                  a->address, "type", "Hostname", "address", a->name));
    json_object_set_new(status, "nodeInfo", node_info(a));
    set_conditions(a, node);
    return status;
}
