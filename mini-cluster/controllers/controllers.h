/* SPDX-License-Identifier: Apache-2.0 */
/* Look at what is, make it a little more like what was asked; one file per controller. */
#ifndef CONTROLLERS_CONTROLLERS_H
#define CONTROLLERS_CONTROLLERS_H

struct api;
struct clock;
struct controllers;

/* Starts all of them, each as a system user of its own. `clock` is read at every use, so that its
 * owner may change what it points to while the cluster runs. */
struct controllers *controllers_new(struct api *api, const struct clock *const *clock);
void controllers_free(struct controllers *c);
/* What `clock` points to is another now: waits that are under way follow it at once. */
void controllers_clock_changed(struct controllers *c, const struct clock *before);
/* Nothing could be heard for a while (the store took no writes): every grace period begins again. */
void controllers_forgive(struct controllers *c);

#endif
