/* SPDX-License-Identifier: Apache-2.0 */
/* A line at a prompt: an answer, a word for the lab, or a command for the shell. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "lab/lab.h"
#include "repl/console.h"
#include "repl/repl_impl.h"
#include "repl/show.h"
#include "session/session.h"
#include "term/term.h"

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

/* Which host a bare `docker` speaks to, where that matters. */
static void add_host(const struct repl *r, struct str *out)
{
    char text[4096];
    json_auto_t *config = NULL;
    struct err ignored;
    const char *dir = NULL;
    for (size_t i = 0; r->o.env != NULL && r->o.env[i] != NULL; i++) {
        if (str_has_prefix(r->o.env[i], "DOCKER_CONFIG=")) {
            dir = r->o.env[i] + strlen("DOCKER_CONFIG=");
        }
    }
    if (dir == NULL || !lab_requires(session_lab(r->o.session), "docker")) {
        return;
    }
    cleanup_free char *path = xasprintf("%s/config.json", dir);
    FILE *file = fopen(path, "re");
    size_t n = file != NULL ? fread(text, 1, sizeof(text), file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    if (jx_parse(text, n, false, &config, &ignored) == 0) {
        str_add_f(out, " %s", jx_get_str(config, "currentContext", "default"));
    }
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
    add_host(r, &out);
    add_folder(r, &out);
    str_add(&out, style_off(&r->style));
    str_add(&out, " $ ");
    return str_take(&out);
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

void lines_drop(struct repl *r)
{
    for (char *line; (line = next_line(r)) != NULL;) {
        free(line);
    }
}

/* The next line of a paste, or the learner's next. */
void lines_ask(struct repl *r)
{
    for (char *line; (line = next_line(r)) != NULL;) {
        cleanup_free char *owned = line;
        cleanup_free char *p = prompt(r);
        cleanup_free char *echo = xasprintf("%s%s\n", p, owned);
        repl_say_late(r);
        console_print(r->console, echo);
        if (handle_line(r, owned)) {
            return;
        }
    }
    repl_say_late(r);
    cleanup_free char *p = prompt(r);
    r->asking = true;
    console_read(r->console, p);
}

void lines_take(struct repl *r, const char *line)
{
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
        lines_ask(r);
    }
}
