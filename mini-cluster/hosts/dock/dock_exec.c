/* SPDX-License-Identifier: Apache-2.0 */
/* docker exec. Ids of the daemon's are this host's only when they were made through it. */
#include <string.h>

#include "common/http_server.h"
#include "common/json/jx.h"
#include "common/map.h"
#include "common/mem.h"
#include "hosts/dock/dock_create.h"
#include "hosts/dock/dock_impl.h"

enum { MAX_EXECS = 1000, MAX_BODY = 1 << 20 };

static bool is_id(const char *text)
{
    return strlen(text) == DOCK_ID_SIZE - 1 && strspn(text, "0123456789abcdef") == DOCK_ID_SIZE - 1;
}

/* ---- making one ---- */

/* The oldest go: whoever has one that old has forgotten it. */
static void remember(struct dock *d, const char *exec, const char *container)
{
    const char *oldest;
    size_t it = 0;
    if (map_count(d->execs) >= MAX_EXECS && map_next(d->execs, &it, &oldest, NULL)) {
        map_remove(d->execs, oldest);
    }
    map_put(d->execs, exec, xstrdup(container));
}

static void made(struct dock_req *r, const struct dock_reply *a)
{
    const char *id = jx_get_str(a->json, "Id", "");
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
    } else if (!is_id(id)) {
        dock_reply_fail(r, 500, "the Docker of this machine made an exec without a usable id");
    } else {
        remember(r->dock, id, r->id);
        dock_reply_json(r, 201, json_pack("{s:s}", "Id", id));
    }
}

static void found_to_exec(struct dock_req *r)
{
    r->acting = true;
    dock_call(r, &(struct dock_ask){.method = "POST", .body = json_incref(r->kept)}, made,
              "/containers/%s/exec", r->id);
}

void dock_create_exec(struct dock_req *r)
{
    struct err err;
    size_t n;
    const char *body = http_exchange_body(r->x, &n);
    r->kept = json_object();
    if (n > MAX_BODY) {
        err_set(&err, ERR_TOO_LARGE, "the body is longer than %d bytes", (int)MAX_BODY);
        dock_refuse(r, &err);
    } else if (dock_exec_read(body, n, r->kept, &err) != 0) {
        dock_refuse(r, &err);
    } else if (!dock_keys_ok(jx_get_str(r->kept, "DetachKeys", ""))) {
        dock_reply_fail(r, 400, "DetachKeys are not understood");
    } else {
        dock_find(r, r->ref, found_to_exec);
    }
}

/* ---- the one that is named ---- */

static bool is_known(struct dock_req *r)
{
    if (map_find(r->dock->execs, r->ref) != NULL) {
        return true;
    }
    dock_reply_fail(r, 404, "No such exec instance: %s", r->ref);
    return false;
}

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

void dock_start_exec(struct dock_req *r)
{
    struct err err;
    size_t n;
    const char *body = http_exchange_body(r->x, &n);
    if (!is_known(r)) {
        return;
    }
    json_auto_t *start = json_object();
    if (dock_exec_start_read(body, n, start, &err) != 0) {
        dock_refuse(r, &err);
        return;
    }
    if (jx_bool(start, "Detach", false)) {
        r->acting = true;
        dock_call(r, &(struct dock_ask){.method = "POST", .body = json_incref(start)}, handed_on,
                  "/exec/%s/start", r->ref);
        return;
    }
    if (!dock_wants_tunnel(r)) {
        dock_reply_fail(r, 400, "an exec takes an Upgrade: tcp, as docker asks for it");
        return;
    }
    cleanup_free char *path = xasprintf("/exec/%s/start", r->ref);
    dock_pipe_start(r, path, start, jx_bool(start, "Tty", false));
}

void dock_resize_exec(struct dock_req *r)
{
    int64_t h;
    int64_t w;
    struct err err;
    if (!is_known(r)) {
        return;
    }
    if (dock_query_int(&r->query, "h", 0, 10000, 0, &h, &err) != 0 ||
        dock_query_int(&r->query, "w", 0, 10000, 0, &w, &err) != 0) {
        dock_reply_err(r, &err);
        return;
    }
    dock_call(r, &(struct dock_ask){.method = "POST"}, handed_on, "/exec/%s/resize?h=%d&w=%d",
              r->ref, (int)h, (int)w);
}

void dock_inspect_exec(struct dock_req *r)
{
    if (is_known(r)) {
        dock_call(r, &(struct dock_ask){0}, handed_on, "/exec/%s/json", r->ref);
    }
}
