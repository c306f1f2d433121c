/* SPDX-License-Identifier: Apache-2.0 */
/* Field selectors: what kubectl sends with --field-selector, and workers to watch one node's pods.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/vec.h"
#include "meta/selector.h"

struct term {
    char *path;
    char *value;
    bool equal;
};

struct field_selector {
    struct term *v; /* a VEC */
    size_t n;
    size_t cap;
};

void field_selector_free(struct field_selector *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        free(s->v[i].path);
        free(s->v[i].value);
    }
    vec_fini(s);
    free(s);
}

static void cleanup_fn(struct field_selector **s)
{
    field_selector_free(*s);
}

static bool is_known(const char *path, const char *const *known)
{
    if (strcmp(path, "metadata.name") == 0 || strcmp(path, "metadata.namespace") == 0) {
        return true;
    }
    for (size_t i = 0; known != NULL && known[i] != NULL; i++) {
        if (strcmp(path, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The length of the term at p: up to a comma that no backslash precedes. */
static size_t term_length(const char *p)
{
    size_t n = 0;
    while (p[n] != '\0' && p[n] != ',') {
        n += p[n] == '\\' && p[n + 1] != '\0' ? 2 : 1;
    }
    return n;
}

/* A value with \\, \, and \= resolved; NULL when another escape, or a bare '=' or ',', is in it. */
static char *unescape(const char *p, size_t n)
{
    cleanup_free char *out = xmalloc(n + 1);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        bool escaped = p[i] == '\\';
        i += escaped;
        bool special = i < n && (p[i] == '\\' || p[i] == ',' || p[i] == '=');
        if (escaped != special) {
            return NULL;
        }
        out[len++] = p[i];
    }
    out[len] = '\0';
    return steal(out);
}

/* "path=value", "path==value", "path!=value" in n bytes. */
static bool split_term(const char *p, size_t n, struct term *ret)
{
    size_t at = 0;
    while (at < n && p[at] != '=' && !(p[at] == '!' && at + 1 < n && p[at + 1] == '=')) {
        at++;
    }
    if (at == n) {
        return false;
    }
    ret->equal = p[at] == '=';
    size_t from = at + (ret->equal && (at + 1 == n || p[at + 1] != '=') ? 1 : 2);
    ret->value = unescape(p + from, n - from);
    ret->path = ret->value != NULL ? xstrndup(p, at) : NULL;
    return ret->value != NULL;
}

int field_selector_parse(const char *text, const char *const *known, struct field_selector **ret,
                         struct err *err)
{
    __attribute__((cleanup(cleanup_fn))) struct field_selector *s = xnew(struct field_selector);
    for (const char *p = text; *p != '\0';) {
        size_t n = term_length(p);
        struct term t = {0};
        if (n > 0 && !split_term(p, n, &t)) {
            return err_set(err, ERR_BAD_REQUEST,
                           "invalid selector: '%.200s'; can't understand '%.*s'", text,
                           n > 100 ? 100 : (int)n, p);
        }
        if (n > 0) {
            vec_push(s, t);
            if (!is_known(t.path, known)) {
                return err_set(err, ERR_BAD_REQUEST, "field label not supported: %.200s", t.path);
            }
        }
        p += n;
        p += *p == ',';
    }
    *ret = steal(s);
    return 0;
}

/* A field's value as a selector sees it; `buf` holds a number's text. A flag that is not there is
 * false. */
static const char *field_text(const json_t *obj, const char *path, char *buf, size_t size)
{
    const json_t *v = jx_path(obj, path);
    if (json_is_string(v)) {
        return json_string_value(v);
    }
    if (json_is_integer(v)) {
        snprintf(buf, size, "%lld", (long long)json_integer_value(v));
        return buf;
    }
    if (json_is_boolean(v)) {
        return json_is_true(v) ? "true" : "false";
    }
    return strcmp(path, "spec.unschedulable") == 0 ? "false" : "";
}

bool field_selector_match(const struct field_selector *s, const json_t *obj)
{
    char buf[32];
    for (size_t i = 0; s != NULL && i < s->n; i++) {
        const struct term *t = &s->v[i];
        bool same = strcmp(field_text(obj, t->path, buf, sizeof(buf)), t->value) == 0;
        if (same != t->equal) {
            return false;
        }
    }
    return true;
}

const char *field_selector_requires(const struct field_selector *s, const char *path)
{
    for (size_t i = 0; s != NULL && i < s->n; i++) {
        if (s->v[i].equal && strcmp(s->v[i].path, path) == 0) {
            return s->v[i].value;
        }
    }
    return NULL;
}
