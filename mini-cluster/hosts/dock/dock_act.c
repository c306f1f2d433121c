/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to a container that is there: stop, kill, pause, rename, update, remove. */
#include <ctype.h>
#include <string.h>

#include "client/client.h"
#include "common/http_server.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hosts/dock/dock_create.h"
#include "hosts/dock/dock_impl.h"
#include "runtime/docker/docker_spec.h"

enum { MAX_NAME = 128, MAX_WAIT_S = 86400 };

/* Done: the daemon's word is ours. */
static void acted(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
    } else {
        dock_reply_none(r, a->status);
    }
}

static void act(struct dock_req *r, const char *verb, const char *query)
{
    r->acting = true;
    dock_call(r, &(struct dock_ask){.method = "POST", .patient = true}, acted,
              "/containers/%s/%s%s", r->id, verb, query);
}

/* "t=5&signal=TERM", checked; the caller frees. NULL: it was answered. */
static char *stop_query(struct dock_req *r)
{
    const char *signal = dock_query_get(&r->query, "signal");
    struct err err;
    int64_t seconds;
    if (dock_query_int(&r->query, "t", -1, MAX_WAIT_S, INT64_MIN, &seconds, &err) != 0) {
        dock_reply_err(r, &err);
        return NULL;
    }
    for (size_t i = 0; signal[i] != '\0'; i++) {
        if (i > 15 || (!isalnum((unsigned char)signal[i]) && strchr("+-", signal[i]) == NULL)) {
            dock_reply_fail(r, 400, "Invalid signal: %.40s", signal);
            return NULL;
        }
    }
    struct str out = STR_INIT;
    if (seconds != INT64_MIN) {
        str_add_f(&out, "?t=%d", (int)seconds);
    }
    if (signal[0] != '\0') {
        cleanup_free char *escaped = docker_escape(signal);
        str_add_f(&out, "%csignal=%s", out.len > 0 ? '&' : '?', escaped);
    }
    return str_take(&out);
}

/* ---- start ---- */

void dock_start_container(struct dock_req *r)
{
    dock_find_by_hand(r, r->ref, "started", dock_start);
}

/* ---- stop and kill: nobody starts it again, and that is written down first ---- */

static void stop_committed(struct dock_req *r)
{
    act(r, r->verb, r->own);
}

/* `verb` with the query in r->own. */
static void stop(struct dock_req *r, const char *verb, bool for_good)
{
    struct dock_box *b = dock_box_take(r->dock, r->seen);
    r->verb = verb;
    dock_busy(r, b);
    if (!b->by_hand || !for_good) {
        stop_committed(r);
        return;
    }
    b->stopped = true;
    b->want = false;
    dock_box_record(b);
    dock_commit(r, stop_committed);
}

static void found_to_stop(struct dock_req *r)
{
    r->own = stop_query(r);
    r->own_free = free;
    if (r->own == NULL) {
        return;
    }
    stop(r, "stop", true);
}

void dock_stop_container(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_stop);
}

/* Signals that end a process for good; others only tell it something. */
static bool ends(const char *signal, const json_t *seen)
{
    static const char *const words[] = {"", "KILL", "9", "TERM", "15", "INT", "2", "QUIT", "3"};
    const char *own = jx_str(seen, "Config.StopSignal", "");
    signal += strncasecmp(signal, "SIG", 3) == 0 ? 3 : 0;
    own += strncasecmp(own, "SIG", 3) == 0 ? 3 : 0;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(words[i], signal) == 0) {
            return true;
        }
    }
    return own[0] != '\0' && strcasecmp(own, signal) == 0;
}

static void found_to_kill(struct dock_req *r)
{
    r->own = stop_query(r);
    r->own_free = free;
    if (r->own == NULL) {
        return;
    }
    bool running = jx_bool(r->seen, "State.Running", false);
    if (!running) {
        dock_reply_fail(r, 409, "Cannot kill container: %s: Container %s is not running", r->wanted,
                        r->id);
        return;
    }
    stop(r, "kill", ends(dock_query_get(&r->query, "signal"), r->seen));
}

void dock_kill_container(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_kill);
}

/* ---- restart: its ports stay its own ---- */

static void found_to_restart(struct dock_req *r)
{
    struct dock_box *b = dock_box_take(r->dock, r->seen);
    if (!dock_box_runs(b)) {
        dock_start(r);
        return;
    }
    r->own = stop_query(r);
    r->own_free = free;
    if (r->own == NULL) {
        return;
    }
    r->verb = "restart";
    dock_busy(r, b);
    b->want = true;
    b->stopped = false;
    b->restarts = 0;
    b->delay_ns = 0;
    dock_box_record(b);
    dock_commit(r, stop_committed);
}

void dock_restart_container(struct dock_req *r)
{
    dock_find_by_hand(r, r->ref, "restarted", found_to_restart);
}

/* ---- pause ---- */

static void found_to_pause(struct dock_req *r)
{
    dock_busy(r, dock_box_take(r->dock, r->seen));
    act(r, str_has_suffix(r->route->path, "/pause") ? "pause" : "unpause", "");
}

void dock_pause_container(struct dock_req *r)
{
    dock_find_by_hand(r, r->ref, "paused", found_to_pause);
}

void dock_unpause_container(struct dock_req *r)
{
    dock_find_by_hand(r, r->ref, "unpaused", found_to_pause);
}

/* ---- rename ---- */

static void found_to_rename(struct dock_req *r)
{
    const char *name = dock_query_get(&r->query, "name");
    name += name[0] == '/';
    if (!docker_spec_name_ok(name) || strlen(name) > MAX_NAME) {
        dock_reply_fail(r, 400,
                        "Invalid container name (%.100s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
                        "allowed",
                        name);
        return;
    }
    dock_busy(r, dock_box_take(r->dock, r->seen));
    r->acting = true;
    dock_call(r, &(struct dock_ask){.method = "POST"}, acted, "/containers/%s/rename?name=%s%s",
              r->id, r->dock->prefix, name);
}

void dock_rename_container(struct dock_req *r)
{
    dock_find_by_hand(r, r->ref, "renamed", found_to_rename);
}

/* ---- update ---- */

struct update {
    json_t *resources;
    struct dock_policy policy;
    bool has_policy;
};

static void update_free(void *own)
{
    struct update *u = own;
    json_decref(u->resources);
    free(u);
}

static void update_policy(struct dock_req *r)
{
    const struct update *u = r->own;
    struct dock_box *b = dock_box_take(r->dock, r->seen);
    if (u->has_policy) {
        b->policy = u->policy;
        dock_box_record(b);
    }
    dock_reply_json(r, 200, json_pack("{s:[]}", "Warnings"));
}

static void updated(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
    } else {
        update_policy(r);
    }
}

static void found_to_update(struct dock_req *r)
{
    struct update *u = r->own;
    bool removes = jx_bool(r->seen, "HostConfig.AutoRemove", false);
    if (u->has_policy && u->policy.restart != DOCK_NEVER && removes) {
        dock_reply_fail(r, 400,
                        "Restart policy cannot be updated because AutoRemove is enabled for the "
                        "container");
        return;
    }
    if (json_object_size(u->resources) == 0) {
        update_policy(r);
        return;
    }
    r->acting = true;
    dock_call(r, &(struct dock_ask){.method = "POST", .body = json_incref(u->resources)}, updated,
              "/containers/%s/update", r->id);
}

void dock_update_container(struct dock_req *r)
{
    struct update *u = xnew(struct update);
    struct err err;
    size_t n;
    const char *body = http_exchange_body(r->x, &n);
    u->resources = json_object();
    r->own = u;
    r->own_free = update_free;
    if (dock_update_read(body, n, u->resources, &u->policy, &u->has_policy, &err) != 0) {
        dock_refuse(r, &err);
        return;
    }
    dock_find_by_hand(r, r->ref, "changed", found_to_update);
}

/* ---- remove ---- */

static void removed(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code == ERR_NONE) {
        dock_box_drop(r->dock, r->id);
    }
    acted(r, a);
}

static void remove_committed(struct dock_req *r)
{
    bool force = dock_query_bool(&r->query, "force"), v = dock_query_bool(&r->query, "v");
    dock_call(r, &(struct dock_ask){.method = "DELETE", .patient = true}, removed,
              "/containers/%s?force=%d&v=%d", r->id, force, v);
}

static void found_to_remove(struct dock_req *r)
{
    struct dock_box *b = dock_box_take(r->dock, r->seen);
    bool force = dock_query_bool(&r->query, "force");
    dock_busy(r, b);
    if (b->by_hand && (force || !dock_box_runs(b))) {
        b->want = false;
        b->stopped = true;
        dock_box_record(b);
    }
    dock_commit(r, remove_committed);
}

void dock_remove_container(struct dock_req *r)
{
    struct err err;
    if (dock_query_bool(&r->query, "link")) {
        err_set(&err, ERR_FORBIDDEN, "links are not made here, nor removed");
        dock_refuse(r, &err);
        return;
    }
    dock_find(r, r->ref, found_to_remove);
}

/* ---- wait ---- */

static void found_to_wait(struct dock_req *r)
{
    static const char *const words[] = {"", "not-running", "next-exit", "removed"};
    const char *condition = dock_query_get(&r->query, "condition");
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i], condition) == 0) {
            dock_out_relay(r, "POST", NULL, "/containers/%s/wait%s%s", r->id,
                           condition[0] != '\0' ? "?condition=" : "", condition);
            return;
        }
    }
    dock_reply_fail(r, 400, "invalid condition: \"%.40s\"", condition);
}

void dock_wait_container(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_wait);
}
