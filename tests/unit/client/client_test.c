/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker reads it may rely on, and what it writes is held to what everybody is held to. */
#include "api/rig.h"
#include "client/client.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "meta/selector.h"

struct bed {
    struct rig rig;
    struct client *c;
    const struct kind *pods, *configmaps, *deployments, *namespaces;
};

static void set_up(struct bed *b)
{
    rig_init(&b->rig);
    b->c = client_new(b->rig.api, "system:test");
    b->pods = kinds_find("", "v1", "pods");
    b->configmaps = kinds_find("", "v1", "configmaps");
    b->namespaces = kinds_find("", "v1", "namespaces");
    b->deployments = kinds_find("apps", "v1", "deployments");
}

static void tear_down(struct bed *b)
{
    client_free(b->c);
    rig_fini(&b->rig);
}

static void tick(struct bed *b)
{
    loop_sim_advance(b->rig.loop, 0);
}

static json_t *pod(const char *name, const char *app)
{
    return json_pack("{s:{s:s, s:{s:s}}, s:{s:[{s:s, s:s}]}}", "metadata", "name", name, "labels",
                     "app", app, "spec", "containers", "name", "c", "image", "web:v1");
}

static void make(struct bed *b, json_t *obj)
{
    struct err err;
    if (client_create(b->c, b->pods, "default", obj, NULL, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static void a_worker_sees_its_own_writes(void **state)
{
    struct bed b;
    set_up(&b);
    struct err err;
    const json_t *made = NULL;
    assert_int_equal(client_create(b.c, b.pods, "default", pod("p", "web"), &made, &err), 0);
    assert_string_equal(object_name(made), "p");
    assert_string_equal(jx_str(made, "spec.containers[0].imagePullPolicy", ""), "IfNotPresent");
    const json_t *seen = client_get(b.c, b.pods, "default", "p", &err);
    assert_non_null(seen);
    assert_string_equal(object_uid(seen), object_uid(made));
    assert_ptr_equal(client_find_uid(b.c, object_uid(made)), seen);
    assert_null(client_find_uid(b.c, "none"));
    assert_int_equal(client_count(b.c, b.pods, NULL), 1);
    tear_down(&b);
}

static void what_is_not_there_says_so(void **state)
{
    struct bed b;
    set_up(&b);
    struct err err;
    assert_null(client_get(b.c, b.pods, "default", "p", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.msg, "pods \"p\" not found");
    assert_int_equal(client_delete(b.c, b.pods, "default", "p", NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(client_patch(b.c, b.pods, "default", "p", NULL, json_pack("{}"), NULL, &err),
                     -1);
    assert_int_equal(client_bind(b.c, "default", "p", "worker-1", &err), -1);
    tear_down(&b);
}

static void invalid_objects_are_refused_and_freed(void **state)
{
    struct bed b;
    set_up(&b);
    struct err err;
    assert_int_equal(client_create(b.c, b.pods, "default", pod("P!", "web"), NULL, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    json_t *priv = pod("p", "web");
    jx_put_bool(priv, "spec.hostNetwork", true);
    assert_int_equal(client_create(b.c, b.pods, "default", priv, NULL, &err), -1);
    assert_int_equal(err.code, ERR_FORBIDDEN);
    assert_int_equal(client_create(b.c, b.pods, "nowhere", pod("p", "web"), NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(client_count(b.c, b.pods, NULL), 0);
    tear_down(&b);
}

static void updates_compare_revisions(void **state)
{
    struct bed b;
    set_up(&b);
    struct err err;
    make(&b, pod("p", "web"));
    const json_t *first = client_get(b.c, b.pods, "default", "p", &err);
    json_t *mine = jx_edit(first), *theirs = jx_edit(first);
    object_set_label(mine, "x", "1");
    object_set_label(theirs, "x", "2");
    const json_t *now = NULL;
    assert_int_equal(client_update(b.c, b.pods, mine, &now, &err), 0);
    assert_string_equal(object_label(now, "x"), "1");
    assert_int_equal(client_update(b.c, b.pods, theirs, NULL, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    tear_down(&b);
}

static void a_status_write_changes_nothing_else(void **state)
{
    struct bed b;
    set_up(&b);
    struct err err;
    make(&b, pod("p", "web"));
    json_t *obj = jx_edit(client_get(b.c, b.pods, "default", "p", &err));
    jx_put_str(obj, "status.phase", "Running");
    jx_put_str(obj, "spec.nodeName", "worker-9");
    object_set_label(obj, "x", "1");
    const json_t *now = NULL;
    assert_int_equal(client_update_status(b.c, b.pods, obj, &now, &err), 0);
    assert_string_equal(jx_str(now, "status.phase", ""), "Running");
    assert_string_equal(jx_str(now, "spec.nodeName", ""), "");
    assert_null(object_label(now, "x"));
    assert_string_equal(jx_str(now, "spec.containers[0].name", ""), "c");
    json_t *bad = jx_edit(now);
    jx_put_int(bad, "status.phase", 7);
    assert_int_equal(client_update_status(b.c, b.pods, bad, NULL, &err), -1);
    tear_down(&b);
}

static void the_older_version_stays_as_it_was(void **state)
{
    struct bed b;
    set_up(&b);
    struct err err;
    make(&b, pod("p", "web"));
    const json_t *was = client_get(b.c, b.pods, "default", "p", &err);
    cleanup_free char *before = jx_dump_text(was);
    assert_int_equal(client_bind(b.c, "default", "p", "worker-1", &err), 0);
    assert_int_equal(client_patch(b.c, b.pods, "default", "p", "status",
                                  json_pack("{s:{s:s}}", "status", "phase", "Running"), NULL, &err),
                     0);
    struct client_delete_opts soft = {.grace_s = -1};
    assert_int_equal(client_delete(b.c, b.pods, "default", "p", &soft, &err), 0);
    cleanup_free char *after = jx_dump_text(was);
    assert_string_equal(before, after);
    tear_down(&b);
}

static void patches_reach_object_status_and_scale(void **state)
{
    struct bed b;
    set_up(&b);
    struct err err;
    json_t *web =
        json_pack("{s:{s:s}, s:{s:{s:{s:s}}, s:{s:{s:{s:s}}, s:{s:[{s:s, s:s}]}}}}", "metadata",
                  "name", "web", "spec", "selector", "matchLabels", "a", "b", "template",
                  "metadata", "labels", "a", "b", "spec", "containers", "name", "c", "image", "i");
    assert_int_equal(client_create(b.c, b.deployments, "default", web, NULL, &err), 0);
    const json_t *now = NULL;
    assert_int_equal(client_patch(b.c, b.deployments, "default", "web", "scale",
                                  json_pack("{s:{s:i}}", "spec", "replicas", 7), &now, &err),
                     0);
    assert_int_equal(client_patch(b.c, b.deployments, "default", "web", "status",
                                  json_pack("{s:{s:i}}", "status", "replicas", 3), &now, &err),
                     0);
    assert_int_equal(jx_int(now, "spec.replicas", 0), 7);
    assert_int_equal(jx_int(now, "status.replicas", 0), 3);
    assert_int_equal(object_generation(now), 2);
    tear_down(&b);
}

static void a_namespace_is_finalized_through_its_subresource(void **state)
{
    struct bed b;
    set_up(&b);
    struct err err;
    json_t *ns = json_pack("{s:{s:s}}", "metadata", "name", "shop");
    assert_int_equal(client_create(b.c, b.namespaces, NULL, ns, NULL, &err), 0);
    assert_int_equal(client_delete(b.c, b.namespaces, NULL, "shop", NULL, &err), 0);
    assert_non_null(client_get(b.c, b.namespaces, NULL, "shop", &err));
    assert_int_equal(client_patch(b.c, b.namespaces, NULL, "shop", "finalize",
                                  json_pack("{s:{s:[]}}", "spec", "finalizers"), NULL, &err),
                     0);
    assert_null(client_get(b.c, b.namespaces, NULL, "shop", &err));
    tear_down(&b);
}

/* ---- walks ---- */

static bool add_name(void *arg, const json_t *obj)
{
    str_add_f(arg, "%s ", object_name(obj));
    return true;
}

static bool add_entry_name(void *arg, const struct store_entry *e)
{
    str_add_f(arg, "%s ", e->key.name);
    return false;
}

static void walks_are_filtered_and_ordered(void **state)
{
    struct bed b;
    set_up(&b);
    struct err err;
    make(&b, pod("b", "web"));
    make(&b, pod("a", "db"));
    json_t *owned = pod("c", "web");
    jx_put(owned, "metadata.ownerReferences",
           json_pack("[{s:s, s:s, s:s, s:s, s:b}]", "apiVersion", "apps/v1", "kind", "ReplicaSet",
                     "name", "web", "uid", "u-1", "controller", 1));
    make(&b, owned);
    assert_int_equal(client_bind(b.c, "default", "a", "worker-1", &err), 0);
    struct str seen = STR_INIT;
    client_each(b.c, b.pods, NULL, add_name, &seen);
    assert_string_equal(str_c(&seen), "a b c ");
    str_clear(&seen);
    struct selector *web = NULL;
    assert_int_equal(selector_parse("app=web", &web, &err), 0);
    client_each(b.c, b.pods, &(struct client_filter){.ns = "default", .labels = web}, add_name,
                &seen);
    assert_string_equal(str_c(&seen), "b c ");
    assert_int_equal(client_count(b.c, b.pods, &(struct client_filter){.labels = web}), 2);
    str_clear(&seen);
    client_each(b.c, b.pods, &(struct client_filter){.owner_uid = "u-1"}, add_name, &seen);
    client_each(b.c, b.pods, &(struct client_filter){.node = "worker-1"}, add_name, &seen);
    assert_string_equal(str_c(&seen), "c a ");
    str_clear(&seen);
    client_each_entry(b.c, b.pods, NULL, add_entry_name, &seen); /* stops after the first */
    assert_string_equal(str_c(&seen), "a ");
    selector_free(web);
    str_fini(&seen);
    tear_down(&b);
}

static bool remove_pod(void *arg, const json_t *obj)
{
    struct bed *b = arg;
    struct err err;
    assert_int_equal(client_delete(b->c, b->pods, "default", object_name(obj), NULL, &err), 0);
    return true;
}

static void a_walk_may_write(void **state)
{
    struct bed b;
    set_up(&b);
    make(&b, pod("a", "web"));
    make(&b, pod("b", "web"));
    client_each(b.c, b.pods, NULL, remove_pod, &b);
    assert_int_equal(client_count(b.c, b.pods, NULL), 0);
    tear_down(&b);
}

/* ---- commits ---- */

struct told {
    int n;
    bool ok;
};

static void on_told(void *arg, bool ok)
{
    struct told *t = arg;
    t->n++;
    t->ok = ok;
}

static void what_waits_for_the_commit_is_told_once(void **state)
{
    struct bed b;
    set_up(&b);
    struct told first = {0}, second = {0}, never = {0};
    make(&b, pod("p", "web"));
    client_on_commit(b.c, on_told, &first);
    client_on_commit(b.c, on_told, &never);
    client_off_commit(b.c, &never);
    assert_int_equal(first.n, 0);
    tick(&b);
    assert_int_equal(first.n, 1);
    assert_true(first.ok);
    client_on_commit(b.c, on_told, &second); /* nothing is staged */
    loop_sim_advance(b.rig.loop, LOOP_MS(1));
    make(&b, pod("q", "web"));
    tick(&b);
    assert_int_equal(second.n, 1);
    assert_int_equal(first.n, 1);
    assert_int_equal(never.n, 0);
    tear_down(&b);
}

static void a_full_disk_undoes_and_tells(void **state)
{
    struct bed b;
    set_up(&b);
    struct told t = {0};
    struct err err;
    memvfs_full(b.rig.vfs, true);
    make(&b, pod("p", "web"));
    client_on_commit(b.c, on_told, &t);
    tick(&b);
    assert_int_equal(t.n, 1);
    assert_false(t.ok);
    assert_null(client_get(b.c, b.pods, "default", "p", &err));
    assert_int_equal(client_create(b.c, b.pods, "default", pod("q", "web"), NULL, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    memvfs_full(b.rig.vfs, false);
    loop_sim_advance(b.rig.loop, LOOP_S(5));
    make(&b, pod("r", "web"));
    tear_down(&b);
}

static void records_are_kept_apart(void **state)
{
    struct bed b;
    set_up(&b);
    client_record_put(b.c, "starts", "p/1", json_pack("{s:i}", "attempt", 3));
    assert_int_equal(jx_int(client_record_find(b.c, "starts", "p/1"), "attempt", 0), 3);
    assert_null(client_record_find(b.c, "others", "p/1"));
    tick(&b);
    client_record_delete(b.c, "starts", "p/1");
    assert_null(client_record_find(b.c, "starts", "p/1"));
    tear_down(&b);
}

static void a_client_that_goes_is_told_nothing_more(void **state)
{
    struct bed b;
    set_up(&b);
    struct told t = {0};
    make(&b, pod("p", "web"));
    client_on_commit(b.c, on_told, &t);
    client_free(b.c);
    b.c = NULL;
    tick(&b);
    assert_int_equal(t.n, 0);
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_sees_its_own_writes),
        cmocka_unit_test(what_is_not_there_says_so),
        cmocka_unit_test(invalid_objects_are_refused_and_freed),
        cmocka_unit_test(updates_compare_revisions),
        cmocka_unit_test(a_status_write_changes_nothing_else),
        cmocka_unit_test(the_older_version_stays_as_it_was),
        cmocka_unit_test(patches_reach_object_status_and_scale),
        cmocka_unit_test(a_namespace_is_finalized_through_its_subresource),
        cmocka_unit_test(walks_are_filtered_and_ordered),
        cmocka_unit_test(a_walk_may_write),
        cmocka_unit_test(what_waits_for_the_commit_is_told_once),
        cmocka_unit_test(a_full_disk_undoes_and_tells),
        cmocka_unit_test(records_are_kept_apart),
        cmocka_unit_test(a_client_that_goes_is_told_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
