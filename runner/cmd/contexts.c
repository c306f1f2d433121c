/* SPDX-License-Identifier: Apache-2.0 */
/* Docker keeps a context in a folder whose name is the SHA-256 of the context's. */
#include "cmd/contexts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "cmd/place.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

#define NOWHERE "no-docker-in-this-lab"

static int write_json(const char *path, const json_t *v, struct err *err)
{
    cleanup_free char *text = jx_dump_text(v);
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t n = strlen(text);
    return fd >= 0 && write(fd, text, n) == (ssize_t)n ? 0
                                                       : err_errno(err, errno, "write %s", path);
}

static int write_context(const char *dir, const struct context *c, struct err *err)
{
    unsigned char raw[32];
    char hex[65];
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, c->name, strlen(c->name), raw) != 0) {
        return err_set(err, ERR_INTERNAL, "no SHA-256 for the context %s", c->name);
    }
    str_hex(hex, raw, sizeof(raw));
    cleanup_free char *folder = xasprintf("%s/contexts/meta/%s", dir, hex);
    cleanup_free char *path = xasprintf("%s/meta.json", folder);
    cleanup_free char *about = xasprintf("the lab's host %s", c->name);
    json_auto_t *meta =
        json_pack("{s:s, s:{s:s}, s:{s:{s:s, s:b}}}", "Name", c->name, "Metadata", "Description",
                  about, "Endpoints", "docker", "Host", c->host, "SkipTLSVerify", 0);
    return place_make(folder, err) < 0 ? -1 : write_json(path, meta, err);
}

int contexts_write(const char *dir, const struct context *contexts, size_t n, struct err *err)
{
    cleanup_free char *old = xasprintf("%s/contexts", dir);
    cleanup_free char *config_path = xasprintf("%s/config.json", dir);
    cleanup_free char *nowhere = xasprintf("unix://%s/none-in-this-lab.sock", dir);
    struct context none = {.name = NOWHERE, .host = nowhere};
    place_remove(old);
    if (place_make(dir, err) < 0) {
        return -1;
    }
    if (n == 0) {
        contexts = &none;
        n = 1;
    }
    for (size_t i = 0; i < n; i++) {
        if (write_context(dir, &contexts[i], err) < 0) {
            return -1;
        }
    }
    json_auto_t *config = json_pack("{s:s}", "currentContext", contexts[0].name);
    return write_json(config_path, config, err);
}
