/* SPDX-License-Identifier: Apache-2.0 */
/* From a pod's words to the runtime's: what a container is to be run with. Pure but for what it
 * looks up through `spec_in`. */
#ifndef NODE_SPEC_H
#define NODE_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"
#include "common/vec.h"
#include "runtime/runtime.h"

struct env;

/* What a pod's words refer to. */
struct spec_in {
    const json_t *pod, *container;
    const char *address, *host_address;  /* "" not known yet */
    int64_t node_cpu_milli, node_memory; /* what a missing limit stands for */
    const char *dns, *ca_pem, *api_host; /* api_host: of the API, without a service */
    bool share; /* the sandbox keeps the files of the service account, if it can */
    /* NULL when there is none. */
    const json_t *(*find)(void *arg, const char *gr, const char *ns, const char *name);
    void (*each_service)(void *arg, const char *ns, void (*fn)(void *fn_arg, const json_t *service),
                         void *fn_arg);
    const struct env *links; /* what env_put_services would put; NULL: it is asked */
    /* Of a service account; the caller frees. NULL: no tokens are made here. */
    char *(*token)(void *arg, const char *ns, const char *account, const char *uid);
    void *arg;
};

/* Everything `spec` points to is owned here. Zeroed: empty. */
struct spec_out {
    struct runtime_spec spec;
    VEC(void *) owned;
    VEC(struct runtime_file) files;
    VEC(struct runtime_mount) mounts;
    char *volume; /* of a failure: the volume that could not be set up; NULL: none, the settings */
};
void spec_out_fini(struct spec_out *out);

/* What `container` of `pod` is run with; name, host, join, hash and labels are left to the caller.
 * The errors have a kubelet's words; ERR_NOT_FOUND may go away when something appears. */
int spec_container(const struct spec_in *in, struct spec_out *out, struct err *err) WARN_UNUSED;
/* What the pod's sandbox is run with; `container` does not matter. */
void spec_sandbox(const struct spec_in *in, struct spec_out *out);

/* Of all that a sandbox is made with but its name, address and labels. */
uint64_t spec_sandbox_hash(const struct runtime_spec *spec);

/* Gives a pointer to `out`, and it back. */
void *spec_own(struct spec_out *out, void *p);

/* The names under which the pod's emptyDirs are kept, as an array; NULL: it has none. */
json_t *spec_volumes(const json_t *pod);
/* "UID-NAME", for a volume of a pod. The caller frees. */
char *spec_volume_name(const json_t *pod, const char *volume);

/* ---- files.c ---- */

/* The files of the service account, for a sandbox to keep in the folder it says; NULL: the pod wants
 * none, or they cannot be made yet. */
const char *files_share(const struct spec_in *in, struct spec_out *out);

/* Adds the files and mounts of the container's volumes. */
int files_build(const struct spec_in *in, const struct env *env, struct spec_out *out,
                struct err *err) WARN_UNUSED;

#endif
