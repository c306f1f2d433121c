/* SPDX-License-Identifier: Apache-2.0 */
/* The stored bytes go out as they are wherever that is what was asked for; only tables, metadata
 * and YAML look inside. */
#include "api/render.h"

#include <string.h>

#include "api/core.h"
#include "common/json/jx.h"
#include "common/json/yaml.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "meta/object.h"

static const char *meta_version(const struct api_form *form)
{
    return strcmp(form->version, "v1beta1") == 0 ? "meta.k8s.io/v1beta1" : "meta.k8s.io/v1";
}

static json_t *partial(const struct api_form *form, const json_t *obj)
{
    json_t *p = kinds_partial_metadata(obj);
    json_object_set_new(p, "apiVersion", json_string(meta_version(form)));
    return p;
}

static json_t *row(struct api *api, const struct api_form *form, const struct kind *k,
                   const json_t *obj)
{
    json_t *r = kinds_table_row(k, obj, form->include, loop_wall_us(api->loop));
    json_t *of = json_object_get(r, "object");
    if (form->include == KIND_TABLE_METADATA && json_is_object(of)) {
        json_object_set_new(of, "apiVersion", json_string(meta_version(form)));
    }
    return r;
}

/* A member of a list in the form asked for; a new reference. */
static json_t *item(struct api *api, const struct api_form *form, const struct kind *k,
                    const json_t *obj)
{
    switch (form->as) {
    case API_AS_TABLE:
        return row(api, form, k, obj);
    case API_AS_PARTIAL:
        return partial(form, obj);
    default:
        return json_incref((json_t *)(uintptr_t)obj);
    }
}

static void dump(const struct api_form *form, const json_t *v, struct str *out)
{
    if (form->media == API_MEDIA_YAML) {
        yaml_dump(out, v);
    } else {
        jx_dump(out, v);
    }
}

/* A YAML document as one entry of a block sequence. */
static void indent(const struct str *text, struct str *out)
{
    const char *p = str_c(text);
    for (const char *prefix = "- "; *p != '\0'; prefix = "  ") {
        size_t n = strcspn(p, "\n");
        str_add(out, n > 0 ? prefix : "");
        str_add_n(out, p, n);
        str_add_c(out, '\n');
        p += n + (p[n] == '\n');
    }
}

/* Not through the store's cache: a list of ten thousand pods would fill it with trees that nobody
 * asks for again, and the store keeps them until the tick ends. */
static json_t *parsed_item(struct api *api, const struct api_form *form, const struct kind *k,
                           const struct store_entry *e)
{
    json_auto_t *obj = NULL;
    struct err err;
    if (jx_parse(e->bytes, e->len, false, &obj, &err) < 0) {
        return item(api, form, k, store_tree(api->store, e));
    }
    return item(api, form, k, obj);
}

void api_render_item(struct api *api, const struct api_form *form, const struct kind *k,
                     const struct store_entry *e, struct str *out)
{
    if (form->as == API_AS_OBJECT && form->media == API_MEDIA_JSON) {
        str_add_n(out, e->bytes, e->len);
        return;
    }
    json_auto_t *v = parsed_item(api, form, k, e);
    if (form->media == API_MEDIA_JSON) {
        jx_dump(out, v);
        return;
    }
    cleanup_str struct str text = STR_INIT;
    yaml_dump(&text, v);
    indent(&text, out);
}

/* ---- lists ---- */

static json_t *list_meta(const struct api_list_meta *meta)
{
    char rev[24];
    snprintf(rev, sizeof(rev), "%lld", (long long)meta->rev);
    json_t *m = json_pack("{s:s}", "resourceVersion", rev);
    if (meta->next[0] != '\0') {
        json_object_set_new(m, "continue", json_string(meta->next));
    }
    if (meta->remaining >= 0 && meta->next[0] != '\0') {
        json_object_set_new(m, "remainingItemCount", json_integer(meta->remaining));
    }
    return m;
}

/* The list without its items. */
static json_t *list_frame(const struct api_form *form, const struct kind *k,
                          const struct api_list_meta *meta)
{
    const char *kind = form->as == API_AS_TABLE     ? "Table"
                       : form->as == API_AS_PARTIAL ? "PartialObjectMetadataList"
                                                    : k->list_kind;
    const char *version = form->as == API_AS_OBJECT ? k->api_version : meta_version(form);
    json_t *frame = json_pack("{s:s, s:s, s:o}", "kind", kind, "apiVersion", version, "metadata",
                              list_meta(meta));
    if (form->as == API_AS_TABLE) {
        json_object_set_new(frame, "columnDefinitions", kinds_table_columns(k));
    }
    return frame;
}

static const char *items_key(const struct api_form *form)
{
    return form->as == API_AS_TABLE ? "rows" : "items";
}

void api_render_list_head(const struct api_form *form, const struct kind *k,
                          const struct api_list_meta *meta, bool empty, struct str *out)
{
    json_auto_t *frame = list_frame(form, k, meta);
    dump(form, frame, out);
    if (form->media == API_MEDIA_YAML) {
        str_add_f(out, "%s:%s\n", items_key(form), empty ? " []" : "");
        return;
    }
    out->len--; /* the items go before the closing brace */
    str_add_f(out, ",\"%s\":[", items_key(form));
}

void api_render_list_tail(const struct api_form *form, const struct kind *k,
                          const struct api_list_meta *meta, struct str *out)
{
    if (form->media == API_MEDIA_JSON) {
        str_add(out, "]}\n");
    }
}

/* ---- one object ---- */

static json_t *table_of_one(struct api *api, const struct api_form *form, const struct kind *k,
                            const json_t *obj, bool columns)
{
    struct api_list_meta meta = {.rev = object_revision(obj), .next = "", .remaining = -1};
    json_t *table = list_frame(form, k, &meta);
    if (!columns) {
        json_object_set_new(table, "columnDefinitions", json_array());
    }
    json_object_set_new(table, "rows", json_pack("[o]", row(api, form, k, obj)));
    return table;
}

static json_t *whole(struct api *api, const struct api_form *form, const struct kind *k,
                     const json_t *obj, bool columns)
{
    if (form->as == API_AS_TABLE) {
        return table_of_one(api, form, k, obj, columns);
    }
    return item(api, form, k, obj);
}

void api_render_object(struct api *api, const struct api_form *form, const struct kind *k,
                       const struct api_object *o, struct str *out)
{
    if (o->entry != NULL && form->as == API_AS_OBJECT && form->media == API_MEDIA_JSON) {
        str_add_n(out, o->entry->bytes, o->entry->len);
    } else {
        json_auto_t *v = whole(api, form, k, api_object_tree(api, o), true);
        dump(form, v, out);
    }
    if (form->media == API_MEDIA_JSON) {
        str_add_c(out, '\n');
    }
}

void api_render_watched(struct api *api, const struct api_form *form, const struct kind *k,
                        const json_t *obj, bool columns, struct str *out)
{
    json_auto_t *v = whole(api, form, k, obj, columns);
    jx_dump(out, v);
}

void api_render_bookmark(const struct api_form *form, const struct kind *k, int64_t rev,
                         bool initial_end, struct str *out)
{
    struct api_list_meta meta = {.rev = rev, .next = "", .remaining = -1};
    json_auto_t *mark = NULL;
    if (form->as == API_AS_TABLE) {
        mark = list_frame(form, k, &meta);
        json_object_set_new(mark, "columnDefinitions", json_array());
        json_object_set_new(mark, "rows", json_array());
    } else {
        bool part = form->as == API_AS_PARTIAL;
        mark = json_pack("{s:s, s:s, s:o}", "kind", part ? "PartialObjectMetadata" : k->kind,
                         "apiVersion", part ? meta_version(form) : k->api_version, "metadata",
                         list_meta(&meta));
    }
    if (initial_end) {
        jx_put(mark, "metadata.annotations",
               json_pack("{s:s}", "k8s.io/initial-events-end", "true"));
    }
    jx_dump(out, mark);
}
