/* SPDX-License-Identifier: Apache-2.0 */
/* What users ask for, and what they may rely on once it is answered. */
#include <string.h>

#include "api/api.h"
#include "common/mem.h"
#include "world.h"

/* A request and what it promises once it is answered with success. */
struct request {
    struct world *w;
    unsigned life;
    char name[32];
    bool exists, about_clock;
    int64_t replicas;
    char image[64];
    struct clock_promise clock;
    char what[128];
};

static void promise_deployment(const struct request *r)
{
    struct world *w = r->w;
    struct promise *p = xnew(struct promise);
    const struct promise *old = map_find(w->promises, r->name);
    *p = (struct promise){.exists = r->exists, .replicas = r->replicas};
    str_copy(p->image, sizeof(p->image),
             r->image[0] != '\0' ? r->image
             : old != NULL       ? old->image
                                 : "");
    if (r->replicas < 0) {
        p->replicas = old != NULL ? old->replicas : -1;
    }
    p->uncertain = old != NULL && old->uncertain && r->replicas < 0;
    map_put(w->promises, r->name, p);
}

static void on_answer(void *arg, struct api_response *res)
{
    struct request *r = arg;
    struct world *w = r->w;
    bool ok = res->status >= 200 && res->status < 300;
    struct promise *p = map_find(w->promises, r->name);
    world_note(w, "%s: %d", r->what, res->status);
    if (ok && r->name[0] != '\0') {
        promise_deployment(r);
    } else if (res->status >= 500 && p != NULL) {
        p->uncertain = true;
    }
    if (ok && r->about_clock) {
        w->clock = r->clock;
    } else if (res->status >= 500 && r->about_clock) {
        w->clock.uncertain = true;
    }
    w->waiting -= w->waiting > 0 && w->lives == r->life;
    api_response_fini(res);
    free(r);
}

/* Under way from now on, so uncertain until answered. */
void world_ask(struct world *w, const struct wish *wish)
{
    static const char *const groups[] = {"system:masters", "system:authenticated", NULL};
    struct request *r = xnew(struct request);
    struct api_request req = {
        .method = wish->method,
        .path = wish->path,
        .query = "",
        .accept = "application/json",
        .content_type = wish->type != NULL ? wish->type : "application/json",
        .user_agent = "sim",
        .body = wish->body != NULL ? wish->body : "",
        .len = wish->body != NULL ? strlen(wish->body) : 0,
        .user = {.name = "kubernetes-admin", .uid = "", .groups = groups},
    };
    r->w = w;
    r->life = w->lives;
    r->exists = wish->exists;
    r->replicas = wish->replicas;
    r->about_clock = wish->clock != NULL;
    if (wish->clock != NULL) {
        r->clock = *wish->clock;
    }
    str_copy(r->name, sizeof(r->name), wish->name != NULL ? wish->name : "");
    str_copy(r->image, sizeof(r->image), wish->image != NULL ? wish->image : "");
    str_copy(r->what, sizeof(r->what), wish->what);
    if (r->name[0] != '\0' && map_find(w->promises, r->name) == NULL) {
        struct promise *p = xnew(struct promise);
        p->replicas = -1;
        map_put(w->promises, r->name, p);
    }
    w->waiting++;
    api_handle(core_api(w->core), &req, on_answer, r);
}

void world_make_uncertain(struct world *w)
{
    size_t it = 0;
    void *value;
    while (w->waiting > 0 && map_next(w->promises, &it, NULL, &value)) {
        struct promise *p = value;
        p->uncertain = true;
    }
    w->clock.uncertain = w->clock.uncertain || w->waiting > 0;
    w->waiting = 0;
}
