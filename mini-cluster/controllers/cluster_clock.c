/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the delays that the Clock object asks for, shows them in its status, and tells each change.
 * An object that makes no sense changes nothing; one that was deleted comes back as at `up`. */
#include "controllers/cluster_clock.h"

#include <string.h>

#include "api/api.h"
#include "client/client.h"
#include "client/recorder.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/clock.h"
#include "meta/duration.h"
#include "meta/object.h"

static const char name[] = "cluster";
static const char component[] = "podlab-clock";

struct cluster_clock {
    struct client *client;
    const struct kind *kind;
    struct workqueue *queue;
    struct client_watch *watch;
    const struct clock *at_up;
    struct clock rows[2]; /* the delays that count, and those before */
    const struct clock *now;
    void (*changed)(void *arg, const struct clock *before);
    void *arg;
};

/* ---- telling ---- */

/* "lab: heartbeat 500ms, grace 2s, eviction 500ms", and of a clock with the same preset whatever
 * else differs from `than`. */
static void describe(struct str *s, const struct clock *c, const struct clock *than)
{
    bool same = strcmp(c->name, than->name) == 0;
    str_add_f(s, "%s:", c->name);
    for (size_t i = 0; clock_fields[i] != NULL; i++) {
        char text[32];
        uint64_t ns = clock_get(c, clock_fields[i]);
        if (i < 3 || (same && ns != clock_get(than, clock_fields[i]))) {
            duration_format(text, ns);
            str_add_f(s, "%s %s %s", i > 0 ? "," : "", clock_fields[i], text);
        }
    }
}

static void tell(struct cluster_clock *c, const json_t *obj, const struct clock *before)
{
    cleanup_str struct str now = STR_INIT;
    cleanup_str struct str was = STR_INIT;
    describe(&now, c->now, before);
    describe(&was, before, c->now);
    log_info("clock", "%s", str_c(&now));
    recorder_event(c->client, component, NULL, obj, "Normal", "ClockChanged", "%s (was %s)",
                   str_c(&now), str_c(&was));
}

/* ---- what the object says ---- */

static void note_first(void *arg, const char *field, const char *must)
{
    struct str *s = arg;
    if (s->len == 0) {
        str_add_f(s, "spec.%s %s", field, must);
    }
}

/* Takes over what counts from now on; false when that is what counts already. */
static bool take(struct cluster_clock *c, const struct clock *next)
{
    struct clock *spare = c->now == &c->rows[0] ? &c->rows[1] : &c->rows[0];
    if (clock_equal(c->now, next)) {
        return false;
    }
    *spare = *next;
    c->now = spare;
    return true;
}

/* Kept from before its rules were what they are. */
static void tell_nonsense(struct cluster_clock *c, const json_t *obj, const struct str *why)
{
    recorder_event(c->client, component, NULL, obj, "Warning", "ClockIgnored",
                   "%s; the delays stay as they are", str_c(why));
}

static void follow(struct cluster_clock *c, const json_t *obj)
{
    struct clock next;
    const struct clock *before = c->now;
    cleanup_str struct str why = STR_INIT;
    if (!clock_read(jx_obj(obj, "spec"), &next, note_first, &why)) {
        tell_nonsense(c, obj, &why);
    } else if (take(c, &next)) {
        tell(c, obj, before);
        c->changed(c->arg, before);
    }
}

static int write_status(struct cluster_clock *c, const json_t *obj, struct err *err)
{
    json_auto_t *status = clock_write(c->now);
    json_object_set_new(status, "observedGeneration", json_integer(object_generation(obj)));
    if (jx_equal(jx_obj(obj, "status"), status)) {
        return 0;
    }
    json_t *patch = json_pack("{s:O}", "status", status);
    return client_patch(c->client, c->kind, NULL, name, "status", patch, NULL, err);
}

/* ---- the object ---- */

static int make_object(struct cluster_clock *c, const json_t **ret, struct err *err)
{
    json_t *obj =
        json_pack("{s:s, s:s, s:{s:s}, s:{s:s}}", "apiVersion", c->kind->api_version, "kind",
                  c->kind->kind, "metadata", "name", name, "spec", "preset", c->at_up->name);
    return client_create(c->client, c->kind, NULL, obj, ret, err);
}

static int reconcile(void *arg, const char *key, struct err *err)
{
    struct cluster_clock *c = arg;
    struct err gone;
    const json_t *obj = client_get(c->client, c->kind, NULL, name, &gone);
    if (obj == NULL && make_object(c, &obj, err) < 0) {
        return -1;
    }
    json_auto_t *held = json_incref((json_t *)(uintptr_t)obj);
    follow(c, held);
    return write_status(c, held, err);
}

static void on_clock(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct cluster_clock *c = arg;
    workqueue_add(c->queue, name);
}

/* Before anybody counts: what was asked of an earlier life of the program counts still. */
static void read_first(struct cluster_clock *c)
{
    struct err err;
    struct clock kept;
    const json_t *obj = client_get(c->client, c->kind, NULL, name, &err);
    c->rows[0] = *c->at_up;
    c->now = &c->rows[0];
    if (obj != NULL && clock_read(jx_obj(obj, "spec"), &kept, NULL, NULL)) {
        c->rows[0] = kept;
    }
}

struct cluster_clock *cluster_clock_new(struct api *api, const struct clock *at_up,
                                        void (*changed)(void *arg, const struct clock *before),
                                        void *arg)
{
    struct cluster_clock *c = xnew(struct cluster_clock);
    c->client = client_new(api, "system:podlab-clock");
    c->kind = kinds_find_gr("clocks.podlab.dev");
    c->at_up = at_up;
    c->changed = changed;
    c->arg = arg;
    c->queue = workqueue_new(api_loop(api), "clock", reconcile, c);
    read_first(c);
    c->watch = client_watch(c->client, c->kind, on_clock, c);
    return c;
}

void cluster_clock_free(struct cluster_clock *c)
{
    if (c == NULL) {
        return;
    }
    client_watch_free(c->watch);
    workqueue_free(c->queue);
    client_free(c->client);
    free(c);
}

const struct clock *const *cluster_clock_now(const struct cluster_clock *c)
{
    return &c->now;
}
