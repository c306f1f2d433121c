/* SPDX-License-Identifier: Apache-2.0 */
/* The four clocks: one failure, four ways to wait for it. */
#include "meta/clock.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "meta/duration.h"

const struct clock clock_lab = {
    .name = "lab",
    .heartbeat = LOOP_MS(500),
    .grace = LOOP_S(2),
    .eviction = LOOP_MS(500),
    .backoff_first = LOOP_S(1),
    .backoff_max = LOOP_S(30),
    .backoff_reset = LOOP_S(60),
    .image_backoff_first = LOOP_S(1),
    .image_backoff_max = LOOP_S(30),
};

const struct clock clock_kubernetes = {
    .name = "kubernetes",
    .heartbeat = LOOP_S(10),
    .grace = LOOP_S(40),
    .eviction = LOOP_S(300),
    .backoff_first = LOOP_S(10),
    .backoff_max = LOOP_S(300),
    .backoff_reset = LOOP_S(600),
    .image_backoff_first = LOOP_S(10),
    .image_backoff_max = LOOP_S(300),
};

const struct clock clock_swarm = {
    .name = "swarm",
    .heartbeat = LOOP_S(5),
    .grace = LOOP_S(15),
    .eviction = LOOP_S(5),
    .backoff_first = LOOP_S(5),
    .backoff_max = LOOP_S(5),
    .backoff_reset = LOOP_S(60),
    .image_backoff_first = LOOP_S(5),
    .image_backoff_max = LOOP_S(5),
};

const struct clock clock_mesos = {
    .name = "mesos",
    .heartbeat = LOOP_S(15),
    .grace = LOOP_S(75),
    .eviction = 0,
    .backoff_first = LOOP_S(1),
    .backoff_max = LOOP_S(60),
    .backoff_reset = LOOP_S(60),
    .image_backoff_first = LOOP_S(1),
    .image_backoff_max = LOOP_S(60),
};

const char *const clock_names = "lab, kubernetes, swarm, mesos";

const struct clock *clock_find(const char *name)
{
    static const struct clock *const all[] = {&clock_lab, &clock_kubernetes, &clock_swarm,
                                              &clock_mesos};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}

/* ---- as an object says it ---- */

/* Below the smallest a cluster would do nothing but wait for itself, above the longest nobody would
 * see the end. */
static const struct field {
    const char *name;
    size_t at;
    uint64_t min;
} fields[] = {
    {"heartbeat", offsetof(struct clock, heartbeat), LOOP_MS(100)},
    {"grace", offsetof(struct clock, grace), LOOP_MS(200)},
    {"eviction", offsetof(struct clock, eviction), 0},
    {"backoffFirst", offsetof(struct clock, backoff_first), LOOP_MS(100)},
    {"backoffMax", offsetof(struct clock, backoff_max), LOOP_MS(100)},
    {"backoffReset", offsetof(struct clock, backoff_reset), LOOP_S(1)},
    {"imageBackoffFirst", offsetof(struct clock, image_backoff_first), LOOP_MS(100)},
    {"imageBackoffMax", offsetof(struct clock, image_backoff_max), LOOP_MS(100)},
};

#define MAX_DELAY LOOP_S(86400)

const char *const clock_fields[] = {
    "heartbeat",         "grace",           "eviction",
    "backoffFirst",      "backoffMax",      "backoffReset",
    "imageBackoffFirst", "imageBackoffMax", NULL,
};

static uint64_t *slot(struct clock *c, const struct field *f)
{
    return (uint64_t *)(void *)((char *)c + f->at);
}

static uint64_t value(const struct clock *c, const struct field *f)
{
    return *(const uint64_t *)(const void *)((const char *)c + f->at);
}

uint64_t clock_get(const struct clock *c, const char *field)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (strcmp(fields[i].name, field) == 0) {
            return value(c, &fields[i]);
        }
    }
    return 0;
}

/* Who is told what is wrong. */
struct complaint {
    void (*wrong)(void *arg, const char *field, const char *must);
    void *arg;
    bool made;
};

static void complain(struct complaint *c, const char *field, const char *must)
{
    c->made = true;
    if (c->wrong != NULL) {
        c->wrong(c->arg, field, must);
    }
}

static void read_field(const struct field *f, const json_t *spec, struct clock *to,
                       struct complaint *c)
{
    char min[32];
    char must[128];
    const json_t *v = jx_get(spec, f->name);
    if (v == NULL || json_is_null(v)) {
        return;
    }
    if (!json_is_string(v) || !duration_parse(json_string_value(v), slot(to, f))) {
        complain(c, f->name, "must be a duration such as 500ms, 20s or 1m30s");
    } else if (value(to, f) < f->min || value(to, f) > MAX_DELAY) {
        duration_format(min, f->min);
        snprintf(must, sizeof(must), "must be between %s and 24h", min);
        complain(c, f->name, must);
    }
}

/* A node that is heard of once a grace period would be NotReady every now and then. */
static void check_grace(const struct clock *clock, struct complaint *c)
{
    char heartbeat[32];
    char must[128];
    if (clock->grace < 2 * clock->heartbeat) {
        duration_format(heartbeat, clock->heartbeat);
        snprintf(must, sizeof(must), "must be at least twice the heartbeat, which is %s",
                 heartbeat);
        complain(c, "grace", must);
    }
}

static void check_max(const char *field, uint64_t first, uint64_t max, struct complaint *c)
{
    char text[32];
    char must[128];
    if (max < first) {
        duration_format(text, first);
        snprintf(must, sizeof(must), "must not be shorter than the first wait, which is %s", text);
        complain(c, field, must);
    }
}

bool clock_read(const json_t *spec, struct clock *ret,
                void (*wrong)(void *arg, const char *field, const char *must), void *arg)
{
    struct complaint c = {.wrong = wrong, .arg = arg};
    const struct clock *preset = clock_find(jx_get_str(spec, "preset", clock_lab.name));
    struct clock out = preset != NULL ? *preset : clock_lab;
    if (preset == NULL) {
        complain(&c, "preset", "must be one of lab, kubernetes, swarm, mesos");
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        read_field(&fields[i], spec, &out, &c);
    }
    if (!c.made) { /* among themselves, once each is right by itself */
        check_grace(&out, &c);
        check_max("backoffMax", out.backoff_first, out.backoff_max, &c);
        check_max("imageBackoffMax", out.image_backoff_first, out.image_backoff_max, &c);
    }
    if (!c.made) {
        *ret = out;
    }
    return !c.made;
}

json_t *clock_write(const struct clock *c)
{
    json_t *out = json_pack("{s:s}", "preset", c->name);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        char text[32];
        duration_format(text, value(c, &fields[i]));
        json_object_set_new(out, fields[i].name, json_string(text));
    }
    return out;
}

bool clock_equal(const struct clock *a, const struct clock *b)
{
    bool same = strcmp(a->name, b->name) == 0;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        same = same && value(a, &fields[i]) == value(b, &fields[i]);
    }
    return same;
}
