/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody hears of a write, or of a read that saw one, before it is on disk. */
#include "api/wait.h"

#include "api/core.h"
#include "common/mem.h"

struct waiter {
    struct api *api;
    struct api_response res;
    void (*done)(void *arg, struct api_response *res);
    void *arg;
};

static void waiter_free(struct waiter *w)
{
    api_response_fini(&w->res);
    free(w);
}

static void forget(struct waiter *w)
{
    struct api *api = w->api;
    for (size_t i = 0; i < api->waiters.n; i++) {
        if (api->waiters.v[i] == w) {
            vec_remove(&api->waiters, i);
            return;
        }
    }
}

static void on_commit(void *arg, bool ok, const char *why)
{
    struct waiter *w = arg;
    forget(w);
    if (!ok) {
        struct err err;
        err_set(&err, ERR_UNAVAILABLE, "the change could not be saved: %s", why);
        api_response_fini(&w->res);
        api_response_error(&w->res, &err);
    }
    w->done(w->arg, &w->res);
    waiter_free(w);
}

void api_wait(struct api *api, struct api_response *res,
              void (*done)(void *arg, struct api_response *res), void *arg)
{
    struct waiter *w = xnew(struct waiter);
    w->api = api;
    w->res = *res;
    *res = (struct api_response){0};
    w->done = done;
    w->arg = arg;
    vec_push(&api->waiters, w);
    store_on_commit(api->store, on_commit, w);
}

void api_forget(struct api *api, const void *arg)
{
    for (size_t i = api->waiters.n; i-- > 0;) {
        struct waiter *w = api->waiters.v[i];
        if (w->arg == arg) {
            store_off_commit(api->store, w);
            vec_remove(&api->waiters, i);
            waiter_free(w);
        }
    }
}

void api_wait_end(struct api *api)
{
    for (size_t i = 0; i < api->waiters.n; i++) {
        store_off_commit(api->store, api->waiters.v[i]);
        waiter_free(api->waiters.v[i]);
    }
    vec_fini(&api->waiters);
}
