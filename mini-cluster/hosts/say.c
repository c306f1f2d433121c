/* SPDX-License-Identifier: Apache-2.0 */
/* Says in plain words what became of a machine: in its status, and as Events on it and its node. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "client/recorder.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/hosts_impl.h"
#include "meta/object.h"

/* ---- events ---- */

void host_say(struct host *h, const char *type, const char *reason, const char *fmt, ...)
{
    struct hosts *hs = h->hosts;
    struct err err;
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *text = xvasprintf(fmt, ap);
    va_end(ap);
    const json_t *obj = client_get(hs->client, hs->kind, NULL, h->name, &err);
    if (obj != NULL) {
        recorder_event(hs->client, "podlab-hosts", NULL, obj, type, reason, "%s", text);
    }
    if (client_get(hs->client, hs->node_kind, NULL, h->name, &err) != NULL) {
        json_auto_t *node =
            json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", "v1", "kind", "Node", "metadata",
                      "name", h->name, "uid", h->name); /* where kubectl describe looks */
        recorder_event(hs->client, "podlab-hosts", NULL, node, type, reason, "%s", text);
    }
}

/* ---- the status ---- */

static void say_power(struct host *h, const char *power)
{
    if (strcmp(power, "On") == 0) {
        host_say(h, "Normal", "Resumed", "%s goes on where it was paused", h->name);
    } else if (strcmp(power, "Paused") == 0) {
        host_say(h, "Normal", "Paused", "%s was paused: everything on it stands still", h->name);
    } else {
        host_say(h, "Normal", "SwitchedOff", "%s was switched off: all that ran on it is dead",
                 h->name);
    }
}

static void say_network(struct host *h, bool cut)
{
    if (cut) {
        host_say(h, "Normal", "Partitioned",
                 "%s was cut off the network: what runs on it goes on, and nobody reaches it",
                 h->name);
    } else {
        host_say(h, "Normal", "Connected", "%s is back on the network", h->name);
    }
}

/* What was reached, compared with what was said last. That a life begins is said by who begins it.
 */
static void say_changes(struct host *h, const char *was_power, const char *power, bool was_cut,
                        bool cut)
{
    bool begins = strcmp(power, "On") == 0 && strcmp(was_power, "Paused") != 0;
    bool never = was_power[0] == '\0' && strcmp(power, "Off") == 0;
    if (!begins && !never && strcmp(was_power, power) != 0) {
        say_power(h, power);
    }
    if (was_cut != cut) {
        say_network(h, cut);
    }
}

int host_write_status(struct host *h, const json_t *obj, const char *power, bool cut, bool reached,
                      struct err *err)
{
    static const char seen[] = "status.observedGeneration";
    int64_t generation = reached ? object_generation(obj) : jx_int(obj, seen, 0);
    const char *network = cut ? "Partitioned" : "Connected";
    cleanup_free char *was = xstrdup(jx_str(obj, "status.power", ""));
    bool was_cut = str_eq(jx_str(obj, "status.network", ""), "Partitioned");
    if (str_eq(was, power) && str_eq(jx_str(obj, "status.network", ""), network) &&
        str_eq(jx_str(obj, "status.address", ""), h->address) &&
        jx_int(obj, "status.epoch", 0) == (int64_t)h->epoch && jx_int(obj, seen, 0) == generation) {
        return 0;
    }
    json_t *patch = json_pack("{s:{s:s, s:s, s:s, s:I, s:I}}", "status", "power", power, "network",
                              network, "address", h->address, "epoch", (json_int_t)h->epoch,
                              "observedGeneration", (json_int_t)generation);
    if (client_patch(h->hosts->client, h->hosts->kind, NULL, h->name, "status", patch, NULL, err) <
        0) {
        return -1;
    }
    say_changes(h, was, power, was_cut, cut);
    return 0;
}

/* ---- what was done with Docker ---- */

void host_write_wish(struct host *h, const char *field, const char *from, const char *to)
{
    struct hosts *hs = h->hosts;
    struct err err;
    char path[32];
    snprintf(path, sizeof(path), "spec.%s", field);
    const json_t *obj = client_get(hs->client, hs->kind, NULL, h->name, &err);
    if (obj == NULL || !str_eq(jx_str(obj, path, from), from)) {
        host_requeue(h); /* what is asked for by now counts */
        return;
    }
    if (client_patch(hs->client, hs->kind, NULL, h->name, NULL,
                     json_pack("{s:{s:s}}", "spec", field, to), NULL, &err) < 0) {
        log_error("hosts", "%s: set spec.%s to %s: %s", h->name, field, to, err.msg);
    }
}
