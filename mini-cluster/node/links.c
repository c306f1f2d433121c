/* SPDX-License-Identifier: Apache-2.0 */
/* Put together once, and again when the services are others: with twenty services that was more
 * work than all else about starting a pod. */
#include "node/links.h"

#include "client/client.h"
#include "common/map.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "node/env.h"
#include "node/node_impl.h"
#include "node/spec.h"
#include "store/store.h"

struct links {
    struct env env;
    uint64_t versions; /* of the services it was made from */
};

void links_free(void *arg)
{
    struct links *l = arg;
    env_fini(&l->env);
    free(l);
}

/* A revision is given once, to one version of one object. */
static bool add_version(void *arg, const struct store_entry *e)
{
    uint64_t *sum = arg;
    *sum = (*sum ^ (uint64_t)e->rev) * 0x9e3779b97f4a7c15u;
    return true;
}

static uint64_t versions(struct nodes *n, const struct spec_in *in)
{
    uint64_t sum = 1;
    struct client_filter f = {.ns = object_namespace(in->pod)};
    client_each_entry(n->client, kinds_find_gr("services"), &f, add_version, &sum);
    const json_t *api = in->find(in->arg, "services", "default", "kubernetes");
    return (sum ^ (uint64_t)object_revision(api)) * 0x9e3779b97f4a7c15u;
}

const struct env *links_of(struct nodes *n, const struct spec_in *in)
{
    const char *ns = object_namespace(in->pod);
    struct links *l = map_find(n->links, ns);
    uint64_t now = versions(n, in);
    if (l == NULL || l->versions != now) {
        l = xnew(struct links);
        l->versions = now;
        env_put_services(in, &l->env);
        map_put(n->links, ns, l);
    }
    return &l->env;
}
