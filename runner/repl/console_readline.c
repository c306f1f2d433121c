/* SPDX-License-Identifier: Apache-2.0 */
/* readline, fed from our own queue: it never reads what may be meant for a program. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "common/mem.h"
#include "repl/console_impl.h"

enum { HISTORY_LINES = 2000, KEY_WAIT_MS = 100 };

/* readline knows no argument: there is one terminal, and one console. */
static struct console *the;

static void on_rl_line(char *line)
{
    rl_callback_handler_remove();
    the->installed = false;
    the->has_line = line != NULL;
    the->has_eof = line == NULL;
    free(the->line);
    the->line = line;
}

/* Called with something in the queue, except in the middle of a paste or a key's sequence. */
static int rl_getc_queue(FILE *stream)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    while (the->in.len == 0 && !the->at_end) {
        if (poll(&p, 1, -1) > 0) {
            console_read_more(the);
        }
    }
    if (the->in.len == 0) {
        return EOF;
    }
    unsigned char key = (unsigned char)the->in.p[0];
    str_drop_front(&the->in, 1);
    return key;
}

/* Whether the rest of an escape sequence is there. */
static int rl_is_available(void)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    if (the->in.len == 0 && !the->at_end && poll(&p, 1, KEY_WAIT_MS) > 0) {
        console_read_more(the);
    }
    return the->in.len > 0;
}

static char *next_match(const char *text, int state)
{
    static size_t at;
    static char **words;
    if (state == 0) {
        size_t start = (size_t)rl_point - strlen(text);
        at = 0;
        words = the->o.ops->complete(the->o.arg, rl_line_buffer, start, text);
    }
    if (words == NULL) {
        return NULL;
    }
    char *word = words[at++];
    if (word == NULL) {
        free(words);
        words = NULL;
    }
    return word;
}

static char **rl_complete_words(const char *text, int start, int end)
{
    char **matches = rl_completion_matches(text, next_match);
    return matches; /* none: readline's own file names */
}

void console_readline_init(struct console *c)
{
    the = c;
    rl_readline_name = "podlab";
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_getc_function = rl_getc_queue;
    rl_input_available_hook = rl_is_available;
    rl_attempted_completion_function = rl_complete_words;
    rl_completer_word_break_characters = " \t\n\"'><=;|&(";
    using_history();
    stifle_history(HISTORY_LINES);
    if (c->history != NULL) {
        read_history(c->history);
    }
}

/* Escape sequences of a prompt take no columns, and readline wants that said. */
static char *mark_prompt(const char *prompt)
{
    struct str out = STR_INIT;
    bool in = false;
    for (const char *p = prompt; *p != '\0'; p++) {
        if (*p == '\033') {
            str_add_c(&out, RL_PROMPT_START_IGNORE);
            in = true;
        }
        str_add_c(&out, *p);
        if (in && *p == 'm') {
            str_add_c(&out, RL_PROMPT_END_IGNORE);
            in = false;
        }
    }
    return str_take(&out);
}

void console_readline_install(struct console *c)
{
    console_set_cooked(c);
    cleanup_free char *marked = mark_prompt(c->prompt);
    rl_callback_handler_install(marked, on_rl_line);
    c->installed = true;
    c->has_line = c->has_eof = false;
}

void console_readline_uninstall(struct console *c)
{
    if (c->installed) {
        rl_callback_handler_remove();
        c->installed = false;
        c->cursor.dirty = true; /* the prompt stands there */
    }
}

void console_readline_feed(struct console *c)
{
    rl_callback_read_char();
}

void console_readline_drop(struct console *c)
{
    rl_free_line_state();
    rl_callback_sigcleanup();
    rl_point = rl_end = 0;
}

void console_readline_fini(struct console *c)
{
    if (c->history != NULL) {
        write_history(c->history);
    }
    clear_history();
    the = NULL;
}
