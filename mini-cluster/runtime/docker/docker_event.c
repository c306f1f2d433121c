/* SPDX-License-Identifier: Apache-2.0 */
/* Only what changes a container's state counts; execs, attaches and the like are noise. */
#include "runtime/docker/docker_event.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/mem.h"
#include "runtime/docker/docker_spec.h"

#define MAX_LINE ((size_t)1 << 20)

static const char *const actions[] = {"create", "destroy", "die",   "oom",
                                      "pause",  "rename",  "start", "unpause"};

static const char *find_action(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (strcmp(actions[i], name) == 0) {
            return actions[i];
        }
    }
    return NULL;
}

/* False when it is nothing of interest. */
static bool read_event(const json_t *line, struct docker_event *ret)
{
    const json_t *attributes = jx_obj(line, "Actor.Attributes");
    int64_t code = 0;
    ret->action = find_action(jx_str(line, "Action", ""));
    ret->name = jx_get_str(attributes, "name", "");
    ret->host = jx_get_str(attributes, DOCKER_LABEL_HOST, "");
    if (str_to_i64(jx_get_str(attributes, "exitCode", ""), 0, 255, &code)) {
        ret->exit_code = (int)code;
    }
    if (str_eq(jx_get_str(attributes, DOCKER_LABEL_ROLE, ""), DOCKER_ROLE_OPENER)) {
        return false;
    }
    return ret->action != NULL && ret->name[0] != '\0' &&
           strcmp(jx_str(line, "Type", "container"), "container") == 0;
}

static bool take_line(const char *text, size_t n,
                      bool (*fn)(void *arg, const struct docker_event *ev), void *arg)
{
    json_t *line = NULL;
    struct docker_event ev = {0};
    struct err err;
    bool more = true;
    if (n == 0 || (n == 1 && text[0] == '\r')) {
        return true;
    }
    if (jx_parse(text, n, false, &line, &err) != 0) {
        log_warn("docker", "an event cannot be read: %s", err.msg);
        return true;
    }
    if (read_event(line, &ev)) {
        more = fn(arg, &ev);
    }
    json_decref(line);
    return more;
}

int docker_event_feed(struct docker_event_reader *r, const char *bytes, size_t n,
                      bool (*fn)(void *arg, const struct docker_event *ev), void *arg,
                      struct err *err)
{
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t piece = end != NULL ? (size_t)(end - bytes) : n;
        if (r->line.len + piece > MAX_LINE) {
            return err_set(err, ERR_INTERNAL, "Docker sent an event longer than %zu bytes",
                           MAX_LINE);
        }
        str_add_n(&r->line, bytes, piece);
        if (end == NULL) {
            return 0;
        }
        struct str line = r->line;
        r->line = (struct str)STR_INIT;
        bool more = take_line(str_c(&line), line.len, fn, arg);
        str_fini(&line);
        if (!more) {
            return 0;
        }
        bytes += piece + 1;
        n -= piece + 1;
    }
    return 0;
}

void docker_event_reader_fini(struct docker_event_reader *r)
{
    str_fini(&r->line);
}
