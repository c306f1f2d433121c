/* SPDX-License-Identifier: Apache-2.0 */
/* The causes, each a function that says whether it is the one, and if so fills in what it found and
 * the words for it. They look at a scene and nothing else. */
#ifndef WHY_CAUSES_H
#define WHY_CAUSES_H

#include <stdbool.h>

#include "why/finding.h"
#include "why/scene.h"

typedef bool cause_fn(const struct scene *s, struct finding *f);

/* ---- not about the cluster's objects ---- */
cause_fn cause_silent, cause_requests_failed, cause_exit_status, cause_too_late, cause_unknown;
/* ---- what is not there, or still there: cause_missing.c ---- */
cause_fn cause_missing, cause_still_wanted;
/* ---- how many are asked for: cause_asked.c ---- */
cause_fn cause_replicaset_scaled, cause_fewer_asked, cause_more_asked, cause_create_refused;
/* ---- where pods run: cause_room.c ---- */
cause_fn cause_no_room, cause_not_spread;
/* ---- what holds a pod up: cause_pod.c ---- */
cause_fn cause_image, cause_memory, cause_crashing;
/* ---- ready or not: cause_ready.c ---- */
cause_fn cause_rollout_halts, cause_not_ready;
/* ---- the same pod, another pod: cause_again.c ---- */
cause_fn cause_no_restart, cause_same_pod;
/* ---- services: cause_service.c ---- */
cause_fn cause_selector, cause_no_endpoints, cause_wrong_target_port, cause_answers_error;
/* ---- hosts: cause_host.c ---- */
cause_fn cause_host_on, cause_host_away, cause_not_cordoned, cause_cannot_end;
/* ---- what docker was to start there: cause_container.c ---- */
cause_fn cause_container, cause_port;
/* ---- still on its way: cause_moving.c ---- */
cause_fn cause_moving, cause_moving_host;

/* How a pod that runs fails its readiness probe, as arg `detail`; *ret_pod is the first such pod.
 * False when none does. */
bool cause_ready_detail(const struct scene *s, struct finding *f, const json_t **ret_pod);

/* The pod whose last words before its restart would help, and its container; false: none. */
bool cause_wants_log(const struct scene *s, const char **ret_pod, const char **ret_container);

#endif
