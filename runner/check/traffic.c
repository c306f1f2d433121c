/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic that runs while the learner works: sends requests at a steady pace and keeps count. */
#include <stdio.h>
#include <string.h>

#include "check/answer.h"
#include "check/caller.h"
#include "check/check.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/vec.h"
#include "kube/kube.h"
#include "kube/units.h"
#include "lab/lab.h"

#define TIMEOUT LOOP_S(1)
#define SLOT LOOP_MS(100)

enum { SPARE_FLIGHTS = 8, MAX_ADDRESSES = 16, ADDRESS_SIZE = 128 };

/* What became of a request; later is worse, and wins its cell. */
enum outcome {
    OUT_OPEN,    /* under way, or never sent */
    OUT_NOTHING, /* says nothing about the service: it is not there, or the API is away */
    OUT_OK,
    OUT_SLOW,
    OUT_FAILED,
};

struct shot {
    struct check_probe *probe;
    uint64_t sent_ns;
    int64_t sent_us;            /* wall */
    unsigned age;               /* of which reset it is */
    char address[ADDRESS_SIZE]; /* that was called; "" through the service proxy */
};

struct figures {
    int64_t sent, answered, failed, slow;
    uint64_t longest_ns;
    int64_t longest_us;   /* wall, when it began; 0: there was none */
    uint64_t out_from_ns; /* the present outage; 0: none */
    int64_t out_from_us;
    uint64_t first_bad_ns, last_bad_ns; /* when failing requests were sent; 0: none was */
    int64_t in_a_row;                   /* good ones since the last that failed */
    char error[300];
    json_t *pods, *statuses;
};

struct check_probe {
    struct check_probe_opts o;
    char *path;
    struct caller *caller; /* NULL: through the service proxy */
    unsigned turn;         /* whose of the addresses it is */
    struct loop_timer *timer;
    uint64_t interval_ns, next_ns, started_ns;
    VEC(struct shot *) flights;
    unsigned age;
    struct figures f;
    bool answered_last; /* what the last request came to */
    bool seen;          /* any outcome since the reset, or before it */
    bool armed;         /* failures count: it has answered */
    bool existed;       /* the service was there at the reset */
    struct {
        uint64_t slot;
        enum outcome worst;
    } cells[CHECK_PROBE_CELLS];
};

static uint64_t now_ns(const struct check_probe *p)
{
    return loop_mono_ns(p->o.loop);
}

/* ---- counting ---- */

static void count(json_t *counts, const char *key)
{
    if (key[0] != '\0') {
        json_int_t n = json_integer_value(json_object_get(counts, key));
        json_object_set_new(counts, key, json_integer(n + 1));
    }
}

/* An outage is from the first request that failed to the first that did not. */
static void measure_outage(struct check_probe *p, uint64_t until_ns)
{
    struct figures *f = &p->f;
    if (f->out_from_ns > 0 && until_ns - f->out_from_ns > f->longest_ns) {
        f->longest_ns = until_ns - f->out_from_ns;
        f->longest_us = f->out_from_us;
    }
}

static void take_failure(struct check_probe *p, const struct shot *s)
{
    struct figures *f = &p->f;
    f->sent++;
    f->failed++;
    f->in_a_row = 0;
    f->first_bad_ns = f->first_bad_ns == 0 ? s->sent_ns : f->first_bad_ns;
    f->last_bad_ns = s->sent_ns > f->last_bad_ns ? s->sent_ns : f->last_bad_ns;
    if (f->out_from_ns == 0 || s->sent_ns < f->out_from_ns) {
        f->out_from_ns = s->sent_ns;
        f->out_from_us = s->sent_us;
    }
    measure_outage(p, s->sent_ns + p->interval_ns);
}

static void take_success(struct check_probe *p, const struct shot *s, enum outcome out)
{
    struct figures *f = &p->f;
    f->sent++;
    f->answered++;
    f->in_a_row += s->sent_ns > f->last_bad_ns;
    f->slow += out == OUT_SLOW;
    if (f->out_from_ns > 0 && s->sent_ns > f->out_from_ns) {
        measure_outage(p, s->sent_ns);
        f->out_from_ns = 0;
    }
}

static void draw(struct check_probe *p, uint64_t sent_ns, enum outcome out)
{
    uint64_t slot = sent_ns / SLOT;
    size_t i = slot % CHECK_PROBE_CELLS;
    if (p->cells[i].slot != slot) {
        p->cells[i].slot = slot;
        p->cells[i].worst = OUT_OPEN;
    }
    if (out > p->cells[i].worst) {
        p->cells[i].worst = out;
    }
}

/* ---- what an answer means ---- */

static bool is_api_error(const struct kube_answer *a)
{
    return a->status >= 400 && str_eq(jx_get_str(a->answer, "kind", ""), "Status") &&
           str_eq(jx_get_str(a->answer, "status", ""), "Failure");
}

static bool is_absent(const struct kube_answer *a)
{
    return a->status == 404 && is_api_error(a);
}

static bool is_late(const struct kube_answer *a)
{
    return a->took_ns >= TIMEOUT || (a->status == 0 && a->err->code == ERR_TIMEOUT);
}

static enum outcome outcome_of(const struct check_probe *p, const struct kube_answer *a)
{
    bool late = is_late(a);
    if (p->caller != NULL && (a->status == 0 || a->status >= 400)) {
        return OUT_FAILED; /* whoever was called: it is not what the callers want */
    }
    if (a->status == 0 && !late) {
        return OUT_NOTHING; /* the API itself does not answer */
    }
    if (is_absent(a)) {
        return p->existed ? OUT_FAILED : OUT_NOTHING;
    }
    if (a->status >= 500 || late) {
        return OUT_FAILED;
    }
    if (is_api_error(a)) {
        return OUT_NOTHING; /* not allowed, most likely */
    }
    return (int64_t)(a->took_ns / 1000000) > p->o.probe->slow_ms ? OUT_SLOW : OUT_OK;
}

static void take_error(struct check_probe *p, const struct shot *s, const struct kube_answer *a)
{
    cleanup_free char *code = xasprintf("answered %d", a->status);
    const char *why = is_late(a)       ? "no answer within 1 s"
                      : a->status == 0 ? a->err->msg
                      : is_api_error(a) && p->caller == NULL
                          ? jx_get_str(a->answer, "message", code)
                          : code;
    snprintf(p->f.error, sizeof(p->f.error), "%s%s%.150s", s->address,
             s->address[0] != '\0' ? ": " : "", why);
}

static void take_sender(struct check_probe *p, const struct kube_answer *a)
{
    struct answer_sender sender;
    char code[16];
    snprintf(code, sizeof(code), "%d", a->status);
    answer_read(a->text, a->answer, &sender);
    count(p->f.pods, sender.pod);
    count(p->f.statuses, code);
}

static void take(struct check_probe *p, const struct shot *s, const struct kube_answer *a)
{
    if (!p->seen) {
        p->seen = true;
        p->existed = !is_absent(a) && a->status != 0;
    }
    enum outcome out = outcome_of(p, a);
    bool good = out == OUT_OK || out == OUT_SLOW;
    p->answered_last = good;
    p->armed |= good;
    if (out == OUT_FAILED) {
        take_error(p, s, a);
    }
    if (out == OUT_FAILED && !p->armed) {
        out = OUT_NOTHING; /* it was never there to fail */
    }
    draw(p, s->sent_ns, out);
    if (out == OUT_FAILED) {
        take_failure(p, s);
    } else if (good) {
        take_success(p, s, out);
        take_sender(p, a);
    }
}

/* ---- requests ---- */

static void on_answer(void *arg, const struct kube_answer *a)
{
    struct shot *s = arg;
    struct check_probe *p = s->probe;
    for (size_t i = 0; i < p->flights.n; i++) {
        if (p->flights.v[i] == s) {
            vec_remove(&p->flights, i);
            break;
        }
    }
    if (s->age == p->age) {
        take(p, s, a);
    }
    free(s);
}

/* Each line of the learner's file in turn, as it stands there now; "" when it names none. */
static void next_address(struct check_probe *p, char *buf, size_t size)
{
    cleanup_free char *path = xasprintf("%s/%s", p->o.workdir, p->o.probe->addresses);
    FILE *file = fopen(path, "re");
    char lines[MAX_ADDRESSES][ADDRESS_SIZE];
    unsigned n = 0;
    while (file != NULL && n < MAX_ADDRESSES && fgets(lines[n], ADDRESS_SIZE, file) != NULL) {
        char *line = lines[n];
        size_t from = strspn(line, " \t");
        memmove(line, line + from, strlen(line + from) + 1);
        line[strcspn(line, " \t\r\n#")] = '\0';
        n += line[0] != '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
    str_copy(buf, size, n > 0 ? lines[p->turn++ % n] : "");
}

static void answer_nobody(void *arg)
{
    struct shot *s = arg;
    struct err err;
    struct kube_answer a = {.text = "", .err = &err};
    err_set(&err, ERR_NOT_FOUND, "%s names no address", s->probe->o.probe->addresses);
    on_answer(s, &a);
}

static void call(struct check_probe *p, struct shot *s)
{
    if (p->o.probe->addresses != NULL) {
        next_address(p, s->address, sizeof(s->address));
    } else {
        str_copy(s->address, sizeof(s->address), p->o.probe->url);
    }
    if (s->address[0] == '\0') {
        loop_defer(p->o.loop, answer_nobody, s);
    } else {
        caller_get(p->caller, s->address, p->path, TIMEOUT, on_answer, s);
    }
}

static void shoot(struct check_probe *p)
{
    struct shot *s = xnew(struct shot);
    *s = (struct shot){p, now_ns(p), loop_wall_us(p->o.loop), p->age, ""};
    vec_push(&p->flights, s);
    if (p->caller != NULL) {
        call(p, s);
    } else {
        kube_get(p->o.kube, p->path, TIMEOUT, on_answer, s);
    }
}

/* At a steady pace; after a gap it goes on from now. */
static void on_timer(void *arg)
{
    struct check_probe *p = arg;
    uint64_t now = now_ns(p);
    if (p->flights.n < p->o.probe->per_second + SPARE_FLIGHTS) {
        shoot(p);
    }
    p->next_ns += p->interval_ns;
    if (p->next_ns <= now) {
        p->next_ns = now + p->interval_ns;
    }
    loop_timer_start(p->timer, p->next_ns - now);
}

/* ---- for others ---- */

struct check_probe *check_probe_new(const struct check_probe_opts *opts)
{
    const struct lab_probe *probe = opts->probe;
    const char *path = probe->path != NULL ? probe->path : "/";
    struct check_probe *p = xnew(struct check_probe);
    p->o = *opts;
    if (probe->service != NULL) {
        p->path = xasprintf("/api/v1/namespaces/%s/services/%s/proxy%s%s",
                            opts->ns != NULL ? opts->ns : "default", probe->service,
                            path[0] == '/' ? "" : "/", path);
    } else {
        p->path = xstrdup(path);
        p->caller = caller_new(opts->kube);
    }
    p->interval_ns = LOOP_S(1) / (probe->per_second > 0 ? probe->per_second : 1);
    p->timer = loop_timer_new(opts->loop, on_timer, p);
    p->f.pods = json_object();
    p->f.statuses = json_object();
    return p;
}

static void forget_flights(struct check_probe *p)
{
    for (size_t i = 0; i < p->flights.n; i++) {
        kube_forget(p->o.kube, p->flights.v[i]);
        caller_forget(p->caller, p->flights.v[i]);
        loop_undefer(p->o.loop, p->flights.v[i]);
        free(p->flights.v[i]);
    }
    p->flights.n = 0;
}

void check_probe_free(struct check_probe *p)
{
    if (p == NULL) {
        return;
    }
    forget_flights(p);
    vec_fini(&p->flights);
    caller_free(p->caller);
    loop_timer_free(p->timer);
    json_decref(p->f.pods);
    json_decref(p->f.statuses);
    free(p->path);
    free(p);
}

void check_probe_start(struct check_probe *p)
{
    if (!loop_timer_active(p->timer)) {
        p->next_ns = now_ns(p);
        p->started_ns = p->started_ns > 0 ? p->started_ns : p->next_ns;
        loop_timer_start(p->timer, 0);
    }
}

void check_probe_stop(struct check_probe *p)
{
    loop_timer_stop(p->timer);
    forget_flights(p);
}

void check_probe_reset(struct check_probe *p)
{
    json_decref(p->f.pods);
    json_decref(p->f.statuses);
    p->f = (struct figures){.pods = json_object(), .statuses = json_object()};
    p->age++;
    p->armed = p->answered_last;
    p->existed = p->answered_last;
    p->seen = p->answered_last;
}

const struct lab_probe *check_probe_lab(const struct check_probe *p)
{
    return p->o.probe;
}

bool check_probe_pending(const struct check_probe *p, uint64_t mono_ns)
{
    for (size_t i = 0; i < p->flights.n; i++) {
        if (p->flights.v[i]->age == p->age && p->flights.v[i]->sent_ns <= mono_ns) {
            return true;
        }
    }
    return false;
}

json_t *check_probe_figures(const struct check_probe *p)
{
    const struct figures *f = &p->f;
    char at[KUBE_TIME_SIZE] = "";
    if (f->longest_us > 0) {
        kube_time_format(f->longest_us, at);
    }
    uint64_t troubled = f->last_bad_ns > 0 ? f->last_bad_ns - f->first_bad_ns + p->interval_ns : 0;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:o, s:o}", "in_a_row",
                     (json_int_t)f->in_a_row, "troubled_ms", (json_int_t)(troubled / 1000000),
                     "sent", (json_int_t)f->sent, "answered", (json_int_t)f->answered, "failed",
                     (json_int_t)f->failed, "slow", (json_int_t)f->slow, "longest_outage_ms",
                     (json_int_t)(f->longest_ns / 1000000), "longest_outage_at", at, "last_error",
                     f->error, "pods", json_copy(f->pods), "statuses", json_copy(f->statuses));
}

static enum outcome outcome_at(const struct check_probe *p, uint64_t slot)
{
    size_t i = slot % CHECK_PROBE_CELLS;
    return p->cells[i].slot == slot ? p->cells[i].worst : OUT_OPEN;
}

/* A slot without a request (few are sent, or a timer came late) looks like the one before it. */
static enum check_cell cell_at(const struct check_probe *p, uint64_t slot)
{
    static const enum check_cell cells[] = {CELL_NONE, CELL_NONE, CELL_OK, CELL_SLOW, CELL_FAILED};
    uint64_t reach = p->interval_ns / SLOT;
    enum outcome out = outcome_at(p, slot);
    for (uint64_t back = 1; out == OUT_OPEN && back <= reach; back++) {
        out = outcome_at(p, slot - back);
    }
    return cells[out];
}

size_t check_probe_cells(const struct check_probe *p, enum check_cell cells[CHECK_PROBE_CELLS])
{
    uint64_t end = now_ns(p) / SLOT; /* the present one is not over */
    uint64_t n = p->started_ns > 0 ? end - p->started_ns / SLOT : 0;
    n = n < CHECK_PROBE_CELLS ? n : CHECK_PROBE_CELLS;
    for (uint64_t i = 0; i < n; i++) {
        cells[i] = cell_at(p, end - n + i);
    }
    return (size_t)n;
}
