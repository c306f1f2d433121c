/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one step: its text with hints, its question, its checks, its scripts. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/vec.h"
#include "loader/loader_impl.h"

static const struct read_key step_keys[] = {
    {"id", READ_TEXT, true},
    {"title", READ_TEXT, true},
    {"text", READ_TEXT, true},
    {"from", READ_TEXT, false},
    {"setup", READ_TEXT, false},
    {"ask", READ_OBJECT, false},
    {"checks", READ_ARRAY, false},
    {"faults", READ_ARRAY, false},
    {"clock", READ_OBJECT, false},
    {"map", READ_BOOL, false},
    {0},
};

static const struct read_key ask_keys[] = {
    {"id", READ_TEXT, true},       {"question", READ_TEXT, false},
    {"choices", READ_ARRAY, true}, {"answer", READ_INT, true},
    {"right", READ_TEXT, false},   {"wrong", READ_TEXT, false},
    {"recall", READ_TEXT, false},  {0},
};

static int read_ask(struct reading *r, const json_t *obj, const char *path, struct lab_step *step)
{
    struct lab_ask *ask = arena_alloc(r->arena, sizeof(*ask));
    if (read_keys(r, obj, path, ask_keys) < 0 ||
        read_texts(r, obj, "choices", path, &ask->choices) < 0) {
        return -1;
    }
    size_t n = jx_len(obj, "choices");
    ask->id = read_text(r, obj, "id");
    ask->question = read_text(r, obj, "question");
    ask->answer = (int)jx_int(obj, "answer", 0);
    ask->right = read_text(r, obj, "right");
    ask->wrong = read_text(r, obj, "wrong");
    ask->recall_after = str_eq(jx_str(obj, "recall", ""), "after");
    if (n < 2 || n > 9) {
        return read_fail(r, path, "choices: from 2 to 9 are needed, not %zu", n);
    }
    if (ask->answer < 1 || (size_t)ask->answer > n) {
        return read_fail(r, path, "answer: must be the number of a choice, from 1 to %zu", n);
    }
    if (jx_get(obj, "recall") != NULL && !ask->recall_after) {
        return read_fail(r, path, "recall: the one known word is \"after\"");
    }
    step->ask = ask;
    return 0;
}

static int read_checks(struct reading *r, const json_t *obj, const char *path,
                       struct lab_step *step)
{
    const json_t *checks = jx_get(obj, "checks");
    step->nchecks = json_array_size(checks);
    step->checks = arena_alloc(r->arena, step->nchecks * sizeof(*step->checks));
    size_t i;
    json_t *check;
    jx_each(i, check, checks)
    {
        cleanup_free char *at = xasprintf("%s.checks[%zu]", path, i);
        if (read_check(r, check, at, false, &step->checks[i]) < 0) {
            return -1;
        }
        for (size_t j = 0; j < i; j++) {
            if (str_eq(step->checks[j].id, step->checks[i].id)) {
                return read_fail(r, at, "the id \"%s\" is taken by another check of this step",
                                 step->checks[i].id);
            }
        }
    }
    return 0;
}

/* A heading on a line of its own, outside fenced code. */
static bool is_hint_heading(const char *line)
{
    return strncmp(line, "## Hint", 7) == 0 && strchr("\n\r 0123456789", line[7]) != NULL;
}

void read_hints(struct reading *r, char *markdown, struct lab_step *step)
{
    VEC(char *) starts = {0};
    bool fenced = false;
    for (char *line = markdown; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        fenced ^= strncmp(line, "```", 3) == 0;
        if (!fenced && is_hint_heading(line)) {
            vec_push(&starts, end != NULL ? end + 1 : line + strlen(line));
            *line = '\0';
        }
        line = end != NULL ? end + 1 : NULL;
    }
    step->text = markdown;
    step->nhints = starts.n;
    step->hints = arena_alloc(r->arena, starts.n * sizeof(*step->hints));
    for (size_t i = 0; i < starts.n; i++) {
        char *text = starts.v[i] + strspn(starts.v[i], "\r\n");
        step->hints[i].text = text;
    }
    vec_fini(&starts);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

typedef VEC(char *) names;

/* Files of dir/sub that begin with "NN" and end with .sh, sorted. */
static names scripts_of(struct reading *r, const char *sub, size_t n)
{
    names found = {0};
    char prefix[8];
    snprintf(prefix, sizeof(prefix), "%02zu", n % 100);
    cleanup_free char *path = xasprintf("%s/%s", r->lab->dir, sub);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        bool next = e->d_name[0] != '\0' && e->d_name[1] != '\0' &&
                    (e->d_name[2] == '-' || e->d_name[2] == '.');
        if (str_has_prefix(e->d_name, prefix) && next && str_has_suffix(e->d_name, ".sh")) {
            vec_push(&found, xasprintf("%s/%s", path, e->d_name));
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (found.n > 1) {
        qsort(found.v, found.n, sizeof(found.v[0]), by_name);
    }
    return found;
}

/* The word after "# why:" in a script; NULL when there is none. */
static const char *cause_of(struct reading *r, const char *script)
{
    FILE *file = fopen(script, "re");
    char line[256];
    char *cause = NULL;
    while (file != NULL && cause == NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "# why:", 6) == 0) {
            char *word = line + 6 + strspn(line + 6, " \t");
            word[strcspn(word, " \t\r\n")] = '\0';
            cause = arena_copy(r->arena, word);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return cause;
}

int read_scripts(struct reading *r, size_t n, struct lab_step *step)
{
    names solutions = scripts_of(r, "solution", n);
    step->solution = solutions.n > 0 ? arena_copy(r->arena, solutions.v[0]) : NULL;
    for (size_t i = 0; i < solutions.n; i++) {
        free(solutions.v[i]);
    }
    bool twice = solutions.n > 1;
    vec_fini(&solutions);
    names misses = scripts_of(r, "near-miss", n);
    const char **paths = arena_alloc(r->arena, (misses.n + 1) * sizeof(*paths));
    const char **causes = arena_alloc(r->arena, (misses.n + 1) * sizeof(*causes));
    for (size_t i = 0; i < misses.n; i++) {
        paths[i] = arena_take(r->arena, misses.v[i]);
        causes[i] = cause_of(r, paths[i]);
    }
    step->near_misses = paths;
    step->near_miss_causes = causes;
    vec_fini(&misses);
    if (twice) {
        cleanup_free char *path = xasprintf("steps[%zu]", n - 1);
        return read_fail(r, path, "has more than one file solution/%02zu*.sh", n);
    }
    return 0;
}

static int find_stray(struct reading *r, const char *sub)
{
    cleanup_free char *path = xasprintf("%s/%s", r->lab->dir, sub);
    DIR *dir = opendir(path);
    int rc = 0;
    for (struct dirent *e; rc == 0 && dir != NULL && (e = readdir(dir)) != NULL;) {
        unsigned n = 0;
        bool numbered = sscanf(e->d_name, "%2u", &n) == 1 && n >= 1 && n <= r->lab->nsteps;
        if (str_has_suffix(e->d_name, ".sh") && !numbered) {
            rc = read_fail(r, "steps", "%s/%s belongs to no step: there are %zu", sub, e->d_name,
                           r->lab->nsteps);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return rc;
}

int read_stray_scripts(struct reading *r)
{
    return find_stray(r, "solution") < 0 ? -1 : find_stray(r, "near-miss");
}

int read_step(struct reading *r, const json_t *obj, const char *path, struct lab_step *ret)
{
    if (read_keys(r, obj, path, step_keys) < 0) {
        return -1;
    }
    ret->id = read_text(r, obj, "id");
    ret->title = read_text(r, obj, "title");
    ret->setup = read_text(r, obj, "setup");
    const char *from = jx_str(obj, "from", "replay");
    ret->from = strcmp(from, "replay") != 0 ? read_text(r, obj, "from") : NULL;
    if (ret->from != NULL && lab_find_step(r->lab, from) == NULL) {
        return read_fail(
            r, path,
            "from: must be \"replay\" (all steps before) or the id of an earlier step, "
            "not \"%s\"",
            from);
    }
    const char *name = jx_str(obj, "text", "");
    char *markdown = strchr(name, '/') == NULL ? read_file(r, name) : NULL;
    if (markdown == NULL) {
        return read_fail(r, path, "text: there is no file %s beside lab.yaml", name);
    }
    read_hints(r, markdown, ret);
    if (jx_get(obj, "ask") != NULL) {
        cleanup_free char *at = xasprintf("%s.ask", path);
        if (read_ask(r, jx_get(obj, "ask"), at, ret) < 0) {
            return -1;
        }
    }
    ret->map = jx_bool(obj, "map", false);
    if (read_checks(r, obj, path, ret) < 0 || read_clock(r, obj, path, ret) < 0) {
        return -1;
    }
    return read_faults(r, obj, path, ret);
}
