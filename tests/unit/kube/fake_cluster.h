/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster of canned objects behind a real HTTP server: lists, watches, objects, the service proxy
 * and logs, as much of them as the runner asks for. */
#ifndef TESTS_UNIT_KUBE_FAKE_CLUSTER_H
#define TESTS_UNIT_KUBE_FAKE_CLUSTER_H

#include "common/testing.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/http_server.h"
#include "common/json/jx.h"
#include "common/json/yaml.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "kube/kube.h"

#define FAKE_DEADLINE LOOP_S(20)

struct fake_kind {
    const char *kind, *name, *group, *version, *short_name;
    bool namespaced;
};

static const struct fake_kind fake_kinds[] = {
    {"Namespace", "namespaces", "", "v1", "ns", false},
    {"Node", "nodes", "", "v1", "no", false},
    {"Pod", "pods", "", "v1", "po", true},
    {"Service", "services", "", "v1", "svc", true},
    {"Event", "events", "", "v1", "ev", true},
    {"Deployment", "deployments", "apps", "v1", "deploy", true},
    {"ReplicaSet", "replicasets", "apps", "v1", "rs", true},
    {"EndpointSlice", "endpointslices", "discovery.k8s.io", "v1", "", true},
    {"ConfigMap", "configmaps", "", "v1", "cm", true},
    {"Lease", "leases", "coordination.k8s.io", "v1", "", true},
    {"Host", "hosts", "podlab.dev", "v1", "", false},
    {"Clock", "clocks", "podlab.dev", "v1", "", false},
};

struct fake_stream {
    struct fake *fake;
    struct http_exchange *x;
    const struct fake_kind *kind;
    char ns[64], selector[128];
    struct str out;
};

struct fake {
    struct loop *loop;
    struct http_server *server;
    int port;
    char kubeconfig[64];
    struct kube *kube;
    struct map *objects; /* "pods/ns/name" */
    struct map *logs;    /* pod -> text */
    VEC(struct fake_stream *) streams;
    unsigned revision, requests, lists, discoveries;
    const char *broken_group; /* answers 503 */
    bool down;                /* everything is answered 500 */
    bool gone;                /* watches are answered 410 */
    bool narrow;              /* lists of all namespaces are answered 403 */
    bool mute;                /* nothing is answered */
    /* The service proxy. May be NULL: 200 "web v1 from web-1 on worker-1". */
    void (*proxy)(struct fake *f, struct http_exchange *x, const char *service, const char *path);
    /* A request for an object that is no GET; it answers. May be NULL: as a GET. */
    void (*write)(struct fake *f, struct http_exchange *x, const struct fake_kind *k,
                  const char *ns, const char *name);
    void *user;
};

static inline void fake_answer_text(struct http_exchange *x, int status, const char *type,
                                    const char *text)
{
    http_exchange_answer(x, status, type, NULL, 0, (void *)(uintptr_t)text, strlen(text), false);
}

static inline void fake_answer(struct http_exchange *x, int status, json_t *v)
{
    cleanup_free char *text = jx_dump_text(v);
    json_decref(v);
    fake_answer_text(x, status, "application/json", text);
}

static inline json_t *fake_status(int code, const char *reason, const char *message)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "kind", "Status", "apiVersion", "v1",
                     "status", "Failure", "reason", reason, "message", message, "code", code);
}

static inline const struct fake_kind *fake_kind_of(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(fake_kinds); i++) {
        if (strcmp(fake_kinds[i].kind, kind) == 0 || strcmp(fake_kinds[i].name, kind) == 0) {
            return &fake_kinds[i];
        }
    }
    fail_msg("the fake cluster has no kind %s", kind);
    return NULL;
}

/* Only "a=b,c=d". */
static inline bool fake_matches(const json_t *obj, const char *ns, const char *selector)
{
    char copy[128], *save = NULL;
    if (ns[0] != '\0' && strcmp(ns, jx_str(obj, "metadata.namespace", "")) != 0) {
        return false;
    }
    str_copy(copy, sizeof(copy), selector);
    for (char *part = strtok_r(copy, ",", &save); part != NULL; part = strtok_r(NULL, ",", &save)) {
        char *eq = strchr(part, '=');
        *eq = '\0';
        if (!str_eq(jx_get_str(jx_path(obj, "metadata.labels"), part, NULL), eq + 1)) {
            return false;
        }
    }
    return true;
}

/* ---- discovery ---- */

static inline json_t *fake_resources(const char *group)
{
    json_t *list = json_array();
    const char *version = "v1";
    for (size_t i = 0; i < ARRAY_LEN(fake_kinds); i++) {
        const struct fake_kind *k = &fake_kinds[i];
        if (strcmp(k->group, group) == 0) {
            char singular[64];
            size_t n = str_copy(singular, sizeof(singular), k->kind);
            for (size_t j = 0; j < n; j++) {
                singular[j] |= 0x20;
            }
            json_t *row = json_pack("{s:s, s:s, s:s, s:b}", "name", k->name, "singularName",
                                    singular, "kind", k->kind, "namespaced", k->namespaced);
            if (k->short_name[0] != '\0') {
                json_object_set_new(row, "shortNames", json_pack("[s]", k->short_name));
            }
            json_array_append_new(list, row);
        }
    }
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:b}", "name", "pods/log", "kind", "Pod", "namespaced", 1));
    cleanup_free char *gv =
        group[0] != '\0' ? xasprintf("%s/%s", group, version) : xstrdup(version);
    return json_pack("{s:s, s:s, s:o}", "kind", "APIResourceList", "groupVersion", gv, "resources",
                     list);
}

static inline bool fake_discovery(struct fake *f, struct http_exchange *x, const char *path)
{
    static const char *const groups[] = {"apps", "coordination.k8s.io", "discovery.k8s.io",
                                         "podlab.dev"};
    if (strcmp(path, "/api/v1") == 0) {
        f->discoveries++;
        fake_answer(x, 200, fake_resources(""));
        return true;
    }
    if (strcmp(path, "/apis") == 0) {
        json_t *list = json_array();
        for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
            cleanup_free char *gv = xasprintf("%s/v1", groups[i]);
            json_array_append_new(list, json_pack("{s:s, s:{s:s}}", "name", groups[i],
                                                  "preferredVersion", "groupVersion", gv));
        }
        fake_answer(x, 200, json_pack("{s:s, s:o}", "kind", "APIGroupList", "groups", list));
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        cleanup_free char *p = xasprintf("/apis/%s/v1", groups[i]);
        if (strcmp(path, p) == 0) {
            bool broken = str_eq(f->broken_group, groups[i]);
            fake_answer(x, broken ? 503 : 200,
                        broken ? fake_status(503, "ServiceUnavailable", "its server is away")
                               : fake_resources(groups[i]));
            return true;
        }
    }
    return false;
}

/* ---- objects ---- */

static inline json_t *fake_list(struct fake *f, const struct fake_kind *k, const char *ns,
                                const char *selector)
{
    json_t *items = json_array();
    size_t it = 0;
    const char *key;
    void *obj;
    cleanup_free char *prefix = xasprintf("%s/", k->name);
    while (map_next(f->objects, &it, &key, &obj)) {
        if (str_has_prefix(key, prefix) && fake_matches(obj, ns, selector)) {
            json_t *item = jx_edit(obj);
            json_object_del(item, "kind");
            json_object_del(item, "apiVersion");
            json_array_append_new(items, item);
        }
    }
    char revision[16];
    snprintf(revision, sizeof(revision), "%u", f->revision);
    cleanup_free char *kind = xasprintf("%sList", k->kind);
    return json_pack("{s:s, s:{s:s}, s:o}", "kind", kind, "metadata", "resourceVersion", revision,
                     "items", items);
}

static inline ptrdiff_t fake_pull(void *arg, char *buf, size_t max)
{
    struct fake_stream *s = arg;
    size_t n = s->out.len < max ? s->out.len : max;
    memcpy(buf, str_c(&s->out), n);
    str_drop_front(&s->out, n);
    return (ptrdiff_t)n;
}

static inline void fake_stream_ended(void *user)
{
    struct fake_stream *s = user;
    for (size_t i = 0; i < s->fake->streams.n; i++) {
        if (s->fake->streams.v[i] == s) {
            vec_remove(&s->fake->streams, i);
            break;
        }
    }
    str_fini(&s->out);
    free(s);
}

static inline void fake_say(struct fake_stream *s, const char *type, const json_t *obj)
{
    json_auto_t *event = json_pack("{s:s, s:O}", "type", type, "object", (json_t *)(uintptr_t)obj);
    jx_dump(&s->out, event);
    str_add_c(&s->out, '\n');
}

/* What changed while nobody watched; deletions are lost, which a real cluster does not do. */
static inline void fake_replay(struct fake_stream *s, int after)
{
    cleanup_free char *prefix = xasprintf("%s/", s->kind->name);
    size_t it = 0;
    const char *key;
    void *obj;
    while (map_next(s->fake->objects, &it, &key, &obj)) {
        if (str_has_prefix(key, prefix) && fake_matches(obj, s->ns, s->selector) &&
            atoi(jx_str(obj, "metadata.resourceVersion", "0")) > after) {
            fake_say(s, "MODIFIED", obj);
        }
    }
}

static inline void fake_watch(struct fake *f, struct http_exchange *x, const struct fake_kind *k,
                              const char *ns, const char *selector, int after)
{
    struct fake_stream *s = xnew(struct fake_stream);
    *s = (struct fake_stream){.fake = f, .x = x, .kind = k};
    str_copy(s->ns, sizeof(s->ns), ns);
    str_copy(s->selector, sizeof(s->selector), selector);
    fake_replay(s, after);
    vec_push(&f->streams, s);
    http_exchange_set_user(x, s, fake_stream_ended);
    http_exchange_stream(x, 200, "application/json", NULL, 0, -1, fake_pull, s);
}

static inline void fake_tell(struct fake *f, const struct fake_kind *k, const char *type,
                             const json_t *obj)
{
    for (size_t i = 0; i < f->streams.n; i++) {
        struct fake_stream *s = f->streams.v[i];
        if (s->kind == k && fake_matches(obj, s->ns, s->selector)) {
            fake_say(s, type, obj);
            http_exchange_wake(s->x);
        }
    }
}

static inline char *fake_key(const struct fake_kind *k, const char *ns, const char *name)
{
    return xasprintf("%s/%s/%s", k->name, k->namespaced ? ns : "", name);
}

/* Takes obj. */
static inline void fake_put(struct fake *f, json_t *obj)
{
    const struct fake_kind *k = fake_kind_of(jx_str(obj, "kind", ""));
    if (k->namespaced && jx_str(obj, "metadata.namespace", NULL) == NULL) {
        jx_put_str(obj, "metadata.namespace", "default");
    }
    cleanup_free char *key =
        fake_key(k, jx_str(obj, "metadata.namespace", ""), jx_str(obj, "metadata.name", ""));
    char revision[16];
    snprintf(revision, sizeof(revision), "%u", ++f->revision);
    jx_put_str(obj, "metadata.resourceVersion", revision);
    const char *type = map_find(f->objects, key) != NULL ? "MODIFIED" : "ADDED";
    map_put(f->objects, key, obj);
    fake_tell(f, k, type, obj);
}

/* One or more documents of YAML. */
static inline void fake_apply(struct fake *f, const char *yaml)
{
    json_auto_t *docs = NULL;
    struct err err;
    if (yaml_parse(yaml, strlen(yaml), &docs, &err) < 0) {
        fail_msg("%s: %s", err.msg, yaml);
    }
    size_t i;
    json_t *doc;
    jx_each(i, doc, docs)
    {
        fake_put(f, jx_edit(doc));
    }
}

static inline void fake_delete(struct fake *f, const char *kind, const char *ns, const char *name)
{
    const struct fake_kind *k = fake_kind_of(kind);
    cleanup_free char *key = fake_key(k, ns, name);
    json_auto_t *obj = map_take(f->objects, key);
    assert_non_null(obj);
    char revision[16];
    snprintf(revision, sizeof(revision), "%u", ++f->revision);
    jx_put_str(obj, "metadata.resourceVersion", revision);
    fake_tell(f, k, "DELETED", obj);
}

/* ---- requests ---- */

static inline void fake_query(const char *query, const char *key, char *buf, size_t size)
{
    cleanup_free char *prefix = xasprintf("%s=", key);
    buf[0] = '\0';
    for (const char *p = query; *p != '\0'; p += strcspn(p, "&"), p += *p == '&') {
        if (!str_has_prefix(p, prefix)) {
            continue;
        }
        size_t n = 0;
        for (p += strlen(prefix); *p != '\0' && *p != '&' && n + 1 < size; p++) {
            unsigned c;
            if (*p == '%' && sscanf(p + 1, "%2x", &c) == 1) {
                buf[n++] = (char)c;
                p += 2;
            } else {
                buf[n++] = *p;
            }
        }
        buf[n] = '\0';
        return;
    }
}

static inline void fake_object(struct fake *f, struct http_exchange *x, const struct fake_kind *k,
                               const char *ns, char *rest)
{
    char *sub = strchr(rest, '/');
    if (sub != NULL) {
        *sub++ = '\0';
    }
    if (sub != NULL && str_has_prefix(sub, "proxy")) {
        if (f->proxy != NULL) {
            f->proxy(f, x, rest, sub + strlen("proxy"));
        } else {
            fake_answer_text(x, 200, "text/plain", "web v1 from web-1 on worker-1\n");
        }
        return;
    }
    if (str_eq(sub, "log")) {
        const char *log = map_find(f->logs, rest);
        fake_answer_text(x, log != NULL ? 200 : 400, "text/plain", log != NULL ? log : "no log");
        return;
    }
    if (f->write != NULL && strcmp(http_exchange_method(x), "GET") != 0) {
        f->write(f, x, k, ns, rest);
        return;
    }
    cleanup_free char *key = fake_key(k, ns, rest);
    const json_t *obj = map_find(f->objects, key);
    cleanup_free char *message = xasprintf("%s \"%s\" not found", k->name, rest);
    fake_answer(x, obj != NULL ? 200 : 404,
                obj != NULL ? jx_edit(obj) : fake_status(404, "NotFound", message));
}

static inline bool fake_collection(struct fake *f, struct http_exchange *x, const char *path)
{
    char copy[512], ns[64] = "", selector[128], watch[8];
    const char *query = http_exchange_query(x);
    str_copy(copy, sizeof(copy), path);
    for (size_t i = 0; i < ARRAY_LEN(fake_kinds); i++) {
        const struct fake_kind *k = &fake_kinds[i];
        cleanup_free char *base = k->group[0] != '\0'
                                      ? xasprintf("/apis/%s/%s/", k->group, k->version)
                                      : xasprintf("/api/%s/", k->version);
        char *rest = copy + strlen(base);
        if (!str_has_prefix(path, base)) {
            continue;
        }
        if (k->namespaced && sscanf(rest, "namespaces/%63[^/]/", ns) == 1) {
            rest += strlen("namespaces/") + strlen(ns) + 1;
        }
        size_t n = strlen(k->name);
        bool deeper = !k->namespaced && rest[n] == '/' && strchr(rest + n + 1, '/') != NULL;
        if (strncmp(rest, k->name, n) != 0 || (rest[n] != '\0' && rest[n] != '/') || deeper) {
            ns[0] = '\0';
            continue;
        }
        if (rest[n] == '/') {
            fake_object(f, x, k, ns, rest + n + 1);
            return true;
        }
        fake_query(query, "labelSelector", selector, sizeof(selector));
        fake_query(query, "watch", watch, sizeof(watch));
        if (f->narrow && k->namespaced && ns[0] == '\0') {
            fake_answer(x, 403, fake_status(403, "Forbidden", "not in all namespaces"));
        } else if (watch[0] == '\0') {
            f->lists++;
            fake_answer(x, 200, fake_list(f, k, ns, selector));
        } else if (f->gone) {
            fake_answer(x, 410, fake_status(410, "Expired", "too old resource version"));
        } else {
            char after[16];
            fake_query(query, "resourceVersion", after, sizeof(after));
            fake_watch(f, x, k, ns, selector, atoi(after));
        }
        return true;
    }
    return false;
}

static inline void fake_handle(void *arg, struct http_exchange *x)
{
    struct fake *f = arg;
    const char *path = http_exchange_path(x);
    f->requests++;
    if (f->mute) {
        return;
    }
    if (f->down) {
        fake_answer(x, 500, fake_status(500, "InternalError", "the fake is down"));
    } else if (!fake_discovery(f, x, path) && !fake_collection(f, x, path)) {
        fake_answer(x, 404, fake_status(404, "NotFound", "the server could not find it"));
    }
}

/* ---- making one ---- */

/* Ends every watch, as a connection that breaks does. */
static inline void fake_stop(struct fake *f)
{
    http_server_free(steal(f->server));
}

static inline void fake_listen(struct fake *f)
{
    struct err err;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(fd, 64), 0);
    socklen_t len = sizeof(sa);
    getsockname(fd, (struct sockaddr *)&sa, &len);
    f->port = ntohs(sa.sin_port);
    struct http_server_opts opts = {.listen_fd = fd, .handler = fake_handle, .arg = f};
    if (http_server_new(f->loop, &opts, &f->server, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static inline void fake_write(struct fake *f, const char *text)
{
    str_copy(f->kubeconfig, sizeof(f->kubeconfig), "/tmp/podlab-fake-XXXXXX");
    int fd = mkstemp(f->kubeconfig);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static inline void fake_free_json(void *v)
{
    json_decref(v);
}

static inline struct fake *fake_new(void)
{
    struct fake *f = xnew(struct fake);
    struct err err;
    f->loop = loop_new();
    f->objects = map_new(fake_free_json);
    f->logs = map_new(free);
    f->revision = 100;
    fake_listen(f);
    cleanup_free char *config = xasprintf("current-context: fake\n"
                                          "contexts: [{name: fake, context: {cluster: fake}}]\n"
                                          "clusters: [{name: fake, cluster: {server: "
                                          "\"http://127.0.0.1:%d/\"}}]\n",
                                          f->port);
    fake_write(f, config);
    if (kube_open(f->loop, f->kubeconfig, NULL, &f->kube, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return f;
}

static inline void fake_free(struct fake *f)
{
    kube_free(f->kube);
    fake_stop(f);
    unlink(f->kubeconfig);
    map_free(f->objects);
    map_free(f->logs);
    vec_fini(&f->streams);
    loop_free(f->loop);
    free(f);
}

static inline void fake_discovered(void *arg, const struct err *err)
{
    if (err->code != ERR_NONE) {
        fail_msg("%s", err->msg);
    }
    *(bool *)arg = true;
}

static inline void fake_discover(struct fake *f)
{
    bool done = false;
    kube_discover(f->kube, fake_discovered, &done);
    assert_true(loop_run_until(f->loop, &done, FAKE_DEADLINE));
}

/* Runs the loop until the condition holds; fails the test when it never does. */
static inline void fake_until(struct fake *f, bool (*holds)(void *arg), void *arg, const char *what)
{
    for (int i = 0; i < 2000 && !holds(arg); i++) {
        loop_run_until(f->loop, &(bool){false}, LOOP_MS(10));
    }
    if (!holds(arg)) {
        fail_msg("never: %s", what);
    }
}

#endif
