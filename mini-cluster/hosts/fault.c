/* SPDX-License-Identifier: Apache-2.0 */
/* Freezes machines and pulls their cables: the wish is committed, the agent is told, then the guest
 * and every container of the host are brought to it, then the status says so. On the way back the
 * agent is told last, so that it finds everything as it was. */
#include <string.h>

#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/str.h"
#include "hosts/hosts_impl.h"

struct fault host_wished_fault(const json_t *obj)
{
    return (struct fault){
        .paused = str_eq(jx_str(obj, "spec.power", "On"), "Paused"),
        .cut = str_eq(jx_str(obj, "spec.network", "Connected"), "Partitioned"),
    };
}

static bool same(struct fault a, struct fault b)
{
    return a.paused == b.paused && a.cut == b.cut;
}

static void tell(struct host *h, struct fault f)
{
    if (same(f, h->told_fault)) {
        return;
    }
    h->told_fault = f;
    struct hosts_machine m = host_machine(h);
    h->hosts->ops.on_change(h->hosts->arg, &m);
}

/* ---- the containers ---- */

static bool is_over(const struct host *h)
{
    return h->state != HOST_ON || h->turn != h->fault_turn;
}

static void finish(struct host *h)
{
    h->step = FAULT_REST;
    host_requeue(h);
    if (is_over(h)) {
        return;
    }
    if (h->fault_why[0] != '\0') {
        h->stray = true;
        host_retry(h, "is not as it should be yet", h->fault_why);
        return;
    }
    h->is = h->aim;
    host_forget_failures(h);
    tell(h, h->aim);
    if (!h->aim.cut && h->cut_us != 0) {
        h->cut_us = 0;
        host_remember(h);
    }
    if (h->inspect_again) {
        h->inspect_again = false;
        host_inspect(h, "");
    }
}

/* One that is gone, or ended, needs nothing. */
static void on_changed(void *arg, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    struct host *h = arg;
    (void)st;
    bool gone = result == RUNTIME_FAILED &&
                (err->code == ERR_NOT_FOUND || strstr(err->msg, "not running") != NULL);
    if (result != RUNTIME_OK && !gone) {
        str_copy(h->fault_why, sizeof(h->fault_why), err->msg);
    }
    if (--h->changing == 0) {
        finish(h);
    }
}

static void change_one(struct host *h, const struct runtime_status *st)
{
    const struct runtime *rt = &h->hosts->rt;
    bool runs = st->state == RUNTIME_RUNNING || st->state == RUNTIME_PAUSED;
    bool paused = st->state == RUNTIME_PAUSED;
    if (runs && paused != h->aim.paused) {
        h->changing++;
        rt->ops->pause(rt->self, st->name, h->aim.paused, on_changed, h);
    }
    /* An app has its sandbox's network; one that is put back may have got another address. */
    bool moved = strcmp(st->name, h->container) == 0 && !h->aim.cut;
    if (runs && st->role != RUNTIME_APP && (st->cut != h->aim.cut || moved)) {
        h->changing++;
        rt->ops->connect(rt->self, st->name, !h->aim.cut, on_changed, h);
    }
}

static void on_listed(void *arg, enum runtime_result result, const struct runtime_status *list,
                      size_t n, const struct err *err)
{
    struct host *h = arg;
    if (result != RUNTIME_OK) {
        str_copy(h->fault_why, sizeof(h->fault_why), err->msg);
    }
    for (size_t i = 0; i < n && !is_over(h); i++) {
        if (host_has(h, &list[i])) {
            change_one(h, &list[i]);
        }
    }
    on_changed(h, RUNTIME_OK, NULL, err);
}

/* ---- the wish ---- */

static void on_wish_committed(void *arg, bool ok)
{
    struct host *h = arg;
    if (h->step != FAULT_COMMIT) {
        return;
    }
    h->step = FAULT_REST;
    if (!ok || h->state != HOST_ON) {
        host_requeue(h);
        return;
    }
    struct fault worse = {h->aim.paused || h->told_fault.paused, h->aim.cut || h->told_fault.cut};
    tell(h, worse);
    h->step = FAULT_RUN;
    h->fault_turn = h->turn;
    h->stray = false;
    h->fault_why[0] = '\0';
    h->changing = 1;
    h->hosts->rt.ops->list(h->hosts->rt.self, on_listed, h);
}

bool host_fault_step(struct host *h, const json_t *obj)
{
    struct fault wish = host_wished_fault(obj);
    if (h->step != FAULT_REST) {
        return false;
    }
    if (same(wish, h->is) && same(wish, h->told_fault) && !h->stray) {
        return true;
    }
    h->aim = wish;
    h->step = FAULT_COMMIT;
    if (wish.cut && h->cut_us == 0) {
        h->cut_us = loop_wall_us(client_loop(h->hosts->client));
        host_remember(h);
    }
    client_on_commit(h->hosts->client, on_wish_committed, h);
    return false;
}

void host_fault_stray(struct host *h)
{
    bool held = h->is.paused || h->is.cut || h->aim.paused || h->aim.cut;
    if (h->state == HOST_ON && held) {
        h->stray = true;
        host_requeue(h);
    }
}
