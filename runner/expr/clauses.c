/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts an expression into the parts that must be true together, so that a learner can be told
 * "2 of 3" instead of "false". Only the surface is read; what is not understood is left whole. */
#include <ctype.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "expr/expr_impl.h"

enum token {
    TOKEN_END,
    TOKEN_BAD,
    TOKEN_WORD,
    TOKEN_PIPE,
    TOKEN_COMPARE,
    TOKEN_LOOSE,
    TOKEN_OTHER
};

/* One pass over the text; `depth` counts brackets and if...end. */
struct scan {
    const char *text;
    size_t at, start; /* of the present token */
    int depth;
};

/* From the opening quote to after the closing one, interpolations included; 0: it never ends. */
static size_t string_end(const char *text, size_t at)
{
    for (at++; text[at] != '\0'; at++) {
        if (text[at] == '"') {
            return at + 1;
        }
        if (text[at] == '\\' && text[at + 1] == '(') {
            int depth = 1;
            for (at += 2; depth > 0; at++) {
                if (text[at] == '\0') {
                    return 0;
                }
                if (text[at] == '"') {
                    size_t end = string_end(text, at);
                    if (end == 0) {
                        return 0;
                    }
                    at = end - 1;
                }
                depth += text[at] == '(' ? 1 : text[at] == ')' ? -1 : 0;
            }
            at--;
        } else if (text[at] == '\\' && text[at + 1] != '\0') {
            at++;
        }
    }
    return 0;
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '.' || c == '@';
}

static enum token word(struct scan *s)
{
    while (in_word(s->text[s->at])) {
        s->at++;
    }
    size_t n = s->at - s->start;
    const char *w = s->text + s->start;
    if (n == 2 && strncmp(w, "if", n) == 0) {
        s->depth++;
    } else if (n == 3 && strncmp(w, "end", n) == 0) {
        s->depth--;
    }
    return TOKEN_WORD;
}

static enum token sign(struct scan *s)
{
    static const struct {
        const char *text;
        enum token token;
    } signs[] = {
        {"?//", TOKEN_LOOSE},  {"//=", TOKEN_LOOSE},  {"|=", TOKEN_LOOSE},   {"+=", TOKEN_LOOSE},
        {"-=", TOKEN_LOOSE},   {"*=", TOKEN_LOOSE},   {"/=", TOKEN_LOOSE},   {"%=", TOKEN_LOOSE},
        {"//", TOKEN_LOOSE},   {",", TOKEN_LOOSE},    {";", TOKEN_LOOSE},    {"==", TOKEN_COMPARE},
        {"!=", TOKEN_COMPARE}, {"<=", TOKEN_COMPARE}, {">=", TOKEN_COMPARE}, {"<", TOKEN_COMPARE},
        {">", TOKEN_COMPARE},  {"=", TOKEN_LOOSE},    {"|", TOKEN_PIPE},
    };
    const char *p = s->text + s->at;
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        if (str_has_prefix(p, signs[i].text)) {
            s->at += strlen(signs[i].text);
            return signs[i].token;
        }
    }
    s->depth += strchr("([{", *p) != NULL ? 1 : strchr(")]}", *p) != NULL ? -1 : 0;
    s->at++;
    return s->depth < 0 ? TOKEN_BAD : TOKEN_OTHER;
}

static enum token next(struct scan *s)
{
    while (isspace((unsigned char)s->text[s->at]) || s->text[s->at] == '#') {
        s->at += s->text[s->at] == '#' ? strcspn(s->text + s->at, "\n") : 1;
    }
    s->start = s->at;
    char c = s->text[s->at];
    if (c == '\0') {
        return s->depth == 0 ? TOKEN_END : TOKEN_BAD;
    }
    if (c == '"') {
        s->at = string_end(s->text, s->at);
        return s->at > 0 ? TOKEN_OTHER : TOKEN_BAD;
    }
    return in_word(c) ? word(s) : sign(s);
}

static bool is_word(const struct scan *s, const char *w)
{
    size_t n = strlen(w);
    return s->at - s->start == n && strncmp(s->text + s->start, w, n) == 0;
}

/* ---- cutting ---- */

static char *piece(const char *text, size_t from, size_t to)
{
    while (from < to && isspace((unsigned char)text[from])) {
        from++;
    }
    while (to > from && isspace((unsigned char)text[to - 1])) {
        to--;
    }
    return xstrndup(text + from, to - from);
}

/* Where the text behind the last pipe begins; false when the program is not to be cut. */
static bool find_rest(const char *program, size_t *ret)
{
    struct scan s = {.text = program};
    *ret = 0;
    for (enum token t; (t = next(&s)) != TOKEN_END;) {
        if (t == TOKEN_BAD || (t == TOKEN_WORD && is_word(&s, "def"))) {
            return false;
        }
        if (t == TOKEN_PIPE && s.depth == 0) {
            *ret = s.at;
        }
    }
    return true;
}

static void add_clause(struct expr_clauses *c, const char *text, size_t from, size_t to,
                       size_t compare, size_t compare_end)
{
    struct expr_clause clause = {.text = piece(text, from, to)};
    if (compare_end > 0) {
        clause.lhs = piece(text, from, compare);
        clause.op = piece(text, compare, compare_end);
        clause.rhs = piece(text, compare_end, to);
    }
    vec_push(&c->all, clause);
}

/* A comma, an alternative, an `or` or an assignment binds looser than `and`: then the whole is one
 * clause. */
static bool is_loose(const char *rest)
{
    struct scan s = {.text = rest};
    for (enum token t; (t = next(&s)) != TOKEN_END && t != TOKEN_BAD;) {
        if (s.depth == 0 && (t == TOKEN_LOOSE || (t == TOKEN_WORD && is_word(&s, "or")))) {
            return true;
        }
    }
    return false;
}

static void cut_rest(struct expr_clauses *c, const char *rest)
{
    struct scan s = {.text = rest};
    size_t from = 0, compare = 0, compare_end = 0;
    bool loose = is_loose(rest);
    for (enum token t; (t = next(&s)) != TOKEN_END && t != TOKEN_BAD;) {
        if (loose || s.depth != 0) {
            continue;
        }
        if (t == TOKEN_COMPARE) {
            compare = s.start;
            compare_end = s.at;
        } else if (t == TOKEN_WORD && is_word(&s, "and")) {
            add_clause(c, rest, from, s.start, compare, compare_end);
            from = s.at;
            compare_end = 0;
        }
    }
    add_clause(c, rest, from, strlen(rest), compare, compare_end);
}

bool expr_clauses_cut(const char *program, struct expr_clauses *ret)
{
    size_t rest;
    if (!find_rest(program, &rest)) {
        return false;
    }
    *ret = (struct expr_clauses){0};
    ret->prefix = rest > 0 ? piece(program, 0, rest - 1) : xstrdup(".");
    cut_rest(ret, program + rest);
    return true;
}

void expr_clauses_fini(struct expr_clauses *c)
{
    for (size_t i = 0; i < c->all.n; i++) {
        free(c->all.v[i].text);
        free(c->all.v[i].lhs);
        free(c->all.v[i].op);
        free(c->all.v[i].rhs);
    }
    vec_fini(&c->all);
    free(c->prefix);
    c->prefix = NULL;
}

/* The first output, or null. A newline ends a comment that the text may end with. */
static void add_value(struct str *out, const char *text)
{
    str_add_f(out, "(try first((%s\n), null) catch null)", text);
}

char *expr_clauses_program(const struct expr_clauses *c)
{
    struct str out = STR_INIT;
    str_add_f(&out, "%s\n| [", c->prefix);
    for (size_t i = 0; i < c->all.n; i++) {
        const struct expr_clause *clause = &c->all.v[i];
        str_add(&out, i > 0 ? ", [" : "[");
        add_value(&out, clause->lhs != NULL ? clause->lhs : clause->text);
        str_add(&out, ", ");
        add_value(&out, clause->rhs != NULL ? clause->rhs : "true");
        str_add(&out, ", (");
        add_value(&out, clause->text);
        str_add(&out, " == true)]");
    }
    str_add(&out, "]");
    return str_take(&out);
}
