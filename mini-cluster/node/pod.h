/* SPDX-License-Identifier: Apache-2.0 */
/* One pod of one agent, looked at again and again until it is as it should be. */
#ifndef NODE_POD_H
#define NODE_POD_H

#include "node/node_impl.h"

struct spec_in;

/* ---- pod.c ---- */

struct pod *pod_new(struct agent *a, const char *uid, const char *ns, const char *name);
/* Forgets it; what it has at the runtime stays. */
void pod_free(struct pod *p);
struct pod *pod_find(struct nodes *n, const char *uid);
/* It may have a step to make: soon, or after a while at the latest. */
void pod_queue(struct pod *p);
void pod_queue_after(struct pod *p, uint64_t delay_ns);
/* A newer version was published; NULL: it is gone. */
void pod_set_seen(struct pod *p, const struct store_entry *e);
/* Of the queue: looks, makes one step, writes what changed. */
int pod_reconcile(void *nodes, const char *uid, struct err *err);
/* Takes its share of the host, or gives it back. */
void pod_count(struct pod *p, bool counted);
void pod_set_failed(struct pod *p, const char *reason, const char *message);
struct container *pod_add_container(struct pod *p, const char *name, enum container_kind kind);

/* ---- pod_doom.c: removing containers ---- */

/* Removes a container of this name from the runtime. */
void pod_doom(struct pod *p, const char *runtime_name);
/* The same of one that may still run: pod_doom_remains until it is gone. */
void pod_doom_alive(struct pod *p, const char *runtime_name);
bool pod_doom_remains(const struct pod *p);
/* All that the runtime may have of it is to go. */
void pod_doom_all(struct pod *p);
/* Asks again for what is still there. */
void pod_doom_step(struct pod *p);
/* They stay; nobody asks any more. */
void pod_doom_forget(struct pod *p);

/* ---- pod_turn.c ---- */

/* A pod that was not begun yet waits when so many others are busy; it is queued in its turn. */
bool pod_turn_waits(struct pod *p);
/* It was looked at: busy while anything is under way, and the next one may begin. `tree` is kept
 * parsed as long. */
void pod_turn_over(struct pod *p, const json_t *tree);
/* It is forgotten. */
void pod_turn_end(struct pod *p);

/* ---- pod_load.c ---- */

/* What it was before our time: containers from the spec, unless the record had them; how they ended
 * from the status. */
void pod_load(struct pod *p, const json_t *tree);

/* ---- pod_sandbox.c: what comes before the containers ---- */

/* Takes the pod on, or refuses it: its address and its names, to be recorded. */
void pod_sandbox_intend(struct pod *p, const json_t *tree);
/* True when the sandbox runs; else the step towards it. */
bool pod_sandbox_step(struct pod *p, const json_t *tree);
/* A free address; false when there is none. */
bool pod_take_address(struct nodes *n, char ret[16]);
/* What the container's name at the runtime stands for. */
uint64_t pod_sandbox_hash(const struct pod *p, const json_t *spec);

/* ---- pod_run.c: towards running ---- */
void pod_run(struct pod *p, const json_t *tree);
/* The container in the spec; NULL when it is not there any more. */
const json_t *pod_container_spec(const struct pod *p, const json_t *tree, const char *name);

/* ---- pod_start.c: one container, one sandbox ---- */
void pod_start_container(struct container *c, const json_t *tree, const json_t *spec);
void pod_start_sandbox(struct pod *p, const json_t *tree);
/* What a pod of this agent is put together from; its address and a container are to be added. */
struct spec_in pod_start_inputs(const struct agent *a, const json_t *tree);

/* ---- pod_stop.c: towards gone ---- */
void pod_stop(struct pod *p, const json_t *tree);
/* Its object is gone, or it ended: what is left of it goes. True when nothing is left. */
bool pod_remove_rest(struct pod *p);

/* ---- record.c: what is remembered of it, in the same transactions ---- */
extern const char *const record_table;
void record_put(struct pod *p);
void record_delete(struct pod *p);
/* A pod as the record has it; NULL when it is not readable, or when its host is not ours. */
/* Of every pod of a host that is no more: what it kept goes, too. */
void records_forget(struct nodes *n, const char *node);
struct pod *record_adopt(struct nodes *n, const char *uid, const json_t *record);

/* ---- admit.c: is there room ---- */
/* What the pod takes of its host. */
void admit_demand(const json_t *tree, int64_t *ret_cpu_milli, int64_t *ret_memory);
/* NULL, or the reason why it cannot be here, with a message that the caller frees. */
const char *admit_refuse(const struct pod *p, const json_t *tree, char **ret_message);

/* ---- say.c: events, in a kubelet's words ---- */
void say_pod(struct pod *p, const char *type, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void say_node(struct agent *a, const char *type, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- pod_status.c ---- */
/* The status it should have; `old` is the one it has. The caller owns it. Sets nothing. */
json_t *pod_status(const struct pod *p, const json_t *tree, const json_t *old);
/* ---- pod_phase.c ---- */
enum pod_phase pod_phase_now(const struct pod *p, const json_t *tree);
const char *pod_phase_name(enum pod_phase phase);
/* Whether the container is to be started again after its end, as the spec says. */
bool pod_restarts(const struct pod *p, const json_t *tree, const struct container *c);
void pod_conditions(const struct pod *p, const json_t *tree, const json_t *old, json_t *status);
bool pod_is_ready_to_serve(const struct container *c);

#endif
