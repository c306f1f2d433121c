/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of evaluations: one is with the child, the others wait; a child that died is replaced
 * by the next one's. */
#include "expr/expr.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "expr/expr_impl.h"

/* The child stops itself after its CPU time; this is for one that cannot. */
#define GUARD LOOP_S(5)

struct evaluation {
    struct str line;
    expr_done *done; /* NULL: forgotten */
    void *arg;
};

struct expr {
    struct loop *loop;
    struct expr_process *process; /* NULL until needed, and after it died */
    struct loop_timer *guard;
    VEC(struct evaluation *) waiting; /* the first is with the child when `busy` */
    bool busy, guarded;
    char failed[128]; /* why no child could be had */
};

static void send_next(struct expr *e);

/* A program whose main does not know the child would start itself for ever. */
static bool are_child(void)
{
    char buf[512] = "";
    cleanup_close int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, buf, sizeof(buf) - 1) : 0;
    return n > 0 && strcmp(buf + strlen(buf) + 1, EXPR_CHILD_ARG) == 0;
}

/* ---- answers ---- */

static enum expr_result result_of(const char *word)
{
    return str_eq(word, "true")      ? EXPR_TRUE
           : str_eq(word, "false")   ? EXPR_FALSE
           : str_eq(word, "not-yet") ? EXPR_NOT_YET
                                     : EXPR_ERROR;
}

/* Ends the first evaluation. The next one is on its way before the callback, which may free e. */
static void finish(struct expr *e, const struct expr_answer *a)
{
    struct evaluation *ev = e->waiting.v[0];
    vec_remove(&e->waiting, 0);
    e->busy = false;
    loop_timer_stop(e->guard);
    send_next(e);
    if (ev->done != NULL) {
        ev->done(ev->arg, a);
    }
    str_fini(&ev->line);
    free(ev);
}

static void fail(struct expr *e, const char *message)
{
    json_auto_t *none = json_array();
    struct expr_answer a = {EXPR_ERROR, message, none};
    finish(e, &a);
}

static void on_line(void *arg, const char *line, size_t n)
{
    struct expr *e = arg;
    json_auto_t *reply = NULL;
    json_auto_t *none = json_array();
    struct err err;
    if (!e->busy) {
        return;
    }
    if (jx_parse(line, n, false, &reply, &err) < 0) {
        fail(e, "the answer of the expression could not be read");
        return;
    }
    const json_t *clauses = jx_arr(reply, "clauses");
    struct expr_answer a = {result_of(jx_get_str(reply, "result", "")),
                            jx_get_str(reply, "message", ""), clauses != NULL ? clauses : none};
    finish(e, &a);
}

static void on_end(void *arg, int signal)
{
    struct expr *e = arg;
    bool slow = signal == EXPR_SIGNAL_TIME || e->guarded;
    e->process = NULL;
    e->guarded = false;
    if (!e->busy) {
        return;
    }
    if (slow) {
        fail(e, "it was stopped: it takes longer than 500 ms");
    } else if (signal == EXPR_SIGNAL_MEMORY) {
        fail(e, "it was stopped: it needs more than 256 MiB");
    } else {
        fail(e, "jq gave up on it, as it does for dates far off and other values it cannot hold");
    }
}

static const struct expr_process_ops process_ops = {on_line, on_end};

static void on_guard(void *arg)
{
    struct expr *e = arg;
    e->guarded = true;
    if (e->process != NULL) {
        expr_process_kill(e->process);
    }
}

static void no_child(void *arg)
{
    struct expr *e = arg;
    fail(e, e->failed);
}

static void send_next(struct expr *e)
{
    if (e->busy || e->waiting.n == 0) {
        return;
    }
    e->busy = true;
    if (e->process == NULL) {
        const char *why = "";
        e->process = expr_process_new(e->loop, &process_ops, e, &why);
        if (e->process == NULL) {
            snprintf(e->failed, sizeof(e->failed), "no process for expressions: %s", why);
            loop_defer(e->loop, no_child, e);
            return;
        }
    }
    expr_process_send(e->process, &e->waiting.v[0]->line);
    loop_timer_start(e->guard, GUARD);
}

/* ---- for others ---- */

struct expr *expr_new(struct loop *loop)
{
    assert(!are_child()); /* main must begin with expr_child_wanted */
    struct expr *e = xnew(struct expr);
    e->loop = loop;
    e->guard = loop_timer_new(loop, on_guard, e);
    return e;
}

void expr_free(struct expr *e)
{
    if (e == NULL) {
        return;
    }
    loop_undefer(e->loop, e);
    loop_timer_free(e->guard);
    expr_process_free(e->process);
    for (size_t i = 0; i < e->waiting.n; i++) {
        str_fini(&e->waiting.v[i]->line);
        free(e->waiting.v[i]);
    }
    vec_fini(&e->waiting);
    free(e);
}

static void add(struct expr *e, bool compile, const char *program, const json_t *variables,
                const json_t *input, expr_done *done, void *arg)
{
    struct evaluation *ev = xnew(struct evaluation);
    json_auto_t *request = json_object();
    json_object_set_new(request, "program", json_string(program));
    json_object_set_new(request, "variables",
                        variables != NULL ? json_incref((json_t *)(uintptr_t)variables)
                                          : json_object());
    json_object_set_new(request, "compile", json_boolean(compile));
    json_object_set_new(request, "input",
                        input != NULL ? json_incref((json_t *)(uintptr_t)input) : json_null());
    jx_dump(&ev->line, request);
    ev->done = done;
    ev->arg = arg;
    vec_push(&e->waiting, ev);
    send_next(e);
}

void expr_eval(struct expr *e, const char *program, const json_t *variables, const json_t *input,
               expr_done *done, void *arg)
{
    add(e, false, program, variables, input, done, arg);
}

void expr_compile(struct expr *e, const char *program, const json_t *variables, expr_done *done,
                  void *arg)
{
    add(e, true, program, variables, NULL, done, arg);
}

void expr_forget(struct expr *e, const void *arg)
{
    for (size_t i = e->waiting.n; i-- > 0;) {
        struct evaluation *ev = e->waiting.v[i];
        if (ev->arg != arg) {
            continue;
        }
        ev->done = NULL;
        if (i > 0 || !e->busy) {
            str_fini(&ev->line);
            free(ev);
            vec_remove(&e->waiting, i);
        }
    }
}
