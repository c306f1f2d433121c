/* SPDX-License-Identifier: Apache-2.0 */
/* mini-cluster image: which images are here, and bringing one along without a registry. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/engine.h"
#include "cmd/options.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"

struct answer {
    bool done;
    struct err err;
    json_t *images;
};

static void on_images(void *arg, const struct runtime_image *v, size_t n, const struct err *err)
{
    struct answer *a = arg;
    a->done = true;
    a->err = *err;
    a->images = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(a->images, json_pack("{s:s, s:s, s:I}", "name", v[i].name, "id",
                                                   v[i].id, "sizeBytes", (json_int_t)v[i].size));
    }
}

static void on_loaded(void *arg, enum runtime_result result, const struct runtime_status *st,
                      const struct err *err)
{
    struct answer *a = arg;
    a->done = true;
    a->err = *err;
    if (result != RUNTIME_OK && a->err.code == ERR_NONE) {
        err_set(&a->err, ERR_INTERNAL, "Docker did not load the image");
    }
}

static int read_archive(const char *path, struct str *ret, struct err *err)
{
    cleanup_close int fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
    char buf[65536];
    if (fd < 0) {
        return err_errno(err, errno, "open %s", path);
    }
    ssize_t n;
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        str_add_n(ret, buf, (size_t)n);
    }
    return n < 0 ? err_errno(err, errno, "read %s", path) : 0;
}

/* The sum in a tar's first header, or the first bytes of what Docker unpacks itself. */
static bool is_archive(const struct str *a)
{
    static const struct {
        const char *magic;
        size_t n;
    } packed[] = {{"\x1f\x8b", 2},
                  {"BZh", 3},
                  {"\xfd"
                   "7zXZ",
                   5},
                  {"\x28\xb5\x2f\xfd", 4}};
    for (size_t i = 0; i < ARRAY_LEN(packed); i++) {
        if (a->len > packed[i].n && memcmp(a->p, packed[i].magic, packed[i].n) == 0) {
            return true;
        }
    }
    if (a->len < 512) {
        return false;
    }
    unsigned long sum = 0;
    for (size_t i = 0; i < 512; i++) {
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)a->p[i];
    }
    char field[9] = "";
    memcpy(field, a->p + 148, 8);
    return a->p[0] != '\0' && strtoul(field, NULL, 8) == sum;
}

/* Runs one call of the runtime to its end. */
static int with_engine(const struct cmd_flags *f, const struct str *archive, struct answer *a,
                       struct err *err)
{
    cleanup_state struct state s = {.lock_fd = -1};
    cleanup_settings struct settings set = {0};
    struct engine engine = {0};
    if (state_find(&s, f->name, f->data, err) < 0 || state_load(&s, err) < 0 ||
        settings_read(&s, &set, err) < 0) {
        return -1;
    }
    struct loop *loop = loop_new();
    int rc = engine_open(loop, &s, &set, &engine, err);
    if (rc == 0) {
        if (archive != NULL) {
            engine.rt.ops->image_load(engine.rt.self, archive->p, archive->len, on_loaded, a);
        } else {
            engine.rt.ops->image_list(engine.rt.self, on_images, a);
        }
        loop_run_until(loop, &a->done, LOOP_S(300));
        if (!a->done) {
            err_set(&a->err, ERR_TIMEOUT, "Docker did not answer within 300 s");
        }
        if (a->err.code != ERR_NONE) {
            *err = a->err;
            rc = -1;
        }
    }
    engine_close(&engine);
    loop_free(loop);
    return rc;
}

static int load(const struct cmd_flags *f, const char *path, bool json, struct err *err)
{
    cleanup_str struct str archive = STR_INIT;
    struct answer a = {0};
    if (read_archive(path, &archive, err) < 0) {
        return -1;
    }
    if (!is_archive(&archive)) {
        return err_set(err, ERR_INVALID,
                       "%s is no archive of an image; `docker save -o FILE IMAGE` makes one", path);
    }
    if (with_engine(f, &archive, &a, err) < 0) {
        struct err why = *err;
        return err_set(err, why.code, "%.100s: %.300s (was it made by `docker save`?)", path,
                       why.msg);
    }
    if (json) {
        json_auto_t *said = json_pack("{s:s}", "loaded", path);
        cleanup_free char *text = jx_dump_text(said);
        puts(text);
    } else {
        printf("loaded %s\n", path);
    }
    return 0;
}

static int list(const struct cmd_flags *f, bool json, struct err *err)
{
    struct answer a = {0};
    if (with_engine(f, NULL, &a, err) < 0) {
        json_decref(a.images);
        return -1;
    }
    json_auto_t *images = a.images;
    if (json) {
        cleanup_free char *text = jx_dump_pretty(images);
        puts(text);
        return 0;
    }
    size_t i;
    json_t *image;
    printf("%-40s %s\n", "IMAGE", "SIZE");
    jx_each(i, image, images)
    {
        printf("%-40s %.1f MB\n", jx_str(image, "name", ""),
               (double)jx_int(image, "sizeBytes", 0) / 1e6);
    }
    return 0;
}

int cmd_image(int argc, char **argv)
{
    struct cmd_flags f = CMD_FLAGS_INIT;
    const struct option_row rows[] = {CMD_ROW_DATA(&f), CMD_ROW_NAME(&f), CMD_ROW_OUTPUT(&f), {0}};
    const struct options o = {
        .usage = "mini-cluster image list | load FILE",
        .summary =
            "Lists the images that are on this machine, or loads a docker-archive (the output "
            "of `docker save`; - reads it from standard input).",
        .rows = rows,
        .max_words = 2,
    };
    const char *words[2] = {"", ""};
    int n;
    bool bad;
    enum options_result parsed = options_parse(&o, argc, argv, words, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    bool json = cmd_wants_json(&f, &bad);
    bool is_list = n == 1 && strcmp(words[0], "list") == 0;
    bool is_load = n == 2 && strcmp(words[0], "load") == 0;
    if (bad || (!is_list && !is_load)) {
        fprintf(stderr, "Usage: %s   (--help says more)\n", o.usage);
        return 2;
    }
    struct err err = {0};
    if ((is_list ? list(&f, json, &err) : load(&f, words[1], json, &err)) < 0) {
        fprintf(stderr, "mini-cluster image: %s\n", err.msg);
        return cmd_failed(&err);
    }
    return 0;
}
