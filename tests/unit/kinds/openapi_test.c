/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAPI documents of a kind of the test's own that has a field of every sort. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "thing.h"

/* ---- helpers ---- */

/* Single quotes in `want` stand for double ones. */
static void check(const json_t *got, const char *want)
{
    cleanup_free char *text = xstrdup(want);
    for (char *p = strchr(text, '\''); p != NULL; p = strchr(p, '\'')) {
        *p = '"';
    }
    json_auto_t *wanted = NULL;
    struct err err = {0};
    if (jx_parse(text, strlen(text), true, &wanted, &err) != 0) {
        fail_msg("%s: %s", err.msg, text);
    }
    assert_non_null(got);
    cleanup_free char *saw = jx_dump_text(got);
    if (!jx_equal(got, wanted)) {
        fail_msg("expected %s\n     got %s", text, saw);
    }
}

static const json_t *schema_v3(const json_t *doc, const char *name)
{
    return jx_get(jx_path(doc, "components.schemas"), name);
}

static const json_t *schema_v2(const json_t *doc, const char *name)
{
    return jx_get(jx_get(doc, "definitions"), name);
}

static const json_t *field(const json_t *schema, const char *name)
{
    return jx_get(jx_get(schema, "properties"), name);
}

/* ---- schemas ---- */

static void a_kind_says_what_it_is(void **state)
{
    json_auto_t *v3 = kinds_openapi_v3("test.dev", "v1");
    const json_t *schema = schema_v3(v3, "t.Thing");
    assert_string_equal(jx_get_str(schema, "description", ""), "A thing.");
    check(jx_get(schema, "x-kubernetes-group-version-kind"),
          "[{'group':'test.dev','kind':'Thing','version':'v1'}]");
    assert_string_equal(jx_get_str(field(schema, "apiVersion"), "type", ""), "string");
    assert_string_equal(jx_get_str(field(schema, "kind"), "type", ""), "string");
    check(field(schema, "spec"), "{'allOf':[{'$ref':'#/components/schemas/t.Spec'}],"
                                 "'description':'What is asked for.'}");
    assert_null(jx_get(schema_v3(v3, "t.Spec"), "x-kubernetes-group-version-kind"));
    check(jx_get(schema_v3(v3, "s.Scale"), "x-kubernetes-group-version-kind"),
          "[{'group':'autoscaling','kind':'Scale','version':'v1'}]");

    json_auto_t *v2 = kinds_openapi_v2_json();
    check(field(schema_v2(v2, "t.Thing"), "spec"),
          "{'$ref':'#/definitions/t.Spec','description':'What is asked for.'}");
}

static void values_have_types(void **state)
{
    json_auto_t *v3 = kinds_openapi_v3("test.dev", "v1");
    const json_t *s = schema_v3(v3, "t.Spec");
    check(field(s, "flag"), "{'type':'boolean','description':'Yes or no.'}");
    check(field(s, "count"), "{'type':'integer','format':'int32','minimum':-1,'default':1}");
    check(field(s, "long"), "{'type':'integer','format':'int64','maximum':300}");
    check(field(s, "ratio"), "{'type':'number','format':'double'}");
    check(field(s, "bytes"), "{'type':'string','format':'byte'}");
    check(field(s, "word"), "{'type':'string','maxLength':63}");
    check(field(s, "any"), "{'type':'object'}");
    /* A default that depends on its siblings is not stated. */
    check(field(s, "mode"), "{'type':'string','enum':['On','Off']}");
    check(field(s, "words"), "{'type':'array','items':{'type':'string','enum':['a','b']}}");
    check(field(s, "labels"), "{'type':'object','additionalProperties':{'type':'string'}}");
    check(jx_get(s, "required"), "['path','trees']");
}

static void amounts_and_times_have_schemas_of_their_own(void **state)
{
    json_auto_t *v3 = kinds_openapi_v3("test.dev", "v1");
    json_auto_t *v2 = kinds_openapi_v2_json();
    const char *quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity";
    const char *port = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
    check(field(schema_v2(v2, "t.Spec"), "amount"),
          "{'$ref':'#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity'}");
    check(field(schema_v2(v2, "t.Spec"), "limits"),
          "{'type':'object','additionalProperties':{'$ref':"
          "'#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity'}}");
    assert_string_equal(jx_get_str(schema_v2(v2, quantity), "type", ""), "string");
    check(jx_get(schema_v3(v3, quantity), "oneOf"), "[{'type':'number'},{'type':'string'}]");
    assert_null(jx_get(schema_v3(v3, quantity), "type"));
    assert_string_equal(jx_get_str(schema_v2(v2, port), "format", ""), "int-or-string");
    check(jx_get(schema_v3(v3, port), "oneOf"), "[{'type':'integer'},{'type':'string'}]");
    assert_string_equal(jx_get_str(schema_v3(v3, port), "format", ""), "int-or-string");
    const char *times[] = {"io.k8s.apimachinery.pkg.apis.meta.v1.Time",
                           "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        assert_string_equal(jx_get_str(schema_v3(v3, times[i]), "format", ""), "date-time");
    }
}

/* What kubectl's patches are computed with. */
static void lists_say_how_they_merge(void **state)
{
    json_auto_t *v2 = kinds_openapi_v2_json();
    const json_t *s = schema_v2(v2, "t.Spec");
    check(field(s, "trees"),
          "{'type':'array','items':{'$ref':'#/definitions/t.Tree'},'description':'The trees.',"
          "'minItems':1,'x-kubernetes-list-map-keys':['name','kind'],"
          "'x-kubernetes-list-type':'map','x-kubernetes-patch-merge-key':'name',"
          "'x-kubernetes-patch-strategy':'merge'}");
    check(field(s, "finalizers"),
          "{'type':'array','items':{'type':'string'},'x-kubernetes-list-type':'set',"
          "'x-kubernetes-patch-strategy':'merge'}");
    check(field(s, "volumes"),
          "{'type':'array','items':{'$ref':'#/definitions/t.Tree'},"
          "'x-kubernetes-patch-merge-key':'name','x-kubernetes-patch-strategy':"
          "'merge,retainKeys'}");
    check(field(s, "strategy"), "{'$ref':'#/definitions/t.Source',"
                                "'x-kubernetes-patch-strategy':'retainKeys'}");
}

static void inlined_messages_are_not_seen(void **state)
{
    json_auto_t *v2 = kinds_openapi_v2_json();
    assert_null(field(schema_v2(v2, "t.Spec"), "inlined"));
    check(field(schema_v2(v2, "t.Spec"), "path"), "{'type':'string'}");
}

static void a_message_may_contain_itself(void **state)
{
    json_auto_t *v2 = kinds_openapi_v2_json();
    check(schema_v2(v2, "t.Tree"),
          "{'description':'Contains itself.','type':'object','properties':{'branches':{'type':"
          "'array','items':{'$ref':'#/definitions/t.Tree'}},'name':{'type':'string'}},"
          "'required':['name']}");
}

/* kubectl 1.20 warns of kinds that have no properties. */
static void no_kind_is_without_properties(void **state)
{
    json_auto_t *v2 = kinds_openapi_v2_json();
    assert_int_equal(jx_len(schema_v2(v2, "t.Empty"), "properties"), 2);
    check(jx_get(schema_v2(v2, "t.Empty"), "x-kubernetes-group-version-kind"),
          "[{'group':'','kind':'Lonely','version':'v1'}]");
}

static void lists_have_schemas(void **state)
{
    json_auto_t *v3 = kinds_openapi_v3("test.dev", "v1");
    const json_t *list = schema_v3(v3, "t.ThingList");
    check(jx_path(field(list, "items"), "items"),
          "{'allOf':[{'$ref':'#/components/schemas/t.Thing'}]}");
    check(jx_get(list, "x-kubernetes-group-version-kind"),
          "[{'group':'test.dev','kind':'ThingList','version':'v1'}]");
    json_auto_t *core = kinds_openapi_v3("", "v1");
    assert_null(schema_v3(core, "t.LonelyList")); /* it cannot be listed */
}

/* ---- paths ---- */

static const json_t *op(const json_t *doc, const char *url, const char *method)
{
    return jx_get(jx_get(jx_get(doc, "paths"), url), method);
}

static bool has_parameter(const json_t *operation, const char *name)
{
    return jx_find(jx_arr(operation, "parameters"), "name", name) != NULL;
}

/* kubectl looks at a kind's PATCH for what the server knows. */
static void check_writes(const json_t *doc)
{
    const json_t *writes[] = {op(doc, THING_OBJECT, "patch"), op(doc, THING_OBJECT, "put"),
                              op(doc, THING_COLLECTION, "post")};
    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        assert_true(has_parameter(writes[i], "dryRun"));
        assert_true(has_parameter(writes[i], "fieldManager"));
        assert_true(has_parameter(writes[i], "fieldValidation"));
        check(jx_get(writes[i], "x-kubernetes-group-version-kind"),
              "{'group':'test.dev','kind':'Thing','version':'v1'}");
    }
    assert_true(has_parameter(writes[0], "force"));
    assert_false(has_parameter(op(doc, THING_OBJECT, "get"), "dryRun"));
    assert_true(has_parameter(op(doc, THING_OBJECT, "delete"), "dryRun"));
}

static void writes_know_dry_run_and_validation(void **state)
{
    json_auto_t *v2 = kinds_openapi_v2_json();
    check_writes(v2);
    json_auto_t *v3 = kinds_openapi_v3("test.dev", "v1");
    check_writes(v3);
}

static void bodies_are_told_in_each_versions_way(void **state)
{
    json_auto_t *v2 = kinds_openapi_v2_json();
    json_auto_t *v3 = kinds_openapi_v3("test.dev", "v1");
    check(json_array_get(jx_arr(op(v2, THING_COLLECTION, "post"), "parameters"), 0),
          "{'name':'body','in':'body','required':true,'schema':{'$ref':'#/definitions/t.Thing'}}");
    check(jx_get(op(v3, THING_COLLECTION, "post"), "requestBody"),
          "{'content':{'application/json':{'schema':{'allOf':[{'$ref':"
          "'#/components/schemas/t.Thing'}]}}},'required':true}");
    const json_t *patch = jx_path(op(v3, THING_OBJECT, "patch"), "requestBody.content");
    assert_non_null(jx_get(patch, "application/apply-patch+yaml"));
    assert_non_null(jx_get(patch, "application/strategic-merge-patch+json"));
    assert_null(jx_get(patch, "application/json"));
    const json_t *dry_run =
        jx_find(jx_arr(op(v3, THING_OBJECT, "patch"), "parameters"), "name", "dryRun");
    assert_string_equal(jx_str(dry_run, "schema.type", ""), "string");
    dry_run = jx_find(jx_arr(op(v2, THING_OBJECT, "patch"), "parameters"), "name", "dryRun");
    assert_string_equal(jx_get_str(dry_run, "type", ""), "string");
}

static void only_the_verbs_of_a_kind_have_operations(void **state)
{
    json_auto_t *core = kinds_openapi_v3("", "v1");
    const json_t *paths = jx_get(core, "paths");
    assert_int_equal(json_object_size(paths), 1);
    assert_non_null(op(core, "/api/v1/lonelies", "post"));
    assert_null(op(core, "/api/v1/lonelies", "get"));
}

static void subresources_carry_their_own_kind(void **state)
{
    json_auto_t *v3 = kinds_openapi_v3("test.dev", "v1");
    check(jx_get(op(v3, THING_OBJECT "/scale", "patch"), "x-kubernetes-group-version-kind"),
          "{'group':'autoscaling','kind':'Scale','version':'v1'}");
    const json_t *answer = jx_get(jx_get(op(v3, THING_OBJECT "/scale", "get"), "responses"), "200");
    check(jx_get(jx_get(jx_get(answer, "content"), "application/json"), "schema"),
          "{'allOf':[{'$ref':'#/components/schemas/s.Scale'}]}");
    /* A kind that nobody describes has no schema, but its path is known. */
    check(jx_get(op(v3, THING_OBJECT "/exec", "get"), "x-kubernetes-group-version-kind"),
          "{'group':'test.dev','kind':'ThingExecOptions','version':'v1'}");
    check(jx_get(op(v3, THING_OBJECT "/exec", "get"), "responses"), "{'200':{'description':'OK'}}");
}

static void all_namespaces_can_be_listed(void **state)
{
    json_auto_t *v3 = kinds_openapi_v3("test.dev", "v1");
    const char *url = "/apis/test.dev/v1/things";
    assert_string_equal(jx_get_str(op(v3, url, "get"), "operationId", ""),
                        "listTestDevV1ThingForAllNamespaces");
    assert_null(op(v3, url, "post"));
    assert_string_equal(jx_get_str(op(v3, THING_COLLECTION, "get"), "operationId", ""),
                        "listTestDevV1NamespacedThing");
}

/* ---- the index ---- */

static void the_index_names_each_document_by_its_contents(void **state)
{
    json_auto_t *index = kinds_openapi_v3_index();
    const json_t *paths = jx_get(index, "paths");
    assert_int_equal(json_object_size(paths), 2);
    const char *core = jx_str(jx_get(paths, "api/v1"), "serverRelativeURL", "");
    const char *test = jx_str(jx_get(paths, "apis/test.dev/v1"), "serverRelativeURL", "");
    assert_true(str_has_prefix(core, "/openapi/v3/api/v1?hash="));
    assert_true(str_has_prefix(test, "/openapi/v3/apis/test.dev/v1?hash="));
    assert_string_not_equal(strchr(core, '='), strchr(test, '='));
    json_auto_t *again = kinds_openapi_v3_index();
    assert_true(jx_equal(index, again));
    assert_null(kinds_openapi_v3("autoscaling", "v1")); /* only ever a body */
    assert_null(kinds_openapi_v3("test.dev", "v2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kind_says_what_it_is),
        cmocka_unit_test(values_have_types),
        cmocka_unit_test(amounts_and_times_have_schemas_of_their_own),
        cmocka_unit_test(lists_say_how_they_merge),
        cmocka_unit_test(inlined_messages_are_not_seen),
        cmocka_unit_test(a_message_may_contain_itself),
        cmocka_unit_test(no_kind_is_without_properties),
        cmocka_unit_test(lists_have_schemas),
        cmocka_unit_test(writes_know_dry_run_and_validation),
        cmocka_unit_test(bodies_are_told_in_each_versions_way),
        cmocka_unit_test(only_the_verbs_of_a_kind_have_operations),
        cmocka_unit_test(subresources_carry_their_own_kind),
        cmocka_unit_test(all_namespaces_can_be_listed),
        cmocka_unit_test(the_index_names_each_document_by_its_contents),
    };
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
