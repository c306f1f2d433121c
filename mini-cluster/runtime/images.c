/* SPDX-License-Identifier: Apache-2.0 */
/* The guest program is the one file in the one layer of every bundled image; they differ in what it
 * is told to be. */
#include "runtime/images.h"

#include <stdio.h>

#include "common/mem.h"
#include "runtime/guest_blob.h"
#include "runtime/image_archive.h"
#include "runtime/tar.h"

#define GUEST_PATH "/podlab"
#define PATH_ENV "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

const char *const images_guest = "podlab/guest:1";

const char *const images_bundled[] = {
    "podlab/guest:1",
    "podlab/web:v1",
    "podlab/web:v2",
    "podlab/web:v3",
    "podlab/kv:latest",
    "podlab/load:latest",
    NULL,
};

/* In the order of images_bundled. */
static const struct image_config configs[] = {
    {.name = "podlab/guest:1", .entrypoint = LIST(GUEST_PATH), .env = LIST(PATH_ENV)},
    {.name = "podlab/web:v1",
     .entrypoint = LIST(GUEST_PATH),
     .cmd = LIST("web"),
     .env = LIST(PATH_ENV, "VERSION=v1"),
     .port = 8080},
    {.name = "podlab/web:v2",
     .entrypoint = LIST(GUEST_PATH),
     .cmd = LIST("web"),
     .env = LIST(PATH_ENV, "VERSION=v2"),
     .port = 8080},
    {.name = "podlab/web:v3",
     .entrypoint = LIST(GUEST_PATH),
     .cmd = LIST("web"),
     .env = LIST(PATH_ENV, "VERSION=v3"),
     .port = 8080},
    {.name = "podlab/kv:latest",
     .entrypoint = LIST(GUEST_PATH),
     .cmd = LIST("kv"),
     .env = LIST(PATH_ENV),
     .port = 8080},
    {.name = "podlab/load:latest",
     .entrypoint = LIST(GUEST_PATH),
     .cmd = LIST("load"),
     .env = LIST(PATH_ENV)},
};
_Static_assert(ARRAY_LEN(configs) + 1 == ARRAY_LEN(images_bundled), "one row for every name");

/* The roles of the guest that make sense in an exec or a hook: it is what it is called by. */
static const char *const links[] = {"cat",  "echo", "env",  "false", "get", "hostname",
                                    "id",   "kill", "kv",   "load",  "ls",  "sleep",
                                    "stty", "tar",  "test", "true",  "web"};

static void make_layer(struct str *out)
{
    static const char passwd[] = "root:x:0:0:root:/:/podlab\n"
                                 "nobody:x:65534:65534:nobody:/:/podlab\n";
    static const char group[] = "root:x:0:\nnobody:x:65534:\n";
    tar_add_file(out, GUEST_PATH, guest_blob, (size_t)(guest_blob_end - guest_blob), 0755);
    tar_add_dir(out, "bin/", 0755);
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        char path[32];
        snprintf(path, sizeof(path), "bin/%s", links[i]);
        tar_add_symlink(out, path, "../podlab");
    }
    tar_add_dir(out, "data/", 01777);
    tar_add_dir(out, "etc/", 0755);
    tar_add_file(out, "etc/passwd", passwd, sizeof(passwd) - 1, 0644);
    tar_add_file(out, "etc/group", group, sizeof(group) - 1, 0644);
    tar_add_dir(out, "tmp/", 01777);
    tar_end(out);
}

void images_archive(struct str *out)
{
    cleanup_str struct str layer = STR_INIT;
    make_layer(&layer);
    image_archive(out, configs, ARRAY_LEN(configs), &layer);
}

const struct image_config *images_config(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        if (str_eq(configs[i].name, name)) {
            return &configs[i];
        }
    }
    return NULL;
}

bool images_identity(const char *name, struct image_identity *ret)
{
    const struct image_config *found = images_config(name);
    if (found == NULL) {
        return false;
    }
    cleanup_str struct str layer = STR_INIT, config = STR_INIT;
    char digest[IMAGE_ID_SIZE];
    make_layer(&layer);
    image_digest(digest, layer.p, layer.len);
    image_config_json(&config, found, digest, ret);
    return true;
}
