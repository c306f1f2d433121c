/* SPDX-License-Identifier: Apache-2.0 */
/* Finds sentences and fills them. */
#include "why/words.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "why/words_en.h"

/* A further language is a further table, chosen here. */
const struct words_row *words_find(const char *locale, const char *id)
{
    (void)locale;
    for (size_t i = 0; i < ARRAY_LEN(words_en); i++) {
        if (strcmp(words_en[i].id, id) == 0) {
            return &words_en[i];
        }
    }
    return NULL;
}

const char *words_text(const char *locale, const char *id)
{
    (void)locale;
    for (size_t i = 0; i < ARRAY_LEN(words_en_texts); i++) {
        if (strcmp(words_en_texts[i].id, id) == 0) {
            return words_en_texts[i].text;
        }
    }
    return "";
}

const struct words_row *words_at(size_t i)
{
    return i < ARRAY_LEN(words_en) ? &words_en[i] : NULL;
}

/* ---- filling ---- */

static void add_value(struct str *out, const json_t *v)
{
    if (json_is_string(v)) {
        str_add(out, json_string_value(v));
    } else {
        jx_dump(out, v);
    }
}

static void add_joined(struct str *out, const json_t *list)
{
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        str_add(out, i == 0 ? "" : i + 1 == n ? words_text(NULL, "and") : ", ");
        add_value(out, json_array_get(list, i));
    }
}

/* From behind the opening brace to its closing one; NULL when there is none. */
static const char *closing(const char *p)
{
    for (int depth = 1; *p != '\0'; p++) {
        depth += *p == '{' ? 1 : *p == '}' ? -1 : 0;
        if (depth == 0) {
            return p;
        }
    }
    return NULL;
}

/* "one|many": the bar outside of inner braces. */
static const char *bar(const char *p, const char *end)
{
    int depth = 0;
    for (; p < end; p++) {
        depth += *p == '{' ? 1 : *p == '}' ? -1 : 0;
        if (*p == '|' && depth == 0) {
            return p;
        }
    }
    return NULL;
}

static void add_choice(struct str *out, const json_t *v, const char *words, const char *end,
                       const json_t *args)
{
    const char *middle = bar(words, end);
    if (middle == NULL) {
        return;
    }
    bool one = json_integer_value(v) == 1;
    cleanup_free char *format = one ? xstrndup(words, (size_t)(middle - words))
                                    : xstrndup(middle + 1, (size_t)(end - middle - 1));
    cleanup_free char *text = words_fill(format, args);
    str_add(out, text);
}

static void add_place(struct str *out, const char *p, const char *end, const json_t *args)
{
    const char *first_bar = bar(p, end);
    size_t n = (size_t)((first_bar != NULL ? first_bar : end) - p);
    cleanup_free char *name = xstrndup(p, n);
    const json_t *v = jx_get(args, name);
    if (v == NULL) {
        str_add_c(out, '{');
        str_add_n(out, p, (size_t)(end - p) + 1);
    } else if (first_bar != NULL) {
        add_choice(out, v, first_bar + 1, end, args);
    } else if (json_is_array(v)) {
        add_joined(out, v);
    } else {
        add_value(out, v);
    }
}

char *words_fill(const char *format, const json_t *args)
{
    struct str out = STR_INIT;
    for (const char *p = format; *p != '\0'; p++) {
        const char *end = *p == '{' ? closing(p + 1) : NULL;
        if (end != NULL) {
            add_place(&out, p + 1, end, args);
            p = end;
        } else {
            str_add_c(&out, *p);
        }
    }
    return str_take(&out);
}
