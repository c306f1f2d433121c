/* SPDX-License-Identifier: Apache-2.0 */
/* Names are records: "HOST NAME" -> the image's id. */
#include "hosts/dock/dock_tags.h"

#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/map.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"
#include "runtime/image_name.h"
#include "runtime/images.h"

static const char table[] = "dock-images";

bool dock_tags_bundled(const char *name)
{
    for (size_t i = 0; images_bundled[i] != NULL; i++) {
        if (strcmp(images_bundled[i], name) == 0) {
            return strcmp(name, images_guest) != 0; /* which is for the machines themselves */
        }
    }
    return false;
}

static char *key_of(const struct dock *d, const char *name)
{
    return xasprintf("%s %s", d->host, name);
}

char *dock_tags_id(const struct dock *d, const char *name)
{
    cleanup_free char *key = key_of(d, name);
    return xstrdup(jx_get_str(client_record_find(d->all->client, table, key), "id", NULL));
}

bool dock_tags_has(const struct dock *d, const char *name)
{
    cleanup_free char *id = name != NULL ? dock_tags_id(d, name) : NULL;
    return id != NULL;
}

void dock_tags_put(struct dock *d, const char *name, const char *id)
{
    cleanup_free char *key = key_of(d, name);
    client_record_put(d->all->client, table, key, json_pack("{s:s}", "id", id));
}

void dock_tags_delete(struct dock *d, const char *name)
{
    cleanup_free char *key = key_of(d, name);
    client_record_delete(d->all->client, table, key);
}

struct search {
    const struct dock *d;
    const char *id;
    json_t *tags;
};

static bool see(void *arg, const char *key, const json_t *record)
{
    struct search *s = arg;
    size_t n = strlen(s->d->host);
    if (strncmp(key, s->d->host, n) == 0 && key[n] == ' ' &&
        str_eq(jx_get_str(record, "id", NULL), s->id)) {
        json_array_append_new(s->tags, json_string(key + n + 1));
    }
    return true;
}

json_t *dock_tags_of(const struct dock *d, const json_t *image)
{
    struct search s = {.d = d, .id = jx_get_str(image, "Id", ""), .tags = json_array()};
    const json_t *tag;
    size_t i;
    jx_each(i, tag, jx_arr(image, "RepoTags"))
    {
        if (json_is_string(tag) && dock_tags_bundled(json_string_value(tag))) {
            json_array_append(s.tags, (json_t *)(uintptr_t)tag);
        }
    }
    client_record_each(d->all->client, table, see, &s);
    return s.tags;
}

const struct dock_box *dock_tags_user(const struct dock *d, const char *name)
{
    void *value;
    for (size_t it = 0; map_next(d->boxes, &it, NULL, &value);) {
        const struct dock_box *b = value;
        struct image_name parsed;
        struct err err;
        char text[512] = "";
        if (b->by_hand && b->image != NULL && image_name_parse(b->image, &parsed, &err) == 0) {
            image_name_text(&parsed, text, sizeof(text));
        }
        if (strcmp(text, name) == 0) {
            return b;
        }
    }
    return NULL;
}
