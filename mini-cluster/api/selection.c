/* SPDX-License-Identifier: Apache-2.0 */
/* Ten thousand pods are not parsed to find those of one node: what the store has indexed is asked
 * of the index. */
#include "api/selection.h"

#include <string.h>

#include "api/query.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/selector.h"

struct api_selection {
    const struct kind *kind;
    char *ns;
    struct selector *labels;
    struct field_selector *fields; /* NULL: none */
    bool fields_indexed;           /* none of them needs the object itself */
};

/* What an entry says without being parsed. */
static const char *const indexed[] = {"metadata.name", "metadata.namespace", "spec.nodeName",
                                      "status.phase"};

/* Whether every term of the text begins with an indexed path. */
static bool all_indexed(const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "=!,");
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(indexed); i++) {
            found |= strlen(indexed[i]) == n && memcmp(indexed[i], text, n) == 0;
        }
        if (!found) {
            return false;
        }
        text += strcspn(text, ",");
        text += *text == ',';
    }
    return true;
}

int api_selection_new(const struct api_query *q, const struct kind *k, const char *ns,
                      struct api_selection **ret, struct err *err)
{
    const char *labels = api_query_get(q, "labelSelector");
    const char *fields = api_query_get(q, "fieldSelector");
    struct api_selection *s = xnew(struct api_selection);
    s->kind = k;
    s->ns = xstrdup(ns);
    if ((labels[0] != '\0' && selector_parse(labels, &s->labels, err) < 0) ||
        (fields[0] != '\0' &&
         field_selector_parse(fields, k->field_selectors, &s->fields, err) < 0)) {
        api_selection_free(s);
        return -1;
    }
    s->fields_indexed = all_indexed(fields);
    *ret = s;
    return 0;
}

void api_selection_free(struct api_selection *s)
{
    if (s == NULL) {
        return;
    }
    selector_free(s->labels);
    field_selector_free(s->fields);
    free(s->ns);
    free(s);
}

static bool match_indexed(const struct field_selector *fields, const struct store_entry *e)
{
    json_auto_t *stub =
        json_pack("{s:{s:s, s:s}, s:{s:s}, s:{s:s}}", "metadata", "name", e->key.name, "namespace",
                  e->key.ns, "spec", "nodeName", e->node, "status", "phase", e->phase);
    return field_selector_match(fields, stub);
}

/* Written in JSON as it is read. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c >= 0x7f || strchr("\\\"/", c) != NULL) {
            return false;
        }
    }
    return true;
}

/* Whether the text can hold what a field must be: most objects need not be parsed to see that they
 * are not meant. */
static bool may_match(const struct api_selection *s, const struct store_entry *e)
{
    for (const char *const *path = s->kind->field_selectors; *path != NULL; path++) {
        const char *value = field_selector_requires(s->fields, *path);
        if (value != NULL && is_plain(value) && value[0] != '\0' && strcmp(value, "false") != 0 &&
            memmem(e->bytes, e->len, value, strlen(value)) == NULL) {
            return false;
        }
    }
    return true;
}

/* Parsed for this once: thousands may be looked at in one tick, and the store keeps what it parses
 * until the tick ends. */
static bool match_parsed(const struct api_selection *s, const struct store_entry *e)
{
    json_auto_t *obj = NULL;
    struct err err;
    return may_match(s, e) && jx_parse(e->bytes, e->len, false, &obj, &err) == 0 &&
           field_selector_match(s->fields, obj);
}

bool api_selection_match(const struct api_selection *s, const struct store_entry *e)
{
    if (s->ns[0] != '\0' && strcmp(s->ns, e->key.ns) != 0) {
        return false;
    }
    if (s->labels != NULL && !selector_match(s->labels, e->labels)) {
        return false;
    }
    if (s->fields == NULL) {
        return true;
    }
    return s->fields_indexed ? match_indexed(s->fields, e) : match_parsed(s, e);
}

bool api_selection_is_everything(const struct api_selection *s)
{
    return s->fields == NULL && (s->labels == NULL || selector_is_everything(s->labels));
}

const char *api_selection_namespace(const struct api_selection *s)
{
    return s->ns;
}

const char *api_selection_name(const struct api_selection *s)
{
    const char *name =
        s->fields != NULL ? field_selector_requires(s->fields, "metadata.name") : NULL;
    return name != NULL && name[0] != '\0' ? name : NULL;
}

struct store_filter api_selection_filter(const struct api_selection *s)
{
    struct store_filter f = {.gr = s->kind->gr, .ns = s->ns[0] != '\0' ? s->ns : NULL};
    if (s->fields != NULL) {
        f.node = field_selector_requires(s->fields, "spec.nodeName");
        const char *ns = field_selector_requires(s->fields, "metadata.namespace");
        f.ns = f.ns == NULL && ns != NULL && ns[0] != '\0' && s->kind->namespaced ? ns : f.ns;
    }
    if (f.node != NULL && f.node[0] == '\0') {
        f.node = NULL; /* "spec.nodeName=": those without one are in no index */
    }
    return f;
}
