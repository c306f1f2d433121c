/* SPDX-License-Identifier: Apache-2.0 */
/* Stands between the learner's terminal, the shell and the session. */
#include "repl/repl.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "lab/lab.h"
#include "repl/complete.h"
#include "repl/console.h"
#include "repl/map.h"
#include "repl/repl_impl.h"
#include "repl/show.h"
#include "session/session.h"
#include "term/term.h"

#define MOMENT LOOP_MS(600)

/* ---- saying ---- */

void repl_say(struct repl *r, const char *text)
{
    if (r->asking) {
        console_print(r->console, text);
    } else {
        str_add(&r->late, text);
    }
}

void repl_note(struct repl *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *text = xvasprintf(fmt, ap);
    va_end(ap);
    cleanup_str struct str out = STR_INIT;
    show_note(&r->style, text, &out);
    repl_say(r, out.p);
}

int64_t repl_elapsed_us(const struct repl *r)
{
    return session_elapsed_us(r->o.session);
}

static void tell_event(struct repl *r, const json_t *event)
{
    cleanup_str struct str out = STR_INIT;
    show_event(r->show, event, repl_elapsed_us(r), &out);
    if (out.len > 0) {
        repl_say(r, out.p);
    }
    if (show_holds(r->show) && !loop_timer_active(r->held)) {
        loop_timer_start(r->held, MOMENT);
    }
}

/* The probe's strip goes with it, as it was when the step began. */
static void on_step_map(void *arg, const char *drawn)
{
    struct repl *r = arg;
    cleanup_str struct str out = STR_INIT;
    const struct check_probe *probe = session_probe(r->o.session);
    r->step_map = NULL;
    str_add(&out, drawn);
    if (probe != NULL) {
        show_probe(&r->style, probe, &out);
    }
    show_set_map(r->show, str_c(&out));
    for (size_t i = 0; i < r->events.n; i++) {
        tell_event(r, r->events.v[i]);
        json_decref(r->events.v[i]);
    }
    r->events.n = 0;
}

static void on_event(void *arg, const json_t *event)
{
    struct repl *r = arg;
    bool step = str_eq(jx_str(event, "kind", ""), "step") && jx_bool(event, "map", false);
    if (step && r->step_map == NULL) {
        r->step_map =
            map_view_new(r->o.kube, session_lab(r->o.session)->ns, &r->style, on_step_map, r);
    }
    if (r->step_map != NULL) {
        vec_push(&r->events, jx_edit(event));
    } else {
        tell_event(r, event);
    }
}

static void on_held(void *arg)
{
    struct repl *r = arg;
    cleanup_str struct str out = STR_INIT;
    show_held(r->show, &out);
    if (out.len > 0) {
        repl_say(r, out.p);
    }
}

void repl_say_late(struct repl *r)
{
    cleanup_str struct str late = r->late;
    r->late = (struct str)STR_INIT;
    if (late.len > 0) {
        console_print(r->console, late.p);
    }
}

/* ---- the console ---- */

static void on_line(void *arg, const char *line)
{
    lines_take(arg, line);
}

static void on_keys(void *arg, const char *bytes, size_t n)
{
    struct repl *r = arg;
    term_write(r->term, bytes, n);
}

static void on_interrupt(void *arg)
{
    struct repl *r = arg;
    lines_drop(r);
    r->confirm = (struct confirm){0};
    if (!r->asking || r->more) {
        r->asking = false;
        term_interrupt(r->term); /* the shell's next prompt is ours */
        return;
    }
    lines_ask(r);
}

static void on_end(void *arg, bool gone)
{
    struct repl *r = arg;
    r->asking = false;
    if (gone || r->leaving) {
        repl_leave(r);
    } else if (r->more) {
        term_interrupt(r->term);
    } else if (r->confirm.yes == repl_leave) {
        repl_leave(r); /* a second Ctrl-D */
    } else {
        verbs_ask_leave(r);
        lines_ask(r);
    }
}

static void on_resize(void *arg, unsigned rows, unsigned columns)
{
    struct repl *r = arg;
    r->style.width = style_make(false, r->o.plain, columns).width;
    if (r->term != NULL) {
        term_resize(r->term, rows, columns);
    }
}

static char **complete(void *arg, const char *line, size_t start, const char *word)
{
    struct repl *r = arg;
    char folder[PATH_MAX];
    struct complete_opts opts = {
        .words = verbs_names(),
        .folder = term_folder(r->term, folder, sizeof(folder)) ? folder : NULL,
        .env = r->o.env,
    };
    return complete_line(&opts, line, start, word);
}

static const struct console_ops console_ops = {
    .on_line = on_line,
    .on_keys = on_keys,
    .on_interrupt = on_interrupt,
    .on_end = on_end,
    .on_resize = on_resize,
    .complete = complete,
};

/* ---- coming and going ---- */

static void welcome(struct repl *r)
{
    if (!r->o.newcomer) {
        return;
    }
    repl_note(r,
              "You are in a lab: a small cluster of its own, on this machine. kubectl and docker "
              "reach this cluster and its hosts, and nothing else that runs here.");
    repl_note(r,
              "At the prompt below is an ordinary shell: kubectl, curl, pipes and editors work.");
    repl_note(r, "You need not hand in anything: each check ticks by itself when it holds.");
    repl_note(r, "Words for the lab: text, hint, why, map, next; help lists them all.");
    repl_note(r, "Ctrl-C stops a command. quit leaves, and your place is kept.");
}

void repl_leave(struct repl *r)
{
    struct err err;
    json_auto_t *command = json_pack("{s:s}", "cmd", "leave");
    if (r->leaving) {
        return;
    }
    r->leaving = true;
    r->asking = false;
    console_hold(r->console);
    if (session_command(r->o.session, command, &err) < 0) {
        repl_note(r, "%s", err.msg);
    }
    loop_stop(r->o.loop);
}

static void say_goodbye(struct repl *r)
{
    cleanup_str struct str out = STR_INIT;
    const struct lab *lab = session_lab(r->o.session);
    if (session_finished(r->o.session)) {
        show_note(&r->style, "The lab is finished and noted. podlab list shows what there is.",
                  &out);
    } else {
        cleanup_free char *text = xasprintf("Saved: step %zu of %zu. podlab start goes on there.",
                                            session_step(r->o.session) + 1, lab->nsteps);
        show_note(&r->style, text, &out);
    }
    if (r->o.stop_words != NULL) {
        cleanup_free char *text =
            xasprintf("The cluster runs on; %s ends it and frees its memory.", r->o.stop_words);
        show_note(&r->style, text, &out);
    }
    repl_say_late(r);
    console_print(r->console, out.p);
}

static void finish(struct repl *r)
{
    session_unlisten(r->o.session, on_event, r);
    loop_undefer(r->o.loop, r);
    map_view_free(r->map);
    map_view_free(r->step_map);
    for (size_t i = 0; i < r->events.n; i++) {
        json_decref(r->events.v[i]);
    }
    vec_fini(&r->events);
    term_free(r->term);
    console_free(r->console);
    show_free(r->show);
    loop_timer_free(r->slow);
    loop_timer_free(r->young);
    loop_timer_free(r->held);
    lines_drop(r);
    vec_fini(&r->lines);
    str_fini(&r->late);
    free(r->command);
}

static int begin(struct repl *r, struct err *err)
{
    cleanup_free char *history = xasprintf("%s/history", r->o.home);
    struct console_opts opts = {
        .loop = r->o.loop, .plain = r->o.plain, .history = history, .ops = &console_ops, .arg = r};
    unsigned rows;
    unsigned columns;
    if (console_new(&opts, &r->console, err) < 0) {
        return -1;
    }
    console_size(r->console, &rows, &columns);
    r->style = style_make(console_is_terminal(r->console), r->o.plain, columns);
    r->show = show_new(session_lab(r->o.session), &r->style);
    r->slow = loop_timer_new(r->o.loop, shell_is_slow, r);
    r->young = loop_timer_new(r->o.loop, shell_has_grown, r);
    r->held = loop_timer_new(r->o.loop, on_held, r);
    welcome(r);
    session_listen(r->o.session, on_event, r);
    return shell_start(r, err);
}

int repl_run(const struct repl_opts *opts, struct err *err)
{
    struct repl r = {.o = *opts};
    int rc = begin(&r, err);
    if (rc == 0) {
        loop_run(opts->loop);
        if (r.err.code != ERR_NONE) {
            *err = r.err;
            rc = -1;
        } else {
            say_goodbye(&r);
        }
    }
    finish(&r);
    return rc;
}
