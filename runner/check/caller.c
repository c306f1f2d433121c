/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the address that belongs to a host's name, and asks there. */
#include "check/caller.h"

#include <string.h>

#include "common/http_client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"

#define HOSTS_PATH "/apis/podlab.dev/v1/hosts"
#define HOSTS_AGAIN LOOP_S(2)

struct call {
    struct caller *caller;
    struct http_call *http; /* NULL: the address is not known yet */
    char *host, *rest;      /* "worker-1", ":8080/info" */
    uint64_t started_ns, timeout_ns;
    kube_done *done;
    void *arg;
};

struct caller {
    struct kube *kube;
    struct http_client *http;
    VEC(struct call *) calls;
    json_t *addresses; /* {name: address} */
    bool asked, known; /* the hosts are asked for; were asked for at least once */
    uint64_t listed_ns;
};

static void remove_call(struct call *call)
{
    struct caller *c = call->caller;
    for (size_t i = 0; i < c->calls.n; i++) {
        if (c->calls.v[i] == call) {
            vec_remove(&c->calls, i);
            break;
        }
    }
}

static void free_call(struct call *call)
{
    free(call->host);
    free(call->rest);
    free(call);
}

/* ---- answers ---- */

/* What a person would say of it. */
static void put_plainly(struct err *err, uint64_t timeout_ns)
{
    struct err said = *err;
    bool cut = strstr(said.msg, "eset by peer") != NULL || strstr(said.msg, "mpty reply") != NULL;
    if (said.code == ERR_TIMEOUT) {
        err_set(err, ERR_TIMEOUT, "no answer within %.0f s", (double)timeout_ns / 1e9);
    } else if (cut) {
        err_set(err, ERR_UNAVAILABLE, "connection reset");
    } else if (strstr(said.msg, "No route to host") != NULL) {
        err_set(err, ERR_UNAVAILABLE, "no route to the host");
    } else if (strstr(said.msg, "refused") != NULL ||
               strstr(said.msg, "Failed to connect") != NULL) {
        err_set(err, ERR_UNAVAILABLE, "connection refused"); /* curl does not always say so */
    }
}

static void answer(struct call *call, int status, const char *text, size_t len,
                   const struct err *err)
{
    json_auto_t *json = NULL;
    struct err ignored, plain = *err;
    struct kube_answer a = {
        .status = status,
        .text = text,
        .len = len,
        .took_ns = loop_mono_ns(kube_loop(call->caller->kube)) - call->started_ns,
        .err = &plain,
    };
    if (status != 0 && (text[0] == '{' || text[0] == '[') &&
        jx_parse(text, len, false, &json, &ignored) == 0) {
        a.answer = json;
    }
    if (status == 0) {
        put_plainly(&plain, call->timeout_ns);
    }
    remove_call(call);
    call->done(call->arg, &a);
    free_call(call);
}

static void on_done(void *arg, const struct http_response *res)
{
    int status = res->err->code == ERR_NONE ? res->status : 0;
    answer(arg, status, res->body != NULL ? res->body : "", res->len, res->err);
}

/* ---- where it is ---- */

static void send(struct call *call, const char *address)
{
    cleanup_free char *url = xasprintf("http://%s%s", address, call->rest);
    cleanup_free char *name =
        xasprintf("Host: %s%.*s", call->host, (int)strcspn(call->rest, "/"), call->rest);
    const char *const headers[] = {name, "Accept: application/json, text/plain", NULL};
    struct http_request req = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .timeout_ns = call->timeout_ns,
        .connect_timeout_ns = call->timeout_ns,
        .fresh = true,
        .done = on_done,
        .arg = call,
    };
    call->http = http_client_call(call->caller->http, &req);
}

static void on_hosts(void *arg, const struct kube_answer *a);

static void list_hosts(struct caller *c)
{
    c->asked = true;
    kube_get(c->kube, HOSTS_PATH, LOOP_S(3), on_hosts, c);
}

static void go(void *arg)
{
    struct caller *c = arg;
    uint64_t now = loop_mono_ns(kube_loop(c->kube));
    for (size_t i = c->calls.n; i-- > 0;) {
        struct call *call = c->calls.v[i];
        const char *address = jx_get_str(c->addresses, call->host, NULL);
        struct err err;
        if (call->http != NULL) {
            continue;
        }
        if (address != NULL) {
            send(call, address);
        } else if (c->asked) {
            continue;
        } else if (!c->known || now - c->listed_ns >= HOSTS_AGAIN) {
            list_hosts(c);
        } else {
            loop_defer(kube_loop(c->kube), go, c); /* for the others: who is told may free us */
            err_set(&err, ERR_NOT_FOUND, "there is no host %s", call->host);
            answer(call, 0, "", 0, &err);
            return;
        }
    }
}

static void on_hosts(void *arg, const struct kube_answer *a)
{
    struct caller *c = arg;
    size_t i;
    const json_t *host;
    c->asked = false;
    c->listed_ns = loop_mono_ns(kube_loop(c->kube));
    c->known = true; /* even when the API is away: then only those that are known can be asked */
    jx_each(i, host, jx_arr(a->answer, "items"))
    {
        const char *address = jx_str(host, "status.address", "");
        if (address[0] != '\0') {
            json_object_set_new(c->addresses, jx_str(host, "metadata.name", ""),
                                json_string(address));
        }
    }
    go(c);
}

void caller_get(struct caller *c, const char *address, const char *path, uint64_t timeout_ns,
                kube_done *done, void *arg)
{
    struct call *call = xnew(struct call);
    size_t host = strcspn(address, ":/");
    bool has_path = strchr(address, '/') != NULL;
    call->caller = c;
    call->host = xstrndup(address, host);
    call->rest = has_path ? xstrdup(address + host)
                          : xasprintf("%s%s%s", address + host, path[0] == '/' ? "" : "/", path);
    call->started_ns = loop_mono_ns(kube_loop(c->kube));
    call->timeout_ns = timeout_ns;
    call->done = done;
    call->arg = arg;
    vec_push(&c->calls, call);
    loop_defer(kube_loop(c->kube), go, c);
}

void caller_forget(struct caller *c, const void *arg)
{
    for (size_t i = c != NULL ? c->calls.n : 0; i-- > 0;) {
        struct call *call = c->calls.v[i];
        if (call->arg == arg) {
            if (call->http != NULL) {
                http_call_cancel(call->http);
            }
            vec_remove(&c->calls, i);
            free_call(call);
        }
    }
}

struct caller *caller_new(struct kube *kube)
{
    struct caller *c = xnew(struct caller);
    struct http_client_opts opts = {0};
    c->kube = kube;
    c->http = http_client_new(kube_loop(kube), &opts);
    c->addresses = json_object();
    return c;
}

void caller_free(struct caller *c)
{
    if (c == NULL) {
        return;
    }
    loop_undefer(kube_loop(c->kube), c);
    kube_forget(c->kube, c);
    http_client_free(c->http);
    for (size_t i = 0; i < c->calls.n; i++) {
        free_call(c->calls.v[i]);
    }
    vec_fini(&c->calls);
    json_decref(c->addresses);
    free(c);
}
