/* SPDX-License-Identifier: Apache-2.0 */
/* Anything may be missing or odd in what comes from a socket: only an id and a name are insisted
 * on. */
#include "runtime/docker/docker_status.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/str.h"
#include "meta/time.h"
#include "runtime/docker/docker_spec.h"
#include "runtime/image_archive.h"

static const struct {
    const char *name;
    enum runtime_state state;
} states[] = {
    {"created", RUNTIME_CREATED},   {"running", RUNTIME_RUNNING}, {"paused", RUNTIME_PAUSED},
    {"restarting", RUNTIME_EXITED}, {"removing", RUNTIME_EXITED}, {"exited", RUNTIME_EXITED},
    {"dead", RUNTIME_EXITED},
};

static int read_state(const char *name, enum runtime_state *ret, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (strcmp(states[i].name, name) == 0) {
            *ret = states[i].state;
            return 0;
        }
    }
    return err_set(err, ERR_INTERNAL, "Docker names a state that podlab does not know: \"%.40s\"",
                   name);
}

/* Docker writes the year 1 where there is no time yet. */
static int64_t read_time(const json_t *inspect, const char *path)
{
    int64_t us;
    return time_parse(jx_str(inspect, path, ""), &us) && us > 0 ? us : 0;
}

/* Docker notes the start of a quick process after its end; and keeps the end of an earlier run. */
static void set_times(struct runtime_status *st, int64_t started_us, int64_t finished_us)
{
    st->started_us = started_us;
    if (st->state == RUNTIME_EXITED) {
        st->finished_us = finished_us < started_us ? started_us : finished_us;
    }
}

static bool is_ours(const char *label)
{
    static const char *const ours[] = {
        DOCKER_LABEL_CLUSTER, DOCKER_LABEL_UID,  DOCKER_LABEL_ROLE,
        DOCKER_LABEL_HOST,    DOCKER_LABEL_HASH, DOCKER_LABEL_EPOCH,
        DOCKER_LABEL_ADDRESS, IMAGE_LABEL}; /* which a container inherits */
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (strcmp(label, ours[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void read_labels(const json_t *labels, struct docker_status *ret)
{
    int64_t epoch = 0;
    ret->cluster_uid = jx_get_str(labels, DOCKER_LABEL_UID, "");
    ret->st.role = runtime_role_find(jx_get_str(labels, DOCKER_LABEL_ROLE, "app"));
    ret->hidden = str_eq(jx_get_str(labels, DOCKER_LABEL_ROLE, ""), DOCKER_ROLE_OPENER);
    ret->st.host = jx_get_str(labels, DOCKER_LABEL_HOST, "");
    ret->st.hash = jx_get_str(labels, DOCKER_LABEL_HASH, "");
    if (str_to_i64(jx_get_str(labels, DOCKER_LABEL_EPOCH, ""), 0, INT64_MAX, &epoch)) {
        ret->st.epoch = (uint64_t)epoch;
    }
    const char *key;
    json_t *value, *all = json_incref((json_t *)(uintptr_t)labels);
    json_object_foreach(all, key, value)
    {
        if (!is_ours(key) && json_is_string(value)) {
            vec_push(&ret->labels, xasprintf("%s=%s", key, json_string_value(value)));
        }
    }
    json_decref(all);
    vec_push(&ret->labels, NULL);
    ret->st.labels = (const char *const *)ret->labels.v;
}

bool docker_status_has_network(const json_t *inspect)
{
    const char *mode = jx_str(inspect, "HostConfig.NetworkMode", "");
    static const char *const others[] = {"", "none", "host"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (strcmp(mode, others[i]) == 0) {
            return false;
        }
    }
    return !str_has_prefix(mode, "container:");
}

bool docker_status_cut(const json_t *inspect)
{
    const char *mode = jx_str(inspect, "HostConfig.NetworkMode", "");
    return docker_status_has_network(inspect) &&
           json_object_get(jx_obj(inspect, "NetworkSettings.Networks"), mode) == NULL;
}

int docker_status_read(json_t *inspect, struct docker_status *ret, struct err *err)
{
    const char *name = jx_str(inspect, "Name", "");
    memset(ret, 0, sizeof(*ret));
    name += name[0] == '/';
    if (name[0] == '\0' || jx_str(inspect, "Id", "")[0] == '\0') {
        return err_set(err, ERR_INTERNAL,
                       "Docker describes a container without a name or an id: is that a Docker?");
    }
    if (read_state(jx_str(inspect, "State.Status", ""), &ret->st.state, err) != 0) {
        return err_wrap(err, "container %s", name);
    }
    ret->from = json_incref(inspect);
    ret->st.name = name;
    ret->st.id = jx_str(inspect, "Id", "");
    ret->st.image_id = jx_str(inspect, "Image", "");
    ret->st.error = jx_str(inspect, "State.Error", "");
    ret->st.exit_code = (int)jx_int(inspect, "State.ExitCode", 0);
    ret->st.oom_killed = jx_bool(inspect, "State.OOMKilled", false);
    ret->st.cut = docker_status_cut(inspect);
    set_times(&ret->st, read_time(inspect, "State.StartedAt"),
              read_time(inspect, "State.FinishedAt"));
    ret->tty = jx_bool(inspect, "Config.Tty", false);
    read_labels(jx_obj(inspect, "Config.Labels"), ret);
    return 0;
}

void docker_status_fini(struct docker_status *s)
{
    for (size_t i = 0; i < s->labels.n; i++) {
        free(s->labels.v[i]);
    }
    vec_fini(&s->labels);
    json_decref(s->from);
    s->from = NULL;
}
