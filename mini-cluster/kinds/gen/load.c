/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the files and knows every message by name, so that types can be resolved. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/json/yaml.h"
#include "common/mem.h"
#include "kindc.h"

static void close_file(FILE **f)
{
    if (*f != NULL) {
        fclose(*f);
    }
}

static int read_file(const char *path, struct str *out, struct err *err)
{
    FILE *f __attribute__((cleanup(close_file))) = fopen(path, "re");
    if (f == NULL) {
        return err_errno(err, errno, "open");
    }
    char buf[8192];
    size_t n;
    while ((n = fread(buf, 1, sizeof(buf), f)) > 0) {
        str_add_n(out, buf, n);
    }
    return ferror(f) ? err_set(err, ERR_INTERNAL, "cannot be read") : 0;
}

static const char *text_of(const json_t *doc, const char *key, const char *dflt)
{
    const char *s = json_string_value(json_object_get(doc, key));
    return s != NULL ? s : dflt;
}

int load_source(struct kindc *c, const char *path, struct err *err)
{
    cleanup_str struct str text = STR_INIT;
    if (read_file(path, &text, err) < 0) {
        return -1;
    }
    json_t *doc;
    struct yaml_marks *marks;
    if (yaml_parse_marks(str_c(&text), text.len, &doc, &marks, err) < 0) {
        return -1;
    }
    struct source *s = xnew(struct source);
    s->path = path;
    s->doc = doc;
    s->marks = marks;
    s->group = text_of(doc, "group", "");
    s->version = text_of(doc, "version", "");
    s->package = text_of(doc, "package", "");
    const json_t *order = json_object_get(doc, "order");
    s->order = json_is_integer(order) ? (int)json_integer_value(order) : 1000;
    vec_push(&c->sources, s);
    return 0;
}

static int by_order(const void *a, const void *b)
{
    const struct source *x = *(const struct source *const *)a;
    const struct source *y = *(const struct source *const *)b;
    if (x->order != y->order) {
        return x->order < y->order ? -1 : 1;
    }
    int d = strcmp(x->group, y->group);
    return d != 0 ? d : strcmp(x->version, y->version);
}

static void collect_message(struct kindc *c, const struct source *s, const char *name,
                            const json_t *def)
{
    struct message *m = xnew(struct message);
    m->src = s;
    m->name = name;
    m->full_name = xasprintf("%s.%s", s->package, name);
    m->where = xasprintf("messages.%s", name);
    m->def = def;
    m->kind = json_object_get(json_object_get(s->doc, "kinds"), name);
    m->index = c->messages.n;
    vec_push(&c->messages, m);
    if (map_find(c->by_full_name, m->full_name) != NULL) {
        complain(c, s, m->where, "%s is there twice", m->full_name);
    }
    map_put(c->by_full_name, m->full_name, m);
}

void load_finish(struct kindc *c)
{
    if (c->sources.n > 0) {
        qsort(c->sources.v, c->sources.n, sizeof(c->sources.v[0]), by_order);
    }
    for (size_t i = 0; i < c->sources.n; i++) {
        const struct source *s = c->sources.v[i];
        const char *name;
        json_t *def;
        json_object_foreach(json_object_get(s->doc, "messages"), name, def)
        {
            collect_message(c, s, name, def);
        }
    }
}

void load_free(struct kindc *c)
{
    for (size_t i = 0; i < c->messages.n; i++) {
        free(c->messages.v[i]->full_name);
        free(c->messages.v[i]->where);
        free(c->messages.v[i]);
    }
    for (size_t i = 0; i < c->sources.n; i++) {
        json_decref(c->sources.v[i]->doc);
        yaml_marks_free(c->sources.v[i]->marks);
        free(c->sources.v[i]);
    }
    vec_fini(&c->messages);
    vec_fini(&c->sources);
    map_free(c->by_full_name);
}

const struct message *load_message(const struct kindc *c, const struct source *s, const char *name,
                                   size_t *ret_many)
{
    const struct message *only = NULL, *meta = NULL;
    *ret_many = 0;
    if (strchr(name, '.') != NULL) {
        return map_find(c->by_full_name, name);
    }
    for (size_t i = 0; i < c->messages.n; i++) {
        const struct message *m = c->messages.v[i];
        if (strcmp(m->name, name) != 0) {
            continue;
        }
        if (m->src == s) {
            return m;
        }
        if (strcmp(m->src->group, "meta.k8s.io") == 0) {
            meta = m;
        }
        only = m;
        ++*ret_many;
    }
    return meta != NULL ? meta : *ret_many == 1 ? only : NULL;
}
