/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the request scripts of tests/api: every "## case" has a cluster of its own.
 *
 *   > METHOD PATH[?QUERY]     a request; "${x}" is a saved value
 *   accept|type|user VALUE    of that request
 *   | TEXT                    a line of its body
 *   < STATUS                  sends it; the answer has this status
 *   = PATH JSON               the value at a path of the answer (".metadata.name", "[0]",
 * "[\"a.b\"]") ~ PATH TEXT               the text at a path contains this ! PATH nothing is at this
 * path t TEXT / n TEXT           the raw answer contains this / does not h NAME TEXT a header of
 * this name contains this; "Content-Type" too $ NAME PATH               saves a value e TYPE the
 * next event of the watch opened last; = ~ ! $ then look at it q                         the watch
 * has nothing now .                         the watch has ended
 *   @ SECONDS                 time passes
 */
#include <glob.h>

#include "api/rig.h"
#include "common/map.h"
#include "common/vec.h"

struct script_case {
    char *name, *file, *text;
    int line;
};

struct run {
    struct rig rig;
    const struct script_case *of;
    int line;
    struct str body;
    char *method, *path, *query, *accept, *type, *user;
    struct rig_answer answer;
    struct rig_answer watch; /* the watch opened last; its text holds what is not looked at */
    bool watch_open, watch_over;
    json_t *event;
    json_t *looked_at; /* borrowed */
    struct map *saved;
};

static void stop(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void stop(struct run *r, const char *fmt, ...)
{
    char what[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    cleanup_free char *seen = r->event != NULL ? jx_dump_pretty(r->event) : NULL;
    fail_msg("%s:%d: %s\n--- %s %s: %d\n%.6000s", r->of->file, r->line, what,
             r->method != NULL ? r->method : "", r->path != NULL ? r->path : "",
             r->answer.res.status, seen != NULL ? seen : str_c(&r->answer.text));
}

/* ---- values ---- */

static char *substitute(struct run *r, const char *text)
{
    struct str out = STR_INIT;
    while (*text != '\0') {
        const char *end = strncmp(text, "${", 2) == 0 ? strchr(text, '}') : NULL;
        if (end == NULL) {
            str_add_c(&out, *text++);
            continue;
        }
        cleanup_free char *name = xstrndup(text + 2, (size_t)(end - text - 2));
        const char *value = map_find(r->saved, name);
        if (value == NULL) {
            stop(r, "nothing was saved as %s", name);
        }
        str_add(&out, value);
        text = end + 1;
    }
    return str_take(&out);
}

static const json_t *look(struct run *r, const char *path)
{
    const json_t *v = r->looked_at;
    while (*path != '\0' && v != NULL) {
        if (*path == '.') {
            size_t n = strcspn(++path, ".[");
            cleanup_free char *key = xstrndup(path, n);
            v = n > 0 ? jx_get(v, key) : v;
            path += n;
        } else if (strncmp(path, "[\"", 2) == 0) {
            const char *end = strstr(path, "\"]");
            cleanup_free char *key = xstrndup(path + 2, (size_t)(end - path - 2));
            v = jx_get(v, key);
            path = end + 2;
        } else if (*path == '[') {
            v = json_array_get(v, (size_t)strtol(path + 1, NULL, 10));
            path = strchr(path, ']') + 1;
        } else {
            stop(r, "\"%s\" is no path", path);
        }
    }
    return v;
}

/* Cuts the first word off. */
static char *word(char **rest)
{
    char *w = *rest;
    char *p = w;
    bool quoted = false;
    while (*p != '\0' && (quoted || *p != ' ')) {
        quoted ^= *p++ == '"';
    }
    *rest = p + strspn(p, " ");
    *p = '\0';
    return w;
}

static void check_equal(struct run *r, char *rest)
{
    char *path = word(&rest);
    cleanup_free char *text = substitute(r, rest);
    json_auto_t *want = json_loads(text, JSON_DECODE_ANY, NULL);
    if (want == NULL) {
        stop(r, "\"%s\" is not JSON", text);
    }
    const json_t *v = look(r, path);
    if (v == NULL || !jx_equal(v, want)) {
        cleanup_free char *seen = v != NULL ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
        stop(r, "%s is %s, not %s", path, seen != NULL ? seen : "(nothing)", text);
    }
}

static void check_contains(struct run *r, char *rest)
{
    char *path = word(&rest);
    cleanup_free char *text = substitute(r, rest);
    const char *s = json_string_value(look(r, path));
    if (s == NULL || strstr(s, text) == NULL) {
        stop(r, "%s is \"%s\", without \"%s\"", path, s != NULL ? s : "(no text)", text);
    }
}

static void save(struct run *r, char *rest)
{
    char *name = word(&rest);
    const json_t *v = look(r, rest);
    if (v == NULL) {
        stop(r, "%s is not there to be saved", rest);
    }
    char *text = json_is_string(v) ? xstrdup(json_string_value(v)) : json_dumps(v, JSON_ENCODE_ANY);
    map_put(r->saved, name, text);
}

static void check_header(struct run *r, char *rest)
{
    char *name = word(&rest);
    struct api_response *res = &r->answer.res;
    if (strcmp(name, "Content-Type") == 0 && strcmp(res->content_type, rest) == 0) {
        return;
    }
    for (size_t i = 0; i < res->nheaders; i++) {
        if (strcmp(res->headers[i].name, name) == 0 && strstr(res->headers[i].value, rest)) {
            return;
        }
    }
    stop(r, "no header %s with \"%s\" (Content-Type %s)", name, rest, res->content_type);
}

/* ---- requests ---- */

static void set(char **to, const char *value)
{
    free(*to);
    *to = xstrdup(value);
}

static void begin_request(struct run *r, char *rest)
{
    cleanup_free char *text = substitute(r, rest);
    char *p = text;
    set(&r->method, word(&p));
    char *query = strchr(p, '?');
    set(&r->query, query != NULL ? query + 1 : "");
    if (query != NULL) {
        *query = '\0';
    }
    set(&r->path, p);
    set(&r->accept, "");
    set(&r->type, "");
    set(&r->user, "kubernetes-admin");
    str_clear(&r->body);
}

static void keep_watch(struct run *r)
{
    rig_answer_fini(&r->watch);
    r->watch = r->answer;
    r->answer = (struct rig_answer){0};
    r->answer.res.status = 200;
    r->watch_open = true;
    r->watch_over = false;
}

static void send_request(struct run *r, const char *want)
{
    cleanup_free char *body = substitute(r, str_c(&r->body));
    const char *type = r->type;
    if (type[0] == '\0' && strcmp(r->method, "PATCH") == 0) {
        type = "application/merge-patch+json";
    } else if (type[0] == '\0' && body[0] != '\0') {
        type = body[0] == '{' ? "application/json" : "application/yaml";
    }
    struct rig_ask ask = {.method = r->method,
                          .path = r->path,
                          .query = r->query,
                          .accept = r->accept,
                          .type = type,
                          .user = r->user,
                          .body = body};
    rig_answer_fini(&r->answer);
    json_decref(r->event);
    r->event = NULL;
    rig_ask(&r->rig, &ask, &r->answer);
    r->looked_at = r->answer.json;
    if (r->answer.res.status != atoi(want)) {
        stop(r, "the status is %d, not %s", r->answer.res.status, want);
    }
    if (strstr(r->query, "watch=") != NULL && r->answer.res.stream != NULL) {
        keep_watch(r);
    }
}

/* ---- watches ---- */

static void pull_watch(struct run *r)
{
    if (!r->watch_open) {
        stop(r, "no watch is open");
    }
    loop_sim_advance(r->rig.loop, 0);
    if (!r->watch_over) {
        r->watch_over = rig_pull(r->watch.res.stream, &r->watch.text);
    }
}

static void next_event(struct run *r, const char *type)
{
    pull_watch(r);
    json_decref(r->event);
    r->event = NULL;
    const char *text = str_c(&r->watch.text);
    const char *end = strchr(text, '\n');
    if (end == NULL) {
        stop(r, "the watch has no event, not even %s", type);
    }
    struct err err;
    if (jx_parse(text, (size_t)(end - text), true, &r->event, &err) < 0) {
        stop(r, "an event is not JSON: %s", err.msg);
    }
    str_drop_front(&r->watch.text, (size_t)(end - text) + 1);
    if (strcmp(jx_str(r->event, "type", ""), type) != 0) {
        stop(r, "the event is %s, not %s", jx_str(r->event, "type", ""), type);
    }
    r->looked_at = json_object_get(r->event, "object");
}

static void check_quiet(struct run *r)
{
    pull_watch(r);
    if (r->watch.text.len > 0 || r->watch_over) {
        stop(r, "the watch is not quiet: %s%s", str_c(&r->watch.text),
             r->watch_over ? " (ended)" : "");
    }
}

static void check_over(struct run *r)
{
    pull_watch(r);
    if (r->watch.text.len > 0 || !r->watch_over) {
        stop(r, "the watch has not ended: %s", str_c(&r->watch.text));
    }
}

/* ---- lines ---- */

static void check_absent(struct run *r, const char *path)
{
    if (look(r, path) != NULL) {
        stop(r, "%s is there", path);
    }
}

static void check_raw(struct run *r, const char *text, bool want)
{
    cleanup_free char *s = substitute(r, text);
    if ((strstr(str_c(&r->answer.text), s) != NULL) != want) {
        stop(r, "the answer has %s\"%s\"", want ? "no " : "", s);
    }
}

static void set_part(struct run *r, const char *name, const char *value)
{
    if (strcmp(name, "accept") == 0) {
        set(&r->accept, value);
    } else if (strcmp(name, "type") == 0) {
        set(&r->type, value);
    } else if (strcmp(name, "user") == 0) {
        set(&r->user, value);
    } else {
        stop(r, "\"%s\" is no instruction", name);
    }
}

static void run_line(struct run *r, char *line)
{
    if (line[0] == '|') {
        str_add(&r->body, line[1] == ' ' ? line + 2 : line + 1);
        str_add_c(&r->body, '\n');
        return;
    }
    char *rest = line;
    char *op = word(&rest);
    switch (op[1] == '\0' ? op[0] : 'W') {
    case '>':
        begin_request(r, rest);
        break;
    case '<':
        send_request(r, rest);
        break;
    case '=':
        check_equal(r, rest);
        break;
    case '~':
        check_contains(r, rest);
        break;
    case '!':
        check_absent(r, rest);
        break;
    case 't':
        check_raw(r, rest, true);
        break;
    case 'n':
        check_raw(r, rest, false);
        break;
    case 'h':
        check_header(r, rest);
        break;
    case '$':
        save(r, rest);
        break;
    case 'e':
        next_event(r, rest);
        break;
    case 'q':
        check_quiet(r);
        break;
    case '.':
        check_over(r);
        break;
    case '@':
        loop_sim_advance(r->rig.loop, LOOP_MS((uint64_t)(atof(rest) * 1000)));
        break;
    default:
        set_part(r, op, rest);
    }
}

static void run_fini(struct run *r)
{
    rig_answer_fini(&r->answer);
    rig_answer_fini(&r->watch);
    json_decref(r->event);
    map_free(r->saved);
    str_fini(&r->body);
    free(r->method);
    free(r->path);
    free(r->query);
    free(r->accept);
    free(r->type);
    free(r->user);
    rig_fini(&r->rig);
}

static void run_case(void **state)
{
    const struct script_case *c = *state;
    struct run r = {.of = c, .saved = map_new(free), .line = c->line};
    rig_init(&r.rig);
    cleanup_free char *text = xstrdup(c->text);
    char *save_ptr = NULL;
    for (char *p = text, *end; *p != '\0'; p = end + 1) {
        end = strchr(p, '\n');
        *end = '\0';
        r.line++;
        if (p[0] != '\0' && p[0] != '#') {
            run_line(&r, p);
        }
    }
    (void)save_ptr;
    run_fini(&r);
}

/* ---- the folder ---- */

typedef VEC(struct CMUnitTest) test_list;

static void add_case(test_list *tests, const char *file, const char *title, int line,
                     struct str *text)
{
    struct script_case *c = xnew(struct script_case);
    c->file = xstrdup(file);
    c->name = xasprintf("%s: %s", strrchr(file, '/') + 1, title);
    c->line = line;
    c->text = str_take(text);
    struct CMUnitTest t = {.name = c->name, .test_func = run_case, .initial_state = c};
    vec_push(tests, t);
}

static void read_script(test_list *tests, const char *file)
{
    FILE *f = fopen(file, "r");
    char line[65536], title[256] = "";
    struct str text = STR_INIT;
    int n = 0, began = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        n++;
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "## ", 3) != 0) {
            str_add_f(&text, "%s\n", line);
            continue;
        }
        if (title[0] != '\0') {
            add_case(tests, file, title, began, &text);
        }
        str_clear(&text);
        str_copy(title, sizeof(title), line + 3);
        began = n;
    }
    if (title[0] != '\0') {
        add_case(tests, file, title, began, &text);
    }
    str_fini(&text);
    fclose(f);
}

int main(int argc, char **argv)
{
    glob_t found;
    test_list tests = {0};
    if (glob("tests/api/*.test", 0, NULL, &found) != 0) {
        fprintf(stderr, "no scripts in tests/api: run this from the top of the tree\n");
        return 2;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (argc < 2 || strstr(found.gl_pathv[i], argv[1]) != NULL) {
            read_script(&tests, found.gl_pathv[i]);
        }
    }
    globfree(&found);
    int rc = _cmocka_run_group_tests("scripts", tests.v, tests.n, NULL, NULL);
    for (size_t i = 0; i < tests.n; i++) {
        struct script_case *c = tests.v[i].initial_state;
        free(c->name);
        free(c->file);
        free(c->text);
        free(c);
    }
    vec_fini(&tests);
    return rc;
}
