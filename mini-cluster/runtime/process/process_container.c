/* SPDX-License-Identifier: Apache-2.0 */
/* One container: made known, started, adopted, lost, deleted. What it is comes from its shim, or,
 * when there is none any more, from what that wrote. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"
#include "runtime/process/process_files.h"
#include "runtime/process/process_impl.h"

#define START_NS LOOP_S(30)
#define FIND_NS LOOP_S(5)
#define FIND_AGAIN LOOP_MS(10)
#define LEFT_AGAIN LOOP_MS(5)

static void on_timer(void *arg);
static void look_for_shim(struct process_container *c);

/* ---- making known ---- */

static void read_labels(struct process_container *c)
{
    VEC(const char *) labels = {0};
    size_t at = 0;
    const char *label;
    while ((label = process_config_next(&c->config, &at, "label")) != NULL) {
        vec_push(&labels, label);
    }
    vec_push(&labels, NULL);
    c->labels = labels.v;
}

struct process_container *process_container_new(struct process *d, const char *name,
                                                struct str *config)
{
    struct process_container *c = xnew(struct process_container);
    struct stat st;
    c->d = d;
    c->dir = xasprintf("%s/containers/%s", d->dir, name);
    c->config = *config;
    *config = (struct str)STR_INIT;
    read_labels(c);
    c->error = xstrdup("");
    c->address = process_config_get(&c->config, "address", NULL);
    c->join = process_config_get(&c->config, "join", NULL);
    cleanup_free char *cut = xasprintf("%s/cut", c->dir);
    c->st = (struct runtime_status){
        .name = process_config_get(&c->config, "name", name),
        .id = process_config_get(&c->config, "id", ""),
        .image_id = process_config_get(&c->config, "image_id", ""),
        .role = runtime_role_find(process_config_get(&c->config, "role", "")),
        .host = process_config_get(&c->config, "host", ""),
        .hash = process_config_get(&c->config, "hash", ""),
        .epoch = strtoull(process_config_get(&c->config, "epoch", "0"), NULL, 10),
        .state = RUNTIME_CREATED,
        .error = c->error,
        .labels = c->labels,
    };
    c->cut = stat(cut, &st) == 0;
    c->st.cut = c->cut;
    c->tells = true;
    c->timer = loop_timer_new(d->loop, on_timer, c);
    map_put(d->containers, name, c);
    return c;
}

void process_container_free(void *arg)
{
    struct process_container *c = arg;
    process_conn_free(c->shim);
    loop_timer_free(c->timer);
    loop_undefer(c->d->loop, c);
    vec_fini(&c->ops);
    str_fini(&c->config);
    free(c->labels);
    free(c->error);
    free(c->dir);
    free(c);
}

bool process_container_runs(const struct process_container *c)
{
    return c->st.state == RUNTIME_RUNNING || c->st.state == RUNTIME_PAUSED;
}

/* ---- what changes ---- */

static void set_error(struct process_container *c, const char *why)
{
    free(c->error);
    c->error = xstrdup(why);
    c->st.error = c->error;
}

/* Tells what is different from before. */
static void tell(struct process_container *c, enum runtime_state before)
{
    enum runtime_state now = c->st.state;
    bool ran = before == RUNTIME_RUNNING || before == RUNTIME_PAUSED;
    if (!c->tells || before == now) {
        return;
    }
    if (!ran && now != RUNTIME_CREATED) {
        process_op_event(c, "start", 0);
    }
    if (now == RUNTIME_EXITED) {
        if (c->st.oom_killed) {
            process_op_event(c, "oom", 0);
        }
        process_op_event(c, "die", c->st.exit_code);
    } else if (ran) {
        process_op_event(c, now == RUNTIME_PAUSED ? "pause" : "unpause", 0);
    }
}

/* It is known now what it is. */
static void settled(struct process_container *c, enum runtime_state before)
{
    bool looked_for = !c->tells;
    struct process *d = c->d;
    c->starting = false;
    tell(c, before);
    c->tells = true;
    process_op_step(c);
    if (looked_for) {
        process_op_step_all(d);
    }
}

static void start_failed(struct process_container *c, const char *why)
{
    set_error(c, why);
    c->st.state = RUNTIME_CREATED;
    settled(c, RUNTIME_CREATED);
}

/* Its shim was killed, and with it what it watched over. */
static void lost(struct process_container *c)
{
    enum runtime_state before = c->st.state;
    if (process_shim_kill_left(c)) {
        loop_timer_start(c->timer, LEFT_AGAIN);
        return;
    }
    c->st.state = RUNTIME_EXITED;
    c->st.exit_code = 137;
    c->st.finished_us = loop_wall_us(c->d->loop);
    process_shim_write_end(c);
    settled(c, before);
}

/* ---- its shim ---- */

static void on_state(struct process_container *c, const char *text)
{
    enum runtime_state before = c->st.state;
    loop_timer_stop(c->timer);
    process_shim_read_state(c, text);
    settled(c, before);
}

static void on_packet(void *arg, char type, const char *bytes, size_t n)
{
    struct process_container *c = arg;
    (void)n;
    if (type == 'S') {
        on_state(c, bytes);
    } else if (type == 'B') { /* another life of ours has started it */
        process_conn_free(steal(c->shim));
        c->give_up_ns = loop_mono_ns(c->d->loop) + FIND_NS;
        look_for_shim(c);
    }
}

/* What the file says; false when there is none. */
static bool read_state(struct process_container *c)
{
    cleanup_str struct str text = STR_INIT;
    cleanup_free char *path = xasprintf("%s/state", c->dir);
    struct err err;
    if (process_files_read(path, &text, &err) != 0) {
        return false;
    }
    process_shim_read_state(c, str_c(&text));
    return true;
}

/* Nobody watches over it: what was written down counts. */
static void without_shim(struct process_container *c)
{
    enum runtime_state before = c->st.state;
    bool known = read_state(c);
    if (process_container_runs(c)) {
        lost(c);
    } else if (c->starting && c->tells && !known) {
        start_failed(c, "its shim ended before it started anything");
    } else {
        settled(c, before);
    }
}

static void on_shim_end(void *arg)
{
    struct process_container *c = arg;
    process_conn_free(steal(c->shim));
    loop_timer_stop(c->timer);
    if (c->starting || process_container_runs(c)) {
        without_shim(c);
    } else {
        process_op_step(c);
    }
}

static const struct process_conn_ops shim_ops = {.on_packet = on_packet, .on_end = on_shim_end};

void process_container_send(struct process_container *c, char type, const char *text)
{
    if (c->shim != NULL) {
        process_conn_send(c->shim, type, text, strlen(text));
    }
}

/* ---- starting ---- */

static bool sandbox_runs(struct process_container *c)
{
    const struct process_container *s =
        c->join != NULL ? map_find(c->d->containers, c->join) : NULL;
    if (c->join == NULL || (s != NULL && process_container_runs(s))) {
        return true;
    }
    cleanup_free char *why =
        s == NULL ? xasprintf("No such container: %s", c->join)
                  : xasprintf("cannot join network of a non running container: %s", s->st.id);
    set_error(c, why);
    return false;
}

static void start_now(void *arg)
{
    struct process_container *c = arg;
    int fd = sandbox_runs(c) ? process_shim_start(c) : -1;
    if (fd < 0) {
        cleanup_free char *why = xstrdup(c->error);
        start_failed(c, why);
        return;
    }
    c->shim = process_conn_new(c->d->loop, fd, &shim_ops, c);
    process_container_send(c, 'M', "");
    loop_timer_start(c->timer, START_NS);
}

void process_container_start(struct process_container *c)
{
    c->starting = true;
    set_error(c, "");
    loop_defer(c->d->loop, start_now, c);
}

/* ---- finding it again ---- */

/* Whether a shim holds the lock. */
static bool is_locked(const struct process_container *c)
{
    cleanup_free char *path = xasprintf("%s/lock", c->dir);
    cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fd >= 0 && fcntl(fd, F_OFD_GETLK, &all) == 0 && all.l_type != F_UNLCK;
}

static void look_for_shim(struct process_container *c)
{
    c->shim = process_conn_open(c->d->loop, c->dir, &shim_ops, c);
    if (c->shim != NULL) {
        c->shim_pid = process_conn_peer(c->shim);
        process_container_send(c, 'M', "");
        loop_timer_start(c->timer, START_NS);
    } else if (!is_locked(c)) {
        without_shim(c);
    } else if (loop_mono_ns(c->d->loop) < c->give_up_ns) {
        loop_timer_start(c->timer, FIND_AGAIN); /* it has only begun, or is about to end */
    } else {
        log_warn("runtime", "%s: its shim lives and does not answer", c->st.name);
        start_failed(c, "its shim lives and does not answer");
    }
}

void process_container_adopt(struct process_container *c)
{
    c->starting = true;
    c->tells = false;
    c->give_up_ns = loop_mono_ns(c->d->loop) + FIND_NS;
    look_for_shim(c);
}

/* Something took too long, or is to be looked at again. */
static void on_timer(void *arg)
{
    struct process_container *c = arg;
    if (c->shim != NULL) { /* stopped, or stuck: its end is the end of what it watches over */
        log_warn("runtime", "%s: its shim does not answer and is killed", c->st.name);
        process_conn_kill_peer(c->shim, c->shim_pid);
    } else if (process_container_runs(c)) {
        lost(c);
    } else if (c->starting) {
        look_for_shim(c);
    } else if (c->look_again) {
        c->look_again = false;
        process_container_adopt(c);
    } else {
        process_op_step(c);
    }
}

/* ---- the end ---- */

int process_container_delete(struct process_container *c, struct err *err)
{
    static unsigned count;
    struct process *d = c->d;
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    cleanup_free char *path = xasprintf("%s/lock", c->dir);
    cleanup_free char *grave =
        xasprintf("%s/tmp/%s-%d-%u", d->dir, c->st.name, (int)getpid(), count++);
    cleanup_close int lock = open(path, O_RDWR | O_CLOEXEC);
    if (lock >= 0 && fcntl(lock, F_OFD_SETLK, &all) != 0) {
        return err_set(err, ERR_UNAVAILABLE, "%s is held by a shim that does not end", c->st.name);
    }
    if (rename(c->dir, grave) != 0 && errno != ENOENT) {
        return err_errno(err, errno, "remove %s", c->dir);
    }
    process_files_remove(grave);
    process_op_event(c, "destroy", 0);
    cleanup_free char *name = xstrdup(c->st.name);
    map_remove(d->containers, name);
    return 0;
}
