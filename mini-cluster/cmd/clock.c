/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster clock: how long a running cluster waits before it believes something. */
#include <stdio.h>
#include <string.h>

#include "cmd/ask.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/clock.h"
#include "meta/duration.h"

#define PATH "/apis/podlab.dev/v1/clocks/cluster"

enum { MAX_WORDS = 12, TRIES = 50 };

/* What the words ask for. */
struct wish {
    bool reset;
    json_t *spec; /* a merge patch of the spec; NULL: only to be shown */
};

/* ---- words ---- */

static int unknown_field(const char *name, struct err *err)
{
    const char *near = NULL;
    unsigned best = 4;
    for (size_t i = 0; clock_fields[i] != NULL; i++) {
        unsigned d = str_distance(name, clock_fields[i], best);
        if (d < best) {
            best = d;
            near = clock_fields[i];
        }
    }
    return err_set(err, ERR_BAD_REQUEST,
                   "there is no delay \"%.60s\"%s%s; `mini-cluster clock` shows them", name,
                   near != NULL ? "; did you mean " : "", near != NULL ? near : "");
}

static bool is_field(const char *name)
{
    for (size_t i = 0; clock_fields[i] != NULL; i++) {
        if (strcmp(clock_fields[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* "grace=20s", or "grace=" for that of the preset. */
static int read_delay(const char *word, const char *equals, struct wish *w, struct err *err)
{
    uint64_t ns;
    cleanup_free char *name = xstrndup(word, (size_t)(equals - word));
    const char *value = equals + 1;
    if (!is_field(name)) {
        return unknown_field(name, err);
    }
    if (value[0] != '\0' && !duration_parse(value, &ns)) {
        return err_set(err, ERR_BAD_REQUEST,
                       "%s: \"%.60s\" is no duration such as 500ms, 20s or 1m30s", name, value);
    }
    json_object_set_new(w->spec, name, value[0] != '\0' ? json_string(value) : json_null());
    return 0;
}

/* Another preset: what differed from the one before is forgotten. */
static int read_preset(const char *word, struct wish *w, struct err *err)
{
    if (clock_find(word) == NULL) {
        return err_set(err, ERR_BAD_REQUEST,
                       "there is no clock \"%.60s\": known are %s, and reset for the one of `up`; "
                       "a delay is set by NAME=DURATION",
                       word, clock_names);
    }
    json_object_set_new(w->spec, "preset", json_string(word));
    for (size_t i = 0; clock_fields[i] != NULL; i++) {
        if (jx_get(w->spec, clock_fields[i]) == NULL) {
            json_object_set_new(w->spec, clock_fields[i], json_null());
        }
    }
    return 0;
}

static int read_words(const char *const *words, int n, struct wish *w, struct err *err)
{
    w->reset = n == 1 && strcmp(words[0], "reset") == 0;
    w->spec = n > 0 && !w->reset ? json_object() : NULL;
    for (int i = 0; i < n && !w->reset; i++) {
        const char *equals = strchr(words[i], '=');
        if ((equals != NULL ? read_delay(words[i], equals, w, err)
                            : read_preset(words[i], w, err)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- the cluster ---- */

static int must_be_good(int status, const json_t *answer, struct err *err)
{
    if (status >= 200 && status < 300) {
        return 0;
    }
    return err_set(err, ERR_INVALID, "%s", jx_str(answer, "message", "the API refused it"));
}

static int send(const struct state *s, const struct settings *set, const struct wish *w,
                json_t **ret, struct err *err)
{
    int status = 0;
    json_auto_t *patch = w->spec != NULL ? json_pack("{s:O}", "spec", w->spec) : NULL;
    const char *method = w->reset ? "DELETE" : patch != NULL ? "PATCH" : "GET";
    if (ask_to(s, set, method, PATH, patch, &status, ret, err) < 0) {
        return -1;
    }
    return must_be_good(status, *ret, err);
}

/* The object once its status is that of the spec: a change counts a moment after its answer. */
static int wait_for(const struct state *s, const struct settings *set, json_t **obj,
                    struct err *err)
{
    for (int i = 0; i < TRIES; i++) {
        int status = 0;
        json_t *now = NULL;
        int64_t want = jx_int(*obj, "metadata.generation", 1);
        if (jx_int(*obj, "status.observedGeneration", 0) >= want) {
            return 0;
        }
        if (ask(s, set, PATH, &status, &now, err) < 0) {
            return -1;
        }
        json_decref(*obj);
        *obj = now;
    }
    return err_set(err, ERR_TIMEOUT, "the cluster has not taken the clock over yet");
}

static int apply(const struct cmd_flags *f, const struct wish *w, json_t **ret, struct err *err)
{
    cleanup_state struct state s = {.lock_fd = -1};
    cleanup_settings struct settings set = {0};
    if (state_find(&s, f->name, f->data, err) < 0 || state_load(&s, err) < 0 ||
        settings_read(&s, &set, err) < 0) {
        return -1;
    }
    if (state_pid(&s) == 0) {
        return err_set(err, ERR_UNAVAILABLE, "cluster %s is not running; `mini-cluster up` does",
                       s.name);
    }
    json_t *obj = NULL;
    int rc = send(&s, &set, w, &obj, err);
    if (rc == 0 && w->reset) { /* what comes instead of it */
        json_decref(obj);
        obj = json_object();
    }
    rc = rc == 0 ? wait_for(&s, &set, &obj, err) : rc;
    if (rc < 0) {
        json_decref(obj);
        return -1;
    }
    *ret = obj;
    return 0;
}

/* ---- saying ---- */

static void print_text(const json_t *obj)
{
    static const char *const meanings[] = {
        "a node says this often that it lives",
        "a node that is silent this long is NotReady",
        "pods of a node that is NotReady this long are given up",
        "a container that crashed again waits this long, then twice as long",
        "... and never longer than this",
        "a container that ran this long begins with the first wait again",
        "an image that cannot be pulled is tried again after this long",
        "... and never later than this",
    };
    const char *preset = jx_str(obj, "status.preset", "");
    const struct clock *usual = clock_find(preset);
    printf("clock %s\n", preset);
    for (size_t i = 0; clock_fields[i] != NULL; i++) {
        char text[32] = "";
        const char *now = jx_get_str(jx_obj(obj, "status"), clock_fields[i], "");
        if (usual != NULL) {
            duration_format(text, clock_get(usual, clock_fields[i]));
        }
        printf("  %-18s %-8s %s", clock_fields[i], now, meanings[i]);
        if (strcmp(now, text) != 0) {
            printf(" (%s: %s)", preset, text);
        }
        putchar('\n');
    }
}

static void print_json(const json_t *obj)
{
    json_auto_t *status = jx_edit(jx_obj(obj, "status"));
    json_object_del(status, "observedGeneration");
    cleanup_free char *text = jx_dump_pretty(status);
    puts(text);
}

int cmd_clock(int argc, char **argv)
{
    struct cmd_flags f = CMD_FLAGS_INIT;
    const struct option_row rows[] = {CMD_ROW_DATA(&f), CMD_ROW_NAME(&f), CMD_ROW_OUTPUT(&f), {0}};
    const struct options o = {
        .usage = "mini-cluster clock [lab|kubernetes|swarm|mesos|reset] [NAME=DURATION ...]",
        .summary = "Shows how long a running cluster waits before it believes something, or "
                   "changes it: another preset, single delays (`grace=20s eviction=1s`; `grace=` "
                   "is the preset's again), or reset, which is what `up` was told. A change counts "
                   "at once, for waits that are under way, too.",
        .rows = rows,
        .max_words = MAX_WORDS,
    };
    const char *words[MAX_WORDS];
    int n;
    bool bad;
    enum options_result parsed = options_parse(&o, argc, argv, words, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    bool json = cmd_wants_json(&f, &bad);
    if (bad) {
        return 2;
    }
    struct err err = {0};
    struct wish w = {0};
    json_t *obj = NULL;
    int rc = read_words(words, n, &w, &err);
    rc = rc == 0 ? apply(&f, &w, &obj, &err) : rc;
    json_decref(w.spec);
    if (rc < 0) {
        fprintf(stderr, "mini-cluster clock: %s\n", err.msg);
        return cmd_failed(&err);
    }
    (json ? print_json : print_text)(obj);
    json_decref(obj);
    return 0;
}
