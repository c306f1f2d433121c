/* SPDX-License-Identifier: Apache-2.0 */
/* What plain scalars mean. These are the rules of YAML 1.1 as kubectl applies them, surprises
 * included: yes, on and y are true, 017 and 0o17 are 15, 1_000 is 1000, 1:30 and dates are text. */
#include "yaml_impl.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "jx_number.h"

static const char TAG_PREFIX[] = "tag:yaml.org,2002:";

enum { MAX_NUMBER = 400 }; /* longer is text: no double has more digits that matter */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return is_one_of(text, words);
}

static json_t *resolve_bool(const char *text)
{
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "YES",
                                      "on",   "On",   "ON",   "y",   "Y",   NULL};
    static const char *const no[] = {"false", "False", "FALSE", "no", "No", "NO",
                                     "off",   "Off",   "OFF",   "n",  "N",  NULL};
    return is_one_of(text, yes) ? json_true() : is_one_of(text, no) ? json_false() : NULL;
}

static bool is_infinite(const char *text)
{
    static const char *const words[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
    static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL};
    return is_one_of(text, words) ||
           ((*text == '+' || *text == '-') && is_one_of(text + 1, infinities));
}

/* A number without fraction is an integer, as it is in the JSON that kubectl makes of it. */
static json_t *make_number(double v)
{
    return v == floor(v) && v >= -0x1p63 && v < 0x1p63 ? json_integer((json_int_t)v) : json_real(v);
}

/* Digits of a base, all of p; NULL when it is none, or past 64 bits. */
static json_t *parse_digits(const char *p, unsigned base, bool negative)
{
    uint64_t v = 0;
    if (*p == '\0') {
        return NULL;
    }
    for (; *p != '\0'; p++) {
        char c = (char)(*p | 0x20);
        unsigned d = *p >= '0' && *p <= '9' ? (unsigned)(*p - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                            : UINT_MAX;
        if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v)) {
            return NULL;
        }
    }
    if (v > (uint64_t)INT64_MAX + negative) {
        return negative ? NULL : json_real((double)v);
    }
    return json_integer(negative ? (json_int_t)-v : (json_int_t)v);
}

static json_t *parse_integer(const char *p)
{
    bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    if (*p != '0' || p[1] == '\0') {
        return parse_digits(p, 10, negative);
    }
    switch (p[1] | 0x20) {
    case 'x':
        return parse_digits(p + 2, 16, negative);
    case 'o':
        return parse_digits(p + 2, 8, negative);
    case 'b':
        return parse_digits(p + 2, 2, negative);
    default:
        return parse_digits(p + 1, 8, negative);
    }
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool has_form_of_real(const char *p)
{
    static const char digits[] = "0123456789";
    p += *p == '-' || *p == '+';
    size_t whole = strspn(p, digits);
    p += whole;
    size_t fraction = *p == '.' ? strspn(p + 1, digits) : 0;
    p += *p == '.' ? 1 + fraction : 0;
    if (whole + fraction == 0) {
        return false;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '-' || *p == '+';
        size_t exponent = strspn(p, digits);
        p = exponent > 0 ? p + exponent : "x";
    }
    return *p == '\0';
}

static json_t *parse_real(const char *text)
{
    double v = 0;
    if (!has_form_of_real(text) || !jx_number_parse(text, strlen(text), &v)) {
        return NULL;
    }
    return make_number(v);
}

static json_t *resolve_number(const char *text, size_t n)
{
    char plain[MAX_NUMBER + 1];
    size_t len = 0;
    if (n > MAX_NUMBER || *text == '\0' || strchr("+-.0123456789", *text) == NULL) {
        return NULL;
    }
    if (*text == '.') {
        return parse_real(text);
    }
    for (const char *p = text; *p != '\0'; p++) {
        plain[len] = *p;
        len += *p != '_'; /* 1_000 */
    }
    plain[len] = '\0';
    json_t *v = parse_integer(plain);
    return v != NULL ? v : parse_real(plain);
}

json_t *yaml_scalar_resolve(const char *text, size_t n, const char **ret_wrong)
{
    if (is_null(text)) {
        return json_null();
    }
    if (is_infinite(text)) {
        *ret_wrong = "JSON has no infinite numbers and no .nan";
        return NULL;
    }
    json_t *v = resolve_bool(text);
    return v != NULL ? v : resolve_number(text, n);
}

json_t *yaml_scalar_tagged(const char *text, size_t n, const char *tag, const char **ret_wrong)
{
    const char *name = str_has_prefix(tag, TAG_PREFIX) ? tag + strlen(TAG_PREFIX) : tag;
    if (strcmp(name, "str") == 0 || strcmp(name, "!") == 0) {
        return json_stringn_nocheck(text, n);
    }
    json_auto_t *v = yaml_scalar_resolve(text, n, ret_wrong);
    bool fits = (strcmp(name, "int") == 0 && json_is_integer(v)) ||
                (strcmp(name, "float") == 0 && json_is_number(v)) ||
                (strcmp(name, "bool") == 0 && json_is_boolean(v)) ||
                (strcmp(name, "null") == 0 && json_is_null(v));
    if (fits) {
        return steal(v);
    }
    static const char *const known[] = {"bool", "float", "int", "null", NULL};
    *ret_wrong = is_one_of(name, known) ? "the value does not fit its tag"
                                        : "this tag is not known: leave it out, or use !!str";
    return NULL;
}

char *yaml_scalar_key(const json_t *resolved)
{
    char buf[JX_NUMBER_SIZE];
    switch (json_typeof(resolved)) {
    case JSON_STRING:
        return xstrdup(json_string_value(resolved));
    case JSON_TRUE:
        return xstrdup("true");
    case JSON_FALSE:
        return xstrdup("false");
    case JSON_INTEGER:
        return xasprintf("%lld", (long long)json_integer_value(resolved));
    case JSON_REAL:
        jx_number_format(buf, json_real_value(resolved));
        return xstrdup(buf);
    default:
        return NULL;
    }
}
