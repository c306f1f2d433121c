/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of answers: a round of requests through the API's service proxy, or to a port of a host,
 * one after the other. */
#include <stdio.h>
#include <string.h>

#include "check/answer.h"
#include "check/caller.h"
#include "check/check_impl.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kube/kube.h"

#define POLL LOOP_S(1)
#define AT_MOST LOOP_MS(200) /* however often something changes */
#define REQUEST_TIMEOUT LOOP_S(3)
#define CALL_TIMEOUT LOOP_S(1) /* a host that is off says nothing at all */

enum { MAX_BODY = 64 * 1024 };

struct http {
    struct check_way *way;
    char *path;
    struct caller *caller; /* NULL: through the proxy */
    bool busy, again;      /* a round is out; something changed since it began */
    uint64_t started_ns;
    unsigned left;
    json_t *round; /* what this round has seen so far */
};

/* ---- a round ---- */

static void count(json_t *counts, const char *key)
{
    if (key[0] != '\0') {
        json_int_t n = json_integer_value(json_object_get(counts, key));
        json_object_set_new(counts, key, json_integer(n + 1));
    }
}

/* No answer is worse than any, and 500 is worse than 200. */
static void take_status(json_t *round, int status)
{
    json_int_t before = jx_int(round, "status", -1);
    if (before < 0 || (before > 0 && (status == 0 || status > before))) {
        json_object_set_new(round, "status", json_integer(status));
    }
    char code[16];
    snprintf(code, sizeof(code), "%d", status);
    count(json_object_get(round, "statuses"), status > 0 ? code : "");
}

/* Said by the API itself, on the way to the pods. */
static bool is_api_error(const struct kube_answer *a)
{
    return a->status >= 400 && str_eq(jx_get_str(a->answer, "kind", ""), "Status") &&
           str_eq(jx_get_str(a->answer, "status", ""), "Failure");
}

static void take_answer(struct http *h, const struct kube_answer *a)
{
    struct answer_sender sender;
    take_status(h->round, a->status);
    if (a->status == 0 || (h->caller == NULL && is_api_error(a))) {
        json_object_set_new(
            h->round, "error",
            json_string(a->status == 0 ? a->err->msg : jx_get_str(a->answer, "message", "")));
        json_object_set_new(h->round, "reason", json_string(jx_get_str(a->answer, "reason", "")));
        h->left = 0;
        return;
    }
    answer_read(a->text, a->answer, &sender);
    count(json_object_get(h->round, "pods"), sender.pod);
    count(json_object_get(h->round, "hosts"), sender.host);
    count(json_object_get(h->round, "versions"), sender.version);
    json_t *body = json_stringn(a->text, a->len < MAX_BODY ? a->len : MAX_BODY);
    json_object_set_new(h->round, "body", body != NULL ? body : json_string("")); /* no UTF-8 */
    json_object_set_new(h->round, "json", a->answer != NULL ? jx_edit(a->answer) : json_null());
}

static void ask(struct http *h);

static void on_answer(void *arg, const struct kube_answer *a)
{
    struct http *h = arg;
    h->left--;
    json_object_set_new(h->round, "requests", json_integer(jx_int(h->round, "requests", 0) + 1));
    take_answer(h, a);
    if (h->left > 0) {
        ask(h);
        return;
    }
    h->busy = false;
    check_way_judge(h->way, steal(h->round));
}

static void ask(struct http *h)
{
    if (h->caller != NULL) {
        caller_get(h->caller, h->way->check->url, h->path, CALL_TIMEOUT, on_answer, h);
    } else {
        kube_get(h->way->run->o.kube, h->path, REQUEST_TIMEOUT, on_answer, h);
    }
}

static void start(struct http *h)
{
    h->busy = true;
    h->again = false;
    h->started_ns = loop_mono_ns(h->way->run->o.loop);
    h->left = h->way->check->requests > 0 ? h->way->check->requests : 1;
    h->round = json_pack("{s:s, s:s, s:s, s:n, s:{}, s:{}, s:{}, s:{}}", "error", "", "reason", "",
                         "body", "", "json", "pods", "hosts", "versions", "statuses");
    ask(h);
}

/* ---- the kind ---- */

static void *http_begin(struct check_way *w)
{
    const char *ns = check_way_ns(w);
    struct http *h = xnew(struct http);
    const char *path = w->check->path != NULL ? w->check->path : "/";
    h->way = w;
    h->path = xasprintf("/api/v1/namespaces/%s/services/%s/proxy%s%s", ns, w->check->service,
                        path[0] == '/' ? "" : "/", path);
    pool_watch(w->run->pool, "services", ns, NULL, w);
    pool_watch(w->run->pool, "pods", ns, NULL, w);
    return h;
}

static void *url_begin(struct check_way *w)
{
    struct http *h = xnew(struct http);
    h->way = w;
    h->path = xstrdup(w->check->path != NULL ? w->check->path : "/");
    h->caller = caller_new(w->run->o.kube);
    pool_watch(w->run->pool, "hosts.podlab.dev", NULL, NULL, w);
    return h;
}

static void http_end(void *own)
{
    struct http *h = own;
    caller_free(h->caller);
    kube_forget(h->way->run->o.kube, h);
    json_decref(h->round);
    free(h->path);
    free(h);
}

static void http_look(void *own)
{
    struct http *h = own;
    h->again = true;
    if (!h->busy && loop_mono_ns(h->way->run->o.loop) - h->started_ns >= AT_MOST) {
        start(h);
    }
}

static void http_tick(void *own, uint64_t now_ns)
{
    struct http *h = own;
    if (!h->busy && now_ns - h->started_ns >= (h->again ? AT_MOST : POLL)) {
        start(h);
    }
}

const struct check_kind check_kind_http = {http_begin, http_end, http_look, http_tick};
const struct check_kind check_kind_url = {url_begin, http_end, http_look, http_tick};
