/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as rows of a table: what `kubectl get` shows. */
#include "kinds/kinds.h"

#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/print.h"

/* Kinds whose data names no columns show their name and age. */
static const struct kind_column default_columns[] = {
    {.name = "Name",
     .type = "string",
     .format = "name",
     .print = "path",
     .path = "metadata.name",
     .doc = "Name of the object."},
    {.name = "Age",
     .type = "string",
     .print = "age",
     .path = "metadata.creationTimestamp",
     .doc = "Time since the object was created."},
};

static const struct kind_column *columns_of(const struct kind *k, size_t *ret_n)
{
    *ret_n = k->ncolumns > 0 ? k->ncolumns : ARRAY_LEN(default_columns);
    return k->ncolumns > 0 ? k->columns : default_columns;
}

static const char *or_empty(const char *s)
{
    return s != NULL ? s : "";
}

json_t *kinds_table_columns(const struct kind *k)
{
    size_t n;
    const struct kind_column *columns = columns_of(k, &n);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct kind_column *c = &columns[i];
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", c->name, "type",
                                             c->type, "format", or_empty(c->format), "description",
                                             or_empty(c->doc), "priority", c->priority));
    }
    return out;
}

static json_t *cell_of(const struct kind_column *column, const json_t *obj, int64_t now_us)
{
    struct print_args args = {.obj = obj, .column = column, .now_us = now_us};
    print_fn *fn = print_find(column->print != NULL ? column->print : "path");
    return fn != NULL ? fn(&args) : json_string("<unknown>");
}

/* A frozen object's members in a new object. The members themselves stay shared and frozen: a row
 * of a long list must not cost a copy of everything in it. */
static json_t *share(const json_t *frozen)
{
    return json_is_object(frozen) ? json_copy((json_t *)(uintptr_t)frozen) : json_object();
}

json_t *kinds_partial_metadata(const json_t *obj)
{
    return json_pack("{s:s, s:s, s:o}", "kind", "PartialObjectMetadata", "apiVersion",
                     "meta.k8s.io/v1", "metadata", share(jx_obj(obj, "metadata")));
}

json_t *kinds_table_row(const struct kind *k, const json_t *obj, enum kind_table_object with,
                        int64_t now_us)
{
    size_t n;
    const struct kind_column *columns = columns_of(k, &n);
    json_t *cells = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(cells, cell_of(&columns[i], obj, now_us));
    }
    json_t *row = json_pack("{s:o}", "cells", cells);
    if (with == KIND_TABLE_METADATA) {
        json_object_set_new(row, "object", kinds_partial_metadata(obj));
    } else if (with == KIND_TABLE_OBJECT) {
        json_object_set_new(row, "object", share(obj));
    }
    return row;
}
