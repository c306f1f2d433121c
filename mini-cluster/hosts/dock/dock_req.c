/* SPDX-License-Identifier: Apache-2.0 */
/* One request, from its route to its answer. What changes something goes on when its client has
 * left; what only looks ends with him. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "common/http_client.h"
#include "common/http_server.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"

struct dock_req *dock_req_new(struct dock *d, struct http_exchange *x)
{
    struct dock_req *r = xnew(struct dock_req);
    r->dock = d;
    r->x = x;
    r->agent = x == NULL;
    r->acting = x == NULL;
    r->next = d->reqs;
    r->prev_next = &d->reqs;
    if (r->next != NULL) {
        r->next->prev_next = &r->next;
    }
    d->reqs = r;
    return r;
}

void dock_req_free(struct dock_req *r)
{
    struct docks *all = r->dock->all;
    *r->prev_next = r->next;
    if (r->next != NULL) {
        r->next->prev_next = r->prev_next;
    }
    if (r->x != NULL) {
        http_exchange_set_user(r->x, NULL, NULL);
    }
    if (r->call != NULL) {
        http_call_cancel(r->call);
    }
    dock_unbusy(r);
    client_off_commit(all->client, r);
    loop_timer_free(r->timer);
    loop_undefer(all->loop, r);
    dock_out_free(r->out);
    dock_pipe_free(r->pipe);
    dock_query_fini(&r->query);
    if (r->own_free != NULL) {
        r->own_free(r->own);
    }
    json_decref(r->seen);
    json_decref(r->kept);
    free(r->stat);
    free(r->path);
    free(r->wanted);
    free(r->ref);
    free(r);
}

/* ---- what it changes ---- */

void dock_busy(struct dock_req *r, struct dock_box *b)
{
    r->acting = true;
    if (r->busy[0] == '\0') {
        str_copy(r->busy, sizeof(r->busy), b->id);
        b->busy++;
        loop_timer_stop(b->timer);
    }
}

void dock_unbusy(struct dock_req *r)
{
    struct dock_box *b = r->busy[0] != '\0' ? dock_box_find(r->dock, r->busy) : NULL;
    r->busy[0] = '\0';
    if (b != NULL && b->busy > 0) {
        b->busy--;
        dock_agent_look(r->dock, b->name);
    }
}

static void on_commit(void *arg, bool ok)
{
    struct dock_req *r = arg;
    if (ok) {
        r->then(r);
    } else {
        dock_reply_fail(r, 503,
                        "it could not be written down, and was not done: see mini-cluster "
                        "status");
    }
}

void dock_commit(struct dock_req *r, void (*then)(struct dock_req *r))
{
    r->acting = true;
    r->then = then;
    client_on_commit(r->dock->all->client, on_commit, r);
}

/* ---- answers ---- */

static const struct http_header headers[] = {
    {"Api-Version", ""}, /* filled in */
    {"Docker-Experimental", "false"},
    {"Ostype", "linux"},
    {"Server", "Docker (podlab)"},
};

static void answer(struct dock_req *r, int status, const char *type, char *body, size_t n)
{
    struct http_header all[ARRAY_LEN(headers) + 1];
    struct docker_endpoint at;
    size_t count = ARRAY_LEN(headers);
    r->answered = true;
    dock_unbusy(r);
    if (r->x == NULL) {
        free(body);
        dock_req_free(r);
        return;
    }
    memcpy(all, headers, sizeof(headers));
    docker_endpoint(&r->dock->all->rt, &at);
    all[0].value = at.version;
    if (r->stat != NULL) {
        all[count++] = (struct http_header){"X-Docker-Container-Path-Stat", r->stat};
    }
    http_exchange_answer(r->x, status, type, all, count, body, n, true); /* then its end frees r */
}

void dock_reply_json(struct dock_req *r, int status, json_t *body)
{
    cleanup_str struct str text = STR_INIT;
    jx_dump(&text, body);
    str_add_c(&text, '\n');
    json_decref(body);
    size_t n = text.len;
    answer(r, status, "application/json", str_take(&text), n);
}

void dock_reply_none(struct dock_req *r, int status)
{
    answer(r, status, NULL, NULL, 0);
}

void dock_reply_text(struct dock_req *r, int status, const char *type, const char *text)
{
    answer(r, status, type, xstrdup(text), strlen(text));
}

static int status_of(const struct err *err)
{
    return err->code == ERR_INVALID ? 400 : err_http(err->code);
}

/* Texts are cut at a length, and what is quoted in them may be anything. */
void dock_clean(char *text)
{
    for (size_t at = 0, n; text[at] != '\0'; at += n) {
        unsigned char c = (unsigned char)text[at];
        n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c < 0xf5 ? 4 : 1;
        json_t *one = c >= 0x80 && strnlen(text + at, n) == n ? json_stringn(text + at, n) : NULL;
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || (c >= 0x80 && one == NULL)) {
            text[at] = '?';
            n = 1;
        }
        json_decref(one);
    }
}

static void reply_message(struct dock_req *r, int status, const char *message)
{
    cleanup_free char *text = xstrdup(message);
    dock_clean(text);
    dock_reply_json(r, status, json_pack("{s:s}", "message", text));
}

void dock_reply_err(struct dock_req *r, const struct err *err)
{
    reply_message(r, status_of(err), err->msg);
}

void dock_reply_fail(struct dock_req *r, int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *message = xvasprintf(fmt, ap);
    va_end(ap);
    reply_message(r, status, message);
}

void dock_reply_refusal(struct dock_req *r, const struct dock_reply *a)
{
    reply_message(r, a->status >= 400 ? a->status : 500, a->err.msg);
}

void dock_refuse(struct dock_req *r, const struct err *err)
{
    cleanup_free char *reason = xstrdup(err->msg);
    dock_clean(reason);
    dock_status_refused(r->dock, r->path, reason);
    dock_reply_err(r, err);
}
