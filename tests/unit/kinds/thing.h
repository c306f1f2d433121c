/* SPDX-License-Identifier: Apache-2.0 */
/* A kind with a field of every sort, for the tests of OpenAPI; they link these kinds instead of the
 * real ones. */
#ifndef TESTS_UNIT_KINDS_THING_H
#define TESTS_UNIT_KINDS_THING_H

#include "common/mem.h"
#include "kinds/kinds.h"

#define WORDS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
static const char *const none[] = {NULL};

static const struct kind_message tree;
static const struct kind_field tree_fields[] = {
    {.name = "branches", .type = KIND_MESSAGE, .shape = KIND_LIST, .message = &tree},
    {.name = "name", .type = KIND_STRING, .required = true},
};
static const struct kind_message tree = {
    .name = "Tree",
    .full_name = "t.Tree",
    .doc = "Contains itself.",
    .fields = tree_fields,
    .nfields = ARRAY_LEN(tree_fields),
};
static const struct kind_field source_fields[] = {
    {.name = "path", .type = KIND_STRING, .required = true},
};
static const struct kind_message source = {
    .name = "Source", .full_name = "t.Source", .fields = source_fields, .nfields = 1};
static const struct kind_message empty = {.name = "Empty", .full_name = "t.Empty"};
static const struct kind_field meta_fields[] = {
    {.name = "name", .type = KIND_STRING, .doc = "Its name."},
};
static const struct kind_message meta = {
    .name = "ObjectMeta", .full_name = "t.ObjectMeta", .fields = meta_fields, .nfields = 1};

static const struct kind_field spec_fields[] = {
    {.name = "amount", .type = KIND_QUANTITY},
    {.name = "any", .type = KIND_ANY},
    {.name = "at", .type = KIND_TIME},
    {.name = "atMicro", .type = KIND_MICRO_TIME},
    {.name = "bytes", .type = KIND_BYTES},
    {.name = "count", .type = KIND_INT32, .has_min = true, .min = -1, .dflt = "1"},
    {.name = "empty", .type = KIND_MESSAGE, .message = &empty},
    {.name = "finalizers", .type = KIND_STRING, .shape = KIND_LIST, .merge_key = ""},
    {.name = "flag", .type = KIND_BOOL, .doc = "Yes or no."},
    {.name = "inlined", .type = KIND_MESSAGE, .message = &source, .inlined = true},
    {.name = "labels", .type = KIND_STRING, .shape = KIND_MAP},
    {.name = "limits", .type = KIND_QUANTITY, .shape = KIND_MAP},
    {.name = "long", .type = KIND_INT64, .has_max = true, .max = 300},
    {.name = "mode",
     .type = KIND_STRING,
     .enums = WORDS("On", "Off"),
     .dflt = "\"On\"",
     .dflt_when = "flag=true"},
    {.name = "port", .type = KIND_INT_OR_STRING},
    {.name = "ratio", .type = KIND_DOUBLE},
    {.name = "strategy", .type = KIND_MESSAGE, .message = &source, .retain_keys = true},
    {.name = "trees",
     .type = KIND_MESSAGE,
     .shape = KIND_LIST,
     .message = &tree,
     .merge_key = "name",
     .list_keys = "name,kind",
     .required = true,
     .has_min = true,
     .min = 1,
     .doc = "The trees."},
    {.name = "volumes",
     .type = KIND_MESSAGE,
     .shape = KIND_LIST,
     .message = &tree,
     .merge_key = "name",
     .retain_keys = true},
    {.name = "word", .type = KIND_STRING, .has_max = true, .max = 63},
    {.name = "words", .type = KIND_STRING, .shape = KIND_LIST, .enums = WORDS("a", "b")},
};
static const struct kind_message spec = {
    .name = "Spec",
    .full_name = "t.Spec",
    .fields = spec_fields,
    .nfields = ARRAY_LEN(spec_fields),
};
static const struct kind_field thing_fields[] = {
    {.name = "metadata", .type = KIND_MESSAGE, .message = &meta},
    {.name = "spec", .type = KIND_MESSAGE, .message = &spec, .doc = "What is asked for."},
};
static const struct kind_message thing_message = {
    .name = "Thing",
    .full_name = "t.Thing",
    .doc = "A thing.",
    .fields = thing_fields,
    .nfields = ARRAY_LEN(thing_fields),
};
static const struct kind_message scale_message = {
    .name = "Scale", .full_name = "s.Scale", .doc = "How many."};

static const struct kind_subresource subresources[] = {
    {.name = "scale",
     .group = "autoscaling",
     .version = "v1",
     .kind = "Scale",
     .verbs = WORDS("get", "patch", "update")},
    {.name = "exec", .kind = "ThingExecOptions", .verbs = WORDS("create", "get")},
};
static const struct kind thing = {
    .group = "test.dev",
    .version = "v1",
    .kind = "Thing",
    .list_kind = "ThingList",
    .resource = "things",
    .singular = "thing",
    .short_names = none,
    .categories = none,
    .verbs = WORDS("create", "delete", "deletecollection", "get", "list", "patch", "update"),
    .namespaced = true,
    .served = true,
    .message = &thing_message,
    .subresources = subresources,
    .nsubresources = ARRAY_LEN(subresources),
    .api_version = "test.dev/v1",
};
static const struct kind scale = {
    .group = "autoscaling",
    .version = "v1",
    .kind = "Scale",
    .message = &scale_message,
    .verbs = none,
    .api_version = "autoscaling/v1",
};
static const struct kind lonely = {
    .group = "",
    .version = "v1",
    .kind = "Lonely",
    .list_kind = "LonelyList",
    .resource = "lonelies",
    .verbs = WORDS("create"),
    .served = true,
    .message = &empty,
    .api_version = "v1",
};

const struct kind *const kinds_all[] = {&lonely, &thing, &scale, NULL};

#define THING_COLLECTION "/apis/test.dev/v1/namespaces/{namespace}/things"
#define THING_OBJECT THING_COLLECTION "/{name}"

#endif
