/* SPDX-License-Identifier: Apache-2.0 */
/* The format of `docker save`: configurations, layers, and a manifest that ties them to names. */
#include "runtime/image_archive.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "runtime/tar.h"

#if defined(__x86_64__)
#define IMAGE_ARCH "amd64"
#elif defined(__aarch64__)
#define IMAGE_ARCH "arm64"
#else
#error "say here what Docker calls this architecture"
#endif

#define IMAGE_CREATED "2026-01-01T00:00:00Z" /* never changes: the id is made from it */

void image_digest(char ret[IMAGE_ID_SIZE], const void *bytes, size_t n)
{
    unsigned char digest[32];
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, n, digest) != 0) {
        log_error("runtime", "GnuTLS cannot compute SHA-256");
        abort();
    }
    memcpy(ret, "sha256:", 7);
    str_hex(ret + 7, digest, sizeof(digest));
}

static json_t *strings(const char *const *list)
{
    json_t *array = json_array();
    for (; list != NULL && *list != NULL; list++) {
        json_array_append_new(array, json_string(*list));
    }
    return array;
}

static json_t *config_tree(const struct image_config *c, const char *layer)
{
    json_t *config = json_pack("{s:o, s:o, s:o, s:s}", "Entrypoint", strings(c->entrypoint), "Cmd",
                               strings(c->cmd), "Env", strings(c->env), "WorkingDir", "/");
    if (c->port != 0) {
        char port[16];
        snprintf(port, sizeof(port), "%d/tcp", c->port);
        json_object_set_new(config, "ExposedPorts", json_pack("{s:{}}", port));
    }
    return json_pack("{s:s, s:o, s:s, s:[{s:s, s:s}], s:s, s:{s:s, s:[s]}}", "architecture",
                     IMAGE_ARCH, "config", config, "created", IMAGE_CREATED, "history", "created",
                     IMAGE_CREATED, "created_by", "podlab", "os", "linux", "rootfs", "type",
                     "layers", "diff_ids", layer);
}

void image_config_json(struct str *out, const struct image_config *c,
                       const char layer[IMAGE_ID_SIZE], struct image_identity *ret_identity)
{
    json_t *tree = config_tree(c, layer);
    struct str bare = STR_INIT;
    jx_dump(&bare, tree);
    char digest[IMAGE_ID_SIZE];
    image_digest(digest, bare.p, bare.len);
    str_fini(&bare);

    memcpy(ret_identity->layer, layer, IMAGE_ID_SIZE);
    str_copy(ret_identity->label, sizeof(ret_identity->label), digest + 7);
    json_object_set_new(json_object_get(tree, "config"), "Labels",
                        json_pack("{s:s}", IMAGE_LABEL, ret_identity->label));
    size_t start = out->len;
    jx_dump(out, tree);
    json_decref(tree);
    image_digest(ret_identity->id, out->p + start, out->len - start);
}

/* Adds one image's configuration, and its row to the manifest. */
static void add_image(struct str *out, json_t *manifest, const struct image_config *c,
                      const char *layer, const char *layer_path)
{
    struct str config = STR_INIT;
    struct image_identity identity;
    image_config_json(&config, c, layer, &identity);
    char path[IMAGE_ID_SIZE];
    snprintf(path, sizeof(path), "%.64s.json", identity.id + 7);
    tar_add_file(out, path, config.p, config.len, 0644);
    str_fini(&config);
    json_array_append_new(manifest, json_pack("{s:s, s:[s], s:[s]}", "Config", path, "RepoTags",
                                              c->name, "Layers", layer_path));
}

void image_archive(struct str *out, const struct image_config *images, size_t n,
                   const struct str *layer)
{
    char digest[IMAGE_ID_SIZE], path[IMAGE_ID_SIZE + 16];
    image_digest(digest, layer->p, layer->len);
    snprintf(path, sizeof(path), "%.64s/layer.tar", digest + 7);
    tar_add_file(out, path, layer->p, layer->len, 0644);
    json_t *manifest = json_array();
    for (size_t i = 0; i < n; i++) {
        add_image(out, manifest, &images[i], digest, path);
    }
    struct str text = STR_INIT;
    jx_dump(&text, manifest);
    tar_add_file(out, "manifest.json", text.p, text.len, 0644);
    tar_end(out);
    str_fini(&text);
    json_decref(manifest);
}
