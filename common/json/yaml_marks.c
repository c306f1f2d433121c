/* SPDX-License-Identifier: Apache-2.0 */
/* Where values stood in a YAML text, so that a wrong lab can be told by line and column. */
#include "yaml_impl.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/vec.h"

struct mark {
    size_t parent;
    char *key; /* NULL for a list's item */
    size_t index;
    int line, column;
};

struct yaml_marks {
    VEC(struct mark) marks;
};

struct yaml_marks *yaml_marks_new(void)
{
    return xnew(struct yaml_marks);
}

void yaml_marks_free(struct yaml_marks *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->marks.n; i++) {
        free(m->marks.v[i].key);
    }
    vec_fini(&m->marks);
    free(m);
}

size_t yaml_marks_add(struct yaml_marks *m, size_t parent, const char *key, size_t index, int line,
                      int column)
{
    struct mark mark = {parent, xstrdup(key), index, line, column};
    vec_push(&m->marks, mark);
    return m->marks.n - 1;
}

/* How many bytes of the path name this mark; 0 when it is another. A key may have dots: it counts
 * when the path goes on, or ends, behind it. */
static size_t match(const struct mark *mark, const char *path)
{
    if (mark->key == NULL) {
        char *end = NULL;
        if (*path != '[' || path[1] < '0' || path[1] > '9') {
            return 0;
        }
        unsigned long index = strtoul(path + 1, &end, 10);
        return index == mark->index && *end == ']' ? (size_t)(end + 1 - path) : 0;
    }
    size_t dot = *path == '.';
    size_t n = strlen(mark->key);
    bool same = n > 0 && strncmp(path + dot, mark->key, n) == 0;
    char after = same ? path[dot + n] : 'x';
    return after == '\0' || after == '.' || after == '[' ? dot + n : 0;
}

/* The child of `parent` that the path goes on to, the longest name first; 0 when there is none. */
static size_t step(const struct yaml_marks *m, size_t parent, const char **path)
{
    size_t best = 0;
    size_t taken = 0;
    for (size_t i = parent + 1; i < m->marks.n; i++) {
        size_t n = m->marks.v[i].parent == parent ? match(&m->marks.v[i], *path) : 0;
        if (n > taken) {
            taken = n;
            best = i;
        }
    }
    *path += taken;
    return best;
}

void yaml_marks_at(const struct yaml_marks *m, const char *path, int *ret_line, int *ret_column)
{
    size_t at = YAML_MARK_ROOT;
    *ret_line = 1;
    *ret_column = 1;
    if (m == NULL || m->marks.n == 0) {
        return;
    }
    while (*path != '\0') {
        size_t next = step(m, at, &path);
        if (next == 0) {
            break;
        }
        at = next;
    }
    *ret_line = m->marks.v[at].line;
    *ret_column = m->marks.v[at].column;
}
