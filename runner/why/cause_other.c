/* SPDX-License-Identifier: Apache-2.0 */
/* What is not read from pods: no cluster, figures of traffic, scripts, deadlines; and the honest
 * answer when nothing was found. */
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/units.h"
#include "why/causes.h"

static void say_message(const struct scene *s, struct finding *f)
{
    const char *message = s->message != NULL && s->message[0] != '\0' ? s->message : "no answer";
    size_t n = strcspn(message, "\n");
    n -= n > 0 && message[n - 1] == '.' ? 1 : 0;
    cleanup_free char *line = xstrndup(message, n < 160 ? n : 160);
    finding_text(f, "message", line);
}

bool cause_silent(const struct scene *s, struct finding *f)
{
    if (!s->unanswered && s->state != CHECK_UNKNOWN) {
        return false;
    }
    say_message(s, f);
    f->words = s->unanswered ? "unknown.silent" : "unknown.expression";
    return true;
}

/* ---- traffic ---- */

/* "no endpoints available for service" is what the proxy of every cluster says. */
static void say_outage(const struct scene *s, struct finding *f)
{
    const char *error = jx_str(s->seen, "last_error", "");
    int64_t at;
    if (kube_time(jx_str(s->seen, "longest_outage_at", ""), &at)) {
        finding_span(f, "age", s->now_us > at ? s->now_us - at : 0);
    }
    finding_span(f, "outage", jx_int(s->seen, "longest_outage_ms", 0) * 1000);
    finding_text(f, "error", error[0] != '\0' ? error : "no answer");
    finding_words(f, "detail",
                  strstr(error, "no endpoints") != NULL ? "outage.endpoints" : "outage.other");
}

bool cause_requests_failed(const struct scene *s, struct finding *f)
{
    int64_t failed = jx_int(s->seen, "failed", 0);
    if (s->judged->kind != LAB_PROBE) {
        return false;
    }
    if (s->seen == NULL || jx_int(s->seen, "sent", 0) == 0) {
        const char *error = jx_str(s->seen, "last_error", "");
        finding_text(f, "error", error);
        f->words = error[0] != '\0' && s->service[0] == '\0' ? "unknown.never" : "unknown.waiting";
        return true;
    }
    finding_number(f, "failed", failed);
    finding_number(f, "sent", jx_int(s->seen, "sent", 0));
    finding_number(f, "slow", jx_int(s->seen, "slow", 0));
    if (failed == 0) {
        f->words = "requests-failed.slow";
        return true;
    }
    char number[24];
    snprintf(number, sizeof(number), "%lld", (long long)failed);
    say_outage(s, f);
    if (s->serves != NULL) {
        finding_saw(f, s->serves, "failed requests", number,
                    jx_str(s->seen, "longest_outage_at", NULL));
    }
    f->words = "requests-failed";
    return true;
}

/* ---- scripts ---- */

static char *last_line(const char *text)
{
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL) {
        n--;
    }
    size_t from = n;
    while (from > 0 && text[from - 1] != '\n') {
        from--;
    }
    return xstrndup(text + from, n - from < 160 ? n - from : 160);
}

bool cause_exit_status(const struct scene *s, struct finding *f)
{
    if (s->judged->kind != LAB_SHELL || s->seen == NULL) {
        return false;
    }
    cleanup_free char *line = last_line(jx_str(s->seen, "output", ""));
    finding_number(f, "status", jx_int(s->seen, "status", 0));
    finding_text(f, "text", line[0] != '\0' ? line : "");
    f->words = jx_bool(s->seen, "timed_out", false) ? "exit-status.late"
               : line[0] == '\0'                    ? "exit-status.silent"
                                                    : "exit-status";
    return true;
}

/* ---- the end of the list ---- */

bool cause_too_late(const struct scene *s, struct finding *f)
{
    if (s->state != CHECK_BROKEN || s->check->within_ms == 0) {
        return false;
    }
    finding_span(f, "limit", s->check->within_ms * 1000);
    finding_words(f, "last", s->clause != NULL ? "late.still" : "late.now");
    f->words = "too-late";
    return true;
}

static void say_clause(const struct scene *s, struct finding *f)
{
    const json_t *got = jx_get(s->clause, "got");
    cleanup_free char *value = jx_dump_text(got);
    size_t n = strlen(value);
    cleanup_free char *cut = n > 60 ? xasprintf("%.60s...", value) : xstrdup(value);
    const char *clause = jx_get_str(s->clause, "clause", "");
    cleanup_free char *text = strlen(clause) > 80 ? xasprintf("%.80s...", clause) : xstrdup(clause);
    finding_text(f, "clause", text);
    finding_text(f, "got", cut);
}

/* Says what was seen, and never guesses. */
bool cause_unknown(const struct scene *s, struct finding *f)
{
    f->words = "unknown";
    if (s->clause != NULL) {
        say_clause(s, f);
        f->words = "unknown.clause";
    }
    if (s->state == CHECK_BROKEN) {
        finding_words(f, "detail", s->clause != NULL ? "broken.clause" : "broken.now");
        f->words = "not-kept";
    }
    return true;
}
