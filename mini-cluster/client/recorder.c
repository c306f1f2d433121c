/* SPDX-License-Identifier: Apache-2.0 */
/* The name of an Event is a hash of what it says about whom: the same thing again finds the Event
 * that is there, after a restart too, and nothing has to be remembered here. */
#include "client/recorder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
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

static json_t *involved(const json_t *obj)
{
    json_t *ref = json_object();
    static const char *const top[] = {"kind", "apiVersion"};
    static const char *const meta[] = {"name", "namespace", "uid", "resourceVersion"};
    for (size_t i = 0; i < ARRAY_LEN(top); i++) {
        jx_put_str(ref, top[i], jx_get_str(obj, top[i], NULL));
    }
    for (size_t i = 0; i < ARRAY_LEN(meta); i++) {
        jx_put_str(ref, meta[i], jx_get_str(jx_get(obj, "metadata"), meta[i], NULL));
    }
    return ref;
}

static json_t *event_of(const struct occurrence *o)
{
    json_t *message = json_string(o->message);
    json_t *ev = json_pack(
        "{s:s, s:s, s:{s:s, s:s}, s:o, s:s, s:o, s:{s:s}, s:s, s:s, s:i, s:s, s:n, s:s, s:s}",
        "apiVersion", "v1", "kind", "Event", "metadata", "name", o->name, "namespace", o->ns,
        "involvedObject", involved(o->obj), "reason", o->reason, "message",
        message != NULL ? message : json_string("(not UTF-8)"), "source", "component", o->component,
        "firstTimestamp", o->now, "lastTimestamp", o->now, "count", 1, "type", o->type, "eventTime",
        "reportingComponent", o->component, "reportingInstance", o->host != NULL ? o->host : "");
    if (o->host != NULL) {
        json_object_set_new(json_object_get(ev, "source"), "host", json_string(o->host));
    }
    return ev;
}

static int count_up(struct client *c, const struct kind *k, const struct occurrence *o,
                    const json_t *old, struct err *err)
{
    json_t *ev = jx_edit(old);
    jx_put_int(ev, "count", jx_int(old, "count", 1) + 1);
    jx_put_str(ev, "lastTimestamp", o->now);
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
    struct err err;
    const json_t *old = client_get(c, k, o.ns, o.name, &err);
    int rc = old != NULL ? count_up(c, k, &o, old, &err)
                         : client_create(c, k, o.ns, event_of(&o), NULL, &err);
    if (rc < 0) {
        log_debug("client", "event %s of %s/%s is lost: %s", reason, o.ns, object_name(obj),
                  err.msg);
    }
}
