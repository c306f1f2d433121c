/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a container: its ports are chosen and written down, then they lead to it, then it runs.
 * What starts while the host loses its power does not stay. */
#include <string.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"

#define RETRY_NS LOOP_S(2)

/* ---- it did not come about ---- */

/* One that was to be removed when it ends has ended. */
static void removed(struct dock_req *r, const struct dock_reply *a)
{
    cleanup_free char *why = xstrdup(r->own);
    if (a->err.code == ERR_NONE) {
        dock_box_drop(r->dock, r->id);
    }
    dock_reply_fail(r, 500, "%s", why);
}

static void give_up(struct dock_req *r, struct dock_box *b, int status, const struct err *err)
{
    bool again = r->agent && status == 503; /* nobody answered: else it would be the same again */
    bool ours = !r->asked;                  /* the daemon has not even been asked */
    dock_box_release(b);
    str_copy(b->error, sizeof(b->error), err->msg);
    b->want = again;
    dock_box_record(b);
    dock_status_changed(r->dock);
    if (r->agent) {
        log_info("hosts", "%s: %s does not start again: %s", r->dock->host, b->shown, err->msg);
    }
    if (again) {
        loop_timer_start(b->timer, RETRY_NS);
    }
    if (ours && jx_bool(r->seen, "HostConfig.AutoRemove", false)) {
        r->own = xstrdup(err->msg);
        r->own_free = free;
        dock_call(r, &(struct dock_ask){.method = "DELETE"}, removed, "/containers/%s?force=1&v=1",
                  r->id);
        return;
    }
    dock_reply_fail(r, status, "%s", err->msg);
}

/* ---- 3: it runs ---- */

static void killed(struct dock_req *r, const struct dock_reply *a)
{
    (void)a;
    dock_reply_fail(r, 503, "host %s lost its power", r->dock->host);
}

static void started(struct dock_req *r, const struct dock_reply *a)
{
    struct dock *d = r->dock;
    struct dock_box *b = dock_box_find(d, r->id);
    if (!d->on || d->epoch != r->epoch) {
        dock_call(r, &(struct dock_ask){.method = "POST"}, killed, "/containers/%s/kill", r->id);
        return;
    }
    if (b == NULL) { /* it was removed meanwhile */
        dock_reply_none(r, 204);
        return;
    }
    if (a->err.code != ERR_NONE) {
        give_up(r, b, a->status > 0 ? a->status : 503, &a->err);
        return;
    }
    b->error[0] = '\0';
    str_copy(b->state, sizeof(b->state), "running");
    dock_status_changed(d);
    dock_reply_none(r, 204);
}

/* ---- 2: its ports lead to it ---- */

static void committed(struct dock_req *r)
{
    struct dock_box *b = dock_box_find(r->dock, r->id);
    struct err err;
    if (b == NULL) {
        dock_reply_fail(r, 404, "No such container: %s", r->id);
        return;
    }
    if (dock_box_forward(b, &err) != 0) {
        give_up(r, b, 500, &err);
        return;
    }
    r->asked = true;
    dock_call(r, &(struct dock_ask){.method = "POST"}, started, "/containers/%s/start", r->id);
}

/* ---- 1: it is wanted ---- */

void dock_start(struct dock_req *r)
{
    struct dock *d = r->dock;
    struct dock_box *b = dock_box_take(d, r->seen);
    struct err err;
    if (strcmp(b->state, "paused") == 0) {
        dock_reply_fail(r, 409, "cannot start a paused container, try unpause instead");
        return;
    }
    if (dock_box_runs(b) || (b->busy > 0 && r->busy[0] == '\0' && b->holds)) {
        dock_reply_none(r, 304);
        return;
    }
    dock_busy(r, b);
    r->epoch = d->epoch;
    if (dock_box_hold(b, r->seen, &err) != 0) {
        give_up(r, b, 500, &err);
        return;
    }
    b->want = true;
    b->stopped = false;
    b->epoch = d->epoch;
    if (!r->agent) {
        b->restarts = 0;
        b->delay_ns = 0;
    }
    dock_box_record(b);
    dock_commit(r, committed);
}
