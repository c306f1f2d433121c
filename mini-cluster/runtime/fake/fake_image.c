/* SPDX-License-Identifier: Apache-2.0 */
/* What is behind an image of the fake.
 *
 * podlab/web, podlab/kv and nginx run for ever, answer probes at their port, and end with 0 after
 * SIGTERM; podlab/load, podlab/guest and images added by a test run for ever and answer nothing.
 * Words in the command or the arguments change that for every image:
 *   exit=N       it ends with N, at once
 *   after=MS     ... or after so many milliseconds
 *   crash        it ends with 1, after 10 ms
 *   oom          it is killed for its memory, after 10 ms
 * busybox does what its words say, as far as that goes: every "sleep N" takes N seconds, "exit N"
 * and "false" give its exit code; "infinity", "while", "-f" and "-l" keep it running for ever, and
 * so does a terminal or an open stdin without a command. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"
#include "runtime/fake/fake_impl.h"
#include "runtime/image_name.h"
#include "runtime/images.h"

static void image_free(void *image)
{
    struct fake_image *i = image;
    free(i->name);
    free(i);
}

/* The name that says the tag too; false when it is no name. */
static bool full_name(const char *name, char *ret, unsigned size)
{
    struct image_name parsed;
    struct err err;
    if (image_name_parse(name, &parsed, &err) != 0) {
        return false;
    }
    image_name_text(&parsed, ret, size);
    return true;
}

void fake_images_add(struct map *images, const char *name, int port, bool shell)
{
    char full[512];
    if (!full_name(name, full, sizeof(full))) {
        return;
    }
    struct fake_image *image = xnew(struct fake_image);
    image->name = xstrdup(full);
    image->port = port;
    image->shell = shell;
    snprintf(image->id, sizeof(image->id), "sha256:%064llx",
             (unsigned long long)str_hash(full, strlen(full)));
    map_put(images, full, image);
}

static int port_of(const char *name)
{
    bool listens = str_has_prefix(name, "podlab/web:") || str_has_prefix(name, "podlab/kv:");
    return listens ? 8080 : 0;
}

struct map *fake_images_new(void)
{
    struct map *images = map_new(image_free);
    for (size_t i = 0; images_bundled[i] != NULL; i++) {
        fake_images_add(images, images_bundled[i], port_of(images_bundled[i]), false);
    }
    fake_images_add(images, "busybox", 0, true);
    fake_images_add(images, "nginx", 80, false);
    return images;
}

struct fake_image *fake_images_find(const struct map *images, const char *name)
{
    char full[512];
    return full_name(name, full, sizeof(full)) ? map_find(images, full) : NULL;
}

int fake_images_missing(const struct map *images, const char *name, struct err *err)
{
    cleanup_str struct str here = STR_INIT;
    const char *image;
    for (size_t it = 0; map_next(images, &it, &image, NULL);) {
        str_add_f(&here, "%s%s", here.len > 0 ? ", " : "", image);
    }
    return err_set(err, ERR_NOT_FOUND, "%s is not on this machine. Here are %s.", name,
                   str_c(&here));
}

/* ---- what a process does ---- */

struct words {
    struct fake_plan *plan;
    bool shell, for_ever;
    uint64_t sleep_ns;
};

static int64_t number(const char *text)
{
    int64_t n = 0;
    return text != NULL && str_to_i64(text, 0, 1000000000, &n) ? n : -1;
}

static void end_after(struct fake_plan *plan, uint64_t after_ns, int exit_code)
{
    plan->ends = true;
    plan->after_ns = after_ns;
    plan->exit_code = exit_code;
}

/* The words that mean the same to every image. */
static void read_common(struct words *w, const char *word)
{
    struct fake_plan *plan = w->plan;
    if (str_has_prefix(word, "exit=") && number(word + 5) >= 0) {
        end_after(plan, plan->after_ns, (int)number(word + 5) & 255);
    } else if (str_has_prefix(word, "after=") && number(word + 6) >= 0) {
        end_after(plan, LOOP_MS(number(word + 6)), plan->exit_code);
    } else if (strcmp(word, "crash") == 0) {
        end_after(plan, LOOP_MS(10), 1);
    } else if (strcmp(word, "oom") == 0) {
        end_after(plan, LOOP_MS(10), 137);
        plan->oom = true;
    }
}

static void read_shell(struct words *w, const char *previous, const char *word)
{
    int64_t n = number(word);
    if (strcmp(previous, "sleep") == 0) {
        w->sleep_ns += n > 0 ? LOOP_S(n) : 0;
        w->for_ever |= strcmp(word, "infinity") == 0;
    } else if (strcmp(previous, "exit") == 0 && n >= 0) {
        w->plan->exit_code = (int)n & 255;
    } else if (strcmp(word, "false") == 0) {
        w->plan->exit_code = 1;
    }
    w->for_ever |= strcmp(word, "while") == 0 || strcmp(word, "-f") == 0 || strcmp(word, "-l") == 0;
}

static void read_words(struct words *w, const char *text)
{
    static const char gaps[] = " \t\n;&|()\"'";
    char word[64], previous[64] = "";
    for (text += strspn(text, gaps); *text != '\0'; text += strspn(text, gaps)) {
        size_t n = strcspn(text, gaps);
        snprintf(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : sizeof(word) - 1), text);
        text += n;
        read_common(w, word);
        if (w->shell) {
            read_shell(w, previous, word);
        }
        memcpy(previous, word, sizeof(previous));
    }
}

static void join_words(struct str *out, const char *const *list)
{
    for (; list != NULL && *list != NULL; list++) {
        str_add(out, *list);
        str_add_c(out, ' ');
    }
}

struct fake_plan fake_image_plan(const struct fake_image *image, const struct runtime_spec *spec)
{
    struct fake_plan plan = {.term_code = image->shell ? 143 : 0};
    struct words w = {.plan = &plan, .shell = image->shell};
    cleanup_str struct str text = STR_INIT;
    join_words(&text, spec->command);
    join_words(&text, spec->args);
    read_words(&w, str_c(&text));
    bool waits = text.len == 0 && (spec->stdin_open || spec->tty);
    if (image->shell && !plan.ends && !w.for_ever && !waits) {
        end_after(&plan, w.sleep_ns, plan.exit_code);
    }
    return plan;
}
