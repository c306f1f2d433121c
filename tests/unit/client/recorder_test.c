/* SPDX-License-Identifier: Apache-2.0 */
/* The same thing again raises a count; another thing is another Event. */
#include "api/rig.h"
#include "client/client.h"
#include "client/recorder.h"
#include "kinds/kinds.h"
#include "meta/object.h"

struct bed {
    struct rig rig;
    struct client *c;
    const struct kind *events;
    json_t *pod;
};

static void set_up(struct bed *b)
{
    rig_init(&b->rig);
    b->c = client_new(b->rig.api, "system:test");
    b->events = kinds_find("", "v1", "events");
    b->pod = json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "kind", "Pod", "apiVersion", "v1",
                       "metadata", "name", "web-1", "namespace", "default", "uid", "u-1");
}

static void tear_down(struct bed *b)
{
    json_decref(b->pod);
    client_free(b->c);
    rig_fini(&b->rig);
}

static bool keep(void *arg, const json_t *obj)
{
    json_array_append(arg, (json_t *)(uintptr_t)obj);
    return true;
}

static json_t *all(struct bed *b)
{
    json_t *list = json_array();
    client_each(b->c, b->events, NULL, keep, list);
    return list;
}

static void an_event_says_what_befell_whom(void **state)
{
    struct bed b;
    set_up(&b);
    recorder_event(b.c, "kubelet", "worker-1", b.pod, "Warning", "BackOff", "Back-off %d s", 10);
    json_auto_t *list = all(&b);
    assert_int_equal(json_array_size(list), 1);
    const json_t *e = json_array_get(list, 0);
    assert_string_equal(jx_str(e, "message", ""), "Back-off 10 s");
    assert_string_equal(jx_str(e, "type", ""), "Warning");
    assert_string_equal(jx_str(e, "reason", ""), "BackOff");
    assert_string_equal(jx_str(e, "source.component", ""), "kubelet");
    assert_string_equal(jx_str(e, "source.host", ""), "worker-1");
    assert_string_equal(jx_str(e, "involvedObject.kind", ""), "Pod");
    assert_string_equal(jx_str(e, "involvedObject.name", ""), "web-1");
    assert_string_equal(jx_str(e, "involvedObject.uid", ""), "u-1");
    assert_string_equal(jx_str(e, "firstTimestamp", ""), "2026-01-01T00:00:00Z");
    assert_int_equal(jx_int(e, "count", 0), 1);
    assert_true(str_has_prefix(object_name(e), "web-1."));
    assert_string_equal(object_namespace(e), "default");
    tear_down(&b);
}

static void the_same_again_is_counted(void **state)
{
    struct bed b;
    set_up(&b);
    recorder_event(b.c, "kubelet", NULL, b.pod, "Normal", "Pulled", "here");
    loop_sim_advance(b.rig.loop, LOOP_S(7));
    recorder_event(b.c, "kubelet", NULL, b.pod, "Normal", "Pulled", "here");
    recorder_event(b.c, "kubelet", NULL, b.pod, "Normal", "Pulled", "there");
    recorder_event(b.c, "kubelet", NULL, b.pod, "Warning", "Pulled", "here");
    recorder_event(b.c, "scheduler", NULL, b.pod, "Normal", "Pulled", "here");
    json_auto_t *list = all(&b);
    assert_int_equal(json_array_size(list), 4);
    int counted = 0;
    size_t i;
    const json_t *e;
    jx_each(i, e, list)
    {
        if (jx_int(e, "count", 0) == 2) {
            counted++;
            assert_string_equal(jx_str(e, "firstTimestamp", ""), "2026-01-01T00:00:00Z");
            assert_string_equal(jx_str(e, "lastTimestamp", ""), "2026-01-01T00:00:07Z");
        }
    }
    assert_int_equal(counted, 1);
    tear_down(&b);
}

static void events_of_nodes_are_in_default(void **state)
{
    struct bed b;
    set_up(&b);
    json_auto_t *node = json_pack("{s:s, s:s, s:{s:s, s:s}}", "kind", "Node", "apiVersion", "v1",
                                  "metadata", "name", "worker-1", "uid", "u-2");
    recorder_event(b.c, "node-controller", NULL, node, "Normal", "NodeNotReady", "silent");
    json_auto_t *list = all(&b);
    assert_string_equal(object_namespace(json_array_get(list, 0)), "default");
    tear_down(&b);
}

static void messages_are_bounded_between_characters(void **state)
{
    struct bed b;
    set_up(&b);
    struct str text = STR_INIT;
    for (int i = 0; i < 700; i++) {
        str_add(&text, "\xc3\xa9"); /* two bytes each; 1,024 is an even number */
    }
    recorder_event(b.c, "kubelet", NULL, b.pod, "Normal", "A", "%s", str_c(&text));
    recorder_event(b.c, "kubelet", NULL, b.pod, "Normal", "B", "x%s", str_c(&text));
    json_auto_t *list = all(&b);
    assert_int_equal(json_array_size(list), 2);
    size_t i;
    const json_t *e;
    jx_each(i, e, list)
    {
        size_t n = strlen(jx_str(e, "message", ""));
        assert_int_equal(n, strcmp(jx_str(e, "reason", ""), "A") == 0 ? 1024 : 1023);
    }
    str_fini(&text);
    tear_down(&b);
}

static void a_namespace_that_goes_loses_its_events_silently(void **state)
{
    struct bed b;
    set_up(&b);
    jx_put_str(b.pod, "metadata.namespace", "nowhere");
    recorder_event(b.c, "kubelet", NULL, b.pod, "Normal", "A", "a");
    json_auto_t *list = all(&b);
    assert_int_equal(json_array_size(list), 0);
    tear_down(&b);
}

/* Events are encoded past the verbs: what those would have made of one is what is stored. */
static void an_event_is_what_the_api_would_have_stored(void **state)
{
    struct bed b;
    struct err err;
    set_up(&b);
    recorder_event(b.c, "kubelet", "worker-1", b.pod, "Warning", "Failed",
                   "a \"quoted\" \\ and\n%s", "\xc3\xa9");
    recorder_event(b.c, "kubelet", NULL, b.pod, "Normal", "Odd", "\xff");
    json_auto_t *list = all(&b);
    assert_int_equal(json_array_size(list), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *e = json_array_get(list, i);
        bool failed = strcmp(jx_str(e, "reason", ""), "Failed") == 0;
        assert_string_equal(jx_str(e, "message", ""),
                            failed ? "a \"quoted\" \\ and\n\xc3\xa9" : "(not UTF-8)");
        assert_int_equal(strlen(object_uid(e)), 36);
        assert_string_equal(object_uid(client_find_uid(b.c, object_uid(e))), object_uid(e));
        const json_t *again;
        int64_t was = object_revision(e);
        assert_int_equal(client_update(b.c, b.events, jx_edit(e), &again, &err), 0);
        assert_int_equal(object_revision(again), was); /* nothing to add, nothing to refuse */
    }
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_says_what_befell_whom),
        cmocka_unit_test(the_same_again_is_counted),
        cmocka_unit_test(events_of_nodes_are_in_default),
        cmocka_unit_test(messages_are_bounded_between_characters),
        cmocka_unit_test(a_namespace_that_goes_loses_its_events_silently),
        cmocka_unit_test(an_event_is_what_the_api_would_have_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
