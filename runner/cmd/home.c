/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the few settings files of the lab's tools. */
#include "cmd/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cluster.h"
#include "cmd/contexts.h"
#include "cmd/place.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"

static int write_file(const char *dir, const char *name, const char *text, struct err *err)
{
    cleanup_free char *path = xasprintf("%s/%s", dir, name);
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t n = strlen(text);
    if (fd < 0 || write(fd, text, n) != (ssize_t)n) {
        return err_errno(err, errno, "write %s", path);
    }
    return 0;
}

/* The programs that a lab's text names, wherever they are; what is on PATH stays as it is. */
static char *build_path(void)
{
    struct str out = STR_INIT;
    const char *path = getenv("PATH");
    cleanup_free char *program = place_of_program();
    cleanup_free char *kubectl = place_find_kubectl();
    cleanup_free char *usual = place_find_program("kubectl", NULL);
    if (kubectl != NULL && usual == NULL) {
        str_add_f(&out, "%.*s:", (int)(strrchr(kubectl, '/') - kubectl), kubectl);
    }
    str_add_f(&out, "%s:%s", program, path != NULL ? path : "/usr/bin:/bin");
    return str_take(&out);
}

int home_init(struct home *h, const char *dir, const char *kubeconfig, const char *lab,
              struct err *err)
{
    VEC(char *) env = {0};
    cleanup_free char *docker = xasprintf("%s/docker", dir);
    cleanup_free char *path = build_path();
    *h = (struct home){.dir = xstrdup(dir)};
    vec_push(&env, xasprintf("KUBECONFIG=%s", kubeconfig));
    vec_push(&env, xasprintf("KUBECACHEDIR=%s/kubectl", dir));
    vec_push(&env, xasprintf("DOCKER_CONFIG=%s", docker));
    vec_push(&env, xstrdup("DOCKER_HOST="));
    vec_push(&env, xstrdup("DOCKER_CONTEXT="));
    vec_push(&env, xasprintf("CURL_HOME=%s", dir));
    vec_push(&env, xasprintf("PATH=%s", path));
    vec_push(&env, xasprintf("PODLAB_LAB=%s", lab));
    vec_push(&env, NULL);
    h->env = env.v;
    return contexts_write(docker, NULL, 0, err);
}

void home_fini(struct home *h)
{
    for (char **e = h->env; e != NULL && *e != NULL; e++) {
        free(*e);
    }
    free(h->env);
    free(h->dir);
    *h = (struct home){0};
}

static int set_curl(const struct home *h, const json_t *items, struct err *err)
{
    cleanup_str struct str rows = STR_INIT;
    size_t i;
    json_t *host;
    jx_each(i, host, items)
    {
        const char *name = jx_str(host, "metadata.name", "");
        const char *address = jx_str(host, "status.address", "");
        if (address[0] != '\0') {
            str_add_f(&rows, "connect-to = \"%s::%s:\"\n", name, address);
        }
    }
    return write_file(h->dir, ".curlrc", str_c(&rows), err);
}

typedef VEC(struct context) contexts;

static void find_sockets(const json_t *items, const char *cluster, contexts *ret)
{
    size_t i;
    json_t *host;
    jx_each(i, host, items)
    {
        struct context c = {.name = jx_str(host, "metadata.name", "")};
        struct err err;
        char *where = NULL;
        if (cluster_host_docker(cluster, c.name, &where, &err) < 0) {
            log_debug("home", "%s: %s", c.name, err.msg); /* the control plane, or all of them */
            continue;
        }
        c.host = where;
        vec_push(ret, c);
    }
}

int home_set_hosts(struct home *h, const json_t *hosts, const char *cluster, struct err *err)
{
    const json_t *items = jx_arr(hosts, "items");
    cleanup_free char *docker = xasprintf("%s/docker", h->dir);
    contexts found = {0};
    if (cluster != NULL) {
        find_sockets(items, cluster, &found);
    }
    h->docker = found.n > 0;
    int rc = set_curl(h, items, err) < 0 || contexts_write(docker, found.v, found.n, err) < 0;
    for (size_t i = 0; i < found.n; i++) {
        free((char *)(uintptr_t)found.v[i].host);
    }
    vec_fini(&found);
    return rc == 0 ? 0 : -1;
}
