/* SPDX-License-Identifier: Apache-2.0 */
/* How many pods of each version there may be at this moment. */
#include "controllers/rollout.h"

#include "common/json/jx.h"
#include "common/str.h"

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* 3, or "25%" of total. */
static int64_t resolve(const json_t *v, int64_t total, bool up, int64_t dflt_percent)
{
    int64_t percent = dflt_percent;
    if (json_is_integer(v)) {
        return json_integer_value(v);
    }
    if (json_is_string(v)) {
        char digits[16];
        str_copy(digits, sizeof(digits), json_string_value(v));
        size_t n = json_string_length(v);
        if (n > 0 && n < sizeof(digits) && digits[n - 1] == '%') {
            digits[n - 1] = '\0';
        }
        if (!str_to_i64(digits, 0, 10000, &percent)) {
            percent = dflt_percent; /* validation lets nothing else through */
        }
    }
    return (total * percent + (up ? 99 : 0)) / 100;
}

struct rollout_limits rollout_limits(const json_t *deployment)
{
    const json_t *rolling = jx_obj(deployment, "spec.strategy.rollingUpdate");
    struct rollout_limits l = {.replicas = jx_int(deployment, "spec.replicas", 1)};
    l.max_surge = resolve(jx_get(rolling, "maxSurge"), l.replicas, true, 25);
    l.max_unavailable = resolve(jx_get(rolling, "maxUnavailable"), l.replicas, false, 25);
    if (l.max_surge == 0 && l.max_unavailable == 0) {
        l.max_unavailable = 1; /* both may round to nothing; a rollout must be able to move */
    }
    l.max_unavailable = min(l.max_unavailable, l.replicas);
    return l;
}

int64_t rollout_new_size(const struct rollout_limits *l, const struct rollout_set *new_set,
                         int64_t total)
{
    if (new_set->replicas >= l->replicas) {
        return l->replicas;
    }
    int64_t room = l->replicas + l->max_surge - total;
    return new_set->replicas + max(0, min(room, l->replicas - new_set->replicas));
}

void rollout_shrink_old(const struct rollout_limits *l, const struct rollout_set *new_set,
                        struct rollout_set *old, size_t n)
{
    int64_t total = new_set->replicas;
    int64_t available = new_set->available;
    for (size_t i = 0; i < n; i++) {
        total += old[i].replicas;
        available += min(old[i].available, old[i].replicas);
    }
    int64_t needed = l->replicas - l->max_unavailable;
    int64_t may_go = total - needed - max(0, new_set->replicas - new_set->available);
    for (size_t i = 0; i < n && may_go > 0; i++) {
        int64_t unhealthy = max(0, old[i].replicas - old[i].available);
        int64_t gone = min(may_go, unhealthy);
        old[i].replicas -= gone;
        may_go -= gone;
    }
    int64_t spare = available - needed;
    for (size_t i = 0; i < n && spare > 0; i++) {
        int64_t gone = min(spare, old[i].replicas);
        old[i].replicas -= gone;
        spare -= gone;
    }
}

void rollout_scale(int64_t allowed, struct rollout_set *sets, size_t n, int64_t old_allowed)
{
    int64_t total = 0;
    size_t biggest = 0;
    for (size_t i = 0; i < n; i++) {
        total += sets[i].replicas;
        biggest = sets[i].replicas >= sets[biggest].replicas ? i : biggest;
    }
    int64_t change = allowed - total;
    int64_t left = change;
    for (size_t i = 0; i < n && old_allowed > 0; i++) {
        /* Rounded to the nearest, never past what is left to give or to take. */
        int64_t twice = 2 * sets[i].replicas * allowed;
        int64_t share = (twice + old_allowed) / (2 * old_allowed) - sets[i].replicas;
        share = change > 0 ? max(0, min(share, left)) : min(0, max(share, left));
        sets[i].replicas += share;
        left -= share;
    }
    if (n > 0) {
        sets[biggest].replicas = max(0, sets[biggest].replicas + left);
    }
}
