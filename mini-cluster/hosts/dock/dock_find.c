/* SPDX-License-Identifier: Apache-2.0 */
/* From what a learner calls a container to its full id: its name on this host, its id or the
 * beginning of one. Whatever the daemon finds is this host's, by its labels, or it is not there. */
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "hosts/dock/dock_create.h"
#include "hosts/dock/dock_impl.h"
#include "runtime/docker/docker_spec.h"

bool dock_find_shows(const struct dock *d, const json_t *labels)
{
    static const char *const roles[] = {DOCK_ROLE, "sandbox", "app"};
    struct docker_endpoint at;
    docker_endpoint(&d->all->rt, &at);
    if (!str_eq(jx_get_str(labels, DOCKER_LABEL_UID, NULL), at.cluster->uid) ||
        !str_eq(jx_get_str(labels, DOCKER_LABEL_HOST, NULL), d->host)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (str_eq(jx_get_str(labels, DOCKER_LABEL_ROLE, NULL), roles[i])) {
            return true;
        }
    }
    return false;
}

static bool is_id(const char *text)
{
    return strlen(text) == DOCK_ID_SIZE - 1 && strspn(text, "0123456789abcdef") == DOCK_ID_SIZE - 1;
}

static void not_there(struct dock_req *r)
{
    dock_reply_fail(r, 404, "No such container: %s", r->wanted);
}

static void take(struct dock_req *r, json_t *seen)
{
    const json_t *labels = jx_obj(seen, "Config.Labels");
    const char *id = jx_get_str(seen, "Id", "");
    if (!dock_find_shows(r->dock, labels) || !is_id(id)) {
        not_there(r);
        return;
    }
    json_decref(r->seen);
    r->seen = json_incref(seen);
    str_copy(r->id, sizeof(r->id), id);
    r->by_hand = str_eq(jx_get_str(labels, DOCKER_LABEL_ROLE, NULL), DOCK_ROLE);
    if (!r->by_hand && r->verb != NULL) {
        dock_reply_fail(r, 409,
                        "%s is a container of pod %s: the cluster looks after it, and it cannot be "
                        "%s by hand. It can be looked at, stopped and removed",
                        r->wanted, jx_get_str(labels, DOCK_LABEL_POD, "?"), r->verb);
        return;
    }
    r->then(r);
}

/* ---- by a part of its id, or a pod's name: 3 ---- */

static void inspected(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code == ERR_NONE) {
        take(r, a->json);
    } else if (a->status == 404) {
        not_there(r);
    } else {
        dock_reply_refusal(r, a);
    }
}

static const char *name_of(const json_t *row)
{
    const char *name = jx_str(row, "Names[0]", "");
    return name + (name[0] == '/');
}

/* The one row that it can mean; NULL when there is none, and *ret_many when there are more. */
static const json_t *choose(const struct dock_req *r, const json_t *rows, bool *ret_many)
{
    const char *ref = r->wanted;
    const json_t *found = NULL;
    const json_t *row;
    size_t i;
    jx_each(i, row, rows)
    {
        const json_t *labels = jx_obj(row, "Labels");
        const char *id = jx_get_str(row, "Id", "");
        if (!dock_find_shows(r->dock, labels)) {
            continue;
        }
        cleanup_free char *name = dock_view_name(r->dock, id, name_of(row), labels);
        if (strcmp(name, ref) == 0) {
            return row;
        }
        if (str_has_prefix(id, ref)) {
            *ret_many = found != NULL;
            found = row;
        }
    }
    return found;
}

static void listed(struct dock_req *r, const struct dock_reply *a)
{
    bool many = false;
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
        return;
    }
    const json_t *row = choose(r, a->json, &many);
    const char *id = jx_get_str(row, "Id", "");
    if (many) {
        dock_reply_fail(r, 400, "Multiple IDs found with provided prefix: %s", r->wanted);
    } else if (!is_id(id)) {
        not_there(r);
    } else {
        dock_call(r, &(struct dock_ask){0}, inspected, "/containers/%s/json", id);
    }
}

static void list(struct dock_req *r)
{
    cleanup_free char *filter = dock_call_filter(r->dock, NULL);
    dock_call(r, &(struct dock_ask){0}, listed, "/containers/json?all=1&filters=%s", filter);
}

/* ---- by its name: 2, by its whole id: 1 ---- */

static void named(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code == ERR_NONE) {
        take(r, a->json);
    } else if (a->status == 404) {
        list(r);
    } else {
        dock_reply_refusal(r, a);
    }
}

void dock_find(struct dock_req *r, const char *ref, void (*then)(struct dock_req *r))
{
    r->then = then;
    free(r->wanted);
    r->wanted = xstrdup(ref);
    if (strlen(ref) > 255 || (strlen(ref) > 1 && !docker_spec_name_ok(ref))) {
        not_there(r);
    } else if (is_id(ref)) {
        dock_call(r, &(struct dock_ask){0}, named, "/containers/%s/json", ref);
    } else {
        dock_call(r, &(struct dock_ask){0}, named, "/containers/%s%s/json", r->dock->prefix, ref);
    }
}

void dock_find_by_hand(struct dock_req *r, const char *ref, const char *verb,
                       void (*then)(struct dock_req *r))
{
    r->verb = verb;
    dock_find(r, ref, then);
}
