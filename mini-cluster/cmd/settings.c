/* SPDX-License-Identifier: Apache-2.0 */
/* Turns wishes into settings, and settings into a struct. */
#include "cmd/settings.h"

#include <string.h>
#include <sys/random.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "meta/clock.h"
#include "meta/name.h"
#include "meta/quantity.h"

enum { DEFAULT_WORKERS = 3, MAX_WORKERS = 1000, MAX_SPARES = 200 };
static const char default_cpu[] = "2";
static const char default_memory[] = "2Gi";

static const char *const runtimes[] = {"docker", "process", "fake"};

static bool is_runtime(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(runtimes); i++) {
        if (strcmp(runtimes[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int random_hex(char *hex, size_t bytes, struct err *err)
{
    unsigned char raw[32];
    if (getrandom(raw, bytes, 0) != (ssize_t)bytes) {
        return err_set(err, ERR_INTERNAL, "the system gives no random bytes");
    }
    str_hex(hex, raw, bytes);
    return 0;
}

/* "a,b,c" or worker-1..n. */
static json_t *worker_names(const struct wishes *w, struct err *err)
{
    json_t *names = json_array();
    int64_t n = w->workers >= 0 ? w->workers : DEFAULT_WORKERS;
    if (w->node_names == NULL) {
        for (int64_t i = 1; i <= n; i++) {
            json_array_append_new(names, json_sprintf("worker-%d", (int)i));
        }
        return names;
    }
    cleanup_free char *text = xstrdup(w->node_names);
    char *rest = text;
    for (char *name; (name = strsep(&rest, ",")) != NULL;) {
        const char *wrong = name_check_label(name);
        size_t i;
        json_t *other;
        jx_each(i, other, names)
        {
            wrong = strcmp(json_string_value(other), name) == 0 ? "is there twice" : wrong;
        }
        if (wrong != NULL || strcmp(name, "control-plane") == 0) {
            err_set(err, ERR_BAD_REQUEST, "--node-names \"%.100s\": %s", name,
                    wrong != NULL ? wrong : "is the name of the control plane's own node");
            json_decref(names);
            return NULL;
        }
        json_array_append_new(names, json_string(name));
    }
    if (json_array_size(names) > MAX_WORKERS) {
        err_set(err, ERR_BAD_REQUEST, "--node-names: no more than %d", MAX_WORKERS);
        json_decref(names);
        return NULL;
    }
    if (w->workers >= 0 && (size_t)w->workers != json_array_size(names)) {
        err_set(err, ERR_BAD_REQUEST, "--workers %d, but --node-names names %zu", (int)w->workers,
                json_array_size(names));
        json_decref(names);
        return NULL;
    }
    return names;
}

static int check_size(const struct wishes *w, struct err *err)
{
    int64_t n;
    if (w->cpu != NULL && (!quantity_milli(w->cpu, &n) || n <= 0)) {
        return err_set(err, ERR_BAD_REQUEST, "--cpu \"%.60s\": CPUs such as 4 or 500m", w->cpu);
    }
    if (w->memory != NULL && (!quantity_units(w->memory, &n) || n <= 0)) {
        return err_set(err, ERR_BAD_REQUEST, "--memory \"%.60s\": bytes such as 4Gi or 512Mi",
                       w->memory);
    }
    return 0;
}

/* "auto" is -1. */
static bool read_spares(const char *text, int *ret)
{
    int64_t n = -1;
    bool ok = strcmp(text, "auto") == 0 || str_to_i64(text, 0, MAX_SPARES, &n);
    *ret = (int)n;
    return ok;
}

int settings_check(const struct wishes *w, struct err *err)
{
    int spares;
    if (w->spares != NULL && !read_spares(w->spares, &spares)) {
        return err_set(err, ERR_BAD_REQUEST, "--spares \"%.100s\": auto, or a number up to %d",
                       w->spares, MAX_SPARES);
    }
    if (w->clock != NULL && clock_find(w->clock) == NULL) {
        return err_set(err, ERR_BAD_REQUEST, "--clock \"%.100s\": known are %s", w->clock,
                       clock_names);
    }
    if (w->runtime != NULL && strcmp(w->runtime, "auto") != 0 && !is_runtime(w->runtime)) {
        return err_set(err, ERR_BAD_REQUEST,
                       "--runtime \"%.100s\": known are auto, docker, process and fake",
                       w->runtime);
    }
    json_auto_t *names = worker_names(w, err);
    return names != NULL ? check_size(w, err) : -1;
}

int settings_make(struct state *s, const struct wishes *w, const char *runtime, const char *subnet,
                  struct err *err)
{
    char uid[33];
    char key[65];
    char token[65];
    if (random_hex(uid, 16, err) < 0 || random_hex(key, 32, err) < 0 ||
        random_hex(token, 32, err) < 0) {
        return -1;
    }
    json_t *workers = worker_names(w, err);
    if (workers == NULL) {
        return -1;
    }
    json_decref(s->settings);
    s->settings = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "format", 1,
                            "name", s->name, "uid", uid, "key", key, "token", token, "runtime",
                            runtime, "subnet", subnet, "clock", w->clock != NULL ? w->clock : "lab",
                            "port", w->port > 0 ? (int)w->port : 0, "workers", workers);
    jx_put_str(s->settings, "cpu", w->cpu != NULL ? w->cpu : default_cpu);
    jx_put_str(s->settings, "memory", w->memory != NULL ? w->memory : default_memory);
    jx_put_str(s->settings, "spares", w->spares != NULL ? w->spares : "auto");
    return 0;
}

static int differs(const char *what, const char *has, const char *wish, struct err *err)
{
    return err_set(
        err, ERR_CONFLICT,
        "%s is %s and not %s; `mini-cluster down` ends this cluster, --name makes another", what,
        has, wish);
}

/* What the workers were made with; each may have been given another size since. */
static int compare_size(const struct state *s, const struct wishes *w, struct err *err)
{
    const char *cpu = jx_str(s->settings, "cpu", default_cpu);
    const char *memory = jx_str(s->settings, "memory", default_memory);
    const char *what = NULL;
    if (w->cpu != NULL && quantity_compare(w->cpu, cpu) != 0) {
        what = "cpu";
    } else if (w->memory != NULL && quantity_compare(w->memory, memory) != 0) {
        what = "memory";
    }
    if (what == NULL) {
        return 0;
    }
    bool is_cpu = strcmp(what, "cpu") == 0;
    return err_set(
        err, ERR_CONFLICT,
        "its workers were made with %s %s and not %s; `kubectl edit host NAME` gives one "
        "another spec.capacity while it runs, `mini-cluster host add NAME --%s %s` makes "
        "one more",
        what, is_cpu ? cpu : memory, is_cpu ? w->cpu : w->memory, what,
        is_cpu ? w->cpu : w->memory);
}

int settings_compare(const struct state *s, const struct wishes *w, bool running, struct err *err)
{
    const char *runtime = jx_str(s->settings, "runtime", "");
    if (w->runtime != NULL && strcmp(w->runtime, "auto") != 0 && strcmp(w->runtime, runtime) != 0) {
        return differs("its runtime", runtime, w->runtime, err);
    }
    const char *clock = jx_str(s->settings, "clock", "");
    if (w->clock != NULL && strcmp(w->clock, clock) != 0) {
        return err_set(err, ERR_CONFLICT,
                       "it was made with the clock %s and not %s; `mini-cluster clock %s` changes "
                       "that while it runs",
                       clock, w->clock, w->clock);
    }
    const char *spares = jx_str(s->settings, "spares", "auto");
    if (running && w->spares != NULL && strcmp(w->spares, spares) != 0) {
        return err_set(
            err, ERR_CONFLICT,
            "its spares are %s and not %s; `mini-cluster down --keep-state`, then up with "
            "--spares %s changes that",
            spares, w->spares, w->spares);
    }
    int64_t port = jx_int(s->settings, "port", 0);
    if (running && w->port > 0 && port != 0 && w->port != port) {
        return err_set(err, ERR_CONFLICT,
                       "its port is %d and not %d; `mini-cluster down --keep-state`, then up with "
                       "--port %d moves it",
                       (int)port, (int)w->port, (int)w->port);
    }
    if (compare_size(s, w, err) < 0) {
        return -1;
    }
    if (w->workers < 0 && w->node_names == NULL) {
        return 0;
    }
    json_auto_t *wish = worker_names(w, err);
    if (wish == NULL) {
        return -1;
    }
    if (!json_equal(wish, jx_arr(s->settings, "workers"))) {
        cleanup_free char *has = jx_dump_text(jx_arr(s->settings, "workers"));
        cleanup_free char *text = jx_dump_text(wish);
        return err_set(err, ERR_CONFLICT,
                       "it began with the workers %s and not %s; `mini-cluster host add` and `host "
                       "remove` change them while it runs",
                       has, text);
    }
    return 0;
}

static bool unhex(const char *hex, unsigned char *to, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(hex) != 2 * n) {
        return false;
    }
    for (size_t i = 0; i < 2 * n; i++) {
        const char *digit = strchr(digits, hex[i]);
        if (digit == NULL) {
            return false;
        }
        to[i / 2] = (unsigned char)(to[i / 2] << 4 | (unsigned char)(digit - digits));
    }
    return true;
}

static bool names_are_good(const json_t *names)
{
    size_t i;
    json_t *name;
    jx_each(i, name, names)
    {
        const char *text = json_string_value(name);
        if (text == NULL || name_check_label(text) != NULL) {
            return false;
        }
    }
    return json_array_size(names) <= MAX_WORKERS;
}

int settings_read(const struct state *s, struct settings *ret, struct err *err)
{
    const json_t *j = s->settings;
    struct settings out = {
        .uid = jx_str(j, "uid", ""),
        .token = jx_str(j, "token", ""),
        .subnet = jx_str(j, "subnet", ""),
        .runtime = jx_str(j, "runtime", ""),
        .no_docker = jx_str(j, "noDocker", ""),
        .clock = clock_find(jx_str(j, "clock", "lab")),
        .port = (int)jx_int(j, "port", 0),
    };
    if (!quantity_milli(jx_str(j, "cpu", default_cpu), &out.cpu_milli) ||
        !quantity_units(jx_str(j, "memory", default_memory), &out.memory)) {
        out.uid = "";
    }
    if (!read_spares(jx_str(j, "spares", "auto"), &out.spares) || out.uid[0] == '\0' ||
        out.token[0] == '\0' || out.clock == NULL || out.port < 0 || out.port > 65535 ||
        !is_runtime(out.runtime) || !names_are_good(jx_arr(j, "workers")) ||
        !unhex(jx_str(j, "key", ""), out.key, sizeof(out.key))) {
        return err_set(err, ERR_INVALID,
                       "%.300s/settings.json is damaged; move the folder away and start anew",
                       s->dir);
    }
    VEC(const char *) names = {0};
    size_t i;
    json_t *name;
    const json_t *workers = jx_arr(j, "workers");
    jx_each(i, name, workers)
    {
        vec_push(&names, json_string_value(name));
    }
    vec_push(&names, NULL);
    out.workers = names.v;
    *ret = out;
    return 0;
}

void settings_fini(struct settings *s)
{
    free(s->workers);
    s->workers = NULL;
}
