/* SPDX-License-Identifier: Apache-2.0 */
/* What kubectl cp needs of a container: trees go out and come in whole, and nothing gets out of the
 * folder that it is unpacked into. */
#include "guest_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char root[64];

static int setup(void **state)
{
    strcpy(root, "/tmp/podlab-tar-XXXXXX");
    assert_non_null(mkdtemp(root));
    return 0;
}

static void sh(const char *script)
{
    char line[4096];
    snprintf(line, sizeof(line), "cd %s && (%s) 2>/dev/null", root, script);
    if (system(line) != 0) {
        fail_msg("%s", script);
    }
}

static int teardown(void **state)
{
    char line[100];
    snprintf(line, sizeof(line), "rm -rf %s", root);
    return system(line);
}

/* Runs the guest's tar in root with files as its input and output; NULL: nothing. */
static int tar(const char *in, const char *out, int argc, char **argv)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (chdir(root) < 0) {
            _exit(99);
        }
        int from = open(in != NULL ? in : "/dev/null", O_RDONLY);
        int to = open(out != NULL ? out : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0644);
        int null = open("/dev/null", O_WRONLY);
        dup2(from, 0);
        dup2(to, 1);
        dup2(null, 2);
        _exit(tar_main(argc, argv));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
/* A word of a command line, which programs may change. */
#define W(text) ((char[64]){text})
#define TAR(in, out, ...)                                                                          \
    tar(in, out, (int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)),                          \
        (char *[]){__VA_ARGS__, NULL})

#define TREE                                                                                       \
    "mkdir -p src/sub/empty to; head -c 200000 /dev/urandom >src/big; : >src/nothing; "            \
    "head -c 512 /dev/urandom >src/sub/block; ln -s big src/link; ln -s /nowhere src/sub/out; "    \
    "chmod 750 src/big; echo x >'src/a name'; "                                                    \
    "L=$(printf 'x%.0s' $(seq 30)); mkdir -p src/$L/$L/$L/$L; echo deep >src/$L/$L/$L/$L/$L"

static void packed_here_unpacked_there(void **state)
{
    (void)state;
    sh(TREE);
    assert_int_equal(TAR(NULL, "archive", W("cf"), W("-"), W("src")), 0);
    sh("tar xf archive -C to && diff -r --no-dereference src to/src && "
       "[ $(stat -c %a to/src/big) = 750 ] && [ -d to/src/sub/empty ]");
}

static void packed_there_unpacked_here(void **state)
{
    static const char *const formats[] = {"gnu", "pax", "ustar"};
    (void)state;
    sh(TREE);
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        char line[200];
        snprintf(line, sizeof(line), "rm -rf to; mkdir to; tar --format=%s -cf archive src",
                 formats[i]);
        sh(line);
        assert_int_equal(TAR("archive", NULL, W("-xmf"), W("-"), W("-C"), W("to")), 0);
        sh("diff -r --no-dereference src to/src && [ $(stat -c %a to/src/big) = 750 ]");
    }
}

static void both_ends_are_ours(void **state)
{
    (void)state;
    sh(TREE);
    assert_int_equal(TAR(NULL, "archive", W("cf"), W("-"), W("src/")), 0);
    assert_int_equal(
        TAR("archive", NULL, W("--no-same-owner"), W("-xmf"), W("-"), W("-C"), W("to")), 0);
    sh("diff -r --no-dereference src to/src");
}

static void what_is_there_is_replaced(void **state)
{
    (void)state;
    sh("mkdir -p src to/src; echo new >src/f; echo something older and longer >to/src/f; ln -s f "
       "src/l; ln -s old to/src/l; tar cf archive src");
    assert_int_equal(TAR("archive", NULL, W("xf"), W("-"), W("-C"), W("to")), 0);
    sh("diff -r --no-dereference src to/src");
}

static void nothing_gets_out(void **state)
{
    (void)state;
    sh("mkdir -p in to/safe; echo evil >evil; echo evil >in/evil; (cd in && tar -cPf ../up "
       "../evil); tar -cPf abs $PWD/evil; mkdir x; ln -s $PWD x/link; (cd x && tar cf ../first "
       "link; rm link; mkdir link; echo over >link/evil; tar cf ../second link); rm evil");
    TAR("up", NULL, W("xf"), W("-"), W("-C"), W("to/safe"));
    TAR("abs", NULL, W("xf"), W("-"), W("-C"), W("to/safe"));
    sh("[ ! -e evil ] && [ ! -e to/evil ]");
    TAR("first", NULL, W("xf"), W("-"), W("-C"), W("to/safe"));
    TAR("second", NULL, W("xf"), W("-"), W("-C"), W("to/safe"));
    sh("[ ! -e evil ]"); /* not through a link that came before, either */
}

static void failures(void **state)
{
    (void)state;
    sh("mkdir src to; head -c 3000 /dev/urandom >src/f; tar cf whole src; head -c 2000 whole "
       ">half; "
       "seq 1000 >noise");
    assert_int_equal(TAR(NULL, "archive", W("cf"), W("-"), W("nothing")), 1);
    sh("tar tf archive"); /* empty, but an archive */
    assert_int_equal(TAR("half", NULL, W("xf"), W("-"), W("-C"), W("to")), 2);
    assert_int_equal(TAR("noise", NULL, W("xf"), W("-"), W("-C"), W("to")), 2);
    assert_int_equal(TAR("whole", NULL, W("xf"), W("-"), W("-C"), W("none")), 2);
    assert_int_equal(TAR(NULL, NULL, W("cf"), W("-")), 2);
    assert_int_equal(TAR(NULL, NULL, W("-")), 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(packed_here_unpacked_there), T(packed_there_unpacked_here), T(both_ends_are_ours),
        T(what_is_there_is_replaced),  T(nothing_gets_out),           T(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
