/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a live copy of a collection: lists it, follows it, and begins anew when it must. */
#include <string.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/kube_impl.h"

#define RETRY_FIRST LOOP_MS(100)
#define RETRY_MAX LOOP_S(2)
#define SERVER_TIMEOUT_S 300
#define CLIENT_TIMEOUT LOOP_S(SERVER_TIMEOUT_S + 10) /* a peer that vanished says nothing */
#define MAX_LINE ((size_t)16 << 20)

struct kube_watch {
    struct kube *kube;
    char *path;     /* of the collection */
    char *selector; /* escaped; NULL */
    char *api_version, *kind;
    struct map *objects; /* "ns/name" -> json_t, owned */
    char revision[32];
    bool synced, alive;
    char why[256]; /* why it is not alive */
    struct http_call *stream;
    struct str line; /* the beginning of a line whose end has not come */
    struct loop_timer *retry;
    uint64_t delay;
    uint64_t changed_ns;
    bool told; /* on_change is on its way */
    void (*on_change)(void *arg);
    void *arg;
};

static void list(struct kube_watch *w);

static void free_object(void *obj)
{
    json_decref(obj);
}

/* ---- telling ---- */

static void tell(void *arg)
{
    struct kube_watch *w = arg;
    w->told = false;
    w->on_change(w->arg);
}

/* Many changes in one round are one call. */
static void changed(struct kube_watch *w)
{
    w->changed_ns = loop_mono_ns(w->kube->loop);
    if (!w->told) {
        w->told = true;
        loop_defer(w->kube->loop, tell, w);
    }
}

static void lost(struct kube_watch *w, const char *why)
{
    bool was = w->alive;
    w->alive = false;
    str_copy(w->why, sizeof(w->why), why);
    loop_timer_start(w->retry, w->delay);
    w->delay = w->delay * 2 < RETRY_MAX ? w->delay * 2 : RETRY_MAX;
    if (was) {
        changed(w);
    }
}

static void well(struct kube_watch *w)
{
    w->delay = RETRY_FIRST;
    if (!w->alive) {
        w->alive = true;
        changed(w);
    }
}

/* ---- objects ---- */

static char *key_of(const json_t *obj)
{
    return xasprintf("%s/%s", jx_str(obj, "metadata.namespace", ""),
                     jx_str(obj, "metadata.name", ""));
}

static void put(struct kube_watch *w, json_t *obj)
{
    cleanup_free char *key = key_of(obj);
    /* Items of a list carry neither; readers want both. */
    jx_put_str(obj, "apiVersion", w->api_version);
    jx_put_str(obj, "kind", w->kind);
    map_put(w->objects, key, json_incref(obj));
}

static void take_revision(struct kube_watch *w, const json_t *obj)
{
    const char *revision = jx_str(obj, "metadata.resourceVersion", "");
    if (revision[0] != '\0') {
        str_copy(w->revision, sizeof(w->revision), revision);
    }
}

/* ---- following ---- */

static void begin_anew(struct kube_watch *w)
{
    w->revision[0] = '\0';
    loop_timer_start(w->retry, 0);
}

static void on_event(struct kube_watch *w, const char *text, size_t n)
{
    json_auto_t *event = NULL;
    struct err err;
    if (jx_parse(text, n, false, &event, &err) < 0) {
        log_warn("kube", "watch %s: %s", w->path, err.msg);
        return;
    }
    const char *type = jx_get_str(event, "type", "");
    json_t *obj = json_object_get(event, "object");
    if (str_eq(type, "ERROR")) {
        w->revision[0] = '\0'; /* most likely 410: what we know is too old */
        return;
    }
    take_revision(w, obj);
    if (str_eq(type, "DELETED")) {
        cleanup_free char *key = key_of(obj);
        map_remove(w->objects, key);
    } else if (str_eq(type, "ADDED") || str_eq(type, "MODIFIED")) {
        put(w, obj);
    } else {
        return; /* a bookmark changes nothing that is seen */
    }
    changed(w);
}

static bool on_data(void *arg, const char *bytes, size_t n)
{
    struct kube_watch *w = arg;
    well(w);
    str_add_n(&w->line, bytes, n);
    size_t from = 0;
    for (const char *end; from < w->line.len &&
                          (end = memchr(w->line.p + from, '\n', w->line.len - from)) != NULL;) {
        size_t len = (size_t)(end - (w->line.p + from));
        if (len > 0) {
            on_event(w, w->line.p + from, len);
        }
        from += len + 1;
    }
    str_drop_front(&w->line, from);
    return w->line.len <= MAX_LINE;
}

static void on_headers(void *arg, int status, const char *content_type)
{
    if (status == 200) {
        well(arg);
    }
}

static void on_stream_end(void *arg, const struct http_response *res)
{
    struct kube_watch *w = arg;
    w->stream = NULL;
    str_clear(&w->line);
    if (res->err->code == ERR_NONE && res->status == 200) {
        loop_timer_start(w->retry, RETRY_FIRST); /* the server's time-out: go on where we were */
    } else if (res->err->code == ERR_NONE && res->status == 410) {
        begin_anew(w);
    } else {
        lost(w, res->err->code != ERR_NONE ? res->err->msg : "the watch was refused");
    }
}

static void follow(struct kube_watch *w)
{
    cleanup_free char *url = xasprintf(
        "%s%s?watch=true&allowWatchBookmarks=true&timeoutSeconds=%d&resourceVersion=%s%s%s",
        w->kube->server, w->path, SERVER_TIMEOUT_S, w->revision,
        w->selector != NULL ? "&labelSelector=" : "", w->selector != NULL ? w->selector : "");
    struct http_request req = {
        .method = "GET",
        .url = url,
        .timeout_ns = CLIENT_TIMEOUT,
        .on_data = on_data,
        .on_headers = on_headers,
        .done = on_stream_end,
        .arg = w,
    };
    w->stream = http_client_call(w->kube->http, &req);
}

/* ---- listing ---- */

static void on_listed(void *arg, const struct kube_answer *a)
{
    struct kube_watch *w = arg;
    if (a->status != 200 || a->answer == NULL) {
        cleanup_free char *why = a->status == 0 ? xstrdup(a->err->msg)
                                                : xasprintf("answered %d: %s", a->status,
                                                            jx_str(a->answer, "message", a->text));
        lost(w, why);
        return;
    }
    map_clear(w->objects);
    size_t i;
    json_t *obj;
    const json_t *items = jx_arr(a->answer, "items");
    jx_each(i, obj, items)
    {
        put(w, obj);
    }
    take_revision(w, a->answer);
    w->synced = true;
    w->alive = true;
    w->delay = RETRY_FIRST;
    changed(w);
    follow(w);
}

static void list(struct kube_watch *w)
{
    cleanup_free char *path = w->selector != NULL
                                  ? xasprintf("%s?labelSelector=%s", w->path, w->selector)
                                  : xstrdup(w->path);
    kube_get(w->kube, path, 0, on_listed, w);
}

static void on_retry(void *arg)
{
    struct kube_watch *w = arg;
    if (w->revision[0] == '\0') {
        list(w);
    } else {
        follow(w);
    }
}

/* ---- for others ---- */

struct kube_watch *kube_watch(struct kube *k, const struct kube_resource *r, const char *ns,
                              const char *selector, void (*on_change)(void *arg), void *arg)
{
    struct kube_watch *w = xnew(struct kube_watch);
    w->kube = k;
    w->path = kube_path(r, ns, NULL);
    w->selector = selector != NULL ? kube_escape(selector) : NULL;
    w->api_version =
        r->group[0] != '\0' ? xasprintf("%s/%s", r->group, r->version) : xstrdup(r->version);
    w->kind = xstrdup(r->kind);
    w->objects = map_new(free_object);
    w->retry = loop_timer_new(k->loop, on_retry, w);
    w->delay = RETRY_FIRST;
    w->alive = true;
    w->on_change = on_change;
    w->arg = arg;
    vec_push(&k->watches, w);
    list(w);
    return w;
}

void kube_watch_destroy(struct kube_watch *w)
{
    loop_undefer(w->kube->loop, w);
    kube_forget(w->kube, w);
    if (w->stream != NULL) {
        http_call_cancel(w->stream);
    }
    loop_timer_free(w->retry);
    map_free(w->objects);
    str_fini(&w->line);
    free(w->path);
    free(w->selector);
    free(w->api_version);
    free(w->kind);
    free(w);
}

void kube_watch_free(struct kube_watch *w)
{
    if (w == NULL) {
        return;
    }
    struct kube *k = w->kube;
    for (size_t i = 0; i < k->watches.n; i++) {
        if (k->watches.v[i] == w) {
            vec_remove(&k->watches, i);
            break;
        }
    }
    kube_watch_destroy(w);
}

bool kube_watch_synced(const struct kube_watch *w)
{
    return w->synced;
}

bool kube_watch_alive(const struct kube_watch *w, const char **ret_why)
{
    if (ret_why != NULL) {
        *ret_why = w->alive ? "" : w->why;
    }
    return w->alive;
}

const json_t *kube_watch_find(const struct kube_watch *w, const char *ns, const char *name)
{
    cleanup_free char *key = xasprintf("%s/%s", ns != NULL ? ns : "", name);
    return map_find(w->objects, key);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

json_t *kube_watch_list(const struct kube_watch *w)
{
    VEC(const char *) keys = {0};
    size_t it = 0;
    const char *key;
    json_t *items = json_array();
    while (map_next(w->objects, &it, &key, NULL)) {
        vec_push(&keys, key);
    }
    if (keys.n > 1) {
        qsort(keys.v, keys.n, sizeof(keys.v[0]), by_key);
    }
    for (size_t i = 0; i < keys.n; i++) {
        json_array_append(items, map_find(w->objects, keys.v[i]));
    }
    vec_fini(&keys);
    cleanup_free char *kind = xasprintf("%sList", w->kind);
    return json_pack("{s:s, s:s, s:{s:s}, s:o}", "apiVersion", w->api_version, "kind", kind,
                     "metadata", "resourceVersion", w->revision, "items", items);
}

size_t kube_watch_count(const struct kube_watch *w)
{
    return map_count(w->objects);
}

uint64_t kube_watch_changed_ns(const struct kube_watch *w)
{
    return w->changed_ns;
}
