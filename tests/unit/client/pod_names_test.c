/* SPDX-License-Identifier: Apache-2.0 */
/* Each number of the series is used once, whatever the turn and however often we start. */
#include "api/rig.h"
#include "client/client.h"
#include "client/pod_names.h"
#include "client/spares.h"
#include "kinds/kinds.h"
#include "meta/object.h"

static void use(struct client *c, const char *owner, uint64_t n)
{
    struct pod_names p;
    pod_names_load(c, owner, &p);
    assert_false(pod_names_used(&p, n));
    pod_names_use(&p, n);
    assert_true(pod_names_used(&p, n));
    pod_names_save(c, owner, &p);
    pod_names_fini(&p);
}

static void numbers_out_of_turn_are_remembered(void **state)
{
    struct rig rig;
    rig_init(&rig);
    struct client *c = client_new(rig.api, "system:test");
    static const uint64_t turns[] = {3, 0, 7, 1, 2};
    for (size_t i = 0; i < 5; i++) {
        use(c, "rs", turns[i]);
    }
    struct pod_names p;
    pod_names_load(c, "rs", &p);
    assert_int_equal(p.next, 4);
    assert_int_equal(p.beyond.n, 1);
    assert_true(pod_names_used(&p, 7));
    assert_false(pod_names_used(&p, 5));
    pod_names_use(&p, 4); /* again changes nothing */
    pod_names_use(&p, 4);
    assert_int_equal(p.next, 5);
    pod_names_fini(&p);
    pod_names_forget(c, "rs");
    pod_names_load(c, "rs", &p);
    assert_int_equal(p.next, 0);
    pod_names_fini(&p);
    client_free(c);
    rig_fini(&rig);
}

static void names_of_owners_that_are_gone_are_forgotten(void **state)
{
    struct rig rig;
    struct err err;
    const json_t *made = NULL;
    rig_init(&rig);
    struct client *c = client_new(rig.api, "system:test");
    assert_int_equal(client_create(c, kinds_find_gr("configmaps"), "default",
                                   json_pack("{s:{s:s}}", "metadata", "name", "owner"), &made,
                                   &err),
                     0);
    cleanup_free char *uid = xstrdup(object_uid(made));
    use(c, uid, 0);
    use(c, "nobody", 0);
    pod_names_prune(c);
    struct pod_names p;
    pod_names_load(c, uid, &p);
    assert_int_equal(p.next, 1);
    pod_names_fini(&p);
    pod_names_load(c, "nobody", &p);
    assert_int_equal(p.next, 0);
    pod_names_fini(&p);
    client_free(c);
    rig_fini(&rig);
}

static void a_damaged_record_is_no_record(void **state)
{
    struct rig rig;
    rig_init(&rig);
    struct client *c = client_new(rig.api, "system:test");
    client_record_put(c, "pods.names", "rs",
                      json_pack("{s:i, s:[s, i, i]}", "next", -4, "beyond", "x", -1, 2));
    struct pod_names p;
    pod_names_load(c, "rs", &p);
    assert_int_equal(p.next, 0);
    assert_int_equal(p.beyond.n, 1);
    pod_names_fini(&p);
    client_record_put(c, spares_table, "default/x", json_pack("[]"));
    assert_null(spares_host(c, "default", "x"));
    assert_null(spares_host(c, "default", "y"));
    client_free(c);
    rig_fini(&rig);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_out_of_turn_are_remembered),
        cmocka_unit_test(names_of_owners_that_are_gone_are_forgotten),
        cmocka_unit_test(a_damaged_record_is_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
