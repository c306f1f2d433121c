/* SPDX-License-Identifier: Apache-2.0 */
/* A busybox image from the machine's own busybox, for where there is no registry. It has to be a
 * static program: the image holds nothing but it. */
#include "runtime/images.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "runtime/image_archive.h"
#include "runtime/tar.h"

#define BUSYBOX_MAX (16u << 20)

static const char *const places[] = {"/bin/busybox", "/usr/bin/busybox"};

static int read_program(const char *path, struct str *out, struct err *err)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return err_set(err, ERR_NOT_FOUND, "%s is not on this machine", path);
    }
    if (st.st_size > BUSYBOX_MAX) {
        return err_set(err, ERR_TOO_LARGE, "%s is larger than any busybox", path);
    }
    char piece[65536];
    ssize_t n;
    while ((n = read(fd, piece, sizeof(piece))) > 0 && out->len <= BUSYBOX_MAX) {
        str_add_n(out, piece, (size_t)n);
    }
    return n < 0 ? err_errno(err, errno, "read %s", path) : 0;
}

/* Whether an ELF program asks for a loader: then it needs libraries that the image lacks. */
static int check_static(const char *path, const struct str *program, struct err *err)
{
    Elf64_Ehdr head;
    if (program->len < sizeof(head) || memcmp(program->p, ELFMAG, SELFMAG) != 0 ||
        program->p[EI_CLASS] != ELFCLASS64) {
        return err_set(err, ERR_NOT_FOUND, "%s is no 64-bit program", path);
    }
    memcpy(&head, program->p, sizeof(head));
    for (size_t i = 0; i < head.e_phnum; i++) {
        Elf64_Phdr row;
        size_t at = head.e_phoff + i * sizeof(row);
        if (head.e_phoff > program->len || at + sizeof(row) > program->len) {
            return err_set(err, ERR_NOT_FOUND, "%s is a damaged program", path);
        }
        memcpy(&row, program->p + at, sizeof(row));
        if (row.p_type == PT_INTERP) {
            return err_set(err, ERR_NOT_FOUND,
                           "%s is not a static program; the package busybox-static has one", path);
        }
    }
    return 0;
}

/* Links for every applet: the program knows best which it has. */
static void add_applets(struct str *layer, const char *path)
{
    char command[128];
    snprintf(command, sizeof(command), "exec '%s' --list", path);
    FILE *list = popen(command, "re");
    char name[128];
    while (list != NULL && fgets(name, sizeof(name), list) != NULL) {
        name[strcspn(name, "\n")] = '\0';
        if (name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, "busybox") != 0) {
            char link[160];
            snprintf(link, sizeof(link), "bin/%s", name);
            tar_add_symlink(layer, link, "busybox");
        }
    }
    if (list != NULL) {
        pclose(list);
    }
}

static void make_layer(struct str *layer, const char *path, const struct str *program)
{
    static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                                 "nobody:x:65534:65534:nobody:/home:/bin/false\n";
    static const char group[] = "root:x:0:\nnobody:x:65534:\n";
    tar_add_dir(layer, "bin/", 0755);
    tar_add_file(layer, "bin/busybox", program->p, program->len, 0755);
    add_applets(layer, path);
    tar_add_dir(layer, "etc/", 0755);
    tar_add_file(layer, "etc/passwd", passwd, sizeof(passwd) - 1, 0644);
    tar_add_file(layer, "etc/group", group, sizeof(group) - 1, 0644);
    tar_add_dir(layer, "home/", 0755);
    tar_add_dir(layer, "root/", 0700);
    tar_add_dir(layer, "tmp/", 01777);
    tar_add_dir(layer, "usr/", 0755);
    tar_add_symlink(layer, "usr/bin", "../bin");
    tar_add_dir(layer, "var/", 0755);
    tar_end(layer);
}

int images_busybox_from(const char *path, struct str *out, struct err *err)
{
    cleanup_str struct str program = STR_INIT, layer = STR_INIT;
    if (read_program(path, &program, err) != 0 || check_static(path, &program, err) != 0) {
        return -1;
    }
    make_layer(&layer, path, &program);
    const struct image_config config = {
        .name = "busybox:latest",
        .cmd = (const char *const[]){"sh", NULL},
        .env = (const char *const[]){"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                                     "/sbin:/bin",
                                     NULL},
    };
    image_archive(out, &config, 1, &layer);
    return 0;
}

int images_busybox(struct str *out, struct err *err)
{
    int rc = -1;
    for (size_t i = 0; rc != 0 && i < ARRAY_LEN(places); i++) {
        rc = images_busybox_from(places[i], out, err);
    }
    return rc;
}
