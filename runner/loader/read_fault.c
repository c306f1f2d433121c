/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what a step does to the cluster on purpose: hosts that fail, and another clock. */
#include <string.h>

#include "common/mem.h"
#include "loader/loader_impl.h"

static const struct read_key fault_keys[] = {
    {"after", READ_OBJECT, false}, {"host", READ_TEXT, true}, {"power", READ_WORD, false},
    {"network", READ_WORD, false}, {"for", READ_TEXT, false}, {0},
};

static const struct read_key after_keys[] = {
    {"check", READ_TEXT, false}, {"seconds", READ_INT, false}, {0}};

static const struct read_key clock_keys[] = {
    {"preset", READ_TEXT, false},
    {"heartbeat", READ_TEXT, false},
    {"grace", READ_TEXT, false},
    {"eviction", READ_TEXT, false},
    {0},
};

/* ---- faults ---- */

/* What may become of a host; how it is when nothing is done to it is no fault. */
static int read_value(struct reading *r, const json_t *obj, const char *path,
                      struct lab_fault *fault)
{
    const json_t *power = jx_get(obj, "power"), *network = jx_get(obj, "network");
    if ((power != NULL) == (network != NULL)) {
        return read_fail(r, path, "one of power and network must be there");
    }
    fault->field = power != NULL ? "power" : "network";
    fault->value = json_is_false(power) ? "Off" : json_string_value(power);
    if (network != NULL) {
        fault->value = json_string_value(network);
    }
    bool known = power != NULL ? str_eq(fault->value, "Off") || str_eq(fault->value, "Paused")
                               : str_eq(fault->value, "Partitioned");
    fault->value = arena_copy(r->arena, fault->value);
    return known ? 0
                 : read_fail(r, path,
                             power != NULL ? "power: must be Off or Paused"
                                           : "network: must be Partitioned");
}

static int read_after(struct reading *r, const json_t *obj, const char *path,
                      const struct lab_step *step, struct lab_fault *fault)
{
    const json_t *after = jx_get(obj, "after");
    cleanup_free char *at = xasprintf("%s.after", path);
    if (after == NULL) {
        return 0;
    }
    if (read_keys(r, after, at, after_keys) < 0) {
        return -1;
    }
    fault->check = read_text(r, after, "check");
    fault->after_ms = jx_int(after, "seconds", 0) * 1000;
    if (fault->after_ms < 0 || fault->after_ms > 3600000) {
        return read_fail(r, at, "seconds: must be from 0 to 3600");
    }
    for (size_t i = 0; i < step->nchecks; i++) {
        if (str_eq(step->checks[i].id, fault->check)) {
            return 0;
        }
    }
    return fault->check == NULL
               ? 0
               : read_fail(r, at, "check: the step has no check \"%s\"", fault->check);
}

int read_faults(struct reading *r, const json_t *obj, const char *path, struct lab_step *step)
{
    const json_t *faults = jx_get(obj, "faults");
    size_t i;
    json_t *item;
    step->faults = arena_alloc(r->arena, json_array_size(faults) * sizeof(*step->faults));
    jx_each(i, item, faults)
    {
        cleanup_free char *at = xasprintf("%s.faults[%zu]", path, i);
        struct lab_fault *fault = &step->faults[i];
        if (read_keys(r, item, at, fault_keys) < 0 || read_value(r, item, at, fault) < 0 ||
            read_after(r, item, at, step, fault) < 0 ||
            read_duration(r, item, "for", at, &fault->for_ms) < 0) {
            return -1;
        }
        fault->host = read_text(r, item, "host");
        step->nfaults++;
    }
    return 0;
}

/* ---- the clock ---- */

static const char *read_time(struct reading *r, const json_t *clock, const char *key,
                             const char *path, bool *bad)
{
    int64_t unused = 0;
    *bad = *bad || read_duration(r, clock, key, path, &unused) < 0;
    return read_text(r, clock, key);
}

int read_clock(struct reading *r, const json_t *obj, const char *path, struct lab_step *step)
{
    static const char *const presets[] = {"lab", "kubernetes", "swarm", "mesos"};
    const json_t *clock = jx_get(obj, "clock");
    cleanup_free char *at = xasprintf("%s.clock", path);
    bool bad = false;
    if (clock == NULL) {
        return 0;
    }
    if (read_keys(r, clock, at, clock_keys) < 0) {
        return -1;
    }
    step->clock = arena_alloc(r->arena, sizeof(*step->clock));
    step->clock->preset = read_text(r, clock, "preset");
    step->clock->heartbeat = read_time(r, clock, "heartbeat", at, &bad);
    step->clock->grace = read_time(r, clock, "grace", at, &bad);
    step->clock->eviction = read_time(r, clock, "eviction", at, &bad);
    for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
        if (step->clock->preset == NULL || strcmp(presets[i], step->clock->preset) == 0) {
            return bad ? -1 : 0;
        }
    }
    return read_fail(r, at, "preset: must be lab, kubernetes, swarm or mesos");
}
