/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML writer: block style as kubectl prints it, and quotes wherever YAML 1.1 or 1.2 would read
 * something other than the string that was there. */
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "yaml_impl.h"

enum { MAX_SIMPLE_KEY = 1000 }; /* a longer one needs the "? key" form: readers stop at 1024 */

enum style { PLAIN, SINGLE, DOUBLE, LITERAL };

/* ---- which quotes ---- */

/* Characters that YAML does not print as they are, or takes for line breaks: controls, NEL, LS, PS,
 * BOM. Tab and newline are looked at elsewhere. */
static bool is_unprintable(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    if ((u[0] < 0x20 && u[0] != '\t' && u[0] != '\n') || u[0] == 0x7f) {
        return true;
    }
    return (u[0] == 0xc2 && u[1] < 0xa0) ||                                    /* C1 and NEL */
           (u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9)) || /* LS, PS */
           (u[0] == 0xef && u[1] == 0xbb && u[2] == 0xbf) ||                   /* BOM */
           (u[0] == 0xef && u[1] == 0xbf && u[2] >= 0xbe);                     /* not characters */
}

static bool has_unprintable(const char *s)
{
    for (; *s != '\0'; s++) {
        if (is_unprintable(s)) {
            return true;
        }
    }
    return false;
}

/* Dates and base-60 numbers: text for us, not for every reader. */
static bool looks_like_number(const char *s)
{
    static const char digits[] = "0123456789";
    bool date = strspn(s, digits) == 4 && s[4] == '-' && strspn(s + 5, digits) > 0;
    bool base60 = strchr(s, ':') != NULL && strspn(s, "0123456789:._+-") == strlen(s);
    return date || base60;
}

static bool reads_otherwise(const char *s, size_t n)
{
    const char *wrong = NULL;
    json_auto_t *v = yaml_scalar_resolve(s, n, &wrong);
    return v != NULL || wrong != NULL || strcmp(s, "<<") == 0 || strcmp(s, "=") == 0 ||
           looks_like_number(s);
}

static bool has_meaning(const char *s, size_t n)
{
    bool indicator = strchr(",[]{}#&*!|>'\"%@`", s[0]) != NULL;
    bool start = strchr("-?:", s[0]) != NULL && strchr(" \t", s[1]) != NULL;
    bool marker = strncmp(s, "---", 3) == 0 || strncmp(s, "...", 3) == 0;
    bool edge = s[0] == ' ' || s[0] == '\t' || s[n - 1] == ' ' || s[n - 1] == '\t';
    return indicator || start || marker || edge || s[n - 1] == ':' || strstr(s, ": ") != NULL ||
           strstr(s, " #") != NULL || strstr(s, ":\t") != NULL || strstr(s, "\t#") != NULL;
}

/* Whether the text survives as a literal block. */
static bool fits_literal(const char *s)
{
    if (strchr(" \t\n", s[0]) != NULL) {
        return false;
    }
    for (const char *newline = strchr(s, '\n'); newline != NULL;
         newline = strchr(newline + 1, '\n')) {
        if (newline[-1] == ' ' || newline[-1] == '\t') {
            return false;
        }
    }
    size_t n = strlen(s);
    return s[n - 1] != ' ' && s[n - 1] != '\t';
}

static enum style style_of(const char *s, size_t n, bool key)
{
    bool lines = strchr(s, '\n') != NULL;
    if (n == 0 || has_unprintable(s)) {
        return DOUBLE;
    }
    if (lines) {
        return !key && fits_literal(s) ? LITERAL : DOUBLE;
    }
    if (reads_otherwise(s, n)) {
        return DOUBLE;
    }
    return has_meaning(s, n) ? SINGLE : PLAIN;
}

/* ---- strings ---- */

static void put_indent(struct str *out, int indent)
{
    str_reserve(out, (size_t)indent);
    for (int i = 0; i < indent; i++) {
        str_add_c(out, ' ');
    }
}

static void put_single(struct str *out, const char *s)
{
    str_add_c(out, '\'');
    for (; *s != '\0'; s++) {
        str_add_c(out, *s);
        if (*s == '\'') {
            str_add_c(out, '\'');
        }
    }
    str_add_c(out, '\'');
}

/* The escape of the unprintable character at s; steps over it. */
static const char *put_escape(struct str *out, const char *s)
{
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80) {
        str_add_f(out, "\\x%02x", u[0]);
        return s + 1;
    }
    if (u[0] < 0xe0) {
        str_add_f(out, "\\x%02x", (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu));
        return s + 2;
    }
    str_add_f(out, "\\u%04x", (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu));
    return s + 3;
}

static void put_double(struct str *out, const char *s)
{
    static const char from[] = "\"\\\n\t\r";
    static const char to[] = "\"\\ntr";
    str_add_c(out, '"');
    while (*s != '\0') {
        const char *hit = strchr(from, *s);
        if (hit != NULL) {
            str_add_c(out, '\\');
            str_add_c(out, to[hit - from]);
            s++;
        } else if (is_unprintable(s)) {
            s = put_escape(out, s);
        } else {
            str_add_c(out, *s++);
        }
    }
    str_add_c(out, '"');
}

static void put_literal(struct str *out, const char *s, int indent)
{
    size_t n = strlen(s);
    bool ends = s[n - 1] == '\n';
    str_add(out, !ends ? "|-" : s[n - 2] == '\n' ? "|+" : "|");
    while (*s != '\0') {
        size_t line = strcspn(s, "\n");
        str_add_c(out, '\n');
        if (line > 0) {
            put_indent(out, indent);
        }
        str_add_n(out, s, line);
        s += line;
        s += *s == '\n';
    }
}

/* `indent`: of the lines of a literal. */
static void put_string(struct str *out, const json_t *v, int indent)
{
    const char *s = json_string_value(v);
    switch (style_of(s, json_string_length(v), false)) {
    case PLAIN:
        str_add(out, s);
        break;
    case SINGLE:
        put_single(out, s);
        break;
    case DOUBLE:
        put_double(out, s);
        break;
    case LITERAL:
        put_literal(out, s, indent);
        break;
    }
}

/* ---- structure ---- */

static bool is_block(const json_t *v)
{
    return (json_is_array(v) && json_array_size(v) > 0) ||
           (json_is_object(v) && json_object_size(v) > 0);
}

static void put_scalar(struct str *out, const json_t *v, int indent)
{
    if (json_is_string(v)) {
        put_string(out, v, indent);
    } else {
        jx_dump(out, v); /* {} and [] too */
    }
    str_add_c(out, '\n');
}

static void put_key(struct str *out, const char *key, int indent)
{
    cleanup_str struct str text = STR_INIT;
    enum style style = style_of(key, strlen(key), true);
    if (style == PLAIN) {
        str_add(&text, key);
    } else if (style == SINGLE) {
        put_single(&text, key);
    } else {
        put_double(&text, key);
    }
    bool big = text.len > MAX_SIMPLE_KEY;
    str_add(out, big ? "? " : "");
    str_add(out, str_c(&text));
    if (big) {
        str_add_c(out, '\n');
        put_indent(out, indent);
    }
    str_add_c(out, ':');
}

static void put_array(struct str *out, const json_t *v, int indent, bool first);

/* `first`: the first line is indented already, behind "- ". */
static void put_object(struct str *out, const json_t *v, int indent, bool first)
{
    json_t *walk = (json_t *)(uintptr_t)v; /* the iterator takes no const, but writes nothing */
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        const json_t *value = json_object_iter_value(it);
        put_indent(out, first ? 0 : indent);
        first = false;
        put_key(out, json_object_iter_key(it), indent);
        if (!is_block(value)) {
            str_add_c(out, ' ');
            put_scalar(out, value, indent + 2);
            continue;
        }
        str_add_c(out, '\n');
        if (json_is_array(value)) {
            put_array(out, value, indent, false); /* kubectl does not indent lists */
        } else {
            put_object(out, value, indent + 2, false);
        }
    }
}

static void put_array(struct str *out, const json_t *v, int indent, bool first)
{
    size_t i;
    const json_t *item;
    jx_each(i, item, v)
    {
        put_indent(out, first ? 0 : indent);
        first = false;
        str_add(out, "- ");
        if (!is_block(item)) {
            put_scalar(out, item, indent + 2);
        } else if (json_is_array(item)) {
            put_array(out, item, indent + 2, true);
        } else {
            put_object(out, item, indent + 2, true);
        }
    }
}

void yaml_dump(struct str *out, const json_t *v)
{
    if (!is_block(v)) {
        put_scalar(out, v, 2);
    } else if (json_is_array(v)) {
        put_array(out, v, 0, false);
    } else {
        put_object(out, v, 0, false);
    }
}
