/* SPDX-License-Identifier: Apache-2.0 */
/* Only what changes a container's state counts; execs, attaches and the like are noise. */
#include "runtime/docker/docker_event.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/mem.h"
#include "runtime/docker/docker_spec.h"

#define MAX_LINE ((size_t)1 << 20)

static const char *const actions[] = {"create", "destroy", "die",     "oom", "pause",
                                      "rename", "start",   "unpause", NULL};
static const char *const of_networks[] = {"connect", "disconnect", NULL};

static const char *find_action(const char *const *list, const char *name)
{
    while (*list != NULL && strcmp(*list, name) != 0) {
        list++;
    }
    return *list;
}

json_t *docker_event_actions(void)
{
    json_t *all = json_array();
    for (size_t i = 0; actions[i] != NULL; i++) {
        json_array_append_new(all, json_string(actions[i]));
    }
    for (size_t i = 0; of_networks[i] != NULL; i++) {
        json_array_append_new(all, json_string(of_networks[i]));
    }
    return all;
}

static bool read_network(const json_t *line, const json_t *attributes, struct docker_event *ret)
{
    ret->action = find_action(of_networks, jx_str(line, "Action", ""));
    ret->name = ret->host = ret->uid = "";
    ret->id = jx_get_str(attributes, "container", "");
    ret->network = jx_get_str(attributes, "name", "");
    return ret->action != NULL && ret->id[0] != '\0';
}

/* False when it is nothing of interest. */
static bool read_event(const json_t *line, struct docker_event *ret)
{
    const json_t *attributes = jx_obj(line, "Actor.Attributes");
    const char *type = jx_str(line, "Type", "container");
    int64_t code = 0;
    if (strcmp(type, "network") == 0) {
        return read_network(line, attributes, ret);
    }
    ret->action = find_action(actions, jx_str(line, "Action", ""));
    ret->id = jx_str(line, "Actor.ID", "");
    ret->uid = jx_get_str(attributes, DOCKER_LABEL_UID, "");
    ret->name = jx_get_str(attributes, "name", "");
    ret->host = jx_get_str(attributes, DOCKER_LABEL_HOST, "");
    if (str_to_i64(jx_get_str(attributes, "exitCode", ""), 0, 255, &code)) {
        ret->exit_code = (int)code;
    }
    if (str_eq(jx_get_str(attributes, DOCKER_LABEL_ROLE, ""), DOCKER_ROLE_OPENER)) {
        return false;
    }
    return ret->action != NULL && ret->name[0] != '\0' && strcmp(type, "container") == 0;
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
