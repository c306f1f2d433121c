/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler of the kinds refuses ill-made data, naming file, line and column: each file in
 * tests/data/kinds_bad ends with what it wants to hear, in any order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"

#define BAD "tests/data/kinds_bad/"

/* The tool of the same variant: beside unit/kinds/kindc_test stands tools/kindc. */
static char *tool(void)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    assert_true(n > 0);
    self[n] = '\0';
    *strstr(self, "/unit/") = '\0';
    return xasprintf("%s/tools/kindc", self);
}

static void read_all(FILE *f, struct str *out)
{
    char buf[4096];
    size_t n;
    while ((n = fread(buf, 1, sizeof(buf), f)) > 0) {
        str_add_n(out, buf, n);
    }
}

/* Runs kindc; its two outputs come together. The exit code. */
static int run(const char *arguments, struct str *out)
{
    cleanup_free char *program = tool();
    cleanup_free char *line = xasprintf("'%s' %s 2>&1", program, arguments);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    read_all(f, out);
    int status = pclose(f);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Every line after "# wants" must be there, and no other. */
static void refuses(const char *name)
{
    cleanup_free char *path = xasprintf(BAD "%s", name);
    cleanup_str struct str got = STR_INIT;
    cleanup_str struct str text = STR_INIT;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    read_all(f, &text);
    fclose(f);
    assert_int_equal(run(path, &got), 1);

    unsigned wanted = 0, lines = 0;
    const char *p = strstr(str_c(&text), "# wants\n");
    assert_non_null(p);
    for (p = strchr(p, '\n') + 1; str_has_prefix(p, "# "); p = strchr(p, '\n') + 1, wanted++) {
        cleanup_free char *want = xasprintf("%s:%.*s", path, (int)(strchr(p, '\n') - p - 1), p + 2);
        if (strstr(str_c(&got), want) == NULL) {
            fail_msg("%s is missing in:\n%s", want, str_c(&got));
        }
    }
    for (const char *q = str_c(&got); (q = strchr(q, '\n')) != NULL; q++) {
        lines++;
    }
    if (lines != wanted + 1) { /* the last line counts */
        fail_msg("%u complaints instead of %u:\n%s", lines - 1, wanted, str_c(&got));
    }
}

static void ill_made_fields(void **state)
{
    refuses("fields.yaml");
}

static void ill_made_files(void **state)
{
    refuses("kinds.yaml");
}

static void ill_made_kinds(void **state)
{
    refuses("parts.yaml");
}

static void what_is_no_yaml(void **state)
{
    cleanup_str struct str out = STR_INIT;
    assert_int_equal(run(BAD "no_yaml.txt", &out), 1);
    assert_non_null(strstr(str_c(&out), BAD "no_yaml.txt: "));
    assert_non_null(strstr(str_c(&out), "line 3"));
}

static void a_field_twice(void **state)
{
    cleanup_str struct str out = STR_INIT;
    assert_int_equal(run(BAD "twice.txt", &out), 1);
    assert_non_null(strstr(str_c(&out), "line 9"));
}

static void a_file_that_is_not_there(void **state)
{
    cleanup_str struct str out = STR_INIT;
    assert_int_equal(run(BAD "missing.yaml", &out), 1);
    assert_non_null(strstr(str_c(&out), "No such file"));
    assert_null(strstr(str_c(&out), "struct"));
}

static void the_same_file_twice(void **state)
{
    cleanup_str struct str out = STR_INIT;
    assert_int_equal(
        run("mini-cluster/kinds/policy-v1.yaml mini-cluster/kinds/policy-v1.yaml", &out), 1);
    assert_non_null(strstr(str_c(&out), "io.k8s.api.policy.v1.Eviction is there twice"));
}

static void no_file_at_all(void **state)
{
    cleanup_str struct str out = STR_INIT;
    assert_int_equal(run("", &out), 2);
    assert_true(str_has_prefix(str_c(&out), "usage: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ill_made_fields),     cmocka_unit_test(ill_made_files),
        cmocka_unit_test(ill_made_kinds),      cmocka_unit_test(what_is_no_yaml),
        cmocka_unit_test(a_field_twice),       cmocka_unit_test(a_file_that_is_not_there),
        cmocka_unit_test(the_same_file_twice), cmocka_unit_test(no_file_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
