/* SPDX-License-Identifier: Apache-2.0 */
/* What learners do to Host objects that no machine can follow is answered on the object, never with
 * silence: deleting one, inventing one, asking for what is not there yet. */
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "client/recorder.h"
#include "common/json/jx.h"
#include "common/str.h"
#include "hosts/hosts_impl.h"
#include "meta/object.h"

/* The machines are chosen when the cluster is made: one whose object was deleted is still there,
 * and so its object comes back, with what was last asked of it. */
int host_make_object(struct host *h, struct err *err)
{
    struct hosts *hs = h->hosts;
    const json_t *made;
    json_t *spec = h->spec != NULL ? jx_edit(h->spec)
                                   : json_pack("{s:s, s:s}", "power", "On", "network", "Connected");
    json_t *obj = json_pack("{s:s, s:s, s:{s:s}, s:o}", "apiVersion", "podlab.dev/v1", "kind",
                            "Host", "metadata", "name", h->name, "spec", spec);
    if (client_create(hs->client, hs->kind, NULL, obj, &made, err) < 0) {
        return -1;
    }
    if (h->spec != NULL) {
        recorder_event(hs->client, "podlab-hosts", NULL, made, "Normal", "Restored",
                       "The object of host %s was deleted; the machine is still there, so it is "
                       "back. To switch it off: kubectl patch host %s --type merge -p "
                       "'{\"spec\":{\"power\":\"Off\"}}'",
                       h->name, h->name);
    }
    return 0;
}

void host_say_unsupported(struct host *h, const json_t *obj)
{
    struct hosts *hs = h->hosts;
    bool paused = str_eq(jx_str(obj, "spec.power", "On"), "Paused");
    bool cut = str_eq(jx_str(obj, "spec.network", "Connected"), "Partitioned");
    char wish[sizeof(h->unsupported)];
    snprintf(wish, sizeof(wish), "%s%s", paused ? "Paused " : "", cut ? "Partitioned" : "");
    if (strcmp(wish, h->unsupported) == 0) {
        return;
    }
    bool new_pause = paused && strstr(h->unsupported, "Paused") == NULL;
    bool new_cut = cut && strstr(h->unsupported, "Partitioned") == NULL;
    str_copy(h->unsupported, sizeof(h->unsupported), wish);
    if (new_pause) {
        recorder_event(hs->client, "podlab-hosts", NULL, obj, "Warning", "NotSupported",
                       "spec.power: Paused is not supported yet; host %s is treated as On",
                       h->name);
    }
    if (new_cut) {
        recorder_event(hs->client, "podlab-hosts", NULL, obj, "Warning", "NotSupported",
                       "spec.network: Partitioned is not supported yet; host %s stays Connected",
                       h->name);
    }
}

void hosts_say_unknown(struct hosts *hs, const json_t *obj)
{
    recorder_event(hs->client, "podlab-hosts", NULL, obj, "Warning", "NoSuchMachine",
                   "This cluster has no machine called %s, so nothing will happen to it: the "
                   "machines are chosen with mini-cluster up --workers or --node-names",
                   object_name(obj));
}
