/* SPDX-License-Identifier: Apache-2.0 */
/* What users and bad luck do to the simulated cluster. */
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "world.h"

enum { DEPLOYMENTS = 4, MAX_REPLICAS = 7 };

/* A request and what it promises once it is answered with success. */
struct request {
    struct world *w;
    unsigned life;
    char name[32];
    bool exists;
    int64_t replicas;
    char image[64];
    char what[96];
};

static void on_answer(void *arg, struct api_response *res)
{
    struct request *r = arg;
    struct world *w = r->w;
    bool ok = res->status >= 200 && res->status < 300;
    world_note(w, "%s: %d", r->what, res->status);
    if (ok && r->name[0] != '\0') {
        struct promise *p = xnew(struct promise);
        struct promise *old = map_find(w->promises, r->name);
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
    } else if (res->status >= 500 && r->name[0] != '\0') {
        struct promise *p = map_find(w->promises, r->name);
        if (p != NULL) {
            p->uncertain = true;
        }
    }
    w->waiting -= w->waiting > 0 && w->lives == r->life;
    api_response_fini(res);
    free(r);
}

/* Under way from now on, so uncertain until answered. */
static void send_request(struct world *w, struct request *r, const char *method, const char *path,
                         const char *content_type, const char *body)
{
    static const char *const groups[] = {"system:masters", "system:authenticated", NULL};
    struct api_request req = {
        .method = method,
        .path = path,
        .query = "",
        .accept = "application/json",
        .content_type = content_type,
        .user_agent = "sim",
        .body = body,
        .len = strlen(body),
        .user = {.name = "kubernetes-admin", .uid = "", .groups = groups},
    };
    if (r->name[0] != '\0' && map_find(w->promises, r->name) == NULL) {
        struct promise *p = xnew(struct promise);
        p->replicas = -1;
        map_put(w->promises, r->name, p);
    }
    w->waiting++;
    r->w = w;
    r->life = w->lives;
    api_handle(core_api(w->core), &req, on_answer, r);
}

static struct request *new_request(const char *name, bool exists, int64_t replicas,
                                   const char *image, const char *what)
{
    struct request *r = xnew(struct request);
    str_copy(r->name, sizeof(r->name), name);
    str_copy(r->image, sizeof(r->image), image);
    str_copy(r->what, sizeof(r->what), what);
    r->exists = exists;
    r->replicas = replicas;
    return r;
}

static const char *random_image(struct world *w)
{
    static const char *const images[] = {"podlab/web:v1", "podlab/web:v2", "podlab/web:v3"};
    return images[world_random(w, ARRAY_LEN(images))];
}

static const char *random_name(struct world *w)
{
    static const char *const names[DEPLOYMENTS] = {"ant", "bee", "cat", "dog"};
    return names[world_random(w, DEPLOYMENTS)];
}

static void create(struct world *w)
{
    const char *name = random_name(w);
    const char *image = random_image(w);
    int replicas = (int)world_random(w, MAX_REPLICAS);
    char what[96];
    snprintf(what, sizeof(what), "create %s with %d of %s", name, replicas, image);
    cleanup_free char *body = xasprintf(
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"%s\"},"
        "\"spec\":{\"replicas\":%d,\"selector\":{\"matchLabels\":{\"app\":\"%s\"}},\"template\":"
        "{\"metadata\":{\"labels\":{\"app\":\"%s\"}},\"spec\":{\"terminationGracePeriodSeconds\":2,"
        "\"containers\":[{\"name\":\"web\",\"image\":\"%s\",\"resources\":{\"requests\":{\"cpu\":"
        "\"200m\"}}}]}}}}",
        name, replicas, name, name, image);
    send_request(w, new_request(name, true, replicas, image, what), "POST",
                 "/apis/apps/v1/namespaces/default/deployments", "application/json", body);
}

static void change(struct world *w, const char *name, int64_t replicas, const char *image,
                   const char *what, const char *type, const char *body)
{
    cleanup_free char *path = xasprintf("/apis/apps/v1/namespaces/default/deployments/%s", name);
    send_request(w, new_request(name, true, replicas, image, what), "PATCH", path, type, body);
}

static void scale(struct world *w)
{
    const char *name = random_name(w);
    int replicas = (int)world_random(w, MAX_REPLICAS);
    char what[96];
    char body[64];
    snprintf(what, sizeof(what), "scale %s to %d", name, replicas);
    snprintf(body, sizeof(body), "{\"spec\":{\"replicas\":%d}}", replicas);
    change(w, name, replicas, "", what, "application/merge-patch+json", body);
}

static void set_image(struct world *w)
{
    const char *name = random_name(w);
    const char *image = random_image(w);
    char what[96];
    snprintf(what, sizeof(what), "set the image of %s to %s", name, image);
    cleanup_free char *body = xasprintf("{\"spec\":{\"template\":{\"spec\":{\"containers\":[{"
                                        "\"name\":\"web\",\"image\":\"%s\"}]}}}}",
                                        image);
    change(w, name, -1, image, what, "application/strategic-merge-patch+json", body);
}

static void delete (struct world *w)
{
    const char *name = random_name(w);
    char what[96];
    snprintf(what, sizeof(what), "delete %s", name);
    cleanup_free char *path = xasprintf("/apis/apps/v1/namespaces/default/deployments/%s", name);
    send_request(w, new_request(name, false, 0, "", what), "DELETE", path, "application/json",
                 "{\"propagationPolicy\":\"Background\"}");
}

/* ---- bad luck ---- */

struct choice {
    struct world *w;
    unsigned seen;
    char name[128];
};

/* One of the running app containers, each as likely as the others. */
static void consider(void *arg, const struct runtime_status *st)
{
    struct choice *c = arg;
    if (st->role == RUNTIME_APP && st->state == RUNTIME_RUNNING &&
        world_random(c->w, ++c->seen) == 0) {
        str_copy(c->name, sizeof(c->name), st->name);
    }
}

static void crash_container(struct world *w)
{
    struct choice c = {.w = w};
    fake_each(w->fake, consider, &c);
    if (c.name[0] != '\0') {
        world_note(w, "a container crashes");
        fake_kill(w->fake, c.name, 1, world_random(w, 4) == 0);
    }
}

static void fail_starts(struct world *w)
{
    bool unknown = world_random(w, 2) == 0;
    unsigned n = 1 + world_random(w, 3);
    world_note(w, "the next %u starts %s", n, unknown ? "are not answered for" : "fail");
    fake_fail_starts(w->fake, NULL, n, unknown ? RUNTIME_UNKNOWN : RUNTIME_FAILED);
}

static void daemon_away(struct world *w)
{
    world_note(w, "the runtime goes away");
    fake_set_down(w->fake, true);
    world_run_ms(w, 100 + world_random(w, 1500));
    fake_set_down(w->fake, false);
    world_note(w, "the runtime is back");
}

static void kill_core(struct world *w)
{
    world_kill(w);
    loop_sim_advance(w->loop, LOOP_MS(20 + world_random(w, 2000)));
    world_boot(w);
}

static void crash_disk(struct world *w)
{
    world_crash_on_disk(w, 1 + world_random(w, 40));
    loop_sim_advance(w->loop, LOOP_MS(world_random(w, 500)));
    world_boot(w);
}

void world_act(struct world *w)
{
    static const struct {
        unsigned weight;
        void (*act)(struct world *w);
    } acts[] = {
        {5, create},      {6, scale},       {4, set_image}, {2, delete},     {4, crash_container},
        {2, fail_starts}, {1, daemon_away}, {2, kill_core}, {2, crash_disk},
    };
    unsigned total = 0;
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        total += acts[i].weight;
    }
    unsigned pick = world_random(w, total);
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        if (pick < acts[i].weight) {
            acts[i].act(w);
            break;
        }
        pick -= acts[i].weight;
    }
    world_run_ms(w, world_random(w, 8) == 0 ? 3000 : world_random(w, 600));
}
