/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines as people type them, and what is said of those that are wrong. */
#include "testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/options.h"

struct values {
    bool flag;
    const char *text;
    int64_t number;
    const char *words[2];
    int n;
    enum options_result result;
    char said[4096]; /* on both streams */
};

/* Parses these words (NULL-terminated) and keeps what was printed. */
static struct values parse(char **argv)
{
    struct values v = {.number = -1};
    const struct option_row rows[] = {
        {"--detach", OPTION_FLAG, &v.flag, NULL, "run in the background", 0, 0},
        {"--name", OPTION_TEXT, &v.text, "NAME", "which one", 0, 0},
        {"--secret-fd", OPTION_NUMBER, &v.number, "FD", NULL, 0, 9},
        {"--workers", OPTION_NUMBER, &v.number, "N", "how many", 0, 1000},
        {"-o", OPTION_TEXT, &v.text, "json", "print JSON", 0, 0},
        {0},
    };
    const struct options o = {
        .usage = "unit up [options]", .summary = "Does nothing.", .rows = rows, .max_words = 2};
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    char path[] = "/tmp/podlab-options-XXXXXX";
    int fd = mkstemp(path);
    fflush(stdout);
    fflush(stderr);
    int out = dup(1);
    int err = dup(2);
    dup2(fd, 1);
    dup2(fd, 2);
    v.result = options_parse(&o, argc, argv, v.words, &v.n);
    fflush(stdout);
    fflush(stderr);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    ssize_t n = pread(fd, v.said, sizeof(v.said) - 1, 0);
    v.said[n > 0 ? n : 0] = '\0';
    close(fd);
    unlink(path);
    return v;
}

#define PARSE(...) parse((char *[]){"up", __VA_ARGS__, NULL})

static void test_forms(void **state)
{
    (void)state;
    struct values v = PARSE("--detach", "--name", "lab", "--workers=7", "word");
    assert_int_equal(v.result, OPTIONS_OK);
    assert_true(v.flag);
    assert_string_equal(v.text, "lab");
    assert_int_equal(v.number, 7);
    assert_int_equal(v.n, 1);
    assert_string_equal(v.words[0], "word");
    assert_string_equal(v.said, "");
    v = PARSE("--name=a=b");
    assert_string_equal(v.text, "a=b");
    v = PARSE("--name=");
    assert_string_equal(v.text, "");
    v = PARSE("-o", "json", "-");
    assert_string_equal(v.text, "json");
    assert_string_equal(v.words[0], "-"); /* standard input, usually */
    v = PARSE("--name", "one", "--name", "two");
    assert_string_equal(v.text, "two");
    v = PARSE("--", "--detach", "--help");
    assert_int_equal(v.result, OPTIONS_OK);
    assert_false(v.flag);
    assert_int_equal(v.n, 2);
    assert_string_equal(v.words[1], "--help");
    v = parse((char *[]){"up", NULL});
    assert_int_equal(v.result, OPTIONS_OK);
    assert_int_equal(v.n, 0);
}

static void expect_bad(struct values v, const char *said)
{
    assert_int_equal(v.result, OPTIONS_BAD);
    if (strstr(v.said, said) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", v.said, said);
    }
}

static void test_what_is_wrong_is_said(void **state)
{
    (void)state;
    expect_bad(PARSE("--worker", "3"), "unknown option --worker; did you mean --workers?");
    expect_bad(PARSE("--worker=3"), "unknown option --worker; did you mean --workers?");
    expect_bad(PARSE("--quite-another"), "unknown option --quite-another\nUsage: unit up");
    expect_bad(PARSE("-x"), "unknown option -x");
    expect_bad(PARSE("--workers", "many"), "--workers must be a whole number from 0 to 1000");
    expect_bad(PARSE("--workers", "1001"), "not \"1001\"");
    expect_bad(PARSE("--workers=-1"), "not \"-1\"");
    expect_bad(PARSE("--workers="), "not \"\"");
    expect_bad(PARSE("--workers", "3x"), "not \"3x\"");
    expect_bad(PARSE("--workers", "99999999999999999999"), "whole number");
    expect_bad(PARSE("--name"), "--name needs a value: --name NAME");
    expect_bad(PARSE("--name", "--detach"), "--name needs a value");
    expect_bad(PARSE("--detach=yes"), "--detach takes no value");
    expect_bad(PARSE("a", "b", "c"), "unexpected word \"c\"");
}

static void test_help(void **state)
{
    (void)state;
    struct values v = PARSE("--workers", "3", "--help", "--nonsense");
    assert_int_equal(v.result, OPTIONS_HELP);
    assert_non_null(strstr(v.said, "Usage: unit up [options]\n\nDoes nothing.\n"));
    assert_non_null(strstr(v.said, "--workers N"));
    assert_non_null(strstr(v.said, "run in the background"));
    assert_null(strstr(v.said, "--secret-fd"));
    assert_int_equal(PARSE("-h").result, OPTIONS_HELP);
    expect_bad(PARSE("--secret-fc=1"), "unknown option --secret-fc\n"); /* nor is it proposed */
    assert_int_equal(PARSE("--secret-fd=4").number, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_what_is_wrong_is_said),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
