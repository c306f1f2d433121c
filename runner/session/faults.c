/* SPDX-License-Identifier: Apache-2.0 */
/* Patches Hosts and the Clock as any user could. A fault is written down before it strikes and
 * struck off after it was undone, so that a later life of ours can undo what this one left. */
#include "session/faults.h"

#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "kube/kube.h"
#include "lab/lab.h"
#include "session/clockwork.h"

#define HOSTS "hosts.podlab.dev"
#define LOOK LOOP_MS(100)
#define PATIENCE LOOP_S(10)

enum strike_state {
    IDLE, /* its check is not true yet */
    DUE,  /* it strikes at `at_ns` */
    STRUCK,
    OVER, /* its time was up */
};

struct strike {
    const struct lab_fault *fault;
    enum strike_state state;
    uint64_t at_ns; /* DUE: when it strikes; STRUCK: when its time is up, 0: never */
};

/* A field of a host that we changed. */
struct mark {
    char host[64], field[16], to[16];
    char step[64]; /* which fault it is: the step's id and the number in it; -1: not known */
    int n;
};

struct faults {
    struct faults_opts o;
    const struct lab_step *step; /* NULL: between steps */
    VEC(struct strike) strikes;
    VEC(struct mark) marks;
    char adopted[64];    /* the step that was stood at in an earlier life; "" */
    uint64_t had_struck; /* bits: which of its faults had */
    uint64_t had_ended;  /* and which were over */
    VEC(struct asking *) askings;
    struct loop_timer *due, *look;
    unsigned waiting;     /* requests that are not answered */
    bool looking;         /* until every host is as it should be */
    uint64_t patience_ns; /* until then */
    struct clockwork *clock;
    void (*done)(void *arg);
    void *done_arg;
};

static uint64_t now_ns(const struct faults *f)
{
    return loop_mono_ns(f->o.loop);
}

static void trouble(const struct faults *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void trouble(const struct faults *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *text = xvasprintf(fmt, ap);
    va_end(ap);
    if (f->o.on_trouble != NULL) {
        f->o.on_trouble(f->o.arg, text);
    }
}

static void record(const struct faults *f, const struct mark *m, bool on, bool over)
{
    json_auto_t *change = json_pack("{s:s, s:i, s:s, s:s, s:s, s:b}", "step", m->step, "n", m->n,
                                    "host", m->host, "field", m->field, "to", m->to, "on", on);
    if (over) {
        jx_put_bool(change, "over", true);
    }
    if (f->o.on_change != NULL) {
        f->o.on_change(f->o.arg, change);
    }
}

/* ---- telling that all is as asked ---- */

static void look(void *arg);

static void finish(struct faults *f)
{
    void (*done)(void *arg) = steal(f->done);
    f->looking = false;
    loop_timer_stop(f->look);
    if (done != NULL) {
        done(f->done_arg);
    }
}

static void one_answer(struct faults *f)
{
    if (--f->waiting == 0 && !f->looking) {
        finish(f);
    }
}

/* ---- hosts ---- */

static const char *normal(const char *field)
{
    return strcmp(field, "power") == 0 ? "On" : "Connected";
}

static struct mark *find_mark(struct faults *f, const char *host, const char *field)
{
    for (size_t i = 0; i < f->marks.n; i++) {
        if (strcmp(f->marks.v[i].host, host) == 0 && strcmp(f->marks.v[i].field, field) == 0) {
            return &f->marks.v[i];
        }
    }
    return NULL;
}

/* One request about one field; it outlives its mark. */
struct asking {
    struct faults *faults;
    struct mark mark;
    bool on, over;
};

static void forget_asking(struct asking *ask)
{
    struct faults *f = ask->faults;
    for (size_t i = 0; i < f->askings.n; i++) {
        if (f->askings.v[i] == ask) {
            vec_remove(&f->askings, i);
            break;
        }
    }
    free(ask);
}

static void on_patched(void *arg, const struct kube_answer *a)
{
    struct asking *ask = arg;
    struct faults *f = ask->faults;
    if (a->status != 200) {
        trouble(f, "The lab cannot set the %s of %s to %s: %s", ask->mark.field, ask->mark.host,
                ask->on ? ask->mark.to : normal(ask->mark.field),
                a->status == 0 ? a->err->msg : jx_str(a->answer, "message", a->text));
    } else if (!ask->on) {
        record(f, &ask->mark, false, ask->over);
    }
    forget_asking(ask);
    one_answer(f);
}

static void patch_host(struct faults *f, const struct mark *m, bool on, bool over)
{
    const struct kube_resource *r = kube_find_resource(f->o.kube, HOSTS);
    if (r == NULL) {
        trouble(f, "This cluster has no hosts that can fail.");
        return;
    }
    struct asking *ask = xnew(struct asking);
    *ask = (struct asking){.faults = f, .mark = *m, .on = on, .over = over};
    vec_push(&f->askings, ask);
    cleanup_free char *path = kube_path(r, NULL, m->host);
    cleanup_free char *body =
        xasprintf("{\"spec\":{\"%s\":\"%s\"}}", m->field, on ? m->to : normal(m->field));
    f->waiting++;
    f->looking = true;
    f->patience_ns = now_ns(f) + PATIENCE;
    loop_timer_start(f->look, LOOK);
    kube_request(f->o.kube, "PATCH", path, "application/merge-patch+json", body, 0, on_patched,
                 ask);
}

static bool is_as_asked(const json_t *host, const char **ret_field)
{
    static const char *const fields[] = {"power", "network"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        cleanup_free char *spec = xasprintf("spec.%s", fields[i]);
        cleanup_free char *status = xasprintf("status.%s", fields[i]);
        const char *want = jx_str(host, spec, normal(fields[i]));
        *ret_field = fields[i];
        if (strcmp(want, jx_str(host, status, normal(fields[i]))) != 0) {
            return false;
        }
    }
    return true;
}

static void on_hosts(void *arg, const struct kube_answer *a)
{
    struct faults *f = arg;
    const char *field;
    size_t i;
    const json_t *host;
    bool late = now_ns(f) >= f->patience_ns;
    jx_each(i, host, jx_arr(a->answer, "items"))
    {
        if (is_as_asked(host, &field)) {
            continue;
        }
        if (!late) {
            loop_timer_start(f->look, LOOK);
            return;
        }
        trouble(f, "%s: its %s is not yet as the lab wants it.", jx_str(host, "metadata.name", ""),
                field);
    }
    if (a->status != 200 && !late) {
        loop_timer_start(f->look, LOOK);
        return;
    }
    f->looking = false;
    if (f->waiting == 0) {
        finish(f);
    }
}

static void look(void *arg)
{
    struct faults *f = arg;
    const struct kube_resource *r = kube_find_resource(f->o.kube, HOSTS);
    if (f->waiting > 0) {
        loop_timer_start(f->look, LOOK);
    } else if (r != NULL) {
        cleanup_free char *path = kube_path(r, NULL, NULL);
        kube_get(f->o.kube, path, 0, on_hosts, f);
    }
}

static void undo(struct faults *f, size_t i, bool over)
{
    struct mark m = f->marks.v[i];
    vec_remove(&f->marks, i);
    patch_host(f, &m, false, over);
}

static void strike(struct faults *f, struct strike *s)
{
    const struct lab_fault *fault = s->fault;
    struct mark *m = find_mark(f, fault->host, fault->field);
    if (m == NULL) {
        vec_push(&f->marks, (struct mark){0});
        m = &f->marks.v[f->marks.n - 1];
    }
    str_copy(m->host, sizeof(m->host), fault->host);
    str_copy(m->field, sizeof(m->field), fault->field);
    str_copy(m->to, sizeof(m->to), fault->value);
    str_copy(m->step, sizeof(m->step), f->step->id);
    m->n = (int)(fault - f->step->faults);
    s->state = STRUCK;
    s->at_ns = fault->for_ms > 0 ? now_ns(f) + LOOP_MS(fault->for_ms) : 0;
    record(f, m, true, false);
    patch_host(f, m, true, false);
}

/* ---- their times ---- */

static void arm(struct faults *f)
{
    uint64_t next = UINT64_MAX, now = now_ns(f);
    for (size_t i = 0; i < f->strikes.n; i++) {
        const struct strike *s = &f->strikes.v[i];
        bool timed = s->state == DUE || (s->state == STRUCK && s->at_ns > 0);
        next = timed && s->at_ns < next ? s->at_ns : next;
    }
    if (next == UINT64_MAX) {
        loop_timer_stop(f->due);
    } else {
        loop_timer_start(f->due, next > now ? next - now : 0);
    }
}

static void end_strike(struct faults *f, struct strike *s)
{
    s->state = OVER;
    for (size_t i = 0; i < f->marks.n; i++) {
        const struct mark *m = &f->marks.v[i];
        if (strcmp(m->host, s->fault->host) == 0 && strcmp(m->field, s->fault->field) == 0) {
            undo(f, i, true);
            return;
        }
    }
}

static void on_due(void *arg)
{
    struct faults *f = arg;
    uint64_t now = now_ns(f);
    for (size_t i = 0; i < f->strikes.n; i++) {
        struct strike *s = &f->strikes.v[i];
        if (s->at_ns > now || (s->state == STRUCK && s->at_ns == 0)) {
            continue;
        }
        if (s->state == DUE) {
            strike(f, s);
        } else if (s->state == STRUCK) {
            end_strike(f, s);
        }
    }
    arm(f);
}

void faults_on_check(struct faults *f, const char *check)
{
    for (size_t i = 0; i < f->strikes.n; i++) {
        struct strike *s = &f->strikes.v[i];
        if (s->state == IDLE && str_eq(s->fault->check, check)) {
            s->state = DUE;
            s->at_ns = now_ns(f) + LOOP_MS(s->fault->after_ms);
        }
    }
    arm(f);
}

bool faults_are_due(const struct faults *f)
{
    for (size_t i = 0; i < f->strikes.n; i++) {
        if (f->strikes.v[i].state == DUE) {
            return true;
        }
    }
    return f->waiting > 0 || f->looking;
}

/* ---- the clock ---- */

static void on_clock(void *arg, const struct err *err)
{
    struct faults *f = arg;
    if (err->code != ERR_NONE) {
        trouble(f, "%s", err->msg);
    }
    one_answer(f);
}

/* ---- beginning and ending a step ---- */

static void begin(struct faults *f)
{
    for (size_t i = f->marks.n; i-- > 0;) {
        const struct mark *m = &f->marks.v[i];
        bool stays = false;
        for (size_t j = 0; j < f->strikes.n; j++) {
            const struct strike *s = &f->strikes.v[j];
            stays |= s->state == DUE && s->at_ns == 0 && strcmp(s->fault->host, m->host) == 0 &&
                     strcmp(s->fault->field, m->field) == 0;
        }
        if (!stays) {
            undo(f, i, false);
        }
    }
    f->waiting++;
    clockwork_set(f->clock, f->step->clock, on_clock, f);
    on_due(f);
    for (size_t i = 0; i < f->strikes.n; i++) { /* from now on, not from the asking */
        struct strike *s = &f->strikes.v[i];
        if (s->state == DUE) {
            s->at_ns = now_ns(f) + LOOP_MS(s->fault->after_ms);
        }
    }
    arm(f);
    one_answer(f);
}

static void on_discovered(void *arg, const struct err *err)
{
    struct faults *f = arg;
    if (err->code != ERR_NONE) {
        one_answer(f); /* the checks say it better */
        return;
    }
    begin(f);
}

static void prepare(struct faults *f, const struct lab_step *step, bool again)
{
    bool back = again && strcmp(step->id, f->adopted) == 0;
    f->step = step;
    f->strikes.n = 0;
    for (size_t i = 0; i < step->nfaults; i++) {
        const struct lab_fault *fault = &step->faults[i];
        uint64_t bit = (uint64_t)1 << i;
        struct strike s = {.fault = fault, .state = fault->check != NULL ? IDLE : DUE};
        s.at_ns = s.state == DUE && fault->after_ms > 0 ? UINT64_MAX : 0; /* not before it began */
        if (back && (f->had_ended & bit) != 0) {
            s.state = OVER;
        } else if (back && (f->had_struck & bit) != 0) {
            s.state = DUE;
            s.at_ns = 0;
        }
        vec_push(&f->strikes, s);
    }
    f->adopted[0] = '\0';
}

void faults_begin(struct faults *f, const struct lab_step *step, bool again,
                  void (*done)(void *arg), void *arg)
{
    f->done = done;
    f->done_arg = arg;
    prepare(f, step, again);
    f->waiting++;
    kube_discover(f->o.kube, on_discovered, f);
}

void faults_rest(struct faults *f)
{
    f->strikes.n = 0;
    f->done = NULL;
    loop_timer_stop(f->due);
}

void faults_end(struct faults *f, void (*done)(void *arg), void *arg)
{
    faults_rest(f);
    f->done = done;
    f->done_arg = arg;
    f->waiting++;
    while (f->marks.n > 0) {
        undo(f, f->marks.n - 1, false);
    }
    if (f->step != NULL && f->step->clock != NULL) {
        f->waiting++;
        clockwork_set(f->clock, NULL, on_clock, f);
    }
    f->step = NULL;
    f->looking = false; /* the cluster does the rest without us */
    loop_timer_stop(f->look);
    one_answer(f);
}

/* ---- what an earlier life did ---- */

void faults_adopt(struct faults *f, const char *step, const json_t *changes)
{
    size_t i;
    const json_t *c;
    str_copy(f->adopted, sizeof(f->adopted), step);
    jx_each(i, c, changes)
    {
        const char *host = jx_get_str(c, "host", ""), *field = jx_get_str(c, "field", "");
        struct mark *m = find_mark(f, host, field);
        bool on = jx_bool(c, "on", false);
        int64_t n = jx_int(c, "n", -1);
        bool here = strcmp(jx_get_str(c, "step", ""), step) == 0 && n >= 0 && n < 64;
        if (on && m == NULL) {
            vec_push(&f->marks, (struct mark){0});
            m = &f->marks.v[f->marks.n - 1];
        }
        if (on) {
            str_copy(m->host, sizeof(m->host), host);
            str_copy(m->field, sizeof(m->field), field);
            str_copy(m->to, sizeof(m->to), jx_get_str(c, "to", ""));
            str_copy(m->step, sizeof(m->step), jx_get_str(c, "step", ""));
            m->n = (int)n;
        } else if (m != NULL) {
            vec_remove(&f->marks, (size_t)(m - f->marks.v));
        }
        f->had_struck |= here && on ? (uint64_t)1 << n : 0;
        f->had_ended |= here && jx_bool(c, "over", false) ? (uint64_t)1 << n : 0;
    }
}

/* ---- making one ---- */

struct faults *faults_new(const struct faults_opts *opts)
{
    struct faults *f = xnew(struct faults);
    f->o = *opts;
    f->clock = clockwork_new(opts->kube, opts->lab, opts->foreign);
    f->due = loop_timer_new(opts->loop, on_due, f);
    f->look = loop_timer_new(opts->loop, look, f);
    return f;
}

void faults_free(struct faults *f)
{
    if (f == NULL) {
        return;
    }
    kube_forget(f->o.kube, f);
    for (size_t i = 0; i < f->askings.n; i++) {
        kube_forget(f->o.kube, f->askings.v[i]);
        free(f->askings.v[i]);
    }
    vec_fini(&f->askings);
    loop_timer_free(f->due);
    loop_timer_free(f->look);
    clockwork_free(f->clock);
    vec_fini(&f->strikes);
    vec_fini(&f->marks);
    free(f);
}
