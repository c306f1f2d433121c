/* SPDX-License-Identifier: Apache-2.0 */
/* The child: reads a request per line, runs libjq, answers a line. Whatever libjq does to it, the
 * parent only sees an answer or an end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <jq.h>

#include "common/mem.h"
#include "common/str.h"
#include "expr/expr.h"
#include "expr/expr_impl.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

enum { CACHED = 32, SHOWN_MAX = 200 };

/* Compiling takes 15 ms, so the last programs stay. Variables are compiled in. */
struct compiled {
    char *key;
    jq_state *jq;
};

struct child {
    struct compiled cache[CACHED];
    size_t next; /* the place to use again */
    char *error; /* the first compile error; NULL when none */
};

/* ---- limits ---- */

static void no_memory(void *data)
{
    (void)data;
    raise(EXPR_SIGNAL_MEMORY);
}

static void limit(int resource, rlim_t n)
{
    struct rlimit r = {n, n};
    (void)setrlimit(resource, &r);
}

static void set_limits(void)
{
    limit(RLIMIT_CORE, 0);
#ifndef SANITIZED /* the sanitizer's shadow alone is terabytes */
    limit(RLIMIT_AS, (rlim_t)EXPR_MEMORY_MIB << 20);
#endif
}

/* CPU time, not the clock on the wall: a busy machine is no fault of the expression. At the end of
 * it comes SIGPROF. */
static void set_alarm(unsigned ms)
{
    struct itimerval t = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
    (void)setitimer(ITIMER_PROF, &t, NULL);
}

/* ---- compiling ---- */

/* "jq: error: syntax error, unexpected '=' at <top-level>, line 1:\n..." without what surrounds it.
 */
static char *tidy_error(const char *text)
{
    static const char quoting[] = " (Unix shell quoting issues?)";
    text += str_has_prefix(text, "jq: error: ") ? strlen("jq: error: ") : 0;
    const char *hint = strstr(text, quoting);
    size_t n = strcspn(text, "\n");
    n -= n > 0 && text[n - 1] == ':' ? 1 : 0;
    if (hint != NULL && (size_t)(hint - text) + sizeof(quoting) - 1 <= n) {
        size_t after = (size_t)(hint - text) + sizeof(quoting) - 1;
        return xasprintf("%.*s%.*s", (int)(hint - text), text, (int)(n - after), text + after);
    }
    return xstrndup(text, n);
}

static void on_compile_error(void *data, jv msg)
{
    struct child *c = data;
    msg = jq_format_error(msg);
    if (c->error == NULL && jv_get_kind(msg) == JV_KIND_STRING) {
        c->error = tidy_error(jv_string_value(msg));
    }
    jv_free(msg);
}

static void nothing(void *data, jv msg)
{
    (void)data;
    jv_free(msg);
}

/* Without one, `input` aborts. */
static jv no_input(jq_state *jq, void *data)
{
    (void)jq;
    (void)data;
    return jv_invalid();
}

static struct compiled *find_compiled(struct child *c, const char *key)
{
    for (size_t i = 0; i < CACHED; i++) {
        if (c->cache[i].key != NULL && strcmp(c->cache[i].key, key) == 0) {
            return &c->cache[i];
        }
    }
    return NULL;
}

/* NULL when it does not compile: c->error says why. `variables` is consumed. */
static jq_state *compile(struct child *c, const char *program, jv variables)
{
    jv names = jv_dump_string(jv_copy(variables), JV_PRINT_SORTED);
    cleanup_free char *key = xasprintf("%s\n%s", jv_string_value(names), program);
    jv_free(names);
    free(steal(c->error));
    struct compiled *known = find_compiled(c, key);
    if (known != NULL) {
        jv_free(variables);
        return known->jq;
    }
    jq_state *jq = jq_init();
    if (jq == NULL) {
        no_memory(NULL);
        abort();
    }
    jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array()); /* `import` aborts without it */
    jq_set_input_cb(jq, no_input, NULL);
    jq_set_error_cb(jq, on_compile_error, c);
    if (!jq_compile_args(jq, program, variables)) {
        jq_teardown(&jq);
        c->error = c->error != NULL ? c->error : xstrdup("it does not compile");
        return NULL;
    }
    jq_set_error_cb(jq, nothing, NULL);
    struct compiled *place = &c->cache[c->next++ % CACHED];
    if (place->jq != NULL) {
        free(place->key);
        jq_teardown(&place->jq);
    }
    *place = (struct compiled){steal(key), jq};
    return jq;
}

/* ---- running ---- */

static jv answer_of(const char *result, const char *message)
{
    jv a = jv_object_set(jv_object(), jv_string("result"), jv_string(result));
    return jv_object_set(a, jv_string("message"), jv_string(message));
}

/* Short enough for a message; consumes v. */
static char *shown(jv v)
{
    jv text = jv_dump_string(v, 0);
    const char *s = jv_string_value(text);
    char *out = strlen(s) > SHOWN_MAX ? xasprintf("%.*s...", SHOWN_MAX, s) : xstrdup(s);
    jv_free(text);
    return out;
}

static jv runtime_error(jv failed)
{
    jv msg = jv_invalid_get_msg(failed);
    jv answer;
    if (jv_get_kind(msg) == JV_KIND_STRING) {
        answer = answer_of("not-yet", jv_string_value(msg));
    } else {
        cleanup_free char *text = shown(jv_copy(msg));
        answer = answer_of("not-yet", text);
    }
    jv_free(msg);
    return answer;
}

static jv judge_one(jv output)
{
    jv_kind kind = jv_get_kind(output);
    if (kind == JV_KIND_TRUE || kind == JV_KIND_FALSE) {
        jv_free(output);
        return answer_of(kind == JV_KIND_TRUE ? "true" : "false", "");
    }
    cleanup_free char *text = shown(output);
    cleanup_free char *message = xasprintf("it gives %s, which is neither true nor false", text);
    return answer_of("false", message);
}

static jv run(jq_state *jq, jv input)
{
    jq_start(jq, input, 0);
    jv first = jq_next(jq);
    if (!jv_is_valid(first)) {
        if (jv_invalid_has_msg(jv_copy(first))) {
            return runtime_error(first);
        }
        jv_free(first);
        return answer_of("false", "it gives nothing; exactly one true is needed");
    }
    jv second = jq_next(jq);
    bool more = jv_is_valid(second);
    if (!more && jv_invalid_has_msg(jv_copy(second))) {
        jv_free(first);
        return runtime_error(second);
    }
    jv_free(second);
    if (more) {
        jv_free(first);
        return answer_of("false", "it gives more than one value; exactly one true is needed");
    }
    return judge_one(first);
}

static jv clause_row(const struct expr_clause *clause, jv row)
{
    jv out = jv_object_set(jv_object(), jv_string("clause"), jv_string(clause->text));
    out = jv_object_set(out, jv_string("lhs"),
                        jv_string(clause->lhs != NULL ? clause->lhs : clause->text));
    out = jv_object_set(out, jv_string("op"), jv_string(clause->op != NULL ? clause->op : ""));
    out = jv_object_set(out, jv_string("got"), jv_array_get(jv_copy(row), 0));
    out = jv_object_set(out, jv_string("want"), jv_array_get(jv_copy(row), 1));
    return jv_object_set(out, jv_string("ok"), jv_array_get(row, 2));
}

static jv explain(struct child *c, const char *program, jv variables, jv input)
{
    struct expr_clauses parts;
    jv out = jv_array();
    if (!expr_clauses_cut(program, &parts)) {
        jv_free(variables);
        jv_free(input);
        return out;
    }
    cleanup_free char *text = expr_clauses_program(&parts);
    jq_state *jq = compile(c, text, variables);
    if (jq == NULL) {
        jv_free(input);
    } else {
        jq_start(jq, input, 0);
        jv rows = jq_next(jq);
        for (size_t i = 0; jv_get_kind(rows) == JV_KIND_ARRAY && i < parts.all.n; i++) {
            jv row = jv_array_get(jv_copy(rows), (int)i);
            if (jv_get_kind(row) != JV_KIND_ARRAY) {
                jv_free(row);
                break;
            }
            out = jv_array_append(out, clause_row(&parts.all.v[i], row));
        }
        jv_free(rows);
    }
    expr_clauses_fini(&parts);
    return out;
}

/* ---- requests ---- */

static jv evaluate(struct child *c, const char *program, jv variables, jv input)
{
    jq_state *jq = compile(c, program, jv_copy(variables));
    if (jq == NULL) {
        jv_free(variables);
        jv_free(input);
        return answer_of("error", c->error);
    }
    jv answer = run(jq, jv_copy(input));
    jv result = jv_object_get(jv_copy(answer), jv_string("result"));
    bool is_true = strcmp(jv_string_value(result), "true") == 0;
    jv_free(result);
    if (is_true) {
        jv_free(variables);
        jv_free(input);
        return answer;
    }
    return jv_object_set(answer, jv_string("clauses"), explain(c, program, variables, input));
}

static bool is_blank(const char *program)
{
    while (*program != '\0') {
        program += strspn(program, " \t\r\n");
        if (*program == '#') {
            program += strcspn(program, "\n");
        } else if (*program != '\0') {
            return false;
        }
    }
    return true;
}

/* Consumes the request. */
static jv handle(struct child *c, jv req)
{
    jv program = jv_object_get(jv_copy(req), jv_string("program"));
    jv variables = jv_object_get(jv_copy(req), jv_string("variables"));
    jv only = jv_object_get(jv_copy(req), jv_string("compile"));
    jv answer;
    if (is_blank(jv_string_value(program))) {
        jv_free(variables);
        answer = answer_of("error", "the expression is empty");
    } else if (jv_get_kind(only) == JV_KIND_TRUE) {
        bool good = compile(c, jv_string_value(program), variables) != NULL;
        answer = good ? answer_of("true", "") : answer_of("error", c->error);
    } else {
        jv input = jv_object_get(jv_copy(req), jv_string("input"));
        answer = evaluate(c, jv_string_value(program), variables, input);
    }
    jv_free(only);
    jv_free(program);
    jv_free(req);
    return answer;
}

bool expr_child_wanted(int argc, char **argv)
{
    return argc == 2 && strcmp(argv[1], EXPR_CHILD_ARG) == 0;
}

int expr_child_main(void)
{
    struct child c = {0};
    cleanup_free char *line = NULL;
    size_t cap = 0;
    set_limits();
    jv_nomem_handler(no_memory, NULL);
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        jv request = jv_parse_sized(line, (int)n); /* a long list may take its time */
        set_alarm(EXPR_CPU_MS);
        jv answer = handle(&c, request);
        set_alarm(0);
        jv text = jv_dump_string(answer, 0);
        puts(jv_string_value(text));
        jv_free(text);
        if (fflush(stdout) != 0) {
            break;
        }
    }
    for (size_t i = 0; i < CACHED; i++) {
        free(c.cache[i].key);
        if (c.cache[i].jq != NULL) {
            jq_teardown(&c.cache[i].jq);
        }
    }
    free(c.error);
    return 0;
}
