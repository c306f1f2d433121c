/* SPDX-License-Identifier: Apache-2.0 */
/* The allow-list: every method and path that a host's Docker answers. What is not in here is not
 * there. */
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hosts/dock/dock_impl.h"

enum { MAX_PATH = 1024 };

#define NO_BUILD                                                                                   \
    "images are not built here: build with the Docker of this machine, then mini-cluster image "   \
    "load"
#define NO_SWARM "a podlab host is no member of a swarm"
#define NO_PLUGINS "a podlab host has no plugins"
#define NO_NETWORKS                                                                                \
    "a podlab host has the networks bridge and none, and makes no others: containers of all "      \
    "hosts "                                                                                       \
    "reach each other by their addresses"
#define NO_LOAD "images come from elsewhere: docker pull, or mini-cluster image load"
#define NO_LOGIN "there is nothing to log in to: a podlab host knows no registry's passwords"

const struct dock_route dock_routes[] = {
    {"GET", "/_ping", "", dock_get_ping, NULL},
    {"HEAD", "/_ping", "", dock_get_ping, NULL},
    {"GET", "/version", "", dock_get_version, NULL},
    {"GET", "/info", "", dock_get_info, NULL},
    {"GET", "/events", "since until filters", dock_get_events, NULL},
    {"GET", "/system/df", "type verbose", dock_get_df, NULL},
    {"POST", "/auth", "*", NULL, NO_LOGIN},

    {"GET", "/containers/json", "all limit size filters before since", dock_list_containers, NULL},
    {"POST", "/containers/create", "name platform", dock_create_container, NULL},
    {"POST", "/containers/prune", "filters", dock_prune_containers, NULL},
    {"GET", "/containers/{}/json", "size", dock_inspect_container, NULL},
    {"GET", "/containers/{}/top", "ps_args", dock_top_container, NULL},
    {"GET", "/containers/{}/logs", "follow stdout stderr since until timestamps tail details",
     dock_logs_container, NULL},
    {"GET", "/containers/{}/stats", "stream one-shot", dock_stats_container, NULL},
    {"GET", "/containers/{}/changes", "", dock_changes_container, NULL},
    {"GET", "/containers/{}/export", "", dock_export_container, NULL},
    {"HEAD", "/containers/{}/archive", "path", dock_stat_archive, NULL},
    {"GET", "/containers/{}/archive", "path", dock_get_archive, NULL},
    {"PUT", "/containers/{}/archive", "path noOverwriteDirNonDir copyUIDGID", dock_put_archive,
     NULL},
    {"POST", "/containers/{}/start", "detachKeys", dock_start_container, NULL},
    {"POST", "/containers/{}/stop", "t signal", dock_stop_container, NULL},
    {"POST", "/containers/{}/restart", "t signal", dock_restart_container, NULL},
    {"POST", "/containers/{}/kill", "signal", dock_kill_container, NULL},
    {"POST", "/containers/{}/pause", "", dock_pause_container, NULL},
    {"POST", "/containers/{}/unpause", "", dock_unpause_container, NULL},
    {"POST", "/containers/{}/rename", "name", dock_rename_container, NULL},
    {"POST", "/containers/{}/wait", "condition", dock_wait_container, NULL},
    {"POST", "/containers/{}/update", "", dock_update_container, NULL},
    {"POST", "/containers/{}/resize", "h w", dock_resize_container, NULL},
    {"POST", "/containers/{}/attach", "detachKeys logs stream stdin stdout stderr",
     dock_attach_container, NULL},
    {"GET", "/containers/{}/attach/ws", "*", NULL,
     "attaching over WebSocket is not there: docker attach does it another way"},
    {"POST", "/containers/{}/exec", "", dock_create_exec, NULL},
    {"DELETE", "/containers/{}", "v force link", dock_remove_container, NULL},
    {"POST", "/exec/{}/start", "", dock_start_exec, NULL},
    {"POST", "/exec/{}/resize", "h w", dock_resize_exec, NULL},
    {"GET", "/exec/{}/json", "", dock_inspect_exec, NULL},

    {"GET", "/images/json", "all filters digests shared-size manifests", dock_list_images, NULL},
    {"POST", "/images/create", "fromImage fromSrc repo tag message platform changes",
     dock_pull_image, NULL},
    {"POST", "/images/prune", "filters", dock_prune_images, NULL},
    {"GET", "/images/search", "*", NULL, "images are not searched for here"},
    {"GET", "/images/get", "*", NULL, "images are not saved from here"},
    {"POST", "/images/load", "*", NULL, NO_LOAD},
    {"GET", "/images/{*}/json", "manifests", dock_inspect_image, NULL},
    {"GET", "/images/{*}/history", "platform", dock_history_image, NULL},
    {"GET", "/images/{*}/get", "*", NULL, "images are not saved from here"},
    {"POST", "/images/{*}/tag", "repo tag", dock_tag_image, NULL},
    {"POST", "/images/{*}/push", "*", NULL, "images are not pushed from here"},
    {"DELETE", "/images/{*}", "force noprune platforms", dock_remove_image, NULL},
    {"GET", "/distribution/{*}/json", "*", NULL, "registries are not looked into from here"},

    {"GET", "/volumes", "filters", dock_list_volumes, NULL},
    {"POST", "/volumes/create", "", dock_create_volume, NULL},
    {"POST", "/volumes/prune", "filters", dock_prune_volumes, NULL},
    {"GET", "/volumes/{}", "", dock_inspect_volume, NULL},
    {"PUT", "/volumes/{}", "*", NULL, NO_SWARM},
    {"DELETE", "/volumes/{}", "force", dock_remove_volume, NULL},

    {"GET", "/networks", "filters", dock_list_networks, NULL},
    {"POST", "/networks/create", "*", NULL, NO_NETWORKS},
    {"POST", "/networks/prune", "filters", dock_prune_networks, NULL},
    {"GET", "/networks/{}", "verbose scope", dock_inspect_network, NULL},
    {"DELETE", "/networks/{}", "*", NULL, NO_NETWORKS},
    {"POST", "/networks/{}/connect", "*", NULL, NO_NETWORKS},
    {"POST", "/networks/{}/disconnect", "*", NULL, NO_NETWORKS},

    {"POST", "/commit", "*", NULL,
     "images are not made of containers here: see mini-cluster image load"},
    {"POST", "/build", "*", NULL, NO_BUILD},
    {"POST", "/build/prune", "*", NULL, NO_BUILD},
    {"POST", "/build/cancel", "*", NULL, NO_BUILD},
    {"POST", "/session", "*", NULL, NO_BUILD},
    {"POST", "/grpc", "*", NULL, NO_BUILD},
    {"GET", "/plugins", "*", dock_list_plugins, NULL},
    {"GET", "/plugins/{*}/json", "*", dock_inspect_plugin, NULL},
    {"*", "/plugins/{*}", "*", NULL, NO_PLUGINS},
    {"*", "/swarm", "*", NULL, NO_SWARM},
    {"*", "/swarm/{*}", "*", NULL, NO_SWARM},
    {"*", "/nodes", "*", NULL, NO_SWARM},
    {"*", "/nodes/{*}", "*", NULL, NO_SWARM},
    {"*", "/services", "*", NULL, NO_SWARM},
    {"*", "/services/{*}", "*", NULL, NO_SWARM},
    {"*", "/tasks", "*", NULL, NO_SWARM},
    {"*", "/tasks/{*}", "*", NULL, NO_SWARM},
    {"*", "/secrets", "*", NULL, NO_SWARM},
    {"*", "/secrets/{*}", "*", NULL, NO_SWARM},
    {"*", "/configs", "*", NULL, NO_SWARM},
    {"*", "/configs/{*}", "*", NULL, NO_SWARM},
    {0},
};

/* ---- the path ---- */

/* Letters that names are made of, and no others: nothing is decoded, so nothing hides. */
static int check_path(const char *path, struct err *err)
{
    static const char odd[] = "the path is not one that docker sends";
    if (path[0] != '/' || strlen(path) > MAX_PATH) {
        return err_set(err, ERR_BAD_REQUEST, "%s", odd);
    }
    if (strspn(path, "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:@-") !=
        strlen(path)) {
        return err_set(err, ERR_BAD_REQUEST, "%s: there are letters in it that no name has", odd);
    }
    for (const char *p = path; *p != '\0';) {
        size_t n = strcspn(++p, "/");
        if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.')) {
            return err_set(err, ERR_BAD_REQUEST, "%s: a part of it is empty, . or ..", odd);
        }
        p += n;
    }
    return 0;
}

/* Behind "/v1.41"; NULL when that is no version that is spoken here. */
static const char *skip_version(const struct dock *d, const char *path, struct err *err)
{
    struct docker_endpoint at;
    char minor[8];
    int64_t asked;
    int64_t known;
    size_t n = strspn(path + 1, "v0123456789.");
    if (path[1] != 'v' || path[1 + n] != '/' || n < 4) {
        return path;
    }
    docker_endpoint(&d->all->rt, &at);
    if (strncmp(path + 1, "v1.", 3) != 0 || n - 3 >= sizeof(minor)) {
        err_set(err, ERR_BAD_REQUEST, "the version in the path is not one of Docker's");
        return NULL;
    }
    memcpy(minor, path + 4, n - 3);
    minor[n - 3] = '\0';
    if (!str_to_i64(minor, 0, 999, &asked) || !str_has_prefix(at.version, "1.") ||
        !str_to_i64(at.version + 2, 0, 999, &known)) {
        err_set(err, ERR_BAD_REQUEST, "the version in the path is not one of Docker's");
        return NULL;
    }
    if (asked > known) {
        err_set(err, ERR_BAD_REQUEST,
                "client version 1.%d is too new. Maximum supported API version is %s", (int)asked,
                at.version);
        return NULL;
    }
    return path + 1 + n;
}

/* Whether the path is of this form; *ret_ref is then what stands for the braces. */
static bool matches(const char *form, const char *path, char **ret_ref)
{
    const char *brace = strchr(form, '{');
    size_t before = brace != NULL ? (size_t)(brace - form) : strlen(form);
    *ret_ref = NULL;
    if (strncmp(form, path, before) != 0) {
        return false;
    }
    if (brace == NULL) {
        return path[before] == '\0';
    }
    const char *after = strchr(brace, '}') + 1, *ref = path + before;
    size_t n = strlen(ref), tail = strlen(after);
    if (n <= tail || strcmp(ref + n - tail, after) != 0) {
        return false;
    }
    if (brace[1] != '*' && memchr(ref, '/', n - tail) != NULL) {
        return false;
    }
    *ret_ref = xstrndup(ref, n - tail);
    return true;
}

/* ---- the route ---- */

static bool speaks(const struct dock_route *route, const char *method)
{
    return strcmp(route->method, "*") == 0 || strcmp(route->method, method) == 0;
}

int dock_route_find(struct dock_req *r, const char *method, const char *path, const char *query,
                    struct err *err)
{
    bool known = false;
    if (check_path(path, err) != 0) {
        return -1;
    }
    const char *rest = skip_version(r->dock, path, err);
    if (rest == NULL) {
        return -1;
    }
    for (const struct dock_route *route = dock_routes; route->method != NULL; route++) {
        char *ref;
        if (!matches(route->path, rest, &ref)) {
            continue;
        }
        known = true;
        if (!speaks(route, method)) {
            free(ref);
            continue;
        }
        r->route = route;
        r->ref = ref;
        return strcmp(route->query, "*") == 0
                   ? 0
                   : dock_query_parse(query, route->query, &r->query, err);
    }
    return known ? err_set(err, ERR_METHOD_NOT_ALLOWED, "method not allowed: %.20s", method)
                 : err_set(err, ERR_NOT_FOUND, "page not found");
}
