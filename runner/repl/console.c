/* SPDX-License-Identifier: Apache-2.0 */
/* Shares one terminal between readline, the programs of the inner shell, and what the lab says. */
#include "repl/console_impl.h"

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

/* ---- the terminal's modes ---- */

void console_set_cooked(struct console *c)
{
    if (c->tty_in) {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &c->cooked);
    }
}

void console_set_raw(struct console *c)
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

void console_put(struct console *c, const char *bytes, size_t n)
{
    cursor_feed(&c->cursor, bytes, n);
    write_all(bytes, n);
}

/* Our own lines: in raw mode the terminal adds no carriage return. */
static void put_text(struct console *c, const char *text)
{
    cleanup_str struct str out = STR_INIT;
    bool raw = c->mode != CONSOLE_READING && c->tty_in;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\n' && raw) {
            str_add_c(&out, '\r');
        }
        str_add_c(&out, *p);
    }
    console_put(c, str_c(&out), out.len);
}

/* ---- modes ---- */

void console_read(struct console *c, const char *prompt)
{
    char *copy = xstrdup(prompt);
    console_readline_uninstall(c);
    free(c->prompt);
    c->prompt = copy;
    if (c->cursor.dirty) {
        console_put(c, "\r\n", 2);
    }
    c->mode = CONSOLE_READING;
    console_set_cooked(c);
    if (c->o.plain) {
        console_put(c, prompt, c->tty_in ? strlen(prompt) : 0);
        c->cursor.dirty = false;
    } else {
        console_readline_install(c);
    }
    console_watch_input(c);
}

void console_hold(struct console *c)
{
    console_readline_uninstall(c);
    c->mode = CONSOLE_HELD;
    console_set_raw(c);
    console_watch_input(c);
}

void console_pass(struct console *c)
{
    console_readline_uninstall(c);
    c->mode = CONSOLE_PASSING;
    console_set_raw(c);
    console_watch_input(c);
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
    if (c->mode == CONSOLE_READING && c->installed) {
        rl_clear_visible_line();
        fflush(rl_outstream);
        return true;
    }
    if (c->mode == CONSOLE_READING && c->tty_in) {
        console_put(c, "\n", 1); /* plain: nothing that was printed is touched */
    }
    return false;
}

static void lower_prompt(struct console *c, bool lifted)
{
    if (lifted) {
        rl_on_new_line();
        rl_redisplay();
    } else if (c->mode == CONSOLE_READING && c->tty_in) {
        console_put(c, c->prompt, strlen(c->prompt));
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
    if (c->mode != CONSOLE_READING) {
        console_put(c, bytes, n);
        return;
    }
    /* A job in the background says something. */
    bool lifted = lift_prompt(c);
    console_put(c, bytes, n);
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
        console_readline_drop(c);
        console_readline_uninstall(c);
        console_put(c, "^C\n", 3);
        c->mode = CONSOLE_HELD;
        console_set_raw(c);
    } else if (c->mode == CONSOLE_READING) {
        console_put(c, "\n", 1);
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
    static const int signums[CONSOLE_SIGNALS] = {SIGINT, SIGWINCH, SIGTERM, SIGHUP};
    for (size_t i = 0; i < CONSOLE_SIGNALS; i++) {
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
        console_readline_init(c);
    }
    console_set_raw(c);
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
    console_readline_uninstall(c);
    console_set_cooked(c);
    loop_undefer(c->o.loop, c);
    if (!c->o.plain) {
        console_readline_fini(c);
    }
    str_fini(&c->in);
    free(c->line);
    free(c->prompt);
    free(c->history);
    for (size_t i = 0; i < CONSOLE_SIGNALS; i++) {
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
