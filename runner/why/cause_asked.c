/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster has what it was asked for, and was asked for something else. */
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "why/causes.h"

/* ---- a ReplicaSet that was scaled by hand, and its Deployment took it back ---- */

struct scaling {
    const struct scene *s;
    const char *set;
    int64_t to;       /* what the Deployment had last set it to; -1: not known */
    int64_t peak;     /* from where it took it back; -1: it did not */
    int64_t asked_up; /* how often the Deployment itself asked for more in this step */
};

/* The number behind a word: "from 3 to 1", in whichever order. */
static bool number_after(const char *text, const char *word, int64_t *ret)
{
    char digits[20];
    const char *p = strstr(text, word);
    if (p == NULL) {
        return false;
    }
    p += strlen(word);
    str_copy(digits, sizeof(digits), p);
    digits[strspn(digits, "0123456789")] = '\0';
    return str_to_i64(digits, 0, INT64_MAX, ret);
}

/* "Scaled down replica set web-6d4 from 3 to 1". What it comes from must be what it was set to
 * before; else somebody else had changed it. */
static bool on_scaling(void *arg, const json_t *event)
{
    struct scaling *x = arg;
    const char *message = jx_str(event, "message", "");
    cleanup_free char *named = xasprintf("replica set %s ", x->set);
    int64_t from = -1, to;
    if (!str_eq(jx_str(event, "reason", ""), "ScalingReplicaSet") ||
        strstr(message, named) == NULL || !number_after(message, " to ", &to)) {
        return true;
    }
    bool in_step = scene_event_time(event) + 999999 >= x->s->began_us;
    if (number_after(message, " from ", &from) && in_step && x->to >= 0 && from != x->to &&
        to == x->to) {
        x->peak = from;
    }
    x->asked_up += in_step && from >= 0 && to > from;
    x->to = to;
    return true;
}

struct making {
    const struct scene *s;
    int64_t made, deleted;
};

static bool on_making(void *arg, const json_t *event)
{
    struct making *m = arg;
    const char *reason = jx_str(event, "reason", "");
    if (scene_event_time(event) + 999999 >= m->s->began_us) {
        m->made += str_eq(reason, "SuccessfulCreate") ? scene_event_count(event) : 0;
        m->deleted += str_eq(reason, "SuccessfulDelete") ? scene_event_count(event) : 0;
    }
    return true;
}

bool cause_replicaset_scaled(const struct scene *s, struct finding *f)
{
    json_auto_t *sets = s->deployment != NULL ? scene_sets(s, s->deployment) : NULL;
    const json_t *set = json_array_get(sets, json_array_size(sets) - 1);
    int64_t asked = scene_asked(s->deployment);
    if (set == NULL || (s->counted && s->want == asked)) {
        return false;
    }
    struct scaling x = {.s = s, .set = scene_name(set), .to = -1, .peak = -1};
    struct making m = {.s = s};
    scene_each_event(s, s->deployment, on_scaling, &x);
    scene_each_event(s, set, on_making, &m);
    if (x.peak < 0 && x.asked_up == 0 && m.made > 0 && m.deleted >= m.made) {
        x.peak = asked + m.made; /* older events are gone: these pods came and went unasked */
    }
    if (x.peak < 0) {
        return false;
    }
    char peak[24];
    snprintf(peak, sizeof(peak), "%lld", (long long)x.peak);
    finding_text(f, "set", scene_name(set));
    finding_number(f, "peak", x.peak);
    finding_saw(f, set, "spec.replicas", peak, NULL);
    f->words = "replicaset-scaled";
    return true;
}

/* ---- fewer, more ---- */

/* Does the count speak of pods that wait, rather than of pods that work? */
static bool counts_waiting(const struct scene *s)
{
    return scene_expects(s, "Unschedulable") || scene_expects(s, "Pending") ||
           scene_expects(s, "PodScheduled");
}

static bool has_all_it_asks(const struct scene *s)
{
    int64_t asked = scene_asked(s->deployment);
    return jx_int(s->deployment, "status.readyReplicas", 0) == asked &&
           jx_int(s->deployment, "status.replicas", 0) == asked;
}

static void say_asked(const struct scene *s, struct finding *f)
{
    char asked[24];
    snprintf(asked, sizeof(asked), "%lld", (long long)scene_asked(s->deployment));
    finding_number(f, "ready", jx_int(s->deployment, "status.readyReplicas", 0));
    finding_saw(f, s->deployment, "spec.replicas", asked, NULL);
}

static bool is_fewer(const struct scene *s)
{
    int64_t asked = scene_asked(s->deployment);
    if (!s->counted) {
        return s->service[0] != '\0' && asked == 0 && scene_count_ready(s) == 0;
    }
    if (s->got >= s->want || scene_expects(s, "restartCount")) {
        return false;
    }
    if (counts_waiting(s)) {
        return has_all_it_asks(s); /* none waits, because all that were asked for fit */
    }
    return asked < s->want;
}

bool cause_fewer_asked(const struct scene *s, struct finding *f)
{
    if (s->deployment == NULL || !is_fewer(s)) {
        return false;
    }
    say_asked(s, f);
    f->words = scene_asked(s->deployment) == 0                         ? "fewer-asked.none"
               : jx_int(s->deployment, "status.readyReplicas", 0) == 0 ? "fewer-asked.zero"
                                                                       : "fewer-asked";
    return true;
}

/* Pods were made in this step though nobody asked for more: in the place of others. */
static bool were_replaced(const struct scene *s)
{
    json_auto_t *sets = scene_sets(s, s->deployment);
    const json_t *set = json_array_get(sets, json_array_size(sets) - 1);
    struct making m = {.s = s};
    struct scaling x = {.s = s, .set = scene_name(set), .to = -1, .peak = -1};
    if (set == NULL) {
        return false;
    }
    scene_each_event(s, set, on_making, &m);
    scene_each_event(s, s->deployment, on_scaling, &x);
    return m.made > 0 && x.asked_up == 0;
}

bool cause_more_asked(const struct scene *s, struct finding *f)
{
    if (s->deployment == NULL || !s->counted || s->got <= s->want || counts_waiting(s) ||
        scene_asked(s->deployment) <= s->want || scene_expects(s, "restartCount")) {
        return false;
    }
    say_asked(s, f);
    f->words = were_replaced(s) ? "more-asked.replaced" : "more-asked";
    return true;
}

/* ---- nobody may make them ---- */

bool cause_create_refused(const struct scene *s, struct finding *f)
{
    json_auto_t *sets = s->deployment != NULL ? scene_sets(s, s->deployment) : NULL;
    size_t i;
    const json_t *set;
    jx_each(i, set, sets)
    {
        const json_t *c = scene_condition(set, "ReplicaFailure");
        if (str_eq(jx_get_str(c, "status", ""), "True")) {
            const char *message = jx_get_str(c, "message", "");
            finding_text(f, "set", scene_name(set));
            finding_text(f, "message", message);
            finding_saw(f, set, "status.conditions[ReplicaFailure]", message,
                        jx_get_str(c, "lastTransitionTime", NULL));
            f->words = "create-refused";
            return true;
        }
    }
    return false;
}
