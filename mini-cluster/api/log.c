/* SPDX-License-Identifier: Apache-2.0 */
/* pods/log: the host's agent has the text, this file finds the agent. */
#include <string.h>

#include "api/core.h"
#include "api/fault.h"
#include "api/query.h"
#include "api/relay.h"
#include "api/write.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "meta/time.h"

/* All containers of a pod by name, joined with spaces. */
static void names(const json_t *list, struct str *out)
{
    size_t i;
    const json_t *c;
    jx_each(i, c, list)
    {
        str_add_f(out, "%s%s", i > 0 ? " " : "", jx_get_str(c, "name", ""));
    }
}

static bool has_container(const json_t *pod, const char *name)
{
    static const char *const lists[] = {"spec.containers", "spec.initContainers",
                                        "spec.ephemeralContainers"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (jx_find(jx_arr(pod, lists[i]), "name", name) != NULL) {
            return true;
        }
    }
    return false;
}

/* The one that is meant when none is named. */
static int settle_container(const json_t *pod, struct api_log_opts *opts, struct err *err)
{
    const char *pod_name = object_name(pod);
    if (opts->container[0] != '\0') {
        return has_container(pod, opts->container)
                   ? 0
                   : err_set(err, ERR_BAD_REQUEST, "container %s is not valid for pod %s",
                             opts->container, pod_name);
    }
    const json_t *list = jx_arr(pod, "spec.containers");
    if (json_array_size(list) == 1) {
        opts->container = jx_get_str(json_array_get(list, 0), "name", "");
        return 0;
    }
    cleanup_str struct str all = STR_INIT;
    names(list, &all);
    return err_set(err, ERR_BAD_REQUEST,
                   "a container name must be specified for pod %s, choose one of: [%s]", pod_name,
                   str_c(&all));
}

static int read_opts(const struct api_query *q, struct api_log_opts *opts, struct err *err)
{
    opts->container = api_query_get(q, "container");
    opts->follow = api_query_bool(q, "follow");
    opts->previous = api_query_bool(q, "previous");
    opts->timestamps = api_query_bool(q, "timestamps");
    const char *since = api_query_get(q, "sinceTime");
    int64_t at;
    if (since[0] != '\0' && !time_parse(since, &at)) {
        return err_set(err, ERR_BAD_REQUEST, "sinceTime: \"%.60s\" is not an RFC 3339 time", since);
    }
    opts->since_time = since[0] != '\0' ? since : NULL;
    if (opts->since_time != NULL && api_query_get(q, "sinceSeconds")[0] != '\0') {
        return err_set(err, ERR_BAD_REQUEST,
                       "at most one of sinceTime or sinceSeconds may be specified");
    }
    return api_query_int(q, "tailLines", 0, -1, &opts->tail_lines, err) < 0 ||
                   api_query_int(q, "sinceSeconds", 1, 0, &opts->since_s, err) < 0 ||
                   api_query_int(q, "limitBytes", 1, 0, &opts->limit_bytes, err) < 0
               ? -1
               : 0;
}

int api_log(struct api *api, struct api_ctx *ctx, const struct api_target *t,
            const struct api_query *q, struct api_stream **ret, struct err *err)
{
    struct api_log_opts opts = {0};
    cleanup_entry const struct store_entry *entry = NULL;
    if (read_opts(q, &opts, err) < 0 || api_write_find(api, ctx, t, &entry, err) < 0) {
        return -1;
    }
    const json_t *pod = store_tree(api->store, entry);
    if (settle_container(pod, &opts, err) < 0) {
        return -1;
    }
    if (entry->node[0] == '\0') {
        return err_set(err, ERR_BAD_REQUEST, "pod %s does not have a host assigned", t->name);
    }
    const struct api_node *node = api_find_node(api, entry->node);
    if (node == NULL || node->ops->logs == NULL) {
        return err_set(err, ERR_INTERNAL,
                       "the logs of pod %s are on node %s, which does not answer; is it off?",
                       t->name, entry->node);
    }
    return node->ops->logs(node->arg, pod, &opts, ret, err);
}
