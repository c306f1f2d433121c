/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime interface over the machine of the fake: one driver per core that looks at it. */
#include <string.h>

#include "common/str.h"
#include "runtime/fake/fake_impl.h"

/* Nothing is sent to a daemon that is not there, so such a call has certainly not happened. */
static bool refused_down(struct fake_call *call)
{
    if (!call->d->f->down) {
        return false;
    }
    err_set(&call->err, ERR_UNAVAILABLE, "the daemon does not answer");
    fake_call_fail(call, RUNTIME_FAILED, NULL);
    return true;
}

static void fail_missing(struct fake_call *call)
{
    err_set(&call->err, ERR_NOT_FOUND, "No such container: %s", call->name);
    fake_call_fail(call, RUNTIME_FAILED, NULL);
}

/* ---- lifecycle ---- */

static void driver_free(void *self)
{
    struct fake_driver *d = self;
    struct fake *f = d->f;
    fake_calls_free(d);
    fake_probes_free(d);
    while (d->streams.n > 0) {
        fake_stream_free(d->streams.v[0]);
    }
    vec_fini(&d->streams);
    for (size_t i = 0; i < f->drivers.n; i++) {
        if (f->drivers.v[i] == d) {
            vec_remove(&f->drivers, i);
            break;
        }
    }
    d->dead = true;
    if (!d->delivering) {
        free(d);
    }
}

static void driver_recover(void *self, runtime_done *done, void *arg)
{
    struct fake_call *call = fake_call_new(self, FAKE_OTHER, "", done, arg);
    if (!refused_down(call)) {
        fake_call_ok(call, NULL);
    }
}

static void driver_subscribe(void *self, void (*fn)(void *arg, const struct runtime_event *ev),
                             void *arg)
{
    struct fake_driver *d = self;
    d->subscriber = fn;
    d->subscriber_arg = arg;
}

/* ---- ensure ---- */

/* What the next ensure of an image was told to become; RUNTIME_OK when nothing. */
static enum runtime_result take_failure(struct fake *f, const char *image)
{
    for (size_t i = 0; i < f->failures.n; i++) {
        struct fake_failure *failure = &f->failures.v[i];
        if (failure->image != NULL && !str_eq(failure->image, image)) {
            continue;
        }
        enum runtime_result how = failure->how;
        if (--failure->n == 0) {
            free(failure->image);
            vec_remove(&f->failures, i);
        }
        return how;
    }
    return RUNTIME_OK;
}

static void start_it(struct fake_call *call, struct fake_container *c)
{
    enum runtime_result how = take_failure(c->f, c->image->name);
    call->unknown = how == RUNTIME_UNKNOWN;
    fake_call_wait(call, c);
    fake_container_start(c, how == RUNTIME_FAILED);
}

static void ensure_existing(struct fake_call *call, struct fake_container *c,
                            const struct runtime_spec *spec)
{
    if (strcmp(c->st->hash, spec->hash != NULL ? spec->hash : "") != 0) {
        err_set(&call->err, ERR_CONFLICT,
                "a container named %s exists, made from another specification (%s)", spec->name,
                c->st->hash);
        fake_call_fail(call, RUNTIME_FAILED, c);
    } else if (c->starting) {
        fake_call_wait(call, c);
    } else if (c->st->state == RUNTIME_CREATED) {
        start_it(call, c);
    } else {
        fake_call_ok(call, c);
    }
}

static void driver_ensure(void *self, const struct runtime_spec *spec, uint64_t epoch,
                          runtime_done *done, void *arg)
{
    struct fake_driver *d = self;
    struct fake *f = d->f;
    struct fake_call *call = fake_call_new(d, FAKE_ENSURE, spec->name, done, arg);
    if (refused_down(call)) {
        return;
    }
    struct fake_container *c = map_find(f->containers, spec->name);
    if (c != NULL) {
        ensure_existing(call, c, spec);
        return;
    }
    const char *name = spec->image != NULL ? spec->image : "podlab/guest:1";
    const struct fake_image *image = fake_images_find(f->images, name);
    if (image == NULL) {
        fake_images_missing(f->images, name, &call->err);
        fake_call_fail(call, RUNTIME_FAILED, NULL);
        return;
    }
    start_it(call, fake_container_new(f, spec, epoch, image));
}

/* ---- stop, remove, pause, connect ---- */

static void begin_stop(struct fake_call *call, struct fake_container *c)
{
    if (c == NULL || c->st->state == RUNTIME_EXITED || c->st->state == RUNTIME_CREATED) {
        fake_call_ok(call, c);
    } else {
        fake_container_stop(c, call->grace_s);
        fake_call_wait(call, c);
    }
}

static void begin_pause(struct fake_call *call, struct fake_container *c)
{
    bool is_paused = c != NULL && c->st->state == RUNTIME_PAUSED;
    if (c == NULL) {
        fail_missing(call);
    } else if (!is_paused && c->st->state != RUNTIME_RUNNING) {
        err_set(&call->err, ERR_CONFLICT, "Container %s is not running", c->st->id);
        fake_call_fail(call, RUNTIME_FAILED, c);
    } else {
        if (is_paused != call->paused) {
            fake_container_pause(c, call->paused);
        }
        fake_call_ok(call, c);
    }
}

static void begin_connect(struct fake_call *call, struct fake_container *c)
{
    if (c == NULL) {
        fail_missing(call);
    } else if (c->address != NULL && c->st->cut == call->connected &&
               !fake_container_connect(c, call->connected)) {
        err_set(&call->err, ERR_CONFLICT, "Address already in use");
        fake_call_fail(call, RUNTIME_FAILED, c);
    } else {
        fake_call_ok(call, c);
    }
}

void fake_call_begin(struct fake_call *call, struct fake_container *c)
{
    if (call->verb == FAKE_STOP) {
        begin_stop(call, c);
    } else if (call->verb == FAKE_PAUSE) {
        begin_pause(call, c);
    } else if (call->verb == FAKE_CONNECT) {
        begin_connect(call, c);
    } else {
        if (c != NULL) {
            fake_container_remove(c);
        }
        fake_call_ok(call, NULL);
    }
}

static void begin(struct fake_call *call)
{
    if (!refused_down(call)) {
        fake_call_step(call, map_find(call->d->f->containers, call->name));
    }
}

static void driver_stop(void *self, const char *name, int64_t grace_s, runtime_done *done,
                        void *arg)
{
    struct fake_call *call = fake_call_new(self, FAKE_STOP, name, done, arg);
    call->grace_s = grace_s;
    begin(call);
}

static void driver_remove(void *self, const char *name, runtime_done *done, void *arg)
{
    begin(fake_call_new(self, FAKE_REMOVE, name, done, arg));
}

static void driver_pause(void *self, const char *name, bool paused, runtime_done *done, void *arg)
{
    struct fake_call *call = fake_call_new(self, FAKE_PAUSE, name, done, arg);
    call->paused = paused;
    begin(call);
}

static void driver_connect(void *self, const char *name, bool connected, runtime_done *done,
                           void *arg)
{
    struct fake_call *call = fake_call_new(self, FAKE_CONNECT, name, done, arg);
    call->connected = connected;
    begin(call);
}

/* It fails, or nobody will know, as starts do. */
static void driver_rename(void *self, const char *name, const char *to, runtime_done *done,
                          void *arg)
{
    struct fake_driver *d = self;
    struct fake_call *call = fake_call_new(d, FAKE_OTHER, name, done, arg);
    struct fake_container *c = map_find(d->f->containers, name);
    struct fake_container *other = map_find(d->f->containers, to);
    if (refused_down(call)) {
        return;
    }
    if (c == NULL && other == NULL) {
        fail_missing(call);
        return;
    }
    if (c != NULL && other != NULL) {
        err_set(&call->err, ERR_CONFLICT, "The container name \"/%s\" is already in use", to);
        fake_call_fail(call, RUNTIME_FAILED, NULL);
        return;
    }
    c = c != NULL ? c : other;
    enum runtime_result how = take_failure(d->f, c->image->name);
    call->unknown = how == RUNTIME_UNKNOWN;
    if (how == RUNTIME_FAILED) {
        err_set(&call->err, ERR_INTERNAL, "the renaming was made to fail");
        fake_call_fail(call, how, NULL);
        return;
    }
    if (c != other) {
        fake_container_rename(c, to);
    }
    fake_call_ok(call, c);
}

/* ---- looking ---- */

static void driver_inspect(void *self, const char *name, runtime_done *done, void *arg)
{
    struct fake_driver *d = self;
    struct fake_call *call = fake_call_new(d, FAKE_OTHER, name, done, arg);
    struct fake_container *c = map_find(d->f->containers, name);
    if (refused_down(call)) {
        return;
    }
    if (c == NULL) {
        fail_missing(call);
    } else {
        fake_call_ok(call, c);
    }
}

static void driver_list(void *self, runtime_list_done *done, void *arg)
{
    struct fake_call *call = fake_call_new(self, FAKE_OTHER, "", NULL, arg);
    call->list_done = done;
    if (!refused_down(call)) {
        fake_call_ok(call, NULL);
    }
}

static void driver_destroy(void *self, runtime_done *done, void *arg)
{
    struct fake_driver *d = self;
    struct fake_call *call = fake_call_new(d, FAKE_OTHER, "", done, arg);
    if (refused_down(call)) {
        return;
    }
    void *c;
    for (size_t it = 0; map_next(d->f->containers, &it, NULL, &c);) {
        fake_container_remove(c);
    }
    fake_call_ok(call, NULL);
}

static void driver_volume_remove(void *self, const char *volume, runtime_done *done, void *arg)
{
    struct fake_call *call = fake_call_new(self, FAKE_OTHER, volume, done, arg);
    if (!refused_down(call)) {
        fake_call_ok(call, NULL);
    }
}

/* ---- images ---- */

static void driver_image_find(void *self, const char *image, runtime_done *done, void *arg)
{
    struct fake_driver *d = self;
    struct fake_call *call = fake_call_new(d, FAKE_OTHER, image, done, arg);
    if (refused_down(call)) {
        return;
    }
    if (fake_images_find(d->f->images, image) != NULL) {
        fake_call_ok(call, NULL);
    } else {
        fake_images_missing(d->f->images, image, &call->err);
        fake_call_fail(call, RUNTIME_FAILED, NULL);
    }
}

/* There is no registry, as on a train. */
static void driver_image_pull(void *self, const char *image,
                              void (*progress)(void *arg, const char *line), runtime_done *done,
                              void *arg)
{
    driver_image_find(self, image, done, arg);
}

static void driver_image_load(void *self, const void *tar, size_t n, runtime_done *done, void *arg)
{
    driver_volume_remove(self, "", done, arg);
}

static void driver_image_list(void *self,
                              void (*done)(void *arg, const struct runtime_image *v, size_t n,
                                           const struct err *err),
                              void *arg)
{
    struct fake_call *call = fake_call_new(self, FAKE_OTHER, "", NULL, arg);
    call->images_done = done;
    if (!refused_down(call)) {
        fake_call_ok(call, NULL);
    }
}

static const struct runtime_ops ops = {
    .name = "fake",
    .shares = true,
    .free = driver_free,
    .recover = driver_recover,
    .subscribe = driver_subscribe,
    .ensure = driver_ensure,
    .stop = driver_stop,
    .remove = driver_remove,
    .pause = driver_pause,
    .connect = driver_connect,
    .rename = driver_rename,
    .inspect = driver_inspect,
    .list = driver_list,
    .destroy = driver_destroy,
    .logs = fake_stream_logs,
    .attach = fake_stream_attach,
    .exec = fake_stream_exec,
    .join = fake_stream_join,
    .dial = fake_stream_dial,
    .queued = fake_stream_queued,
    .write = fake_stream_write,
    .end = fake_stream_end,
    .resize = fake_stream_resize,
    .resume = fake_stream_resume,
    .stream_free = fake_stream_free,
    .probe = fake_probe_start,
    .volume_remove = driver_volume_remove,
    .image_find = driver_image_find,
    .image_pull = driver_image_pull,
    .image_load = driver_image_load,
    .image_list = driver_image_list,
};

void fake_runtime(struct fake *f, struct runtime *ret)
{
    struct fake_driver *d = xnew(struct fake_driver);
    d->f = f;
    vec_push(&f->drivers, d);
    ret->ops = &ops;
    ret->self = d;
}
