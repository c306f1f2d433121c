/* SPDX-License-Identifier: Apache-2.0 */
/* Which machines there are: the Host objects say so, and a record of each remembers its address
 * and how many lives it had, also after it is gone, so that no life comes twice. */
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "client/recorder.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/hosts_impl.h"
#include "meta/object.h"
#include "meta/quantity.h"

static const char table[] = "hosts";
static const char cluster_table[] = "hosts.cluster";
static const char control_plane[] = "control-plane";

enum { CPU_MILLI = 2000, PODS = 110 };
#define MEMORY ((int64_t)2 << 30)

/* ---- records ---- */

static void put_record(const struct host *h, bool gone)
{
    json_t *r = json_pack("{s:I, s:b, s:i}", "epoch", (json_int_t)h->epoch, "over", h->over,
                          "place", h->place);
    if (gone) {
        json_object_set_new(r, "gone", json_true());
    } else {
        json_object_set_new(r, "container", json_string(h->container));
        json_object_set_new(r, "cutUs", json_integer(h->cut_us));
    }
    client_record_put(h->hosts->client, table, h->name, r);
}

void host_remember(struct host *h)
{
    put_record(h, false);
}

/* Not from the object, which anybody may edit or delete; but a cluster of an earlier version has
 * its epoch only there. */
static void recall(struct host *h, const json_t *record, const json_t *obj)
{
    int64_t epoch = record != NULL ? jx_int(record, "epoch", 0) : jx_int(obj, "status.epoch", 0);
    bool gone = jx_bool(record, "gone", false);
    h->epoch = epoch > 0 ? (uint64_t)epoch : 0;
    h->over = gone || jx_bool(record, "over", false);
    h->cut_us = jx_int(record, "cutUs", 0);
    str_copy(h->container, sizeof(h->container), jx_get_str(record, "container", ""));
}

/* ---- making ---- */

static struct host *make(struct hosts *hs, const char *name, int place)
{
    struct host *h = xnew(struct host);
    h->hosts = hs;
    h->name = xstrdup(name);
    h->place = place;
    h->control_plane = place < 0;
    h->fresh = true;
    h->cpu_milli = CPU_MILLI;
    h->memory = MEMORY;
    h->pods = PODS;
    hosts_address(h->address, hs->subnet, place);
    map_put(hs->by_name, name, h);
    return h;
}

static bool is_taken(const struct hosts *hs, int place)
{
    void *value;
    for (size_t it = 0; map_next(hs->by_name, &it, NULL, &value);) {
        if (((const struct host *)value)->place == place) {
            return true;
        }
    }
    return false;
}

/* -1: none is free. */
static int free_place(const struct hosts *hs)
{
    for (int i = 0; i < HOSTS_MAX; i++) {
        if (!is_taken(hs, i)) {
            return i;
        }
    }
    return -1;
}

/* The address that it had before, when nobody has it now. */
static int choose_place(const struct hosts *hs, const json_t *record)
{
    int64_t old = jx_int(record, "place", -1);
    bool good = old >= 0 && old < HOSTS_MAX && !is_taken(hs, (int)old);
    return good ? (int)old : free_place(hs);
}

struct host *host_add(struct hosts *hs, const json_t *obj)
{
    const char *name = object_name(obj);
    const json_t *record = client_record_find(hs->client, table, name);
    int place = choose_place(hs, record);
    if (place < 0) {
        recorder_event(hs->client, "podlab-hosts", NULL, obj, "Warning", "TooManyHosts",
                       "This cluster has %d hosts and no room for another: remove one, and %s is "
                       "made by itself",
                       (int)HOSTS_MAX, name);
        return NULL;
    }
    struct host *h = make(hs, name, place);
    recall(h, record, obj);
    host_remember(h);
    host_say(h, "Normal", "Added", "%s was added: a machine with the address %s", name, h->address);
    return h;
}

/* "2Gi" and the like, exactly. */
static void format_memory(int64_t bytes, char *buf, size_t size)
{
    static const char *const units[] = {"", "Ki", "Mi", "Gi"};
    size_t unit = 0;
    while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < ARRAY_LEN(units)) {
        bytes /= 1024;
        unit++;
    }
    snprintf(buf, size, "%lld%s", (long long)bytes, units[unit]);
}

static json_t *new_spec(const struct hosts *hs, const struct host *h)
{
    char cpu[24];
    char memory[24];
    json_t *spec = json_pack("{s:s, s:s}", "power", "On", "network", "Connected");
    if (!h->control_plane) {
        quantity_format_milli(hs->cpu_milli > 0 ? hs->cpu_milli : CPU_MILLI, cpu, sizeof(cpu));
        format_memory(hs->memory > 0 ? hs->memory : MEMORY, memory, sizeof(memory));
        json_object_set_new(spec, "capacity",
                            json_pack("{s:s, s:s, s:i}", "cpu", cpu, "memory", memory, "pods",
                                      hs->pods > 0 ? hs->pods : PODS));
    }
    return spec;
}

int host_make_object(struct host *h, struct err *err)
{
    struct hosts *hs = h->hosts;
    const json_t *made;
    json_t *spec = h->spec != NULL ? jx_edit(h->spec) : new_spec(hs, h);
    json_t *obj = json_pack("{s:s, s:s, s:{s:s}, s:o}", "apiVersion", "podlab.dev/v1", "kind",
                            "Host", "metadata", "name", h->name, "spec", spec);
    if (!h->control_plane) {
        object_add_finalizer(obj, HOST_FINALIZER);
    }
    if (client_create(hs->client, hs->kind, NULL, obj, &made, err) < 0) {
        return -1;
    }
    if (h->spec != NULL) {
        host_say(h, "Warning", "Restored",
                 "The object of host %s was deleted; a cluster cannot be without its %s, so it is "
                 "back. To switch it off: mini-cluster host off %s",
                 h->name, h->name, h->name);
    }
    return 0;
}

/* ---- from an earlier life of ours ---- */

static bool recall_one(void *arg, const char *name, const json_t *record)
{
    struct hosts *hs = arg;
    int64_t place = jx_int(record, "place", -1);
    if (!jx_bool(record, "gone", false) && place >= 0 && place < HOSTS_MAX &&
        !is_taken(hs, (int)place)) {
        recall(make(hs, name, (int)place), record, NULL);
    }
    return true;
}

/* The machines of a new cluster; and of one of an earlier version, which remembers no places. */
static void begin(struct hosts *hs, const char *name, int place)
{
    struct err err;
    if (map_find(hs->by_name, name) != NULL) {
        return;
    }
    struct host *h = make(hs, name, place);
    const json_t *obj = client_get(hs->client, hs->kind, NULL, name, &err);
    recall(h, client_record_find(hs->client, table, name), obj);
    if (obj == NULL && host_make_object(h, &err) < 0) {
        log_error("hosts", "make host %s: %s", name, err.msg);
    }
    host_remember(h);
    host_requeue(h);
}

static bool queue_it(void *arg, const char *name, const json_t *record)
{
    struct hosts *hs = arg;
    (void)record;
    workqueue_add(hs->queue, name); /* also one whose object is gone */
    return true;
}

void hosts_recall(struct hosts *hs, const char *const *names)
{
    begin(hs, control_plane, -1);
    client_record_each(hs->client, table, recall_one, hs);
    if (client_record_find(hs->client, cluster_table, "begun") == NULL) {
        for (int i = 0; names[i] != NULL; i++) {
            begin(hs, names[i], i);
        }
        client_record_put(hs->client, cluster_table, "begun", json_true());
    }
    client_record_each(hs->client, table, queue_it, hs);
}

/* ---- its size ---- */

struct hosts_machine host_machine(const struct host *h)
{
    return (struct hosts_machine){
        .name = h->name,
        .address = h->address,
        .epoch = h->epoch,
        .control_plane = h->control_plane,
        .cpu_milli = h->cpu_milli,
        .memory = h->memory,
        .pods = h->pods,
        .paused = h->told_fault.paused,
        .cut_us = h->told_fault.cut ? h->cut_us : 0,
    };
}

/* Of an object of an earlier version nothing is read, and of one that says nonsense neither. */
static void read_size(const json_t *obj, int64_t *cpu_milli, int64_t *memory, int *pods)
{
    int64_t n = 0;
    const json_t *c = jx_path(obj, "spec.capacity");
    if (quantity_json_milli(jx_get(c, "cpu"), &n) && n >= 0) {
        *cpu_milli = n;
    }
    if (quantity_json_units(jx_get(c, "memory"), &n) && n >= 0) {
        *memory = n;
    }
    n = jx_int(c, "pods", *pods);
    *pods = n >= 0 && n <= INT32_MAX ? (int)n : *pods;
}

void host_read_capacity(struct host *h, const json_t *obj)
{
    const struct host before = *h;
    char cpu[24];
    char memory[24];
    bool first = !h->sized;
    h->sized = true;
    read_size(obj, &h->cpu_milli, &h->memory, &h->pods);
    if (first || (h->cpu_milli == before.cpu_milli && h->memory == before.memory &&
                  h->pods == before.pods)) {
        return;
    }
    quantity_format_milli(h->cpu_milli, cpu, sizeof(cpu));
    quantity_format_bytes(h->memory, memory, sizeof(memory));
    host_say(h, "Normal", "CapacityChanged",
             "%s has %s CPUs, %s of memory and room for %d pods now", h->name, cpu, memory,
             h->pods);
    if (h->told) {
        struct hosts_machine m = host_machine(h);
        h->hosts->ops.on_change(h->hosts->arg, &m);
    }
}

/* ---- leaving ---- */

static int write_finalizers(struct host *h, const json_t *edited, struct err *err)
{
    struct hosts *hs = h->hosts;
    const json_t *list = jx_arr(edited, "metadata.finalizers");
    json_t *patch = json_pack("{s:{s:s, s:o}}", "metadata", "resourceVersion",
                              jx_str(edited, "metadata.resourceVersion", ""), "finalizers",
                              list != NULL ? jx_edit(list) : json_array());
    return client_patch(hs->client, hs->kind, NULL, h->name, NULL, patch, NULL, err);
}

int host_hold_object(struct host *h, const json_t *obj, struct err *err)
{
    if (h->control_plane || object_has_finalizer(obj, HOST_FINALIZER)) {
        return 0;
    }
    json_auto_t *edited = jx_edit(obj);
    object_add_finalizer(edited, HOST_FINALIZER);
    return write_finalizers(h, edited, err);
}

static int let_go_object(struct host *h, const json_t *obj, struct err *err)
{
    if (obj == NULL || !object_deleting(obj)) {
        return 0; /* a new one by that name waits already */
    }
    json_auto_t *edited = jx_edit(obj);
    return object_remove_finalizer(edited, HOST_FINALIZER) ? write_finalizers(h, edited, err) : 0;
}

static int delete_node(struct host *h, struct err *err)
{
    struct hosts *hs = h->hosts;
    int rc = client_delete(hs->client, hs->node_kind, NULL, h->name, NULL, err);
    return rc < 0 && err->code != ERR_NOT_FOUND ? -1 : 0;
}

static bool queue_unmade(void *arg, const json_t *obj)
{
    struct hosts *hs = arg;
    if (map_find(hs->by_name, object_name(obj)) == NULL) {
        workqueue_add(hs->queue, object_name(obj)); /* perhaps there is room for it now */
    }
    return true;
}

/* Its Node goes with it, and with that, as always, the pods that were bound to it. */
static int be_no_more(struct host *h, const json_t *obj, struct err *err)
{
    struct hosts *hs = h->hosts;
    host_say(h, "Normal", "Removed", "%s was removed: the machine and all that was on it", h->name);
    if (delete_node(h, err) < 0 || let_go_object(h, obj, err) < 0) {
        return -1;
    }
    h->over = true;
    put_record(h, true);
    hs->ops.on_removed(hs->arg, h->name);
    log_info("hosts", "%s was removed", h->name);
    client_off_commit(hs->client, h);
    workqueue_add(hs->queue, h->name); /* there may be a new object by that name */
    map_remove(hs->by_name, h->name);
    client_each(hs->client, hs->kind, NULL, queue_unmade, hs);
    return 0;
}

static bool is_busy(const struct host *h)
{
    return h->asked || h->killing || h->ending || h->inspecting || h->sweeping > 0 ||
           h->changing > 0 || h->step != FAULT_REST;
}

int host_leave(struct host *h, const json_t *obj, struct err *err)
{
    if (!h->leaving || h->state != HOST_OFF || h->told) {
        h->leaving = true;
        host_cut_power(h);
        return 0;
    }
    host_clear(h);
    return h->dirty || is_busy(h) ? 0 : be_no_more(h, obj, err);
}
