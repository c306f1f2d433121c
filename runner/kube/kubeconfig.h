/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a kubeconfig file. */
#ifndef KUBE_KUBECONFIG_H
#define KUBE_KUBECONFIG_H

#include <stdbool.h>

#include "common/err.h"

struct kubeconfig {
    char *context, *server, *ca_pem, *cert_pem, *key_pem, *token;
    bool insecure;
};

int kubeconfig_read(const char *path, const char *context, struct kubeconfig *ret,
                    struct err *err) WARN_UNUSED;
void kubeconfig_fini(struct kubeconfig *c);

#endif
