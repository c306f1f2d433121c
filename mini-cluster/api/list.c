/* SPDX-License-Identifier: Apache-2.0 */
/* A list holds references to what it will send, not the text: ten thousand pods cost eighty
 * kilobytes until somebody reads them. */
#include "api/list.h"

#include <string.h>

#include "api/core.h"
#include "api/query.h"
#include "api/render.h"
#include "api/selection.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"

void api_listing_fini(struct api_listing *l)
{
    for (size_t i = 0; i < l->entries.n; i++) {
        store_entry_unref(l->entries.v[i]);
    }
    vec_fini(&l->entries);
    free(l->next);
    l->next = NULL;
}

/* ---- the continue token: where the last part ended, and which revision it began with ---- */

struct token {
    int64_t rev;
    char *ns, *name;
};

static void token_fini(struct token *t)
{
    free(t->ns);
    free(t->name);
}

static char *token_make(int64_t rev, const struct store_entry *last)
{
    json_auto_t *v = json_pack("{s:s, s:I, s:s, s:s}", "v", "meta.k8s.io/v1", "rv", (json_int_t)rev,
                               "ns", last->key.ns, "name", last->key.name);
    cleanup_free char *text = jx_dump_text(v);
    struct str out = STR_INIT;
    str_base64(&out, text, strlen(text));
    for (size_t i = 0; i < out.len; i++) { /* safe in a URL as it is */
        out.p[i] = out.p[i] == '+' ? '-' : out.p[i] == '/' ? '_' : out.p[i];
    }
    while (out.len > 0 && out.p[out.len - 1] == '=') {
        out.p[--out.len] = '\0';
    }
    return str_take(&out);
}

static bool token_decode(const char *text, struct str *out)
{
    cleanup_str struct str padded = STR_INIT;
    for (const char *p = text; *p != '\0'; p++) {
        str_add_c(&padded, *p == '-' ? '+' : *p == '_' ? '/' : *p);
    }
    while (padded.len % 4 != 0) {
        str_add_c(&padded, '=');
    }
    return str_unbase64(out, str_c(&padded), padded.len);
}

static int token_read(const char *text, struct token *ret, struct err *err)
{
    cleanup_str struct str json = STR_INIT;
    json_auto_t *v = NULL;
    if (!token_decode(text, &json) || jx_parse(str_c(&json), json.len, true, &v, err) < 0 ||
        !json_is_integer(jx_get(v, "rv")) || !json_is_string(jx_get(v, "name"))) {
        return err_set(err, ERR_BAD_REQUEST, "continue key is not valid: it was not made here");
    }
    ret->rev = jx_int(v, "rv", 0);
    ret->ns = xstrdup(jx_str(v, "ns", ""));
    ret->name = xstrdup(jx_str(v, "name", ""));
    return 0;
}

/* Whoever follows the list with a watch begins at its revision: it must still be in the log. */
static int token_check(struct api *api, const struct kind *k, const struct token *t,
                       struct err *err)
{
    struct store_watch *w = NULL;
    int rc = store_watch_new(api->store, k->gr, NULL, t->rev, NULL, NULL, &w, err);
    store_watch_free(w);
    if (rc == 0) {
        return 0;
    }
    return err_set(err, ERR_EXPIRED,
                   "The provided continue parameter is too old to display a consistent list "
                   "result. You must start a new list without the continue parameter.");
}

/* ---- collecting ---- */

struct collect {
    struct api *api;
    const struct api_selection *sel;
    struct api_listing *to;
    int64_t limit; /* 0: none */
    bool count_on; /* past the limit, only count */
    int64_t past;
};

static bool collect_one(void *arg, const struct store_entry *e)
{
    struct collect *c = arg;
    if (!api_selection_match(c->sel, e)) {
        return true;
    }
    if (c->limit > 0 && (int64_t)c->to->entries.n == c->limit) {
        c->past++;
        return c->count_on;
    }
    vec_push(&c->to->entries, store_entry_ref(e));
    return true;
}

static void collect(struct collect *c, const struct kind *k, const struct token *from)
{
    struct store_filter f = api_selection_filter(c->sel);
    const char *name = api_selection_name(c->sel);
    if (name != NULL && (f.ns != NULL || !k->namespaced) && from->name == NULL) {
        struct store_key key = {k->gr, f.ns != NULL ? f.ns : "", name};
        cleanup_entry const struct store_entry *e = store_find(c->api->store, STORE_STAGED, &key);
        if (e != NULL) {
            collect_one(c, e);
        }
        return;
    }
    f.after_ns = from->ns;
    f.after_name = from->name;
    store_each(c->api->store, STORE_STAGED, &f, collect_one, c);
}

static void finish(struct collect *c)
{
    struct api_listing *l = c->to;
    l->remaining = -1;
    if (c->past > 0) {
        l->next = token_make(l->rev, l->entries.v[l->entries.n - 1]);
        l->remaining = c->count_on ? c->past : -1;
    }
}

int api_list_collect(struct api *api, const struct api_query *q, const struct api_selection *sel,
                     const struct kind *k, struct api_listing *ret, struct err *err)
{
    *ret = (struct api_listing){.rev = store_revision(api->store, STORE_STAGED)};
    struct collect c = {.api = api, .sel = sel, .to = ret};
    c.count_on = api_selection_is_everything(sel);
    __attribute__((cleanup(token_fini))) struct token from = {0};
    const char *next = api_query_get(q, "continue");
    if (api_query_int(q, "limit", 0, 0, &c.limit, err) < 0) {
        return -1;
    }
    if (next[0] != '\0') {
        if (token_read(next, &from, err) < 0 || token_check(api, k, &from, err) < 0) {
            return -1;
        }
        ret->rev = from.rev;
    }
    collect(&c, k, &from);
    finish(&c);
    return 0;
}

/* ---- streaming ---- */

enum phase { HEAD, ITEMS, TAIL, END };

struct list_stream {
    struct api_stream base;
    struct api *api;
    const struct kind *kind;
    struct api_form form;
    struct api_listing listing;
    enum phase phase;
    size_t at;
    struct str out; /* made, not yet read */
    size_t out_at;
};

static struct api_list_meta meta_of(const struct list_stream *s)
{
    return (struct api_list_meta){.rev = s->listing.rev,
                                  .next = s->listing.next != NULL ? s->listing.next : "",
                                  .remaining = s->listing.remaining};
}

static void make_items(struct list_stream *s)
{
    struct api_listing *l = &s->listing;
    if (s->at == l->entries.n) {
        s->phase = TAIL;
        return;
    }
    if (s->at > 0 && s->form.media == API_MEDIA_JSON) {
        str_add_c(&s->out, ',');
    }
    api_render_item(s->api, &s->form, s->kind, l->entries.v[s->at], &s->out);
    store_entry_unref(l->entries.v[s->at]);
    l->entries.v[s->at++] = NULL;
}

static void make_more(struct list_stream *s)
{
    struct api_list_meta meta = meta_of(s);
    switch (s->phase) {
    case HEAD:
        api_render_list_head(&s->form, s->kind, &meta, s->listing.entries.n == 0, &s->out);
        s->phase = ITEMS;
        break;
    case ITEMS:
        make_items(s);
        break;
    default:
        api_render_list_tail(&s->form, s->kind, &meta, &s->out);
        s->phase = END;
        break;
    }
}

static ptrdiff_t list_pull(struct api_stream *base, char *buf, size_t max)
{
    struct list_stream *s = (struct list_stream *)base;
    while (s->phase != END && s->out.len - s->out_at < max) {
        make_more(s);
    }
    size_t left = s->out.len - s->out_at;
    if (left == 0) {
        return -1;
    }
    size_t n = left < max ? left : max;
    memcpy(buf, s->out.p + s->out_at, n);
    s->out_at += n;
    if (s->out_at == s->out.len) {
        str_clear(&s->out);
        s->out_at = 0;
    } else if (s->out_at > 65536) { /* an item larger than the reader's buffer */
        str_drop_front(&s->out, s->out_at);
        s->out_at = 0;
    }
    return (ptrdiff_t)n;
}

static void list_free(struct api_stream *base)
{
    struct list_stream *s = (struct list_stream *)base;
    api_listing_fini(&s->listing);
    str_fini(&s->out);
    free(s);
}

struct api_stream *api_list_stream(struct api *api, struct api_listing *l, const struct kind *k,
                                   const struct api_form *form)
{
    struct list_stream *s = xnew(struct list_stream);
    s->base.pull = list_pull;
    s->base.free = list_free;
    s->base.size = -1;
    s->api = api;
    s->kind = k;
    s->form = *form;
    s->listing = *l;
    *l = (struct api_listing){0};
    return &s->base;
}
