/* SPDX-License-Identifier: Apache-2.0 */
/* A subnet that was free a moment ago may be somebody else's now: Docker's own refusal of a second
 * network with it is the lock. */
#include "runtime/docker/docker.h"

#include "common/loop.h"
#include "runtime/docker/docker_impl.h"

#define RESERVE_NS LOOP_S(20) /* a daemon that starts is slow */

struct reservation {
    bool done;
    enum runtime_result result;
    struct err *err;
};

static void reserved(void *arg, enum runtime_result result, const struct runtime_status *st,
                     const struct err *err)
{
    struct reservation *r = arg;
    r->done = true;
    r->result = result;
    if (result != RUNTIME_OK) {
        *r->err = *err;
    }
}

int docker_reserve(const struct docker_opts *opts, struct err *err)
{
    struct reservation r = {.result = RUNTIME_UNKNOWN, .err = err};
    struct runtime rt;
    struct loop *loop = loop_new();
    int rc = docker_new(loop, opts, &rt, err);
    if (rc == 0) {
        docker_network_make(rt.self, reserved, &r);
        if (!loop_run_until(loop, &r.done, RESERVE_NS)) {
            err_set(err, ERR_UNAVAILABLE, "Docker does not answer");
        }
        rt.ops->free(rt.self);
        rc = r.result == RUNTIME_OK ? 0 : -1;
    }
    loop_free(loop);
    return rc;
}
