/* SPDX-License-Identifier: Apache-2.0 */
/* What a power cut does to containers: all of a host's are killed at once, and none of an earlier
 * life stays behind. The guest itself stays, ended, so that `docker start` can switch it on. */
#include <string.h>

#include "client/client.h"
#include "client/workqueue.h"
#include "common/str.h"
#include "hosts/hosts_impl.h"

bool host_is_guest(const struct host *h, const struct runtime_status *st)
{
    return h->control_plane ? st->role == RUNTIME_SERVICES
                            : st->role == RUNTIME_HOST && str_eq(st->host, h->name);
}

bool host_has(const struct host *h, const struct runtime_status *st)
{
    return host_is_guest(h, st) || str_eq(st->host, h->name);
}

static void finish(struct host *h)
{
    h->killing = false;
    if (h->kill_failed) {
        host_retry(h, "is not off yet", "a container could not be removed");
        return;
    }
    h->dirty = h->asked || h->late; /* what was asked for may still appear */
    if (!h->asked || h->late) {
        host_requeue(h); /* otherwise its answer does */
    }
}

static void on_removed(void *arg, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    struct host *h = arg;
    h->kill_failed = h->kill_failed || result != RUNTIME_OK;
    if (--h->removing == 0) {
        finish(h);
    }
}

/* What was made by hand is still there when the power comes back, only not running; and so is the
 * machine itself. Of one that died nobody knows yet whether it is being restarted. */
static void kill_one(struct host *h, const struct runtime_status *st)
{
    struct runtime *rt = &h->hosts->rt;
    bool guest = str_eq(st->name, h->container);
    if (guest && (h->state == HOST_DEAD || h->revived) && !h->leaving) {
        return;
    }
    h->removing++;
    if ((guest || st->role == RUNTIME_HAND) && !h->leaving) {
        rt->ops->stop(rt->self, st->name, 0, on_removed, h);
    } else {
        rt->ops->remove(rt->self, st->name, on_removed, h);
    }
}

static void on_listed(void *arg, enum runtime_result result, const struct runtime_status *list,
                      size_t n, const struct err *err)
{
    struct host *h = arg;
    if (result != RUNTIME_OK) {
        h->killing = false;
        h->kill_failed = true;
        host_retry(h, "is not off yet", err->msg);
        return;
    }
    h->removing = 1;
    h->kill_failed = false;
    for (size_t i = 0; i < n; i++) {
        if (host_has(h, &list[i])) {
            kill_one(h, &list[i]);
        }
    }
    on_removed(h, RUNTIME_OK, NULL, err);
}

void host_kill(struct host *h)
{
    struct hosts *hs = h->hosts;
    if (h->killing || !hs->ready) {
        return; /* hosts_runtime_ready looks again */
    }
    h->killing = true;
    h->late = false;
    hs->rt.ops->list(hs->rt.self, on_listed, h);
}

/* ---- earlier lives ---- */

static void on_swept(void *arg, enum runtime_result result, const struct runtime_status *st,
                     const struct err *err)
{
    (void)arg, (void)result, (void)st, (void)err; /* what is left is swept with the next life */
}

static void sweep(void *arg, enum runtime_result result, const struct runtime_status *list,
                  size_t n, const struct err *err)
{
    struct host *h = arg;
    struct runtime *rt = &h->hosts->rt;
    h->sweeping--;
    host_requeue(h);
    for (size_t i = 0; i < n; i++) {
        if (host_is_guest(h, &list[i]) && !str_eq(list[i].name, h->container)) {
            rt->ops->remove(rt->self, list[i].name, on_swept, NULL);
        }
    }
}

void host_sweep(struct host *h)
{
    if (h->epoch > 1) {
        h->sweeping++;
        h->hosts->rt.ops->list(h->hosts->rt.self, sweep, h);
    }
}
