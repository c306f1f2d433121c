/* SPDX-License-Identifier: Apache-2.0 */
/* Every key is known to the route that takes it, and comes once. */
#include "hosts/dock/dock_query.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

enum { MAX_VALUE = 32 * 1024, MAX_PAIRS = 32 };

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0'
           : c >= 'a' && c <= 'f'    ? c - 'a' + 10
           : c >= 'A' && c <= 'F'    ? c - 'A' + 10
                                     : -1;
}

/* NULL: a broken escape, a NUL, or no UTF-8. */
static char *decode(const char *s, size_t n)
{
    struct str out = STR_INIT;
    for (size_t i = 0; i < n; i++) {
        int c = (unsigned char)s[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < n ? hex(s[i + 1]) : -1;
            int low = i + 2 < n ? hex(s[i + 2]) : -1;
            if (high < 0 || low < 0) {
                str_fini(&out);
                return NULL;
            }
            c = high * 16 + low;
            i += 2;
        }
        if (c == '\0') {
            str_fini(&out);
            return NULL;
        }
        str_add_c(&out, (char)c);
    }
    json_t *text = json_stringn(str_c(&out), out.len);
    if (text == NULL) {
        str_fini(&out);
        return NULL;
    }
    json_decref(text);
    return str_take(&out);
}

static bool in_words(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = words; n > 0 && (p = strstr(p, word)) != NULL; p += n) {
        if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0')) {
            return true;
        }
    }
    return false;
}

const char *dock_query_get(const struct dock_query *q, const char *key)
{
    for (size_t i = 0; i < q->pairs.n; i++) {
        if (strcmp(q->pairs.v[i].key, key) == 0) {
            return q->pairs.v[i].value;
        }
    }
    return "";
}

static bool has(const struct dock_query *q, const char *key)
{
    for (size_t i = 0; i < q->pairs.n; i++) {
        if (strcmp(q->pairs.v[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static int take_pair(const char *raw, size_t n, const char *allowed, struct dock_query *q,
                     struct err *err)
{
    const char *equals = memchr(raw, '=', n);
    size_t key_len = equals != NULL ? (size_t)(equals - raw) : n;
    cleanup_free char *key = decode(raw, key_len);
    cleanup_free char *value = equals != NULL ? decode(equals + 1, n - key_len - 1) : xstrdup("");
    if (key == NULL || value == NULL) {
        return err_set(err, ERR_BAD_REQUEST, "a parameter of the request has a broken escape");
    }
    if (!in_words(allowed, key)) {
        return err_set(err, ERR_BAD_REQUEST,
                       "parameter \"%.100s\": the Docker of a podlab host does not take it here",
                       key);
    }
    if (has(q, key) || q->pairs.n >= MAX_PAIRS) {
        return err_set(err, ERR_BAD_REQUEST, "parameter \"%.100s\" is there twice", key);
    }
    struct dock_pair pair = {steal(key), steal(value)};
    vec_push(&q->pairs, pair);
    return 0;
}

int dock_query_parse(const char *raw, const char *allowed, struct dock_query *ret, struct err *err)
{
    struct dock_query q = {0};
    if (strlen(raw) > MAX_VALUE) {
        return err_set(err, ERR_BAD_REQUEST, "the parameters are longer than %d bytes",
                       (int)MAX_VALUE);
    }
    while (*raw != '\0') {
        size_t n = strcspn(raw, "&");
        if (n > 0 && take_pair(raw, n, allowed, &q, err) != 0) {
            dock_query_fini(&q);
            return -1;
        }
        raw += n + (raw[n] == '&');
    }
    *ret = q;
    return 0;
}

void dock_query_fini(struct dock_query *q)
{
    for (size_t i = 0; i < q->pairs.n; i++) {
        free(q->pairs.v[i].key);
        free(q->pairs.v[i].value);
    }
    vec_fini(&q->pairs);
}

bool dock_query_bool(const struct dock_query *q, const char *key)
{
    const char *v = dock_query_get(q, key);
    return v[0] != '\0' && strcmp(v, "0") != 0 && strcasecmp(v, "no") != 0 &&
           strcasecmp(v, "false") != 0 && strcasecmp(v, "none") != 0;
}

int dock_query_int(const struct dock_query *q, const char *key, int64_t min, int64_t max,
                   int64_t dflt, int64_t *ret, struct err *err)
{
    const char *v = dock_query_get(q, key);
    *ret = dflt;
    if (v[0] != '\0' && !str_to_i64(v, min, max, ret)) {
        return err_set(err, ERR_BAD_REQUEST, "parameter %s=%.60s is no number that it may be", key,
                       v);
    }
    return 0;
}

/* ---- filters ---- */

/* {"a":["x"]} as it is; {"a":{"x":true}} of older clients as a list. */
static int take_filter(json_t *out, const char *key, const json_t *value, struct err *err)
{
    json_t *list = json_array();
    const char *word;
    json_t *item;
    size_t i;
    json_object_set_new(out, key, list);
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, word, item)
        {
            if (json_is_true(item)) {
                json_array_append_new(list, json_string(word));
            }
        }
        return 0;
    }
    jx_each(i, item, value)
    {
        if (!json_is_string(item)) {
            return err_set(err, ERR_BAD_REQUEST, "filter %.60s is no list of strings", key);
        }
        json_array_append(list, item);
    }
    return json_is_array(value)
               ? 0
               : err_set(err, ERR_BAD_REQUEST, "filter %.60s is no list of strings", key);
}

int dock_query_filters(const struct dock_query *q, const char *allowed, json_t **ret,
                       struct err *err)
{
    const char *text = dock_query_get(q, "filters");
    json_t *parsed = NULL;
    const char *key;
    json_t *value;
    if (text[0] != '\0' && jx_parse(text, strlen(text), true, &parsed, err) != 0) {
        err->code = ERR_BAD_REQUEST;
        return err_wrap(err, "filters");
    }
    json_auto_t *in = parsed, *out = json_object();
    if (in != NULL && !json_is_object(in) && !json_is_null(in)) {
        return err_set(err, ERR_BAD_REQUEST, "filters must be an object");
    }
    json_object_foreach(in, key, value)
    {
        if (!in_words(allowed, key)) {
            return err_set(err, ERR_BAD_REQUEST, "Invalid filter '%.60s'", key);
        }
        if (take_filter(out, key, value, err) != 0) {
            return -1;
        }
    }
    *ret = json_incref(out);
    return 0;
}
