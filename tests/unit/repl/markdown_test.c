/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what Markdown becomes on a terminal. */
#include "common/testing.h"

#include <locale.h>
#include <string.h>

#include "common/mem.h"
#include "repl/markdown.h"

static const struct style bare = {.width = 30};
static const struct style plain = {.width = 30, .plain = true};
static const struct style colored = {.width = 30, .color = true};

static void check(const struct style *st, const char *markdown, const char *want)
{
    cleanup_str struct str out = STR_INIT;
    markdown_render(markdown, st, &out);
    if (strcmp(str_c(&out), want) != 0) {
        fail_msg("%s\nbecomes\n%s\ninstead of\n%s", markdown, str_c(&out), want);
    }
}

static void paragraphs_are_wrapped(void **state)
{
    check(&bare, "one two three four five six seven eight\nnine\n\nten",
          " one two three four five six\n seven eight nine\n\n ten\n");
    check(&bare, "a\\\nb", " a\n b\n");
    check(&bare, "", "");
    check(&bare, "averyveryverylongwordthatfitsnowhereatall x",
          " averyveryverylongwordthatfitsnowhereatall\n x\n");
}

static void width_counts_columns_and_not_bytes(void **state)
{
    /* 30 columns of two bytes each stay on one line. */
    check(&bare, "ääääääääää ääääääääää ääääääää", " ääääääääää ääääääääää ääääääää\n");
    check(&bare, "ääääääääää ääääääääää äääääääää", " ääääääääää ääääääääää\n äääääääää\n");
    /* Wide ones take two. */
    check(&bare, "容器容器容器容器容器容器容器 容", " 容器容器容器容器容器容器容器\n 容\n");
}

static void code_is_kept_as_it_is(void **state)
{
    check(&bare, "x\n\n    kubectl get pods   -o wide | grep something\n    two\n\ny",
          " x\n\n     kubectl get pods   -o wide | grep something\n     two\n\n y\n");
    check(&bare, "```\na *b*\n\n  c\n```", "     a *b*\n     \n       c\n");
    check(&bare, "use `kubectl get` now", " use `kubectl get` now\n");
    check(&plain, "use `kubectl get` now", " use kubectl get now\n");
    check(&bare, "one two three four fives `kubectl get pods`",
          " one two three four fives\n `kubectl get pods`\n");
}

static void emphasis_is_only_seen_with_colors(void **state)
{
    check(&bare, "**what you want**, *now*", " what you want, now\n");
    check(&colored, "**bold** `code`", " \033[1mbold\033[0m \033[36mcode\033[0m\n");
    /* Escape sequences take no room. */
    check(&colored, "**aaaaaaaaa** **bbbbbbbbb** **ccccccccc**",
          " \033[1maaaaaaaaa\033[0m \033[1mbbbbbbbbb\033[0m \033[1mccccccccc\033[0m\n");
}

static void lists_hang(void **state)
{
    check(&bare, "- one two three four five six seven\n- b",
          " - one two three four five six\n   seven\n - b\n");
    check(&bare, "1. a\n2. b\n   - c", " 1. a\n 2. b\n    - c\n");
    check(&bare, "9. a\n10. b", " 9. a\n 10. b\n");
    check(&bare, "- a\n\n- b", " - a\n\n - b\n");
}

static void the_rest(void **state)
{
    check(&bare, "# Head\n\ntext", " Head\n\n text\n");
    check(&bare, "> quoted", " | quoted\n");
    check(&bare, "[the docs](https://example.org/x)", " the docs\n (https://example.org/x)\n");
    check(&bare, "a <b>b</b> c", " a b c\n");
    check(&bare, "<div>gone</div>\n\nstays", "\n stays\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paragraphs_are_wrapped),
        cmocka_unit_test(width_counts_columns_and_not_bytes),
        cmocka_unit_test(code_is_kept_as_it_is),
        cmocka_unit_test(emphasis_is_only_seen_with_colors),
        cmocka_unit_test(lists_hang),
        cmocka_unit_test(the_rest),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
