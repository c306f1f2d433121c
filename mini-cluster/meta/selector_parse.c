/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a label selector, with the errors kubectl users know. */
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "meta/name.h"
#include "meta/selector.h"
#include "selector_impl.h"

enum token {
    TOKEN_END,
    TOKEN_WORD, /* "in" and "notin" too: whether they are operators depends on the place */
    TOKEN_COMMA,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_NOT,
    TOKEN_EQUALS,
    TOKEN_DOUBLE_EQUALS,
    TOKEN_NOT_EQUALS,
    TOKEN_GREATER,
    TOKEN_LESS,
};

/* Holds the token that comes next; `text` is its spelling, in the input. */
struct parser {
    const char *p;
    enum token token;
    const char *text;
    int n;
    struct err *err;
};

static const char SPACE[] = " \t\r\n";
static const char SPECIAL[] = "=!(),><";

/* Steps to the next token. */
static void scan(struct parser *ps)
{
    static const struct {
        const char *text;
        enum token token;
    } symbols[] = {{"==", TOKEN_DOUBLE_EQUALS},
                   {"!=", TOKEN_NOT_EQUALS},
                   {"=", TOKEN_EQUALS},
                   {"!", TOKEN_NOT},
                   {"(", TOKEN_OPEN},
                   {")", TOKEN_CLOSE},
                   {",", TOKEN_COMMA},
                   {">", TOKEN_GREATER},
                   {"<", TOKEN_LESS}};
    ps->p += strspn(ps->p, SPACE);
    ps->text = ps->p;
    ps->token = TOKEN_END;
    ps->n = 0;
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        if (str_has_prefix(ps->p, symbols[i].text)) {
            ps->token = symbols[i].token;
            ps->n = (int)strlen(symbols[i].text);
            break;
        }
    }
    if (ps->n == 0 && *ps->p != '\0') {
        size_t to_special = strcspn(ps->p, SPECIAL);
        size_t to_space = strcspn(ps->p, SPACE);
        ps->token = TOKEN_WORD;
        ps->n = (int)(to_special < to_space ? to_special : to_space);
    }
    ps->p += ps->n;
}

static int fail_found(struct parser *ps, const char *expected)
{
    int n = ps->n > 100 ? 100 : ps->n;
    return err_set(ps->err, ERR_BAD_REQUEST, "found '%.*s'%s", n, ps->text, expected);
}

static bool is_word(const struct parser *ps, const char *word)
{
    return ps->token == TOKEN_WORD && (size_t)ps->n == strlen(word) &&
           memcmp(ps->text, word, (size_t)ps->n) == 0;
}

static bool take_operator(struct parser *ps, enum selector_op *ret)
{
    switch (ps->token) {
    case TOKEN_EQUALS:
        *ret = SELECTOR_EQUALS;
        break;
    case TOKEN_DOUBLE_EQUALS:
        *ret = SELECTOR_DOUBLE_EQUALS;
        break;
    case TOKEN_NOT_EQUALS:
        *ret = SELECTOR_NOT_EQUALS;
        break;
    case TOKEN_GREATER:
        *ret = SELECTOR_GREATER;
        break;
    case TOKEN_LESS:
        *ret = SELECTOR_LESS;
        break;
    default:
        if (!is_word(ps, "in") && !is_word(ps, "notin")) {
            return false;
        }
        *ret = is_word(ps, "in") ? SELECTOR_IN : SELECTOR_NOT_IN;
    }
    scan(ps);
    return true;
}

static void take_value(struct parser *ps, struct selector_values *values)
{
    vec_push(values, xstrndup(ps->text, (size_t)ps->n));
    scan(ps);
}

/* "(a, b)": an empty place is the empty value. */
static int parse_set(struct parser *ps, struct selector_values *values)
{
    if (ps->token != TOKEN_OPEN) {
        return fail_found(ps, " expected: '('");
    }
    scan(ps);
    if (ps->token != TOKEN_WORD && ps->token != TOKEN_COMMA && ps->token != TOKEN_CLOSE) {
        return fail_found(ps, ", expected: ',', ')' or identifier");
    }
    for (;;) {
        if (ps->token == TOKEN_WORD) {
            take_value(ps, values);
        } else {
            vec_push(values, xstrdup(""));
        }
        if (ps->token == TOKEN_CLOSE) {
            scan(ps);
            return 0;
        }
        if (ps->token != TOKEN_COMMA) {
            return fail_found(ps, ", expected: ',' or ')'");
        }
        scan(ps);
        if (ps->token != TOKEN_WORD && ps->token != TOKEN_COMMA && ps->token != TOKEN_CLOSE) {
            return fail_found(ps, ", expected: ',', or identifier");
        }
    }
}

static int parse_exact(struct parser *ps, struct selector_values *values)
{
    if (ps->token == TOKEN_END || ps->token == TOKEN_COMMA) {
        vec_push(values, xstrdup(""));
        return 0;
    }
    if (ps->token != TOKEN_WORD) {
        return fail_found(ps, ", expected: identifier");
    }
    take_value(ps, values);
    return 0;
}

static int parse_requirement(struct parser *ps, struct selector *s)
{
    cleanup_values struct selector_values values = {0};
    bool negated = ps->token == TOKEN_NOT;
    if (negated) {
        scan(ps);
    }
    if (ps->token != TOKEN_WORD) {
        return fail_found(ps, ", expected: identifier");
    }
    cleanup_free char *key = xstrndup(ps->text, (size_t)ps->n);
    const char *wrong = name_check_key(key);
    if (wrong != NULL) {
        return err_set(ps->err, ERR_BAD_REQUEST, "<nil>: Invalid value: \"%.100s\": %s", key,
                       wrong);
    }
    scan(ps);
    enum selector_op op = negated ? SELECTOR_NOT_EXISTS : SELECTOR_EXISTS;
    if (negated || ps->token == TOKEN_END || ps->token == TOKEN_COMMA) {
        return selector_add(s, key, op, &values, ps->err);
    }
    if (!take_operator(ps, &op)) {
        return fail_found(ps, ", expected: in, notin, =, ==, !=, gt, lt");
    }
    bool set = op == SELECTOR_IN || op == SELECTOR_NOT_IN;
    if ((set ? parse_set(ps, &values) : parse_exact(ps, &values)) < 0) {
        return -1;
    }
    return selector_add(s, key, op, &values, ps->err);
}

static int parse_all(struct parser *ps, struct selector *s)
{
    if (ps->token == TOKEN_END) {
        return 0;
    }
    if (ps->token != TOKEN_WORD && ps->token != TOKEN_NOT) {
        return fail_found(ps, ", expected: !, identifier, or 'end of string'");
    }
    for (;;) {
        if (parse_requirement(ps, s) < 0) {
            return err_wrap(ps->err, "unable to parse requirement");
        }
        if (ps->token == TOKEN_END) {
            return 0;
        }
        if (ps->token != TOKEN_COMMA) {
            return fail_found(ps, ", expected: ',' or 'end of string'");
        }
        scan(ps);
        if (ps->token != TOKEN_WORD && ps->token != TOKEN_NOT) {
            return fail_found(ps, ", expected: identifier after ','");
        }
    }
}

int selector_parse(const char *text, struct selector **ret, struct err *err)
{
    cleanup_selector struct selector *s = xnew(struct selector);
    struct parser ps = {.p = text, .err = err};
    scan(&ps);
    if (parse_all(&ps, s) < 0) {
        return -1;
    }
    selector_sort(s);
    *ret = steal(s);
    return 0;
}
