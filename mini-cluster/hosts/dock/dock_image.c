/* SPDX-License-Identifier: Apache-2.0 */
/* The images of a host: those that podlab brings along, and the names that were pulled or given on
 * this host. Such a name is a row here, and nothing of it is in the daemon: all hosts share that.
 */
#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"
#include "hosts/dock/dock_tags.h"
#include "runtime/image_name.h"
#include "runtime/images.h"

/* ---- which one: an id or the beginning of one, or a name ---- */

static void no_such(struct dock_req *r)
{
    dock_reply_fail(r, 404, "No such image: %s", r->wanted);
}

static void found(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code == ERR_NONE && jx_get_str(a->json, "Id", "")[0] != '\0') {
        json_decref(r->kept);
        r->kept = json_incref(a->json);
        r->then(r);
    } else if (a->status == 404) { /* the daemon has lost it */
        no_such(r);
    } else {
        dock_reply_refusal(r, a);
    }
}

static bool is_hex(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789abcdef") == strlen(text);
}

/* An id of one of the rows that this host shows. */
static void searched(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
        return;
    }
    json_auto_t *rows = dock_image_rows(r->dock, a->json);
    const char *digits = str_has_prefix(r->wanted, "sha256:") ? r->wanted + 7 : r->wanted;
    const json_t *row, *match = NULL;
    size_t i;
    jx_each(i, row, rows)
    {
        const char *id = jx_get_str(row, "Id", "");
        if (str_has_prefix(id, "sha256:") && str_has_prefix(id + 7, digits)) {
            match = row;
        }
    }
    if (match == NULL) {
        no_such(r);
        return;
    }
    cleanup_free char *id = docker_escape(jx_get_str(match, "Id", ""));
    dock_call(r, &(struct dock_ask){0}, found, "/images/%s/json", id);
}

void dock_image_find(struct dock_req *r, const char *name, void (*then)(struct dock_req *r))
{
    struct image_name parsed;
    struct err err;
    char text[512];
    r->then = then;
    free(r->wanted);
    r->wanted = xstrdup(name);
    bool id = is_hex(str_has_prefix(name, "sha256:") ? name + 7 : name);
    if (image_name_parse(name, &parsed, &err) == 0) {
        image_name_text(&parsed, text, sizeof(text));
        char *known = dock_tags_id(r->dock, text);
        if (known != NULL) {
            cleanup_free char *escaped = docker_escape(known);
            free(known);
            dock_call(r, &(struct dock_ask){0}, found, "/images/%s/json", escaped);
            return;
        }
        if (dock_tags_bundled(text)) {
            dock_call(r, &(struct dock_ask){0}, found, "/images/%s/json", text);
            return;
        }
    } else if (!id) {
        dock_reply_fail(r, 400, "invalid reference format: %s", err.msg);
        return;
    }
    if (!id) {
        no_such(r);
        return;
    }
    dock_call(r, &(struct dock_ask){0}, searched, "/images/json");
}

/* ---- list ---- */

json_t *dock_image_rows(struct dock *d, const json_t *rows)
{
    json_t *shown = json_array();
    const json_t *row;
    size_t i;
    jx_each(i, row, rows)
    {
        json_t *tags = dock_tags_of(d, row);
        if (json_array_size(tags) > 0) {
            json_t *edit = jx_edit(row);
            json_object_set(edit, "RepoTags", tags);
            json_object_set_new(edit, "RepoDigests", json_array());
            dock_view_labels(json_object_get(edit, "Labels"));
            json_array_append_new(shown, edit);
        }
        json_decref(tags);
    }
    return shown;
}

/* "podlab/web", "podlab/web:v1" or a pattern with a star at its end. */
static bool reference_matches(const json_t *row, const json_t *words)
{
    const json_t *tag, *item;
    size_t i, j;
    jx_each(i, tag, jx_arr(row, "RepoTags"))
    {
        const char *text = json_string_value(tag);
        jx_each(j, item, words)
        {
            const char *word = json_string_value(item);
            size_t n = strlen(word);
            bool star = n > 0 && word[n - 1] == '*';
            if ((star && strncmp(text, word, n - 1) == 0) ||
                (strncmp(text, word, n) == 0 && (text[n] == '\0' || text[n] == ':'))) {
                return true;
            }
        }
    }
    return words == NULL;
}

static void listed(struct dock_req *r, const struct dock_reply *a)
{
    const json_t *row;
    size_t i;
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
        return;
    }
    json_auto_t *rows = dock_image_rows(r->dock, a->json);
    json_t *some = json_array();
    bool dangling =
        str_eq(json_string_value(json_array_get(jx_get(r->kept, "dangling"), 0)), "true");
    jx_each(i, row, rows)
    {
        if (!dangling && reference_matches(row, jx_arr(r->kept, "reference"))) {
            json_array_append(some, (json_t *)(uintptr_t)row);
        }
    }
    dock_reply_json(r, 200, some);
}

void dock_list_images(struct dock_req *r)
{
    struct err err;
    if (dock_query_filters(&r->query, "reference dangling label before since until", &r->kept,
                           &err) != 0) {
        dock_reply_err(r, &err);
        return;
    }
    dock_call(r, &(struct dock_ask){0}, listed, "/images/json");
}

/* ---- look ---- */

static void show(struct dock_req *r)
{
    json_t *edit = jx_edit(r->kept);
    json_object_set_new(edit, "RepoTags", dock_tags_of(r->dock, r->kept));
    json_object_set_new(edit, "RepoDigests", json_array());
    dock_view_labels(json_object_get(json_object_get(edit, "Config"), "Labels"));
    dock_reply_json(r, 200, edit);
}

void dock_inspect_image(struct dock_req *r)
{
    dock_image_find(r, r->ref, show);
}

static void got_history(struct dock_req *r, const struct dock_reply *a)
{
    size_t i;
    json_t *layer;
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
        return;
    }
    json_t *edit = jx_edit(a->json);
    json_array_foreach(edit, i, layer)
    {
        json_object_set_new(layer, "Tags", i == 0 ? dock_tags_of(r->dock, r->kept) : json_null());
    }
    dock_reply_json(r, 200, edit);
}

static void ask_history(struct dock_req *r)
{
    cleanup_free char *id = docker_escape(jx_get_str(r->kept, "Id", ""));
    dock_call(r, &(struct dock_ask){0}, got_history, "/images/%s/history", id);
}

void dock_history_image(struct dock_req *r)
{
    dock_image_find(r, r->ref, ask_history);
}

/* ---- tag ---- */

static int parse_own(const char *name, char *ret, size_t size, struct err *err)
{
    struct image_name parsed;
    if (image_name_parse(name, &parsed, err) != 0) {
        err->code = ERR_BAD_REQUEST;
        return -1;
    }
    image_name_text(&parsed, ret, (unsigned)size);
    if (parsed.digest[0] != '\0') {
        return err_set(err, ERR_BAD_REQUEST, "refusing to create a tag with a digest reference");
    }
    if (dock_tags_bundled(ret) || image_name_is_podlab(&parsed)) {
        return err_set(err, ERR_FORBIDDEN, "%s: names podlab/... are of the images that come along",
                       ret);
    }
    return 0;
}

static void written(struct dock_req *r)
{
    dock_reply_none(r, 201);
}

static void tag_found(struct dock_req *r)
{
    dock_tags_put(r->dock, r->own, jx_get_str(r->kept, "Id", ""));
    dock_commit(r, written);
}

void dock_tag_image(struct dock_req *r)
{
    const char *repo = dock_query_get(&r->query, "repo"), *tag = dock_query_get(&r->query, "tag");
    cleanup_free char *name = xasprintf("%s%s%s", repo, tag[0] != '\0' ? ":" : "", tag);
    char text[512];
    struct err err;
    if (parse_own(name, text, sizeof(text), &err) != 0) {
        dock_refuse(r, &err);
        return;
    }
    r->own = xstrdup(text);
    r->own_free = free;
    dock_image_find(r, r->ref, tag_found);
}

/* ---- remove ---- */

static void untagged(struct dock_req *r)
{
    dock_reply_json(r, 200, json_pack("[{s:s}]", "Untagged", (const char *)r->own));
}

/* Containers that were made from it, when no other name of it is left. */
static const struct dock_box *user_of(const struct dock_req *r)
{
    json_auto_t *tags = dock_tags_of(r->dock, r->kept);
    return json_array_size(tags) <= 1 && !dock_query_bool(&r->query, "force")
               ? dock_tags_user(r->dock, r->own)
               : NULL;
}

static void remove_found(struct dock_req *r)
{
    struct image_name parsed;
    struct err err;
    char text[512] = "";
    if (image_name_parse(r->ref, &parsed, &err) == 0) {
        image_name_text(&parsed, text, sizeof(text));
    }
    if (!dock_tags_has(r->dock, text)) { /* named by its id, then: it has to be the only name */
        json_auto_t *tags = dock_tags_of(r->dock, r->kept);
        const char *only = json_string_value(json_array_get(tags, 0));
        bool own = json_array_size(tags) == 1 && dock_tags_has(r->dock, only);
        str_copy(text, sizeof(text), own ? only : "");
    }
    if (text[0] == '\0') {
        dock_reply_fail(
            r, 409,
            "conflict: unable to delete %s: it came with the cluster, for all hosts; or "
            "it has several names, of which one can be removed at a time",
            r->ref);
        return;
    }
    r->own = xstrdup(text);
    r->own_free = free;
    const struct dock_box *user = user_of(r);
    if (user != NULL) {
        dock_reply_fail(r, 409,
                        "conflict: unable to remove repository reference \"%s\" (must force) - "
                        "container %.12s is using its referenced image %.12s",
                        r->ref, user->id, jx_get_str(r->kept, "Id", "sha256:") + 7);
        return;
    }
    dock_tags_delete(r->dock, text);
    dock_commit(r, untagged);
}

void dock_remove_image(struct dock_req *r)
{
    dock_image_find(r, r->ref, remove_found);
}

void dock_prune_images(struct dock_req *r)
{
    dock_reply_json(r, 200, json_pack("{s:[], s:i}", "ImagesDeleted", "SpaceReclaimed", 0));
}
