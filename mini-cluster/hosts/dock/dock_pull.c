/* SPDX-License-Identifier: Apache-2.0 */
/* docker pull: what is on this machine is there at once; the rest comes from its registry, and
 * where none answers it is said what is here. */
#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"
#include "hosts/dock/dock_tags.h"
#include "runtime/image_name.h"

/* Outlives its request: the runtime cannot be told to stop. */
struct dock_pull {
    struct dock_req *r; /* NULL: the client left, and with him the request */
    char *name;
    struct dock_pull *next, **prev_next;
};

static void pull_free(struct dock_pull *p)
{
    *p->prev_next = p->next;
    if (p->next != NULL) {
        p->next->prev_next = p->prev_next;
    }
    free(p->name);
    free(p);
}

static struct dock_pull *pull_new(struct docks *all, struct dock_req *r)
{
    struct dock_pull *p = xnew(struct dock_pull);
    p->r = r;
    p->name = xstrdup(r->wanted);
    p->next = all->pulls;
    p->prev_next = &all->pulls;
    if (p->next != NULL) {
        p->next->prev_next = &p->next;
    }
    all->pulls = p;
    return p;
}

void dock_pulls_free(struct docks *all)
{
    while (all->pulls != NULL) {
        pull_free(all->pulls);
    }
}

static void forget(void *own)
{
    ((struct dock_pull *)own)->r = NULL;
}

/* ---- the end ---- */

static void reply_here(struct dock_req *r, const char *name)
{
    cleanup_free char *status = xasprintf("Status: Image is up to date for %s", name);
    const char *colon = strrchr(name, ':');
    cleanup_free char *from =
        xasprintf("Pulling from %.*s", (int)(colon != NULL ? colon - name : 0), name);
    dock_out_begin(r);
    dock_out_line(r, json_pack("{s:s, s:s}", "status", from, "id", colon != NULL ? colon + 1 : ""));
    dock_out_line(r, json_pack("{s:s}", "status", status));
    dock_out_end(r);
}

static void say_error(struct dock_req *r, const struct err *err)
{
    cleanup_free char *text = xstrdup(err->msg);
    dock_clean(text);
    dock_out_line(r, json_pack("{s:{s:s}, s:s}", "errorDetail", "message", text, "error", text));
    dock_out_end(r);
}

static void identified(struct dock_req *r, const struct dock_reply *a)
{
    const char *id = jx_get_str(a->json, "Id", "");
    struct err err = a->err;
    if (err.code != ERR_NONE) {
        say_error(r, &err);
        return;
    }
    dock_tags_put(r->dock, r->wanted, id);
    cleanup_free char *status = xasprintf("Status: Downloaded newer image for %s", r->wanted);
    dock_out_line(r, json_pack("{s:s}", "status", status));
    dock_out_end(r);
}

static void pulled(void *arg, enum runtime_result result, const struct runtime_status *st,
                   const struct err *err)
{
    struct dock_pull *p = arg;
    struct dock_req *r = p->r;
    (void)st;
    if (r != NULL) {
        r->own = NULL;
        r->own_free = NULL;
        if (result != RUNTIME_OK) {
            say_error(r, err);
        } else {
            dock_call(r, &(struct dock_ask){0}, identified, "/images/%s/json", p->name);
        }
    }
    pull_free(p);
}

static void on_progress(void *arg, const char *line)
{
    const struct dock_pull *p = arg;
    if (p->r != NULL) {
        cleanup_free char *text = xstrdup(line);
        dock_clean(text);
        dock_out_line(p->r, json_pack("{s:s}", "status", text));
    }
}

/* ---- 2: from its registry ---- */

static void ask_registry(struct dock_req *r)
{
    struct runtime *rt = &r->dock->all->rt;
    struct dock_pull *p = pull_new(r->dock->all, r);
    r->own = p;
    r->own_free = forget;
    dock_out_begin(r);
    rt->ops->image_pull(rt->self, p->name, on_progress, pulled, p);
}

/* ---- 1: on this machine ---- */

static void tagged(struct dock_req *r)
{
    reply_here(r, r->wanted);
}

static void looked(struct dock_req *r, const struct dock_reply *a)
{
    if (a->err.code == ERR_NONE) {
        dock_tags_put(r->dock, r->wanted, jx_get_str(a->json, "Id", ""));
        r->acting = true;
        dock_commit(r, tagged);
    } else if (a->status == 404) {
        ask_registry(r);
    } else {
        dock_reply_refusal(r, a);
    }
}

static void refuse(struct dock_req *r, const char *why)
{
    struct err err;
    err_set(&err, ERR_FORBIDDEN, "%s", why);
    dock_refuse(r, &err);
}

void dock_pull_image(struct dock_req *r)
{
    const char *from = dock_query_get(&r->query, "fromImage");
    const char *tag = dock_query_get(&r->query, "tag");
    struct image_name parsed;
    struct err err;
    char text[512];
    if (dock_query_get(&r->query, "fromSrc")[0] != '\0' || from[0] == '\0' ||
        dock_query_get(&r->query, "changes")[0] != '\0') {
        refuse(r, "images are not imported here: docker pull, or mini-cluster image load");
        return;
    }
    cleanup_free char *name = xasprintf("%s%s%s", from,
                                        tag[0] == '\0'                    ? ""
                                        : strncmp(tag, "sha256:", 7) == 0 ? "@"
                                                                          : ":",
                                        tag);
    if (image_name_parse(name, &parsed, &err) != 0) {
        dock_reply_fail(r, 400, "%s", err.msg);
        return;
    }
    image_name_text(&parsed, text, sizeof(text));
    free(r->wanted);
    r->wanted = xstrdup(text);
    if (dock_tags_bundled(text)) {
        reply_here(r, text);
    } else {
        dock_call(r, &(struct dock_ask){0}, looked, "/images/%s/json", text);
    }
}
