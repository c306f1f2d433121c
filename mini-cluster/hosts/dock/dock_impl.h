/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a host's Docker share: the hosts, requests on their way, and containers. */
#ifndef HOSTS_DOCK_DOCK_IMPL_H
#define HOSTS_DOCK_DOCK_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"
#include "common/str.h"
#include "common/vec.h"
#include "hosts/dock.h"
#include "hosts/dock/dock_policy.h"
#include "hosts/dock/dock_ports.h"
#include "hosts/dock/dock_query.h"
#include "runtime/docker/docker.h"

struct client;
struct client_watch;
struct dock;
struct dock_addresses;
struct dock_box;
struct dock_out;
struct dock_pipe;
struct dock_pull;
struct dock_req;
struct http_call;
struct http_client;
struct http_exchange;
struct http_server;
struct kind;
struct loop;
struct loop_timer;
struct map;

enum { DOCK_PREFIX_SIZE = 88, DOCK_ID_SIZE = 65 };

struct docks {
    struct loop *loop;
    struct runtime rt;
    struct client *client;
    struct client_watch *watch;
    const struct kind *kind;
    struct docks_ops ops;
    void *arg;
    unsigned char key[32];
    char *dir, *control_plane;
    int64_t cpu_milli, memory;
    struct http_client *calls, *streams;
    struct map *by_host;
    struct dock_addresses *addresses;
    struct dock_pull *pulls; /* under way */
    bool ready;              /* the runtime recovered */
};

/* One host. */
struct dock {
    struct docks *all;
    char *host, *path;             /* of the socket */
    char address[16];              /* of the host */
    char prefix[DOCK_PREFIX_SIZE]; /* before the names of its containers and volumes */
    uint64_t epoch;
    bool on, up;      /* its power; its guest runs */
    bool paused, cut; /* as its Host object says */
    bool warned;      /* that it cannot listen */
    struct http_server *server;
    struct dock_req *reqs;

    struct map *boxes;   /* id -> struct dock_box */
    struct map *to_look; /* names of containers to be looked at */
    struct dock_req *looking;
    /* All of its containers are to be listed; are being looked at; are known. */
    bool list_wanted, listing, loaded;
    struct loop_timer *look_timer;
    int port_cursor;

    struct map *execs; /* id -> the id of its container */
    struct loop_timer *status_timer;
    json_t *refusals;       /* as in Host.status */
    uint64_t said_since_ns; /* Events of them */
    unsigned said;
};

void dock_opened(struct dock *d); /* something that requests waited for may have come */

/* ---- dock_sockets.c ---- */

/* A listening socket, or -1. */
int dock_socket_listen(const char *path, struct err *err);

/* ---- dock_serve.c ---- */

/* Opens or closes its socket, as its power and network are. */
void dock_serve_update(struct dock *d);
/* No more: without power, or for good. */
void dock_serve_end(struct dock *d);

/* ---- requests (dock_req.c) ---- */

struct dock_route {
    const char *method, *path; /* "{}" stands for one segment, "{*}" for one or more */
    const char *query;         /* the parameters that it takes */
    void (*handle)(struct dock_req *r);
    const char *why; /* instead of handle: what it is refused with */
};

/* What came of a call to the daemon. */
struct dock_reply {
    int status;   /* 0: none came */
    json_t *json; /* borrowed; NULL when there was none */
    const char *body;
    size_t len;
    struct err err; /* ERR_NONE below 400; names of this host alone are in it */
};
typedef void dock_fn(struct dock_req *r, const struct dock_reply *a);

struct dock_req {
    struct dock *dock;
    struct dock_req *next, **prev_next;
    struct http_exchange *x; /* NULL: the client left, or it is the host's agent that asks */
    bool agent;
    const struct dock_route *route;
    char *path, *ref; /* what stood for the "{}" */
    struct dock_query query;
    struct loop_timer *timer; /* while it waits for the host */
    bool waits;

    uint64_t epoch;         /* of the host, when it began to act */
    struct http_call *call; /* one at a time */
    dock_fn *fn;
    bool asked;  /* the daemon, to start it */
    bool acting; /* goes on when the client has left */
    bool answered;
    char *stat; /* the header X-Docker-Container-Path-Stat */
    struct dock_out *out;
    struct dock_pipe *pipe;

    char *wanted;     /* what is looked for, as it was named */
    const char *verb; /* what is done to it, if that is not for containers of pods */
    json_t *seen;     /* the container that it is about, as the daemon describes it */
    char id[DOCK_ID_SIZE];
    bool by_hand;
    void (*then)(struct dock_req *r);
    char busy[DOCK_ID_SIZE]; /* the container that it changes, see dock_busy */
    json_t *kept;            /* the handler's own */
    void *own;
    void (*own_free)(void *own);
};

/* x may be NULL. */
struct dock_req *dock_req_new(struct dock *d, struct http_exchange *x);
void dock_req_free(struct dock_req *r);

/* Answers, and forgets: r may be gone after. `body` is taken. */
void dock_reply_json(struct dock_req *r, int status, json_t *body);
void dock_reply_none(struct dock_req *r, int status); /* no body */
void dock_reply_text(struct dock_req *r, int status, const char *type, const char *text);
/* Makes a text that came from outside fit for JSON, in place. */
void dock_clean(char *text);
/* {"message": ...}; the status follows from the code. */
void dock_reply_err(struct dock_req *r, const struct err *err);
void dock_reply_fail(struct dock_req *r, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The daemon's refusal, with its status. */
void dock_reply_refusal(struct dock_req *r, const struct dock_reply *a);
/* The same as an answer to a request that may not be: it becomes an Event on the Host, too. */
void dock_refuse(struct dock_req *r, const struct err *err);

/* ---- the daemon (dock_call.c) ---- */

struct dock_ask {
    const char *method; /* NULL: GET */
    json_t *body;       /* taken; NULL: none */
    const void *bytes;  /* or these */
    size_t len;
    bool patient; /* it may take as long as it likes */
};
/* One request, on a connection of its own; `path` is printf's, percent-encoded, without the
 * version. fn is called once, from the loop. */
void dock_call(struct dock_req *r, const struct dock_ask *ask, dock_fn *fn, const char *path, ...)
    __attribute__((format(printf, 4, 5)));
/* {"label": [this cluster's, this host's, more]} percent-encoded; the caller frees. `more` may be
 * NULL. */
char *dock_call_filter(const struct dock *d, const char *more);
/* The same, added to filters that were asked for (which may be NULL). */
char *dock_call_filters(const struct dock *d, const json_t *asked, const char *more);
/* Takes this host's prefix out of a text; the caller frees. */
char *dock_mask(const struct dock *d, const char *text);

/* ---- streams (dock_out.c, dock_pipe.c) ---- */

/* Rewrites a line of JSON; false leaves it out. */
typedef bool dock_line_fn(struct dock_req *r, json_t *line);
/* Hands the daemon's answer on as it comes, each line through `fn` when that is not NULL. */
void dock_out_relay(struct dock_req *r, const char *method, dock_line_fn *fn, const char *path, ...)
    __attribute__((format(printf, 4, 5)));
/* An answer that is written bit by bit, as JSON lines. */
void dock_out_begin(struct dock_req *r);
void dock_out_line(struct dock_req *r, json_t *line); /* taken */
void dock_out_end(struct dock_req *r);
void dock_out_free(struct dock_out *o);
/* Both ways, from now on. `body` may be NULL. */
void dock_pipe_start(struct dock_req *r, const char *path, const json_t *body, bool tty);
void dock_pipe_free(struct dock_pipe *p);
bool dock_wants_tunnel(const struct dock_req *r);
bool dock_keys_ok(const char *detach_keys);

/* ---- whose is it (dock_find.c) ---- */

/* Looks for the container `ref` of this host, then r->then with r->seen, r->id, r->by_hand; answers
 * 404 when there is none. */
void dock_find(struct dock_req *r, const char *ref, void (*then)(struct dock_req *r));
/* The same, only for what was made by hand; `verb` is what cannot be done to a pod's ("renamed").
 */
void dock_find_by_hand(struct dock_req *r, const char *ref, const char *verb,
                       void (*then)(struct dock_req *r));
/* Whether this (an answer of inspect, or of the list) is a container that this host shows. */
bool dock_find_shows(const struct dock *d, const json_t *labels);

/* ---- as the learner sees it (dock_view.c) ---- */

void dock_view_inspect(struct dock *d, json_t *seen);
void dock_view_row(struct dock *d, json_t *row);
bool dock_view_event(struct dock_req *r, json_t *event); /* a dock_line_fn */
/* The name that this host's Docker shows; the caller frees. */
char *dock_view_name(const struct dock *d, const char *id, const char *name, const json_t *labels);
void dock_view_labels(json_t *labels);
/* The id of the network that every host calls bridge. */
void dock_view_network_id(const struct dock *d, const char *network, char ret[DOCK_ID_SIZE]);

/* ---- containers (dock_box.c, dock_agent.c) ---- */

struct dock_box {
    struct dock *dock;
    char id[DOCK_ID_SIZE];
    char *name, *shown, *image, *pod; /* the daemon's name and ours; the pod's "ns/name" or NULL */
    bool by_hand;
    char state[16]; /* Docker's word */
    int exit_code;
    int64_t started_us, finished_us;
    char address[16];

    struct dock_policy policy;
    struct dock_ports ports; /* had, or about to be */
    bool holds;              /* the ports are its own */
    bool forwarded;          /* ... and lead to it */
    bool want, stopped;      /* it is to run; somebody stopped it */
    uint64_t epoch;          /* when that was last looked at */
    int64_t restarts;
    uint64_t delay_ns;
    struct loop_timer *timer; /* until it is started again */
    unsigned busy;            /* requests that change it */
    char error[256];          /* why it did not start */
};

void dock_box_free(void *box);
struct dock_box *dock_box_find(const struct dock *d, const char *id);
/* Takes what inspect says, makes the box when there is none. */
struct dock_box *dock_box_take(struct dock *d, const json_t *seen);
void dock_box_drop(struct dock *d, const char *id);
/* What is to be remembered of it. */
void dock_box_record(const struct dock_box *b);
/* Records of containers that this host has no more. */
void dock_box_forget_missing(struct dock *d);
bool dock_box_runs(const struct dock_box *b);
bool dock_box_restarting(const struct dock_box *b);
/* What was asked for when it was made. The caller owns it; NULL when there is nothing. */
json_t *dock_box_asked(const json_t *labels);

/* Chooses its ports; ERR_CONFLICT in Docker's words. */
int dock_box_hold(struct dock_box *b, const json_t *seen, struct err *err) WARN_UNUSED;
/* Makes them lead to it. */
int dock_box_forward(struct dock_box *b, struct err *err) WARN_UNUSED;
void dock_box_release(struct dock_box *b);

/* The agent: looks at containers that something happened to, and starts those that should run. */
void dock_agent_look(struct dock *d, const char *name);
void dock_agent_load(struct dock *d);
void dock_agent_settle(struct dock_box *b);
void dock_agent_settle_all(struct dock *d);
void dock_agent_restart(struct dock_box *b); /* its time has come */
void dock_agent_go_on(void *dock);           /* a timer's */
/* The host has no power any more. */
void dock_agent_end(struct dock *d);

/* While the request lasts the agent leaves this container alone; then it looks at it. */
void dock_busy(struct dock_req *r, struct dock_box *b);
void dock_unbusy(struct dock_req *r);
/* Calls r->then when what is staged is committed. */
void dock_commit(struct dock_req *r, void (*then)(struct dock_req *r));
/* Starts the container that was found; the end of a request. */
void dock_start(struct dock_req *r);

/* ---- Host.status (dock_status.c) ---- */

void dock_status_changed(struct dock *d);
void dock_status_refused(struct dock *d, const char *request, const char *reason);
void dock_status_write(void *dock); /* a timer's */

/* ---- addresses (dock_address.c) ---- */

struct dock_addresses *dock_addresses_new(const char *subnet);
void dock_addresses_free(struct dock_addresses *a);
/* False when all are in use. */
bool dock_address_take(struct dock_addresses *a, uint64_t now_ns, char ret[16]);
void dock_address_claim(struct dock_addresses *a, const char *address);
void dock_address_release(struct dock_addresses *a, const char *address, uint64_t now_ns);

/* ---- names (dock_names.c) ---- */

/* "quiet_kepler": a name for a container that was given none. */
void dock_name_invent(struct loop *loop, char *ret, size_t size);

/* ---- volumes (dock_volume.c) ---- */

bool dock_volume_shows(const struct dock *d, const json_t *labels);
void dock_volume_view(const struct dock *d, json_t *volume);

/* ---- images (dock_image.c) ---- */

/* Those of the daemon's rows that this host has, under the names it has for them. */
json_t *dock_image_rows(struct dock *d, const json_t *rows);

/* The image of this name on this host, then r->then with r->kept, what the daemon says of it;
 * answers 404 when there is none. */
void dock_image_find(struct dock_req *r, const char *name, void (*then)(struct dock_req *r));
void dock_pulls_free(struct docks *all); /* the runtime ends after us */

/* ---- the routes (dock_route.c), and their handlers, by file ---- */

extern const struct dock_route dock_routes[];
/* Finds the route, fills in r->route, r->ref and r->query. */
int dock_route_find(struct dock_req *r, const char *method, const char *path, const char *query,
                    struct err *err) WARN_UNUSED;

typedef void dock_handler(struct dock_req *r);
/* dock_system.c */
dock_handler dock_get_ping, dock_get_version, dock_get_info, dock_get_events, dock_get_df,
    dock_list_plugins, dock_inspect_plugin;
/* dock_list.c */
dock_handler dock_list_containers, dock_prune_containers;
/* dock_make.c */
dock_handler dock_create_container;
/* dock_act.c */
dock_handler dock_start_container, dock_stop_container, dock_restart_container, dock_kill_container,
    dock_pause_container, dock_unpause_container, dock_rename_container, dock_update_container,
    dock_remove_container, dock_wait_container;
/* dock_look.c */
dock_handler dock_inspect_container, dock_top_container, dock_logs_container, dock_stats_container,
    dock_changes_container, dock_resize_container, dock_attach_container, dock_export_container,
    dock_stat_archive, dock_get_archive, dock_put_archive;
/* dock_exec.c */
dock_handler dock_create_exec, dock_start_exec, dock_resize_exec, dock_inspect_exec;
/* dock_image.c */
dock_handler dock_list_images, dock_pull_image, dock_inspect_image, dock_history_image,
    dock_tag_image, dock_remove_image, dock_prune_images;
/* dock_volume.c */
dock_handler dock_list_volumes, dock_create_volume, dock_inspect_volume, dock_remove_volume,
    dock_prune_volumes;
/* dock_network.c */
dock_handler dock_list_networks, dock_inspect_network, dock_prune_networks;

#endif
