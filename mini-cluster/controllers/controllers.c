/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the controllers, each on its own, and ends them. */
#include "controllers/controllers.h"

#include "common/mem.h"
#include "controllers/controller.h"

static const struct controller_ops *const all[] = {
    &deployment_controller,     &endpoints_controller,      &garbage_controller,
    &namespace_controller,      &node_lifecycle_controller, &replicaset_controller,
    &serviceaccount_controller,
};

struct controllers {
    void *running[ARRAY_LEN(all)];
};

struct controllers *controllers_new(struct api *api, const struct clock *const *clock)
{
    struct controllers *c = xnew(struct controllers);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        c->running[i] = all[i]->create(api, clock);
    }
    return c;
}

void controllers_free(struct controllers *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i]->destroy(c->running[i]);
    }
    free(c);
}

void controllers_clock_changed(struct controllers *c, const struct clock *before)
{
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i]->clock_changed != NULL) {
            all[i]->clock_changed(c->running[i], before);
        }
    }
}

void controllers_forgive(struct controllers *c)
{
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i]->forgive != NULL) {
            all[i]->forgive(c->running[i]);
        }
    }
}
