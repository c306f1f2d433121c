/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef REPL_REPL_IMPL_H
#define REPL_REPL_IMPL_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/str.h"
#include "common/vec.h"
#include "repl/repl.h"
#include "repl/style.h"

struct console;
struct loop_timer;
struct map_view;
struct repl;
struct show;
struct term;

/* A question of ours to which the next line is the answer. */
struct confirm {
    void (*yes)(struct repl *r); /* NULL: none is open */
    bool by_default;
};

struct repl {
    struct repl_opts o;
    struct style style;
    struct console *console;
    struct term *term;
    struct show *show;
    struct map_view *map;      /* asked for by the learner */
    struct map_view *step_map; /* to be shown with a step: events wait for it */
    VEC(json_t *) events;      /* that wait */
    struct confirm confirm;
    VEC(char *) lines; /* of a paste, for the prompts to come */
    struct str late;   /* said while a command ran */
    char *command;     /* the line that was sent last */
    bool running;      /* a command has the terminal */
    bool asking;       /* the console reads a line */
    bool more;         /* of an incomplete command */
    bool live;         /* the probe after every command */
    bool leaving;
    bool shell_gone;
    unsigned shells; /* that ended at once, in a row */
    int64_t shown_failures;
    struct loop_timer *slow;  /* a command holds the terminal for long */
    struct loop_timer *held;  /* what must last a moment before it is said */
    struct loop_timer *young; /* the shell has just begun */
    struct err err;
};

/* Text for the learner: now when there is a prompt, else when the next one comes. */
void repl_say(struct repl *r, const char *text);
void repl_note(struct repl *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int64_t repl_elapsed_us(const struct repl *r);
/* Asks before something is done; the next line is the answer. */
void repl_confirm(struct repl *r, const char *question, bool by_default,
                  void (*yes)(struct repl *r));
void repl_leave(struct repl *r);

/* What was held back while there was no prompt. */
void repl_say_late(struct repl *r);

/* ---- lines.c ---- */

/* The next line of a paste, or the learner's next: a prompt. */
void lines_ask(struct repl *r);
/* What the console has read. */
void lines_take(struct repl *r, const char *line);
/* Forgets the rest of a paste. */
void lines_drop(struct repl *r);

/* ---- shell.c ---- */

int shell_start(struct repl *r, struct err *err) WARN_UNUSED;
/* A command has had the terminal for long. */
void shell_is_slow(void *arg);
/* It lives for some time by now: it may end as often as it likes. */
void shell_has_grown(void *arg);

/* ---- verbs.c ---- */

/* Runs the verb that this line is; false when it is none. */
bool verbs_run(struct repl *r, const char *line);
const char *const *verbs_names(void); /* NULL-terminated */
/* The verb that a mistyped word may have meant; NULL: none. */
const char *verbs_near(const char *word);
void verbs_ask_leave(struct repl *r);

#endif
