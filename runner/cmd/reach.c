/* SPDX-License-Identifier: Apache-2.0 */
/* Asks until an answer comes or the patience is over. */
#include "cmd/reach.h"

#include <string.h>

#include "cmd/place.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kube/kube.h"
#include "lab/lab.h"

#define READY_TIME LOOP_S(20)
#define HOSTS_TIME LOOP_S(10)
#define AGAIN LOOP_MS(50)

struct question {
    bool done;
    int status;
    json_t *answer;
    struct err err;
};

static void on_answer(void *arg, const struct kube_answer *a)
{
    struct question *q = arg;
    q->done = true;
    q->status = a->status;
    q->err = *a->err;
    q->answer = a->answer != NULL ? jx_edit(a->answer) : NULL;
}

int reach_get(struct kube *k, const char *path, json_t **ret, struct err *err)
{
    struct question q = {0};
    kube_get(k, path, LOOP_S(5), on_answer, &q);
    if (!loop_run_until(kube_loop(k), &q.done, LOOP_S(6))) {
        kube_forget(k, &q);
        return err_set(err, ERR_TIMEOUT, "%s does not answer", kube_server(k));
    }
    if (q.status == 200 && q.answer != NULL) {
        *ret = q.answer;
        return 0;
    }
    if (q.status == 0) {
        *err = q.err;
    } else {
        err_set(err, q.status == 404 ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "%s answers %d: %s",
                kube_server(k), q.status, jx_str(q.answer, "message", path));
    }
    json_decref(q.answer);
    return -1;
}

static void on_timer(void *arg)
{
    *(bool *)arg = true;
}

static void pause_for(struct loop *loop, uint64_t ns)
{
    bool over = false;
    struct loop_timer *t = loop_timer_new(loop, on_timer, &over);
    loop_timer_start(t, ns);
    loop_run_until(loop, &over, ns + LOOP_S(1));
    loop_timer_free(t);
}

struct discovery {
    bool done;
    struct err err;
};

static void on_discovered(void *arg, const struct err *err)
{
    struct discovery *d = arg;
    d->done = true;
    d->err = *err;
}

static int discover(struct kube *k, struct err *err)
{
    struct discovery d = {0};
    kube_discover(k, on_discovered, &d);
    if (!loop_run_until(kube_loop(k), &d.done, LOOP_S(20))) {
        kube_forget(k, &d);
        return err_set(err, ERR_TIMEOUT, "%s does not say what it has", kube_server(k));
    }
    *err = d.err;
    return d.err.code == ERR_NONE ? 0 : -1;
}

int reach_cluster(struct loop *loop, const char *kubeconfig, struct kube **ret, char **ret_uid,
                  struct err *err)
{
    struct kube *k;
    json_t *ns = NULL;
    uint64_t until = loop_mono_ns(loop) + READY_TIME;
    if (kube_open(loop, kubeconfig, NULL, &k, err) < 0) {
        return -1;
    }
    while (reach_get(k, "/api/v1/namespaces/kube-system", &ns, err) < 0) {
        /* Forbidden and the like do not get better by waiting. */
        if (err->code == ERR_FORBIDDEN || err->code == ERR_UNAUTHORIZED ||
            loop_mono_ns(loop) > until) {
            kube_free(k);
            return -1;
        }
        pause_for(loop, AGAIN);
    }
    *ret_uid = xstrdup(jx_str(ns, "metadata.uid", ""));
    json_decref(ns);
    if (discover(k, err) < 0) {
        free(steal(*ret_uid));
        kube_free(k);
        return -1;
    }
    *ret = k;
    return 0;
}

static bool all_are_on(const json_t *hosts)
{
    const json_t *items = jx_arr(hosts, "items");
    size_t i;
    json_t *host;
    jx_each(i, host, items)
    {
        if (jx_str(host, "status.address", "")[0] == '\0' ||
            strcmp(jx_str(host, "spec.power", "On"), jx_str(host, "status.power", "")) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_reachable(const json_t *host)
{
    return strcmp(jx_str(host, "spec.power", "On"), "On") == 0 &&
           strcmp(jx_str(host, "spec.network", "Connected"), "Connected") == 0;
}

/* Pods that are made before all agents have reported stand on those that have. */
static bool all_report(struct kube *k, const json_t *hosts)
{
    json_auto_t *nodes = NULL;
    struct err err;
    size_t i, j;
    json_t *node;
    const json_t *host;
    if (reach_get(k, "/api/v1/nodes", &nodes, &err) < 0) {
        return true; /* it may be none of our business */
    }
    const json_t *items = jx_arr(nodes, "items");
    const json_t *host_items = jx_arr(hosts, "items");
    jx_each(i, node, items)
    {
        const json_t *ready = jx_find(jx_arr(node, "status.conditions"), "type", "Ready");
        jx_each(j, host, host_items)
        {
            if (str_eq(jx_str(host, "metadata.name", ""), jx_str(node, "metadata.name", "")) &&
                is_reachable(host) && !str_eq(jx_get_str(ready, "status", ""), "True")) {
                return false;
            }
        }
    }
    return true;
}

int reach_hosts(struct kube *k, json_t **ret, struct err *err)
{
    json_t *hosts = NULL;
    uint64_t until = loop_mono_ns(kube_loop(k)) + HOSTS_TIME;
    if (kube_find_resource(k, "hosts.podlab.dev") == NULL) {
        *ret = json_pack("{s:[]}", "items");
        return 0;
    }
    for (;;) {
        if (reach_get(k, "/apis/podlab.dev/v1/hosts", &hosts, err) < 0) {
            return -1;
        }
        bool on = all_are_on(hosts), late = loop_mono_ns(kube_loop(k)) > until;
        if (on && (late || all_report(k, hosts))) {
            *ret = hosts;
            return 0;
        }
        json_decref(hosts);
        if (loop_mono_ns(kube_loop(k)) > until) {
            return err_set(err, ERR_TIMEOUT,
                           "its hosts are not up after 10 s; `mini-cluster status` and its log say "
                           "more");
        }
        pause_for(kube_loop(k), AGAIN);
    }
}

static int lacks(const struct lab *lab, const char *what, const char *why, struct err *err)
{
    return err_set(err, ERR_INVALID, "the lab %s requires %s: %s", lab->id, what, why);
}

static int look_for(const struct kube *k, const struct lab *lab, const char *what, bool docker,
                    struct err *err)
{
    bool of_docker = strcmp(what, "docker") == 0, of_clock = strcmp(what, "clock") == 0;
    if (strcmp(what, "hosts") != 0 && !of_docker && !of_clock) {
        return lacks(lab, what, "this podlab does not know what that is", err);
    }
    if (kube_find_resource(k, "hosts.podlab.dev") == NULL) {
        return lacks(lab, what,
                     "hosts that can be switched off and looked into, which this cluster does not "
                     "have",
                     err);
    }
    if (of_clock && kube_find_resource(k, "clocks.podlab.dev") == NULL) {
        return lacks(lab, what, "a clock that can be changed, which this cluster does not have",
                     err);
    }
    if (of_docker && !docker) {
        return lacks(lab, what,
                     "hosts that each answer the docker command, which this cluster does not have",
                     err);
    }
    cleanup_free char *program = of_docker ? place_find_program("docker", NULL) : NULL;
    if (of_docker && program == NULL) {
        return lacks(lab, what, "the docker command, which is not on PATH (`podlab doctor`)", err);
    }
    return 0;
}

int reach_requires(const struct kube *k, const struct lab *lab, bool docker, struct err *err)
{
    for (size_t i = 0; lab->requires != NULL && lab->requires[i] != NULL; i++) {
        if (look_for(k, lab, lab->requires[i], docker, err) < 0) {
            return -1;
        }
    }
    return 0;
}
