/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that labels match as they do in the cluster. */
#include "common/testing.h"

#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "kube/labels.h"

static const struct {
    const char *selector;
    bool want;
} rows[] = {
    {NULL, true},
    {"", true},
    {"app=web", true},
    {" app == web ", true},
    {"app=webb", false},
    {"app=web,tier=front", true},
    {"app=web,tier=back", false},
    {"app!=kv", true},
    {"none!=x", true},
    {"app", true},
    {"none", false},
    {"!none", true},
    {"!app", false},
    {"app in (kv, web)", true},
    {"app in (kv)", false},
    {"app notin (kv),tier", true},
    {"none notin (kv)", true},
    {"none in (kv)", false},
    {"app in web", false},
    {"app=web,", false},
    {"app=web)", false},
    {"=", false},
    {"intern=x", false},
};

static void test_rows(void **state)
{
    json_t *labels = json_pack("{s:s, s:s}", "app", "web", "tier", "front");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (kube_labels_match(rows[i].selector, labels) != rows[i].want) {
            fail_msg("\"%s\" gave %d", rows[i].selector, !rows[i].want);
        }
    }
    json_decref(labels);
}

static void test_objects(void **state)
{
    json_t *labels = json_pack("{s:s, s:s}", "app", "web", "tier", "front");
    json_t *same = json_pack("{s:s}", "app", "web");
    json_t *other = json_pack("{s:s}", "app", "webb");
    json_t *none = json_object();
    assert_true(kube_labels_have(same, labels));
    assert_false(kube_labels_have(other, labels));
    assert_false(kube_labels_have(none, labels));
    assert_false(kube_labels_have(NULL, labels));
    json_t *selector =
        json_pack("{s:O, s:[{s:s, s:s, s:[s]}]}", "matchLabels", same, "matchExpressions", "key",
                  "tier", "operator", "NotIn", "values", "back");
    assert_true(kube_labels_match_object(selector, labels));
    assert_false(kube_labels_match_object(none, labels));
    jx_put_str(json_array_get(jx_get(selector, "matchExpressions"), 0), "operator", "In");
    assert_false(kube_labels_match_object(selector, labels));
    json_decref(selector);
    json_decref(labels);
    json_decref(same);
    json_decref(other);
    json_decref(none);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_objects)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
