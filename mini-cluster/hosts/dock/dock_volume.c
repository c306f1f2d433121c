/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes of this host: those with its label, under its own names. */
#include <string.h>

#include "common/http_server.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hosts/dock/dock_create.h"
#include "hosts/dock/dock_impl.h"
#include "runtime/docker/docker_spec.h"

enum { MAX_NAME = 128, MAX_BODY = 1 << 20, RANDOM_BYTES = 32 };

bool dock_volume_shows(const struct dock *d, const json_t *labels)
{
    struct docker_endpoint at;
    docker_endpoint(&d->all->rt, &at);
    return str_eq(jx_get_str(labels, DOCKER_LABEL_UID, NULL), at.cluster->uid) &&
           str_eq(jx_get_str(labels, DOCKER_LABEL_HOST, NULL), d->host);
}

/* Docker's own names of volumes that were given none stay as they are. */
static const char *shown_name(const struct dock *d, const char *name)
{
    size_t n = strlen(d->prefix);
    return strncmp(name, d->prefix, n) == 0 ? name + n : name;
}

void dock_volume_view(const struct dock *d, json_t *volume)
{
    cleanup_free char *name = xstrdup(shown_name(d, jx_get_str(volume, "Name", "")));
    cleanup_free char *at = dock_mask(d, jx_get_str(volume, "Mountpoint", ""));
    json_object_set_new(volume, "Name", json_string(name));
    json_object_set_new(volume, "Mountpoint", json_string(at));
    dock_view_labels(json_object_get(volume, "Labels"));
}

static json_t *shown(const struct dock *d, const json_t *volume)
{
    json_t *edit = jx_edit(volume);
    dock_volume_view(d, edit);
    return edit;
}

/* ---- list ---- */

static void listed(struct dock_req *r, const struct dock_reply *a)
{
    const json_t *volume, *item;
    size_t i, j;
    json_t *list = json_array();
    if (a->err.code != ERR_NONE) {
        json_decref(list);
        dock_reply_refusal(r, a);
        return;
    }
    jx_each(i, volume, jx_arr(a->json, "Volumes"))
    {
        const json_t *names = jx_arr(r->kept, "name");
        bool wanted = names == NULL;
        json_t *edit = shown(r->dock, volume);
        jx_each(j, item, names)
        {
            wanted =
                wanted || strstr(jx_get_str(edit, "Name", ""), json_string_value(item)) != NULL;
        }
        if (wanted && dock_volume_shows(r->dock, jx_obj(volume, "Labels"))) {
            json_array_append(list, edit);
        }
        json_decref(edit);
    }
    dock_reply_json(r, 200, json_pack("{s:o, s:n}", "Volumes", list, "Warnings"));
}

void dock_list_volumes(struct dock_req *r)
{
    struct err err;
    if (dock_query_filters(&r->query, "name label dangling driver", &r->kept, &err) != 0) {
        dock_reply_err(r, &err);
        return;
    }
    json_auto_t *asked = jx_edit(r->kept);
    json_object_del(asked, "name"); /* the daemon knows others */
    cleanup_free char *filter = dock_call_filters(r->dock, asked, NULL);
    dock_call(r, &(struct dock_ask){0}, listed, "/volumes?filters=%s", filter);
}

/* ---- one ---- */

/* Looks for r->ref: by the name it has here, then as one that Docker named. r->id is no use: the
 * daemon's name is r->own. */
static void found(struct dock_req *r, const struct dock_reply *a)
{
    bool ours = a->err.code == ERR_NONE && dock_volume_shows(r->dock, jx_obj(a->json, "Labels"));
    if (ours) {
        json_decref(r->seen);
        r->seen = json_incref(a->json);
        r->then(r);
    } else if (r->own == NULL && (a->err.code == ERR_NONE || a->status == 404)) {
        r->own = xstrdup(r->ref);
        r->own_free = free;
        dock_call(r, &(struct dock_ask){0}, found, "/volumes/%s", r->ref);
    } else if (a->err.code == ERR_NONE || a->status == 404) {
        dock_reply_fail(r, 404, "get %s: no such volume", r->ref);
    } else {
        dock_reply_refusal(r, a);
    }
}

static void find(struct dock_req *r, void (*then)(struct dock_req *r))
{
    r->then = then;
    if (!docker_spec_name_ok(r->ref) || strlen(r->ref) > MAX_NAME) {
        dock_reply_fail(r, 404, "get %.100s: no such volume", r->ref);
        return;
    }
    dock_call(r, &(struct dock_ask){0}, found, "/volumes/%s%s", r->dock->prefix, r->ref);
}

static void reply_shown(struct dock_req *r)
{
    dock_reply_json(r, 200, shown(r->dock, r->seen));
}

void dock_inspect_volume(struct dock_req *r)
{
    find(r, reply_shown);
}

static void removed(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
    } else {
        dock_reply_none(r, 204);
    }
}

static void remove_found(struct dock_req *r)
{
    r->acting = true;
    cleanup_free char *name = docker_escape(jx_get_str(r->seen, "Name", ""));
    dock_call(r, &(struct dock_ask){.method = "DELETE"}, removed, "/volumes/%s%s", name,
              dock_query_bool(&r->query, "force") ? "?force=1" : "");
}

void dock_remove_volume(struct dock_req *r)
{
    find(r, remove_found);
}

/* ---- make ---- */

static void made(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
    } else if (!dock_volume_shows(r->dock, jx_obj(a->json, "Labels"))) {
        dock_reply_fail(r, 409, "a volume of that name is there, and not this host's");
    } else {
        dock_reply_json(r, 201, shown(r->dock, a->json));
    }
}

static void make(struct dock_req *r, const json_t *asked, const char *name)
{
    struct docker_endpoint at;
    docker_endpoint(&r->dock->all->rt, &at);
    const struct dock_place place = {
        .cluster = at.cluster->name, .uid = at.cluster->uid, .host = r->dock->host};
    cleanup_free char *upstream = xasprintf("%s%s", r->dock->prefix, name);
    json_t *labels = dock_create_labels(&place);
    if (jx_obj(asked, "Labels") != NULL) {
        json_object_update_missing(labels, (json_t *)(uintptr_t)jx_obj(asked, "Labels"));
    }
    r->acting = true;
    const struct dock_ask post = {.method = "POST",
                                  .body = json_pack("{s:s, s:s, s:o}", "Name", upstream, "Driver",
                                                    "local", "Labels", labels)};
    dock_call(r, &post, made, "/volumes/create");
}

void dock_create_volume(struct dock_req *r)
{
    struct err err;
    size_t n;
    unsigned char bytes[RANDOM_BYTES];
    char random[2 * RANDOM_BYTES + 1];
    const char *body = http_exchange_body(r->x, &n);
    json_auto_t *asked = json_object();
    if (n > MAX_BODY) {
        err_set(&err, ERR_TOO_LARGE, "the body is longer than %d bytes", (int)MAX_BODY);
        dock_refuse(r, &err);
        return;
    }
    if (dock_volume_read(body, n, asked, &err) != 0) {
        dock_refuse(r, &err);
        return;
    }
    const char *name = jx_get_str(asked, "Name", "");
    if (name[0] == '\0') {
        loop_random(r->dock->all->loop, LOOP_RANDOM_NAME, bytes, sizeof(bytes));
        str_hex(random, bytes, sizeof(bytes));
        name = random;
    }
    if (!docker_spec_name_ok(name) || strlen(name) > MAX_NAME) {
        dock_reply_fail(r, 400,
                        "create %.100s: \"%.100s\" includes invalid characters for a local volume "
                        "name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed",
                        name, name);
        return;
    }
    make(r, asked, name);
}

/* ---- prune ---- */

static void pruned(struct dock_req *r, const struct dock_reply *a)
{
    json_t *names = json_array();
    const json_t *name;
    size_t i;
    if (a->err.code != ERR_NONE) {
        json_decref(names);
        dock_reply_refusal(r, a);
        return;
    }
    jx_each(i, name, jx_arr(a->json, "VolumesDeleted"))
    {
        json_array_append_new(names, json_string(shown_name(r->dock, json_string_value(name))));
    }
    dock_reply_json(r, 200,
                    json_pack("{s:o, s:I}", "VolumesDeleted", names, "SpaceReclaimed",
                              (json_int_t)jx_int(a->json, "SpaceReclaimed", 0)));
}

void dock_prune_volumes(struct dock_req *r)
{
    struct err err;
    json_t *parsed = NULL;
    if (dock_query_filters(&r->query, "label all", &parsed, &err) != 0) {
        dock_reply_err(r, &err);
        return;
    }
    struct docker_endpoint at;
    json_auto_t *asked = parsed;
    docker_endpoint(&r->dock->all->rt, &at);
    if (strcmp(at.version, "1.42") < 0) { /* all of them, in those days */
        json_object_del(asked, "all");
    }
    cleanup_free char *filter = dock_call_filters(r->dock, asked, NULL);
    r->acting = true;
    dock_call(r, &(struct dock_ask){.method = "POST", .patient = true}, pruned,
              "/volumes/prune?filters=%s", filter);
}
