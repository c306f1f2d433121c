/* SPDX-License-Identifier: Apache-2.0 */
/* pods/log: the host's agent has the text, this file finds the agent. */
#include <string.h>

#include "api/core.h"
#include "api/fault.h"
#include "api/query.h"
#include "api/relay.h"
#include "api/write.h"
#include "meta/time.h"

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
    if (api_pick_container(pod, opts.container, &opts.container, err) < 0) {
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
