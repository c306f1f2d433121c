/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the API over its socket, as any client would. */
#include "cmd/ask.h"

#include <string.h>

#include "common/http_client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"

struct question {
    bool done;
    int status;
    json_t *answer;
    struct err err;
};

static void on_done(void *arg, const struct http_response *res)
{
    struct question *q = arg;
    struct err ignored;
    q->done = true;
    q->status = res->status;
    q->err = *res->err;
    if (q->err.code == ERR_NONE && jx_parse(res->body, res->len, false, &q->answer, &ignored) < 0) {
        q->answer = json_stringn(res->body, res->len);
    }
}

int ask_to(const struct state *s, const struct settings *set, const char *method, const char *path,
           const json_t *patch, int *ret_status, json_t **ret, struct err *err)
{
    cleanup_free char *body = patch != NULL ? jx_dump_text(patch) : NULL;
    cleanup_free char *ca = state_read(s, "ca.crt");
    cleanup_free char *url = xasprintf("https://127.0.0.1:%d%s", set->port, path);
    struct question q = {0};
    struct loop *loop = loop_new();
    struct http_client *client =
        http_client_new(loop, &(struct http_client_opts){.ca_pem = ca, .bearer = set->token});
    struct http_request req = {
        .method = method,
        .url = url,
        .content_type = body == NULL                   ? NULL
                        : strcmp(method, "PATCH") == 0 ? "application/merge-patch+json"
                                                       : "application/json",
        .body = body,
        .len = body != NULL ? strlen(body) : 0,
        .timeout_ns = LOOP_S(5),
        .done = on_done,
        .arg = &q,
    };
    http_client_call(client, &req);
    loop_run_until(loop, &q.done, LOOP_S(6));
    http_client_free(client);
    loop_free(loop);
    if (!q.done || q.err.code != ERR_NONE) {
        json_decref(q.answer);
        return err_set(err, ERR_UNAVAILABLE, "the API of cluster %s does not answer at %s: %s",
                       s->name, url, q.done ? q.err.msg : "no answer in 6 s");
    }
    *ret_status = q.status;
    *ret = q.answer != NULL ? q.answer : json_null();
    return 0;
}

int ask(const struct state *s, const struct settings *set, const char *path, int *ret_status,
        json_t **ret, struct err *err)
{
    return ask_to(s, set, "GET", path, NULL, ret_status, ret, err);
}
