/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the runtime for one sandbox or one container, with everything it is to be run with. */
#include <inttypes.h>
#include <stdio.h>

#include "auth/auth.h"
#include "client/client.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "node/container.h"
#include "node/links.h"
#include "node/pod.h"
#include "node/spec.h"

/* Something missing is looked for again at the latest after this long. */
#define HELD_UP LOOP_S(5)

/* ---- what the spec refers to ---- */

static const json_t *find(void *arg, const char *gr, const char *ns, const char *name)
{
    struct nodes *n = arg;
    struct err err;
    return client_get(n->client, kinds_find_gr(gr), ns, name, &err);
}

struct walk {
    void (*fn)(void *arg, const json_t *service);
    void *arg;
};

static bool on_service(void *arg, const json_t *service)
{
    struct walk *w = arg;
    w->fn(w->arg, service);
    return true;
}

static void each_service(void *arg, const char *ns, void (*fn)(void *fn_arg, const json_t *service),
                         void *fn_arg)
{
    struct nodes *n = arg;
    struct client_filter in_ns = {.ns = ns};
    struct walk w = {fn, fn_arg};
    client_each(n->client, kinds_find_gr("services"), &in_ns, on_service, &w);
}

static char *token(void *arg, const char *ns, const char *account, const char *uid)
{
    struct nodes *n = arg;
    return auth_service_account_token(n->auth, ns, account, uid);
}

struct spec_in pod_start_inputs(const struct agent *a, const json_t *tree)
{
    struct nodes *n = a->nodes;
    return (struct spec_in){
        .pod = tree,
        .host_address = a->address,
        .node_cpu_milli = a->opts.cpu_milli,
        .node_memory = a->opts.memory,
        .dns = n->dns,
        .ca_pem = n->ca_pem,
        .api_host = n->api_host,
        .share = n->rt.ops->shares,
        .find = find,
        .each_service = each_service,
        .token = n->auth != NULL ? token : NULL,
        .arg = n,
    };
}

static struct spec_in inputs(const struct pod *p, const json_t *tree, const json_t *container)
{
    struct spec_in in = pod_start_inputs(p->agent, tree);
    in.address = p->address;
    in.container = container;
    if (container != NULL) {
        in.share = p->shares;
    }
    return in;
}

/* ---- the rest of it ---- */

/* Whose it is, for strays to be known by and for people to find it. */
static void set_labels(const struct container *c, struct spec_out *out)
{
    const struct pod *p = c->pod;
    const char **labels = spec_own(out, xcalloc(5, sizeof(*labels)));
    labels[0] = spec_own(out, xasprintf(NODE_LABEL_POD_UID "=%s", p->uid));
    labels[1] = spec_own(out, xasprintf(NODE_LABEL_POD "=%s/%s", p->ns, p->name));
    labels[2] = spec_own(out, xasprintf(NODE_LABEL_CONTAINER "=%s", c->name));
    if (c->kind == CONTAINER_SANDBOX && out->spec.share != NULL) {
        labels[3] = spec_own(out, xasprintf(NODE_LABEL_SHARE "=%s", out->spec.share));
    }
    out->spec.labels = labels;
}

static void ensure(struct container *c, struct spec_out *out)
{
    out->spec.name = c->runtime_name;
    out->spec.host = c->pod->agent->name;
    out->spec.hash = spec_own(out, xasprintf("%016" PRIx64, c->hash));
    set_labels(c, out);
    container_ensure(c, &out->spec);
}

void pod_start_sandbox(struct pod *p, const json_t *tree)
{
    struct spec_in in = inputs(p, tree, NULL);
    struct spec_out out = {0};
    if (p->spare != NULL) {
        container_rename(&p->sandbox);
        return;
    }
    spec_sandbox(&in, &out);
    ensure(&p->sandbox, &out);
    spec_out_fini(&out);
}

/* ---- what cannot be put together ---- */

static void hold_up(struct pod *p)
{
    map_put(p->nodes->held_up, p->uid, p);
    pod_queue_after(p, HELD_UP);
}

/* A kubelet tells a volume that cannot be set up from settings that cannot be read. */
static void cannot_start(struct container *c, const struct spec_out *out, const struct err *err)
{
    struct pod *p = c->pod;
    cleanup_free char *why =
        out->volume != NULL
            ? xasprintf("MountVolume.SetUp failed for volume \"%s\" : %s", out->volume, err->msg)
            : xstrdup(err->msg);
    hold_up(p);
    c->retry_ns = loop_mono_ns(p->nodes->loop) + HELD_UP;
    if (str_eq(c->message, why)) {
        return; /* said already */
    }
    if (out->volume != NULL) {
        say_pod(p, "Warning", "FailedMount", "%s", why);
        container_wait(c, "ContainerCreating", why);
    } else {
        say_pod(p, "Warning", "Failed", "Error: %s", why);
        container_wait(c, "CreateContainerConfigError", why);
    }
}

void pod_start_container(struct container *c, const json_t *tree, const json_t *spec)
{
    struct pod *p = c->pod;
    struct spec_in in = inputs(p, tree, spec);
    struct spec_out out = {0};
    struct err err;
    in.links = links_of(p->nodes, &in);
    if (spec_container(&in, &out, &err) < 0) {
        cannot_start(c, &out, &err);
    } else {
        container_wait(c, NULL, NULL);
        out.spec.join = p->sandbox.runtime_name;
        ensure(c, &out);
    }
    spec_out_fini(&out);
}
