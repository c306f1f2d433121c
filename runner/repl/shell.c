/* SPDX-License-Identifier: Apache-2.0 */
/* The shell behind the prompt: what it prints, when it waits, and another one when it ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "repl/console.h"
#include "repl/repl_impl.h"
#include "repl/show.h"
#include "session/session.h"
#include "term/term.h"

#define SLOW LOOP_S(8)
#define YOUNG LOOP_S(2)
enum { SHELLS_IN_VAIN = 3 };

/* What the probe saw, after a command: on demand, or because requests failed. */
static void show_live(struct repl *r)
{
    cleanup_str struct str out = STR_INIT;
    const struct check_probe *probe = session_probe(r->o.session);
    if (probe == NULL) {
        return;
    }
    json_auto_t *figures = check_probe_figures(probe);
    int64_t failed = jx_int(figures, "failed", 0);
    if (r->live || failed > r->shown_failures) {
        show_probe(&r->style, probe, &out);
    }
    r->shown_failures = failed;
    if (out.len > 0) {
        console_print(r->console, out.p);
    }
}

static void on_output(void *arg, const char *bytes, size_t n)
{
    struct repl *r = arg;
    console_write(r->console, bytes, n);
}

static void on_start(void *arg)
{
    struct repl *r = arg;
    r->running = true;
    r->asking = r->more = false;
    console_pass(r->console);
    loop_timer_start(r->slow, SLOW);
}

void shell_is_slow(void *arg)
{
    struct repl *r = arg;
    if (r->running && !console_is_full_screen(r->console) && term_line_mode(r->term)) {
        cleanup_str struct str out = STR_INIT;
        show_note(&r->style, "(Still running. Ctrl-C ends it.)", &out);
        console_print(r->console, out.p);
    }
}

static void command_ended(struct repl *r, int status)
{
    struct err err;
    char word[64];
    const char *line = r->command != NULL ? r->command : "";
    str_copy(word, sizeof(word), line);
    word[strcspn(word, " \t\n;|&")] = '\0';
    json_auto_t *command =
        json_pack("{s:s, s:s, s:i}", "cmd", "command", "word", word, "exit", status);
    if (command != NULL && session_command(r->o.session, command, &err) < 0) {
        repl_note(r, "%s", err.msg);
    }
    const char *near = status == 127 && strcmp(word, line) == 0 ? verbs_near(word) : NULL;
    if (near != NULL) {
        repl_note(r, "(For the lab, type %s.)", near);
    }
}

static void on_prompt(void *arg, int status)
{
    struct repl *r = arg;
    bool ran = r->running;
    r->running = r->more = false;
    r->shell_gone = false;
    loop_timer_stop(r->slow);
    console_hold(r->console);
    if (ran) {
        command_ended(r, status);
        show_live(r);
    }
    lines_ask(r);
}

static void on_more(void *arg)
{
    struct repl *r = arg;
    r->more = true;
    lines_ask(r);
}

static void on_ahead(void *arg, const char *bytes, size_t n)
{
    struct repl *r = arg;
    console_give_back(r->console, bytes, n);
}

static void replace(void *arg);

static void on_shell_exit(void *arg, int status)
{
    struct repl *r = arg;
    bool at_once = loop_timer_active(r->young);
    r->asking = r->running = r->more = false;
    r->shell_gone = true;
    loop_timer_stop(r->slow);
    console_hold(r->console);
    lines_drop(r);
    r->shells = at_once ? r->shells + 1 : 0;
    if (r->leaving) {
        return;
    }
    if (r->shells == SHELLS_IN_VAIN) {
        err_set(&r->err, ERR_INTERNAL, "the shell ends as soon as it begins (status %d)", status);
        loop_stop(r->o.loop);
        return;
    }
    repl_note(r, "The shell has ended; here is a new one. (quit leaves the lab.)");
    loop_defer(r->o.loop, replace, r);
}

static const struct term_ops term_ops = {
    .on_output = on_output,
    .on_start = on_start,
    .on_prompt = on_prompt,
    .on_more = on_more,
    .on_ahead = on_ahead,
    .on_exit = on_shell_exit,
};

static const char shell_rc[] = "alias ls='ls --color=auto' grep='grep --color=auto'\n";

int shell_start(struct repl *r, struct err *err)
{
    struct term_opts opts = {.loop = r->o.loop,
                             .home = r->o.home,
                             .workdir = r->o.workdir,
                             .env = r->o.env,
                             .rc = r->style.color ? shell_rc : NULL,
                             .ops = &term_ops,
                             .arg = r};
    console_size(r->console, &opts.rows, &opts.columns);
    loop_timer_start(r->young, YOUNG);
    return term_new(&opts, &r->term, err);
}

static void replace(void *arg)
{
    struct repl *r = arg;
    term_free(r->term);
    r->term = NULL;
    if (shell_start(r, &r->err) < 0) {
        loop_stop(r->o.loop);
    }
}

void shell_has_grown(void *arg)
{
    struct repl *r = arg;
    r->shells = 0;
}
