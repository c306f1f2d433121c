/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the command line by a table, so that help and errors never lag behind what is understood.
 */
#include "common/options.h"

#include <stdio.h>
#include <string.h>

#include "common/str.h"

static void print_help(const struct options *o)
{
    printf("Usage: %s\n\n%s\n\nOptions:\n", o->usage, o->summary);
    for (const struct option_row *r = o->rows; r->name != NULL; r++) {
        if (r->doc == NULL) {
            continue; /* not for people */
        }
        char left[64];
        snprintf(left, sizeof(left), "%s%s%s", r->name, r->arg != NULL ? " " : "",
                 r->arg != NULL ? r->arg : "");
        printf("  %-26s %s\n", left, r->doc);
    }
    printf("  %-26s %s\n", "--help", "this text");
}

static const struct option_row *find(const struct options *o, const char *name, size_t n)
{
    for (const struct option_row *r = o->rows; r->name != NULL; r++) {
        if (strlen(r->name) == n && strncmp(r->name, name, n) == 0) {
            return r;
        }
    }
    return NULL;
}

static enum options_result unknown(const struct options *o, const char *arg, size_t n)
{
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)(n < sizeof(name) ? n : sizeof(name) - 1), arg);
    const char *near = NULL;
    unsigned best = 4;
    for (const struct option_row *r = o->rows; r->name != NULL; r++) {
        unsigned d = str_distance(name, r->name, 3);
        if (d < best && r->doc != NULL) {
            best = d;
            near = r->name;
        }
    }
    fprintf(stderr, "unknown option %s", name);
    if (near != NULL) {
        fprintf(stderr, "; did you mean %s?", near);
    }
    fprintf(stderr, "\nUsage: %s   (--help says more)\n", o->usage);
    return OPTIONS_BAD;
}

static enum options_result store(const struct option_row *r, const char *value)
{
    if (r->type == OPTION_TEXT) {
        *(const char **)r->to = value;
        return OPTIONS_OK;
    }
    if (!str_to_i64(value, r->min, r->max, r->to)) {
        fprintf(stderr, "%s must be a whole number from %lld to %lld, not \"%s\"\n", r->name,
                (long long)r->min, (long long)r->max, value);
        return OPTIONS_BAD;
    }
    return OPTIONS_OK;
}

/* One option at argv[*i]; moves *i past its value. */
static enum options_result take(const struct options *o, int argc, char **argv, int *i)
{
    const char *arg = argv[*i];
    const char *eq = strchr(arg, '=');
    size_t n = eq != NULL ? (size_t)(eq - arg) : strlen(arg);
    const struct option_row *r = find(o, arg, n);
    if (r == NULL) {
        return unknown(o, arg, n);
    }
    if (r->type == OPTION_FLAG) {
        if (eq != NULL) {
            fprintf(stderr, "%s takes no value\n", r->name);
            return OPTIONS_BAD;
        }
        *(bool *)r->to = true;
        return OPTIONS_OK;
    }
    if (eq != NULL) {
        return store(r, eq + 1);
    }
    /* "--name --detach": what looks like an option is one, unless it follows a "=". */
    if (*i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0) {
        fprintf(stderr, "%s needs a value: %s %s\n", r->name, r->name, r->arg);
        return OPTIONS_BAD;
    }
    return store(r, argv[++*i]);
}

enum options_result options_parse(const struct options *o, int argc, char **argv,
                                  const char **words, int *ret_n)
{
    bool only_words = false;
    *ret_n = 0;
    for (int i = 1; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            print_help(o);
            return OPTIONS_HELP;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
            /* "-o json" is the one short option; it is a row like any other. */
            enum options_result result = take(o, argc, argv, &i);
            if (result != OPTIONS_OK) {
                return result;
            }
        } else if (*ret_n == o->max_words) {
            fprintf(stderr, "unexpected word \"%s\"\nUsage: %s   (--help says more)\n", argv[i],
                    o->usage);
            return OPTIONS_BAD;
        } else {
            words[(*ret_n)++] = argv[i];
        }
    }
    return OPTIONS_OK;
}
