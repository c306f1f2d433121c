/* SPDX-License-Identifier: Apache-2.0 */
/* Who this Docker is: a host with its own name, size and containers, on the engine of the machine.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/http_server.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hosts/dock/dock_create.h"
#include "hosts/dock/dock_impl.h"

void dock_get_ping(struct dock_req *r)
{
    dock_reply_text(r, 200, "text/plain; charset=utf-8",
                    strcmp(r->route->method, "HEAD") == 0 ? "" : "OK");
}

/* docker inspect looks for a plugin, too, when it finds nothing else of that name. */
void dock_list_plugins(struct dock_req *r)
{
    dock_reply_json(r, 200, json_array());
}

void dock_inspect_plugin(struct dock_req *r)
{
    dock_reply_fail(r, 404, "plugin \"%s\" not found", r->ref);
}

/* ---- version ---- */

static void copy(json_t *to, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);
    if (value != NULL) {
        json_object_set(to, key, value);
    }
}

static void got_version(struct dock_req *r, const struct dock_reply *a)
{
    static const char *const keys[] = {"Version",   "GitCommit",  "GoVersion",
                                       "Os",        "Arch",       "KernelVersion",
                                       "BuildTime", "Components", "Experimental"};
    struct docker_endpoint at;
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
        return;
    }
    docker_endpoint(&r->dock->all->rt, &at);
    cleanup_free char *platform = xasprintf("podlab host %s", r->dock->host);
    json_t *v = json_pack("{s:{s:s}, s:s, s:s}", "Platform", "Name", platform, "ApiVersion",
                          at.version, "MinAPIVersion", "1.24");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        copy(v, a->json, keys[i]);
    }
    dock_reply_json(r, 200, v);
}

void dock_get_version(struct dock_req *r)
{
    dock_call(r, &(struct dock_ask){0}, got_version, "/version");
}

/* ---- info ---- */

static void count(const struct dock *d, const json_t *rows, json_t *info)
{
    static const struct {
        const char *state, *key;
    } states[] = {{"running", "ContainersRunning"}, {"paused", "ContainersPaused"}};
    int64_t counts[3] = {0};
    const json_t *row;
    size_t i;
    jx_each(i, row, rows)
    {
        if (dock_find_shows(d, jx_obj(row, "Labels"))) {
            const char *state = jx_get_str(row, "State", "");
            counts[strcmp(state, "running") == 0 ? 0 : strcmp(state, "paused") == 0 ? 1 : 2]++;
        }
    }
    for (i = 0; i < ARRAY_LEN(states); i++) {
        json_object_set_new(info, states[i].key, json_integer(counts[i]));
    }
    json_object_set_new(info, "ContainersStopped", json_integer(counts[2]));
    json_object_set_new(info, "Containers", json_integer(counts[0] + counts[1] + counts[2]));
}

static void got_containers(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
        return;
    }
    count(r->dock, a->json, r->kept);
    dock_reply_json(r, 200, json_incref(r->kept));
}

static void set_host(const struct dock *d, json_t *info)
{
    char now[32];
    char id[DOCK_ID_SIZE];
    dock_view_network_id(d, "engine", id);
    snprintf(now, sizeof(now), "%" PRId64, loop_wall_us(d->all->loop) / 1000000);
    json_object_set_new(info, "ID", json_string(id));
    json_object_set_new(info, "Name", json_string(d->host));
    json_object_set_new(info, "NCPU", json_integer((d->all->cpu_milli + 999) / 1000));
    json_object_set_new(info, "MemTotal", json_integer(d->all->memory));
    json_object_set_new(info, "OperatingSystem", json_string("podlab (a simulated host)"));
    json_object_set_new(info, "DockerRootDir", json_string("/var/lib/docker"));
    json_object_set_new(info, "Swarm",
                        json_pack("{s:s, s:s, s:b}", "LocalNodeState", "inactive", "NodeID", "",
                                  "ControlAvailable", 0));
    json_object_set_new(info, "Plugins",
                        json_pack("{s:[s], s:[s, s], s:[s]}", "Volume", "local", "Network",
                                  "bridge", "null", "Log", "json-file"));
    json_object_set_new(info, "Labels", json_array());
    json_object_set_new(info, "Warnings", json_array());
    json_object_set_new(info, "RegistryConfig", json_object());
    json_object_set_new(info, "IndexServerAddress", json_string(""));
    json_object_set_new(info, "DefaultRuntime", json_string("runc"));
}

static void got_info(struct dock_req *r, const struct dock_reply *a)
{
    static const char *const keys[] = {
        "Driver",         "LoggingDriver",  "CgroupDriver",  "CgroupVersion", "KernelVersion",
        "OSType",         "Architecture",   "ServerVersion", "MemoryLimit",   "SwapLimit",
        "CpuCfsPeriod",   "CpuCfsQuota",    "CPUShares",     "CPUSet",        "PidsLimit",
        "IPv4Forwarding", "OomKillDisable", "SystemTime",    "Images",        "OSVersion"};
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
        return;
    }
    r->kept = json_object();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        copy(r->kept, a->json, keys[i]);
    }
    set_host(r->dock, r->kept);
    cleanup_free char *filter = dock_call_filter(r->dock, NULL);
    dock_call(r, &(struct dock_ask){0}, got_containers, "/containers/json?all=1&filters=%s",
              filter);
}

void dock_get_info(struct dock_req *r)
{
    dock_call(r, &(struct dock_ask){0}, got_info, "/info");
}

/* ---- events ---- */

/* Only names that this host knows reach the daemon: filters by container or image are ours. */
static bool wanted_event(struct dock_req *r, json_t *event)
{
    if (!dock_view_event(r, event)) {
        return false;
    }
    const json_t *names = jx_get(r->kept, "container"), *images = jx_get(r->kept, "image");
    const json_t *actions = jx_get(r->kept, "event"), *item;
    const json_t *attributes = jx_obj(event, "Actor.Attributes");
    bool by_name = names == NULL, by_image = images == NULL, by_action = actions == NULL;
    size_t i;
    jx_each(i, item, names)
    {
        const char *name = json_string_value(item);
        by_name = by_name || str_eq(jx_get_str(attributes, "name", ""), name) ||
                  str_has_prefix(jx_str(event, "Actor.ID", ""), name);
    }
    jx_each(i, item, images)
    {
        by_image = by_image || str_eq(jx_get_str(attributes, "image", ""), json_string_value(item));
    }
    jx_each(i, item, actions)
    {
        const char *action = jx_get_str(event, "Action", "");
        const char *word = json_string_value(item);
        size_t n = strlen(word); /* "exec_create: sh" is an exec_create */
        by_action =
            by_action || (strncmp(action, word, n) == 0 && (action[n] == '\0' || action[n] == ':'));
    }
    return by_name && by_image && by_action;
}

static bool asks_for_containers(const json_t *filters)
{
    const json_t *types = jx_get(filters, "type"), *item;
    size_t i;
    jx_each(i, item, types)
    {
        if (str_eq(json_string_value(item), "container")) {
            return true;
        }
    }
    return types == NULL;
}

static bool label_ok(const json_t *filters, struct err *err)
{
    const json_t *item;
    size_t i;
    jx_each(i, item, jx_get(filters, "label"))
    {
        if (strncasecmp(json_string_value(item), DOCK_LABELS, strlen(DOCK_LABELS)) == 0) {
            err_set(err, ERR_FORBIDDEN, "labels %s... are podlab's own", DOCK_LABELS);
            return false;
        }
    }
    return true;
}

void dock_get_events(struct dock_req *r)
{
    struct err err;
    const char *since = dock_query_get(&r->query, "since");
    const char *until = dock_query_get(&r->query, "until");
    if (dock_query_filters(&r->query,
                           "container event image label type daemon network volume scope", &r->kept,
                           &err) != 0 ||
        !label_ok(r->kept, &err)) {
        dock_refuse(r, &err);
        return;
    }
    cleanup_free char *escaped_since = docker_escape(since), *escaped_until = docker_escape(until);
    const char *type = asks_for_containers(r->kept) ? "container" : "plugin"; /* there are none */
    json_auto_t *filter = json_pack("{s:[s]}", "type", type);
    if (jx_arr(r->kept, "label") != NULL) {
        json_object_set_new(filter, "label", jx_edit(jx_arr(r->kept, "label")));
    }
    cleanup_free char *escaped = dock_call_filters(r->dock, filter, NULL);
    dock_out_relay(r, "GET", wanted_event, "/events?filters=%s%s%s%s%s", escaped,
                   since[0] != '\0' ? "&since=" : "", escaped_since,
                   until[0] != '\0' ? "&until=" : "", escaped_until);
}

/* ---- disk usage ---- */

static json_t *own_rows(struct dock *d, const json_t *rows, bool containers)
{
    json_t *own = json_array();
    const json_t *row;
    size_t i;
    jx_each(i, row, rows)
    {
        bool shown = containers ? dock_find_shows(d, jx_obj(row, "Labels"))
                                : dock_volume_shows(d, jx_obj(row, "Labels"));
        if (shown) {
            json_t *edit = jx_edit(row);
            if (containers) {
                dock_view_row(d, edit);
            } else {
                dock_volume_view(d, edit);
            }
            json_array_append_new(own, edit);
        }
    }
    return own;
}

static void got_df(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
        return;
    }
    json_t *images = dock_image_rows(r->dock, jx_arr(a->json, "Images"));
    int64_t size = 0;
    size_t i;
    const json_t *image;
    jx_each(i, image, images)
    {
        size += jx_int(image, "Size", 0);
    }
    dock_reply_json(r, 200,
                    json_pack("{s:I, s:o, s:o, s:o, s:[], s:i}", "LayersSize", (json_int_t)size,
                              "Images", images, "Containers",
                              own_rows(r->dock, jx_arr(a->json, "Containers"), true), "Volumes",
                              own_rows(r->dock, jx_arr(a->json, "Volumes"), false), "BuildCache",
                              "BuilderSize", 0));
}

void dock_get_df(struct dock_req *r)
{
    dock_call(r, &(struct dock_ask){.patient = true}, got_df, "/system/df");
}
