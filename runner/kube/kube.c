/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a cluster and asks it things. */
#include "kube/kube.h"

#include <ctype.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/kube_impl.h"
#include "kube/kubeconfig.h"

#define DEFAULT_TIMEOUT LOOP_S(10)

struct kube_call {
    struct kube *kube;
    struct http_call *http;
    uint64_t started_ns;
    kube_done *done;
    void *arg;
};

int kube_open(struct loop *loop, const char *path, const char *context, struct kube **ret,
              struct err *err)
{
    struct kubeconfig config;
    if (kubeconfig_read(path, context, &config, err) < 0) {
        return -1;
    }
    struct http_client_opts opts = {
        .ca_pem = config.ca_pem,
        .cert_pem = config.cert_pem,
        .key_pem = config.key_pem,
        .bearer = config.token,
        .insecure = config.insecure,
    };
    struct kube *k = xnew(struct kube);
    k->loop = loop;
    k->http = http_client_new(loop, &opts);
    k->server = steal(config.server);
    k->context = steal(config.context);
    kubeconfig_fini(&config);
    *ret = k;
    return 0;
}

void kube_free(struct kube *k)
{
    if (k == NULL) {
        return;
    }
    for (size_t i = 0; i < k->watches.n; i++) {
        kube_watch_destroy(k->watches.v[i]);
    }
    kube_discovery_free(k);
    http_client_free(k->http);
    for (size_t i = 0; i < k->calls.n; i++) {
        free(k->calls.v[i]);
    }
    kube_resources_clear(&k->resources);
    vec_fini(&k->watches);
    vec_fini(&k->calls);
    free(k->server);
    free(k->context);
    free(k);
}

const char *kube_server(const struct kube *k)
{
    return k->server;
}

const char *kube_context(const struct kube *k)
{
    return k->context;
}

struct loop *kube_loop(const struct kube *k)
{
    return k->loop;
}

/* ---- requests ---- */

static void forget_call(struct kube_call *call)
{
    struct kube *k = call->kube;
    for (size_t i = 0; i < k->calls.n; i++) {
        if (k->calls.v[i] == call) {
            vec_remove(&k->calls, i);
            return;
        }
    }
}

static void on_done(void *arg, const struct http_response *res)
{
    struct kube_call *call = arg;
    json_auto_t *json = NULL;
    struct err ignored;
    struct kube_answer a = {
        .status = res->err->code == ERR_NONE ? res->status : 0,
        .text = res->body != NULL ? res->body : "",
        .len = res->len,
        .took_ns = loop_mono_ns(call->kube->loop) - call->started_ns,
        .err = res->err,
    };
    if (a.status != 0 && res->len > 0 && (res->body[0] == '{' || res->body[0] == '[') &&
        jx_parse(res->body, res->len, false, &json, &ignored) == 0) {
        a.answer = json;
    }
    forget_call(call);
    call->done(call->arg, &a);
    free(call);
}

void kube_request(struct kube *k, const char *method, const char *path, const char *content_type,
                  const char *body, uint64_t timeout_ns, kube_done *done, void *arg)
{
    struct kube_call *call = xnew(struct kube_call);
    cleanup_free char *url = xasprintf("%s%s", k->server, path);
    call->kube = k;
    call->started_ns = loop_mono_ns(k->loop);
    call->done = done;
    call->arg = arg;
    static const char *const headers[] = {"Accept: application/json", NULL};
    struct http_request req = {
        .method = method,
        .url = url,
        .headers = headers,
        .content_type = content_type,
        .body = body,
        .len = body != NULL ? strlen(body) : 0,
        .timeout_ns = timeout_ns > 0 ? timeout_ns : DEFAULT_TIMEOUT,
        .done = on_done,
        .arg = call,
    };
    vec_push(&k->calls, call);
    call->http = http_client_call(k->http, &req);
}

void kube_get(struct kube *k, const char *path, uint64_t timeout_ns, kube_done *done, void *arg)
{
    kube_request(k, "GET", path, NULL, NULL, timeout_ns, done, arg);
}

void kube_forget(struct kube *k, const void *arg)
{
    kube_discovery_forget(k, arg);
    for (size_t i = k->calls.n; i-- > 0;) {
        struct kube_call *call = k->calls.v[i];
        if (call->arg == arg) {
            http_call_cancel(call->http);
            vec_remove(&k->calls, i);
            free(call);
        }
    }
}

/* ---- paths ---- */

char *kube_escape(const char *text)
{
    struct str out = STR_INIT;
    for (const char *p = text; *p != '\0'; p++) {
        if (isalnum((unsigned char)*p) || strchr("-._~", *p) != NULL) {
            str_add_c(&out, *p);
        } else {
            str_add_f(&out, "%%%02X", (unsigned char)*p);
        }
    }
    return str_take(&out);
}

char *kube_path(const struct kube_resource *r, const char *ns, const char *name)
{
    struct str out = STR_INIT;
    if (r->group[0] == '\0') {
        str_add_f(&out, "/api/%s", r->version);
    } else {
        str_add_f(&out, "/apis/%s/%s", r->group, r->version);
    }
    if (r->namespaced && ns != NULL) {
        cleanup_free char *escaped = kube_escape(ns);
        str_add_f(&out, "/namespaces/%s", escaped);
    }
    str_add_f(&out, "/%s", r->name);
    if (name != NULL) {
        cleanup_free char *escaped = kube_escape(name);
        str_add_f(&out, "/%s", escaped);
    }
    return str_take(&out);
}
