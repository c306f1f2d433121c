/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the terminal, and hands on what came: to readline, to a program, or to nobody yet. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/mem.h"
#include "repl/console_impl.h"

void console_read_more(struct console *c)
{
    char buf[4096];
    ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
    if (n > 0) {
        str_add_n(&c->in, buf, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        c->at_end = true;
    }
}

/* ---- what was read goes where the mode says ---- */

static void take_line(struct console *c, const char *line)
{
    if (!c->tty_in) { /* nobody has typed it: so that what is read later makes sense */
        cleanup_free char *echo = xasprintf("%s%s\n", c->prompt, line);
        console_put(c, echo, strlen(echo));
    }
    c->mode = CONSOLE_HELD;
    console_set_raw(c);
    c->cursor.dirty = false;
    c->o.ops->on_line(c->o.arg, line);
}

static void pump_readline(struct console *c)
{
    console_readline_feed(c);
    if (c->has_line) {
        cleanup_free char *line = steal(c->line);
        c->has_line = false;
        take_line(c, line);
    } else if (c->has_eof) {
        c->has_eof = false;
        c->mode = CONSOLE_HELD;
        console_set_raw(c);
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
    while (c->in.len > 0 && c->mode != CONSOLE_HELD) {
        if (c->mode == CONSOLE_PASSING && !c->tty_in) {
            break; /* lines of a script, for the prompts to come */
        }
        if (c->mode == CONSOLE_PASSING) {
            pump_keys(c);
        } else if (!c->o.plain) {
            pump_readline(c);
        } else if (!pump_plain(c)) {
            break;
        }
    }
    pump_held(c);
    c->pumping = false;
    if (c->at_end && c->in.len == 0 &&
        (c->mode == CONSOLE_READING || (c->mode == CONSOLE_PASSING && c->tty_in))) {
        c->mode = CONSOLE_HELD;
        c->o.ops->on_end(c->o.arg, true);
    }
}

/* A plain file or a pipe holds lines for the prompt, not keys for programs. */
static bool wants_input(const struct console *c)
{
    return !c->at_end && (c->tty_in || c->mode == CONSOLE_READING);
}

static void on_readable(uv_poll_t *handle, int status, int events);

static void read_unpollable(void *arg)
{
    struct console *c = arg;
    while (c->mode == CONSOLE_READING && !c->at_end &&
           memchr(str_c(&c->in), '\n', c->in.len) == NULL) {
        console_read_more(c);
    }
    pump(c);
}

void console_watch_input(struct console *c)
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
        console_read_more(c);
    }
    if (c->at_end) {
        uv_poll_stop(&c->poll);
    }
    pump(c);
}
