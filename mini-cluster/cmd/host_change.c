/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster host on, off, pause, resume, cut, join, add, remove: changes the Host object, and
 * waits until its status says that it is so. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/ask.h"
#include "cmd/host.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/name.h"
#include "meta/quantity.h"

enum { POLL_MS = 30 };

/* ---- the API ---- */

int host_change_ask(const struct host_api *api, const char *method, const char *path,
                    const json_t *body, json_t **ret, struct err *err)
{
    int status = 0;
    json_t *answer = NULL;
    if (ask_to(api->state, api->settings, method, path, body, &status, &answer, err) < 0) {
        return -1;
    }
    if (status >= 200 && status < 300) {
        *ret = answer;
        return 0;
    }
    enum err_code code = status == 404 ? ERR_NOT_FOUND : status == 409 ? ERR_CONFLICT : ERR_INVALID;
    err_set(err, code, "%s",
            json_is_string(answer) ? json_string_value(answer)
                                   : jx_str(answer, "message", "the API refused it"));
    json_decref(answer);
    return -1;
}

static int get_host(const struct host_request *r, const char *name, json_t **ret, struct err *err)
{
    cleanup_free char *path = xasprintf(HOST_PATH "/%s", name);
    return host_change_ask(&r->api, "GET", path, NULL, ret, err);
}

/* "there is no host x; there are a, b". */
static int say_unknown(const struct host_request *r, const char *name, struct err *err)
{
    cleanup_str struct str names = STR_INIT;
    json_t *list = NULL;
    size_t i;
    json_t *host;
    if (host_change_ask(&r->api, "GET", HOST_PATH, NULL, &list, err) < 0) {
        return -1;
    }
    jx_each(i, host, jx_arr(list, "items"))
    {
        str_add_f(&names, "%s%s", names.len > 0 ? ", " : "", jx_str(host, "metadata.name", ""));
    }
    json_decref(list);
    return err_set(err, ERR_NOT_FOUND, "there is no host \"%.100s\"; there are %.300s", name,
                   str_c(&names));
}

static int find_host(const struct host_request *r, const char *name, json_t **ret, struct err *err)
{
    if (get_host(r, name, ret, err) == 0) {
        return 0;
    }
    return err->code == ERR_NOT_FOUND ? say_unknown(r, name, err) : -1;
}

/* ---- waiting ---- */

static int64_t mono_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The status is that of the wish, not of the one before. */
static bool is_reached(const struct host_verb *v, const json_t *host)
{
    char path[32];
    snprintf(path, sizeof(path), "status.%s", v->field);
    return str_eq(jx_str(host, path, ""), v->value) &&
           jx_int(host, "status.observedGeneration", 0) >= jx_int(host, "metadata.generation", 1);
}

static int too_late(const struct host_request *r, const char *name, const json_t *host,
                    struct err *err)
{
    return err_set(err, ERR_TIMEOUT,
                   "%s was not %s within %d s: its power is %s, its network %s. It is still tried; "
                   "`kubectl describe host %s` says what keeps it",
                   name, r->verb->done, (int)r->timeout_s, jx_str(host, "status.power", "unknown"),
                   jx_str(host, "status.network", "unknown"), name);
}

/* Until its status says so; *ret is the object then, NULL when it is gone. */
static int wait_for(const struct host_request *r, const char *name, int64_t end_ms, json_t **ret,
                    struct err *err)
{
    for (;;) {
        json_t *host = NULL;
        int rc = get_host(r, name, &host, err);
        bool gone = rc < 0 && err->code == ERR_NOT_FOUND;
        if (rc < 0 && !gone) {
            return -1;
        }
        if (r->verb->field == NULL ? gone : (rc == 0 && is_reached(r->verb, host))) {
            *ret = host;
            return 0;
        }
        if (gone) {
            return err_set(err, ERR_NOT_FOUND, "host %s was removed meanwhile", name);
        }
        if (mono_ms() >= end_ms) {
            too_late(r, name, host, err);
            json_decref(host);
            return -1;
        }
        json_decref(host);
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
}

/* ---- saying ---- */

static void say_done(const struct host_request *r, const char *name, const json_t *host)
{
    const char *power = jx_str(host, "status.power", "");
    const char *network = jx_str(host, "status.network", "");
    printf("%s %s%s", name, r->no_wait ? "will be " : "", r->verb->done);
    if (!r->no_wait && strcmp(r->verb->value != NULL ? r->verb->value : "", "On") == 0 &&
        strcmp(network, "Partitioned") == 0) {
        printf(", and still cut off the network");
    }
    if (!r->no_wait && str_eq(r->verb->field, "network") && strcmp(power, "On") != 0) {
        printf(", and it is %s", power);
    }
    putchar('\n');
}

/* Waits for each, and says of each. */
static int wait_for_all(struct host_request *r, struct err *err)
{
    json_auto_t *rows = json_array();
    int64_t end_ms = mono_ms() + r->timeout_s * 1000;
    int rc = 0;
    for (int i = 0; i < r->n && rc == 0; i++) {
        json_t *host = NULL;
        if (!r->no_wait) {
            rc = wait_for(r, r->names[i], end_ms, &host, err);
        }
        if (rc == 0 && r->json && host != NULL) {
            json_array_append_new(rows, host_list_row(host, NULL));
        } else if (rc == 0 && r->json) {
            json_array_append_new(rows, json_pack("{s:s}", "name", r->names[i]));
        } else if (rc == 0) {
            say_done(r, r->names[i], host);
        }
        json_decref(host);
    }
    if (r->json && rc == 0) {
        cleanup_free char *text = jx_dump_pretty(rows);
        puts(text);
    }
    return rc;
}

/* ---- on, off, pause, resume, cut, join ---- */

static int check_switch(const struct host_request *r, const char *name, struct err *err)
{
    json_t *host = NULL;
    if (find_host(r, name, &host, err) < 0) {
        return -1;
    }
    bool off = str_eq(jx_str(host, "spec.power", "On"), "Off");
    json_decref(host);
    bool needs_on = strcmp(r->verb->name, "pause") == 0 || strcmp(r->verb->name, "resume") == 0;
    if (off && needs_on) {
        return err_set(
            err, ERR_CONFLICT,
            "%s is off, so there is nothing to %s; `mini-cluster host on %s` switches it "
            "on",
            name, r->verb->name, name);
    }
    return 0;
}

/* None is switched when one of them is not there. */
int host_change_switch(struct host_request *r, struct err *err)
{
    for (int i = 0; i < r->n; i++) {
        if (check_switch(r, r->names[i], err) < 0) {
            return -1;
        }
    }
    json_auto_t *patch = json_pack("{s:{s:s}}", "spec", r->verb->field, r->verb->value);
    for (int i = 0; i < r->n; i++) {
        json_t *ret = NULL;
        cleanup_free char *path = xasprintf(HOST_PATH "/%s", r->names[i]);
        if (host_change_ask(&r->api, "PATCH", path, patch, &ret, err) < 0) {
            return -1;
        }
        json_decref(ret);
    }
    return wait_for_all(r, err);
}

/* ---- add, remove ---- */

static int check_size(const struct host_request *r, struct err *err)
{
    int64_t n;
    if (r->cpu != NULL && (!quantity_milli(r->cpu, &n) || n <= 0)) {
        return err_set(err, ERR_BAD_REQUEST, "--cpu \"%.60s\": CPUs such as 4 or 500m", r->cpu);
    }
    if (r->memory != NULL && (!quantity_units(r->memory, &n) || n <= 0)) {
        return err_set(err, ERR_BAD_REQUEST, "--memory \"%.60s\": bytes such as 4Gi or 512Mi",
                       r->memory);
    }
    return 0;
}

static int add_one(const struct host_request *r, const char *name, struct err *err)
{
    json_t *ret = NULL;
    json_auto_t *capacity = json_object();
    if (r->cpu != NULL) {
        json_object_set_new(capacity, "cpu", json_string(r->cpu));
    }
    if (r->memory != NULL) {
        json_object_set_new(capacity, "memory", json_string(r->memory));
    }
    json_auto_t *obj =
        json_pack("{s:s, s:s, s:{s:s}, s:{s:O}}", "apiVersion", "podlab.dev/v1", "kind", "Host",
                  "metadata", "name", name, "spec", "capacity", capacity);
    if (host_change_ask(&r->api, "POST", HOST_PATH, obj, &ret, err) < 0) {
        if (err->code == ERR_CONFLICT) {
            err_set(err, ERR_CONFLICT, "there is a host %s already; `mini-cluster host list`",
                    name);
        }
        return -1;
    }
    json_decref(ret);
    return 0;
}

int host_change_add(struct host_request *r, struct err *err)
{
    if (check_size(r, err) < 0) {
        return -1;
    }
    for (int i = 0; i < r->n; i++) {
        const char *wrong = name_check_label(r->names[i]);
        if (wrong != NULL) {
            return err_set(err, ERR_BAD_REQUEST, "\"%.100s\" is no name for a host: %s",
                           r->names[i], wrong);
        }
    }
    for (int i = 0; i < r->n; i++) {
        if (add_one(r, r->names[i], err) < 0) {
            return -1;
        }
    }
    return wait_for_all(r, err);
}

int host_change_remove(struct host_request *r, struct err *err)
{
    for (int i = 0; i < r->n; i++) {
        json_t *host = NULL;
        if (strcmp(r->names[i], "control-plane") == 0) {
            return err_set(err, ERR_FORBIDDEN,
                           "control-plane cannot be removed: it holds the cluster's services; "
                           "`mini-cluster host off control-plane` switches it off");
        }
        if (find_host(r, r->names[i], &host, err) < 0) {
            return -1;
        }
        json_decref(host);
    }
    for (int i = 0; i < r->n; i++) {
        json_t *ret = NULL;
        cleanup_free char *path = xasprintf(HOST_PATH "/%s", r->names[i]);
        if (host_change_ask(&r->api, "DELETE", path, NULL, &ret, err) < 0) {
            return -1;
        }
        json_decref(ret);
    }
    return wait_for_all(r, err);
}
