/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer: straight into a growing string, because the store encodes every object it takes
 * and jansson's callback per token costs more than the text itself. */
#include "common/json/jx.h"

#include <stdio.h>
#include <string.h>

#include "jx_number.h"
#include "jx_string.h"

/* Room for n more bytes; doubles, so that growing costs nothing per byte. */
static inline void room(struct str *out, size_t n)
{
    if (out->cap - out->len <= n) {
        str_reserve(out, n > out->cap ? n : out->cap);
    }
}

static inline void put(struct str *out, char c)
{
    room(out, 1);
    out->p[out->len++] = c;
}

static inline void put_n(struct str *out, const char *bytes, size_t n)
{
    room(out, n);
    memcpy(out->p + out->len, bytes, n);
    out->len += n;
}

static void put_indent(struct str *out, int level)
{
    put(out, '\n');
    for (int i = 0; i < level; i++) {
        put_n(out, "  ", 2);
    }
}

static void put_escaped(struct str *out, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    static const char hex[] = "0123456789abcdef";
    const char *hit = c != '\0' ? strchr(from, c) : NULL;
    if (hit != NULL) {
        const char two[] = {'\\', to[hit - from]};
        put_n(out, two, 2);
    } else {
        const char six[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        put_n(out, six, 6);
    }
}

/* How many bytes from the beginning on may stand in a string as they are. */
static size_t count_plain(const char *s, size_t n)
{
    size_t i = 0;
    while (n - i >= 8 && jx_string_plain8(s + i)) {
        i += 8;
    }
    while (i < n && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\') {
        i++;
    }
    return i;
}

static void put_string(struct str *out, const char *s, size_t n)
{
    size_t plain = count_plain(s, n);
    room(out, n + 2);
    out->p[out->len++] = '"';
    memcpy(out->p + out->len, s, plain);
    out->len += plain;
    while (plain < n) {
        put_escaped(out, (unsigned char)s[plain]);
        s += plain + 1;
        n -= plain + 1;
        plain = count_plain(s, n);
        put_n(out, s, plain);
    }
    put(out, '"');
}

static void put_integer(struct str *out, json_int_t v)
{
    char buf[24];
    size_t at = sizeof(buf);
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do {
        buf[--at] = (char)('0' + u % 10);
        u /= 10;
    } while (u > 0);
    if (v < 0) {
        buf[--at] = '-';
    }
    put_n(out, buf + at, sizeof(buf) - at);
}

/* `level` < 0: compact. */
static void put_value(struct str *out, const json_t *v, int level);

static void put_array(struct str *out, const json_t *v, int level)
{
    size_t n = json_array_size(v);
    put(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            put(out, ',');
        }
        if (level >= 0) {
            put_indent(out, level + 1);
        }
        put_value(out, json_array_get(v, i), level < 0 ? level : level + 1);
    }
    if (level >= 0 && n > 0) {
        put_indent(out, level);
    }
    put(out, ']');
}

static void put_object(struct str *out, const json_t *v, int level)
{
    /* The iterator API takes no const, but writes nothing. */
    json_t *object = (json_t *)(uintptr_t)v;
    bool first = true;
    put(out, '{');
    for (void *it = json_object_iter(object); it != NULL; it = json_object_iter_next(object, it)) {
        if (!first) {
            put(out, ',');
        }
        first = false;
        if (level >= 0) {
            put_indent(out, level + 1);
        }
        put_string(out, json_object_iter_key(it), json_object_iter_key_len(it));
        put(out, ':');
        if (level >= 0) {
            put(out, ' ');
        }
        put_value(out, json_object_iter_value(it), level < 0 ? level : level + 1);
    }
    if (level >= 0 && !first) {
        put_indent(out, level);
    }
    put(out, '}');
}

static void put_value(struct str *out, const json_t *v, int level)
{
    char buf[JX_NUMBER_SIZE];
    switch (v != NULL ? json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT:
        put_object(out, v, level);
        break;
    case JSON_ARRAY:
        put_array(out, v, level);
        break;
    case JSON_STRING:
        put_string(out, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        put_integer(out, json_integer_value(v));
        break;
    case JSON_REAL:
        put_n(out, buf, jx_number_format(buf, json_real_value(v)));
        break;
    case JSON_TRUE:
        put_n(out, "true", 4);
        break;
    case JSON_FALSE:
        put_n(out, "false", 5);
        break;
    default:
        put_n(out, "null", 4);
        break;
    }
}

void jx_dump(struct str *out, const json_t *v)
{
    put_value(out, v, -1);
    room(out, 1);
    out->p[out->len] = '\0';
}

static bool is_utf8(const char *p, const char *end)
{
    while (p < end) {
        size_t n = (unsigned char)*p < 0x80 ? 1 : jx_string_utf8(p, end);
        if (n == 0) {
            return false;
        }
        p += n;
    }
    return true;
}

void jx_dump_str(struct str *out, const char *text)
{
    size_t n = strlen(text);
    if (!is_utf8(text, text + n)) {
        jx_dump_str(out, "(not UTF-8)");
        return;
    }
    put_string(out, text, n);
    room(out, 1);
    out->p[out->len] = '\0';
}

char *jx_dump_text(const json_t *v)
{
    struct str out = STR_INIT;
    jx_dump(&out, v);
    return str_take(&out);
}

static int add_text(const char *text, size_t n, void *out)
{
    str_add_n(out, text, n);
    return 0;
}

char *jx_dump_sorted(const json_t *v)
{
    struct str out = STR_INIT;
    json_dump_callback(v, add_text, &out, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    return str_take(&out);
}

char *jx_dump_pretty(const json_t *v)
{
    struct str out = STR_INIT;
    put_value(&out, v, 0);
    room(&out, 1);
    out.p[out.len] = '\0';
    return str_take(&out);
}
