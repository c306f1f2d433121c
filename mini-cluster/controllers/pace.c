/* SPDX-License-Identifier: Apache-2.0 */
/* One line for all makers; who is first stays so for a while, so that sets are done one after the
 * other and not all of them at the very end. */
#include "controllers/pace.h"

#include <string.h>

#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"

/* On the way at once: enough for the agents to be busy, and few enough to stay in the store's cache
 * of parsed objects. Making goes on when a part of it is free: each time costs a look at the set.
 */
enum { WINDOW = 128, PART = 32, TURN = 256 };

#define FORGET LOOP_MS(500)

struct pace {
    struct loop *loop;
    void (*go)(void *arg, const char *maker);
    void *arg;
    struct map *line;   /* makers in the order of their turns */
    size_t turn;        /* made by the first of them since it is the first */
    struct map *on_way; /* uids of pods made and not settled */
    struct loop_timer *forget;
};

static size_t room(const struct pace *p)
{
    size_t on_way = map_count(p->on_way);
    return on_way < WINDOW ? WINDOW - on_way : 0;
}

static const char *first(const struct pace *p)
{
    size_t it = 0;
    const char *maker;
    return map_next(p->line, &it, &maker, NULL) ? maker : NULL;
}

/* `taken`: what was just granted and is not made yet. */
static void call_next(struct pace *p, size_t taken)
{
    const char *maker = first(p);
    if (maker != NULL && room(p) >= PART + taken) {
        p->go(p->arg, maker);
    }
}

static void leave(struct pace *p, const char *maker, size_t taken)
{
    const char *front = first(p);
    bool was_first = front != NULL && strcmp(front, maker) == 0;
    map_remove(p->line, maker);
    if (was_first) {
        p->turn = 0;
        call_next(p, taken);
    }
}

static void on_forget(void *arg)
{
    struct pace *p = arg;
    map_clear(p->on_way);
    call_next(p, 0);
}

struct pace *pace_new(struct loop *loop, void (*go)(void *arg, const char *maker), void *arg)
{
    struct pace *p = xnew(struct pace);
    p->loop = loop;
    p->go = go;
    p->arg = arg;
    p->line = map_new(NULL);
    p->on_way = map_new(NULL);
    p->forget = loop_timer_new(loop, on_forget, p);
    return p;
}

void pace_free(struct pace *p)
{
    if (p == NULL) {
        return;
    }
    loop_timer_free(p->forget);
    map_free(p->line);
    map_free(p->on_way);
    free(p);
}

size_t pace_ask(struct pace *p, const char *maker, size_t wanted)
{
    if (map_find(p->line, maker) == NULL) {
        map_put(p->line, maker, p);
    }
    if (strcmp(first(p), maker) != 0) {
        call_next(p, 0);
        return 0;
    }
    size_t n = room(p) < wanted ? room(p) : wanted;
    p->turn += n;
    if (n == wanted) {
        leave(p, maker, n);
    } else if (p->turn >= TURN && map_count(p->line) > 1) { /* to the end of the line */
        cleanup_free char *again = xstrdup(maker);
        leave(p, again, n);
        map_put(p->line, again, p);
    }
    return n;
}

void pace_leave(struct pace *p, const char *maker)
{
    leave(p, maker, 0);
}

void pace_made(struct pace *p, const char *pod_uid)
{
    if (!loop_timer_active(p->forget)) {
        loop_timer_start(p->forget, FORGET);
    }
    map_put(p->on_way, pod_uid, p);
}

void pace_settled(struct pace *p, const char *pod_uid)
{
    if (map_remove(p->on_way, pod_uid)) {
        call_next(p, 0);
    }
}
