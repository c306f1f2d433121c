/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one check. */
#include <stdarg.h>
#include <string.h>

#include "common/mem.h"
#include "loader/loader_impl.h"

static const struct read_key check_keys[] = {
    {"id", READ_TEXT, false},
    {"name", READ_TEXT, false},
    {"keep", READ_BOOL, false},
    {"eventually", READ_BOOL, false},
    {"get", READ_TEXT, false},
    {"list", READ_TEXT, false},
    {"http", READ_TEXT, false},
    {"url", READ_TEXT, false},
    {"host", READ_TEXT, false},
    {"container", READ_TEXT, false},
    {"port", READ_INT, false},
    {"gone", READ_BOOL, false},
    {"shell", READ_TEXT, false},
    {"probe", READ_TEXT, false},
    {"ask", READ_TEXT, false},
    {"namespace", READ_TEXT, false},
    {"selector", READ_TEXT, false},
    {"path", READ_TEXT, false},
    {"requests", READ_INT, false},
    {"expect", READ_TEXT, false},
    {"within", READ_TEXT, false},
    {"any", READ_ARRAY, false},
    {0},
};

struct kind_row {
    const char *key;
    enum lab_check_kind kind;
    bool needs_expect;
};

static const struct kind_row kinds[] = {
    {"get", LAB_GET, true},     {"list", LAB_LIST, true}, {"http", LAB_HTTP, true},
    {"url", LAB_URL, true},     {"host", LAB_HOST, true}, {"shell", LAB_SHELL, false},
    {"probe", LAB_PROBE, true}, {"ask", LAB_ASK, false},
};

static int read_kind(struct reading *r, const json_t *obj, const char *path, struct lab_check *ret)
{
    const struct kind_row *row = NULL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (jx_get(obj, kinds[i].key) == NULL) {
            continue;
        }
        if (row != NULL) {
            return read_fail(r, path, "has both \"%s\" and \"%s\"; a check is of one kind",
                             row->key, kinds[i].key);
        }
        row = &kinds[i];
    }
    if (row == NULL) {
        return read_fail(r, path,
                         "is of no kind; one of get, list, http, url, host, shell, probe, ask, "
                         "any must be there");
    }
    bool said = row->kind == LAB_HOST && (jx_get(obj, "container") != NULL || jx_get(obj, "port"));
    if (!said && row->needs_expect != (jx_get(obj, "expect") != NULL)) {
        return read_fail(r, path,
                         row->needs_expect ? "\"%s\" needs an \"expect\""
                                           : "\"%s\" takes no \"expect\"",
                         row->key);
    }
    ret->kind = row->kind;
    ret->expect = read_text(r, obj, "expect");
    return 0;
}

/* "deployments/web" */
static int split_object(struct reading *r, const char *path, const char *text,
                        struct lab_check *ret)
{
    const char *slash = strchr(text, '/');
    if (slash == NULL || slash == text || slash[1] == '\0' || strchr(slash + 1, '/') != NULL) {
        return read_fail(r, path,
                         "get: \"%s\" is not of the form RESOURCE/NAME, such as "
                         "deployments/web",
                         text);
    }
    ret->resource = arena_copy_n(r->arena, text, (size_t)(slash - text));
    ret->object = arena_copy(r->arena, slash + 1);
    return 0;
}

static void add_part(struct str *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add_part(struct str *out, const char *fmt, ...)
{
    va_list ap;
    str_add(out, out->len > 0 ? " and " : "");
    va_start(ap, fmt);
    str_add_vf(out, fmt, ap);
    va_end(ap);
}

/* What `container`, `port` and `gone` mean, in the words of `expect`. */
static const char *expect_of_host(struct reading *r, const struct lab_check *c)
{
    struct str out = STR_INIT;
    if (c->gone) {
        add_part(&out, "all(.status.containers[]?; .name != \"%s\")", c->container);
    } else if (c->container != NULL) {
        add_part(&out,
                 "any(.status.containers[]?; .name == \"%s\" and .state == \"running\" and "
                 "(.pod // \"\") == \"\")",
                 c->container);
    }
    if (c->port > 0 && c->container != NULL) {
        add_part(&out, "any(.status.ports[]?; .port == %d and .owner == \"%s\")", c->port,
                 c->container);
    } else if (c->port > 0) {
        add_part(&out, "any(.status.ports[]?; .port == %d)", c->port);
    }
    if (c->expect != NULL) {
        add_part(&out, out.len > 0 ? "(%s)" : "%s", c->expect);
    }
    return arena_take(r->arena, str_take(&out));
}

static int read_host(struct reading *r, const json_t *obj, const char *path, struct lab_check *ret)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    ret->resource = "hosts.podlab.dev";
    ret->object = read_text(r, obj, "host");
    ret->container = read_text(r, obj, "container");
    ret->port = (int)jx_int(obj, "port", 0);
    ret->gone = jx_bool(obj, "gone", false);
    if (ret->container != NULL && ret->container[strspn(ret->container, allowed)] != '\0') {
        return read_fail(r, path, "container: \"%s\" is no name of a container", ret->container);
    }
    if (jx_get(obj, "port") != NULL && (ret->port < 1 || ret->port > 65535)) {
        return read_fail(r, path, "port: must be from 1 to 65535");
    }
    if (ret->gone && (ret->container == NULL || ret->port > 0)) {
        return read_fail(r, path, "gone: needs a \"container\", and no \"port\"");
    }
    ret->expect = expect_of_host(r, ret);
    return 0;
}

static int read_alternatives(struct reading *r, const json_t *obj, const char *path,
                             struct lab_check *ret)
{
    const json_t *any = jx_get(obj, "any");
    size_t i;
    json_t *item;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        if (jx_get(obj, kinds[k].key) != NULL) {
            return read_fail(r, path, "has both \"any\" and \"%s\"; a check is of one kind",
                             kinds[k].key);
        }
    }
    ret->nany = json_array_size(any);
    ret->any = arena_alloc(r->arena, ret->nany * sizeof(*ret->any));
    if (ret->nany < 2) {
        return read_fail(r, path, "any: needs at least two ways");
    }
    jx_each(i, item, any)
    {
        cleanup_free char *at = xasprintf("%s.any[%zu]", path, i);
        if (read_check(r, item, at, true, &ret->any[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

int read_check(struct reading *r, const json_t *obj, const char *path, bool alternative,
               struct lab_check *ret)
{
    if (read_keys(r, obj, path, check_keys) < 0) {
        return -1;
    }
    if (!alternative && (jx_get(obj, "id") == NULL || jx_get(obj, "name") == NULL)) {
        return read_fail(r, path, "a check needs \"id\" and \"name\"");
    }
    yaml_marks_at(r->marks, path, &ret->line, &(int){0});
    ret->id = read_text(r, obj, "id");
    ret->name = read_text(r, obj, "name");
    ret->keep = jx_bool(obj, "keep", false);
    ret->eventually = jx_bool(obj, "eventually", false);
    if (ret->keep && ret->eventually) {
        return read_fail(r, path, "keep means always: it cannot go with \"eventually\"");
    }
    ret->ns = read_text(r, obj, "namespace");
    if (read_duration(r, obj, "within", path, &ret->within_ms) < 0) {
        return -1;
    }
    if (jx_get(obj, "any") != NULL) {
        return alternative ? read_fail(r, path, "any: cannot stand inside any")
                           : read_alternatives(r, obj, path, ret);
    }
    if (read_kind(r, obj, path, ret) < 0) {
        return -1;
    }
    ret->resource = read_text(r, obj, "list");
    ret->selector = read_text(r, obj, "selector");
    ret->service = read_text(r, obj, "http");
    ret->url = read_text(r, obj, "url");
    ret->path = jx_get(obj, "path") != NULL ? read_text(r, obj, "path") : "/";
    ret->requests = (unsigned)jx_int(obj, "requests", 1);
    ret->shell = read_text(r, obj, "shell");
    ret->probe = read_text(r, obj, "probe");
    if (ret->requests < 1 || ret->requests > 100) {
        return read_fail(r, path, "requests: must be from 1 to 100");
    }
    if (ret->kind == LAB_PROBE && lab_find_probe(r->lab, ret->probe) == NULL) {
        return read_fail(r, path, "probe: the lab has no probe \"%s\"", ret->probe);
    }
    if (ret->kind == LAB_URL && !read_is_address(ret->url)) {
        return read_fail(r, path, "url: \"%s\" is not of the form HOST:PORT, such as worker-1:8080",
                         ret->url);
    }
    bool of_host = jx_get(obj, "container") != NULL || jx_get(obj, "port") != NULL ||
                   jx_get(obj, "gone") != NULL;
    if (of_host && ret->kind != LAB_HOST) {
        return read_fail(r, path, "container, port and gone go with \"host\" alone");
    }
    if (ret->kind == LAB_HOST && read_host(r, obj, path, ret) < 0) {
        return -1;
    }
    return ret->kind == LAB_GET ? split_object(r, path, jx_str(obj, "get", ""), ret) : 0;
}
