/* SPDX-License-Identifier: Apache-2.0 */
/* Something is not there, or is somewhere else, or is called something else; or it is still there.
 */
#include <string.h>

#include "common/json/jx.h"
#include "common/str.h"
#include "why/causes.h"

/* ---- names ---- */

static bool is_alike(const char *a, const char *b)
{
    return str_distance(a, b, 2) <= 2 || strstr(a, b) != NULL || strstr(b, a) != NULL;
}

/* The youngest of a kind in (or outside of) the namespace for which `fits` holds. */
static const json_t *youngest(const struct scene *s, const char *kind, const char *name, bool here,
                              bool (*fits)(const char *a, const char *b))
{
    const json_t *best = NULL;
    size_t i;
    const json_t *obj;
    jx_each(i, obj, scene_all(s, kind))
    {
        if (scene_is_here(s, obj) == here && fits(scene_name(obj), name) &&
            (best == NULL || strcmp(jx_str(obj, "metadata.creationTimestamp", ""),
                                    jx_str(best, "metadata.creationTimestamp", "")) > 0)) {
            best = obj;
        }
    }
    return best;
}

static bool any(const char *a, const char *b)
{
    return true;
}

/* ---- not found ---- */

static void say_what_there_is(const struct scene *s, struct finding *f, const char *kind)
{
    size_t i, n = 0;
    const json_t *obj;
    const json_t *newest = youngest(s, kind, "", true, any);
    if (newest != NULL && scene_is_new(s, newest)) {
        finding_text(f, "object", scene_name(newest));
        finding_span(f, "age", scene_age(s, newest));
        finding_words(f, "others", "made-new");
        return;
    }
    jx_each(i, obj, scene_all(s, kind))
    {
        if (scene_is_here(s, obj) && n++ < 5) {
            finding_add(f, "names", scene_name(obj));
        }
    }
    finding_number(f, "n", (int64_t)n);
    finding_words(f, "others", n > 0 ? "there-are" : "said.nothing");
}

static bool name_the_missing(const struct scene *s, struct finding *f, const char *kind,
                             const char *name)
{
    const json_t *there = youngest(s, kind, name, false, str_eq);
    const json_t *similar = youngest(s, kind, name, true, is_alike);
    finding_text(f, "kind", kind);
    finding_text(f, "object", name);
    if (there != NULL) {
        finding_text(f, "other", jx_str(there, "metadata.namespace", ""));
        finding_span(f, "age", scene_age(s, there));
        finding_saw(f, there, "metadata.namespace", jx_str(there, "metadata.namespace", ""), NULL);
        f->words = "other-namespace";
    } else if (similar != NULL) {
        finding_text(f, "other", scene_name(similar));
        finding_span(f, "age", scene_age(s, similar));
        finding_saw(f, similar, "metadata.name", scene_name(similar), NULL);
        f->words = "similar-name";
    } else if (youngest(s, kind, "", true, any) == NULL) {
        f->words = "not-found.lone";
    } else {
        say_what_there_is(s, f, kind);
        finding_text(f, "object", name);
        f->words = "not-found";
    }
    return true;
}

/* Pods that nobody makes. */
static bool pods_are_missing(const struct scene *s)
{
    return s->judged->kind == LAB_LIST && str_eq(s->kind, "Pod") && json_array_size(s->pods) == 0 &&
           s->deployment == NULL;
}

static bool wants_none(const struct scene *s)
{
    return s->counted ? s->want < s->got || (s->want == 0 && s->got == 0)
                      : s->clause != NULL && json_is_null(jx_get(s->clause, "want")) &&
                            str_eq(jx_get_str(s->clause, "op", ""), "==");
}

bool cause_missing(const struct scene *s, struct finding *f)
{
    const struct lab_check *c = s->judged;
    bool by_resource = c->kind == LAB_GET || c->kind == LAB_LIST;
    if (by_resource && s->kind[0] == '\0') {
        f->words = "not-found.resource";
        return true;
    }
    if (s->service[0] != '\0' && s->serves == NULL) {
        finding_text(f, "resource", "services");
        return name_the_missing(s, f, "Service", s->service);
    }
    if (wants_none(s)) {
        return false;
    }
    if (c->kind == LAB_GET && s->object == NULL) {
        return name_the_missing(s, f, s->kind, c->object);
    }
    if (pods_are_missing(s)) {
        finding_text(f, "selector", c->selector != NULL ? c->selector : "any label");
        f->words = "not-found.pods";
        return true;
    }
    return false;
}

/* ---- still there ---- */

static bool object_remains(const struct scene *s, struct finding *f)
{
    finding_text(f, "object", s->judged->object);
    finding_span(f, "age", scene_age(s, s->object));
    finding_saw(f, s->object, "metadata.name", scene_name(s->object), NULL);
    if (scene_pod_is_ending(s->object)) {
        return false; /* on its way out */
    }
    if (s->deployment != NULL && scene_asked(s->deployment) == 0) {
        f->words = "still-wanted.zero";
    } else if (s->deployment != NULL) {
        finding_words(f, "seen", "seen.still");
        f->words = "still-wanted";
    } else {
        f->words = "still-wanted.object";
    }
    return true;
}

static bool pods_remain(const struct scene *s, struct finding *f)
{
    size_t i, n = 0;
    const json_t *pod;
    if (s->deployment != NULL && scene_asked(s->deployment) > 0) {
        f->words = "still-wanted";
        return true;
    }
    jx_each(i, pod, s->pods)
    {
        if (!scene_pod_is_ending(pod) && n++ < 5) {
            finding_add(f, "pods", scene_name(pod));
        }
    }
    finding_number(f, "n", (int64_t)n);
    f->words = "still-wanted.pods";
    return n > 0 && s->deployment == NULL;
}

bool cause_still_wanted(const struct scene *s, struct finding *f)
{
    const struct lab_check *c = s->judged;
    bool wants_null = s->clause != NULL && json_is_null(jx_get(s->clause, "want")) &&
                      str_eq(jx_get_str(s->clause, "lhs", ""), ".");
    if (c->kind == LAB_GET && s->object != NULL && wants_null) {
        return object_remains(s, f);
    }
    return c->kind == LAB_LIST && str_eq(s->kind, "Pod") && s->counted && s->want == 0 &&
           s->got > 0 && pods_remain(s, f);
}
