/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery in both its forms, over a few kinds of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"

#define WORDS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
static const char *const none[] = {NULL};

static const struct kind_message message = {.name = "M", .full_name = "m.M"};

static const struct kind_subresource pod_subresources[] = {
    {.name = "eviction",
     .group = "policy",
     .version = "v1",
     .kind = "Eviction",
     .verbs = WORDS("create")},
    {.name = "log", .verbs = WORDS("get")},
};
static const struct kind pod = {
    .group = "",
    .version = "v1",
    .kind = "Pod",
    .resource = "pods",
    .singular = "pod",
    .short_names = WORDS("po"),
    .categories = WORDS("all"),
    .verbs = WORDS("get", "list"),
    .namespaced = true,
    .served = true,
    .message = &message,
    .subresources = pod_subresources,
    .nsubresources = ARRAY_LEN(pod_subresources),
    .api_version = "v1",
};
static const struct kind delete_options = {
    .group = "meta.k8s.io",
    .version = "v1",
    .kind = "DeleteOptions",
    .message = &message,
    .api_version = "meta.k8s.io/v1",
};
/* A version that is only sent as a body, before the one that is served. */
static const struct kind scale = {
    .group = "autoscaling",
    .version = "v1",
    .kind = "Scale",
    .message = &message,
    .api_version = "autoscaling/v1",
};

#define SCALER(version_)                                                                           \
    {                                                                                              \
        .group = "autoscaling", .version = version_, .kind = "Scaler", .resource = "scalers",      \
        .singular = "scaler", .short_names = none, .categories = none, .verbs = WORDS("list"),     \
        .namespaced = true, .served = true, .message = &message,                                   \
        .api_version = "autoscaling/" version_                                                     \
    }
static const struct kind scaler_v2 = SCALER("v2");
static const struct kind scaler_v1 = SCALER("v1");

static const struct kind_subresource host_subresources[] = {
    {.name = "status", .verbs = WORDS("get", "patch")},
};
static const struct kind host = {
    .group = "podlab.dev",
    .version = "v1",
    .kind = "Host",
    .resource = "hosts",
    .singular = "host",
    .short_names = none,
    .categories = none,
    .verbs = WORDS("get"),
    .served = true,
    .message = &message,
    .subresources = host_subresources,
    .nsubresources = ARRAY_LEN(host_subresources),
    .api_version = "podlab.dev/v1",
};

const struct kind *const kinds_all[] = {
    &pod, &delete_options, &scale, &scaler_v2, &scaler_v1, &host, NULL,
};

/* Takes `got`. Single quotes in `want` stand for double ones. */
static void check(json_t *got, const char *want)
{
    cleanup_free char *text = xstrdup(want);
    for (char *p = strchr(text, '\''); p != NULL; p = strchr(p, '\'')) {
        *p = '"';
    }
    json_t *wanted = NULL;
    struct err err = {0};
    if (jx_parse(text, strlen(text), true, &wanted, &err) != 0) {
        fail_msg("%s: %s", err.msg, text);
    }
    cleanup_free char *saw = jx_dump_text(got);
    if (!jx_equal(got, wanted)) {
        fail_msg("expected %s\n     got %s", text, saw);
    }
    json_decref(wanted);
    json_decref(got);
}

#define POD_RESOURCE                                                                               \
    "{'resource':'pods','responseKind':{'group':'','version':'v1','kind':'Pod'},"                  \
    "'scope':'Namespaced','singularResource':'pod','verbs':['get','list'],'shortNames':['po'],"    \
    "'categories':['all'],'subresources':["                                                        \
    "{'subresource':'eviction','responseKind':{'group':'policy','version':'v1',"                   \
    "'kind':'Eviction'},'verbs':['create']},"                                                      \
    "{'subresource':'log','responseKind':{'group':'','version':'v1','kind':'Pod'},"                \
    "'verbs':['get']}]}"

static void core_is_aggregated_without_a_name(void **state)
{
    check(kinds_discovery_aggregated("v2", true),
          "{'kind':'APIGroupDiscoveryList','apiVersion':'apidiscovery.k8s.io/v2','metadata':{},"
          "'items':[{'metadata':{'creationTimestamp':null},'versions':[{'version':'v1',"
          "'freshness':'Current','resources':[" POD_RESOURCE "]}]}]}");
}

static void the_older_form_differs_in_its_version_only(void **state)
{
    json_auto_t *v2 = kinds_discovery_aggregated("v2", true);
    json_t *beta = kinds_discovery_aggregated("v2beta1", true);
    assert_string_equal(jx_get_str(beta, "apiVersion", ""), "apidiscovery.k8s.io/v2beta1");
    jx_put_str(beta, "apiVersion", "apidiscovery.k8s.io/v2");
    assert_true(jx_equal(beta, v2));
    json_decref(beta);
}

#define SCALER_VERSION(version)                                                                    \
    "{'version':'" version "','freshness':'Current','resources':[{'resource':'scalers',"           \
    "'responseKind':{'group':'autoscaling','version':'" version "','kind':'Scaler'},"              \
    "'scope':'Namespaced','singularResource':'scaler','verbs':['list']}]}"

static void groups_and_versions_keep_their_order(void **state)
{
    check(kinds_discovery_aggregated("v2", false),
          "{'kind':'APIGroupDiscoveryList','apiVersion':'apidiscovery.k8s.io/v2','metadata':{},"
          "'items':[{'metadata':{'name':'autoscaling','creationTimestamp':null},"
          "'versions':[" SCALER_VERSION("v2") "," SCALER_VERSION(
              "v1") "]},"
                    "{'metadata':{'name':'podlab.dev','creationTimestamp':null},'versions':[{'"
                    "version':'v1',"
                    "'freshness':'Current','resources':[{'resource':'hosts','responseKind':"
                    "{'group':'podlab.dev','version':'v1','kind':'Host'},'scope':'Cluster',"
                    "'singularResource':'host','verbs':['get'],'subresources':[{'subresource':'"
                    "status',"
                    "'responseKind':{'group':'podlab.dev','version':'v1','kind':'Host'},"
                    "'verbs':['get','patch']}]}]}]}]}");
}

#define AUTOSCALING                                                                                \
    "'name':'autoscaling','versions':[{'groupVersion':'autoscaling/v2','version':'v2'},"           \
    "{'groupVersion':'autoscaling/v1','version':'v1'}],"                                           \
    "'preferredVersion':{'groupVersion':'autoscaling/v2','version':'v2'}"

static void groups_are_listed(void **state)
{
    check(kinds_discovery_groups(),
          "{'kind':'APIGroupList','apiVersion':'v1','groups':[{" AUTOSCALING "},"
          "{'name':'podlab.dev','versions':[{'groupVersion':'podlab.dev/v1','version':'v1'}],"
          "'preferredVersion':{'groupVersion':'podlab.dev/v1','version':'v1'}}]}");
    check(kinds_discovery_group("autoscaling"),
          "{'kind':'APIGroup','apiVersion':'v1'," AUTOSCALING "}");
}

static void core_versions_are_listed(void **state)
{
    check(kinds_discovery_versions(),
          "{'kind':'APIVersions','versions':['v1'],'serverAddressByClientCIDRs':[]}");
}

static void what_is_not_served_is_not_there(void **state)
{
    assert_null(kinds_discovery_group("meta.k8s.io"));
    assert_null(kinds_discovery_group("batch"));
    assert_null(kinds_discovery_group(""));
    assert_null(kinds_discovery_resources("meta.k8s.io", "v1"));
    assert_null(kinds_discovery_resources("", "v2"));
    assert_null(kinds_discovery_resources("autoscaling", "v3"));
}

/* A foreign kind names its group and version: kubectl drain finds pods/eviction by them. */
static void resources_list_subresources_and_foreign_kinds(void **state)
{
    check(kinds_discovery_resources("", "v1"),
          "{'kind':'APIResourceList','apiVersion':'v1','groupVersion':'v1','resources':["
          "{'name':'pods','singularName':'pod','namespaced':true,'kind':'Pod',"
          "'verbs':['get','list'],'shortNames':['po'],'categories':['all']},"
          "{'name':'pods/eviction','singularName':'','namespaced':true,'group':'policy',"
          "'version':'v1','kind':'Eviction','verbs':['create']},"
          "{'name':'pods/log','singularName':'','namespaced':true,'kind':'Pod',"
          "'verbs':['get']}]}");
    check(kinds_discovery_resources("podlab.dev", "v1"),
          "{'kind':'APIResourceList','apiVersion':'v1','groupVersion':'podlab.dev/v1',"
          "'resources':[{'name':'hosts','singularName':'host','namespaced':false,'kind':'Host',"
          "'verbs':['get']},{'name':'hosts/status','singularName':'','namespaced':false,"
          "'kind':'Host','verbs':['get','patch']}]}");
    check(kinds_discovery_resources("autoscaling", "v1"),
          "{'kind':'APIResourceList','apiVersion':'v1','groupVersion':'autoscaling/v1',"
          "'resources':[{'name':'scalers','singularName':'scaler','namespaced':true,"
          "'kind':'Scaler','verbs':['list']}]}");
}

static void the_bytes_are_the_same_every_time(void **state)
{
    json_auto_t *one = kinds_discovery_aggregated("v2", false);
    json_auto_t *two = kinds_discovery_aggregated("v2", false);
    cleanup_free char *first = jx_dump_text(one);
    cleanup_free char *second = jx_dump_text(two);
    assert_string_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_is_aggregated_without_a_name),
        cmocka_unit_test(the_older_form_differs_in_its_version_only),
        cmocka_unit_test(groups_and_versions_keep_their_order),
        cmocka_unit_test(groups_are_listed),
        cmocka_unit_test(core_versions_are_listed),
        cmocka_unit_test(what_is_not_served_is_not_there),
        cmocka_unit_test(resources_list_subresources_and_foreign_kinds),
        cmocka_unit_test(the_bytes_are_the_same_every_time),
    };
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
