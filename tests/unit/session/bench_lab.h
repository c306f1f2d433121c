/* SPDX-License-Identifier: Apache-2.0 */
/* A lab whose steps are files in the learner's folder, on a cluster where nothing happens. */
#ifndef TESTS_UNIT_SESSION_BENCH_LAB_H
#define TESTS_UNIT_SESSION_BENCH_LAB_H

#include "kube/fake_cluster.h"

#include <sys/stat.h>

#include "expr/expr.h"
#include "lab/lab.h"
#include "loader/loader.h"

struct bench {
    struct fake *fake;
    struct lab *lab;
    char dir[64];
    char *work;
};

static inline void bench_write(const struct bench *b, const char *name, const char *text)
{
    cleanup_free char *path = xasprintf("%s/%s", b->dir, name);
    cleanup_free char *folder = xstrdup(path);
    *strrchr(folder, '/') = '\0';
    mkdir(folder, 0755);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline bool bench_has(const struct bench *b, const char *name)
{
    cleanup_free char *path = xasprintf("%s/%s", b->work, name);
    return access(path, F_OK) == 0;
}

static inline void bench_make(const struct bench *b, const char *name)
{
    cleanup_free char *below = xasprintf("work/%s", name);
    bench_write(b, below, "");
}

static inline struct bench *bench_new(void)
{
    struct bench *b = xnew(struct bench);
    struct err err;
    str_copy(b->dir, sizeof(b->dir), "/tmp/session-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    b->work = xasprintf("%s/work", b->dir);
    mkdir(b->work, 0755);
    bench_write(b, "lab/lab.yaml",
                "format: 1\n"
                "title: Files\n"
                "summary: s\n"
                "time: 5\n"
                "level: beginner\n"
                "steps:\n"
                "  - id: one\n"
                "    title: First\n"
                "    text: 01.md\n"
                "    setup: touch set-up; echo x >>setups\n"
                "    ask: {id: q, choices: [it is, it is not], answer: 2, recall: after}\n"
                "    checks:\n"
                "      - {id: a, name: a is there, shell: test -f a}\n"
                "      - {id: b, name: b is there, shell: test -f b}\n"
                "  - id: two\n"
                "    title: Second\n"
                "    text: 02.md\n"
                "    checks:\n"
                "      - {id: c, name: c is there, shell: test -f c}\n"
                "  - id: three\n"
                "    title: Third\n"
                "    text: 03.md\n");
    bench_write(b, "lab/01.md", "Make a and b.\n\n## Hint\n\nTouch.\n\n## Hint\n\nTouch a b.\n");
    bench_write(b, "lab/02.md", "Make c.\n");
    bench_write(b, "lab/03.md", "Read this.\n");
    bench_write(b, "lab/solution/01.sh", "# Both at once.\ntouch a b\n");
    bench_write(b, "lab/solution/02.sh", "test -f b && touch c\n");
    bench_write(b, "lab/near-miss/01-only-a.sh", "# why: shell-failed\ntouch a\n");
    bench_write(b, "lab/files/given.txt", "of the lab\n");
    cleanup_free char *lab = xasprintf("%s/lab", b->dir);
    if (loader_load(lab, &b->lab, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    b->fake = fake_new();
    return b;
}

static inline void bench_free(struct bench *b)
{
    cleanup_free char *command = xasprintf("rm -rf %s", b->dir);
    lab_free(b->lab);
    fake_free(b->fake);
    assert_int_equal(system(command), 0);
    free(b->work);
    free(b);
}

#endif
