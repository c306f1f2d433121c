/* SPDX-License-Identifier: Apache-2.0 */
/* Shares one terminal between readline, the programs of the inner shell, and what the lab says. */
#include "repl/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>
#include <uv.h>

#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/str.h"
#include "repl/cursor.h"

enum mode { HELD, READING, PASSING };
enum { SIGNALS = 4, HISTORY_LINES = 2000, KEY_WAIT_MS = 100 };

struct console {
    struct console_opts o;
    char *history;
    enum mode mode;
    bool tty_in, tty_out;
    bool installed; /* readline has the terminal */
    bool pollable;  /* stdin: a plain file is not */
    bool at_end;    /* of the input */
    bool pumping;
    struct termios cooked;
    struct str in; /* read, used by nobody yet */
    char *prompt;
    char *line; /* from readline's handler, until it is back from its call */
    bool has_line, has_eof;
    struct cursor cursor;
    uv_poll_t poll;
    uv_signal_t signals[SIGNALS];
    unsigned open; /* handles that are not closed yet */
};

/* readline knows no argument: there is one terminal, and one console. */
static struct console *the;

/* ---- the terminal's modes ---- */

static void set_cooked(struct console *c)
{
    if (c->tty_in) {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &c->cooked);
    }
}

static void set_raw(struct console *c)
{
    struct termios raw = c->cooked;
    cfmakeraw(&raw);
    if (c->tty_in) {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    }
}

static void write_all(const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDOUT_FILENO, bytes, n);
        if (done < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&p, 1, -1);
        } else if (done < 0 && errno != EINTR) {
            return; /* nobody reads it any more; the hangup is on its way */
        }
        if (done > 0) {
            bytes += done;
            n -= (size_t)done;
        }
    }
}

static void put(struct console *c, const char *bytes, size_t n)
{
    cursor_feed(&c->cursor, bytes, n);
    write_all(bytes, n);
}

/* Our own lines: in raw mode the terminal adds no carriage return. */
static void put_text(struct console *c, const char *text)
{
    cleanup_str struct str out = STR_INIT;
    bool raw = c->mode != READING && c->tty_in;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\n' && raw) {
            str_add_c(&out, '\r');
        }
        str_add_c(&out, *p);
    }
    put(c, str_c(&out), out.len);
}

/* ---- readline ---- */

static void on_rl_line(char *line)
{
    rl_callback_handler_remove();
    the->installed = false;
    the->has_line = line != NULL;
    the->has_eof = line == NULL;
    free(the->line);
    the->line = line;
}

static int read_more(struct console *c)
{
    char buf[4096];
    ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
    if (n > 0) {
        str_add_n(&c->in, buf, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        c->at_end = true;
    }
    return (int)n;
}

/* Called with something in the queue, except in the middle of a paste or a key's sequence. */
static int rl_getc_queue(FILE *stream)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    while (the->in.len == 0 && !the->at_end) {
        if (poll(&p, 1, -1) > 0) {
            read_more(the);
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
        read_more(the);
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

static void set_up_readline(struct console *c)
{
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

static void install(struct console *c)
{
    set_cooked(c);
    cleanup_free char *marked = mark_prompt(c->prompt);
    rl_callback_handler_install(marked, on_rl_line);
    c->installed = true;
    c->has_line = c->has_eof = false;
}

static void uninstall(struct console *c)
{
    if (c->installed) {
        rl_callback_handler_remove();
        c->installed = false;
        c->cursor.dirty = true; /* the prompt stands there */
    }
}

/* ---- what was read goes where the mode says ---- */

static void take_line(struct console *c, const char *line)
{
    c->mode = HELD;
    set_raw(c);
    c->cursor.dirty = false;
    c->o.ops->on_line(c->o.arg, line);
}

static void pump_readline(struct console *c)
{
    rl_callback_read_char();
    if (c->has_line) {
        cleanup_free char *line = steal(c->line);
        c->has_line = false;
        take_line(c, line);
    } else if (c->has_eof) {
        c->has_eof = false;
        c->mode = HELD;
        set_raw(c);
        c->o.ops->on_end(c->o.arg, c->at_end);
    }
}

/* Whole lines, as the kernel edited them. */
static bool pump_plain(struct console *c)
{
    char *end = memchr(c->in.p, '\n', c->in.len);
    if (end == NULL && !c->at_end) {
        return false;
    }
    size_t n = end != NULL ? (size_t)(end - c->in.p) : c->in.len;
    cleanup_free char *line = xstrndup(c->in.p, n);
    str_drop_front(&c->in, n + (end != NULL));
    take_line(c, line);
    return true;
}

static void pump_keys(struct console *c)
{
    cleanup_str struct str keys = c->in;
    c->in = (struct str)STR_INIT;
    c->o.ops->on_keys(c->o.arg, keys.p, keys.len);
}

/* Nothing reads, but Ctrl-C is still Ctrl-C. */
static void pump_held(struct console *c)
{
    char *interrupt = c->in.len > 0 && c->tty_in ? memchr(c->in.p, 3, c->in.len) : NULL;
    if (interrupt != NULL) {
        str_drop_front(&c->in, (size_t)(interrupt - c->in.p) + 1);
        c->o.ops->on_interrupt(c->o.arg);
    }
}

static void pump(void *arg)
{
    struct console *c = arg;
    if (c->pumping) {
        return;
    }
    c->pumping = true;
    while (c->in.len > 0 && c->mode != HELD) {
        if (c->mode == PASSING && !c->tty_in) {
            break; /* lines of a script, for the prompts to come */
        }
        if (c->mode == PASSING) {
            pump_keys(c);
        } else if (!c->o.plain) {
            pump_readline(c);
        } else if (!pump_plain(c)) {
            break;
        }
    }
    pump_held(c);
    c->pumping = false;
    if (c->at_end && c->in.len == 0 && (c->mode == READING || (c->mode == PASSING && c->tty_in))) {
        c->mode = HELD;
        c->o.ops->on_end(c->o.arg, true);
    }
}

/* A plain file or a pipe holds lines for the prompt, not keys for programs. */
static bool wants_input(const struct console *c)
{
    return !c->at_end && (c->tty_in || c->mode == READING);
}

static void on_readable(uv_poll_t *handle, int status, int events);

static void read_unpollable(void *arg)
{
    struct console *c = arg;
    if (c->mode == READING && !c->at_end && (c->in.len == 0 || !strchr(c->in.p, '\n'))) {
        read_more(c);
    }
    pump(c);
}

static void watch_input(struct console *c)
{
    if (!c->pollable) {
        loop_defer(c->o.loop, read_unpollable, c);
        return;
    }
    if (wants_input(c)) {
        uv_poll_start(&c->poll, UV_READABLE | UV_DISCONNECT, on_readable);
    } else {
        uv_poll_stop(&c->poll);
    }
    loop_defer(c->o.loop, pump, c);
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    struct console *c = handle->data;
    if (status < 0) {
        c->at_end = true;
    } else {
        read_more(c);
    }
    if (c->at_end) {
        uv_poll_stop(&c->poll);
    }
    pump(c);
}

/* ---- modes ---- */

void console_read(struct console *c, const char *prompt)
{
    char *copy = xstrdup(prompt);
    uninstall(c);
    free(c->prompt);
    c->prompt = copy;
    if (c->cursor.dirty) {
        put(c, "\r\n", 2);
    }
    c->mode = READING;
    set_cooked(c);
    if (c->o.plain) {
        put(c, prompt, c->tty_in ? strlen(prompt) : 0);
        c->cursor.dirty = false;
    } else {
        install(c);
    }
    watch_input(c);
}

void console_hold(struct console *c)
{
    uninstall(c);
    c->mode = HELD;
    set_raw(c);
    watch_input(c);
}

void console_pass(struct console *c)
{
    uninstall(c);
    c->mode = PASSING;
    set_raw(c);
    watch_input(c);
}

void console_give_back(struct console *c, const char *bytes, size_t n)
{
    struct str in = STR_INIT;
    str_add_n(&in, bytes, n);
    str_add_n(&in, str_c(&c->in), c->in.len);
    str_fini(&c->in);
    c->in = in;
}

void console_remember(struct console *c, const char *line)
{
    HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
    if (c->o.plain || line[0] == ' ' || line[0] == '\0') {
        return;
    }
    if (last == NULL || strcmp(last->line, line) != 0) {
        add_history(line);
    }
}

/* ---- output ---- */

/* Takes the prompt away for the time of a print. */
static bool lift_prompt(struct console *c)
{
    if (c->mode == READING && c->installed) {
        rl_clear_visible_line();
        fflush(rl_outstream);
        return true;
    }
    if (c->mode == READING && c->tty_in) {
        put(c, "\n", 1); /* plain: nothing that was printed is touched */
    }
    return false;
}

static void lower_prompt(struct console *c, bool lifted)
{
    if (lifted) {
        rl_on_new_line();
        rl_redisplay();
    } else if (c->mode == READING && c->tty_in) {
        put(c, c->prompt, strlen(c->prompt));
        c->cursor.dirty = false;
    }
}

void console_print(struct console *c, const char *text)
{
    bool lifted = lift_prompt(c);
    if (c->cursor.dirty) {
        put_text(c, "\n");
    }
    put_text(c, text);
    lower_prompt(c, lifted);
}

void console_write(struct console *c, const char *bytes, size_t n)
{
    if (c->mode != READING) {
        put(c, bytes, n);
        return;
    }
    /* A job in the background says something. */
    bool lifted = lift_prompt(c);
    put(c, bytes, n);
    if (c->cursor.dirty) {
        put_text(c, "\n");
    }
    lower_prompt(c, lifted);
}

bool console_is_full_screen(const struct console *c)
{
    return c->cursor.alternate;
}

/* ---- signals ---- */

static void interrupt(struct console *c)
{
    if (c->installed) {
        rl_free_line_state();
        rl_callback_sigcleanup();
        rl_point = rl_end = 0;
        uninstall(c);
        put(c, "^C\n", 3);
        c->mode = HELD;
        set_raw(c);
    } else if (c->mode == READING) {
        put(c, "\n", 1);
    }
    str_clear(&c->in);
    c->o.ops->on_interrupt(c->o.arg);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct console *c = handle->data;
    unsigned rows;
    unsigned columns;
    switch (signum) {
    case SIGINT:
        interrupt(c);
        break;
    case SIGWINCH:
        if (c->installed) {
            rl_resize_terminal();
        }
        console_size(c, &rows, &columns);
        c->o.ops->on_resize(c->o.arg, rows, columns);
        break;
    default:
        c->o.ops->on_end(c->o.arg, true);
        break;
    }
}

static void watch_signals(struct console *c)
{
    static const int signums[SIGNALS] = {SIGINT, SIGWINCH, SIGTERM, SIGHUP};
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_signal_init(loop_uv(c->o.loop), &c->signals[i]);
        c->signals[i].data = c;
        uv_signal_start(&c->signals[i], on_signal, signums[i]);
        c->open++;
    }
    signal(SIGTSTP, SIG_IGN); /* Ctrl-Z at our prompt has nothing to stop */
    signal(SIGPIPE, SIG_IGN);
}

/* ---- making and ending ---- */

int console_new(const struct console_opts *opts, struct console **ret, struct err *err)
{
    bool tty = isatty(STDIN_FILENO) != 0;
    if (!tty && !opts->plain) {
        return err_set(err, ERR_INVALID,
                       "standard input is no terminal; --plain reads commands line by line");
    }
    struct console *c = xnew(struct console);
    the = c;
    c->o = *opts;
    c->history = xstrdup(opts->history);
    c->tty_in = tty;
    c->tty_out = isatty(STDOUT_FILENO) != 0;
    if (tty) {
        tcgetattr(STDIN_FILENO, &c->cooked);
    }
    c->pollable = uv_poll_init(loop_uv(opts->loop), &c->poll, STDIN_FILENO) == 0;
    if (c->pollable) {
        /* libuv made it non-blocking, and with it our output and our parent's terminal. */
        fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) & ~O_NONBLOCK);
    }
    c->poll.data = c;
    c->open += c->pollable;
    watch_signals(c);
    if (!opts->plain) {
        set_up_readline(c);
    }
    set_raw(c);
    *ret = c;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct console *c = handle->data;
    if (--c->open == 0) {
        free(c);
    }
}

void console_free(struct console *c)
{
    if (c == NULL) {
        return;
    }
    uninstall(c);
    set_cooked(c);
    loop_undefer(c->o.loop, c);
    if (!c->o.plain && c->history != NULL) {
        write_history(c->history);
    }
    if (!c->o.plain) {
        clear_history();
    }
    str_fini(&c->in);
    free(c->line);
    free(c->prompt);
    free(c->history);
    the = NULL;
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&c->signals[i], on_closed);
    }
    if (c->pollable) {
        uv_close((uv_handle_t *)&c->poll, on_closed);
    }
}

void console_size(const struct console *c, unsigned *ret_rows, unsigned *ret_columns)
{
    struct winsize size;
    bool known = c->tty_out && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    *ret_rows = known ? size.ws_row : 24;
    *ret_columns = known ? size.ws_col : 80;
}

bool console_is_terminal(const struct console *c)
{
    return c->tty_in && c->tty_out;
}
