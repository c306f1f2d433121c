/* SPDX-License-Identifier: Apache-2.0 */
/* A store on a virtual loop and a disk in memory, and the few steps that every test of it takes. */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/vec.h"
#include "store/memvfs.h"
#include "store/store.h"

#define DISK "disk"
#define FILE_NAME "state.db"

struct fixture {
    struct loop *loop;
    struct memvfs *disk;
    struct store *s;
    struct store_opts opts;
};

static inline struct store *open_store(struct fixture *f)
{
    struct err err = {ERR_NONE, ""};
    f->s = NULL;
    if (store_open(f->loop, &f->opts, &f->s, &err) < 0) {
        fail_msg("store_open: %s", err.msg);
    }
    return f->s;
}

static inline void set_up(struct fixture *f)
{
    *f = (struct fixture){.loop = loop_sim_new(1), .disk = memvfs_new(DISK)};
    f->opts = (struct store_opts){.path = FILE_NAME, .vfs = DISK, .boot_id = "first"};
    open_store(f);
}

static inline void tear_down(struct fixture *f)
{
    store_close(f->s);
    loop_free(f->loop);
    memvfs_free(f->disk);
}

/* Everything that is due, the tick's end included. */
static inline void tick(struct fixture *f)
{
    loop_sim_advance(f->loop, 0);
}

static inline struct store_key pod_key(const char *name)
{
    return (struct store_key){"pods", "default", name};
}

/* A small object; `value` tells one version from another. */
static inline json_t *object(const char *ns, const char *name, const char *value)
{
    json_t *obj = json_object();
    jx_put_str(obj, "kind", "Pod");
    jx_put_str(obj, "metadata.name", name);
    jx_put_str(obj, "metadata.namespace", ns);
    json_t *uid = json_sprintf("uid-%s", name);
    jx_put(obj, "metadata.uid", uid);
    jx_put_str(obj, "spec.value", value);
    return obj;
}

/* Fails the test with the message. */
static inline const struct store_entry *put_key(struct fixture *f, const struct store_key *key,
                                                json_t *obj, int64_t expect)
{
    const struct store_entry *e = NULL;
    struct err err = {ERR_NONE, ""};
    if (store_put(f->s, key, obj, expect, &e, &err) < 0) {
        fail_msg("put %s: %s", key->name, err.msg);
    }
    return e;
}

/* Puts a pod, and says under which revision. */
static inline int64_t put(struct fixture *f, const char *name, const char *value)
{
    struct store_key key = pod_key(name);
    cleanup_entry const struct store_entry *e =
        put_key(f, &key, object("default", name, value), -1);
    return e->rev;
}

static inline int64_t del(struct fixture *f, const char *name)
{
    struct store_key key = pod_key(name);
    cleanup_entry const struct store_entry *e = NULL;
    struct err err = {ERR_NONE, ""};
    if (store_delete(f->s, &key, -1, &e, &err) < 0) {
        fail_msg("delete %s: %s", name, err.msg);
    }
    return e->rev;
}

/* spec.value of a pod as a view has it; "-" when it is not there. The caller frees. */
static inline char *value_of(struct fixture *f, enum store_view view, const char *name)
{
    struct store_key key = pod_key(name);
    cleanup_entry const struct store_entry *e = store_find(f->s, view, &key);
    return xstrdup(e != NULL ? jx_str(store_tree(f->s, e), "spec.value", "?") : "-");
}

#define assert_value(f, view, name, want)                                                          \
    do {                                                                                           \
        cleanup_free char *value_ = value_of((f), (view), (name));                                 \
        assert_string_equal(value_, (want));                                                       \
    } while (0)

/* What a waiter was told. */
struct told {
    int calls;
    bool ok;
    char why[512];
};

static inline void on_told(void *arg, bool ok, const char *why)
{
    struct told *t = arg;
    t->calls++;
    t->ok = ok;
    snprintf(t->why, sizeof(t->why), "%s", why);
}

static inline bool add_name(void *arg, const struct store_entry *e)
{
    struct str *names = arg;
    if (names->len > 0) {
        str_add_c(names, ' ');
    }
    str_add_f(names, "%s/%s", e->key.ns, e->key.name);
    return true;
}

/* "ns/name ns/name ..." of what a filter lists. */
#define assert_list(f, view, filter, want)                                                         \
    do {                                                                                           \
        cleanup_str struct str list_ = STR_INIT;                                                   \
        store_each((f)->s, (view), (filter), add_name, &list_);                                    \
        assert_string_equal(str_c(&list_), (want));                                                \
    } while (0)

#endif
