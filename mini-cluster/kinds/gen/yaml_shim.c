/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for common/json/yaml.c until that is there. */
#include <string.h>
#include <yaml.h>

#include "common/json/jx.h"
#include "common/json/yaml.h"
#include "common/map.h"
#include "common/mem.h"

struct yaml_marks {
    struct map *at;
};

struct mark {
    int line, column;
};

static void remember(struct yaml_marks *m, const char *path, const yaml_node_t *n)
{
    struct mark *k = xnew(struct mark);
    k->line = (int)n->start_mark.line + 1;
    k->column = (int)n->start_mark.column + 1;
    map_put(m->at, path, k);
}

static json_t *scalar(const yaml_node_t *n)
{
    const char *s = (const char *)n->data.scalar.value;
    static const char *const on[] = {"true", "True", "yes", "Yes", "on", "On"};
    static const char *const off[] = {"false", "False", "no", "No", "off", "Off"};
    int64_t i;
    if (n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return json_string(s);
    }
    for (size_t k = 0; k < ARRAY_LEN(on); k++) {
        if (strcmp(s, on[k]) == 0 || strcmp(s, off[k]) == 0) {
            return json_boolean(strcmp(s, on[k]) == 0);
        }
    }
    if (s[0] == '\0' || strcmp(s, "null") == 0 || strcmp(s, "~") == 0) {
        return json_null();
    }
    return str_to_i64(s, INT64_MIN, INT64_MAX, &i) ? json_integer(i) : json_string(s);
}

static json_t *convert(yaml_document_t *d, int id, const char *path, struct yaml_marks *m)
{
    yaml_node_t *n = yaml_document_get_node(d, id);
    remember(m, path, n);
    if (n->type == YAML_SCALAR_NODE) {
        return scalar(n);
    }
    json_t *v = n->type == YAML_SEQUENCE_NODE ? json_array() : json_object();
    if (n->type == YAML_SEQUENCE_NODE) {
        for (int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
            cleanup_free char *p = xasprintf("%s[%zu]", path, json_array_size(v));
            json_array_append_new(v, convert(d, *i, p, m));
        }
        return v;
    }
    for (yaml_node_pair_t *i = n->data.mapping.pairs.start; i < n->data.mapping.pairs.top; i++) {
        const char *k = (const char *)yaml_document_get_node(d, i->key)->data.scalar.value;
        cleanup_free char *p = xasprintf("%s%s%s", path, path[0] ? "." : "", k);
        json_object_set_new(v, k, convert(d, i->value, p, m));
    }
    return v;
}

int yaml_parse_marks(const char *text, size_t n, json_t **ret, struct yaml_marks **ret_marks,
                     struct err *err)
{
    yaml_parser_t p;
    yaml_document_t d;
    yaml_parser_initialize(&p);
    yaml_parser_set_input_string(&p, (const unsigned char *)text, n);
    if (!yaml_parser_load(&p, &d)) {
        err_set(err, ERR_BAD_REQUEST, "line %zu, column %zu: %s", p.problem_mark.line + 1,
                p.problem_mark.column + 1, p.problem);
        yaml_parser_delete(&p);
        return -1;
    }
    struct yaml_marks *m = xnew(struct yaml_marks);
    m->at = map_new(free);
    *ret = convert(&d, 1, "", m);
    *ret_marks = m;
    yaml_document_delete(&d);
    yaml_parser_delete(&p);
    return 0;
}

void yaml_marks_at(const struct yaml_marks *m, const char *path, int *ret_line, int *ret_column)
{
    cleanup_free char *p = xstrdup(path);
    for (;;) {
        const struct mark *k = map_find(m->at, p);
        if (k != NULL) {
            *ret_line = k->line;
            *ret_column = k->column;
            return;
        }
        char *dot = strrchr(p, '.'), *br = strrchr(p, '[');
        char *cut = dot > br ? dot : br;
        if (cut == NULL) {
            return;
        }
        *cut = '\0';
    }
}

void yaml_marks_free(struct yaml_marks *m)
{
    map_free(m->at);
    free(m);
}

void jx_init(void)
{
}
