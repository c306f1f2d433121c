/* SPDX-License-Identifier: Apache-2.0 */
/* One spare, from the commit of its record to the end of its container: whatever happens in
 * between, the record says what may be there. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "client/spares.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "node/address.h"
#include "node/op.h"
#include "node/pod.h"
#include "node/spec.h"
#include "node/warm_impl.h"

#define RETRY LOOP_S(1)

static uint64_t now_ns(const struct spare *s)
{
    return loop_mono_ns(s->warm->nodes->loop);
}

/* ---- the record ---- */

static char *key_of(const struct spare *s)
{
    return xasprintf("%s/%s", s->ns, s->pod);
}

static void put_record(const struct spare *s)
{
    cleanup_free char *key = key_of(s);
    char hash[24];
    snprintf(hash, sizeof(hash), "%016" PRIx64, s->hash);
    client_record_put(s->warm->nodes->client, spares_table, key,
                      json_pack("{s:s, s:I, s:s, s:b, s:s, s:I, s:s, s:s}", "owner", s->owner,
                                "number", (json_int_t)s->number, "node", s->host, "ready",
                                s->state == SPARE_READY, "name", s->name, "epoch",
                                (json_int_t)s->epoch, "hash", hash, "address", s->address));
}

static void delete_record(const struct spare *s)
{
    cleanup_free char *key = key_of(s);
    client_record_delete(s->warm->nodes->client, spares_table, key);
}

static bool restore_one(void *arg, const char *key, const json_t *record)
{
    struct warm *w = arg;
    struct spare_note note = spares_read(record);
    const char *slash = strchr(key, '/');
    const char *name = jx_get_str(record, "name", "");
    if (slash == NULL || name[0] == '\0') {
        client_record_delete(w->nodes->client, spares_table, key);
        return true;
    }
    struct spare *s = xnew(struct spare);
    s->warm = w;
    s->state = SPARE_UNKNOWN;
    s->ns = xstrndup(key, (size_t)(slash - key));
    s->pod = xstrdup(slash + 1);
    s->owner = xstrdup(note.owner);
    s->host = xstrdup(note.host);
    s->number = note.number;
    s->epoch = (uint64_t)jx_int(record, "epoch", 0);
    s->hash = strtoull(jx_get_str(record, "hash", ""), NULL, 16);
    str_copy(s->name, sizeof(s->name), name);
    str_copy(s->address, sizeof(s->address), jx_get_str(record, "address", ""));
    address_claim(w->nodes->addresses, s->address);
    map_put(w->spares, key, s);
    map_put(w->by_name, s->name, s);
    return true;
}

void spare_restore_all(struct warm *w)
{
    client_record_each(w->nodes->client, spares_table, restore_one, w);
}

/* ---- the end ---- */

void spare_free(void *arg)
{
    struct spare *s = arg;
    op_orphan(s->op);
    client_off_commit(s->warm->nodes->client, s);
    free(s->ns);
    free(s->pod);
    free(s->owner);
    free(s->host);
    free(s);
}

void spare_forget(struct spare *s)
{
    struct warm *w = s->warm;
    cleanup_free char *key = key_of(s);
    w->making = w->making == s ? NULL : w->making;
    if (map_find(w->by_name, s->name) == s) {
        map_remove(w->by_name, s->name);
    }
    map_remove(w->spares, key);
}

static void on_removed(struct op *op, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    struct spare *s = op->arg;
    struct warm *w = s->warm;
    (void)st;
    s->op = NULL;
    if (result != RUNTIME_OK) {
        log_debug("node", "remove %s: %s", s->name, err->msg);
        s->retry_ns = now_ns(s) + RETRY;
        warm_poke(w);
        return;
    }
    delete_record(s);
    address_release(w->nodes->addresses, s->address, now_ns(s));
    spare_forget(s);
    warm_poke(w);
}

static void ask(struct spare *s, op_fn *done)
{
    op_orphan(s->op); /* whatever that was about: it does not matter any more */
    s->op = op_new(s->warm->nodes, NULL, s->name, done);
    s->op->arg = s;
}

void spare_retry(struct spare *s)
{
    const struct runtime *rt = &s->warm->nodes->rt;
    if (s->state == SPARE_GOING && s->op == NULL && s->retry_ns <= now_ns(s)) {
        ask(s, on_removed);
        rt->ops->remove(rt->self, s->name, op_done, s->op);
    }
}

void spare_drop(struct spare *s)
{
    struct warm *w = s->warm;
    if (s->state == SPARE_GOING || s->state == SPARE_CLAIMED) {
        return;
    }
    bool staged = s->state == SPARE_STAGED;
    s->state = SPARE_GOING;
    w->making = w->making == s ? NULL : w->making;
    op_orphan(s->op);
    s->op = NULL;
    put_record(s); /* nobody counts on it any more */
    if (!staged) {
        spare_retry(s);
    }
}

/* ---- what the runtime says ---- */

void spare_take(struct spare *s, const struct runtime_status *st)
{
    bool good = st->state == RUNTIME_RUNNING && !st->cut && st->epoch == s->epoch;
    bool asked = s->state == SPARE_MAKING || s->state == SPARE_UNKNOWN;
    s->seen_ns = now_ns(s);
    if (!good) {
        spare_drop(s);
    } else if (asked) {
        s->state = SPARE_READY;
        put_record(s);
    }
}

static void on_looked(struct op *op, enum runtime_result result, const struct runtime_status *st,
                      const struct err *err)
{
    struct spare *s = op->arg;
    s->op = NULL;
    if (result == RUNTIME_OK) {
        spare_take(s, st);
    } else if (result == RUNTIME_FAILED && err->code == ERR_NOT_FOUND) {
        spare_drop(s);
    } /* else a list will tell */
}

void spare_look(struct spare *s)
{
    const struct runtime *rt = &s->warm->nodes->rt;
    if (s->state == SPARE_READY) {
        ask(s, on_looked);
        rt->ops->inspect(rt->self, s->name, op_done, s->op);
    }
}

/* ---- making ---- */

/* As much rest afterwards as it took, so that half of the machine at most is busy with these; and
 * after a failure more and more. */
static void on_made(struct op *op, enum runtime_result result, const struct runtime_status *st,
                    const struct err *err)
{
    struct spare *s = op->arg;
    struct warm *w = s->warm;
    uint64_t now = now_ns(s);
    s->op = NULL;
    w->making = NULL;
    w->next_ns = now + (now - w->asked_ns);
    w->failures = result == RUNTIME_OK ? 0 : w->failures < 6 ? w->failures + 1 : 6;
    if (result == RUNTIME_OK) {
        spare_take(s, st);
    } else {
        log_debug("node", "make %s: %s", s->name, err->msg);
        w->next_ns = now + (LOOP_S(1) << w->failures);
        spare_drop(s);
    }
    warm_poke(w);
}

static const char **labels_of(const struct spare *s, struct spec_out *out)
{
    const char **labels = spec_own(out, xcalloc(5, sizeof(*labels)));
    labels[0] = spec_own(out, xasprintf(NODE_LABEL_SPARE "=%" PRIu64, s->number));
    labels[1] = spec_own(out, xasprintf(NODE_LABEL_POD "=%s/%s", s->ns, s->pod));
    labels[2] = spec_own(out, xstrdup(NODE_LABEL_CONTAINER "="));
    if (out->spec.share != NULL) {
        labels[3] = spec_own(out, xasprintf(NODE_LABEL_SHARE "=%s", out->spec.share));
    }
    return labels;
}

static void ensure(struct spare *s)
{
    const struct runtime *rt = &s->warm->nodes->rt;
    struct spec_out out = {0};
    uint64_t hash;
    s->state = SPARE_MAKING;
    if (!warm_plan_spec(s->warm, s, &out, &hash) || hash != s->hash) {
        spare_drop(s); /* it changed meanwhile */
        spec_out_fini(&out);
        return;
    }
    out.spec.name = s->name;
    out.spec.host = s->host;
    out.spec.hash = spec_own(&out, xasprintf("%016" PRIx64, s->hash));
    out.spec.labels = labels_of(s, &out);
    s->warm->asked_ns = now_ns(s);
    ask(s, on_made);
    rt->ops->ensure(rt->self, &out.spec, s->epoch, op_done, s->op);
    spec_out_fini(&out);
}

static void on_intent(void *arg, bool ok)
{
    struct spare *s = arg;
    struct warm *w = s->warm;
    if (!ok) {
        w->next_ns = now_ns(s) + LOOP_S(5);
        address_release(w->nodes->addresses, s->address, now_ns(s));
        spare_forget(s);
        warm_poke(w);
    } else if (s->state == SPARE_STAGED) {
        ensure(s);
    } else {
        spare_retry(s); /* it was dropped before anything came of it */
    }
}

/* Names of the runtime are used once; this one says to people what it is. */
static void name_it(struct spare *s)
{
    const struct nodes *n = s->warm->nodes;
    unsigned char chance[16];
    char hex[2 * sizeof(chance) + 1];
    loop_random(n->loop, LOOP_RANDOM_NAME, chance, sizeof(chance));
    str_hex(hex, chance, sizeof(chance));
    cleanup_free char *hint = xasprintf("%s-%s", s->ns, s->pod);
    cleanup_free char *identity = xasprintf("spare/%s", hex);
    runtime_spare_name(s->name, n->key, hint, identity);
}

static struct spare *spare_new(struct warm *w, const struct spare_plan *plan)
{
    struct spare *s = xnew(struct spare);
    s->warm = w;
    s->ns = xstrdup(plan->ns);
    s->pod = xstrdup(plan->pod);
    s->owner = xstrdup(plan->owner);
    s->host = xstrdup(plan->host);
    s->number = plan->number;
    s->epoch = plan->epoch;
    name_it(s);
    return s;
}

bool spare_make(struct warm *w, const struct spare_plan *plan)
{
    struct nodes *n = w->nodes;
    struct spare *s = spare_new(w, plan);
    struct spec_out out = {0};
    bool ok = warm_plan_spec(w, s, &out, &s->hash) && pod_take_address(n, s->address);
    spec_out_fini(&out);
    if (!ok) {
        spare_free(s);
        return false;
    }
    cleanup_free char *key = key_of(s);
    map_put(w->spares, key, s);
    map_put(w->by_name, s->name, s);
    w->making = s;
    put_record(s);
    client_on_commit(n->client, on_intent, s);
    return true;
}
