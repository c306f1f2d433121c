/* SPDX-License-Identifier: Apache-2.0 */
/* Probes find a container by its sandbox's address, as packets would: nobody there is a silence, a
 * closed port a refusal, a frozen process a silence again. */
#include <stdio.h>
#include <string.h>

#include "common/str.h"
#include "runtime/fake/fake_impl.h"

struct fake_probe {
    struct fake_driver *d;
    runtime_probe_done *done;
    void *arg;
    bool tcp;
    char *url;       /* for the messages */
    char target[64]; /* "10.77.0.9:8080" */
    int status;
    const char *body;
    struct loop_timer *timer; /* of a silence */
};

static void probe_free(struct fake_probe *p)
{
    loop_undefer(p->d->f->loop, p);
    loop_timer_free(p->timer);
    free(p->url);
    free(p);
}

/* Why there is no status, in a kubelet's words. */
static void set_why(const struct fake_probe *p, struct err *err)
{
    if (p->status == 0) {
        err_set(err, ERR_UNAVAILABLE, "dial tcp %s: connect: connection refused", p->target);
    } else if (p->tcp) {
        err_set(err, ERR_TIMEOUT, "dial tcp %s: i/o timeout", p->target);
    } else {
        err_set(err, ERR_TIMEOUT, "context deadline exceeded");
    }
    if (!p->tcp) {
        err_wrap(err, "Get \"%s\"", p->url);
    }
}

static void probe_answer(void *arg)
{
    struct fake_probe *p = arg;
    struct fake_driver *d = p->d;
    struct fake_probe taken = *p;
    struct err err = {0};
    if (p->status <= 0) {
        set_why(p, &err);
    }
    for (size_t i = 0; i < d->probes.n; i++) {
        if (d->probes.v[i] == p) {
            vec_remove(&d->probes, i);
            break;
        }
    }
    probe_free(p);
    taken.done(taken.arg, taken.status > 0 ? taken.status : 0, taken.body, &err);
}

/* What one container answers on a port: a status, 0 refused, -1 silence. */
static int container_answers(const struct fake_container *c, const struct runtime_probe *p)
{
    if (c->st->state == RUNTIME_PAUSED) {
        return -1;
    }
    if (c->image->set_probe) {
        return c->image->probe_status;
    }
    if (c->image->port != p->port) {
        return 0;
    }
    static const char *const pages[] = {"/", "/healthz", "/readyz", "/slow"};
    bool nginx = str_has_prefix(c->image->name, "nginx:");
    for (size_t i = 0; p->path != NULL && i < (nginx ? 1 : ARRAY_LEN(pages)); i++) {
        size_t n = strcspn(p->path, "?");
        if (strlen(pages[i]) == n && strncmp(p->path, pages[i], n) == 0) {
            return 200;
        }
    }
    return p->tcp ? 200 : 404;
}

static int address_answers(const struct fake *f, const struct runtime_probe *p)
{
    const struct fake_container *sandbox = map_find(f->addresses, p->address);
    if (sandbox == NULL) {
        return -1;
    }
    int status = 0;
    for (size_t i = 0; status == 0 && i < sandbox->apps.n; i++) {
        status = container_answers(sandbox->apps.v[i], p);
    }
    return sandbox->st->state == RUNTIME_PAUSED ? -1 : status;
}

void fake_probe_start(void *self, const struct runtime_probe *p, runtime_probe_done *done,
                      void *arg)
{
    struct fake_driver *d = self;
    struct fake_probe *probe = xnew(struct fake_probe);
    probe->d = d;
    probe->done = done;
    probe->arg = arg;
    probe->tcp = p->tcp;
    snprintf(probe->target, sizeof(probe->target), "%s:%d", p->address, p->port);
    if (!p->tcp) {
        probe->url = xasprintf("%s://%s%s", p->scheme != NULL ? p->scheme : "http", probe->target,
                               p->path != NULL ? p->path : "/");
    }
    probe->status = address_answers(d->f, p);
    probe->body = probe->status >= 400 ? "not ok" : probe->status > 0 ? "ok" : "";
    vec_push(&d->probes, probe);
    if (probe->status < 0) {
        probe->timer = loop_timer_new(d->f->loop, probe_answer, probe);
        loop_timer_start(probe->timer, p->timeout_ns);
    } else {
        loop_defer(d->f->loop, probe_answer, probe);
    }
}

void fake_probes_free(struct fake_driver *d)
{
    for (size_t i = 0; i < d->probes.n; i++) {
        probe_free(d->probes.v[i]);
    }
    vec_fini(&d->probes);
}
