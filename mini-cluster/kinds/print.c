/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of column printers, and the small things they share. */
#include "kinds/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct printer {
    const char *name;
    print_fn *fn;
};

#define PRINT_ROW(name, fn) {name, fn},
static const struct printer printers[] = {PRINT_NAMES(PRINT_ROW)};
#undef PRINT_ROW

static int compare_printer(const void *name, const void *row)
{
    return strcmp(name, ((const struct printer *)row)->name);
}

print_fn *print_find(const char *name)
{
    const struct printer *p =
        bsearch(name, printers, ARRAY_LEN(printers), sizeof(printers[0]), compare_printer);
    return p != NULL ? p->fn : NULL;
}

json_t *print_cell(struct str *text)
{
    /* What a printer puts together comes from JSON strings, which were checked to be UTF-8. */
    return json_stringn_nocheck(str_c(text), text->len);
}

json_t *print_cell_or(struct str *text, const char *dflt)
{
    return text->len > 0 ? print_cell(text) : json_string(dflt);
}

json_t *print_cell_f(const char *fmt, ...)
{
    cleanup_str struct str text = STR_INIT;
    va_list ap;
    va_start(ap, fmt);
    str_add_vf(&text, fmt, ap);
    va_end(ap);
    return print_cell(&text);
}

void print_list_add(struct str *list, const char *item)
{
    if (list->len > 0) {
        str_add_c(list, ',');
    }
    str_add(list, item);
}

void print_list_more(struct str *list, size_t count, size_t max)
{
    if (count > max) {
        str_add_f(list, " + %zu more...", count - max);
    }
}

static int compare_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **print_sorted_keys(const json_t *object, size_t *ret_n)
{
    size_t n = json_object_size(object);
    const char **keys = xcalloc(n + 1, sizeof(*keys));
    size_t i = 0;
    /* jansson's iterators want a changeable object and do not change it. */
    json_t *walked = (json_t *)(uintptr_t)object;
    for (void *it = json_object_iter(walked); it != NULL; it = json_object_iter_next(walked, it)) {
        keys[i++] = json_object_iter_key(it);
    }
    qsort(keys, n, sizeof(*keys), compare_key);
    *ret_n = n;
    return keys;
}

void print_scalar(struct str *out, const json_t *v)
{
    switch (v != NULL ? json_typeof(v) : JSON_NULL) {
    case JSON_STRING:
        str_add_n(out, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        str_add_f(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    case JSON_REAL:
        str_add_f(out, "%g", json_real_value(v));
        break;
    case JSON_TRUE:
        str_add(out, "true");
        break;
    case JSON_FALSE:
        str_add(out, "false");
        break;
    default:
        break;
    }
}
