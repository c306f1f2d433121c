/* SPDX-License-Identifier: Apache-2.0 */
/* The words every object shares: names, labels, selectors, quantities, times, owners, conditions. */
#ifndef META_NAME_H
#define META_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/* Each check returns NULL when `s` is well-formed, else the sentence Kubernetes gives for it (static
 * storage). RFC 1123 label (63), RFC 1123 subdomain (253), RFC 1035 label (63, services). */
const char *name_check_label(const char *s);
const char *name_check_subdomain(const char *s);
const char *name_check_dns1035(const char *s);
/* A label or annotation key ("app", "example.com/role") and a label's value. */
const char *name_check_key(const char *s);
const char *name_check_label_value(const char *s);
/* An environment variable's, a ConfigMap's or Secret's key, a port's name (IANA, 15). */
const char *name_check_env(const char *s);
const char *name_check_config_key(const char *s);
const char *name_check_port(const char *s);

/* `base` (cut at 58 bytes) and five random characters of the alphabet Kubernetes uses, which has no
 * vowels and nothing that reads alike. The caller frees. */
char *name_generate(struct loop *loop, const char *base);
/* The same for the nth name of a series, told apart by `seed`: known ahead, and never the same one
 * for two numbers below 14 million. The caller frees. */
char *name_numbered(const char *base, const char *seed, uint64_t n);
/* A 32-bit hash in that alphabet (pod-template-hash). buf holds 11 bytes. */
void name_safe_hash(char buf[11], unsigned hash);
/* A random UUID, version 4, in 37 bytes. */
void name_uid(struct loop *loop, char buf[37]);

#endif
