/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAPI 2 document as protobuf, read back field by field with the numbers of gnostic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/json/jx.h"
#include "kinds/kinds.h"
#include "kinds/openapi.h"
#include "thing.h"

struct span {
    const unsigned char *p, *end;
};

static uint64_t varint(struct span *s)
{
    uint64_t n = 0;
    for (unsigned shift = 0; s->p < s->end; shift += 7) {
        unsigned char byte = *s->p++;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return n;
        }
    }
    fail_msg("a number is cut off");
    return 0;
}

/* The nth field of that number; p is NULL when there is none. A varint's span begins at it. */
static struct span pb(struct span s, unsigned number, size_t nth)
{
    while (s.p < s.end) {
        uint64_t tag = varint(&s);
        struct span value = {s.p, s.end};
        if ((tag & 7) == 0) {
            varint(&s);
        } else if ((tag & 7) == 1) {
            s.p += 8;
        } else {
            assert_int_equal(tag & 7, 2);
            uint64_t n = varint(&s);
            assert_true(n <= (uint64_t)(s.end - s.p));
            value = (struct span){s.p, s.p + n};
            s.p += n;
        }
        if (tag >> 3 == number && nth-- == 0) {
            return value;
        }
    }
    return (struct span){NULL, NULL};
}

static bool is(struct span s, const char *text)
{
    size_t n = (size_t)(s.end - s.p);
    return s.p != NULL && n == strlen(text) && memcmp(s.p, text, n) == 0;
}

/* The value of the entry {name = 1, value = 2} with that name, among the fields of that number. */
static struct span named(struct span s, unsigned number, const char *name)
{
    for (size_t i = 0;; i++) {
        struct span entry = pb(s, number, i);
        if (entry.p == NULL || is(pb(entry, 1, 0), name)) {
            return pb(entry, 2, 0);
        }
    }
}

static struct span bytes_of(const struct str *s)
{
    const unsigned char *p = (const unsigned char *)str_c(s);
    return (struct span){p, p + s->len};
}

static struct span definition(const struct str *document, const char *name)
{
    return named(pb(bytes_of(document), 9, 0), 1, name);
}

static struct span property(struct span schema, const char *name)
{
    return named(pb(schema, 25, 0), 1, name);
}

static void the_smallest_document_has_fifteen_bytes(void **state)
{
    static const char want[] = "\n\x03"
                               "2.0\x12\x06\n\x01x\x12\x01"
                               "1B\0";
    json_auto_t *document = json_pack("{s:s, s:{s:s, s:s}, s:{}}", "swagger", "2.0", "info",
                                      "title", "x", "version", "1", "paths");
    cleanup_str struct str got = STR_INIT;
    openapi_gnostic_encode(&got, document);
    assert_int_equal(got.len, sizeof(want) - 1);
    assert_memory_equal(got.p, want, got.len);
}

static void schemas_travel_as_protobuf(void **state)
{
    cleanup_str struct str document = STR_INIT;
    kinds_openapi_v2(&document);
    assert_true(is(pb(bytes_of(&document), 1, 0), "2.0"));
    struct span s = definition(&document, "t.Spec");
    assert_true(is(pb(pb(s, 22, 0), 1, 0), "object"));
    assert_true(is(pb(s, 19, 0), "path"));
    assert_true(is(pb(s, 19, 1), "trees"));
    struct span trees = property(s, "trees");
    assert_true(is(pb(trees, 4, 0), "The trees."));
    assert_true(is(pb(pb(pb(trees, 23, 0), 1, 0), 1, 0), "#/definitions/t.Tree"));
    assert_true(is(pb(named(trees, 31, "x-kubernetes-patch-merge-key"), 2, 0), "\"name\""));
    assert_true(
        is(pb(named(trees, 31, "x-kubernetes-list-map-keys"), 2, 0), "[\"name\",\"kind\"]"));
    assert_int_equal(*pb(trees, 15, 0).p, 1);
    struct span labels = property(s, "labels");
    assert_true(is(pb(pb(pb(pb(labels, 21, 0), 1, 0), 22, 0), 1, 0), "string"));
    assert_true(is(pb(pb(property(s, "mode"), 20, 1), 2, 0), "\"Off\""));
    assert_true(is(pb(pb(property(s, "count"), 5, 0), 2, 0), "1"));
    struct span thing_schema = definition(&document, "t.Thing");
    assert_true(is(pb(named(thing_schema, 31, "x-kubernetes-group-version-kind"), 2, 0),
                   "[{\"group\":\"test.dev\",\"kind\":\"Thing\",\"version\":\"v1\"}]"));
}

static void bounds_travel_as_numbers(void **state)
{
    cleanup_str struct str document = STR_INIT;
    kinds_openapi_v2(&document);
    struct span s = definition(&document, "t.Spec");
    struct span minimum = pb(property(s, "count"), 9, 0);
    double d = 0;
    assert_non_null(minimum.p);
    memcpy(&d, minimum.p, sizeof(d)); /* the tests run on little-endian machines */
    assert_true(d == -1);
    struct span length = pb(property(s, "word"), 11, 0);
    assert_int_equal(varint(&length), 63);
}

static void operations_travel_as_protobuf(void **state)
{
    cleanup_str struct str document = STR_INIT;
    kinds_openapi_v2(&document);
    struct span item = named(pb(bytes_of(&document), 8, 0), 2, THING_OBJECT);
    struct span patch = pb(item, 8, 0);
    assert_true(is(pb(named(patch, 13, "x-kubernetes-group-version-kind"), 2, 0),
                   "{\"group\":\"test.dev\",\"kind\":\"Thing\",\"version\":\"v1\"}"));
    struct span body = pb(pb(pb(patch, 8, 0), 1, 0), 1, 0);
    assert_true(is(pb(body, 2, 0), "body"));
    struct span dry_run = pb(pb(pb(pb(patch, 8, 1), 1, 0), 2, 0), 3, 0);
    assert_true(is(pb(dry_run, 4, 0), "dryRun"));
    assert_true(is(pb(dry_run, 2, 0), "query"));
    assert_true(is(pb(dry_run, 6, 0), "string"));
    struct span name = pb(pb(pb(pb(item, 9, 0), 1, 0), 2, 0), 4, 0);
    assert_true(is(pb(name, 4, 0), "name"));
    assert_int_equal(*pb(name, 1, 0).p, 1);
    struct span ok = named(pb(pb(item, 2, 0), 9, 0), 1, "200");
    assert_true(is(pb(pb(ok, 1, 0), 1, 0), "OK"));
}

static void the_bytes_are_the_same_every_time(void **state)
{
    cleanup_str struct str one = STR_INIT;
    cleanup_str struct str two = STR_INIT;
    kinds_openapi_v2(&one);
    kinds_openapi_v2(&two);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.p, two.p, one.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_document_has_fifteen_bytes),
        cmocka_unit_test(schemas_travel_as_protobuf),
        cmocka_unit_test(bounds_travel_as_numbers),
        cmocka_unit_test(operations_travel_as_protobuf),
        cmocka_unit_test(the_bytes_are_the_same_every_time),
    };
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
