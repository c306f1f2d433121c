/* SPDX-License-Identifier: Apache-2.0 */
/* What a session tells, in words for a terminal. */
#ifndef REPL_SHOW_H
#define REPL_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/str.h"
#include "repl/style.h"

struct check_probe;
struct lab;
struct show;

struct show *show_new(const struct lab *lab, const struct style *st);
void show_free(struct show *s); /* NULL is fine */

/* Appends what the learner should read of this event (session.h); often nothing. `elapsed_us`: how
 * long the learner is at it. */
void show_event(struct show *s, const json_t *event, int64_t elapsed_us, struct str *out);

/* What stands between the head and the text of the next step that is told: the map. */
void show_set_map(struct show *s, const char *drawn);

/* Some things are worth a line only when they last: true while there are such. A moment later,
 * show_held appends what has lasted. */
bool show_holds(const struct show *s);
void show_held(struct show *s, struct str *out);

/* How many choices the step's question has; 0: there is none, or the step is done. */
int show_open_choices(const struct show *s);
bool show_is_answered(const struct show *s);

/* The head of the step, its checks, and what else there is. */
void show_status(struct show *s, int64_t elapsed_us, struct str *out);
/* " web   ####x##   3 of 60 failed": the probe's last seconds; nothing before the first answer. */
void show_probe(const struct style *st, const struct check_probe *p, struct str *out);
/* {web: figures}: how many requests failed in a step, and for how long; the score of a host's
 * failure. NULL is fine. */
void show_probe_figures(const struct style *st, const json_t *probes, struct str *out);
/* A sentence of the lab, wrapped behind the margin. */
void show_note(const struct style *st, const char *text, struct str *out);

#endif
