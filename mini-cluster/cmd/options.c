/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what the shared options mean. */
#include "cmd/options.h"

#include <stdio.h>
#include <string.h>

int cmd_failed(const struct err *err)
{
    return err->code == ERR_BAD_REQUEST ? 2 : 1;
}

bool cmd_wants_json(const struct cmd_flags *f, bool *ret_bad)
{
    *ret_bad = f->output != NULL && strcmp(f->output, "json") != 0;
    if (*ret_bad) {
        fprintf(stderr, "-o \"%s\": the one known form is json\n", f->output);
    }
    return f->output != NULL;
}
