/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster's API on a virtual clock and a disk in memory, with nobody else in it. */
#ifndef TESTS_API_RIG_H
#define TESTS_API_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "api/api.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "store/memvfs.h"
#include "store/store.h"

struct rig {
    struct loop *loop;
    struct memvfs *vfs;
    struct store *store;
    struct api *api;
};

static unsigned rig_count;

static inline void rig_init_keep(struct rig *r, size_t log_keep)
{
    char name[32];
    snprintf(name, sizeof(name), "rig%u", ++rig_count);
    struct err err = {0};
    jx_init();
    r->loop = loop_sim_new(7);
    r->vfs = memvfs_new(name);
    struct store_opts so = {.path = "state.db", .vfs = name, .log_keep = log_keep};
    if (store_open(r->loop, &so, &r->store, &err) < 0) {
        fail_msg("store_open: %s", err.msg);
    }
    struct api_opts ao = {.service_cidr = "10.77.128.0/17", .version = "v1.35.0+podlab"};
    r->api = api_new(r->loop, r->store, &ao);
    if (api_bootstrap(r->api, "10.77.0.2", 6443, &err) < 0) {
        fail_msg("api_bootstrap: %s", err.msg);
    }
    loop_sim_advance(r->loop, 0);
}

static inline void rig_init(struct rig *r)
{
    rig_init_keep(r, 0);
}

static inline void rig_fini(struct rig *r)
{
    api_free(r->api);
    store_close(r->store);
    loop_free(r->loop);
    memvfs_free(r->vfs);
}

/* ---- asking ---- */

struct rig_answer {
    bool done;
    struct api_response res;
    struct str text; /* the whole body, streams read to where they end or wait */
    json_t *json;    /* NULL when the body is none */
};

static inline void rig_on_answer(void *arg, struct api_response *res)
{
    struct rig_answer *a = arg;
    a->done = true;
    a->res = *res;
    *res = (struct api_response){0};
}

static inline void rig_answer_fini(struct rig_answer *a)
{
    api_response_fini(&a->res);
    str_fini(&a->text);
    json_decref(a->json);
    *a = (struct rig_answer){0};
}

/* Reads what a stream has now; true when it has ended. */
static inline bool rig_pull(struct api_stream *s, struct str *out)
{
    char buf[777]; /* odd, so that pieces end anywhere */
    for (;;) {
        ptrdiff_t n = s->pull(s, buf, sizeof(buf));
        if (n <= 0) {
            return n != 0;
        }
        str_add_n(out, buf, (size_t)n);
    }
}

static const char *const rig_admin_groups[] = {"system:masters", "system:authenticated", NULL};
static const char *const rig_known_groups[] = {"system:serviceaccounts", "system:authenticated",
                                               NULL};
static const char *const rig_no_groups[] = {"system:unauthenticated", NULL};

struct rig_ask {
    const char *method, *path, *query, *accept, *type, *body;
    size_t len; /* 0: strlen(body) */
    const char *user;
};

static inline void rig_ask(struct rig *r, const struct rig_ask *ask, struct rig_answer *ret)
{
    const char *user = ask->user != NULL ? ask->user : "kubernetes-admin";
    struct api_request req = {
        .method = ask->method,
        .path = ask->path,
        .query = ask->query != NULL ? ask->query : "",
        .accept = ask->accept != NULL ? ask->accept : "",
        .content_type = ask->type != NULL ? ask->type : "",
        .user_agent = "rig",
        .body = ask->body != NULL ? ask->body : "",
        .len = ask->len > 0        ? ask->len
               : ask->body != NULL ? strlen(ask->body)
                                   : 0,
        .user = {.name = user,
                 .uid = "",
                 .groups = strcmp(user, "kubernetes-admin") == 0   ? rig_admin_groups
                           : strcmp(user, "system:anonymous") == 0 ? rig_no_groups
                                                                   : rig_known_groups},
    };
    *ret = (struct rig_answer){0};
    api_handle(r->api, &req, rig_on_answer, ret);
    assert_false(ret->done); /* never within the call */
    loop_sim_advance(r->loop, 0);
    assert_true(ret->done);
    if (ret->res.stream != NULL) {
        rig_pull(ret->res.stream, &ret->text);
    } else {
        str_add_n(&ret->text, str_c(&ret->res.body), ret->res.body.len);
    }
    struct err err;
    if (jx_parse(str_c(&ret->text), ret->text.len, false, &ret->json, &err) < 0) {
        ret->json = NULL;
    }
}

static inline void rig_send(struct rig *r, const char *method, const char *path, const char *body,
                            struct rig_answer *ret)
{
    rig_ask(r, &(struct rig_ask){.method = method, .path = path, .body = body}, ret);
}

static inline void rig_expect(struct rig *r, int status, const char *method, const char *path,
                              const char *body)
{
    struct rig_answer a;
    rig_send(r, method, path, body, &a);
    if (a.res.status != status) {
        fail_msg("%s %s: %d, not %d: %s", method, path, a.res.status, status, str_c(&a.text));
    }
    rig_answer_fini(&a);
}

#define CMS "/api/v1/namespaces/default/configmaps"
#define PODS "/api/v1/namespaces/default/pods"

/* One request whose status is all that matters. */
static inline int rig_status(struct rig *r, const char *method, const char *path, const char *body)
{
    struct rig_answer a;
    rig_ask(r, &(struct rig_ask){.method = method, .path = path, .body = body}, &a);
    int status = a.res.status;
    rig_answer_fini(&a);
    return status;
}

#endif
