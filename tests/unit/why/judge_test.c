/* SPDX-License-Identifier: Apache-2.0 */
/* Proves each cause by recorded objects: tests/data/why/CAUSE.yaml holds cases of a check, what
 * there is in the cluster, and what the learner is to be told. */
#include "common/testing.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/json/yaml.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/vec.h"
#include "expr/expr.h"
#include "kube/labels.h"
#include "kube/units.h"
#include "why/judge.h"
#include "why/scene.h"
#include "why/why.h"
#include "why/words.h"

#define DIR_NAME "tests/data/why"
#define NOW "2026-01-01T00:10:00Z"
#define BEGAN "2026-01-01T00:09:00Z"

struct fixture {
    struct loop *loop;
    struct expr *expr;
    json_t *covered; /* {words: true} */
    int cases, bad;
};

static json_t *read_yaml(const char *path)
{
    cleanup_str struct str text = STR_INIT;
    json_t *docs = NULL;
    struct err err;
    char buf[4096];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("cannot open %s: run the test from the top of the tree", path);
    }
    for (size_t n; (n = fread(buf, 1, sizeof(buf), file)) > 0;) {
        str_add_n(&text, buf, n);
    }
    fclose(file);
    if (yaml_parse(str_c(&text), text.len, &docs, &err) < 0) {
        fail_msg("%s: %s", path, err.msg);
    }
    return docs;
}

/* ---- a case's check, as labs write them ---- */

static void read_check(const json_t *from, struct lab_check *c, char object[256])
{
    static const struct {
        const char *key;
        enum lab_check_kind kind;
    } kinds[] = {{"get", LAB_GET},   {"list", LAB_LIST},   {"http", LAB_HTTP},   {"url", LAB_URL},
                 {"host", LAB_HOST}, {"shell", LAB_SHELL}, {"probe", LAB_PROBE}, {"ask", LAB_ASK}};
    const char *what = "";
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (jx_get(from, kinds[i].key) != NULL) {
            c->kind = kinds[i].kind;
            what = jx_get_str(from, kinds[i].key, "");
        }
    }
    c->id = "check";
    c->name = jx_get_str(from, "name", "it is so");
    c->expect = jx_get_str(from, "expect", NULL);
    c->selector = jx_get_str(from, "selector", NULL);
    c->keep = jx_bool(from, "keep", false);
    c->within_ms = jx_int(from, "within_ms", 0);
    str_copy(object, 256, what);
    if (c->kind == LAB_GET) {
        char *slash = strchr(object, '/');
        assert_non_null(slash);
        *slash = '\0';
        c->resource = object;
        c->object = slash + 1;
    } else if (c->kind == LAB_LIST) {
        c->resource = object;
    } else if (c->kind == LAB_HOST) {
        c->resource = "hosts";
        c->object = object;
        c->container = jx_get_str(from, "container", NULL);
        c->port = (int)jx_int(from, "port", 0);
        c->gone = jx_bool(from, "gone", false);
    } else if (c->kind == LAB_URL) {
        c->url = object;
    } else {
        c->service = c->probe = c->shell = object;
    }
}

static const char *kind_of(const char *resource)
{
    static const char *const rows[][2] = {
        {"deployments", "Deployment"},
        {"pods", "Pod"},
        {"services", "Service"},
        {"configmaps", "ConfigMap"},
        {"namespaces", "Namespace"},
        {"nodes", "Node"},
        {"hosts", "Host"},
    };
    for (size_t i = 0; resource != NULL && i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i][0], resource) == 0) {
            return rows[i][1];
        }
    }
    return "";
}

/* ---- a case's scene ---- */

static int64_t time_of(const json_t *c, const char *key, const char *dflt)
{
    int64_t us = 0;
    assert_true(kube_time(jx_get_str(c, key, dflt), &us));
    return us;
}

static bool is_namespaced(const char *kind)
{
    static const char *const others[] = {"Node", "Host", "Namespace", "Clock"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (strcmp(kind, others[i]) == 0) {
            return false;
        }
    }
    return true;
}

static void put_objects(struct scene *s, const json_t *objects)
{
    size_t i;
    json_t *obj;
    jx_each(i, obj, objects)
    {
        const char *kind = jx_get_str(obj, "kind", "");
        bool cluster = !is_namespaced(kind);
        if (!cluster && jx_str(obj, "metadata.namespace", NULL) == NULL) {
            jx_put_str(obj, "metadata.namespace", "default");
        }
        json_t *list = json_object_get(s->objects, kind);
        if (list == NULL) {
            list = json_array();
            json_object_set_new(s->objects, kind, list);
        }
        json_array_append(list, obj);
    }
}

static json_t *what_is_seen(const struct scene *s, const json_t *c)
{
    const json_t *seen = jx_get(c, "seen");
    size_t i;
    json_t *obj;
    if (seen != NULL) {
        return jx_edit(seen);
    }
    json_t *items = json_array();
    json_t *found = NULL;
    jx_each(i, obj, scene_all(s, s->kind))
    {
        bool here = scene_is_here(s, obj) || !s->namespaced;
        if (here && s->judged->kind != LAB_LIST && str_eq(scene_name(obj), s->judged->object)) {
            found = obj;
        }
        if (here && kube_labels_match(s->judged->selector, jx_path(obj, "metadata.labels"))) {
            json_array_append(items, obj);
        }
    }
    if (s->judged->kind == LAB_LIST) {
        return json_pack("{s:o}", "items", items);
    }
    json_decref(items);
    return found != NULL ? json_incref(found) : json_null();
}

struct evaluated {
    bool done;
    enum expr_result result;
    json_t *clauses;
};

static void on_evaluated(void *arg, const struct expr_answer *a)
{
    struct evaluated *e = arg;
    e->done = true;
    e->result = a->result;
    e->clauses = jx_edit(a->clauses);
}

static void evaluate(struct fixture *f, struct scene *s, const json_t *c)
{
    struct evaluated e = {0};
    if (s->judged->expect == NULL) {
        return;
    }
    json_auto_t *vars = json_pack("{s:s}", "began", jx_get_str(c, "began", BEGAN));
    expr_eval(f->expr, s->judged->expect, vars, s->seen, on_evaluated, &e);
    assert_true(loop_run_until(f->loop, &e.done, LOOP_S(20)));
    if (e.result == EXPR_ERROR) {
        fail_msg("%s does not compile", s->judged->expect);
    }
    s->clauses = e.clauses;
}

static enum check_state state_of(const json_t *c)
{
    const char *word = jx_get_str(c, "state", "waiting");
    for (int i = 0; i <= CHECK_BROKEN; i++) {
        if (strcmp(check_state_name((enum check_state)i), word) == 0) {
            return (enum check_state)i;
        }
    }
    fail_msg("no state %s", word);
    return CHECK_UNKNOWN;
}

static void set_the_scene(struct fixture *f, struct scene *s, struct lab_check *check,
                          const json_t *c)
{
    s->check = s->judged = check;
    s->state = state_of(c);
    s->now_us = time_of(c, "now", NOW);
    s->began_us = time_of(c, "began", BEGAN);
    s->message = xstrdup(jx_get_str(c, "message", ""));
    s->unanswered = jx_bool(c, "unanswered", false);
    s->objects = json_object();
    s->logs = jx_get(c, "logs") != NULL ? jx_edit(jx_get(c, "logs")) : json_object();
    str_copy(s->ns, sizeof(s->ns), jx_get_str(c, "ns", "default"));
    str_copy(s->kind, sizeof(s->kind), kind_of(check->resource));
    s->namespaced = is_namespaced(s->kind);
    if (check->kind == LAB_HTTP || (check->kind == LAB_PROBE && jx_get(c, "callers") == NULL)) {
        str_copy(s->service, sizeof(s->service), check->service);
        s->service[strcspn(s->service, ":")] = '\0';
        const char *colon = strchr(check->service, ':');
        str_copy(s->port, sizeof(s->port), colon != NULL ? colon + 1 : "");
    }
    put_objects(s, jx_get(c, "objects"));
    s->seen = what_is_seen(s, c);
    evaluate(f, s, c);
    scene_derive(s);
}

/* ---- comparing ---- */

static bool same(const char *file, const json_t *c, const char *what, const char *got,
                 const char *want)
{
    if (str_eq(got, want)) {
        return true;
    }
    printf("%s: %s: %s\n  want %s\n  got  %s\n", file, jx_get_str(c, "case", "?"), what, want, got);
    return false;
}

static bool compare(const char *file, const json_t *c, const json_t *answer)
{
    struct str got = STR_INIT;
    const json_t *want = jx_get(c, "want");
    why_format(answer, &got);
    bool good =
        same(file, c, "cause", jx_get_str(answer, "cause", ""), jx_get_str(want, "cause", ""));
    good &= same(file, c, "words", str_c(&got), jx_get_str(want, "text", ""));
    if (jx_get(want, "state") != NULL) {
        good &=
            same(file, c, "state", jx_get_str(answer, "state", ""), jx_get_str(want, "state", ""));
    }
    if (strchr(str_c(&got), '{') != NULL) {
        printf("%s: %s: a place was not filled: %s\n", file, jx_get_str(c, "case", "?"),
               str_c(&got));
        good = false;
    }
    if (jx_get(want, "evidence") != NULL) {
        cleanup_free char *evidence = jx_dump_text(jx_get(answer, "evidence"));
        cleanup_free char *expected = jx_dump_text(jx_get(want, "evidence"));
        good &= same(file, c, "evidence", evidence, expected);
    }
    str_fini(&got);
    return good;
}

static void run_case(struct fixture *f, const char *file, const json_t *c)
{
    struct lab_check check = {0};
    struct scene s = {0};
    char object[256];
    read_check(jx_get(c, "check"), &check, object);
    set_the_scene(f, &s, &check, c);
    json_auto_t *answer = judge_scene(&s, "en");
    json_object_set_new(f->covered, jx_get_str(answer, "cause", ""), json_true());
    json_object_set_new(f->covered, jx_get_str(answer, "words", ""), json_true());
    f->cases++;
    f->bad += !compare(file, c, answer);
    scene_fini(&s);
}

static void test_cases(void **state)
{
    struct fixture f = {.loop = loop_new(), .covered = json_object()};
    DIR *dir = opendir(DIR_NAME);
    f.expr = expr_new(f.loop);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (str_has_suffix(e->d_name, ".yaml")) {
            cleanup_free char *path = xasprintf(DIR_NAME "/%s", e->d_name);
            json_auto_t *docs = read_yaml(path);
            size_t i;
            const json_t *c;
            jx_each(i, c, docs)
            {
                run_case(&f, e->d_name, c);
            }
        }
    }
    closedir(dir);
    /* Every cause of the catalogue is met at least once. */
    for (const char *const *cause = why_causes(); *cause != NULL; cause++) {
        if (jx_get(f.covered, *cause) == NULL) {
            printf("no case for %s\n", *cause);
            f.bad++;
        }
    }
    print_message("%d cases\n", f.cases);
    json_decref(f.covered);
    expr_free(f.expr);
    loop_free(f.loop);
    assert_int_equal(f.bad, 0);
}

/* ---- words ---- */

static void test_the_catalogue_is_whole(void **state)
{
    const char *last = "";
    for (size_t i = 0; words_at(i) != NULL; i++) {
        const struct words_row *row = words_at(i);
        cleanup_free char *cause = xstrndup(row->id, strcspn(row->id, "."));
        bool known = false;
        for (const char *const *c = why_causes(); *c != NULL; c++) {
            known |= strcmp(*c, cause) == 0;
        }
        if (!known) {
            fail_msg("%s is no cause", row->id);
        }
        if (strcmp(last, row->id) >= 0) {
            fail_msg("%s stands behind %s", row->id, last);
        }
        last = row->id;
        assert_non_null(row->first);
        assert_non_null(row->look);
    }
    for (const char *const *c = why_causes(); c[0] != NULL && c[1] != NULL; c++) {
        assert_true(strcmp(c[0], c[1]) < 0);
    }
}

static void test_filling(void **state)
{
    static const struct {
        const char *format, *want;
    } rows[] = {
        {"{n} {n|pod|pods}", "2 pods"},
        {"{one} {one|pod is|pods are} ready", "1 pod is ready"},
        {"{list} and more", "a, b and c and more"},
        {"{text}: {missing}", "x {n}: {missing}"},
        {"{n|one|{n} of {one}}.", "2 of 1."},
        {"{n", "{n"},
        {"{n|x}", ""},
        {"", ""},
    };
    json_auto_t *args = json_pack("{s:i, s:i, s:[s,s,s], s:s}", "n", 2, "one", 1, "list", "a", "b",
                                  "c", "text", "x {n}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_free char *got = words_fill(rows[i].format, args);
        assert_string_equal(got, rows[i].want);
    }
}

int main(int argc, char **argv)
{
    if (expr_child_wanted(argc, argv)) {
        return expr_child_main();
    }
    jx_init();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_catalogue_is_whole),
                                       cmocka_unit_test(test_filling),
                                       cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
