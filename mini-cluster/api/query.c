/* SPDX-License-Identifier: Apache-2.0 */
/* A parameter that is given twice means two things to two readers, so it is refused. */
#include "api/query.h"

#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"

enum { MAX_PARAMETERS = 256 };

struct parameter {
    char *key;
    char *value;
};

struct api_query {
    VEC(struct parameter) list;
};

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool api_query_unescape(char *text, bool plus)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '%') {
            int high = hex(from[1]);
            int low = high >= 0 ? hex(from[2]) : -1;
            if (low < 0 || high * 16 + low == 0) {
                return false;
            }
            *to++ = (char)(high * 16 + low);
            from += 2;
        } else {
            *to++ = plus && *from == '+' ? ' ' : *from;
        }
    }
    *to = '\0';
    return true;
}

static int check_repeated(const struct api_query *q, const struct parameter *p, struct err *err)
{
    if (strcmp(p->key, "dryRun") == 0 || strcmp(p->key, "command") == 0 ||
        strcmp(p->key, "ports") == 0) {
        return 0; /* lists */
    }
    for (size_t i = 0; i < q->list.n; i++) {
        if (strcmp(q->list.v[i].key, p->key) == 0 && strcmp(q->list.v[i].value, p->value) != 0) {
            return err_set(err, ERR_BAD_REQUEST,
                           "query parameter \"%.100s\" is given twice: once is enough", p->key);
        }
    }
    return 0;
}

static int add(struct api_query *q, const char *text, size_t n, struct err *err)
{
    const char *eq = memchr(text, '=', n);
    size_t nkey = eq != NULL ? (size_t)(eq - text) : n;
    struct parameter p = {.key = xstrndup(text, nkey),
                          .value = eq != NULL ? xstrndup(eq + 1, n - nkey - 1) : xstrdup("")};
    int rc = 0;
    if (q->list.n >= MAX_PARAMETERS) {
        rc = err_set(err, ERR_BAD_REQUEST, "more than %d query parameters", MAX_PARAMETERS);
    } else if (!api_query_unescape(p.key, true) || !api_query_unescape(p.value, true)) {
        rc = err_set(err, ERR_BAD_REQUEST, "the query \"%.*s\" is not properly percent-encoded",
                     (int)(n < 100 ? n : 100), text);
    } else {
        rc = check_repeated(q, &p, err);
    }
    if (rc < 0) {
        free(p.key);
        free(p.value);
        return -1;
    }
    vec_push(&q->list, p);
    return 0;
}

int api_query_parse(const char *text, struct api_query **ret, struct err *err)
{
    struct api_query *q = xnew(struct api_query);
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, "&");
        if (n > 0 && add(q, text, n, err) < 0) {
            api_query_free(q);
            return -1;
        }
        text += n;
        text += *text == '&';
    }
    *ret = q;
    return 0;
}

void api_query_free(struct api_query *q)
{
    if (q == NULL) {
        return;
    }
    for (size_t i = 0; i < q->list.n; i++) {
        free(q->list.v[i].key);
        free(q->list.v[i].value);
    }
    vec_fini(&q->list);
    free(q);
}

const char *api_query_nth(const struct api_query *q, const char *key, size_t i)
{
    for (size_t at = 0; at < q->list.n; at++) {
        if (strcmp(q->list.v[at].key, key) == 0 && i-- == 0) {
            return q->list.v[at].value;
        }
    }
    return NULL;
}

const char *api_query_get(const struct api_query *q, const char *key)
{
    const char *value = api_query_nth(q, key, 0);
    return value != NULL ? value : "";
}

bool api_query_bool(const struct api_query *q, const char *key)
{
    const char *value = api_query_nth(q, key, 0);
    if (value == NULL) {
        return false;
    }
    return value[0] == '\0' || strcmp(value, "1") == 0 || strcmp(value, "true") == 0 ||
           strcmp(value, "True") == 0 || strcmp(value, "TRUE") == 0 || strcmp(value, "t") == 0;
}

int api_query_int(const struct api_query *q, const char *key, int64_t min, int64_t dflt,
                  int64_t *ret, struct err *err)
{
    const char *value = api_query_get(q, key);
    if (value[0] == '\0') {
        *ret = dflt;
        return 0;
    }
    if (!str_to_i64(value, min, INT64_MAX, ret)) {
        return err_set(err, ERR_BAD_REQUEST,
                       "query parameter %s: \"%.40s\" is not a whole number of at least %lld", key,
                       value, (long long)min);
    }
    return 0;
}
