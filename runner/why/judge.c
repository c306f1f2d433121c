/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which causes are asked: what is missing before what is asked for, that before what
 * moves, that before what holds a pod up, and the network last. */
#include "why/judge.h"

#include <string.h>

#include "common/mem.h"
#include "why/causes.h"

/* `moving` comes before what holds up single pods only while progress is seen: then it may cure
 * itself. */
static bool while_moving(const struct scene *s, struct finding *f)
{
    return s->state == CHECK_MOVING && cause_moving(s, f);
}

static cause_fn *const order[] = {
    cause_silent,
    cause_requests_failed,
    cause_exit_status,
    cause_host_on,
    cause_host_away,
    cause_container,
    cause_port,
    cause_missing,
    cause_not_cordoned,
    cause_cannot_end,
    cause_still_wanted,
    cause_no_restart,
    cause_same_pod,
    cause_replicaset_scaled,
    cause_fewer_asked,
    cause_more_asked,
    cause_selector,
    cause_create_refused,
    cause_moving_host,
    while_moving,
    cause_image,
    cause_memory,
    cause_crashing,
    cause_no_room,
    cause_rollout_halts,
    cause_no_endpoints,
    cause_wrong_target_port,
    cause_answers_error,
    cause_not_ready,
    cause_not_spread,
    cause_moving,
    cause_too_late,
    cause_unknown,
};

json_t *judge_scene(const struct scene *s, const char *locale)
{
    for (size_t i = 0; s->state != CHECK_OK && i < ARRAY_LEN(order); i++) {
        struct finding f;
        finding_init(&f, s, locale);
        bool found = order[i](s, &f);
        json_t *answer = found ? finding_answer(&f) : NULL;
        finding_fini(&f);
        if (found) {
            return answer;
        }
    }
    struct finding f;
    finding_init(&f, s, locale);
    f.words = "ok";
    json_t *answer = finding_answer(&f);
    finding_fini(&f);
    return answer;
}
