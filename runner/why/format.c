/* SPDX-License-Identifier: Apache-2.0 */
/* Explanations for the terminal. */
#include "common/json/jx.h"
#include "why/why.h"

static char mark(const char *state)
{
    return str_eq(state, "ok")       ? '+'
           : str_eq(state, "moving") ? '~'
           : str_eq(state, "failed") ? 'x'
                                     : '?';
}

void why_format(const json_t *answer, struct str *out)
{
    size_t i;
    const json_t *line;
    const char *look = jx_get_str(answer, "look", "");
    jx_each(i, line, jx_get(answer, "lines"))
    {
        if (i == 0) {
            str_add_f(out, "%c ", mark(jx_get_str(answer, "state", "")));
        } else {
            str_add(out, "  ");
        }
        str_add(out, json_string_value(line));
        str_add_c(out, '\n');
    }
    if (look[0] != '\0') {
        str_add_f(out, "  look: %s\n", look);
    }
}

const char *const *why_causes(void)
{
    static const char *const causes[] = {
        "answers-error",
        "cannot-end",
        "container-elsewhere",
        "container-exited",
        "container-paused",
        "container-remains",
        "crashing",
        "create-refused",
        "exit-status",
        "fewer-asked",
        "host-cut",
        "host-off",
        "host-on",
        "host-paused",
        "image",
        "memory",
        "more-asked",
        "moving",
        "never-started",
        "no-container",
        "no-endpoints",
        "no-port",
        "no-restart",
        "no-room",
        "not-cordoned",
        "not-found",
        "not-kept",
        "not-published",
        "not-ready",
        "not-spread",
        "ok",
        "other-namespace",
        "other-port",
        "port-closed",
        "port-held",
        "port-nobody",
        "refused",
        "replicaset-scaled",
        "requests-failed",
        "rollout-halts",
        "rollout-paused",
        "same-pod",
        "selector-matches-nothing",
        "similar-name",
        "still-wanted",
        "too-late",
        "unknown",
        "wrong-answer",
        "wrong-target-port",
        NULL,
    };
    return causes;
}
