/* SPDX-License-Identifier: Apache-2.0 */
/* What a service means to the guests, row by row; and that silence takes away what was said. */
#include "testing.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "data.h"
#include "guest/table.h"
#include "net/records.h"
#include "net/service_records.h"

/* ---- records as text ---- */

static struct str out;

static void add_ip(uint32_t a)
{
    str_add_f(&out, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

static void add_forward(const struct table_forward *f)
{
    str_add_f(&out, "%s %s ", f->proto == TABLE_UDP ? "udp" : "tcp", f->key);
    add_ip(f->addr);
    str_add_f(&out, ":%u", f->port);
    if (f->affinity_s > 0) {
        str_add_f(&out, " affinity %u", f->affinity_s);
    }
    str_add(&out, " ->");
    for (unsigned i = 0; i < f->ntargets; i++) {
        struct table_target t = table_target_at(f, i);
        str_add(&out, " ");
        add_ip(t.addr);
        str_add_f(&out, ":%u", t.port);
    }
}

static void add_name(const struct table_name *n)
{
    static const char *const kinds[] = {"?", "A", "SRV", "CNAME", "PTR"};
    struct wire_in in = n->raw;
    str_add_f(&out, "%s %s", kinds[n->kind], n->name);
    for (unsigned i = 0; i < n->n; i++) {
        uint32_t num;
        char text[256];
        table_name_item(n->kind, &in, &num, text);
        str_add(&out, " ");
        if (n->kind == TABLE_A) {
            add_ip(num);
        } else if (n->kind == TABLE_SRV) {
            str_add_f(&out, "%u %s", num, text);
        } else {
            str_add(&out, text);
        }
    }
}

static bool add_record(void *arg, const struct record *rec)
{
    static struct table_record r;
    struct wire_in in = {.p = rec->bytes, .len = rec->len};
    assert_true(table_next(&in, &r));
    assert_int_equal(in.len, 0);
    str_add_f(&out, "%s[%s] ", out.len > 0 ? " ; " : "", (const char *)arg);
    if (r.op == TABLE_FORWARD_PUT) {
        add_forward(&r.forward);
    } else {
        assert_int_equal(r.op, TABLE_NAME_PUT);
        add_name(&r.name);
    }
    return true;
}

static const char *as_text(const struct records *r)
{
    static const char *const sets[] = {"", "*", "worker-1", "worker-2"};
    static const char *const names[] = {"services", "*", "worker-1", "worker-2"};
    str_clear(&out);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        records_each(r, sets[i], add_record, (void *)(uintptr_t)names[i]);
    }
    return str_c(&out);
}

/* ---- saying ---- */

static unsigned changes;

static void count_change(void *arg, const char *set, const char *id)
{
    changes++;
}

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    struct err err;
    if (jx_parse(text, strlen(text), true, &v, &err) < 0) {
        fail_msg("%s: %s", err.msg, text);
    }
    return v;
}

static void say(struct records *r, const char *service_text, const char *slices_text)
{
    json_auto_t *service = parse(service_text);
    json_auto_t *slices = parse(slices_text);
    VEC(const json_t *) list = {0};
    size_t i;
    const json_t *slice;
    jx_each(i, slice, slices)
    {
        vec_push(&list, slice);
    }
    records_begin(r, "service/test");
    service_records_say(r, service, list.v, list.n, "cluster.local");
    records_end(r);
    vec_fini(&list);
}

/* "... ; x" means: at the end, x. */
static bool matches(const char *got, const char *expected)
{
    if (str_has_prefix(expected, "...")) {
        return str_has_suffix(got, expected + 3);
    }
    return strcmp(got, expected) == 0;
}

static void services_mean_what_is_written(void **state)
{
    struct data d;
    int before = 0;
    data_open(&d, "service_records");
    while (data_next(&d)) {
        struct records *r = records_new(count_change, NULL);
        say(r, d.text[0], d.text[1]);
        if (!matches(as_text(r), d.text[2])) {
            fail_msg("service_records.test:%d\n  got      %s\n  expected %s", d.line, as_text(r),
                     d.text[2]);
        }
        records_free(r);
        before++;
    }
    assert_true(before > 10);
    data_close(&d);
}

#define SERVICE                                                                                    \
    "{\"metadata\":{\"namespace\":\"a\",\"name\":\"w\"},\"spec\":{\"clusterIP\":\"10.0.0.9\","     \
    "\"ports\":[{\"port\":80}]}}"
#define SLICES(ip) "[{\"endpoints\":[{\"addresses\":[\"" ip "\"]}],\"ports\":[{\"port\":1}]}]"

static void only_changes_are_told(void **state)
{
    struct records *r = records_new(count_change, NULL);
    changes = 0;
    say(r, SERVICE, SLICES("10.0.0.1"));
    assert_int_equal(changes, 4); /* A, PTR, SRV, forward */
    say(r, SERVICE, SLICES("10.0.0.1"));
    assert_int_equal(changes, 4);
    say(r, SERVICE, SLICES("10.0.0.2"));
    assert_int_equal(changes, 5);
    records_begin(r, "service/test");
    records_end(r);
    assert_int_equal(changes, 9);
    assert_string_equal(as_text(r), "");
    records_free(r);
}

/* Two services may name the same address; the one that goes does not take the other's word away. */
static void what_another_said_since_stays(void **state)
{
    struct records *r = records_new(count_change, NULL);
    records_begin(r, "one");
    records_put(r, "", "n4x", "1", 1);
    records_end(r);
    records_begin(r, "two");
    records_put(r, "", "n4x", "2", 1);
    records_end(r);
    changes = 0;
    records_begin(r, "one");
    records_end(r);
    assert_int_equal(changes, 0);
    assert_string_equal(records_find(r, "", "n4x")->owner, "two");
    records_free(r);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_mean_what_is_written),
        cmocka_unit_test(only_changes_are_told),
        cmocka_unit_test(what_another_said_since_stays),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    str_fini(&out);
    return failed;
}
