/* SPDX-License-Identifier: Apache-2.0 */
/* Takes commands, tells events, and writes both down. */
#include "session/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "journal/journal.h"
#include "session/files.h"
#include "session/session_impl.h"

const struct lab_step *session_step_of(const struct session *s)
{
    return &s->o.lab->steps[s->step];
}

/* ---- telling ---- */

void session_emit(struct session *s, json_t *event)
{
    json_auto_t *owned = event;
    for (size_t i = 0; i < s->listeners.n; i++) {
        if (!s->listeners.v[i].fresh) {
            s->listeners.v[i].fn(s->listeners.v[i].arg, owned);
        }
    }
}

void session_note(struct session *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *text = xvasprintf(fmt, ap);
    va_end(ap);
    session_emit(s, json_pack("{s:s, s:s}", "kind", "note", "text", text));
}

void session_record(struct session *s, const char *kind, const json_t *args)
{
    struct err err;
    if (journal_append(s->o.journal, s->uuid, loop_mono_ns(s->o.loop), loop_wall_us(s->o.loop),
                       kind, session_step_of(s)->id, args, NULL, &err) < 0) {
        log_warn("session", "%s is not recorded: %s", kind, err.msg);
    }
}

/* ---- listeners ---- */

static void tell(const struct listener *l, json_t *event)
{
    json_auto_t *owned = event;
    l->fn(l->arg, owned);
}

static void tell_state(struct session *s, const struct listener *l)
{
    if (s->drive != NULL) {
        tell(l, s->busy != NULL ? json_incref(s->busy)
                                : json_pack("{s:s, s:s}", "kind", "busy", "what", "replay"));
        return;
    }
    tell(l, session_step_event(s));
    const struct check_run *run = session_checks(s);
    for (size_t i = 0; run != NULL && i < check_run_count(run); i++) {
        tell(l, session_check_event(check_run_verdict(run, i)));
    }
    if (s->finished) {
        tell(l, json_pack("{s:s}", "kind", "finished"));
    } else if (s->step_done) {
        tell(l, session_done_event(s));
    }
}

static void greet(void *arg)
{
    struct session *s = arg;
    for (size_t i = 0; i < s->listeners.n; i++) {
        if (s->listeners.v[i].fresh) {
            s->listeners.v[i].fresh = false;
            struct listener l = s->listeners.v[i];
            tell_state(s, &l);
        }
    }
}

void session_listen(struct session *s, session_listener *fn, void *arg)
{
    struct listener l = {.fn = fn, .arg = arg, .fresh = true};
    vec_push(&s->listeners, l);
    loop_defer(s->o.loop, greet, s);
}

void session_unlisten(struct session *s, session_listener *fn, void *arg)
{
    for (size_t i = 0; i < s->listeners.n; i++) {
        if (s->listeners.v[i].fn == fn && s->listeners.v[i].arg == arg) {
            vec_remove(&s->listeners, i);
            return;
        }
    }
}

/* ---- commands ---- */

static int next(struct session *s, const json_t *c, struct err *err)
{
    if (!s->step_done) {
        return err_set(
            err, ERR_CONFLICT,
            "This step is not done yet: why says what is missing, skip does it for you.");
    }
    if (s->step + 1 < s->o.lab->nsteps) {
        session_begin(s, s->step + 1, false);
    } else {
        session_finish(s);
    }
    return 0;
}

static int back(struct session *s, const json_t *c, struct err *err)
{
    if (s->step == 0) {
        return err_set(err, ERR_CONFLICT, "This is the first step.");
    }
    session_record(s, "redo", NULL);
    session_drive(s, s->step - 1, true);
    return 0;
}

static int redo(struct session *s, const json_t *c, struct err *err)
{
    session_record(s, "redo", NULL);
    session_drive(s, s->step, true);
    return 0;
}

static int skip(struct session *s, const json_t *c, struct err *err)
{
    if (s->step_done) {
        return next(s, c, err);
    }
    session_record(s, "skip", NULL);
    session_skip(s);
    return 0;
}

static int hint(struct session *s, const json_t *c, struct err *err)
{
    const struct lab_step *step = session_step_of(s);
    if (s->hints == step->nhints) {
        return err_set(err, ERR_NOT_FOUND,
                       step->nhints == 0 ? "This step has no hints."
                                         : "That was the last hint; solution shows the way.");
    }
    const char *text = step->hints[s->hints++].text;
    json_auto_t *args = json_pack("{s:i}", "n", (int)s->hints);
    session_record(s, "hint", args);
    session_emit(s, json_pack("{s:s, s:i, s:i, s:s}", "kind", "hint", "n", (int)s->hints, "count",
                              (int)step->nhints, "text", text));
    return 0;
}

static int solution(struct session *s, const json_t *c, struct err *err)
{
    const char *path = session_step_of(s)->solution;
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    struct str text = STR_INIT;
    char buf[1024];
    if (file == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "This step needs no solution: read, and go on with next.");
    }
    for (size_t n; (n = fread(buf, 1, sizeof(buf), file)) > 0;) {
        str_add_n(&text, buf, n);
    }
    fclose(file);
    session_record(s, "solution", NULL);
    session_emit(s, json_pack("{s:s, s:s}", "kind", "solution", "text", str_c(&text)));
    str_fini(&text);
    return 0;
}

static void on_why(void *arg, json_t *answer)
{
    struct session *s = arg;
    s->why = NULL;
    session_emit(s, json_pack("{s:s, s:o}", "kind", "why", "answer", answer));
}

static int why(struct session *s, const json_t *c, struct err *err)
{
    struct why_opts opts = {.kube = s->o.kube, .ns = s->o.lab->ns, .locale = "en"};
    const struct check_verdict *v = s->attempt != NULL ? attempt_failing(s->attempt) : NULL;
    if (s->why != NULL) {
        return 0; /* the answer is on its way */
    }
    if (v == NULL) {
        return err_set(err, ERR_CONFLICT,
                       s->step_done ? "Everything holds; next goes on."
                                    : "Everything holds so far.");
    }
    s->why = why_explain(&opts, v, on_why, s);
    return 0;
}

static int answer(struct session *s, const json_t *c, struct err *err)
{
    const struct lab_ask *ask = session_step_of(s)->ask;
    int64_t choice = jx_int(c, "choice", 0);
    int64_t n = 0;
    while (ask != NULL && ask->choices[n] != NULL) {
        n++;
    }
    if (choice < 1 || choice > n) {
        return err_set(err, ERR_INVALID,
                       n == 0 ? "This step asks no question." : "The choices are a to %c.",
                       (char)('a' + n - 1));
    }
    s->choice = (int)choice;
    json_auto_t *args = json_pack("{s:s, s:i, s:b}", "id", ask->id, "choice", s->choice, "right",
                                  s->choice == ask->answer);
    session_record(s, "ask", args);
    session_emit(s, json_pack("{s:s, s:s, s:i, s:s}", "kind", "ask", "id", ask->id, "choice",
                              s->choice, "word", ask->choices[choice - 1]));
    return 0;
}

static int command_ended(struct session *s, const json_t *c, struct err *err)
{
    json_auto_t *args = json_pack("{s:s, s:I}", "word", jx_str(c, "word", ""), "exit",
                                  (json_int_t)jx_int(c, "exit", 0));
    session_record(s, "command", args);
    struct check_run *run = s->attempt != NULL ? attempt_checks(s->attempt) : NULL;
    if (run != NULL) {
        check_run_poke(run);
    }
    return 0;
}

static int text(struct session *s, const json_t *c, struct err *err)
{
    json_t *event = session_step_event(s);
    jx_put_bool(event, "again", true);
    session_emit(s, event);
    return 0;
}

static int leave(struct session *s, const json_t *c, struct err *err)
{
    session_record(s, "leave", NULL);
    return 0;
}

struct command_row {
    const char *name;
    int (*run)(struct session *s, const json_t *c, struct err *err);
    bool when_busy;
};

static const struct command_row commands[] = {
    {"answer", answer, false}, {"back", back, false},  {"command", command_ended, true},
    {"hint", hint, false},     {"leave", leave, true}, {"next", next, false},
    {"redo", redo, true},      {"skip", skip, false},  {"solution", solution, false},
    {"text", text, false},     {"why", why, false},
};

int session_command(struct session *s, const json_t *command, struct err *err)
{
    const char *name = jx_str(command, "cmd", "");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) != 0) {
            continue;
        }
        if (s->drive != NULL && !commands[i].when_busy) {
            return err_set(err, ERR_CONFLICT, "One moment: the step is being prepared.");
        }
        if (s->finished && strcmp(name, "leave") != 0 && strcmp(name, "command") != 0 &&
            strcmp(name, "redo") != 0 && strcmp(name, "back") != 0) {
            return err_set(err, ERR_CONFLICT, "The lab is finished; quit leaves it.");
        }
        return commands[i].run(s, command, err);
    }
    return err_set(err, ERR_INVALID, "there is no command \"%s\"", name);
}

/* ---- what fails on purpose ---- */

static void on_fault(void *arg, const json_t *change)
{
    struct session *s = arg;
    json_t *event = jx_edit(change);
    session_record(s, "fault", change);
    jx_put_str(event, "kind", "fault");
    session_emit(s, event);
}

static void on_trouble(void *arg, const char *text)
{
    session_note(arg, "%s", text);
}

static bool collect_fault(void *arg, int64_t seq, int64_t wall_us, const char *kind,
                          const char *step, const json_t *args)
{
    json_t *changes = arg;
    if (strcmp(kind, "redo") == 0) {
        json_array_clear(changes); /* the cluster was emptied, and hosts were mended */
    } else if (strcmp(kind, "fault") == 0) {
        json_array_append_new(changes, jx_edit(args));
    }
    return true;
}

static void make_faults(struct session *s)
{
    struct faults_opts opts = {.loop = s->o.loop,
                               .kube = s->o.kube,
                               .lab = s->o.lab,
                               .foreign = s->o.foreign,
                               .on_change = on_fault,
                               .on_trouble = on_trouble,
                               .arg = s};
    s->faults = faults_new(&opts);
    if (s->o.uuid != NULL) {
        json_auto_t *changes = json_array();
        journal_each(s->o.journal, s->uuid, collect_fault, changes);
        faults_adopt(s->faults, session_step_of(s)->id, changes);
    }
}

static void on_put_back(void *arg)
{
    *(bool *)arg = true;
}

void session_put_back(struct session *s)
{
    bool done = false;
    session_end_step(s);
    drive_free(steal(s->drive));
    faults_end(s->faults, on_put_back, &done);
    if (!loop_run_until(s->o.loop, &done, LOOP_S(5))) {
        log_warn("session", "what the lab did to hosts is not undone");
        faults_rest(s->faults);
    }
}

/* ---- making and ending ---- */

static int open_session(struct session *s, struct err *err)
{
    struct journal_session row = {0};
    const struct session_opts *o = &s->o;
    if (o->uuid == NULL) {
        str_copy(row.lab, sizeof(row.lab), o->lab->id);
        str_copy(row.lab_sha, sizeof(row.lab_sha), o->lab->sha);
        str_copy(row.locale, sizeof(row.locale), "en");
        str_copy(row.runtime, sizeof(row.runtime), o->runtime != NULL ? o->runtime : "");
        str_copy(row.clock, sizeof(row.clock), o->clock != NULL ? o->clock : "");
        str_copy(row.cluster, sizeof(row.cluster), o->cluster != NULL ? o->cluster : "");
        str_copy(row.shell, sizeof(row.shell), o->shell != NULL ? o->shell : "");
        if (journal_add(o->journal, &row, err) < 0) {
            return -1;
        }
    } else if (journal_find(o->journal, o->uuid, &row, err) < 0) {
        return -1;
    } else {
        struct journal_progress p;
        journal_progress(o->journal, o->uuid, &p);
        const struct lab_step *step = lab_find_step(o->lab, p.step);
        s->step = step != NULL ? lab_step_index(o->lab, step) : 0;
        s->hints = p.step_hints;
        s->choice = p.step_choice;
        s->before_us = p.active_us;
        s->started_us = p.started_us > 0 ? p.started_us : s->opened_us;
    }
    str_copy(s->uuid, sizeof(s->uuid), row.uuid);
    return 0;
}

static void start_probes(struct session *s)
{
    for (size_t i = 0; i < s->o.lab->nprobes; i++) {
        struct check_probe_opts opts = {.loop = s->o.loop,
                                        .kube = s->o.kube,
                                        .ns = s->o.lab->ns,
                                        .probe = &s->o.lab->probes[i],
                                        .workdir = s->o.workdir};
        struct check_probe *p = check_probe_new(&opts);
        check_probe_start(p);
        vec_push(&s->probes, p);
    }
}

int session_new(const struct session_opts *opts, struct session **ret, struct err *err)
{
    struct session *s = xnew(struct session);
    s->o = *opts;
    s->opened_us = s->started_us = loop_wall_us(opts->loop);
    if (open_session(s, err) < 0 || session_copy_files(opts->lab, opts->workdir, false, err) < 0) {
        session_free(s);
        return -1;
    }
    s->reset = (struct reset_opts){.kube = opts->kube,
                                   .ns = opts->lab->ns,
                                   .foreign = opts->foreign,
                                   .since_us = s->started_us,
                                   .env = opts->env,
                                   .docker = lab_requires(opts->lab, "docker")};
    s->expr = expr_new(opts->loop);
    make_faults(s);
    start_probes(s);
    if (opts->clear || (opts->replay && s->step > 0)) {
        session_drive(s, s->step, opts->clear);
    } else {
        session_begin(s, s->step, opts->uuid != NULL && !opts->replay);
    }
    *ret = s;
    return 0;
}

void session_free(struct session *s)
{
    if (s == NULL) {
        return;
    }
    loop_undefer(s->o.loop, s);
    session_end_step(s);
    drive_free(s->drive);
    for (size_t i = 0; i < s->probes.n; i++) {
        check_probe_free(s->probes.v[i]);
    }
    faults_free(s->faults);
    expr_free(s->expr);
    json_decref(s->busy);
    vec_fini(&s->probes);
    vec_fini(&s->listeners);
    free(s);
}

int64_t session_elapsed_us(const struct session *s)
{
    return s->before_us + loop_wall_us(s->o.loop) - s->opened_us;
}

const char *session_uuid(const struct session *s)
{
    return s->uuid;
}

const struct lab *session_lab(const struct session *s)
{
    return s->o.lab;
}

size_t session_step(const struct session *s)
{
    return s->step;
}

bool session_step_done(const struct session *s)
{
    return s->step_done;
}

bool session_finished(const struct session *s)
{
    return s->finished;
}

bool session_busy(const struct session *s)
{
    return s->drive != NULL;
}

const struct check_run *session_checks(const struct session *s)
{
    return s->attempt != NULL ? attempt_checks(s->attempt) : NULL;
}

const struct check_probe *session_probe(const struct session *s)
{
    return s->probes.n > 0 ? s->probes.v[0] : NULL;
}
