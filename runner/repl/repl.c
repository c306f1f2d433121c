/* SPDX-License-Identifier: Apache-2.0 */
/* Stands between the learner's terminal, the shell and the session. */
#include "repl/repl.h"

#include <ctype.h>
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

#define SLOW LOOP_S(8)
#define YOUNG LOOP_S(2)
#define MOMENT LOOP_MS(600)
enum { SHELLS_IN_VAIN = 3 };

static void ask(struct repl *r);

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

static void on_event(void *arg, const json_t *event)
{
    struct repl *r = arg;
    cleanup_str struct str out = STR_INIT;
    show_event(r->show, event, repl_elapsed_us(r), &out);
    if (out.len > 0) {
        repl_say(r, out.p);
    }
    if (show_holds(r->show) && !loop_timer_active(r->held)) {
        loop_timer_start(r->held, MOMENT);
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

/* ---- the prompt ---- */

/* The shell's folder as a learner thinks of it: nothing in the lab's own, a path below or beyond.
 */
static void add_folder(const struct repl *r, struct str *out)
{
    char folder[PATH_MAX];
    size_t n = strlen(r->o.workdir);
    if (!term_folder(r->term, folder, sizeof(folder)) || strcmp(folder, r->o.workdir) == 0) {
        return;
    }
    bool below = strncmp(folder, r->o.workdir, n) == 0 && folder[n] == '/';
    str_add_f(out, " %s", below ? folder + n + 1 : folder);
}

static char *prompt(const struct repl *r)
{
    struct str out = STR_INIT;
    const char *id = session_lab(r->o.session)->id;
    if (r->confirm.yes != NULL) {
        return xstrdup(r->confirm.by_default ? " [Y/n] " : " [y/N] ");
    }
    if (r->more) {
        return xstrdup("> ");
    }
    str_add(&out, style_on(&r->style, STYLE_BOLD));
    str_add_f(&out, "%.*s", isdigit((unsigned char)id[0]) ? 2 : 20, id);
    add_folder(r, &out);
    str_add(&out, style_off(&r->style));
    str_add(&out, " $ ");
    return str_take(&out);
}

static void show_late(struct repl *r)
{
    cleanup_str struct str late = r->late;
    r->late = (struct str)STR_INIT;
    if (late.len > 0) {
        console_print(r->console, late.p);
    }
}

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

/* ---- lines ---- */

void repl_confirm(struct repl *r, const char *question, bool by_default,
                  void (*yes)(struct repl *r))
{
    repl_note(r, "%s", question);
    r->confirm = (struct confirm){.yes = yes, .by_default = by_default};
}

/* True: the line was the answer to our question. */
static bool take_confirmation(struct repl *r, const char *word)
{
    struct confirm c = r->confirm;
    if (c.yes == NULL) {
        return false;
    }
    r->confirm = (struct confirm){0};
    bool yes = strcasecmp(word, "y") == 0 || strcasecmp(word, "yes") == 0;
    bool no = strcasecmp(word, "n") == 0 || strcasecmp(word, "no") == 0;
    if (!yes && !no && word[0] != '\0') {
        return false; /* the learner has gone on to something else */
    }
    if (yes || (!no && c.by_default)) {
        c.yes(r);
    }
    return true;
}

/* True: a letter, while a question is open. */
static bool take_answer(struct repl *r, const char *word)
{
    struct err err;
    int choices = show_open_choices(r->show);
    int choice = tolower((unsigned char)word[0]) - 'a' + 1;
    if (choices == 0 || strlen(word) != 1 || !isalpha((unsigned char)word[0])) {
        return false;
    }
    if (choice > choices && show_is_answered(r->show)) {
        return false; /* the question waits no more, though the answer may be changed */
    }
    json_auto_t *command = json_pack("{s:s, s:i}", "cmd", "answer", "choice", choice);
    if (session_command(r->o.session, command, &err) < 0) {
        repl_note(r, "%s", err.msg);
    }
    return true;
}

static bool is_exit(const char *word)
{
    return strcmp(word, "exit") == 0 || strcmp(word, "logout") == 0 ||
           strncmp(word, "exit ", 5) == 0;
}

/* True: nothing for the shell. */
static bool take_for_lab(struct repl *r, const char *line)
{
    size_t from = strspn(line, " \t");
    cleanup_free char *word = xstrdup(line + from);
    for (size_t n = strlen(word); n > 0 && isspace((unsigned char)word[n - 1]); n--) {
        word[n - 1] = '\0';
    }
    if (take_confirmation(r, word) || word[0] == '\0') {
        return true;
    }
    if (is_exit(word)) {
        verbs_ask_leave(r);
        return true;
    }
    return verbs_run(r, word) || take_answer(r, word);
}

static void send_to_shell(struct repl *r, const char *line)
{
    struct err err;
    if (!r->more) {
        free(r->command);
        r->command = xstrdup(line);
    }
    if (term_send_line(r->term, line, &err) < 0) {
        repl_note(r, "%s", err.msg);
        term_interrupt(r->term);
    }
}

/* One line at a prompt. True: the shell has it, and says when it wants another one. */
static bool handle_line(struct repl *r, const char *line)
{
    if (!r->more && take_for_lab(r, line)) {
        return r->leaving;
    }
    send_to_shell(r, line);
    return true;
}

static char *next_line(struct repl *r)
{
    char *line = NULL;
    if (r->lines.n > 0) {
        line = r->lines.v[0];
        vec_remove(&r->lines, 0);
    }
    return line;
}

static void drop_lines(struct repl *r)
{
    for (char *line; (line = next_line(r)) != NULL;) {
        free(line);
    }
}

/* The next line of a paste, or the learner's next. */
static void ask(struct repl *r)
{
    for (char *line; (line = next_line(r)) != NULL;) {
        cleanup_free char *owned = line;
        cleanup_free char *p = prompt(r);
        cleanup_free char *echo = xasprintf("%s%s\n", p, owned);
        show_late(r);
        console_print(r->console, echo);
        if (handle_line(r, owned)) {
            return;
        }
    }
    show_late(r);
    cleanup_free char *p = prompt(r);
    r->asking = true;
    console_read(r->console, p);
}

static void on_line(void *arg, const char *line)
{
    struct repl *r = arg;
    r->asking = false;
    console_remember(r->console, line);
    const char *p = line;
    const char *end = strchr(p, '\n');
    for (; end != NULL; p = end + 1, end = strchr(p, '\n')) { /* a paste of several */
        vec_push(&r->lines, xstrndup(p, (size_t)(end - p)));
    }
    if (p != line && p[0] != '\0') {
        vec_push(&r->lines, xstrdup(p));
    }
    cleanup_free char *first = p != line ? next_line(r) : xstrdup(line);
    if (!handle_line(r, first)) {
        ask(r);
    }
}

/* ---- the console ---- */

static void on_keys(void *arg, const char *bytes, size_t n)
{
    struct repl *r = arg;
    term_write(r->term, bytes, n);
}

static void on_interrupt(void *arg)
{
    struct repl *r = arg;
    drop_lines(r);
    r->confirm = (struct confirm){0};
    if (!r->asking || r->more) {
        r->asking = false;
        term_interrupt(r->term); /* the shell's next prompt is ours */
        return;
    }
    ask(r);
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
        ask(r);
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

/* ---- the shell ---- */

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

static void on_slow(void *arg)
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
    ask(r);
}

static void on_more(void *arg)
{
    struct repl *r = arg;
    r->more = true;
    ask(r);
}

static void on_ahead(void *arg, const char *bytes, size_t n)
{
    struct repl *r = arg;
    console_give_back(r->console, bytes, n);
}

static void start_shell(void *arg);

static void on_shell_exit(void *arg, int status)
{
    struct repl *r = arg;
    bool at_once = loop_timer_active(r->young);
    r->asking = r->running = r->more = false;
    r->shell_gone = true;
    loop_timer_stop(r->slow);
    console_hold(r->console);
    drop_lines(r);
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
    loop_defer(r->o.loop, start_shell, r);
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

static int make_shell(struct repl *r, struct err *err)
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

static void start_shell(void *arg)
{
    struct repl *r = arg;
    term_free(r->term);
    r->term = NULL;
    if (make_shell(r, &r->err) < 0) {
        loop_stop(r->o.loop);
    }
}

/* ---- coming and going ---- */

/* A shell that lives so long may end as often as it likes. */
static void on_grown(void *arg)
{
    struct repl *r = arg;
    r->shells = 0;
}

static void welcome(struct repl *r)
{
    if (!r->o.newcomer) {
        return;
    }
    repl_note(r, "You are in a lab: a small cluster of its own, on this machine. Nothing that you "
                 "do here touches your other work.");
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
    show_late(r);
    console_print(r->console, out.p);
}

static void finish(struct repl *r)
{
    session_unlisten(r->o.session, on_event, r);
    loop_undefer(r->o.loop, r);
    map_view_free(r->map);
    term_free(r->term);
    console_free(r->console);
    show_free(r->show);
    loop_timer_free(r->slow);
    loop_timer_free(r->young);
    loop_timer_free(r->held);
    drop_lines(r);
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
    r->slow = loop_timer_new(r->o.loop, on_slow, r);
    r->young = loop_timer_new(r->o.loop, on_grown, r);
    r->held = loop_timer_new(r->o.loop, on_held, r);
    welcome(r);
    session_listen(r->o.session, on_event, r);
    return make_shell(r, err);
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
