/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader: a parser of our own that builds jansson values, because the depth must be known
 * before anything is built, errors must name line and column, and duplicates must name their path.
 */
#include "common/json/jx.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "jx_number.h"
#include "jx_string.h"

enum { MAX_REPORTED_DUPLICATES = 100 };

/* One step of the way from the root to where the reader is; `key` is a slice of the text, still
 * escaped, NULL inside an array. */
struct step {
    const char *key;
    size_t len;
    size_t index;
};

struct reader {
    const char *start;
    const char *p;
    const char *end;
    bool strict;
    json_t *duplicates; /* where paths are collected, or NULL */
    struct str scratch; /* the string or number being unescaped */
    size_t depth;
    struct step steps[JX_MAX_DEPTH];
    struct err *err;
};

static json_t *read_value(struct reader *r);

/* ---- errors ---- */

static json_t *fail_at(struct reader *r, const char *at, const char *what)
{
    size_t line = 1;
    size_t column = 1;
    for (const char *p = r->start; p < at; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*p & 0xc0) != 0x80) {
            column++; /* characters, not bytes */
        }
    }
    err_set(r->err, ERR_BAD_REQUEST, "invalid JSON: line %zu, column %zu: %s", line, column, what);
    return NULL;
}

static json_t *fail_expected(struct reader *r, const char *expected)
{
    char what[128];
    unsigned char c = r->p < r->end ? (unsigned char)*r->p : 0;
    if (r->p >= r->end) {
        snprintf(what, sizeof(what), "expected %s, but the text ends here", expected);
    } else if (c > 0x20 && c < 0x7f) {
        snprintf(what, sizeof(what), "expected %s, found '%c'", expected, c);
    } else {
        snprintf(what, sizeof(what), "expected %s, found byte 0x%02x", expected, c);
    }
    return fail_at(r, r->p, what);
}

/* ---- text ---- */

static void skip_space(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r')) {
        r->p++;
    }
}

/* What ends the quick run through a string. */
static bool is_special(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
}

/* Walks over the string that begins at r->p (a quote): its slice of the text without the quotes,
 * and whether it has escapes. */
static bool scan_string(struct reader *r, const char **ret_p, size_t *ret_n, bool *ret_escaped)
{
    const char *open = r->p++;
    bool escaped = false;
    while (r->p < r->end) {
        unsigned char c = (unsigned char)*r->p;
        if (r->end - r->p >= 8 && jx_string_plain8(r->p)) {
            r->p += 8;
        } else if (!is_special(c)) {
            r->p++;
        } else if (c == '"') {
            *ret_p = open + 1;
            *ret_n = (size_t)(r->p - open - 1);
            *ret_escaped = escaped;
            r->p++;
            return true;
        } else if (c == '\\') {
            escaped = true;
            r->p += r->end - r->p > 1 ? 2 : 1;
        } else if (c < 0x20) {
            fail_at(r, r->p, "a control character in a string must be escaped");
            return false;
        } else {
            size_t n = jx_string_utf8(r->p, r->end);
            if (n == 0) {
                fail_at(r, r->p, "the text is not UTF-8");
                return false;
            }
            r->p += n;
        }
    }
    fail_at(r, open, "the string that begins here is not closed");
    return false;
}

/* The string at r->p, unescaped; *ret_p is borrowed until the next string. */
static bool read_text(struct reader *r, const char **ret_p, size_t *ret_n, struct step *raw)
{
    bool escaped = false;
    if (!scan_string(r, &raw->key, &raw->len, &escaped)) {
        return false;
    }
    *ret_p = raw->key;
    *ret_n = raw->len;
    if (!escaped) {
        return true;
    }
    const char *what = "";
    str_clear(&r->scratch);
    const char *bad = jx_string_unescape(&r->scratch, raw->key, raw->key + raw->len, &what);
    if (bad != NULL) {
        fail_at(r, bad, what);
        return false;
    }
    *ret_p = str_c(&r->scratch);
    *ret_n = r->scratch.len;
    return true;
}

static json_t *read_string(struct reader *r)
{
    const char *p = NULL;
    size_t n = 0;
    struct step raw = {0};
    return read_text(r, &p, &n, &raw) ? json_stringn_nocheck(p, n) : NULL;
}

/* ---- numbers ---- */

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }
    return p;
}

static json_t *make_real(struct reader *r, const char *from, const char *to)
{
    double v = 0;
    return jx_number_parse(from, (size_t)(to - from), &v)
               ? json_real(v)
               : fail_at(r, from, "the number is too big");
}

/* An integer past 64 bits becomes a real, as in Kubernetes. */
static json_t *make_integer(struct reader *r, const char *from, const char *to)
{
    int64_t v = 0;
    bool negative = *from == '-';
    for (const char *p = from + negative; p < to; p++) {
        int d = negative ? -(*p - '0') : *p - '0';
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v)) {
            return make_real(r, from, to);
        }
    }
    return json_integer(v);
}

static json_t *read_number(struct reader *r)
{
    const char *from = r->p;
    const char *p = from + (*from == '-');
    const char *digits = p;
    bool real = false;
    p = skip_digits(p, r->end);
    if (p == digits || (p - digits > 1 && *digits == '0')) {
        r->p = p == digits ? p : digits + 1;
        return p == digits ? fail_expected(r, "a digit")
                           : fail_at(r, digits, "a number may not begin with a zero");
    }
    if (p < r->end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, r->end);
        real = true;
    }
    if (p > digits && p < r->end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < r->end && (*p == '+' || *p == '-');
        digits = p;
        p = skip_digits(p, r->end);
        real = true;
    }
    r->p = p;
    if (p == digits) {
        return fail_expected(r, "a digit");
    }
    return real ? make_real(r, from, p) : make_integer(r, from, p);
}

/* ---- containers ---- */

static bool enter(struct reader *r)
{
    if (r->depth == JX_MAX_DEPTH) {
        char what[64];
        snprintf(what, sizeof(what), "nested deeper than %d levels", (int)JX_MAX_DEPTH);
        fail_at(r, r->p, what);
        return false;
    }
    r->steps[r->depth++] = (struct step){0};
    r->p++;
    skip_space(r);
    return true;
}

/* After an item: true when another follows, having stepped over the comma. */
static bool another(struct reader *r, char close, bool *ret_ok)
{
    skip_space(r);
    char c = r->p < r->end ? *r->p : '\0';
    *ret_ok = c == ',' || c == close;
    if (!*ret_ok) {
        fail_expected(r, close == ']' ? "',' or ']'" : "',' or '}'");
        return false;
    }
    r->p++;
    if (c == ',') {
        skip_space(r);
    }
    return c == ',';
}

static json_t *read_array(struct reader *r)
{
    if (!enter(r)) {
        return NULL;
    }
    json_auto_t *array = json_array();
    bool ok = true;
    bool more = r->p >= r->end || *r->p != ']';
    r->p += !more;
    while (more) {
        json_t *item = read_value(r);
        if (item == NULL) {
            return NULL;
        }
        json_array_append_new(array, item);
        r->steps[r->depth - 1].index++;
        more = another(r, ']', &ok);
    }
    if (!ok) {
        return NULL;
    }
    r->depth--;
    return steal(array);
}

/* The path to the member just read, as Kubernetes writes it in strict decoding errors. */
static void report_duplicate(struct reader *r)
{
    cleanup_str struct str path = STR_INIT;
    const char *what = "";
    for (size_t i = 0; i < r->depth; i++) {
        if (r->steps[i].key == NULL) {
            str_add_f(&path, "[%zu]", r->steps[i].index);
        } else {
            str_add(&path, path.len > 0 ? "." : "");
            jx_string_unescape(&path, r->steps[i].key, r->steps[i].key + r->steps[i].len, &what);
        }
    }
    size_t i;
    json_t *seen;
    json_array_foreach(r->duplicates, i, seen)
    {
        if (strcmp(json_string_value(seen), str_c(&path)) == 0) {
            return;
        }
    }
    if (json_array_size(r->duplicates) < MAX_REPORTED_DUPLICATES) {
        json_array_append_new(r->duplicates, json_stringn_nocheck(str_c(&path), path.len));
    }
}

static bool fail_duplicate(struct reader *r, const char *at, const char *key, size_t n)
{
    cleanup_free char *what =
        xasprintf("\"%.*s\" occurs twice in one object", n > 100 ? 100 : (int)n, key);
    fail_at(r, at, what);
    return false;
}

/* "key": value, into the object. */
static bool read_member(struct reader *r, json_t *object)
{
    struct step *step = &r->steps[r->depth - 1];
    const char *at = r->p;
    const char *borrowed = NULL;
    size_t n = 0;
    char small[64];
    cleanup_free char *big = NULL;
    if (r->p >= r->end || *r->p != '"') {
        fail_expected(r,
                      json_object_size(object) == 0 ? "a key in quotes or '}'" : "a key in quotes");
        return false;
    }
    if (!read_text(r, &borrowed, &n, step)) {
        return false;
    }
    const char *key = borrowed;
    if (borrowed != step->key) { /* in the scratch, which the value may need */
        char *copy = n < sizeof(small) ? small : (big = xmalloc(n + 1));
        memcpy(copy, borrowed, n);
        key = copy;
    }
    skip_space(r);
    if (r->p >= r->end || *r->p != ':') {
        fail_expected(r, "':'");
        return false;
    }
    r->p++;
    json_t *value = read_value(r);
    if (value == NULL) {
        return false;
    }
    size_t before = json_object_size(object);
    json_object_setn_new_nocheck(object, key, n, value);
    if (json_object_size(object) == before) {
        if (r->strict) {
            return fail_duplicate(r, at, key, n);
        }
        if (r->duplicates != NULL) {
            report_duplicate(r);
        }
    }
    return true;
}

static json_t *read_object(struct reader *r)
{
    if (!enter(r)) {
        return NULL;
    }
    json_auto_t *object = json_object();
    bool ok = true;
    bool more = r->p >= r->end || *r->p != '}';
    r->p += !more;
    while (more) {
        if (!read_member(r, object)) {
            return NULL;
        }
        more = another(r, '}', &ok);
    }
    if (!ok) {
        return NULL;
    }
    r->depth--;
    return steal(object);
}

static json_t *read_word(struct reader *r, const char *word, json_t *value)
{
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0) {
        json_decref(value);
        return fail_expected(r, "a value");
    }
    r->p += n;
    return value;
}

static json_t *read_value(struct reader *r)
{
    skip_space(r);
    switch (r->p < r->end ? *r->p : '\0') {
    case '{':
        return read_object(r);
    case '[':
        return read_array(r);
    case '"':
        return read_string(r);
    case 't':
        return read_word(r, "true", json_true());
    case 'f':
        return read_word(r, "false", json_false());
    case 'n':
        return read_word(r, "null", json_null());
    case '-':
    case '0' ... '9':
        return read_number(r);
    default:
        return fail_expected(r, "a value");
    }
}

static json_t *read_document(struct reader *r)
{
    json_auto_t *v = read_value(r);
    if (v == NULL) {
        return NULL;
    }
    skip_space(r);
    return r->p == r->end ? steal(v) : fail_expected(r, "nothing after the value");
}

int jx_parse(const char *text, size_t n, bool strict, json_t **ret, struct err *err)
{
    text = text != NULL ? text : "";
    struct reader r = {.start = text, .p = text, .end = text + n, .strict = strict, .err = err};
    json_t *v = read_document(&r);
    str_fini(&r.scratch);
    if (v == NULL) {
        return -1;
    }
    *ret = v;
    return 0;
}

void jx_duplicates(const char *text, size_t n, json_t *paths)
{
    struct err ignored = {0};
    struct reader r = {
        .start = text, .p = text, .end = text + n, .duplicates = paths, .err = &ignored};
    json_decref(read_document(&r));
    str_fini(&r.scratch);
}
