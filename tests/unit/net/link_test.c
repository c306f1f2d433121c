/* SPDX-License-Identifier: Apache-2.0 */
/* A guest is told everything in the end, whatever happens to the stream, and never more than
 * needed. */
#include "guests.h"

#include "net/link.h"
#include "net/records.h"

static struct loop *loop;
static struct guests guests;
static struct guest *guest;
static struct records *records;
static struct link *link_;
static unsigned counted;

static void changed(void *arg, const char *set, const char *id)
{
    if (link_ != NULL) {
        link_changed(link_, set, id);
    }
}

static void on_counted(void *arg, const char *host, const struct table_count *c)
{
    counted += (unsigned)c->connections;
}

/* A name with n addresses; 0: it is gone. */
static void put_name(const char *name, unsigned n)
{
    uint32_t addrs[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t bytes[512];
    char id[300];
    struct wire_out o = {.p = bytes, .cap = sizeof(bytes)};
    struct table_name rec = {.kind = TABLE_A, .n = (uint16_t)n, .addrs = addrs};
    snprintf(rec.name, sizeof(rec.name), "%s", name);
    snprintf(id, sizeof(id), "n%u%s", TABLE_A, name);
    table_put_name(&o, &rec);
    records_begin(records, name);
    if (n > 0) {
        records_put(records, RECORDS_SERVICES, id, o.p, o.len);
    }
    records_end(records);
}

static void begin_link(void)
{
    struct link_opts o = {.loop = loop,
                          .rt = &guests.rt,
                          .records = records,
                          .host = "control-plane",
                          .container = "c1",
                          .sets = {RECORDS_SERVICES, NULL},
                          .counted = on_counted};
    link_ = link_new(&o);
}

static int setup(void **state)
{
    loop = loop_sim_new(1);
    guests_init(&guests, loop);
    guest = guest_of(&guests, "c1");
    records = records_new(changed, NULL);
    put_name("a", 1);
    put_name("b", 2);
    begin_link();
    return 0;
}

static int teardown(void **state)
{
    link_free(steal(link_));
    records_free(records);
    guests_fini(&guests);
    loop_free(loop);
    return 0;
}

static void pass(unsigned ms)
{
    link_flush(link_);
    loop_sim_advance(loop, LOOP_MS(ms));
}

static void a_guest_is_told_everything(void **state)
{
    assert_false(link_synced(link_));
    pass(10);
    assert_int_equal(guest_has(guest, "n 1 a"), 1);
    assert_int_equal(guest_has(guest, "n 1 b"), 2);
    assert_true(link_synced(link_));
}

static void then_only_what_changes(void **state)
{
    pass(10);
    assert_int_equal(guest->applied, 2);
    put_name("a", 3);
    put_name("b", 0);
    assert_false(link_synced(link_));
    pass(10);
    assert_int_equal(guest->applied, 3);
    assert_int_equal(guest_has(guest, "n 1 a"), 3);
    assert_int_equal(guest_has(guest, "n 1 b"), -1);
    assert_true(link_synced(link_));
}

static void nothing_leaves_while_held(void **state)
{
    pass(10);
    link_hold(link_, true);
    put_name("a", 3);
    pass(5000);
    assert_int_equal(guest_has(guest, "n 1 a"), 1);
    link_hold(link_, false);
    pass(10);
    assert_int_equal(guest_has(guest, "n 1 a"), 3);
}

/* A slow guest gets the last state once, not the history. */
static void changes_of_one_record_become_one(void **state)
{
    char name[16];
    pass(10);
    guest_stall(guest, true);
    for (unsigned i = 0; i < 100; i++) { /* fills the window */
        snprintf(name, sizeof(name), "x%u", i);
        put_name(name, 1);
        link_flush(link_);
    }
    for (unsigned i = 0; i < 100; i++) {
        put_name("a", 1 + i % 8);
        link_flush(link_);
    }
    unsigned before = guest->applied;
    guest_stall(guest, false);
    pass(10000);
    assert_int_equal(guest_has(guest, "n 1 a"), 1 + 99 % 8);
    assert_true(guest->applied - before < 110);
    assert_true(link_synced(link_));
}

static void a_cut_stream_is_taken_up_again(void **state)
{
    pass(10);
    guest_cut(guest, 0);
    put_name("a", 5);
    put_name("b", 0);
    pass(1000);
    assert_int_equal(guest->attached, 2);
    assert_int_equal(guest_has(guest, "n 1 a"), 5);
    assert_int_equal(guest_has(guest, "n 1 b"), -1); /* its deletion was never sent: the snapshot */
    assert_true(link_synced(link_));
}

/* Of a frame under way any part may arrive before the cut. */
static void a_cut_within_a_frame_does_no_harm(void **state)
{
    pass(10);
    for (size_t arrive = 0; arrive < 60; arrive++) {
        guest_stall(guest, true);
        put_name("a", 1 + arrive % 8);
        link_flush(link_);
        guest_cut(guest, arrive);
        put_name("a", 1 + (arrive + 1) % 8);
        guest_stall(guest, false);
        pass(10000);
        assert_int_equal(guest_has(guest, "n 1 a"), 1 + (arrive + 1) % 8);
        assert_true(link_synced(link_));
    }
}

static void an_absent_guest_is_tried_less_and_less(void **state)
{
    pass(10);
    guest->absent = true;
    guest_cut(guest, 0);
    pass(60000);
    assert_in_range(guest->attached, 10, 25);
    guest->absent = false;
    put_name("a", 7);
    pass(6000);
    assert_int_equal(guest_has(guest, "n 1 a"), 7);
    assert_true(link_synced(link_));
}

static void lost_frames_are_noticed(void **state)
{
    pass(10);
    guest_stall(guest, true);
    put_name("a", 4);
    link_flush(link_);
    str_clear(&guest->inbox); /* gone, and nobody says so */
    guest_stall(guest, false);
    pass(10);
    assert_int_equal(guest_has(guest, "n 1 a"), 1);
    pass(3000);
    assert_int_equal(guest_has(guest, "n 1 a"), 4);
    assert_int_equal(guest->attached, 1);
    assert_true(link_synced(link_));
}

static void a_gap_is_closed_at_once(void **state)
{
    pass(10);
    guest_stall(guest, true);
    put_name("a", 4);
    link_flush(link_);
    str_clear(&guest->inbox);
    guest_stall(guest, false);
    put_name("b", 4);
    pass(10); /* the guest sees that one is missing; no timer is needed */
    assert_int_equal(guest_has(guest, "n 1 a"), 4);
    assert_int_equal(guest_has(guest, "n 1 b"), 4);
}

static void a_guest_that_knows_a_later_epoch_is_outbid(void **state)
{
    pass(10);
    guest->session.epoch += 1000000000000; /* an earlier writer's clock was ahead */
    put_name("a", 6);
    pass(3000);
    assert_int_equal(guest_has(guest, "n 1 a"), 6);
    assert_true(link_synced(link_));
}

/* What a paused host's pipes would swallow stays small, however large the table is. */
static void a_stalled_guest_is_not_flooded(void **state)
{
    char name[64];
    guest_stall(guest, true);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "name-%u.default.svc.cluster.local", i);
        put_name(name, 8);
    }
    pass(600000);
    assert_true(guest->most < 9 * (WIRE_HEADER + WIRE_MAX));
    guest_stall(guest, false);
    pass(40000);
    assert_int_equal(map_count(guest->table), 20002);
    assert_true(link_synced(link_));
}

static void bytes_that_the_runtime_refuses_come_later(void **state)
{
    pass(10);
    guest->full = true;
    put_name("a", 2);
    put_name("b", 0);
    pass(1000);
    assert_int_equal(guest_has(guest, "n 1 a"), 1);
    guest->full = false;
    pass(1000);
    assert_int_equal(guest_has(guest, "n 1 a"), 2);
    assert_int_equal(guest_has(guest, "n 1 b"), -1);
    assert_true(link_synced(link_));
    assert_int_equal(guest->attached, 1);
}

static void counts_come_back(void **state)
{
    uint8_t bytes[100];
    struct wire_out o = {.p = bytes, .cap = sizeof(bytes)};
    struct table_count c = {.key = "a/b:c", .target = {1, 2}, .connections = 42};
    counted = 0;
    pass(10);
    table_put_count(&o, &c);
    guest_say(guest, WIRE_COUNTS, o.p, o.len);
    assert_int_equal(counted, 42);
}

static void noise_from_the_guest_does_no_harm(void **state)
{
    pass(10);
    guest->stream->ops.on_data(guest->stream->arg, 1, "Segmentation fault\n\x9epl\xc1", 23);
    guest->stream->ops.on_data(guest->stream->arg, 2, "no newline\n\n and more", 20);
    put_name("a", 2);
    pass(10);
    assert_int_equal(guest_has(guest, "n 1 a"), 2);
    assert_true(link_synced(link_));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_guest_is_told_everything),
        TEST(then_only_what_changes),
        TEST(nothing_leaves_while_held),
        TEST(changes_of_one_record_become_one),
        TEST(a_cut_stream_is_taken_up_again),
        TEST(a_cut_within_a_frame_does_no_harm),
        TEST(an_absent_guest_is_tried_less_and_less),
        TEST(lost_frames_are_noticed),
        TEST(a_gap_is_closed_at_once),
        TEST(a_guest_that_knows_a_later_epoch_is_outbid),
        TEST(a_stalled_guest_is_not_flooded),
        TEST(bytes_that_the_runtime_refuses_come_later),
        TEST(counts_come_back),
        TEST(noise_from_the_guest_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
