/* SPDX-License-Identifier: Apache-2.0 */
/* A watch that fell behind the log tells what went away meanwhile, then everything anew. The log is
 * made to fail here: a worker on a virtual loop is never slow enough. */
#include "store/store.h"

static int behind; /* this many reads fail */
static int next_or_behind(struct store_watch *w, const struct store_event **ret, struct err *err)
{
    if (behind > 0) {
        behind--;
        return err_set(err, ERR_EXPIRED, "too old resource version");
    }
    return store_watch_next(w, ret, err);
}

#define store_watch_next next_or_behind
#include "client/watch.c"
#undef store_watch_next

#include "api/rig.h"
#include "meta/object.h"

struct bed {
    struct rig rig;
    struct client *c;
    const struct kind *cms;
    struct str seen;
};

static void set_up(struct bed *b)
{
    *b = (struct bed){0};
    log_set_level(LOG_ERROR);
    rig_init(&b->rig);
    b->c = client_new(b->rig.api, "system:test");
    b->cms = kinds_find("", "v1", "configmaps");
}

static void tear_down(struct bed *b)
{
    client_free(b->c);
    rig_fini(&b->rig);
    str_fini(&b->seen);
}

static void make(struct bed *b, const char *name)
{
    struct err err;
    json_t *obj = json_pack("{s:{s:s}}", "metadata", "name", name);
    assert_int_equal(client_create(b->c, b->cms, "default", obj, NULL, &err), 0);
}

static void drop(struct bed *b, const char *name)
{
    struct err err;
    assert_int_equal(client_delete(b->c, b->cms, "default", name, NULL, &err), 0);
}

static void on_tree(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct bed *b = arg;
    static const char sign[] = {'+', '~', '-', '.'};
    str_add_f(&b->seen, "%c%s ", sign[type], obj != NULL ? object_name(obj) : "");
}

static void what_went_is_told_first_then_everything(void **state)
{
    struct bed b;
    set_up(&b);
    make(&b, "a");
    make(&b, "b");
    make(&b, "c");
    loop_sim_advance(b.rig.loop, 0);
    client_watch(b.c, b.cms, on_tree, &b);
    loop_sim_advance(b.rig.loop, 0);
    assert_string_equal(str_c(&b.seen), "+a +b +c . ");
    str_clear(&b.seen);
    behind = 1;
    drop(&b, "b");
    make(&b, "d");
    loop_sim_advance(b.rig.loop, 0);
    assert_string_equal(str_c(&b.seen), "-b +a +c +d . ");
    str_clear(&b.seen);
    drop(&b, "a");
    loop_sim_advance(b.rig.loop, 0);
    assert_string_equal(str_c(&b.seen), "-a ");
    tear_down(&b);
}

static void another_object_of_the_same_name_is_another(void **state)
{
    struct bed b;
    set_up(&b);
    make(&b, "a");
    loop_sim_advance(b.rig.loop, 0);
    client_watch(b.c, b.cms, on_tree, &b);
    loop_sim_advance(b.rig.loop, 0);
    str_clear(&b.seen);
    behind = 1;
    drop(&b, "a");
    make(&b, "a");
    loop_sim_advance(b.rig.loop, 0);
    assert_string_equal(str_c(&b.seen), "-a +a . ");
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_went_is_told_first_then_everything),
        cmocka_unit_test(another_object_of_the_same_name_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
