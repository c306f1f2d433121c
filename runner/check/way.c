/* SPDX-License-Identifier: Apache-2.0 */
/* One way for a check to be true: what was seen goes to the expression, and its answer to the row.
 */
#include <string.h>

#include "check/check_impl.h"
#include "common/json/jx.h"
#include "common/mem.h"

static const struct check_kind *const kinds[] = {
    [LAB_GET] = &check_kind_get,     [LAB_LIST] = &check_kind_list,   [LAB_HTTP] = &check_kind_http,
    [LAB_URL] = &check_kind_url,     [LAB_HOST] = &check_kind_get, /* of the Host */
    [LAB_SHELL] = &check_kind_shell, [LAB_PROBE] = &check_kind_probe, [LAB_ASK] = &check_kind_ask,
};

void check_way_init(struct check_way *w, struct check_row *row, const struct lab_check *check)
{
    *w = (struct check_way){.run = row->run, .row = row, .check = check};
    w->kind = kinds[check->kind];
}

/* Again when the cluster did not know the resource the last time. */
void check_way_begin(struct check_way *w)
{
    if (w->own == NULL) {
        w->own = w->kind->begin(w);
        if (w->own != NULL && w->kind->look != NULL) {
            w->kind->look(w->own);
        }
    }
}

void check_way_fini(struct check_way *w)
{
    expr_forget(w->run->o.expr, w);
    if (w->own != NULL) {
        w->kind->end(w->own);
    }
    json_decref(w->seen);
    json_decref(w->clauses);
    json_decref(w->asked);
    json_decref(w->next);
    free(w->message);
}

const char *check_way_ns(const struct check_way *w)
{
    const char *ns = w->check->ns != NULL ? w->check->ns : w->run->o.lab->ns;
    return ns != NULL ? ns : "default";
}

/* Takes seen and clauses. */
static void set(struct check_way *w, enum way_state state, json_t *seen, json_t *clauses,
                const char *message)
{
    json_decref(w->seen);
    json_decref(w->clauses);
    free(w->message);
    w->state = state;
    w->seen = seen;
    w->clauses = clauses;
    w->message = xstrdup(message);
    check_row_update(w->row);
}

void check_way_answer(struct check_way *w, bool is_so, json_t *input, const char *message)
{
    set(w, is_so ? WAY_TRUE : WAY_FALSE, input, NULL, message);
}

void check_way_unknown(struct check_way *w, const char *why)
{
    if (w->state != WAY_UNKNOWN || !str_eq(w->message, why)) {
        set(w, WAY_UNKNOWN, steal(w->seen), steal(w->clauses), why);
    }
}

static void ask(struct check_way *w);

/* An expression that was stopped or does not compile says nothing about the cluster. */
static void on_answer(void *arg, const struct expr_answer *a)
{
    struct check_way *w = arg;
    json_t *seen = steal(w->asked);
    bool is_true = a->result == EXPR_TRUE;
    json_t *clauses = is_true ? NULL : jx_edit(a->clauses);
    if (w->next != NULL) {
        ask(w);
    }
    set(w,
        is_true                   ? WAY_TRUE
        : a->result == EXPR_ERROR ? WAY_UNKNOWN
                                  : WAY_FALSE,
        seen, clauses, a->message);
}

static void ask(struct check_way *w)
{
    w->asked = steal(w->next);
    expr_eval(w->run->o.expr, w->check->expect, w->run->variables, w->asked, on_answer, w);
}

/* One evaluation at a time; of what is seen meanwhile only the newest counts. */
void check_way_judge(struct check_way *w, json_t *input)
{
    json_decref(w->next);
    w->next = input;
    if (w->asked == NULL) {
        ask(w);
    }
}
