/* SPDX-License-Identifier: Apache-2.0 */
/* As much of tar as `kubectl cp` needs of a container, to and from standard output and input. */
#include "guest/tar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/guest.h"

static int status;

void tar_complain(const char *what)
{
    guest_log("tar: %s: %s", what, strerror(errno));
    status = 1;
}

int tar_status(void)
{
    return status;
}

unsigned tar_checksum(const struct tar_header *h)
{
    const unsigned char *p = (const unsigned char *)h;
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool own = i >= offsetof(struct tar_header, sum) && i < offsetof(struct tar_header, type);
        sum += own ? ' ' : p[i];
    }
    return sum;
}

size_t tar_padding(unsigned long long n)
{
    return (size_t)(TAR_BLOCK - n % TAR_BLOCK) % TAR_BLOCK;
}

int tar_main(int argc, char **argv)
{
    char mode = '\0';
    int paths = 0;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "-C") == 0 && i + 1 < argc) {
            if (chdir(guest_path(argv[++i])) < 0) {
                tar_complain(argv[i]);
                return 2;
            }
        } else if (strncmp(word, "--", 2) == 0 || strcmp(word, "-") == 0) {
            continue; /* owners and permissions are not kept; the archive is always in- or output */
        } else if (mode == '\0' && strpbrk(word, "cx") != NULL) {
            mode = strchr(word, 'c') != NULL ? 'c' : 'x';
        } else {
            argv[paths++] = argv[i];
        }
    }
    if (mode == 'c' && paths > 0) {
        return tar_create(paths, argv);
    }
    if (mode == 'x') {
        return tar_extract();
    }
    fprintf(stderr, "usage: tar cf - PATH... | tar xf - [-C FOLDER]\n");
    return 2;
}
