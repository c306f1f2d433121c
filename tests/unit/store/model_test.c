/* SPDX-License-Identifier: Apache-2.0 */
/* Random histories against the simplest possible model of a store: both views, every index,
 * records, watches that fold events into a copy, full disks, kills and restarts. The same seed
 * gives the same history. */
#include "fixture.h"

enum { KINDS = 2, SPACES = 3, NAMES = 5, CELLS = KINDS * SPACES * NAMES, RECORDS = 4, WATCHES = 4 };
enum { OWNERS = 3, NODES = 3 };

static const char *const kinds[KINDS] = {"pods", "pods.x"};
static const char *const spaces[SPACES] = {"a", "a-b", "b"};
static const char *const names[NAMES] = {"n", "n-1", "n0", "o", "p"};
static const char *const owners[OWNERS] = {"", "o1", "o2"};
static const char *const nodes[NODES] = {"", "w1", "w2"};

/* An object; rev 0: it is not there. */
struct cell {
    int64_t rev, create_rev;
    int value, owner, node;
};

struct model {
    struct cell cells[CELLS];
    int records[RECORDS]; /* 0: not there */
    int64_t revision;
};

struct folder {
    struct store_watch *w;
    int kind, space;          /* space -1: all */
    struct cell cells[CELLS]; /* only rev is known here */
    int woken;
};

struct world {
    struct fixture f;
    uint64_t chance;
    struct model staged, committed;
    int64_t given;
    bool full;
    struct folder folders[WATCHES];
    uint64_t trace; /* a hash of all that was seen */
    struct told told;
};

static uint32_t draw(struct world *w, uint32_t below)
{
    w->chance = w->chance * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w->chance >> 33) % below;
}

static void note(struct world *w, int64_t n)
{
    w->trace = (w->trace ^ (uint64_t)n) * 0x100000001b3u;
}

static struct store_key key_of(int cell)
{
    return (struct store_key){kinds[cell / (SPACES * NAMES)], spaces[cell / NAMES % SPACES],
                              names[cell % NAMES]};
}

/* ---- one step ---- */

static json_t *make_object(const struct store_key *key, const struct cell *c)
{
    cleanup_free char *value = xasprintf("%d", c->value);
    json_t *obj = object(key->ns, key->name, value);
    cleanup_free char *uid = xasprintf("%s/%s/%s", key->gr, key->ns, key->name);
    jx_put_str(obj, "metadata.uid", uid);
    jx_put_str(obj, "spec.nodeName", nodes[c->node]);
    if (c->owner > 0) {
        jx_put(obj, "metadata.ownerReferences",
               json_pack("[{s:s,s:b}]", "uid", owners[c->owner], "controller", 1));
        jx_put(obj, "metadata.labels", json_pack("{s:s}", "owner", owners[c->owner]));
    }
    return obj;
}

static int64_t draw_expect(struct world *w, const struct cell *c)
{
    switch (draw(w, 6)) {
    case 0:
        return 0;
    case 1:
        return c->rev + 1;
    case 2:
        return c->rev > 0 ? c->rev : 5;
    default:
        return -1;
    }
}

/* What the model says of an expectation. */
static enum err_code judge(const struct cell *c, int64_t expect)
{
    if (expect == 0 && c->rev > 0) {
        return ERR_ALREADY_EXISTS;
    }
    if (expect > 0 && c->rev == 0) {
        return ERR_NOT_FOUND;
    }
    return expect > 0 && c->rev != expect ? ERR_CONFLICT : ERR_NONE;
}

static void do_put(struct world *w)
{
    int at = (int)draw(w, CELLS);
    struct cell *c = &w->staged.cells[at];
    struct cell next = {0, c->create_rev, (int)draw(w, 3), (int)draw(w, OWNERS),
                        (int)draw(w, NODES)};
    struct store_key key = key_of(at);
    int64_t expect = draw_expect(w, c);
    enum err_code want = judge(c, expect);
    cleanup_entry const struct store_entry *e = NULL;
    struct err err = {ERR_NONE, ""};
    int rc = store_put(w->f.s, &key, make_object(&key, &next), expect, &e, &err);
    assert_int_equal(rc == 0 ? ERR_NONE : err.code, want);
    if (rc < 0) {
        return;
    }
    bool same =
        c->rev > 0 && c->value == next.value && c->owner == next.owner && c->node == next.node;
    if (!same) {
        w->staged.revision = ++w->given;
        next.rev = w->given;
        next.create_rev = c->rev > 0 ? c->create_rev : next.rev;
        *c = next;
    }
    assert_int_equal(e->rev, c->rev);
    assert_int_equal(e->create_rev, c->create_rev);
}

static void do_delete(struct world *w)
{
    int at = (int)draw(w, CELLS);
    struct cell *c = &w->staged.cells[at];
    struct store_key key = key_of(at);
    int64_t expect = c->rev > 0 && draw(w, 3) == 0 ? c->rev + (int64_t)draw(w, 2) : -1;
    enum err_code want = c->rev == 0 ? ERR_NOT_FOUND : judge(c, expect);
    struct err err = {ERR_NONE, ""};
    int rc = store_delete(w->f.s, &key, expect, NULL, &err);
    assert_int_equal(rc == 0 ? ERR_NONE : err.code, want);
    if (rc == 0) {
        *c = (struct cell){0};
        w->staged.revision = ++w->given;
    }
}

static const char *record_key(int i)
{
    static const char *const keys[RECORDS] = {"k", "k1", "l", "z"};
    return keys[i];
}

static void do_record(struct world *w)
{
    int at = (int)draw(w, RECORDS), value = (int)draw(w, 3);
    if (value == 0) {
        store_record_delete(w->f.s, "t", record_key(at));
    } else {
        store_record_put(w->f.s, "t", record_key(at), json_integer(value));
    }
    w->staged.records[at] = value;
}

/* ---- what must hold ---- */

struct listing {
    struct world *w;
    const struct model *m;
    const struct store_filter *f;
    enum store_view view;
    int at; /* the next cell to be seen */
    size_t n;
};

static bool is_listed(const struct store_filter *f, int at, const struct cell *c)
{
    struct store_key key = key_of(at);
    int ns = f->after_ns != NULL ? strcmp(key.ns, f->after_ns) : 1;
    return c->rev > 0 && (f->gr == NULL || strcmp(f->gr, key.gr) == 0) &&
           (f->ns == NULL || strcmp(f->ns, key.ns) == 0) &&
           (f->owner_uid == NULL || strcmp(f->owner_uid, owners[c->owner]) == 0) &&
           (f->node == NULL || strcmp(f->node, nodes[c->node]) == 0) &&
           (ns > 0 || (ns == 0 && strcmp(key.name, f->after_name) > 0));
}

static int next_listed(const struct listing *l, int at)
{
    while (at < CELLS && !is_listed(l->f, at, &l->m->cells[at])) {
        at++;
    }
    return at;
}

static bool check_listed(void *arg, const struct store_entry *e)
{
    struct listing *l = arg;
    l->at = next_listed(l, l->at);
    assert_in_range(l->at, 0, CELLS - 1);
    const struct cell *c = &l->m->cells[l->at];
    struct store_key key = key_of(l->at);
    assert_string_equal(e->key.gr, key.gr);
    assert_string_equal(e->key.ns, key.ns);
    assert_string_equal(e->key.name, key.name);
    assert_int_equal(e->rev, c->rev);
    assert_int_equal(e->create_rev, c->create_rev);
    assert_string_equal(e->owner_uid, owners[c->owner]);
    assert_string_equal(e->node, nodes[c->node]);
    assert_string_equal(jx_get_str(e->labels, "owner", ""), owners[c->owner]);
    cleanup_free char *value = xasprintf("%d", c->value);
    assert_string_equal(jx_str(store_tree(l->w->f.s, e), "spec.value", ""), value);
    cleanup_entry const struct store_entry *by_uid = store_find_uid(l->w->f.s, l->view, e->uid);
    assert_ptr_equal(by_uid, e);
    l->at++;
    l->n++;
    note(l->w, e->rev);
    return true;
}

static void check_list(struct world *w, enum store_view view, const struct store_filter *f)
{
    const struct model *m = view == STORE_STAGED ? &w->staged : &w->committed;
    struct listing l = {w, m, f, view, 0, 0};
    store_each(w->f.s, view, f, check_listed, &l);
    assert_int_equal(next_listed(&l, l.at), CELLS);
}

static void check_views(struct world *w)
{
    for (enum store_view view = STORE_STAGED; view <= STORE_COMMITTED; view++) {
        struct store_filter f = {0};
        check_list(w, view, &f);
        f.gr = kinds[draw(w, KINDS)];
        check_list(w, view, &f);
        f.ns = draw(w, 2) ? spaces[draw(w, SPACES)] : NULL;
        check_list(w, view, &f);
        f.owner_uid = draw(w, 2) ? owners[draw(w, OWNERS)] : NULL;
        f.node = draw(w, 2) ? nodes[draw(w, NODES)] : NULL;
        check_list(w, view, &f);
        f.after_ns = spaces[draw(w, SPACES)];
        f.after_name = names[draw(w, NAMES)];
        check_list(w, view, &f);
        const struct model *m = view == STORE_STAGED ? &w->staged : &w->committed;
        assert_int_equal(store_revision(w->f.s, view), m->revision);
    }
    for (int i = 0; i < RECORDS; i++) {
        const json_t *v = store_record_find(w->f.s, "t", record_key(i));
        assert_int_equal(json_integer_value(v), w->staged.records[i]);
    }
}

/* ---- watches ---- */

static void on_wake(void *arg)
{
    ((struct folder *)arg)->woken++;
}

static bool concerns(const struct folder *fo, int at)
{
    return at / (SPACES * NAMES) == fo->kind && (fo->space < 0 || at / NAMES % SPACES == fo->space);
}

static void open_folder(struct world *w, struct folder *fo, int64_t rev)
{
    struct err err = {ERR_NONE, ""};
    const char *ns = fo->space >= 0 ? spaces[fo->space] : NULL;
    int rc = store_watch_new(w->f.s, kinds[fo->kind], ns, rev, on_wake, fo, &fo->w, &err);
    if (rc == 0) {
        return;
    }
    assert_int_equal(err.code, ERR_EXPIRED); /* a new list, then */
    for (int i = 0; i < CELLS; i++) {
        fo->cells[i] = concerns(fo, i) ? w->committed.cells[i] : (struct cell){0};
    }
    rc = store_watch_new(w->f.s, kinds[fo->kind], ns, w->committed.revision, on_wake, fo, &fo->w,
                         &err);
    assert_int_equal(rc, 0);
}

static void fold(struct world *w, struct folder *fo, const struct store_event *ev)
{
    for (int at = 0; at < CELLS; at++) {
        struct store_key key = key_of(at);
        if (strcmp(key.gr, ev->entry->key.gr) != 0 || strcmp(key.ns, ev->entry->key.ns) != 0 ||
            strcmp(key.name, ev->entry->key.name) != 0) {
            continue;
        }
        assert_true(concerns(fo, at));
        assert_int_equal(ev->prev != NULL ? ev->prev->rev : 0, fo->cells[at].rev);
        assert_int_equal(ev->type == STORE_ADDED, fo->cells[at].rev == 0);
        fo->cells[at].rev = ev->type == STORE_DELETED ? 0 : ev->rev;
        note(w, ev->rev * 4 + (int64_t)ev->type);
        return;
    }
    fail();
}

/* Reads some of what there is, or all; then the copy is what is committed. */
static void follow(struct world *w, struct folder *fo)
{
    bool all = draw(w, 3) > 0;
    const struct store_event *ev;
    struct err err = {ERR_NONE, ""};
    int rc = 1;
    for (int i = 0; (all || i < 3) && (rc = store_watch_next(fo->w, &ev, &err)) > 0; i++) {
        fold(w, fo, ev);
    }
    if (rc < 0) {
        assert_int_equal(err.code, ERR_EXPIRED);
        store_watch_free(fo->w);
        open_folder(w, fo, 0);
    }
    for (int i = 0; i < CELLS && rc == 0; i++) {
        assert_int_equal(fo->cells[i].rev, concerns(fo, i) ? w->committed.cells[i].rev : 0);
    }
    if (rc == 0) {
        assert_int_equal(store_watch_revision(fo->w), w->committed.revision);
    }
}

/* ---- ticks and restarts ---- */

static void end_tick(struct world *w)
{
    struct model before = w->committed;
    bool changed = memcmp(&w->staged, &w->committed, sizeof(w->staged)) != 0;
    struct store_stats st;
    store_stats(w->f.s, &st);
    uint64_t failed = st.failed_commits;
    w->full = draw(w, 12) == 0;
    memvfs_full(w->f.disk, w->full);
    w->told = (struct told){0};
    store_on_commit(w->f.s, on_told, &w->told);
    tick(&w->f);
    memvfs_full(w->f.disk, false);
    assert_int_equal(w->told.calls, 1);
    store_stats(w->f.s, &st);
    assert_true(w->told.ok == (st.failed_commits == failed));
    assert_true(w->told.ok || w->full);
    if (w->told.ok) {
        w->committed = w->staged;
    } else {
        assert_true(changed || before.revision == w->staged.revision);
        w->staged = w->committed;
        assert_false(store_writable(w->f.s));
        loop_sim_advance(w->f.loop, LOOP_S(2));
        assert_true(store_writable(w->f.s));
    }
}

static void restart(struct world *w)
{
    bool clean = draw(w, 2);
    int64_t seen[WATCHES];
    for (int i = 0; i < WATCHES; i++) {
        seen[i] = store_watch_revision(w->folders[i].w);
        store_watch_free(w->folders[i].w);
    }
    if (clean) {
        store_close(w->f.s);
        w->committed = w->staged;
    } else {
        store_abandon(w->f.s);
        w->staged = w->committed;
        memvfs_reboot(w->f.disk, 0, false);
    }
    open_store(&w->f);
    if (!clean) { /* the revisions of an open stage were never seen outside of the process */
        int64_t now = store_revision(w->f.s, STORE_COMMITTED);
        assert_true(now >= w->committed.revision);
    }
    w->given = w->staged.revision = w->committed.revision = store_revision(w->f.s, STORE_COMMITTED);
    for (int i = 0; i < WATCHES; i++) {
        open_folder(w, &w->folders[i], seen[i]);
    }
}

static uint64_t play(uint64_t seed, int ticks)
{
    struct world w = {.chance = seed};
    set_up(&w.f);
    store_close(w.f.s);
    w.f.opts.log_keep = 12 + seed % 20;
    w.f.opts.log_bytes = seed % 2 ? 1 : 0;
    w.f.opts.tree_cache = 1 + seed % 9;
    open_store(&w.f);
    for (int i = 0; i < WATCHES; i++) {
        w.folders[i].kind = i % KINDS;
        w.folders[i].space = i - 2;
        open_folder(&w, &w.folders[i], 0);
    }
    for (int t = 0; t < ticks; t++) {
        for (uint32_t n = draw(&w, 9); n > 0; n--) {
            uint32_t what = draw(&w, 8);
            (what < 5 ? do_put : what < 7 ? do_delete : do_record)(&w);
        }
        check_views(&w);
        if (draw(&w, 15) == 0) {
            restart(&w);
        } else {
            end_tick(&w);
        }
        check_views(&w);
        for (int i = 0; i < WATCHES; i++) {
            follow(&w, &w.folders[i]);
        }
    }
    for (int i = 0; i < WATCHES; i++) {
        store_watch_free(w.folders[i].w);
    }
    tear_down(&w.f);
    return w.trace;
}

static void random_histories_do_what_the_model_does(void **state)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        play(seed, 120);
    }
}

static void the_same_seed_gives_the_same_history(void **state)
{
    uint64_t first = play(4711, 200);
    assert_true(first == play(4711, 200));
    assert_true(first != play(4712, 200));
}

int main(void)
{
    jx_init();
    log_set_level(LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_do_what_the_model_does),
        cmocka_unit_test(the_same_seed_gives_the_same_history),
    };
    return cmocka_run_group_tests_name("store model", tests, NULL, NULL);
}
