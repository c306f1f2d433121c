/* SPDX-License-Identifier: Apache-2.0 */
/* A restarted container keeps its pod; a replaced pod begins at no restart. */
#include <stdio.h>

#include "common/json/jx.h"
#include "common/str.h"
#include "why/causes.h"

/* The first pod that stays. */
static const json_t *first_pod(const struct scene *s)
{
    size_t i;
    const json_t *pod;
    jx_each(i, pod, s->pods)
    {
        if (!scene_pod_is_ending(pod)) {
            return pod;
        }
    }
    return NULL;
}

static bool any_restarted(const struct scene *s)
{
    size_t i;
    const json_t *pod;
    jx_each(i, pod, s->pods)
    {
        if (scene_pod_restarts(pod) > 0) {
            return true;
        }
    }
    return false;
}

bool cause_no_restart(const struct scene *s, struct finding *f)
{
    const json_t *pod = first_pod(s);
    if (!scene_expects(s, "restartCount") || pod == NULL || any_restarted(s)) {
        return false;
    }
    finding_text(f, "pod", scene_name(pod));
    finding_span(f, "age", scene_age(s, pod));
    finding_saw(f, pod, "restartCount", "0", NULL);
    finding_saw(f, pod, "metadata.creationTimestamp", jx_str(pod, "metadata.creationTimestamp", ""),
                NULL);
    f->words = scene_is_new(s, pod) ? "no-restart.another" : "no-restart";
    return true;
}

/* Older than the step, though another one is wanted. */
bool cause_same_pod(const struct scene *s, struct finding *f)
{
    bool wants_new = scene_expects(s, "creationTimestamp") || scene_expects(s, ".uid");
    size_t i;
    const json_t *pod, *old = NULL;
    jx_each(i, pod, s->pods)
    {
        if (!scene_pod_is_ending(pod) && !scene_is_new(s, pod) && old == NULL) {
            old = pod;
        }
    }
    if (!wants_new || old == NULL) {
        return false;
    }
    char restarts[24];
    snprintf(restarts, sizeof(restarts), "%lld", (long long)scene_pod_restarts(old));
    finding_text(f, "pod", scene_name(old));
    finding_span(f, "age", scene_age(s, old));
    finding_number(f, "restarts", scene_pod_restarts(old));
    finding_saw(f, old, "metadata.creationTimestamp", jx_str(old, "metadata.creationTimestamp", ""),
                NULL);
    finding_saw(f, old, "restartCount", restarts, NULL);
    f->words = scene_pod_restarts(old) > 0 ? "same-pod.restarted" : "same-pod";
    return true;
}
