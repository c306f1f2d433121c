/* SPDX-License-Identifier: Apache-2.0 */
/* A container's environment, in the order and with the substitutions of a kubelet. */
#ifndef NODE_ENV_H
#define NODE_ENV_H

#include <jansson.h>

#include "common/err.h"
#include "common/str.h"
#include "common/vec.h"

struct spec_in;

/* "NAME=value", each name once. Zeroed: empty. */
struct env {
    VEC(char *) vars;
};
void env_fini(struct env *e);
#define cleanup_env __attribute__((cleanup(env_fini)))

/* A later value replaces an earlier one. */
void env_put(struct env *e, const char *name, const char *value);
const char *env_get(const struct env *e, const char *name); /* NULL: not set */
/* $(NAME) by its value, $$ by $; what is not set stays as it is written. */
void env_expand(const struct env *e, const char *text, struct str *out);

/* Services, envFrom and env of in->container. ERR_NOT_FOUND in a kubelet's words: configmap "x" not
 * found, couldn't find key k in ConfigMap ns/x. */
int env_build(const struct spec_in *in, struct env *e, struct err *err) WARN_UNUSED;
/* What service links add for all services that the pod sees, and for one. */
void env_put_services(const struct spec_in *in, struct env *e);
void env_put_service(struct env *e, const json_t *service);

#endif
