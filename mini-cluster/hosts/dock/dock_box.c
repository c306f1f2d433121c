/* SPDX-License-Identifier: Apache-2.0 */
/* One container of a host: what is known of it, which ports it has, and what must be remembered
 * when this process ends. */
#include "client/client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "hosts/dock/dock_create.h"
#include "hosts/dock/dock_impl.h"
#include "meta/time.h"
#include "runtime/docker/docker_spec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char table[] = "dock"; /* of records */

json_t *dock_box_asked(const json_t *labels)
{
    const char *text = jx_get_str(labels, DOCK_LABEL_ASKED, "");
    json_t *asked = NULL;
    struct err err;
    if (text[0] == '\0' || jx_parse(text, strlen(text), false, &asked, &err) != 0) {
        return NULL;
    }
    return asked;
}

struct dock_box *dock_box_find(const struct dock *d, const char *id)
{
    return map_find(d->boxes, id);
}

bool dock_box_runs(const struct dock_box *b)
{
    return strcmp(b->state, "running") == 0 || strcmp(b->state, "paused") == 0;
}

bool dock_box_restarting(const struct dock_box *b)
{
    return b->by_hand && loop_timer_active(b->timer);
}

/* ---- what must be remembered ---- */

void dock_box_record(const struct dock_box *b)
{
    json_t *ports = b->holds ? dock_ports_pack(&b->ports) : json_array();
    client_record_put(b->dock->all->client, table, b->id,
                      json_pack("{s:s, s:o, s:b, s:b, s:I, s:I, s:o}", "host", b->dock->host,
                                "policy", dock_policy_show(&b->policy), "want", b->want, "stopped",
                                b->stopped, "restarts", (json_int_t)b->restarts, "epoch",
                                (json_int_t)b->epoch, "ports", ports));
}

/* The record, or what the container was made with. */
static void recall(struct dock_box *b, const json_t *asked)
{
    struct err err;
    const json_t *record = client_record_find(b->dock->all->client, table, b->id);
    const json_t *policy =
        record != NULL ? jx_get(record, "policy") : jx_obj(asked, "HostConfig.RestartPolicy");
    if (dock_policy_read(policy, &b->policy, &err) != 0) {
        log_warn("hosts", "container %.12s of %s: %s", b->id, b->dock->host, err.msg);
    }
    b->want = jx_bool(record, "want", false);
    b->stopped = jx_bool(record, "stopped", false);
    b->restarts = jx_int(record, "restarts", 0);
    b->epoch = (uint64_t)jx_int(record, "epoch", 0);
    dock_ports_unpack(jx_arr(record, "ports"), &b->ports);
}

/* ---- what is known ---- */

static void on_restart(void *arg)
{
    dock_agent_restart(arg);
}

static struct dock_box *box_new(struct dock *d, const char *id, const json_t *labels)
{
    struct dock_box *b = xnew(struct dock_box);
    json_auto_t *asked = dock_box_asked(labels);
    b->dock = d;
    str_copy(b->id, sizeof(b->id), id);
    b->by_hand = str_eq(jx_get_str(labels, DOCKER_LABEL_ROLE, ""), DOCK_ROLE);
    b->pod = xstrdup(jx_get_str(labels, DOCK_LABEL_POD, NULL));
    b->timer = loop_timer_new(d->all->loop, on_restart, b);
    if (b->by_hand) {
        str_copy(b->address, sizeof(b->address), jx_get_str(labels, DOCKER_LABEL_ADDRESS, ""));
        dock_address_claim(d->all->addresses, b->address);
        recall(b, asked);
        b->image = xstrdup(jx_get_str(asked, "Image", NULL));
    }
    map_put(d->boxes, id, b);
    return b;
}

void dock_box_free(void *box)
{
    struct dock_box *b = box;
    loop_timer_free(b->timer);
    dock_ports_fini(&b->ports);
    free(b->name);
    free(b->shown);
    free(b->image);
    free(b->pod);
    free(b);
}

static int64_t read_time(const json_t *seen, const char *path)
{
    int64_t us;
    return time_parse(jx_str(seen, path, ""), &us) && us > 0 ? us : 0;
}

struct dock_box *dock_box_take(struct dock *d, const json_t *seen)
{
    const json_t *labels = jx_obj(seen, "Config.Labels");
    const char *id = jx_get_str(seen, "Id", ""), *name = jx_get_str(seen, "Name", "");
    struct dock_box *b = dock_box_find(d, id);
    if (b == NULL) {
        b = box_new(d, id, labels);
    }
    name += name[0] == '/';
    if (!str_eq(b->name, name)) {
        free(b->name);
        free(b->shown);
        b->name = xstrdup(name);
        b->shown = dock_view_name(d, id, name, labels);
    }
    if (b->image == NULL) {
        b->image = xstrdup(jx_str(seen, "Config.Image", ""));
    }
    str_copy(b->state, sizeof(b->state), jx_str(seen, "State.Status", ""));
    b->exit_code = (int)jx_int(seen, "State.ExitCode", 0);
    b->started_us = read_time(seen, "State.StartedAt");
    b->finished_us = read_time(seen, "State.FinishedAt");
    dock_status_changed(d);
    return b;
}

void dock_box_drop(struct dock *d, const char *id)
{
    struct dock_box *b = dock_box_find(d, id);
    if (b == NULL) {
        return;
    }
    if (b->by_hand) {
        dock_box_release(b);
        dock_address_release(d->all->addresses, b->address, loop_mono_ns(d->all->loop));
        client_record_delete(d->all->client, table, id);
    }
    map_remove(d->boxes, id);
    dock_status_changed(d);
}

struct stale {
    const struct dock *d;
    VEC(char *) ids;
};

static bool see_record(void *arg, const char *id, const json_t *record)
{
    struct stale *s = arg;
    if (str_eq(jx_get_str(record, "host", ""), s->d->host) && dock_box_find(s->d, id) == NULL) {
        vec_push(&s->ids, xstrdup(id));
    }
    return true;
}

void dock_box_forget_missing(struct dock *d)
{
    struct stale s = {.d = d};
    client_record_each(d->all->client, table, see_record, &s);
    for (size_t i = 0; i < s.ids.n; i++) {
        client_record_delete(d->all->client, table, s.ids.v[i]);
        free(s.ids.v[i]);
    }
    vec_fini(&s.ids);
}

/* ---- its ports ---- */

static bool is_taken(void *arg, bool udp, int port)
{
    const struct dock_box *asking = arg;
    const struct dock *d = asking->dock;
    void *value;
    for (size_t it = 0; map_next(d->boxes, &it, NULL, &value);) {
        const struct dock_box *b = value;
        for (size_t i = 0; b != asking && b->holds && i < b->ports.all.n; i++) {
            if (b->ports.all.v[i].udp == udp && b->ports.all.v[i].port == port) {
                return true;
            }
        }
    }
    const char *owner = d->all->ops.port_owner(d->all->arg, d->host, udp, port);
    return owner != NULL && !(str_has_prefix(owner, "docker/") &&
                              strncmp(owner + strlen("docker/"), asking->id, 64) == 0);
}

int dock_box_hold(struct dock_box *b, const json_t *seen, struct err *err)
{
    json_auto_t *asked = dock_box_asked(jx_obj(seen, "Config.Labels"));
    struct dock_ports ports = {0};
    struct err why;
    if (dock_ports_read(jx_path(asked, "HostConfig.PortBindings"), b->dock->address, &ports, err) !=
        0) {
        dock_ports_fini(&ports);
        return -1;
    }
    if (jx_bool(asked, "HostConfig.PublishAllPorts", false)) {
        dock_ports_add_exposed(&ports, jx_obj(seen, "Config.ExposedPorts"));
    }
    if (b->address[0] == '\0') { /* no network: nothing leads to it */
        dock_ports_fini(&ports);
        return 0;
    }
    if (dock_ports_choose(&ports, &b->dock->port_cursor, is_taken, b, &why) != 0) {
        dock_ports_fini(&ports);
        return err_set(err, ERR_CONFLICT,
                       "driver failed programming external connectivity on endpoint %s (%s): %s",
                       b->shown, b->id, why.msg);
    }
    dock_ports_fini(&b->ports);
    b->ports = ports;
    b->holds = true;
    return 0;
}

static void key_of(const struct dock_box *b, const struct dock_published *p, char *ret, size_t size)
{
    snprintf(ret, size, "docker/%s/%s/%d", b->id, p->udp ? "udp" : "tcp", p->port);
}

int dock_box_forward(struct dock_box *b, struct err *err)
{
    const struct docks *all = b->dock->all;
    char key[128];
    b->holds = true;
    b->forwarded = true;
    for (size_t i = 0; i < b->ports.all.n; i++) {
        const struct dock_published *p = &b->ports.all.v[i];
        key_of(b, p, key, sizeof(key));
        const struct dock_port port = {key, p->udp, p->port, b->address, p->target};
        if (all->ops.port_put(all->arg, b->dock->host, &port, err) != 0) {
            err_set(err, ERR_CONFLICT,
                    "driver failed programming external connectivity on endpoint %s (%s): Bind for "
                    "0.0.0.0:%d failed: port is already allocated",
                    b->shown, b->id, p->port);
            return -1;
        }
    }
    return 0;
}

void dock_box_release(struct dock_box *b)
{
    const struct docks *all = b->dock->all;
    char key[128];
    for (size_t i = 0; b->forwarded && i < b->ports.all.n; i++) {
        key_of(b, &b->ports.all.v[i], key, sizeof(key));
        all->ops.port_delete(all->arg, b->dock->host, key);
    }
    b->forwarded = b->holds = false;
}
