/* SPDX-License-Identifier: Apache-2.0 */
/* The lab's own words: each is a whole line. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "lab/lab.h"
#include "repl/console.h"
#include "repl/map.h"
#include "repl/repl_impl.h"
#include "repl/show.h"
#include "session/session.h"

struct verb {
    const char *name;
    const char *doc;
    void (*run)(struct repl *r);
};

static void tell_session(struct repl *r, const char *name)
{
    struct err err;
    json_auto_t *command = json_pack("{s:s}", "cmd", name);
    if (session_command(r->o.session, command, &err) < 0) {
        repl_note(r, "%s", err.msg);
    }
}

/* ---- those that the session answers ---- */

static void go_back(struct repl *r)
{
    tell_session(r, "back");
}

static void back(struct repl *r)
{
    repl_confirm(r, "Go back a step? What you made in the cluster is taken away.", true, go_back);
}

static void hint(struct repl *r)
{
    tell_session(r, "hint");
}

static void next(struct repl *r)
{
    tell_session(r, "next");
}

static void do_redo(struct repl *r)
{
    tell_session(r, "redo");
}

static void redo(struct repl *r)
{
    repl_confirm(r, "Begin this step again? What you made in the cluster is taken away.", true,
                 do_redo);
}

static void do_skip(struct repl *r)
{
    tell_session(r, "skip");
}

static void skip(struct repl *r)
{
    if (session_step_done(r->o.session)) {
        tell_session(r, "next");
        return;
    }
    repl_confirm(r, "Let the lab do this step for you?", true, do_skip);
}

static void show_solution(struct repl *r)
{
    tell_session(r, "solution");
}

static void solution(struct repl *r)
{
    repl_confirm(r, "Show the solution? A hint may be enough.", false, show_solution);
}

static void text(struct repl *r)
{
    tell_session(r, "text");
}

static void why(struct repl *r)
{
    tell_session(r, "why");
}

/* ---- those that only look ---- */

static void live(struct repl *r)
{
    cleanup_str struct str out = STR_INIT;
    const struct check_probe *probe = session_probe(r->o.session);
    if (probe == NULL) {
        repl_note(r, "This lab sends no requests of its own.");
        return;
    }
    r->live = !r->live;
    show_probe(&r->style, probe, &out);
    if (out.len > 0) {
        repl_say(r, out.p);
    }
    if (!r->live) {
        repl_note(r, "No longer shown after every command.");
    } else if (out.len == 0) {
        repl_note(r, "Nothing has answered yet; shown after every command from now on.");
    } else {
        repl_note(r, "A mark is a tenth of a second: # answered, ~ slow, x failed. Shown after "
                     "every command; live again ends that.");
    }
}

static void on_map(void *arg, const char *drawn)
{
    struct repl *r = arg;
    cleanup_str struct str out = STR_INIT;
    const struct check_probe *probe = session_probe(r->o.session);
    r->map = NULL;
    str_add(&out, drawn);
    if (probe != NULL) {
        show_probe(&r->style, probe, &out);
    }
    repl_say(r, str_c(&out));
}

static void map(struct repl *r)
{
    if (r->map == NULL) {
        r->map = map_view_new(r->o.kube, session_lab(r->o.session)->ns, &r->style, on_map, r);
    }
}

static void status(struct repl *r)
{
    cleanup_str struct str out = STR_INIT;
    const struct check_probe *probe = session_probe(r->o.session);
    show_status(r->show, repl_elapsed_us(r), &out);
    if (probe != NULL) {
        show_probe(&r->style, probe, &out);
    }
    repl_say(r, str_c(&out));
}

static void help(struct repl *r);

/* ---- leaving ---- */

static void quit(struct repl *r)
{
    repl_leave(r);
}

void verbs_ask_leave(struct repl *r)
{
    repl_confirm(r, "Leave the lab? Your place is kept.", true, repl_leave);
}

/* ---- the table, in the order that help shows ---- */

static const struct verb verbs[] = {
    {"text", "the text of this step again", text},
    {"hint", "a hint; the next one says more", hint},
    {"why", "why a check is not yet true", why},
    {"next", "go on, when the step is done", next},
    {"back", "the step before, made anew", back},
    {"redo", "begin this step again", redo},
    {"skip", "let the lab do this step", skip},
    {"solution", "show one way that works", solution},
    {"map", "the hosts, what runs on them, and their room", map},
    {"status", "where you are, and the checks", status},
    {"live", "requests that the lab sends, after every command", live},
    {"help", "this list", help},
    {"quit", "leave; your place is kept", quit},
};

static void help(struct repl *r)
{
    cleanup_str struct str out = STR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        str_add(&out, " ");
        style_add(&r->style, &out, STYLE_BOLD, verbs[i].name);
        str_add_f(&out, "%*s%s\n", (int)(10 - strlen(verbs[i].name)), "", verbs[i].doc);
    }
    str_add(&out, " a, b, c   answer an open question\n"
                  " Everything else goes to the shell. Ctrl-C stops a command.\n");
    repl_say(r, out.p);
}

bool verbs_run(struct repl *r, const char *line)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(verbs[i].name, line) == 0) {
            verbs[i].run(r);
            return true;
        }
    }
    return false;
}

const char *const *verbs_names(void)
{
    static const char *names[ARRAY_LEN(verbs) + 1];
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        names[i] = verbs[i].name;
    }
    return names;
}

const char *verbs_near(const char *word)
{
    const char *near = NULL;
    unsigned best = strlen(word) > 3 ? 3 : 2;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        unsigned d = str_distance(word, verbs[i].name, best);
        if (d < best) {
            best = d;
            near = verbs[i].name;
        }
    }
    return near;
}
