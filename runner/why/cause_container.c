/* SPDX-License-Identifier: Apache-2.0 */
/* A container that somebody was to start by hand: another name, another host, another port, or it
 * ended. */
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/units.h"
#include "why/causes.h"

/* ---- what a host's Docker has ---- */

static bool is_by_hand(const json_t *container)
{
    return jx_str(container, "pod", "")[0] == '\0';
}

static const json_t *find_container(const json_t *host, const char *name)
{
    size_t i;
    const json_t *c;
    jx_each(i, c, jx_arr(host, "status.containers"))
    {
        if (is_by_hand(c) && str_eq(jx_str(c, "name", ""), name)) {
            return c;
        }
    }
    return NULL;
}

static const json_t *find_port(const json_t *host, int port)
{
    size_t i;
    const json_t *p;
    jx_each(i, p, jx_arr(host, "status.ports"))
    {
        if (jx_int(p, "port", 0) == port) {
            return p;
        }
    }
    return NULL;
}

/* The ports that a container holds, as a list `ports`; how many. */
static int64_t list_ports(struct finding *f, const json_t *host, const char *owner)
{
    size_t i;
    int64_t n = 0;
    const json_t *p;
    jx_each(i, p, jx_arr(host, "status.ports"))
    {
        char text[24];
        if (str_eq(jx_str(p, "owner", ""), owner)) {
            snprintf(text, sizeof(text), "%d", (int)jx_int(p, "port", 0));
            finding_add(f, "ports", text);
            n++;
        }
    }
    return n;
}

static void saw_state(struct finding *f, const json_t *host, const json_t *container)
{
    cleanup_free char *field =
        xasprintf("status.containers[%s].state", jx_str(container, "name", ""));
    finding_saw(f, host, field, jx_str(container, "state", ""),
                jx_str(container, "startedAt", NULL));
}

/* ---- it is there, and not as wished ---- */

/* Who has the port that a container wanted when it did not start: the one that is asked for, or the
 * only one that anybody has. */
static const json_t *holder(const struct scene *s, const json_t *host, const char *name)
{
    const json_t *ports = jx_arr(host, "status.ports");
    const json_t *p = find_port(host, s->judged->port);
    if (p == NULL && json_array_size(ports) == 1) {
        p = json_array_get(ports, 0); /* it asked for another one than it should */
    }
    return p != NULL && !str_eq(jx_str(p, "owner", ""), name) ? p : NULL;
}

static void say_holder(struct finding *f, const json_t *host, const json_t *port)
{
    const char *owner = jx_str(port, "owner", "");
    const json_t *c = find_container(host, owner);
    cleanup_free char *who = c != NULL ? xasprintf("Container %s", owner) : xstrdup(owner);
    finding_text(f, "holder", who);
    finding_number(f, "port", jx_int(port, "port", 0));
    finding_saw(f, host, "status.ports", owner, NULL);
}

static bool never_started(const struct scene *s, struct finding *f, const json_t *host)
{
    const json_t *port = holder(s, host, s->judged->container);
    f->words = "never-started";
    if (port != NULL) {
        say_holder(f, host, port);
        f->words = "port-held";
    }
    return true;
}

static bool has_ended(const struct scene *s, struct finding *f, const json_t *container)
{
    int64_t code = jx_int(container, "exitCode", 0);
    finding_number(f, "code", code);
    f->words = code == 0                    ? "container-exited.well"
               : code == 137 || code == 143 ? "container-exited.killed"
                                            : "container-exited";
    return true;
}

/* It runs; its ports are the trouble. */
static bool holds_another_port(const struct scene *s, struct finding *f, const json_t *host)
{
    const json_t *port = find_port(host, s->judged->port);
    const char *name = s->judged->container;
    if (s->judged->port == 0 || (port != NULL && str_eq(jx_str(port, "owner", ""), name))) {
        return false;
    }
    finding_number(f, "n", list_ports(f, host, name));
    finding_number(f, "port", s->judged->port);
    f->words = jx_get(f->args, "ports") != NULL ? "other-port" : "not-published";
    if (port != NULL) {
        say_holder(f, host, port);
        f->words = "port-held.running";
    }
    return true;
}

static bool look_at(const struct scene *s, struct finding *f, const json_t *host,
                    const json_t *container)
{
    const char *state = jx_str(container, "state", "");
    saw_state(f, host, container);
    if (str_eq(state, "created")) {
        return never_started(s, f, host);
    }
    if (str_eq(state, "running")) {
        return holds_another_port(s, f, host);
    }
    if (str_eq(state, "paused")) {
        f->words = "container-paused";
        return true;
    }
    if (str_eq(state, "restarting")) {
        f->words = "container-exited.restarting";
        return true;
    }
    return has_ended(s, f, container);
}

/* ---- it is not there ---- */

/* One that stands elsewhere for long has a place there. */
static bool is_of_this_step(const struct scene *s, const json_t *c)
{
    int64_t at;
    return !kube_time(jx_str(c, "startedAt", ""), &at) || at + 999999 >= s->began_us;
}

static bool is_elsewhere(const struct scene *s, struct finding *f)
{
    size_t i;
    const json_t *host;
    jx_each(i, host, scene_all(s, "Host"))
    {
        const json_t *c = find_container(host, s->judged->container);
        if (c != NULL && is_of_this_step(s, c)) {
            finding_text(f, "other", scene_name(host));
            finding_text(f, "state", jx_str(c, "state", ""));
            saw_state(f, host, c);
            f->words = "container-elsewhere";
            return true;
        }
    }
    return false;
}

static bool was_refused(const struct scene *s, struct finding *f, const json_t *host)
{
    const json_t *refusals = jx_arr(host, "status.refusals");
    const json_t *last = json_array_get(refusals, json_array_size(refusals) - 1);
    int64_t at;
    if (!kube_time(jx_str(last, "time", ""), &at) || at + 999999 < s->began_us) {
        return false;
    }
    finding_text(f, "reason", jx_str(last, "reason", ""));
    finding_saw(f, host, "status.refusals", jx_str(last, "reason", ""), jx_str(last, "time", NULL));
    f->words = "refused";
    return true;
}

static void list_names(struct finding *f, const json_t *host)
{
    size_t i;
    int64_t n = 0;
    const json_t *c;
    jx_each(i, c, jx_arr(host, "status.containers"))
    {
        if (is_by_hand(c) && n++ < 5) {
            finding_add(f, "names", jx_str(c, "name", ""));
        }
    }
    finding_number(f, "n", n);
}

/* ---- the whole ---- */

static bool remains(const struct scene *s, struct finding *f, const json_t *host)
{
    const json_t *c = find_container(host, s->judged->container);
    if (c == NULL) {
        return false;
    }
    saw_state(f, host, c);
    f->words = str_eq(jx_str(c, "state", ""), "running") ? "container-remains"
                                                         : "container-remains.stopped";
    return true;
}

bool cause_container(const struct scene *s, struct finding *f)
{
    const struct lab_check *c = s->judged;
    if (c->kind != LAB_HOST || c->container == NULL || s->object == NULL) {
        return false;
    }
    finding_text(f, "host", s->host);
    finding_text(f, "container", c->container);
    if (c->gone) {
        return remains(s, f, s->object);
    }
    const json_t *container = find_container(s->object, c->container);
    if (container != NULL) {
        return look_at(s, f, s->object, container);
    }
    if (is_elsewhere(s, f) || was_refused(s, f, s->object)) {
        return true;
    }
    list_names(f, s->object);
    f->words = jx_get(f->args, "names") != NULL ? "no-container.others" : "no-container";
    return true;
}

/* ---- a port that somebody calls ---- */

/* What the bundled images listen on. */
static int port_of_image(const char *image)
{
    return str_has_prefix(image, "podlab/web") || str_has_prefix(image, "podlab/kv") ? 8080 : 0;
}

static bool nothing_listens(struct finding *f, const json_t *host, const json_t *port)
{
    const char *owner = jx_str(port, "owner", "");
    const json_t *c = find_container(host, owner);
    int said = port_of_image(jx_str(c, "image", ""));
    int64_t target = jx_int(port, "targetPort", 0);
    finding_text(f, "container", owner);
    finding_number(f, "target", target);
    finding_number(f, "listens", said);
    finding_saw(f, host, "status.ports.targetPort", owner, NULL);
    f->words = said > 0 && said != target ? "port-nobody" : "port-nobody.silent";
    return true;
}

static bool nobody_publishes(const struct scene *s, struct finding *f, const json_t *host)
{
    size_t i;
    const json_t *p;
    const json_t *ports = jx_arr(host, "status.ports");
    jx_each(i, p, ports)
    {
        cleanup_free char *text =
            xasprintf("%d (%s)", (int)jx_int(p, "port", 0), jx_str(p, "owner", ""));
        finding_add(f, "ports", text);
    }
    f->words = json_array_size(ports) > 0 ? "port-closed.others" : "port-closed";
    const json_t *c;
    jx_each(i, c, jx_arr(host, "status.containers"))
    {
        if (is_by_hand(c) && str_eq(jx_str(c, "state", ""), "created")) {
            finding_text(f, "container", jx_str(c, "name", ""));
            saw_state(f, host, c);
            f->words = "port-closed.created";
        }
    }
    return true;
}

static bool stands_still(struct finding *f, const json_t *host, const json_t *port)
{
    const json_t *c = find_container(host, jx_str(port, "owner", ""));
    if (!str_eq(jx_str(c, "state", ""), "paused")) {
        return false;
    }
    finding_text(f, "container", jx_str(port, "owner", ""));
    f->words = "container-paused";
    return true;
}

static bool says_something_else(const struct scene *s, struct finding *f, const json_t *port)
{
    const char *body = jx_str(s->seen, "body", "");
    size_t n = strcspn(body, "\r\n");
    cleanup_free char *line = xstrndup(body, n < 80 ? n : 80);
    int64_t status = jx_int(s->seen, "status", 0);
    finding_number(f, "status", status);
    finding_text(f, "text", line);
    finding_text(f, "container", jx_str(port, "owner", "somebody"));
    f->words = status >= 400 ? "wrong-answer.status" : "wrong-answer";
    return status > 0;
}

bool cause_port(const struct scene *s, struct finding *f)
{
    const json_t *host = scene_find(s, "Host", "", s->host);
    const char *error = jx_str(s->seen, "error", "");
    int64_t number = 0;
    if (s->judged->kind != LAB_URL || host == NULL || s->seen == NULL ||
        !str_to_i64(s->port, 1, 65535, &number)) {
        return false;
    }
    const json_t *port = find_port(host, (int)number);
    finding_text(f, "host", s->host);
    finding_number(f, "port", number);
    if (error[0] == '\0') {
        return says_something_else(s, f, port);
    }
    if (port == NULL) {
        return nobody_publishes(s, f, host);
    }
    bool silent = str_has_prefix(error, "no answer"); /* it took the call, and says nothing */
    return stands_still(f, host, port) || (!silent && nothing_listens(f, host, port));
}
