/* SPDX-License-Identifier: Apache-2.0 */
/* One function per kind of event; between them only the states of the checks are remembered. */
#include "repl/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "lab/lab.h"
#include "repl/markdown.h"
#include "why/why.h"

struct show {
    const struct lab *lab;
    const struct style *st;
    json_t *step;   /* the event that began it; NULL before the first */
    json_t *checks; /* id -> {name, state, got?, want?} */
    json_t *held;   /* ids of checks that began to move, until it is worth a line */
    bool lost;      /* the cluster does not answer */
    bool list_due;  /* the step's checks, once the first looks at them are in */
    bool answered, done;
    char *map; /* for the next step that is told; NULL: none */
};

struct show *show_new(const struct lab *lab, const struct style *st)
{
    struct show *s = xnew(struct show);
    s->lab = lab;
    s->st = st;
    s->checks = json_object();
    s->held = json_object();
    return s;
}

void show_free(struct show *s)
{
    if (s == NULL) {
        return;
    }
    json_decref(s->step);
    json_decref(s->checks);
    json_decref(s->held);
    free(s->map);
    free(s);
}

void show_set_map(struct show *s, const char *drawn)
{
    free(s->map);
    s->map = xstrdup(drawn);
}

void show_note(const struct style *st, const char *text, struct str *out)
{
    markdown_wrap(text, " ", " ", st, out);
}

static void note(const struct show *s, struct str *out, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void note(const struct show *s, struct str *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *text = xvasprintf(fmt, ap);
    va_end(ap);
    show_note(s->st, text, out);
}

/* ---- the head of a step ---- */

static void rule(const struct style *st, struct str *out)
{
    str_add(out, style_on(st, STYLE_DIM));
    for (unsigned i = 0; i < st->width + 2; i++) {
        str_add_c(out, '-');
    }
    str_add(out, style_off(st));
    str_add_c(out, '\n');
}

static size_t checks_done(const struct show *s)
{
    const char *id;
    json_t *check;
    size_t n = 0;
    json_object_foreach(s->checks, id, check)
    {
        n += strcmp(jx_str(check, "state", ""), "ok") == 0;
    }
    return n;
}

static void head(const struct show *s, int64_t elapsed_us, struct str *out)
{
    const struct style *st = s->st;
    int seconds = (int)(elapsed_us / 1000000);
    size_t total = json_object_size(s->checks);
    int number = atoi(s->lab->id);
    cleanup_free char *left =
        xasprintf("%.*s%s%s   step %d/%d: %s", number > 0 ? 2 : 0, s->lab->id,
                  number > 0 ? " " : "", s->lab->title, (int)jx_int(s->step, "index", 0) + 1,
                  (int)jx_int(s->step, "count", 0), jx_str(s->step, "title", ""));
    char right[48] = "";
    if (total > 0) {
        snprintf(right, sizeof(right), "checks %zu/%zu  ", checks_done(s), total);
    }
    snprintf(right + strlen(right), sizeof(right) - strlen(right), "%02d:%02d", seconds / 60,
             seconds % 60);
    if (st->plain) {
        str_add_f(out, "%s. %s\n", left, right);
        return;
    }
    size_t used = 1 + style_columns(left, strlen(left)) + strlen(right);
    size_t room = st->width + 2;
    rule(st, out);
    str_add_c(out, ' ');
    style_add(st, out, STYLE_BOLD, left);
    if (used + 2 > room) { /* both do not fit on one line */
        str_add_f(out, "\n %s\n", right);
    } else {
        str_add_f(out, "%*s%s\n", (int)(room - used), "", right);
    }
    rule(st, out);
}

/* ---- checks ---- */

static const char *box(const char *state, enum style_kind *ret)
{
    static const struct {
        const char *state, *box;
        enum style_kind kind;
    } boxes[] = {
        {"broken", "[!]", STYLE_BAD},  {"moving", "[~]", STYLE_MOVING}, {"ok", "[x]", STYLE_GOOD},
        {"unknown", "[?]", STYLE_DIM}, {"waiting", "[ ]", STYLE_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(boxes); i++) {
        if (strcmp(boxes[i].state, state) == 0) {
            *ret = boxes[i].kind;
            return boxes[i].box;
        }
    }
    *ret = STYLE_NONE;
    return "[ ]";
}

static void check_line(const struct show *s, const json_t *check, struct str *out)
{
    enum style_kind kind;
    const char *state = jx_str(check, "state", "waiting");
    const char *drawn = box(state, &kind);
    str_add_c(out, ' ');
    if (s->st->plain) {
        str_add_f(out, "%s: ", strcmp(state, "ok") == 0 ? "done" : state);
    } else {
        style_add(s->st, out, kind, drawn);
        str_add_c(out, ' ');
    }
    str_add(out, jx_str(check, "name", ""));
    int64_t got = jx_int(check, "got", 0);
    int64_t want = jx_int(check, "want", 0);
    if (got < want && strcmp(state, "ok") != 0) { /* more than is wanted is no progress */
        str_add_f(out, "   %lld of %lld", (long long)got, (long long)want);
    } else if (strcmp(state, "broken") == 0) {
        str_add(out, "   no longer possible; redo begins the step again");
    }
    str_add_c(out, '\n');
}

static void check_lines(const struct show *s, struct str *out)
{
    const char *id;
    json_t *check;
    json_object_foreach(s->checks, id, check)
    {
        check_line(s, check, out);
    }
}

/* Worth a line at once: it came true, it is true no more, it cannot come true. */
static bool is_news(const char *was, const char *is)
{
    if (strcmp(was, is) == 0 || strcmp(is, "unknown") == 0) {
        return false;
    }
    return strcmp(is, "ok") == 0 || strcmp(was, "ok") == 0 || strcmp(is, "broken") == 0;
}

/* Once, however many checks do not know. */
static void tell_lost(struct show *s, const char *was, const char *is, struct str *out)
{
    if (strcmp(is, "unknown") == 0 && strcmp(was, is) != 0 && !s->lost) {
        s->lost = true;
        note(s, out,
             "The cluster does not answer any more. If it was stopped: quit, and podlab "
             "start brings it back.");
    } else if (strcmp(is, "unknown") != 0 && s->lost) {
        s->lost = false;
        note(s, out, "The cluster answers again.");
    }
}

static void on_check(struct show *s, const json_t *e, int64_t elapsed_us, struct str *out)
{
    const char *id = jx_str(e, "id", "");
    const char *state = jx_str(e, "state", "");
    const json_t *before = json_object_get(s->checks, id);
    cleanup_free char *was = xstrdup(jx_str(before, "state", "waiting"));
    json_object_set_new(s->checks, id, jx_edit(e));
    if (s->list_due) {
        return;
    }
    tell_lost(s, was, state, out);
    if (is_news(was, state)) {
        json_object_del(s->held, id);
        check_line(s, e, out);
    } else if (strcmp(state, "moving") == 0 && strcmp(was, "waiting") == 0) {
        json_object_set_new(s->held, id, json_true());
    }
}

bool show_holds(const struct show *s)
{
    return s->list_due || json_object_size(s->held) > 0;
}

void show_held(struct show *s, struct str *out)
{
    const char *id;
    json_t *unused;
    if (s->list_due) {
        s->list_due = false;
        check_lines(s, out);
        str_add_c(out, '\n');
    }
    json_object_foreach(s->held, id, unused)
    {
        const json_t *check = json_object_get(s->checks, id);
        if (strcmp(jx_str(check, "state", ""), "moving") == 0) {
            check_line(s, check, out);
        }
    }
    json_object_clear(s->held);
}

/* ---- steps ---- */

int show_open_choices(const struct show *s)
{
    return s->done ? 0 : (int)jx_len(s->step, "ask.choices");
}

bool show_is_answered(const struct show *s)
{
    return s->answered;
}

static void question(const struct show *s, struct str *out)
{
    const json_t *choices = jx_arr(s->step, "ask.choices");
    const char *asked = jx_str(s->step, "ask.question", NULL);
    size_t i;
    json_t *choice;
    if (show_open_choices(s) == 0 || s->answered) {
        return;
    }
    str_add_c(out, '\n');
    if (asked != NULL) {
        markdown_render(asked, s->st, out);
    } else {
        show_note(s->st, "What do you think?", out);
    }
    jx_each(i, choice, choices)
    {
        char first[16];
        snprintf(first, sizeof(first), "   %c) ", (char)('a' + i));
        markdown_wrap(json_string_value(choice), first, "      ", s->st, out);
    }
}

static void begin_step(struct show *s, const json_t *e)
{
    const json_t *checks = jx_arr(e, "checks");
    size_t i;
    json_t *check;
    s->answered = s->done = false;
    json_object_clear(s->checks);
    json_object_clear(s->held);
    s->list_due = json_array_size(checks) > 0;
    jx_each(i, check, checks)
    {
        json_object_set_new(s->checks, jx_str(check, "id", ""), jx_edit(check));
    }
}

static void on_step(struct show *s, const json_t *e, int64_t elapsed_us, struct str *out)
{
    bool again = s->step != NULL && jx_bool(e, "again", false);
    json_decref(s->step);
    s->step = jx_edit(e);
    if (!again) {
        begin_step(s, e);
        s->answered = jx_int(e, "choice", 0) > 0;
    }
    str_add_c(out, '\n');
    head(s, elapsed_us, out);
    if (s->map != NULL) {
        str_add(out, s->map);
        if (!s->st->plain) {
            rule(s->st, out);
        }
        show_set_map(s, NULL);
    }
    markdown_render(jx_str(e, "text", ""), s->st, out);
    question(s, out);
    str_add_c(out, '\n');
    if (again) {
        s->list_due = true;
        show_held(s, out);
    }
}

static void on_done(struct show *s, const json_t *e, int64_t elapsed_us, struct str *out)
{
    int index = (int)jx_int(e, "index", 0);
    s->done = true;
    show_held(s, out);
    show_probe_figures(s->st, jx_obj(e, "probes"), out);
    str_add(out, style_on(s->st, STYLE_GOOD));
    if (jx_bool(e, "last", false)) {
        note(s, out, "That was the last step. Type next to finish the lab.");
    } else if (json_object_size(s->checks) == 0) {
        note(s, out, "Nothing to do here but read. Type next to go on.");
    } else {
        note(s, out, "Step %d is done. Type next to go on: %s.", index + 1,
             s->lab->steps[index + 1].title);
    }
    str_add(out, style_off(s->st));
}

static void on_finished(struct show *s, const json_t *e, int64_t elapsed_us, struct str *out)
{
    s->done = true;
    str_add_c(out, '\n');
    note(s, out,
         "The lab \"%s\" is finished. quit leaves it; your cluster stays until podlab stop.",
         s->lab->title);
    str_add_c(out, '\n');
}

/* ---- questions ---- */

static void on_ask(struct show *s, const json_t *e, int64_t elapsed_us, struct str *out)
{
    s->answered = true;
    note(s, out, "You say: %s. Now see what happens.", jx_str(e, "word", ""));
}

static void on_recall(struct show *s, const json_t *e, int64_t elapsed_us, struct str *out)
{
    const char *words = jx_str(e, "words", "");
    bool right = jx_bool(e, "right", false);
    if (words[0] != '\0') {
        note(s, out, "You said: \"%s\". %s", jx_str(e, "said", ""), words);
    } else if (right) {
        note(s, out, "You said: \"%s\"; so it is.", jx_str(e, "said", ""));
    } else {
        note(s, out, "You said: \"%s\"; what happened: %s.", jx_str(e, "said", ""),
             jx_str(e, "was", ""));
    }
}

/* ---- help ---- */

static void on_hint(struct show *s, const json_t *e, int64_t elapsed_us, struct str *out)
{
    note(s, out, "Hint %d of %d", (int)jx_int(e, "n", 0), (int)jx_int(e, "count", 0));
    markdown_render(jx_str(e, "text", ""), s->st, out);
    str_add_c(out, '\n');
}

static void on_solution(struct show *s, const json_t *e, int64_t elapsed_us, struct str *out)
{
    cleanup_str struct str code = STR_INIT;
    const char *text = jx_str(e, "text", "");
    note(s, out, "One way that works:");
    str_add_c(out, '\n');
    for (const char *p = text; *p != '\0';) {
        size_t n = strcspn(p, "\n");
        str_add_f(&code, "    %.*s\n", (int)n, p);
        p += n + (p[n] == '\n');
    }
    markdown_render(str_c(&code), s->st, out);
    str_add_c(out, '\n');
}

/* Wrapped with what stands before each line kept as it is. */
static void on_why(struct show *s, const json_t *e, int64_t elapsed_us, struct str *out)
{
    cleanup_str struct str text = STR_INIT;
    why_format(jx_get(e, "answer"), &text);
    for (const char *p = str_c(&text); *p != '\0';) {
        char first[16];
        size_t n = strcspn(p, "\n");
        size_t blanks = strspn(p, " ");
        cleanup_free char *line = xstrndup(p + blanks, n - blanks);
        snprintf(first, sizeof(first), " %*s", (int)(blanks < 10 ? blanks : 10), "");
        markdown_wrap(line, first, "   ", s->st, out);
        p += n + (p[n] == '\n');
    }
}

static void on_note(struct show *s, const json_t *e, int64_t elapsed_us, struct str *out)
{
    note(s, out, "%s", jx_str(e, "text", ""));
}

static void on_busy(struct show *s, const json_t *e, int64_t elapsed_us, struct str *out)
{
    const char *what = jx_str(e, "what", "");
    if (strcmp(what, "reset") == 0) {
        note(s, out, "Taking away what is there (a few seconds) ...");
    } else if (strcmp(what, "solve") == 0) {
        note(s, out, "Doing step %d for you ...", (int)jx_int(e, "n", 0));
    } else if (jx_int(e, "n", 0) > 0) {
        note(s, out, "Making step %d of %d again ...", (int)jx_int(e, "n", 0),
             (int)jx_int(e, "of", 0));
    }
}

/* ---- the table ---- */

void show_event(struct show *s, const json_t *event, int64_t elapsed_us, struct str *out)
{
    static const struct {
        const char *kind;
        void (*fn)(struct show *s, const json_t *e, int64_t elapsed_us, struct str *out);
    } rows[] = {
        {"ask", on_ask},           {"busy", on_busy}, {"check", on_check}, {"done", on_done},
        {"finished", on_finished}, {"hint", on_hint}, {"note", on_note},   {"recall", on_recall},
        {"solution", on_solution}, {"step", on_step}, {"why", on_why},
    };
    const char *kind = jx_str(event, "kind", "");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].kind, kind) == 0) {
            rows[i].fn(s, event, elapsed_us, out);
        }
    }
}

void show_status(struct show *s, int64_t elapsed_us, struct str *out)
{
    int hints = (int)jx_int(s->step, "hints", 0);
    if (s->step == NULL) {
        return;
    }
    s->list_due = false;
    head(s, elapsed_us, out);
    check_lines(s, out);
    question(s, out);
    if (s->done) {
        note(s, out, "This step is done. Type next to go on.");
    } else if (hints > 0) {
        note(s, out, "There are %d hints.", hints);
    }
}
