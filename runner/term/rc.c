/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a bash mark its prompts, so that nobody has to guess where a command begins and ends. */
#include "term/rc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"

/* @N@ is the nonce. After D, bash reads up to our answer: what was typed ahead is handed back (T),
 * so that a line meant for the lab is never run as a command. PS1 marks the prompt again each time:
 * a learner's own PS1 lasts for one, and a learner's PROMPT_COMMAND= only loses the status. The
 * group's stderr hides it from `set -x`. */
static const char text[] =
    "rm -f -- \"${BASH_SOURCE[0]}\"\n"
    "__podlab_prompt() {\n"
    "    local status=$1 ahead=\n"
    "    printf '\\e]133;D;%s;@N@\\a' \"$status\"\n"
    "    IFS= builtin read -rs -d $'\\036' ahead\n"
    "    printf '\\e]133;T;@N@\\a%s' \"$ahead\"\n"
    "    PS0='\\e]133;C;@N@\\a' PS1='\\e]133;A;@N@\\a' PS2='\\e]133;P;@N@\\a'\n"
    "    return 0\n"
    "}\n"
    "PROMPT_COMMAND='{ __podlab_prompt $?; } 2>/dev/null'\n"
    "PS0='\\e]133;C;@N@\\a' PS1='\\e]133;A;@N@\\a' PS2='\\e]133;P;@N@\\a'\n"
    "HISTCONTROL=ignorespace:ignoredups\n"
    "shopt -s checkwinsize\n";

static void fill(struct str *out, const char *nonce, const char *more)
{
    const char *from = text;
    for (const char *at; (at = strstr(from, "@N@")) != NULL; from = at + 3) {
        str_add_n(out, from, (size_t)(at - from));
        str_add(out, nonce);
    }
    str_add(out, from);
    if (more != NULL) {
        str_add(out, more);
    }
}

int rc_write(const char *home, const char *nonce, const char *more, char **ret, struct err *err)
{
    cleanup_free char *path = xasprintf("%s/rc-XXXXXX", home);
    cleanup_str struct str out = STR_INIT;
    cleanup_close int fd = mkstemp(path);
    if (fd < 0) {
        return err_errno(err, errno, "make a file in %s", home);
    }
    fill(&out, nonce, more);
    if (write(fd, out.p, out.len) != (ssize_t)out.len) {
        int errnum = errno;
        unlink(path);
        return err_errno(err, errnum, "write %s", path);
    }
    *ret = steal(path);
    return 0;
}
