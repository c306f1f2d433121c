/* SPDX-License-Identifier: Apache-2.0 */
/* One record an owner; what is used out of turn closes up with the rest by and by. */
#include "client/pod_names.h"

#include "client/client.h"
#include "common/json/jx.h"
#include "meta/name.h"
#include "meta/object.h"

static const char table[] = "pods.names";

static void close_up(struct pod_names *p)
{
    while (p->beyond.n > 0 && p->beyond.v[0] <= p->next) {
        p->next += p->beyond.v[0] == p->next;
        vec_remove(&p->beyond, 0);
    }
}

void pod_names_load(struct client *c, const char *owner_uid, struct pod_names *ret)
{
    const json_t *record = client_record_find(c, table, owner_uid);
    int64_t next = jx_int(record, "next", 0);
    size_t i;
    const json_t *n;
    *ret = (struct pod_names){.next = next > 0 ? (uint64_t)next : 0};
    jx_each(i, n, jx_get(record, "beyond"))
    {
        if (json_integer_value(n) > 0) {
            pod_names_use(ret, (uint64_t)json_integer_value(n));
        }
    }
}

void pod_names_fini(struct pod_names *p)
{
    vec_fini(&p->beyond);
}

bool pod_names_used(const struct pod_names *p, uint64_t n)
{
    for (size_t i = 0; i < p->beyond.n; i++) {
        if (p->beyond.v[i] == n) {
            return true;
        }
    }
    return n < p->next;
}

void pod_names_use(struct pod_names *p, uint64_t n)
{
    if (pod_names_used(p, n)) {
        return;
    }
    vec_push(&p->beyond, n);
    for (size_t i = p->beyond.n - 1; i > 0 && p->beyond.v[i - 1] > n; i--) {
        p->beyond.v[i] = p->beyond.v[i - 1];
        p->beyond.v[i - 1] = n;
    }
    close_up(p);
}

void pod_names_save(struct client *c, const char *owner_uid, const struct pod_names *p)
{
    json_t *record = json_pack("{s:I}", "next", (json_int_t)p->next);
    for (size_t i = 0; i < p->beyond.n; i++) {
        json_t *list = i > 0 ? json_object_get(record, "beyond") : json_array();
        if (i == 0) {
            json_object_set_new(record, "beyond", list);
        }
        json_array_append_new(list, json_integer((json_int_t)p->beyond.v[i]));
    }
    client_record_put(c, table, owner_uid, record);
}

void pod_names_forget(struct client *c, const char *owner_uid)
{
    if (client_record_find(c, table, owner_uid) != NULL) {
        client_record_delete(c, table, owner_uid);
    }
}

static bool prune_one(void *arg, const char *owner_uid, const json_t *record)
{
    (void)record;
    if (client_find_uid(arg, owner_uid) == NULL) {
        client_record_delete(arg, table, owner_uid);
    }
    return true;
}

void pod_names_prune(struct client *c)
{
    client_record_each(c, table, prune_one, c);
}

char *pod_names_format(const json_t *owner, uint64_t n)
{
    cleanup_free char *base = xasprintf("%s-", object_name(owner));
    return name_numbered(base, object_uid(owner), n);
}
