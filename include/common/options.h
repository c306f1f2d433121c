/* SPDX-License-Identifier: Apache-2.0 */
/* Command-line options as rows: parsing, --help and "did you mean" come from the same table. */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum option_type { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER };

struct option_row {
    const char *name; /* "--workers"; a row with a NULL name ends the table */
    enum option_type type;
    void *to;        /* bool *, const char **, int64_t * */
    const char *arg; /* "N", for the help */
    const char *doc; /* NULL: an option that help does not show */
    int64_t min, max; /* of a number */
};

struct options {
    const char *usage;   /* "mini-cluster up [options]" */
    const char *summary; /* a sentence or two */
    const struct option_row *rows;
    int max_words;                 /* words that are no options; more are refused */
    const char *const *word_names; /* for the help, NULL-terminated; may be NULL */
};

enum options_result { OPTIONS_OK, OPTIONS_HELP /* was printed */, OPTIONS_BAD /* was explained */ };

/* Parses argv[1..]; "--name=x" and "--name x", "--" ends options. The words that are none are put
 * to words[] (room for max_words), *ret_n says how many. --help prints to stdout, what is wrong
 * goes to stderr with a hint. */
enum options_result options_parse(const struct options *o, int argc, char **argv,
                                  const char **words, int *ret_n);

#endif
