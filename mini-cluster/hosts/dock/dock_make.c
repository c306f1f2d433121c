/* SPDX-License-Identifier: Apache-2.0 */
/* POST /containers/create: read, resolved to full ids, built anew, asked for. */
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "common/http_server.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hosts/dock/dock_create.h"
#include "hosts/dock/dock_impl.h"
#include "runtime/docker/docker_spec.h"

enum { MAX_NAME = 128, NAME_TRIES = 5, MAX_BODY = 1 << 20 };

struct making {
    struct dock_create c;
    char name[MAX_NAME + 1];
    bool invented;
    unsigned tries;
    char address[16];
    size_t next; /* to be resolved: the joins, then the froms */
    char *ids[DOCK_JOINS + 16];
};

static void making_free(void *own)
{
    struct making *m = own;
    for (size_t i = 0; i < ARRAY_LEN(m->ids); i++) {
        free(m->ids[i]);
    }
    dock_create_fini(&m->c);
    free(m);
}

static void give_back(struct dock_req *r)
{
    struct making *m = r->own;
    struct docks *all = r->dock->all;
    dock_address_release(all->addresses, m->address, loop_mono_ns(all->loop));
}

/* ---- 4: made ---- */

static void ask(struct dock_req *r);

static void made(struct dock_req *r, const struct dock_reply *a)
{
    struct making *m = r->own;
    const char *id = jx_get_str(a->json, "Id", "");
    if (a->status == 409 && m->invented && ++m->tries < NAME_TRIES) {
        dock_name_invent(r->dock->all->loop, m->name, sizeof(m->name));
        ask(r);
        return;
    }
    if (a->err.code != ERR_NONE) {
        give_back(r);
        dock_reply_refusal(r, a);
        return;
    }
    cleanup_free char *upstream = xasprintf("%s%s", r->dock->prefix, m->name);
    dock_agent_look(r->dock, upstream);
    json_t *warnings =
        jx_arr(a->json, "Warnings") != NULL ? jx_edit(jx_arr(a->json, "Warnings")) : json_array();
    dock_reply_json(r, 201, json_pack("{s:s, s:o}", "Id", id, "Warnings", warnings));
}

/* ---- 3: asked for ---- */

static void ask(struct dock_req *r)
{
    const struct making *m = r->own;
    const struct dock *d = r->dock;
    struct docker_endpoint at;
    docker_endpoint(&d->all->rt, &at);
    struct dock_place p = {
        .cluster = at.cluster->name,
        .uid = at.cluster->uid,
        .host = d->host,
        .prefix = d->prefix,
        .network = at.network,
        .epoch = d->epoch,
        .address = m->address[0] != '\0' ? m->address : NULL,
        .image_id = jx_get_str(r->kept, "Id", ""),
        .image_volumes = jx_obj(r->kept, "Config.Volumes"),
        .joined = {m->ids[0], m->ids[1], m->ids[2]},
        .from_ids = (const char *const *)&m->ids[DOCK_JOINS],
    };
    const struct dock_ask post = {.method = "POST", .body = dock_create_body(&m->c, &p)};
    r->acting = true;
    dock_call(r, &post, made, "/containers/create?name=%s%s", d->prefix, m->name);
}

static void place(struct dock_req *r)
{
    struct making *m = r->own;
    struct docks *all = r->dock->all;
    if (m->c.network == DOCK_NET_BRIDGE &&
        !dock_address_take(all->addresses, loop_mono_ns(all->loop), m->address)) {
        dock_reply_fail(r, 500, "no available IPv4 addresses on this host's bridge");
        return;
    }
    ask(r);
}

/* ---- 2: what it refers to ---- */

static void resolve(struct dock_req *r);

static void resolved(struct dock_req *r)
{
    struct making *m = r->own;
    m->ids[m->next++] = xstrdup(r->id);
    resolve(r);
}

static void resolve(struct dock_req *r)
{
    struct making *m = r->own;
    while (m->next < DOCK_JOINS && m->c.joins[m->next] == NULL) {
        m->next++;
    }
    if (m->next < DOCK_JOINS) {
        dock_find_by_hand(r, m->c.joins[m->next], "joined", resolved);
    } else if (m->next < DOCK_JOINS + m->c.froms.n) {
        dock_find_by_hand(r, m->c.froms.v[m->next - DOCK_JOINS].ref, "used for its volumes",
                          resolved);
    } else {
        place(r);
    }
}

/* ---- 1: what is asked for ---- */

static int take_name(struct dock_req *r, struct making *m, struct err *err)
{
    const char *name = dock_query_get(&r->query, "name");
    name += name[0] == '/';
    m->invented = name[0] == '\0';
    if (m->invented) {
        dock_name_invent(r->dock->all->loop, m->name, sizeof(m->name));
        return 0;
    }
    if (!docker_spec_name_ok(name) || strlen(name) > MAX_NAME) {
        return err_set(err, ERR_BAD_REQUEST,
                       "Invalid container name (%.100s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
                       "allowed",
                       name);
    }
    str_copy(m->name, sizeof(m->name), name);
    return 0;
}

void dock_create_container(struct dock_req *r)
{
    struct making *m = xnew(struct making);
    struct err err;
    size_t n;
    const char *body = http_exchange_body(r->x, &n);
    r->own = m;
    r->own_free = making_free;
    if (n > MAX_BODY) {
        err_set(&err, ERR_TOO_LARGE, "the body is longer than %d bytes", (int)MAX_BODY);
        dock_refuse(r, &err);
        return;
    }
    if (take_name(r, m, &err) != 0 ||
        dock_create_read(body, n, r->dock->address, &m->c, &err) != 0) {
        dock_refuse(r, &err);
        return;
    }
    dock_image_find(r, m->c.image, resolve);
}
