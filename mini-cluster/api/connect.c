/* SPDX-License-Identifier: Apache-2.0 */
/* pods/exec, pods/attach and pods/portforward: what is asked for, of whom, and whether it can be
 * had; the bytes go between the host's agent and the http room. */
#include <string.h>

#include "api/core.h"
#include "api/query.h"
#include "api/relay.h"
#include "api/write.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"

void api_connect_free(struct api_connect *c)
{
    if (c == NULL) {
        return;
    }
    for (char **word = c->command; word != NULL && *word != NULL; word++) {
        free(*word);
    }
    free(c->command);
    free(c->ns);
    free(c->pod);
    free(c->uid);
    free(c->node);
    free(c->container);
    free(c);
}

static void connect_cleanup(struct api_connect **c)
{
    api_connect_free(*c);
}

/* ---- whom to ask ---- */

/* In the words of an API server that does not reach a kubelet. */
static int no_agent(const struct api_connect *c, struct err *err)
{
    struct store_key key = {"nodes", "", c->node};
    cleanup_entry const struct store_entry *e = store_find(c->api->store, STORE_STAGED, &key);
    const json_t *addresses =
        e != NULL ? jx_arr(store_tree(c->api->store, e), "status.addresses") : NULL;
    const json_t *own = jx_find(addresses, "type", "InternalIP");
    return err_set(err, ERR_INTERNAL,
                   "error dialing backend: dial tcp %s:10250: connect: no route to host (node %s "
                   "does not answer; is it off?)",
                   jx_get_str(own, "address", c->node), c->node);
}

static int ask_agent(struct api_connect *c, const struct api_pipe_events *ev, void *arg,
                     struct api_pipe **ret, struct err *err)
{
    const struct api_node *node = api_find_node(c->api, c->node);
    if (node == NULL || node->ops->connect == NULL) {
        return no_agent(c, err);
    }
    return node->ops->connect(node->arg, c, ev, arg, ret, err);
}

int api_connect_open(struct api_connect *c, const struct api_pipe_events *ev, void *arg,
                     struct api_pipe **ret, struct err *err)
{
    return ask_agent(c, ev, arg, ret, err);
}

/* ---- what is asked for ---- */

static int read_command(const struct api_query *q, struct api_connect *c, struct err *err)
{
    size_t n = 0;
    while (api_query_nth(q, "command", n) != NULL) {
        n++;
    }
    if (n == 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "you must specify at least one command for the container");
    }
    c->command = xcalloc(n + 1, sizeof(*c->command));
    for (size_t i = 0; i < n; i++) {
        c->command[i] = xstrdup(api_query_nth(q, "command", i));
    }
    return 0;
}

static int read_streams(const struct api_query *q, struct api_connect *c, struct err *err)
{
    c->stdin_open = api_query_bool(q, "stdin");
    c->stdout_open = api_query_bool(q, "stdout");
    c->tty = api_query_bool(q, "tty");
    c->stderr_open = api_query_bool(q, "stderr") && !c->tty; /* a terminal has only one output */
    if (!c->stdin_open && !c->stdout_open && !c->stderr_open) {
        return err_set(err, ERR_BAD_REQUEST,
                       "you must specify at least 1 of stdin, stdout, stderr");
    }
    return 0;
}

static int read_request(const struct api_query *q, const json_t *pod, struct api_connect *c,
                        struct err *err)
{
    const char *container = "";
    if (c->type == API_CONNECT_PORT) {
        return 0;
    }
    if (api_pick_container(pod, api_query_get(q, "container"), &container, err) < 0 ||
        read_streams(q, c, err) < 0) {
        return -1;
    }
    c->container = xstrdup(container);
    c->stdin_once =
        jx_bool(jx_find(jx_arr(pod, "spec.containers"), "name", container), "stdinOnce", false);
    return c->type == API_CONNECT_EXEC ? read_command(q, c, err) : 0;
}

static enum api_connect_type type_of(const char *subresource)
{
    if (strcmp(subresource, "exec") == 0) {
        return API_CONNECT_EXEC;
    }
    return strcmp(subresource, "attach") == 0 ? API_CONNECT_ATTACH : API_CONNECT_PORT;
}

int api_connect(struct api *api, struct api_ctx *ctx, const struct api_target *t,
                const struct api_query *q, struct api_connect **ret, struct err *err)
{
    cleanup_entry const struct store_entry *entry = NULL;
    if (api_write_find(api, ctx, t, &entry, err) < 0) {
        return -1;
    }
    __attribute__((cleanup(connect_cleanup))) struct api_connect *c = xnew(struct api_connect);
    c->type = type_of(t->subresource);
    c->api = api;
    c->ns = xstrdup(t->ns);
    c->pod = xstrdup(t->name);
    c->uid = xstrdup(entry->uid);
    c->node = xstrdup(entry->node);
    if (read_request(q, store_tree(api->store, entry), c, err) < 0) {
        return -1;
    }
    if (c->node[0] == '\0') {
        return err_set(err, ERR_BAD_REQUEST, "pod %s does not have a host assigned", t->name);
    }
    if (ask_agent(c, NULL, NULL, NULL, err) < 0) {
        return -1;
    }
    *ret = steal(c);
    return 0;
}
