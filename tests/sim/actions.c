/* SPDX-License-Identifier: Apache-2.0 */
/* What users do to the simulated cluster. */
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "world.h"

enum { MAX_REPLICAS = 7 };

#define DEPLOYMENTS_PATH "/apis/apps/v1/namespaces/default/deployments"

const char *const deployment_names[DEPLOYMENTS] = {"ant", "bee", "cat", "dog"};

const char *world_deployment(const char *name)
{
    for (size_t i = 0; name != NULL && i < DEPLOYMENTS; i++) {
        if (strcmp(deployment_names[i], name) == 0) {
            return deployment_names[i];
        }
    }
    return NULL;
}

static const char *random_image(struct world *w)
{
    static const char *const images[] = {"podlab/web:v1", "podlab/web:v2", "podlab/web:v3"};
    return images[world_random(w, ARRAY_LEN(images))];
}

static const char *random_name(struct world *w)
{
    return deployment_names[world_random(w, DEPLOYMENTS)];
}

/* ---- deployments and their services ---- */

/* The last one's pods say themselves how long they put up with a node that is not ready. */
static const char *tolerations(const char *name)
{
    return strcmp(name, "dog") == 0
               ? "\"tolerations\":[{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":"
                 "\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":3},"
                 "{\"key\":\"node.kubernetes.io/unreachable\",\"operator\":\"Exists\",\"effect\":"
                 "\"NoExecute\",\"tolerationSeconds\":3}],"
               : "";
}

static void create_service(struct world *w, const char *name)
{
    cleanup_free char *what = xasprintf("create service %s", name);
    cleanup_free char *body =
        xasprintf("{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"%s\"},"
                  "\"spec\":{\"selector\":{\"app\":\"%s\"},\"ports\":[{\"port\":80,\"targetPort\":"
                  "8080}]}}",
                  name, name);
    world_ask(w, &(struct wish){.what = what,
                                .method = "POST",
                                .path = "/api/v1/namespaces/default/services",
                                .body = body});
}

static void create(struct world *w)
{
    const char *name = random_name(w);
    const char *image = random_image(w);
    int replicas = (int)world_random(w, MAX_REPLICAS);
    cleanup_free char *what = xasprintf("create %s with %d of %s", name, replicas, image);
    cleanup_free char *body = xasprintf(
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"%s\"},"
        "\"spec\":{\"replicas\":%d,\"selector\":{\"matchLabels\":{\"app\":\"%s\"}},\"template\":"
        "{\"metadata\":{\"labels\":{\"app\":\"%s\"}},\"spec\":{\"terminationGracePeriodSeconds\":2,"
        "%s\"containers\":[{\"name\":\"web\",\"image\":\"%s\",\"resources\":{\"requests\":{\"cpu\":"
        "\"150m\"}}}]}}}}",
        name, replicas, name, name, tolerations(name), image);
    world_ask(w, &(struct wish){.what = what,
                                .method = "POST",
                                .path = DEPLOYMENTS_PATH,
                                .body = body,
                                .name = name,
                                .exists = true,
                                .replicas = replicas,
                                .image = image});
    create_service(w, name);
}

static void change(struct world *w, const char *name, int64_t replicas, const char *image,
                   const char *what, const char *type, const char *body)
{
    cleanup_free char *path = xasprintf(DEPLOYMENTS_PATH "/%s", name);
    world_ask(w, &(struct wish){.what = what,
                                .method = "PATCH",
                                .path = path,
                                .type = type,
                                .body = body,
                                .name = name,
                                .exists = true,
                                .replicas = replicas,
                                .image = image});
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
    cleanup_free char *what = xasprintf("delete %s", name);
    cleanup_free char *path = xasprintf(DEPLOYMENTS_PATH "/%s", name);
    world_ask(w, &(struct wish){.what = what,
                                .method = "DELETE",
                                .path = path,
                                .body = "{\"propagationPolicy\":\"Background\"}",
                                .name = name});
}

/* ---- single pods ---- */

struct choice {
    struct world *w;
    unsigned seen;
    char name[256];
};

/* One of them, each as likely as the others. */
static bool consider_pod(void *arg, const json_t *pod)
{
    struct choice *c = arg;
    if (world_random(c->w, ++c->seen) == 0) {
        str_copy(c->name, sizeof(c->name), object_name(pod));
    }
    return true;
}

/* Politely, at once, or as drain does it. */
static void end_pod(struct world *w)
{
    struct choice c = {.w = w};
    client_each(w->eyes, kinds_find_gr("pods"), NULL, consider_pod, &c);
    if (c.name[0] == '\0') {
        return;
    }
    unsigned how = world_random(w, 3);
    const char *verb = how == 0 ? "delete" : how == 1 ? "force the deletion of" : "evict";
    cleanup_free char *what = xasprintf("%s pod %s", verb, c.name);
    cleanup_free char *path =
        xasprintf("/api/v1/namespaces/default/pods/%s%s", c.name, how == 2 ? "/eviction" : "");
    cleanup_free char *body = how == 2 ? xasprintf("{\"apiVersion\":\"policy/v1\",\"kind\":"
                                                   "\"Eviction\",\"metadata\":{\"name\":\"%s\"}}",
                                                   c.name)
                                       : xstrdup(how == 1 ? "{\"gracePeriodSeconds\":0}" : "{}");
    world_ask(
        w, &(struct wish){
               .what = what, .method = how == 2 ? "POST" : "DELETE", .path = path, .body = body});
}

void world_begin(struct world *w)
{
    create(w);
    create(w);
    world_run_ms(w, 1000);
}

void world_act(struct world *w)
{
    static const struct {
        unsigned weight;
        void (*act)(struct world *w);
    } acts[] = {
        {5, create}, {6, scale}, {4, set_image}, {2, delete}, {3, end_pod}, {22, world_fault},
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
    unsigned calm = world_spares(w) > 0 ? 3 : 8; /* spares are made when it is calm */
    world_run_ms(w, world_random(w, calm) == 0 ? 3000 : world_random(w, 600));
}
