/* SPDX-License-Identifier: Apache-2.0 */
/* A watch tells everything there is, then everything that changes, whatever happens in between. */
#include "api/rig.h"
#include "client/client.h"
#include "common/log.h"
#include "kinds/kinds.h"
#include "meta/object.h"

struct bed {
    struct rig rig;
    struct client *c;
    const struct kind *cms;
    struct client_watch *w;
    struct str seen;
    bool leave; /* the handler ends the watch */
    bool write; /* the handler writes */
};

static void set_up_keep(struct bed *b, size_t log_keep)
{
    *b = (struct bed){0};
    log_set_level(LOG_ERROR);
    rig_init_keep(&b->rig, log_keep);
    b->c = client_new(b->rig.api, "system:test");
    b->cms = kinds_find("", "v1", "configmaps");
}

static void set_up(struct bed *b)
{
    set_up_keep(b, 0);
}

static void tear_down(struct bed *b)
{
    client_free(b->c);
    rig_fini(&b->rig);
    str_fini(&b->seen);
}

static void put(struct bed *b, const char *name, const char *value)
{
    struct err err;
    json_t *obj = json_pack("{s:{s:s}, s:{s:s}}", "metadata", "name", name, "data", "k", value);
    int rc = client_get(b->c, b->cms, "default", name, &err) == NULL
                 ? client_create(b->c, b->cms, "default", obj, NULL, &err)
                 : client_patch(b->c, b->cms, "default", name, NULL, obj, NULL, &err);
    if (rc < 0) {
        fail_msg("%s", err.msg);
    }
}

static void drop(struct bed *b, const char *name)
{
    struct err err;
    assert_int_equal(client_delete(b->c, b->cms, "default", name, NULL, &err), 0);
}

static void tick(struct bed *b)
{
    loop_sim_advance(b->rig.loop, 0);
}

static void note(struct bed *b, enum client_event type, const char *name, const char *value,
                 const char *was)
{
    static const char sign[] = {'+', '~', '-', '.'};
    str_add_f(&b->seen, "%c%s", sign[type], name);
    if (value != NULL) {
        str_add_f(&b->seen, "=%s", value);
    }
    if (was != NULL) {
        str_add_f(&b->seen, "<%s", was);
    }
    str_add(&b->seen, " ");
}

static void on_tree(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct bed *b = arg;
    note(b, type, obj != NULL ? object_name(obj) : "", jx_str(obj, "data.k", NULL),
         type == CLIENT_MODIFIED ? jx_str(prev, "data.k", NULL) : NULL);
    if (b->leave) {
        client_watch_free(b->w);
        b->w = NULL;
    }
    if (b->write && type == CLIENT_ADDED) {
        b->write = false;
        put(b, "more", "1");
    }
}

static void on_entry(void *arg, enum client_event type, const struct store_entry *e,
                     const struct store_entry *prev)
{
    struct bed *b = arg;
    const json_t *obj = e != NULL ? client_tree(b->c, e) : NULL;
    note(b, type, obj != NULL ? e->key.name : "", jx_str(obj, "data.k", NULL), NULL);
    assert_true(type == CLIENT_ADDED || type == CLIENT_SYNCED || prev != NULL);
}

static void first_what_is_then_what_changes(void **state)
{
    struct bed b;
    set_up(&b);
    put(&b, "b", "1");
    put(&b, "a", "1");
    tick(&b);
    b.w = client_watch(b.c, b.cms, on_tree, &b);
    assert_string_equal(str_c(&b.seen), "");
    tick(&b);
    assert_string_equal(str_c(&b.seen), "+a=1 +b=1 . ");
    str_clear(&b.seen);
    put(&b, "a", "2");
    put(&b, "c", "1");
    drop(&b, "b");
    assert_string_equal(str_c(&b.seen), ""); /* not before it is committed */
    tick(&b);
    assert_string_equal(str_c(&b.seen), "~a=2<1 +c=1 -b=1 ");
    tear_down(&b);
}

static void what_is_only_staged_comes_once(void **state)
{
    struct bed b;
    set_up(&b);
    put(&b, "a", "1");
    b.w = client_watch(b.c, b.cms, on_tree, &b);
    put(&b, "a", "2");
    tick(&b);
    assert_string_equal(str_c(&b.seen), ". +a=1 ~a=2<1 ");
    tear_down(&b);
}

static void entries_come_unparsed(void **state)
{
    struct bed b;
    set_up(&b);
    put(&b, "a", "1");
    tick(&b);
    b.w = client_watch_entries(b.c, b.cms, on_entry, &b);
    tick(&b);
    put(&b, "a", "2");
    drop(&b, "a");
    tick(&b);
    assert_string_equal(str_c(&b.seen), "+a=1 . ~a=2 -a=2 ");
    tear_down(&b);
}

static void many_come_in_slices_and_in_order(void **state)
{
    struct bed b;
    set_up(&b);
    struct str want = STR_INIT;
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%03d", i);
        put(&b, name, "1");
        str_add_f(&want, "+%s=1 ", name);
    }
    str_add(&want, ". ");
    tick(&b);
    b.w = client_watch(b.c, b.cms, on_tree, &b);
    tick(&b);
    assert_string_equal(str_c(&b.seen), str_c(&want));
    str_fini(&want);
    tear_down(&b);
}

static void a_handler_may_write(void **state)
{
    struct bed b;
    set_up(&b);
    put(&b, "a", "1");
    tick(&b);
    b.write = true;
    b.w = client_watch(b.c, b.cms, on_tree, &b);
    tick(&b);
    assert_string_equal(str_c(&b.seen), "+a=1 . +more=1 ");
    tear_down(&b);
}

static void a_handler_may_end_the_watch(void **state)
{
    struct bed b;
    set_up(&b);
    put(&b, "a", "1");
    put(&b, "b", "1");
    tick(&b);
    b.leave = true;
    b.w = client_watch(b.c, b.cms, on_tree, &b);
    tick(&b);
    put(&b, "c", "1");
    tick(&b);
    assert_string_equal(str_c(&b.seen), "+a=1 ");
    tear_down(&b);
}

static void a_freed_watch_is_silent(void **state)
{
    struct bed b;
    set_up(&b);
    put(&b, "a", "1");
    b.w = client_watch(b.c, b.cms, on_tree, &b);
    client_watch_free(b.w);
    client_watch_free(NULL);
    tick(&b);
    assert_string_equal(str_c(&b.seen), "");
    tear_down(&b);
}

/* More changes in one tick than the log keeps: the watch cannot have read them. */
static void one_that_fell_behind_begins_again(void **state)
{
    struct bed b;
    set_up_keep(&b, 4);
    put(&b, "a", "1");
    put(&b, "b", "1");
    tick(&b);
    b.w = client_watch(b.c, b.cms, on_tree, &b);
    tick(&b);
    assert_string_equal(str_c(&b.seen), "+a=1 +b=1 . ");
    str_clear(&b.seen);
    drop(&b, "a");
    for (int i = 0; i < 600; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%d", i);
        put(&b, "b", value);
    }
    put(&b, "c", "1");
    tick(&b);
    for (int i = 0; i < 6; i++) { /* the log is trimmed by the commits that follow */
        put(&b, "c", i % 2 ? "1" : "2");
        tick(&b);
    }
    /* Whether it was caught reading or began again, what it said adds up to what is there. */
    const char *s = str_c(&b.seen);
    assert_non_null(strstr(s, "-a=1 "));
    assert_non_null(strstr(s, "b=599"));
    assert_null(strstr(s, "+a"));
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_what_is_then_what_changes),
        cmocka_unit_test(what_is_only_staged_comes_once),
        cmocka_unit_test(entries_come_unparsed),
        cmocka_unit_test(many_come_in_slices_and_in_order),
        cmocka_unit_test(a_handler_may_write),
        cmocka_unit_test(a_handler_may_end_the_watch),
        cmocka_unit_test(a_freed_watch_is_silent),
        cmocka_unit_test(one_that_fell_behind_begins_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
