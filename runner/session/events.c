/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a step, as JSON (session.h says which fields there are). */
#include "common/json/jx.h"
#include "session/session_impl.h"

static json_t *choices_of(const struct lab_ask *ask)
{
    json_t *choices = json_array();
    for (size_t i = 0; ask->choices[i] != NULL; i++) {
        json_array_append_new(choices, json_string(ask->choices[i]));
    }
    return choices;
}

static json_t *ask_of(const struct lab_ask *ask)
{
    json_t *out = json_pack("{s:s, s:o}", "id", ask->id, "choices", choices_of(ask));
    if (ask->question != NULL) {
        jx_put_str(out, "question", ask->question);
    }
    return out;
}

json_t *session_step_event(const struct session *s)
{
    const struct lab_step *step = session_step_of(s);
    json_t *checks = json_array();
    for (size_t i = 0; i < step->nchecks; i++) {
        json_array_append_new(checks,
                              json_pack("{s:s, s:s, s:b}", "id", step->checks[i].id, "name",
                                        step->checks[i].name, "keep", step->checks[i].keep));
    }
    return json_pack("{s:s, s:s, s:i, s:i, s:s, s:s, s:i, s:i, s:o, s:o, s:b}", "kind", "step",
                     "step", step->id, "index", (int)s->step, "count", (int)s->o.lab->nsteps,
                     "title", step->title, "text", step->text, "hints", (int)step->nhints, "choice",
                     s->choice, "checks", checks, "ask",
                     step->ask != NULL ? ask_of(step->ask) : json_null(), "map", step->map);
}

json_t *session_check_event(const struct check_verdict *v)
{
    int64_t got;
    int64_t want;
    json_t *event = json_pack("{s:s, s:s, s:s, s:s}", "kind", "check", "id", v->check->id, "name",
                              v->check->name, "state", check_state_name(v->state));
    if (check_verdict_progress(v, &got, &want)) {
        jx_put_int(event, "got", got);
        jx_put_int(event, "want", want);
    }
    return event;
}

/* Only those that the step's checks look at: the others are no concern of it. */
static bool is_looked_at(const struct lab_step *step, const char *probe)
{
    for (size_t i = 0; i < step->nchecks; i++) {
        if (str_eq(step->checks[i].probe, probe)) {
            return true;
        }
    }
    return false;
}

json_t *session_figures(const struct session *s)
{
    json_t *all = json_object();
    for (size_t i = 0; i < s->probes.n; i++) {
        const char *id = check_probe_lab(s->probes.v[i])->id;
        if (is_looked_at(session_step_of(s), id)) {
            json_object_set_new(all, id, check_probe_figures(s->probes.v[i]));
        }
    }
    return all;
}

json_t *session_done_event(const struct session *s)
{
    return json_pack("{s:s, s:s, s:i, s:b, s:o}", "kind", "done", "step", session_step_of(s)->id,
                     "index", (int)s->step, "last", s->step + 1 == s->o.lab->nsteps, "probes",
                     session_figures(s));
}

json_t *session_recall_event(const struct session *s)
{
    const struct lab_ask *ask = session_step_of(s)->ask;
    bool right = s->choice == ask->answer;
    const char *words = right ? ask->right : ask->wrong;
    return json_pack("{s:s, s:s, s:i, s:b, s:s, s:s, s:s}", "kind", "recall", "id", ask->id,
                     "choice", s->choice, "right", right, "said", ask->choices[s->choice - 1],
                     "was", ask->choices[ask->answer - 1], "words", words != NULL ? words : "");
}
