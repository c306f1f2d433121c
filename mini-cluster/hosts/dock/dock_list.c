/* SPDX-License-Identifier: Apache-2.0 */
/* docker ps: the daemon lists what is this host's, and the filters are applied to what is shown. */
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "hosts/dock/dock_create.h"
#include "hosts/dock/dock_impl.h"

static const char filters[] = "ancestor before exited expose health id is-task isolation label "
                              "name network publish since status volume";

/* ---- filters ---- */

/* Docker takes an expression; ^ and $ are what people write of it. */
static bool name_matches(const char *name, const char *pattern)
{
    bool begin = pattern[0] == '^';
    pattern += begin;
    pattern += pattern[0] == '/';
    size_t n = strlen(pattern);
    bool end = n > 0 && pattern[n - 1] == '$';
    n -= end;
    size_t len = strlen(name);
    for (size_t i = 0; i + n <= len; i++) {
        if (strncmp(name + i, pattern, n) == 0 && (!end || i + n == len)) {
            return true;
        }
        if (begin) {
            break;
        }
    }
    return false;
}

static bool label_matches(const json_t *labels, const char *word)
{
    const char *equals = strchr(word, '=');
    if (equals == NULL) {
        return json_object_get(labels, word) != NULL;
    }
    cleanup_free char *key = xstrndup(word, (size_t)(equals - word));
    return str_eq(jx_get_str(labels, key, NULL), equals + 1);
}

static bool image_matches(const json_t *row, const char *word)
{
    const char *image = jx_get_str(row, "Image", ""), *id = jx_get_str(row, "ImageID", "");
    size_t n = strlen(word);
    bool bare = strncmp(image, word, n) == 0 && (image[n] == '\0' || image[n] == ':');
    const char *digits = str_has_prefix(id, "sha256:") ? id + 7 : id;
    return bare || (n >= 4 && (str_has_prefix(digits, word) || str_has_prefix(id, word)));
}

static bool port_matches(const json_t *row, const char *word, const char *key)
{
    bool udp;
    int port;
    size_t i;
    const json_t *p;
    if (!dock_port_parse(word, &udp, &port)) {
        return false;
    }
    jx_each(i, p, jx_arr(row, "Ports"))
    {
        if (jx_int(p, key, 0) == port && str_eq(jx_get_str(p, "Type", ""), udp ? "udp" : "tcp")) {
            return true;
        }
    }
    return false;
}

static bool mount_matches(const json_t *row, const char *word)
{
    size_t i;
    const json_t *m;
    jx_each(i, m, jx_arr(row, "Mounts"))
    {
        if (str_eq(jx_get_str(m, "Name", ""), word) ||
            str_eq(jx_get_str(m, "Destination", ""), word)) {
            return true;
        }
    }
    return false;
}

static bool exit_matches(const json_t *row, const char *word)
{
    const char *status = jx_get_str(row, "Status", "");
    cleanup_free char *wanted = xasprintf("Exited (%s)", word);
    return str_has_prefix(status, wanted);
}

static bool one_matches(const json_t *row, const char *key, const char *word)
{
    const char *name = jx_str(row, "Names[0]", "/") + 1;
    if (strcmp(key, "name") == 0) {
        return name_matches(name, word);
    }
    if (strcmp(key, "id") == 0) {
        return str_has_prefix(jx_get_str(row, "Id", ""), word);
    }
    if (strcmp(key, "status") == 0) {
        return str_eq(jx_get_str(row, "State", ""), word);
    }
    if (strcmp(key, "ancestor") == 0) {
        return image_matches(row, word);
    }
    if (strcmp(key, "exited") == 0) {
        return exit_matches(row, word);
    }
    if (strcmp(key, "volume") == 0) {
        return mount_matches(row, word);
    }
    if (strcmp(key, "network") == 0) {
        return json_object_get(jx_obj(row, "NetworkSettings.Networks"), word) != NULL;
    }
    if (strcmp(key, "publish") == 0) {
        return port_matches(row, word, "PublicPort");
    }
    if (strcmp(key, "expose") == 0) {
        return port_matches(row, word, "PrivatePort");
    }
    return strcmp(key, "before") == 0 || strcmp(key, "since") == 0; /* see is_between */
}

/* All words of a label must match, and one of any other. */
static bool key_matches(const json_t *row, const char *key, const json_t *words)
{
    const json_t *item;
    size_t i;
    bool labels = strcmp(key, "label") == 0;
    bool any = json_array_size(words) == 0;
    jx_each(i, item, words)
    {
        const char *word = json_string_value(item);
        if (labels && !label_matches(jx_obj(row, "Labels"), word)) {
            return false;
        }
        any = any || labels || one_matches(row, key, word);
    }
    return any;
}

static bool row_matches(const json_t *row, const json_t *wanted)
{
    const char *key;
    json_t *words;
    json_object_foreach((json_t *)(uintptr_t)wanted, key, words)
    {
        if (!key_matches(row, key, words)) {
            return false;
        }
    }
    return true;
}

/* The creation of the container that "before" or "since" names; 0 when it is not asked for. */
static int64_t created_of(const json_t *rows, const json_t *wanted, const char *key)
{
    const char *word = json_string_value(json_array_get(jx_get(wanted, key), 0));
    const json_t *row;
    size_t i;
    jx_each(i, row, rows)
    {
        const char *name = jx_str(row, "Names[0]", "/") + 1;
        if (word != NULL &&
            (strcmp(name, word) == 0 || str_has_prefix(jx_get_str(row, "Id", ""), word))) {
            return jx_int(row, "Created", 0);
        }
    }
    return 0;
}

/* ---- the list ---- */

static json_t *shown_rows(struct dock *d, const json_t *rows)
{
    json_t *shown = json_array();
    const json_t *row;
    size_t i;
    jx_each(i, row, rows)
    {
        if (dock_find_shows(d, jx_obj(row, "Labels"))) {
            json_t *edit = jx_edit(row);
            dock_view_row(d, edit);
            json_array_append_new(shown, edit);
        }
    }
    return shown;
}

static bool is_up(const json_t *row)
{
    const char *state = jx_get_str(row, "State", "");
    return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 ||
           strcmp(state, "restarting") == 0;
}

static json_t *filtered(struct dock_req *r, const json_t *rows, int64_t limit)
{
    bool all = dock_query_bool(&r->query, "all") || limit > 0 ||
               jx_get(r->kept, "status") != NULL || jx_get(r->kept, "exited") != NULL;
    int64_t before = created_of(rows, r->kept, "before");
    int64_t since = created_of(rows, r->kept, "since");
    json_t *some = json_array();
    const json_t *row;
    size_t i;
    jx_each(i, row, rows)
    {
        int64_t created = jx_int(row, "Created", 0);
        bool between = (before == 0 || created < before) && (since == 0 || created > since);
        bool room = limit <= 0 || (int64_t)json_array_size(some) < limit;
        if (room && between && (all || is_up(row)) && row_matches(row, r->kept)) {
            json_array_append(some, (json_t *)(uintptr_t)row);
        }
    }
    return some;
}

static void listed(struct dock_req *r, const struct dock_reply *a)
{
    int64_t limit;
    struct err err;
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
        return;
    }
    if (dock_query_int(&r->query, "limit", -1, 100000, 0, &limit, &err) != 0) {
        dock_reply_err(r, &err);
        return;
    }
    json_auto_t *rows = shown_rows(r->dock, a->json);
    dock_reply_json(r, 200, filtered(r, rows, limit));
}

void dock_list_containers(struct dock_req *r)
{
    struct err err;
    if (dock_query_filters(&r->query, filters, &r->kept, &err) != 0) {
        dock_reply_err(r, &err);
        return;
    }
    cleanup_free char *filter = dock_call_filter(r->dock, NULL);
    dock_call(r, &(struct dock_ask){0}, listed, "/containers/json?all=1%s&filters=%s",
              dock_query_bool(&r->query, "size") ? "&size=1" : "", filter);
}

/* ---- prune ---- */

static void pruned(struct dock_req *r, const struct dock_reply *a)
{
    const json_t *id;
    size_t i;
    if (a->err.code != ERR_NONE) {
        dock_reply_refusal(r, a);
        return;
    }
    jx_each(i, id, jx_arr(a->json, "ContainersDeleted"))
    {
        if (json_is_string(id)) {
            dock_box_drop(r->dock, json_string_value(id));
        }
    }
    dock_reply_json(r, 200, jx_edit(a->json));
}

/* Only what was made by hand; the labels of a filter must all be there. */
void dock_prune_containers(struct dock_req *r)
{
    struct err err;
    json_t *asked = NULL;
    if (dock_query_filters(&r->query, "until label", &asked, &err) != 0) {
        dock_reply_err(r, &err);
        return;
    }
    json_auto_t *filter = asked;
    cleanup_free char *text = dock_call_filters(r->dock, filter, "dev.podlab.role=" DOCK_ROLE);
    r->acting = true;
    dock_call(r, &(struct dock_ask){.method = "POST", .patient = true}, pruned,
              "/containers/prune?filters=%s", text);
}
