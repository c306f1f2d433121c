/* SPDX-License-Identifier: Apache-2.0 */
/* The machine that outlives the cores, and what tests and simulations do to it. What images do is
 * told in fake_image.c. */
#include "runtime/fake/fake.h"

#include <assert.h>

#include "common/str.h"
#include "runtime/fake/fake_impl.h"

struct fake *fake_new(struct loop *loop, const struct fake_opts *opts)
{
    struct fake *f = xnew(struct fake);
    f->loop = loop;
    f->opts = opts != NULL ? *opts : (struct fake_opts){0};
    f->containers = map_new(fake_container_free);
    f->addresses = map_new(NULL);
    f->images = fake_images_new();
    f->starts = map_new(NULL);
    return f;
}

void fake_free(struct fake *f)
{
    if (f == NULL) {
        return;
    }
    assert(f->drivers.n == 0); /* a driver would look at a machine that is gone */
    map_free(f->containers);
    map_free(f->addresses);
    map_free(f->images);
    map_free(f->starts);
    fake_fail_no_more(f);
    vec_fini(&f->failures);
    vec_fini(&f->drivers);
    free(f);
}

bool fake_kill(struct fake *f, const char *name, int exit_code, bool oom)
{
    struct fake_container *c = map_find(f->containers, name);
    if (c == NULL || (c->st->state != RUNTIME_RUNNING && c->st->state != RUNTIME_PAUSED)) {
        return false;
    }
    fake_container_end(c, exit_code, oom);
    return true;
}

bool fake_start(struct fake *f, const char *name)
{
    struct fake_container *c = map_find(f->containers, name);
    return c != NULL && c->st->state == RUNTIME_EXITED && fake_container_again(c);
}

bool fake_pause(struct fake *f, const char *name, bool paused)
{
    struct fake_container *c = map_find(f->containers, name);
    enum runtime_state from = paused ? RUNTIME_RUNNING : RUNTIME_PAUSED;
    if (c == NULL || c->st->state != from) {
        return false;
    }
    fake_container_pause(c, paused);
    return true;
}

bool fake_connect(struct fake *f, const char *name, bool connected)
{
    struct fake_container *c = map_find(f->containers, name);
    return c != NULL && c->address != NULL && c->st->cut == connected &&
           fake_container_connect(c, connected);
}

void fake_fail_starts(struct fake *f, const char *image, unsigned n, enum runtime_result how)
{
    assert(n > 0 && how != RUNTIME_OK);
    const struct fake_image *known = image != NULL ? fake_images_find(f->images, image) : NULL;
    struct fake_failure failure = {xstrdup(known != NULL ? known->name : image), n, how};
    vec_push(&f->failures, failure);
}

void fake_fail_no_more(struct fake *f)
{
    while (f->failures.n > 0) {
        free(f->failures.v[--f->failures.n].image);
    }
}

void fake_add_image(struct fake *f, const char *image)
{
    if (fake_images_find(f->images, image) == NULL) {
        fake_images_add(f->images, image, 0, false);
    }
}

void fake_set_probe(struct fake *f, const char *image, int status)
{
    struct fake_image *i = fake_images_find(f->images, image);
    assert(i != NULL); /* the test names an image that it did not add */
    i->set_probe = true;
    i->probe_status = status;
}

void fake_set_down(struct fake *f, bool down)
{
    static const char why[] = "the daemon does not answer";
    if (f->down == down) {
        return;
    }
    f->down = down;
    for (size_t i = 0; down && i < f->drivers.n; i++) {
        fake_calls_lost(f->drivers.v[i]);
        fake_streams_lost(f->drivers.v[i], why);
    }
    fake_event_all(f, down ? RUNTIME_EV_LOST : RUNTIME_EV_BACK, down ? why : NULL);
}

void fake_each(struct fake *f, void (*fn)(void *arg, const struct runtime_status *st), void *arg)
{
    void *c;
    for (size_t it = 0; map_next(f->containers, &it, NULL, &c);) {
        fn(arg, ((const struct fake_container *)c)->st);
    }
}

unsigned fake_hangups(const struct fake *f)
{
    return f->hangups;
}

unsigned fake_starts(struct fake *f, const char *name)
{
    return (unsigned)(uintptr_t)map_find(f->starts, name);
}
