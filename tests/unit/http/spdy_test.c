/* SPDX-License-Identifier: Apache-2.0 */
/* SPDY by itself: frames in slices of any size, streams and their ends, and what is not taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/map.h"
#include "http/spdy.h"
#include "spdy_client.h"

struct rig {
    struct spdy *spdy;
    struct spdy_client c;
    struct str notes; /* "open1(stdin) 1:abc end1 reset1 " */
    bool refuse, free_at_data, end_at_end;
    bool gone;
};

static void on_write(void *arg, const void *bytes, size_t n)
{
    struct rig *r = arg;
    str_add_n(&r->c.in, bytes, n);
}

static void on_stream(void *arg, struct spdy_stream *st)
{
    struct rig *r = arg;
    str_add_f(&r->notes, "open%u(%s) ", spdy_stream_id(st), spdy_stream_header(st, "streamtype"));
    if (r->refuse) {
        spdy_stream_reset(st, SPDY_REFUSED_STREAM);
    } else {
        spdy_stream_reply(st);
    }
}

static void on_data(void *arg, struct spdy_stream *st, const char *bytes, size_t n)
{
    struct rig *r = arg;
    assert_false(r->gone);
    str_add_f(&r->notes, "%u:", spdy_stream_id(st));
    str_add_n(&r->notes, bytes, n);
    str_add(&r->notes, " ");
    if (r->free_at_data) {
        r->gone = true;
        spdy_free(steal(r->spdy));
    }
}

static void on_end(void *arg, struct spdy_stream *st)
{
    struct rig *r = arg;
    str_add_f(&r->notes, "end%u ", spdy_stream_id(st));
    if (r->end_at_end) {
        spdy_stream_end(st);
    }
}

static void on_reset(void *arg, struct spdy_stream *st)
{
    struct rig *r = arg;
    str_add_f(&r->notes, "reset%u ", spdy_stream_id(st));
}

static const struct spdy_ops ops = {.write = on_write,
                                    .on_stream = on_stream,
                                    .on_data = on_data,
                                    .on_end = on_end,
                                    .on_reset = on_reset};

static void set_up(struct rig *r)
{
    *r = (struct rig){0};
    spdy_client_init(&r->c);
    r->spdy = spdy_new(&ops, r);
}

static void tear_down(struct rig *r)
{
    spdy_free(r->spdy);
    spdy_client_fini(&r->c);
    str_fini(&r->notes);
}

/* Feeds what the client has to say in slices, and expects what is noted and answered. */
static void feed(struct rig *r, size_t slice, const char *notes, const char *said)
{
    struct err err;
    for (size_t at = 0; at < r->c.out.len && r->spdy != NULL; at += slice) {
        size_t n = r->c.out.len - at < slice ? r->c.out.len - at : slice;
        assert_int_equal(spdy_feed(r->spdy, r->c.out.p + at, n, &err), 0);
    }
    str_clear(&r->c.out);
    spdy_read(&r->c);
    assert_string_equal(str_c(&r->notes), notes);
    assert_string_equal(str_c(&r->c.said), said);
    str_clear(&r->notes);
    str_clear(&r->c.said);
}

static void refused(struct rig *r, const char *why)
{
    struct err err;
    assert_int_equal(spdy_feed(r->spdy, r->c.out.p, r->c.out.len, &err), -1);
    if (strstr(err.msg, why) == NULL) {
        fail_msg("no \"%s\" in \"%s\"", why, err.msg);
    }
    str_clear(&r->c.in);
    str_clear(&r->c.out);
}

static void the_dictionary(void **state)
{
    unsigned char d[SPDY_DICTIONARY_SIZE];
    (void)state;
    spdy_dictionary(d);
    assert_int_equal(adler32(adler32(0, NULL, 0), d, sizeof(d)), 0xe3c6a7c2);
}

static void a_stream_from_open_to_end(void **state)
{
    static const size_t slices[] = {1, 2, 3, 7, 64, 65536};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(slices); i++) {
        struct rig r;
        set_up(&r);
        SPDY_OPEN(&r.c, 1, 0, "streamtype=error");
        SPDY_OPEN(&r.c, 3, 0, "StreamType=stdin", "port=80");
        feed(&r, slices[i], "open1(error) open3(stdin) ", "reply1 reply3 ");
        spdy_words(&r.c, 6, 7, 0, 4);       /* ping */
        spdy_words(&r.c, 9, 3, 1 << 16, 8); /* window update */
        spdy_words(&r.c, 4, 0, 0, 4);       /* settings */
        spdy_data(&r.c, 3, 0, "", 0);
        feed(&r, slices[i], "", "ping7 ");
        r.end_at_end = true;
        spdy_data(&r.c, 3, 1, "", 0);
        feed(&r, slices[i], "end3 ", "fin3 ");
        spdy_data(&r.c, 3, 0, "late", 4); /* of a stream that is gone */
        spdy_words(&r.c, 3, 1, 5, 8);
        feed(&r, slices[i], "reset1 ", "");
        tear_down(&r);
    }
}

static void data_both_ways(void **state)
{
    struct rig r;
    (void)state;
    set_up(&r);
    SPDY_OPEN(&r.c, 5, 0, "streamtype=data");
    spdy_data(&r.c, 5, 0, "abc", 3);
    spdy_data(&r.c, 5, 1, "def", 3);
    feed(&r, 1000, "open5(data) 5:abc 5:def end5 ", "reply5 ");
    spdy_data(&r.c, 5, 0, "after its end", 13);
    feed(&r, 1000, "", "");
    tear_down(&r);
}

static void opened_and_ended_at_once(void **state)
{
    struct rig r;
    (void)state;
    set_up(&r);
    SPDY_OPEN(&r.c, 1, 1, "streamtype=error");
    feed(&r, 5, "open1(error) end1 ", "reply1 ");
    r.end_at_end = true;
    SPDY_OPEN(&r.c, 3, 1, "streamtype=error");
    feed(&r, 5, "open3(error) end3 ", "reply3 fin3 ");
    tear_down(&r);
}

static void streams_that_are_refused(void **state)
{
    struct rig r;
    (void)state;
    set_up(&r);
    r.refuse = true;
    SPDY_OPEN(&r.c, 1, 1, "streamtype=x");
    feed(&r, 100, "open1(x) ", "rst1:3 ");
    r.refuse = false;
    for (uint32_t id = 3; id < 3 + 2 * 1024; id += 2) {
        SPDY_OPEN(&r.c, id, 0, "a=b");
    }
    struct err err;
    assert_int_equal(spdy_feed(r.spdy, r.c.out.p, r.c.out.len, &err), 0);
    spdy_read(&r.c);
    str_clear(&r.c.out);
    str_clear(&r.notes);
    str_clear(&r.c.said);
    SPDY_OPEN(&r.c, 4001, 0, "a=b"); /* one too many; but its headers were read */
    feed(&r, 100, "", "rst4001:3 ");
    spdy_words(&r.c, 3, 3, 5, 8);
    SPDY_OPEN(&r.c, 4003, 0, "streamtype=y");
    feed(&r, 100, "reset3 open4003(y) ", "reply4003 ");
    tear_down(&r);
}

static void what_breaks_the_connection(void **state)
{
    struct rig r;
    (void)state;
    set_up(&r);
    SPDY_OPEN(&r.c, 2, 0, "a=b");
    refused(&r, "number 2");
    tear_down(&r);

    set_up(&r);
    SPDY_OPEN(&r.c, 3, 0, "a=b");
    SPDY_OPEN(&r.c, 3, 0, "a=b");
    refused(&r, "number 3");
    tear_down(&r);

    set_up(&r);
    spdy_put(&r.c.out, 0x80020001, 4); /* version 2 */
    spdy_put(&r.c.out, 0, 4);
    refused(&r, "version 2");
    tear_down(&r);

    set_up(&r);
    spdy_put(&r.c.out, 0x80030001, 4);
    spdy_put(&r.c.out, 0x00ffffff, 4);
    refused(&r, "16777215 bytes");
    tear_down(&r);

    set_up(&r);
    spdy_words(&r.c, 1, 1, 0, 8);
    refused(&r, "SYN_STREAM of 8 bytes");
    tear_down(&r);

    set_up(&r);
    cleanup_str struct str junk = STR_INIT;
    str_add_n(&junk, "\0\0\0\1\0\0\0\0\0\0junk that is not zipped", 32);
    spdy_control(&r.c, 1, 0, &junk);
    refused(&r, "not compressed");
    tear_down(&r);
}

/* A few bytes that unfold to many; and lengths that lie. */
static void header_blocks_are_bounded(void **state)
{
    static const char *const lies[] = {"\xff\xff\xff\xff", "\0\0\0\1\xff\xff\xff\xff", "\0\0\0\2",
                                       "\0\0\0\1\0\0\0\0\0\0\0\0"};
    static const size_t sizes[] = {4, 8, 4, 12};
    (void)state;
    for (size_t i = 0; i <= ARRAY_LEN(lies); i++) {
        struct rig r;
        cleanup_str struct str text = STR_INIT, body = STR_INIT;
        set_up(&r);
        str_add_n(&body, "\0\0\0\1\0\0\0\0\0\0", 10);
        if (i < ARRAY_LEN(lies)) {
            str_add_n(&text, lies[i], sizes[i]);
        } else {
            cleanup_free char *zeros = xcalloc(1, (size_t)4 << 20);
            str_add_n(&text, zeros, (size_t)4 << 20);
        }
        spdy_zip(&r.c, &text, &body);
        spdy_control(&r.c, 1, 0, &body);
        refused(&r, i < ARRAY_LEN(lies) ? "not well formed" : "more than");
        tear_down(&r);
    }
}

static void it_may_be_freed_in_the_middle(void **state)
{
    struct rig r;
    (void)state;
    set_up(&r);
    r.free_at_data = true;
    SPDY_OPEN(&r.c, 1, 0, "streamtype=data");
    spdy_data(&r.c, 1, 0, "one", 3);
    spdy_data(&r.c, 1, 0, "two", 3);
    feed(&r, 1000, "open1(data) 1:one ", "reply1 ");
    tear_down(&r);
}

/* Noise never does more than end the connection. */
static void noise(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        struct rig r;
        struct err err;
        set_up(&r);
        SPDY_OPEN(&r.c, 1, 0, "streamtype=data", "port=80");
        spdy_data(&r.c, 1, 0, "hello", 5);
        SPDY_OPEN(&r.c, 3, 1, "streamtype=error");
        for (int i = 0; i < 4; i++) {
            seed = seed * 1664525 + 1013904223;
            r.c.out.p[(seed >> 8) % r.c.out.len] = (char)(seed >> 24);
        }
        (void)!spdy_feed(r.spdy, r.c.out.p, r.c.out.len, &err);
        tear_down(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dictionary),
        cmocka_unit_test(a_stream_from_open_to_end),
        cmocka_unit_test(data_both_ways),
        cmocka_unit_test(opened_and_ended_at_once),
        cmocka_unit_test(streams_that_are_refused),
        cmocka_unit_test(what_breaks_the_connection),
        cmocka_unit_test(header_blocks_are_bounded),
        cmocka_unit_test(it_may_be_freed_in_the_middle),
        cmocka_unit_test(noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
