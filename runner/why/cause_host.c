/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts themselves: one has power though it should not, or none though it should; or what it was
 * told, it cannot hear. */
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "why/causes.h"

/* ---- what the check wants of the host ---- */

static bool wants_away(const struct scene *s)
{
    bool power = scene_expects(s, "\"Off\"") || scene_expects(s, "\"Paused\"") ||
                 scene_expects(s, "\"Partitioned\"");
    bool node = str_eq(s->kind, "Node") &&
                (scene_expects(s, "!= \"True\"") || scene_expects(s, "\"Unknown\""));
    return power || node;
}

static bool is_away(const struct scene *s, const char *host)
{
    const char *word = scene_host_word(s, host);
    return word[0] != '\0' && strcmp(word, "on") != 0;
}

static void saw_host(const struct scene *s, struct finding *f, const char *name)
{
    const json_t *host = scene_find(s, "Host", "", name);
    if (host != NULL) {
        finding_saw(f, host, "spec.power", jx_str(host, "spec.power", "On"), NULL);
        finding_saw(f, host, "spec.network", jx_str(host, "spec.network", "Connected"), NULL);
    }
}

static bool is_worker(const json_t *host)
{
    return !str_eq(scene_name(host), "control-plane");
}

/* Which hosts are away (or not), as a list `arg`; how many. */
static int64_t list_hosts(const struct scene *s, struct finding *f, const char *arg, bool away)
{
    size_t i;
    int64_t n = 0;
    const json_t *host;
    jx_each(i, host, scene_all(s, "Host"))
    {
        if (is_worker(host) && is_away(s, scene_name(host)) == away) {
            finding_add(f, arg, scene_name(host));
            n++;
        }
    }
    return n;
}

/* ---- it is on ---- */

static bool no_host_is_off(const struct scene *s, struct finding *f)
{
    if (!str_eq(s->kind, "Host") || s->judged->kind != LAB_LIST ||
        list_hosts(s, f, "others", true) > 0) {
        return false;
    }
    finding_number(f, "n", list_hosts(s, f, "hosts", false));
    f->words = "host-on.all";
    return true;
}

bool cause_host_on(const struct scene *s, struct finding *f)
{
    int64_t believed;
    if (!wants_away(s)) {
        return false;
    }
    if (s->host[0] == '\0') {
        return no_host_is_off(s, f);
    }
    if (!str_eq(scene_host_word(s, s->host), "on")) {
        return false;
    }
    int64_t silent = scene_silent_us(s, s->host, &believed);
    int64_t n = list_hosts(s, f, "others", true);
    finding_text(f, "host", s->host);
    finding_number(f, "n", n);
    finding_span(f, "age", silent > 0 ? silent : 0);
    saw_host(s, f, s->host);
    f->words = scene_host_changes(s, s->host) ? "moving.power"
               : n > 0                        ? "host-on.another"
               : silent >= 0                  ? "host-on"
                                              : "host-on.plain";
    return true;
}

/* ---- it is off, frozen or cut off ---- */

static const char *away_words(const char *word)
{
    return strcmp(word, "off") == 0      ? "host-off"
           : strcmp(word, "paused") == 0 ? "host-paused"
                                         : "host-cut";
}

bool cause_host_away(const struct scene *s, struct finding *f)
{
    const char *word = scene_host_word(s, s->host);
    bool about_one = s->host[0] != '\0' && s->judged->kind != LAB_LIST;
    if (!about_one || wants_away(s)) {
        return false;
    }
    finding_text(f, "host", s->host);
    if (is_away(s, s->host)) {
        saw_host(s, f, s->host);
        f->words = away_words(word);
        return true;
    }
    if (str_eq(s->kind, "Node") && scene_expects(s, "\"Ready\"") && s->object != NULL &&
        !scene_node_is_ready(s, s->host) && word[0] != '\0') {
        f->words = scene_host_changes(s, s->host) ? "moving.power" : "moving.report";
        return true;
    }
    return false;
}

/* ---- it still takes pods ---- */

bool cause_not_cordoned(const struct scene *s, struct finding *f)
{
    if (!str_eq(s->kind, "Node") || s->object == NULL ||
        !scene_expects(s, "unschedulable == true") ||
        jx_bool(s->object, "spec.unschedulable", false)) {
        return false;
    }
    finding_text(f, "host", s->host);
    finding_saw(f, s->object, "spec.unschedulable", "false", NULL);
    f->words = "not-cordoned";
    return true;
}

/* ---- pods that cannot hear that they should end ---- */

bool cause_cannot_end(const struct scene *s, struct finding *f)
{
    const char *host = NULL;
    int64_t n = 0;
    size_t i;
    const json_t *pod;
    if (!scene_expects(s, "deletionTimestamp != null") || !s->counted || s->got <= s->want) {
        return false;
    }
    jx_each(i, pod, s->pods)
    {
        const char *node = jx_str(pod, "spec.nodeName", "");
        bool deaf = is_away(s, node) || scene_node_is_lost(s, node);
        if (scene_pod_is_ending(pod) && deaf && (host == NULL || strcmp(host, node) == 0)) {
            host = node;
            n++;
            finding_add(f, "pods", scene_name(pod));
            finding_saw(f, pod, "metadata.deletionTimestamp",
                        jx_str(pod, "metadata.deletionTimestamp", ""), NULL);
        }
    }
    if (host == NULL) {
        return false;
    }
    finding_number(f, "n", n);
    finding_text(f, "host", host);
    f->words = strcmp(scene_host_word(s, host), "cut") == 0 ? "cannot-end.cut" : "cannot-end";
    return true;
}
