/* SPDX-License-Identifier: Apache-2.0 */
/* Commands from PATH, the words of kubectl and docker from these, and the lab's own. */
#include "repl/complete.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"

enum { MAX_WORDS = 64, ASK_MS = 2000 };

typedef VEC(char *) words;

static void add(words *w, const char *text, size_t n)
{
    char *word = xstrndup(text, n);
    vec_push(w, word);
}

static char **finish(words *w)
{
    if (w->n == 0) {
        vec_fini(w);
        return NULL;
    }
    vec_push(w, NULL);
    return w->v;
}

/* ---- the first word ---- */

/* A variable of the shell. */
static const char *variable(const struct complete_opts *opts, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; opts->env != NULL && opts->env[i] != NULL; i++) {
        if (strncmp(opts->env[i], name, n) == 0 && opts->env[i][n] == '=') {
            return opts->env[i] + n + 1;
        }
    }
    return getenv(name);
}

static void add_commands_of(const char *dir, const char *word, words *w)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.' && str_has_prefix(e->d_name, word)) {
            add(w, e->d_name, strlen(e->d_name));
        }
    }
    if (d != NULL) {
        closedir(d);
    }
}

static char **first_word(const struct complete_opts *opts, const char *word, bool whole_line)
{
    words w = {0};
    const char *path = variable(opts, "PATH");
    if (strchr(word, '/') != NULL) {
        return NULL;
    }
    for (size_t i = 0; whole_line && opts->words[i] != NULL; i++) {
        if (str_has_prefix(opts->words[i], word)) {
            add(&w, opts->words[i], strlen(opts->words[i]));
        }
    }
    while (word[0] != '\0' && path != NULL && *path != '\0') {
        size_t n = strcspn(path, ":");
        cleanup_free char *dir = xstrndup(path, n);
        add_commands_of(dir, word, &w);
        path += n + (path[n] == ':');
    }
    return finish(&w);
}

/* ---- programs that know their own words: kubectl and docker ---- */

/* Runs it with these arguments and gives back what it prints; NULL when it takes too long. */
static char *ask_program(char *const *argv, const struct complete_opts *opts)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return NULL;
    }
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(fds[1], STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        for (size_t i = 0; opts->env != NULL && opts->env[i] != NULL; i++) {
            const char *pair = opts->env[i];
            cleanup_free char *name = xstrndup(pair, strcspn(pair, "="));
            if (str_has_suffix(pair, "=")) {
                unsetenv(name); /* an empty value takes a name away */
            } else {
                putenv((char *)(uintptr_t)pair);
            }
        }
        execvp(argv[0], argv);
        _exit(127);
    }
    close(fds[1]);
    struct str out = STR_INIT;
    struct pollfd p = {.fd = fds[0], .events = POLLIN};
    bool ended = false;
    while (pid > 0 && !ended && poll(&p, 1, ASK_MS) > 0) {
        char buf[4096];
        ssize_t n = read(fds[0], buf, sizeof(buf));
        ended = n <= 0;
        str_add_n(&out, buf, n > 0 ? (size_t)n : 0);
    }
    close(fds[0]);
    if (pid > 0) {
        kill(pid, ended ? 0 : SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return str_take(&out);
}

/* "pods\tdescription\n...:4\n": a word a line, then a directive. */
static char **read_words(const char *answer, const char *word)
{
    words w = {0};
    for (const char *p = answer; *p != '\0';) {
        size_t line = strcspn(p, "\n");
        size_t n = strcspn(p, "\t\n");
        if (p[0] != ':' && n > 0 && strncmp(p, word, strlen(word)) == 0) {
            add(&w, p, n);
        }
        p += line + (p[line] == '\n');
    }
    return finish(&w);
}

/* `segment` is the command from its name up to the word. Quotes are left to the program's patience.
 */
static char **program_words(const struct complete_opts *opts, const char *segment, size_t n,
                            const char *word)
{
    char *argv[MAX_WORDS + 4];
    size_t argc = 0;
    cleanup_free char *copy = xstrndup(segment, n);
    char *save = NULL;
    char *name = strtok_r(copy, " \t", &save);
    argv[argc++] = name;
    argv[argc++] = (char *)(uintptr_t) "__complete";
    for (char *arg; argc < MAX_WORDS && (arg = strtok_r(NULL, " \t", &save)) != NULL;) {
        argv[argc++] = arg;
    }
    argv[argc++] = (char *)(uintptr_t)word;
    argv[argc] = NULL;
    cleanup_free char *answer = ask_program(argv, opts);
    return answer != NULL ? read_words(answer, word) : NULL;
}

/* ---- docker's contexts, which an older docker does not complete ---- */

static void add_context_of(const char *meta, const char *word, words *w)
{
    char text[4096];
    struct err err;
    json_t *v = NULL;
    FILE *file = fopen(meta, "re");
    size_t n = file != NULL ? fread(text, 1, sizeof(text), file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    if (n > 0 && jx_parse(text, n, false, &v, &err) == 0) {
        const char *name = jx_get_str(v, "Name", "");
        if (name[0] != '\0' && str_has_prefix(name, word)) {
            add(w, name, strlen(name));
        }
        json_decref(v);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **context_words(const struct complete_opts *opts, const char *word)
{
    words w = {0};
    const char *config = variable(opts, "DOCKER_CONFIG");
    cleanup_free char *folder = xasprintf("%s/contexts/meta", config != NULL ? config : "");
    DIR *d = opendir(folder);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        cleanup_free char *meta = xasprintf("%s/%s/meta.json", folder, e->d_name);
        if (e->d_name[0] != '.') {
            add_context_of(meta, word, &w);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    if (w.n > 1) {
        qsort(w.v, w.n, sizeof(w.v[0]), by_name);
    }
    return finish(&w);
}

/* Does a context's name come next in "docker ... -c " or "docker context use "? */
static bool wants_context(const char *segment, size_t n)
{
    static const char *const before[] = {" -c ", " --context ", " context use ", " context rm ",
                                         " context inspect "};
    cleanup_free char *text = xstrndup(segment, n);
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        if (str_has_suffix(text, before[i])) {
            return true;
        }
    }
    return false;
}

/* ---- which of them ---- */

static bool is_command(const char *segment, const char *name)
{
    size_t n = strlen(name);
    return strncmp(segment, name, n) == 0 && segment[n] == ' ';
}

char **complete_line(const struct complete_opts *opts, const char *line, size_t start,
                     const char *word)
{
    size_t begin = start; /* of the command that the word is part of */
    while (begin > 0 && strchr("|;&(", line[begin - 1]) == NULL) {
        begin--;
    }
    while (begin < start && line[begin] == ' ') {
        begin++;
    }
    if (opts->folder != NULL && chdir(opts->folder) < 0) {
        return NULL; /* readline would offer the files of another folder */
    }
    if (begin == start) {
        return first_word(opts, word, strspn(line, " ") == start);
    }
    const char *segment = line + begin;
    bool docker = is_command(segment, "docker");
    if (docker && wants_context(segment, start - begin)) {
        return context_words(opts, word);
    }
    return docker || is_command(segment, "kubectl")
               ? program_words(opts, segment, start - begin, word)
               : NULL;
}
