/* SPDX-License-Identifier: Apache-2.0 */
/* Opens Docker or the fake runtime for a cluster. */
#include "cmd/engine.h"

#include <stdio.h>
#include <string.h>

#include "common/str.h"
#include "core.h"
#include "runtime/docker/docker.h"

int engine_choose(const char *wish, const char **ret_runtime, char *ret_subnet, struct err *err)
{
    bool automatic = wish == NULL || strcmp(wish, "auto") == 0;
    if (!automatic && strcmp(wish, "fake") == 0) {
        str_copy(ret_subnet, 24, "10.77.0.0/16");
        *ret_runtime = "fake";
        return 0;
    }
    if (docker_free_subnet(NULL, ret_subnet, err) < 0) {
        size_t n = strlen(err->msg);
        if (automatic) {
            str_copy(err->msg + n, sizeof(err->msg) - n,
                     "\nWithout Docker: --runtime fake has the whole API, and only pretends to run "
                     "containers");
        }
        return -1;
    }
    *ret_runtime = "docker";
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
    if (!core_addresses(set->subnet, &at)) {
        return err_set(err, ERR_INVALID,
                       "%s/settings.json: subnet \"%s\" is not of the form A.B.0.0/16", s->dir,
                       set->subnet);
    }
    char bridge[16];
    snprintf(bridge, sizeof(bridge), "podlab%.8s", set->uid); /* 15 bytes are the limit */
    struct runtime_cluster cluster = {
        .name = s->name,
        .uid = set->uid,
        .subnet = set->subnet,
        .gateway = at.gateway,
        .ip_range = at.ip_range,
        .bridge = bridge,
    };
    return docker_new(loop, &(struct docker_opts){.cluster = &cluster}, &ret->rt, err);
}

void engine_close(struct engine *e)
{
    if (e->rt.ops != NULL) {
        e->rt.ops->free(e->rt.self);
    }
    fake_free(e->fake);
    *e = (struct engine){0};
}
