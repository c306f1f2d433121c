/* SPDX-License-Identifier: Apache-2.0 */
/* kindc a.yaml b.yaml ... > kinds_data.c */
#include "kindc.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/json/jx.h"
#include "common/json/yaml.h"

void complain(struct kindc *c, const struct source *s, const char *where, const char *fmt, ...)
{
    int line = 1, column = 1;
    if (where[0] != '\0') {
        yaml_marks_at(s->marks, where, &line, &column);
    }
    fprintf(stderr, "%s:%d:%d: %s%s", s->path, line, column, where, where[0] != '\0' ? ": " : "");
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    c->complaints++;
}

static int compile(struct kindc *c, int n, char **paths)
{
    struct err err;
    for (int i = 0; i < n; i++) {
        if (load_source(c, paths[i], &err) < 0) {
            fprintf(stderr, "%s: %s\n", paths[i], err.msg);
            c->complaints++;
        }
    }
    load_finish(c);
    for (size_t i = 0; i < c->sources.n; i++) {
        check_source(c, c->sources.v[i]);
    }
    for (size_t i = 0; i < c->messages.n; i++) {
        check_message(c, c->messages.v[i]);
    }
    if (c->complaints > 0) {
        fprintf(stderr, "kindc: %u mistakes, nothing written\n", c->complaints);
        return 1;
    }
    cleanup_str struct str out = STR_INIT;
    emit(c, &out);
    return fwrite(out.p, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: kindc FILE.yaml... > kinds_data.c\n", stderr);
        return 2;
    }
    jx_init();
    struct kindc c = {.by_full_name = map_new(NULL)};
    int rc = compile(&c, argc - 1, argv + 1);
    load_free(&c);
    return rc;
}
