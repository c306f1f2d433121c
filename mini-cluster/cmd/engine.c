/* SPDX-License-Identifier: Apache-2.0 */
/* Opens Docker, the process runtime or the fake one for a cluster. */
#include "cmd/engine.h"

#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "core.h"
#include "runtime/docker/docker.h"
#include "runtime/process/process.h"

enum { DOCKER_SPARES = 24 }; /* about 200 MB */
enum { MAX_SUBNETS = 20 };   /* tries, when others take the same ones at the same time */

static int free_subnet(const char *runtime, const char *taken, char *ret, struct err *err)
{
    return strcmp(runtime, "docker") == 0 ? docker_free_subnet(NULL, taken, ret, err)
                                          : process_free_subnet(taken, ret, err);
}

int engine_choose(const char *wish, const char **ret_runtime, char *ret_subnet, struct err *ret_why,
                  struct err *err)
{
    bool automatic = wish == NULL || strcmp(wish, "auto") == 0;
    *ret_why = (struct err){0};
    *ret_runtime = automatic || strcmp(wish, "docker") == 0 ? "docker"
                   : strcmp(wish, "fake") == 0              ? "fake"
                                                            : "process";
    if (strcmp(*ret_runtime, "fake") == 0) {
        str_copy(ret_subnet, 24, "10.77.0.0/16");
        return 0;
    }
    if (free_subnet(*ret_runtime, NULL, ret_subnet, err) == 0) {
        return 0;
    }
    if (!automatic) {
        return -1;
    }
    *ret_why = *err;
    *ret_runtime = "process";
    return free_subnet(*ret_runtime, NULL, ret_subnet, err);
}

/* The runtime's view of the cluster; the strings are borrowed, or stand in *at and `bridge`. */
static int describe(const struct state *s, const struct settings *set, struct core_addresses *at,
                    char bridge[16], struct runtime_cluster *ret, struct err *err)
{
    if (!core_addresses(set->subnet, at)) {
        return err_set(err, ERR_INVALID,
                       "%s/settings.json: subnet \"%s\" is not of the form A.B.0.0/16", s->dir,
                       set->subnet);
    }
    snprintf(bridge, 16, "podlab%.8s", set->uid); /* 15 bytes are the limit */
    *ret = (struct runtime_cluster){
        .name = s->name,
        .uid = set->uid,
        .subnet = set->subnet,
        .gateway = at->gateway,
        .ip_range = at->ip_range,
        .bridge = bridge,
    };
    return 0;
}

int engine_open(struct loop *loop, const struct state *s, const struct settings *set,
                struct engine *ret, struct err *err)
{
    *ret = (struct engine){0};
    if (strcmp(set->runtime, "fake") == 0) {
        ret->fake = fake_new(loop, &(struct fake_opts){0});
        fake_runtime(ret->fake, &ret->rt);
        return 0;
    }
    struct core_addresses at;
    struct runtime_cluster cluster;
    char bridge[16];
    if (describe(s, set, &at, bridge, &cluster, err) < 0) {
        return -1;
    }
    if (strcmp(set->runtime, "process") == 0) {
        cleanup_free char *dir = state_path(s, "process");
        return process_new(loop, &(struct process_opts){.cluster = &cluster, .dir = dir}, &ret->rt,
                           err);
    }
    return docker_new(loop, &(struct docker_opts){.cluster = &cluster}, &ret->rt, err);
}

unsigned engine_spares(const struct settings *set)
{
    if (set->spares >= 0) {
        return (unsigned)set->spares;
    }
    return strcmp(set->runtime, "docker") == 0 ? DOCKER_SPARES : 0;
}

void engine_close(struct engine *e)
{
    if (e->rt.ops != NULL) {
        e->rt.ops->free(e->rt.self);
    }
    fake_free(e->fake);
    *e = (struct engine){0};
}

void engine_leave(struct engine *e)
{
    if (e->rt.ops != NULL && strcmp(e->rt.ops->name, "docker") == 0) {
        docker_leave(&e->rt);
    }
    engine_close(e);
}

/* ---- before and after the cluster's own process ---- */

static int try_reserve(const struct state *s, struct err *err)
{
    cleanup_settings struct settings set = {0};
    struct core_addresses at;
    struct runtime_cluster cluster;
    char bridge[16];
    if (settings_read(s, &set, err) < 0) {
        return -1;
    }
    if (strcmp(set.runtime, "process") == 0) {
        return process_reserve(set.subnet, err);
    }
    if (strcmp(set.runtime, "docker") != 0) {
        return 0;
    }
    if (describe(s, &set, &at, bridge, &cluster, err) < 0) {
        return -1;
    }
    return docker_reserve(&(struct docker_opts){.cluster = &cluster}, err);
}

int engine_reserve(struct state *s, struct err *err)
{
    cleanup_str struct str taken = STR_INIT; /* Docker lists a network only when it is complete */
    for (int i = 0; i < MAX_SUBNETS; i++) {
        char subnet[24];
        if (try_reserve(s, err) == 0) {
            return 0;
        }
        str_add_f(&taken, "%s ", jx_str(s->settings, "subnet", ""));
        if (err->code != ERR_ALREADY_EXISTS ||
            free_subnet(jx_str(s->settings, "runtime", ""), str_c(&taken), subnet, err) < 0) {
            return -1;
        }
        jx_put_str(s->settings, "subnet", subnet);
        if (state_save(s, err) < 0) {
            return -1;
        }
    }
    return -1;
}

struct end {
    bool done;
    enum runtime_result result;
    struct err err;
};

static void on_destroyed(void *arg, enum runtime_result result, const struct runtime_status *st,
                         const struct err *err)
{
    struct end *e = arg;
    e->done = true;
    e->result = result;
    e->err = *err;
}

int engine_destroy(const struct state *s, struct err *err)
{
    cleanup_settings struct settings set = {0};
    struct engine engine = {0};
    struct end end = {0};
    if (settings_read(s, &set, err) < 0) {
        return -1;
    }
    struct loop *loop = loop_new();
    int rc = engine_open(loop, s, &set, &engine, err);
    if (rc == 0) {
        engine.rt.ops->destroy(engine.rt.self, on_destroyed, &end);
        loop_run_until(loop, &end.done, LOOP_S(60));
        if (!end.done) {
            rc = err_set(err, ERR_TIMEOUT, "%s did not remove everything within 60 s",
                         strcmp(set.runtime, "docker") == 0 ? "Docker" : "the runtime");
        } else if (end.result != RUNTIME_OK) {
            *err = end.err;
            rc = -1;
        }
    }
    engine_close(&engine);
    loop_free(loop);
    return rc;
}
