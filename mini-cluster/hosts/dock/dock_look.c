/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into a container: inspect, logs, top, stats, attach, and its files. */
#include <string.h>

#include "common/http_server.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"
#include "hosts/dock/dock_tar.h"

/* ---- inspect ---- */

static void sized(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
        return;
    }
    json_t *seen = jx_edit(a->json);
    dock_view_inspect(r->dock, seen);
    dock_reply_json(r, 200, seen);
}

static void found_to_inspect(struct dock_req *r)
{
    if (dock_query_bool(&r->query, "size")) {
        dock_call(r, &(struct dock_ask){0}, sized, "/containers/%s/json?size=1", r->id);
        return;
    }
    json_t *seen = jx_edit(r->seen);
    dock_view_inspect(r->dock, seen);
    dock_reply_json(r, 200, seen);
}

void dock_inspect_container(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_inspect);
}

/* ---- top, changes, export ---- */

static void handed_on(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
    } else if (a->json != NULL) {
        dock_reply_json(r, a->status, jx_edit(a->json));
    } else {
        dock_reply_none(r, a->status);
    }
}

/* These become arguments of the ps of the machine. */
static void found_to_top(struct dock_req *r)
{
    const char *args = dock_query_get(&r->query, "ps_args");
    if (strlen(args) > 100 ||
        strspn(args, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,=%+- ") !=
            strlen(args)) {
        dock_reply_fail(r, 400, "these arguments of ps are not taken here");
        return;
    }
    cleanup_free char *escaped = docker_escape(args);
    dock_call(r, &(struct dock_ask){0}, handed_on, "/containers/%s/top%s%s", r->id,
              args[0] != '\0' ? "?ps_args=" : "", escaped);
}

void dock_top_container(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_top);
}

static void found_to_diff(struct dock_req *r)
{
    dock_call(r, &(struct dock_ask){0}, handed_on, "/containers/%s/changes", r->id);
}

void dock_changes_container(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_diff);
}

static void found_to_export(struct dock_req *r)
{
    dock_out_relay(r, "GET", NULL, "/containers/%s/export", r->id);
}

void dock_export_container(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_export);
}

/* ---- logs ---- */

static bool is_time(const char *text)
{
    return strlen(text) <= 40 && strspn(text, "0123456789.-:TZ+") == strlen(text);
}

static void found_to_log(struct dock_req *r)
{
    const struct dock_query *q = &r->query;
    const char *tail = dock_query_get(q, "tail"), *since = dock_query_get(q, "since");
    const char *until = dock_query_get(q, "until");
    bool number = strlen(tail) < 12 && strspn(tail, "-0123456789") == strlen(tail);
    if ((!number && strcmp(tail, "all") != 0) || !is_time(since) || !is_time(until)) {
        dock_reply_fail(r, 400, "tail is a number or all, since and until are times");
        return;
    }
    cleanup_free char *from = docker_escape(since), *to = docker_escape(until);
    dock_out_relay(r, "GET", NULL,
                   "/containers/%s/logs?stdout=%d&stderr=%d&follow=%d&timestamps=%d&details=%d"
                   "&tail=%s%s%s%s%s",
                   r->id, dock_query_bool(q, "stdout"), dock_query_bool(q, "stderr"),
                   dock_query_bool(q, "follow"), dock_query_bool(q, "timestamps"), 0,
                   tail[0] != '\0' ? tail : "all", from[0] != '\0' ? "&since=" : "", from,
                   to[0] != '\0' ? "&until=" : "", to);
}

void dock_logs_container(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_log);
}

/* ---- stats ---- */

static bool view_stats(struct dock_req *r, json_t *line)
{
    const json_t *labels = jx_obj(r->seen, "Config.Labels");
    const char *name = jx_get_str(r->seen, "Name", "");
    cleanup_free char *shown = dock_view_name(r->dock, r->id, name + (name[0] == '/'), labels);
    cleanup_free char *slashed = xasprintf("/%s", shown);
    json_object_set_new(line, "name", json_string(slashed));
    /* Without a limit of its own a container has the machine's memory: this one's. */
    json_t *memory = json_object_get(line, "memory_stats");
    if (jx_int(memory, "limit", 0) > r->dock->all->memory) {
        json_object_set_new(memory, "limit", json_integer(r->dock->all->memory));
    }
    return true;
}

static void found_to_stat(struct dock_req *r)
{
    const char *stream = dock_query_get(&r->query, "stream");
    bool once = stream[0] != '\0' && !dock_query_bool(&r->query, "stream");
    dock_out_relay(r, "GET", view_stats, "/containers/%s/stats?stream=%d%s", r->id, !once,
                   once && dock_query_bool(&r->query, "one-shot") ? "&one-shot=1" : "");
}

void dock_stats_container(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_stat);
}

/* ---- attach ---- */

static void found_to_resize(struct dock_req *r)
{
    int64_t h;
    int64_t w;
    struct err err;
    if (dock_query_int(&r->query, "h", 0, 10000, 0, &h, &err) != 0 ||
        dock_query_int(&r->query, "w", 0, 10000, 0, &w, &err) != 0) {
        dock_reply_err(r, &err);
        return;
    }
    dock_call(r, &(struct dock_ask){.method = "POST"}, handed_on, "/containers/%s/resize?h=%d&w=%d",
              r->id, (int)h, (int)w);
}

void dock_resize_container(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_resize);
}

bool dock_wants_tunnel(const struct dock_req *r)
{
    const char *upgrade = http_exchange_header(r->x, "Upgrade");
    return upgrade != NULL && strcmp(upgrade, "tcp") == 0;
}

/* "ctrl-p,ctrl-q", or "" */
bool dock_keys_ok(const char *keys)
{
    return strlen(keys) <= 64 &&
           strspn(keys,
                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,-@[]^_\\") ==
               strlen(keys);
}

static void found_to_attach(struct dock_req *r)
{
    const struct dock_query *q = &r->query;
    const char *keys = dock_query_get(q, "detachKeys");
    if (!dock_wants_tunnel(r) || !dock_keys_ok(keys)) {
        dock_reply_fail(r, 400, "attaching takes an Upgrade: tcp, as docker asks for it");
        return;
    }
    cleanup_free char *escaped = docker_escape(keys);
    cleanup_free char *path =
        xasprintf("/containers/%s/attach?logs=%d&stream=%d&stdin=%d&stdout=%d&stderr=%d%s%s", r->id,
                  dock_query_bool(q, "logs"), dock_query_bool(q, "stream"),
                  dock_query_bool(q, "stdin"), dock_query_bool(q, "stdout"),
                  dock_query_bool(q, "stderr"), keys[0] != '\0' ? "&detachKeys=" : "", escaped);
    dock_pipe_start(r, path, NULL, jx_bool(r->seen, "Config.Tty", false));
}

void dock_attach_container(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_attach);
}

/* ---- files ---- */

static char *archive_path(const struct dock_req *r)
{
    cleanup_free char *path = docker_escape(dock_query_get(&r->query, "path"));
    return xasprintf("/containers/%s/archive?path=%s", r->id, path);
}

static void found_to_stat_path(struct dock_req *r)
{
    cleanup_free char *path = archive_path(r);
    dock_call(r, &(struct dock_ask){.method = "HEAD"}, handed_on, "%s", path);
}

void dock_stat_archive(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_stat_path);
}

static void found_to_get(struct dock_req *r)
{
    cleanup_free char *path = archive_path(r);
    dock_out_relay(r, "GET", NULL, "%s", path);
}

void dock_get_archive(struct dock_req *r)
{
    dock_find(r, r->ref, found_to_get);
}

static void found_to_put(struct dock_req *r)
{
    cleanup_free char *path = archive_path(r);
    size_t n;
    if (r->x == NULL) {
        dock_req_free(r);
        return;
    }
    const char *body = http_exchange_body(r->x, &n);
    const struct dock_ask put = {.method = "PUT", .bytes = body, .len = n, .patient = true};
    r->acting = true;
    dock_call(r, &put, handed_on, "%s%s%s", path,
              dock_query_bool(&r->query, "noOverwriteDirNonDir") ? "&noOverwriteDirNonDir=1" : "",
              dock_query_bool(&r->query, "copyUIDGID") ? "&copyUIDGID=1" : "");
}

void dock_put_archive(struct dock_req *r)
{
    struct err err;
    size_t n;
    const char *body = http_exchange_body(r->x, &n);
    if (dock_tar_check(body, n, &err) != 0) {
        dock_refuse(r, &err);
        return;
    }
    dock_find_by_hand(r, r->ref, "written to", found_to_put);
}
