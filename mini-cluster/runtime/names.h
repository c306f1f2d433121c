/* SPDX-License-Identifier: Apache-2.0 */
/* Names of containers that nobody can guess: the lock against running something twice. */
#ifndef RUNTIME_NAMES_H
#define RUNTIME_NAMES_H

enum { RUNTIME_NAME_SIZE = 96 };

/* "podlab-HINT-" and 24 hex digits of HMAC-SHA-256 under `key` of `identity`. The hint (cut at 40
 * bytes; characters that Docker does not take become '-') is for people who read `docker ps`, the
 * digits are the identity. */
void runtime_name(char buf[RUNTIME_NAME_SIZE], const unsigned char key[32], const char *hint,
                  const char *identity);

/* The same for a sandbox without a pod: no other name begins so. */
#define RUNTIME_SPARE_PREFIX "podlab-spare."
void runtime_spare_name(char buf[RUNTIME_NAME_SIZE], const unsigned char key[32], const char *hint,
                        const char *identity);

#endif
