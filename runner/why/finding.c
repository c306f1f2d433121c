/* SPDX-License-Identifier: Apache-2.0 */
/* Turns what a cause found into the answer, words and all. */
#include "why/finding.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/units.h"
#include "why/scene.h"
#include "why/words.h"

/* ---- what every explanation may say ---- */

/* A value in few words: "v1 and v2", "red", "3"; NULL when it is too much for a sentence. */
static char *value_words(const json_t *v)
{
    json_auto_t *args = NULL;
    if (json_is_string(v) || json_is_integer(v) || json_is_boolean(v)) {
        args = json_pack("{s:O}", "v", (json_t *)(uintptr_t)v);
    } else if (json_is_array(v) && json_array_size(v) > 0 && json_array_size(v) <= 4 &&
               !json_is_object(json_array_get(v, 0)) && !json_is_array(json_array_get(v, 0))) {
        args = json_pack("{s:O}", "v", (json_t *)(uintptr_t)v);
    } else {
        return NULL;
    }
    cleanup_free char *text = words_fill("{v}", args);
    return strlen(text) <= 60 ? steal(text) : NULL;
}

static bool say_values(struct finding *f)
{
    const json_t *c = f->scene->clause;
    if (c == NULL || !str_eq(jx_get_str(c, "op", ""), "==")) {
        return false;
    }
    cleanup_free char *got = value_words(jx_get(c, "got"));
    cleanup_free char *want = value_words(jx_get(c, "want"));
    if (got == NULL || want == NULL) {
        return false;
    }
    finding_text(f, "got", got);
    finding_text(f, "want", want);
    return true;
}

static bool is_answer(const struct scene *s)
{
    return s->judged->kind == LAB_HTTP && s->seen != NULL &&
           (jx_int(s->seen, "status", 0) == 0 || jx_int(s->seen, "status", 0) >= 400);
}

/* "2 of 3", "12 instead of 2", "answered 503", "v1, not v2", "not yet". */
static void say_seen(struct finding *f)
{
    const struct scene *s = f->scene;
    const char *id = "seen.not-yet";
    if (is_answer(s)) {
        id = jx_str(s->seen, "error", "")[0] == '\0' ? "seen.answer" : "seen.error";
        finding_number(f, "status", jx_int(s->seen, "status", 0));
        finding_text(f, "error", jx_str(s->seen, "error", ""));
    } else if (s->counted) {
        finding_number(f, "got", s->got);
        finding_number(f, "want", s->want);
        id = s->got > s->want ? "seen.more" : "seen.fewer";
    } else if (say_values(f)) {
        id = "seen.value";
    }
    finding_words(f, "seen", id);
}

static void say_subject(struct finding *f)
{
    const struct scene *s = f->scene;
    const struct lab_check *c = s->judged;
    cleanup_free char *in = str_eq(s->ns, "default") ? xstrdup("") : xasprintf(" -n %s", s->ns);
    finding_text(f, "ns", s->ns);
    finding_text(f, "in", in);
    finding_text(f, "kind", s->kind);
    finding_text(f, "service", s->service);
    if (c->resource != NULL) {
        finding_text(f, "resource", c->resource);
    }
    if (s->deployment != NULL) {
        finding_text(f, "object", scene_name(s->deployment));
        finding_words(f, "owner", "owner");
        finding_number(f, "asked", scene_asked(s->deployment));
    } else {
        finding_text(f, "object", c->object != NULL ? c->object : s->service);
    }
    finding_number(f, "ready", (int64_t)scene_count_ready(s));
    finding_number(f, "total", (int64_t)json_array_size(s->pods));
}

void finding_init(struct finding *f, const struct scene *s, const char *locale)
{
    *f = (struct finding){.scene = s, .locale = locale};
    f->args = json_object();
    f->evidence = json_array();
    say_subject(f);
    say_seen(f);
}

void finding_fini(struct finding *f)
{
    json_decref(f->args);
    json_decref(f->evidence);
}

/* ---- arguments ---- */

void finding_text(struct finding *f, const char *arg, const char *text)
{
    json_t *v = json_string(text);
    json_object_set_new(f->args, arg, v != NULL ? v : json_string("?"));
}

void finding_number(struct finding *f, const char *arg, int64_t n)
{
    json_object_set_new(f->args, arg, json_integer(n));
}

void finding_span(struct finding *f, const char *arg, int64_t us)
{
    char buf[KUBE_WORDS_SIZE];
    finding_text(f, arg, kube_span_words(us, buf));
}

void finding_words(struct finding *f, const char *arg, const char *id)
{
    cleanup_free char *text = words_fill(words_text(f->locale, id), f->args);
    finding_text(f, arg, text);
}

void finding_add(struct finding *f, const char *arg, const char *text)
{
    json_t *list = json_object_get(f->args, arg);
    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new(f->args, arg, list);
    }
    json_t *v = json_string(text);
    json_array_append_new(list, v != NULL ? v : json_string("?"));
}

void finding_saw(struct finding *f, const json_t *obj, const char *field, const char *value,
                 const char *at)
{
    cleanup_free char *object = xasprintf("%s/%s", jx_str(obj, "kind", "Object"), scene_name(obj));
    for (char *p = object; *p != '/' && *p != '\0'; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
    json_t *v = json_string(value);
    json_array_append_new(f->evidence,
                          json_pack("{s:s, s:s, s:o, s:s*}", "object", object, "field", field,
                                    "value", v != NULL ? v : json_string("?"), "at", at));
}

/* ---- the answer ---- */

static const char *state_word(const struct finding *f, const char *cause)
{
    if (strcmp(cause, "ok") == 0) {
        return "ok";
    }
    if (strcmp(cause, "moving") == 0) {
        return "moving";
    }
    return strcmp(cause, "unknown") == 0 ? "unknown" : "failed";
}

static void add_line(json_t *lines, const char *name, const char *format, const json_t *args)
{
    cleanup_free char *text = format != NULL ? words_fill(format, args) : NULL;
    if (text != NULL && text[0] != '\0') {
        json_array_append_new(lines, name != NULL ? json_sprintf("%s: %s", name, text)
                                                  : json_string(text));
    }
}

json_t *finding_answer(struct finding *f)
{
    const struct scene *s = f->scene;
    const struct words_row *row = words_find(f->locale, f->words);
    cleanup_free char *cause = xstrndup(f->words, strcspn(f->words, "."));
    json_t *lines = json_array();
    const char *name = s->check->name != NULL ? s->check->name : s->check->id;
    add_line(lines, name, row != NULL ? row->first : "not yet.", f->args);
    add_line(lines, NULL, row != NULL ? row->second : NULL, f->args);
    add_line(lines, NULL, row != NULL ? row->third : NULL, f->args);
    cleanup_free char *look = words_fill(row != NULL ? row->look : "", f->args);
    return json_pack("{s:s, s:s, s:s, s:s, s:O, s:O, s:s, s:o}", "check", s->check->id, "name",
                     name, "state", state_word(f, cause), "cause", cause, "args", f->args,
                     "evidence", f->evidence, "look", look, "lines", lines);
}
