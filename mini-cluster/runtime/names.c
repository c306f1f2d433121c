/* SPDX-License-Identifier: Apache-2.0 */
/* Makes container names from the cluster's key. */
#include "runtime/names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "common/log.h"
#include "common/str.h"

enum { HINT_MAX = 40, DIGEST = 32, SHOWN = 12 };

void runtime_name(char buf[RUNTIME_NAME_SIZE], const unsigned char key[32], const char *hint,
                  const char *identity)
{
    unsigned char digest[DIGEST];
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, 32, identity, strlen(identity), digest) < 0) {
        log_error("runtime", "GnuTLS has no HMAC-SHA-256"); /* a broken installation */
        abort();
    }
    char clean[HINT_MAX + 1];
    size_t n = 0;
    for (; hint[n] != '\0' && n < HINT_MAX; n++) {
        clean[n] = isalnum((unsigned char)hint[n]) ? hint[n] : '-';
    }
    clean[n] = '\0';
    char hex[2 * SHOWN + 1];
    str_hex(hex, digest, SHOWN);
    snprintf(buf, RUNTIME_NAME_SIZE, "podlab-%s-%s", clean, hex);
}

void runtime_spare_name(char buf[RUNTIME_NAME_SIZE], const unsigned char key[32], const char *hint,
                        const char *identity)
{
    char marked[HINT_MAX + 8];
    snprintf(marked, sizeof(marked), "spare.%s", hint);
    runtime_name(buf, key, marked, identity);
    buf[strlen(RUNTIME_SPARE_PREFIX) - 1] = '.'; /* which no hint leaves as it is */
}
