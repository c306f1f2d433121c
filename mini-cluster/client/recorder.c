/* SPDX-License-Identifier: Apache-2.0 */
/* The name of an Event is a hash of what it says about whom: the same thing again finds the Event
 * that is there, after a restart too, and nothing has to be remembered here. */
#include "client/recorder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/client_impl.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/name.h"
#include "meta/object.h"
#include "meta/time.h"

enum { MAX_MESSAGE = 1024 };

/* What an Event is made from. */
struct occurrence {
    const char *component, *host;
    const json_t *obj;
    const char *type, *reason;
    char message[MAX_MESSAGE + 5]; /* room to see where the last character ends */
    char ns[254];
    char name[254]; /* of the Event */
    char now[21];
};

/* Cut where a character ends. */
static void bound_utf8(char *text, size_t max)
{
    size_t n = strlen(text);
    if (n < max) {
        return;
    }
    n = max;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) {
        n--;
    }
    text[n] = '\0';
}

static void format_name(struct occurrence *o)
{
    cleanup_str struct str said = STR_INIT;
    str_add_f(&said, "%s|%s|%s|%s|%s|%s", object_uid(o->obj), o->type, o->reason, o->component,
              o->host != NULL ? o->host : "", o->message);
    const char *of = object_name(o->obj);
    snprintf(o->name, sizeof(o->name), "%.230s.%016llx", of[0] != '\0' ? of : "unknown",
             (unsigned long long)str_hash(said.p, said.len));
}

/* ,"key":"value" */
static void put_member(struct str *s, const char *key, const char *value)
{
    str_add(s, ",\"");
    str_add(s, key);
    str_add(s, "\":");
    jx_dump_str(s, value);
}

static void put_metadata(struct str *s, const struct occurrence *o, const char *uid)
{
    str_add(s, "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":");
    jx_dump_str(s, o->name);
    put_member(s, "namespace", o->ns);
    put_member(s, "uid", uid);
    put_member(s, "creationTimestamp", o->now);
    put_member(s, "resourceVersion", "");
    str_add(s, "}");
}

static void put_involved(struct str *s, const json_t *obj)
{
    str_add(s, ",\"involvedObject\":{\"kind\":");
    jx_dump_str(s, jx_get_str(obj, "kind", ""));
    put_member(s, "apiVersion", jx_get_str(obj, "apiVersion", ""));
    static const char *const keys[] = {"name", "namespace", "uid", "resourceVersion"};
    const json_t *meta = jx_get(obj, "metadata");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *value = jx_get_str(meta, keys[i], NULL);
        if (value != NULL) {
            put_member(s, keys[i], value);
        }
    }
    str_add(s, "}");
}

static void put_source(struct str *s, const struct occurrence *o)
{
    str_add(s, ",\"source\":{\"component\":");
    jx_dump_str(s, o->component);
    if (o->host != NULL) {
        put_member(s, "host", o->host);
    }
    str_add(s, "}");
}

static void encode(struct str *s, const struct occurrence *o, const char *uid)
{
    put_metadata(s, o, uid);
    put_involved(s, o->obj);
    put_member(s, "reason", o->reason);
    put_member(s, "message", o->message);
    put_source(s, o);
    put_member(s, "firstTimestamp", o->now);
    put_member(s, "lastTimestamp", o->now);
    str_add(s, ",\"count\":1");
    put_member(s, "type", o->type);
    str_add(s, ",\"eventTime\":null");
    put_member(s, "reportingComponent", o->component);
    put_member(s, "reportingInstance", o->host != NULL ? o->host : "");
    str_add(s, "}");
}

static bool takes_events(struct client *c, const char *ns)
{
    struct store_key key = {"namespaces", "", ns};
    cleanup_entry const struct store_entry *e = store_find(c->store, STORE_STAGED, &key);
    return e != NULL && !e->deleting;
}

/* Past the verbs of the API: a pod has about five Events on its way up, and each of them through
 * defaults, validation and a tree was a quarter of all its work. */
static int create(struct client *c, const struct kind *k, const struct occurrence *o,
                  struct err *err)
{
    char uid[37];
    struct store_key key = {k->gr, o->ns, o->name};
    if (!takes_events(c, o->ns)) {
        return err_set(err, ERR_FORBIDDEN, "namespace %s takes none", o->ns);
    }
    name_uid(c->loop, uid);
    str_clear(&c->event);
    str_reserve(&c->event, 1024);
    encode(&c->event, o, uid);
    return store_put_encoded(c->store, &key, uid, &c->event, err);
}

static int count_up(struct client *c, const struct kind *k, const json_t *old, const char *now,
                    struct err *err)
{
    json_t *ev = jx_edit(old);
    jx_put_int(ev, "count", jx_int(old, "count", 1) + 1);
    jx_put_str(ev, "lastTimestamp", now);
    return client_update(c, k, ev, NULL, err);
}

void recorder_event(struct client *c, const char *component, const char *host, const json_t *obj,
                    const char *type, const char *reason, const char *fmt, ...)
{
    struct occurrence o = {
        .component = component, .host = host, .obj = obj, .type = type, .reason = reason};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(o.message, sizeof(o.message), fmt, ap);
    va_end(ap);
    bound_utf8(o.message, MAX_MESSAGE);
    const char *ns = object_namespace(obj);
    str_copy(o.ns, sizeof(o.ns), ns[0] != '\0' ? ns : "default");
    format_name(&o);
    time_format(o.now, loop_wall_us(client_loop(c)));

    const struct kind *k = kinds_find("", "v1", "events");
    struct store_key key = {k->gr, o.ns, o.name};
    struct err err;
    cleanup_entry const struct store_entry *old = store_find(c->store, STORE_STAGED, &key);
    int rc = old != NULL ? count_up(c, k, store_tree(c->store, old), o.now, &err)
                         : create(c, k, &o, &err);
    if (rc < 0) {
        log_debug("client", "event %s of %s/%s is lost: %s", reason, o.ns, object_name(obj),
                  err.msg);
    }
}
