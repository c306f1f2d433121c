/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what Tab offers, with a kubectl that says what it was asked. */
#include "common/testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "repl/complete.h"

static char dir[64];
static char path_entry[128];
static const char *const words[] = {"hint", "help", "next", NULL};
static char config_entry[128];
static const char *env[] = {path_entry, config_entry, "SEEN=by kubectl", "DOCKER_HOST=", NULL};
static const struct complete_opts opts = {.words = words, .folder = dir, .env = env};

static void make(const char *name, const char *text)
{
    cleanup_free char *file = xasprintf("%s/%s", dir, name);
    int fd = open(file, O_CREAT | O_WRONLY, 0755);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int set_up(void **state)
{
    str_copy(dir, sizeof(dir), "/tmp/complete-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path_entry, sizeof(path_entry), "PATH=%s", dir);
    make("helpful-program", "#!/bin/sh\n");
    make("kubectl", "#!/bin/sh\n"
                    "[ \"$SEEN\" = 'by kubectl' ] || exit 1\n"
                    "echo \"$*\" >>\"$0.asked\"\n"
                    "case \"$*\" in\n"
                    "'__complete get po') printf 'pods\\tthe pods\\npodtemplates\\n:4\\n' ;;\n"
                    "'__complete get pods ') printf 'web-1\\nweb-2\\n:4\\n' ;;\n"
                    "'__complete apply -f ') printf ':8\\n' ;;\n"
                    "'__complete hang ') exec /bin/sleep 100 ;;\n"
                    "esac\n");
    make("docker", "#!/bin/sh\n"
                   "[ -z \"${DOCKER_HOST+set}\" ] || exit 1\n" /* not even empty */
                   "case \"$*\" in\n"
                   "'__complete -c worker-2 logs ') printf 'web\\nshop\\n:4\\n' ;;\n"
                   "esac\n");
    snprintf(config_entry, sizeof(config_entry), "DOCKER_CONFIG=%s", dir);
    static const char *const names[] = {"worker-2", "worker-1", "other"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cleanup_free char *command =
            xasprintf("mkdir -p %s/contexts/meta/%zu && echo '{\"Name\": \"%s\"}' "
                      ">%s/contexts/meta/%zu/meta.json",
                      dir, i, names[i], dir, i);
        assert_int_equal(system(command), 0);
    }
    return 0;
}

static int tear_down(void **state)
{
    cleanup_free char *command = xasprintf("rm -rf %s", dir);
    return system(command);
}

/* What is offered at the end of the line, joined by spaces. */
static void check(const char *line, const char *want)
{
    cleanup_str struct str got = STR_INIT;
    const char *blank = strrchr(line, ' ');
    size_t start = blank != NULL ? (size_t)(blank - line) + 1 : 0;
    char **offered = complete_line(&opts, line, start, line + start);
    for (size_t i = 0; offered != NULL && offered[i] != NULL; i++) {
        str_add_f(&got, "%s%s", i > 0 ? " " : "", offered[i]);
        free(offered[i]);
    }
    free(offered);
    if (strcmp(str_c(&got), want) != 0) {
        fail_msg("\"%s\" offers \"%s\", not \"%s\"", line, str_c(&got), want);
    }
}

static void a_line_begins_with_a_verb_or_a_command(void **state)
{
    check("hin", "hint");
    check("helpf", "helpful-program");
    check("help", "help helpful-program");
    check("nothing-like-that", "");
    /* Behind a pipe there are no verbs. */
    check("echo x | help", "helpful-program");
}

static void kubectl_says_its_own_words(void **state)
{
    check("kubectl get po", "pods podtemplates");
    check("kubectl get pods ", "web-1 web-2");
    check("echo x; kubectl get po", "pods podtemplates");
    check("sudo kubectl get po", "");
    check("kubectl apply -f ", ""); /* file names */
}

static void docker_knows_its_hosts(void **state)
{
    setenv("DOCKER_HOST", "unix:///var/run/docker.sock", 1);
    check("docker -c wor", "worker-1 worker-2");
    check("docker --context ", "other worker-1 worker-2");
    check("docker context use worker-2", "worker-2");
    check("docker -c worker-2 logs ", "web shop");
    check("docker cp web:/x ", ""); /* file names */
}

static void a_kubectl_that_hangs_is_not_waited_for(void **state)
{
    check("kubectl hang ", "");
}

static void other_words_are_file_names_of_the_shells_folder(void **state)
{
    char cwd[256];
    check("cat help", "");
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    assert_string_equal(cwd, dir);
    check("./helpf", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_begins_with_a_verb_or_a_command),
        cmocka_unit_test(kubectl_says_its_own_words),
        cmocka_unit_test(docker_knows_its_hosts),
        cmocka_unit_test(a_kubectl_that_hangs_is_not_waited_for),
        cmocka_unit_test(other_words_are_file_names_of_the_shells_folder),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
