/* SPDX-License-Identifier: Apache-2.0 */
/* Reads tests/data/NAME.test: groups of three lines (input, argument, expected), '#' comments and
 * blank lines between them. A lone "-" is an empty line. Run from the top of the tree. */
#ifndef TESTS_UNIT_DATA_H
#define TESTS_UNIT_DATA_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct data {
    FILE *file;
    const char *name;
    int line; /* of the group's first line, for messages */
    int lines_read;
    int groups;
    char *text[3];
    size_t cap[3];
};

static inline void data_open(struct data *d, const char *name)
{
    char path[256];
    memset(d, 0, sizeof(*d));
    snprintf(path, sizeof(path), "tests/data/%s.test", name);
    d->name = name;
    d->file = fopen(path, "r");
    if (d->file == NULL) {
        fprintf(stderr, "cannot open %s: run the test from the top of the tree\n", path);
        abort();
    }
}

static inline bool data_line(struct data *d, int i)
{
    ssize_t n = getline(&d->text[i], &d->cap[i], d->file);
    d->lines_read++;
    if (n > 0 && d->text[i][n - 1] == '\n') {
        d->text[i][--n] = '\0';
    }
    return n >= 0;
}

/* The next group in d->text; false at the end of the file. */
static inline bool data_next(struct data *d)
{
    do {
        if (!data_line(d, 0)) {
            return false;
        }
    } while (d->text[0][0] == '\0' || d->text[0][0] == '#');
    d->line = d->lines_read;
    if (!data_line(d, 1) || !data_line(d, 2)) {
        fprintf(stderr, "%s.test:%d: a group has three lines\n", d->name, d->line);
        abort();
    }
    for (int i = 0; i < 3; i++) {
        if (strcmp(d->text[i], "-") == 0) {
            d->text[i][0] = '\0';
        }
    }
    d->groups++;
    return true;
}

/* False, and says so, when the group did not give what the file expects. */
static inline bool data_check(const struct data *d, const char *got)
{
    if (strcmp(got, d->text[2]) == 0) {
        return true;
    }
    fprintf(stdout, "%s.test:%d: %s | %s\n  expected %s\n  got      %s\n", d->name, d->line,
            d->text[0], d->text[1], d->text[2], got);
    return false;
}

static inline void data_close(struct data *d)
{
    for (int i = 0; i < 3; i++) {
        free(d->text[i]);
    }
    fclose(d->file);
}

#endif
