/* SPDX-License-Identifier: Apache-2.0 */
/* podlab doctor: each thing a learner needs, whether it is there, and what to do when it is not. */
#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/cluster.h"
#include "cmd/cmd.h"
#include "cmd/place.h"
#include "common/http_client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/str.h"
#include "lab/lab.h"
#include "loader/loader.h"

enum verdict { OK, NOTE, PROBLEM };

enum { MEMORY_MB = 500, DISK_MB = 1000, OLDEST_KUBECTL = 20 };

/* What was looked at: its name, how it is, and what to do about it (NULL: nothing). */
static void find(json_t *findings, const char *name, enum verdict v, const char *todo,
                 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void find(json_t *findings, const char *name, enum verdict v, const char *todo,
                 const char *fmt, ...)
{
    static const char *const words[] = {"ok", "note", "problem"};
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *text = xvasprintf(fmt, ap);
    va_end(ap);
    json_t *row = json_pack("{s:s, s:s, s:s}", "name", name, "verdict", words[v], "text", text);
    if (todo != NULL) {
        jx_put_str(row, "todo", todo);
    }
    json_array_append_new(findings, row);
}

/* ---- Docker ---- */

static bool in_group(gid_t gid)
{
    gid_t groups[256];
    int n = getgroups((int)ARRAY_LEN(groups), groups);
    for (int i = 0; i < n; i++) {
        if (groups[i] == gid) {
            return true;
        }
    }
    return getegid() == gid;
}

/* Labs run without it, too, except those about Docker itself. */
static void without_docker(json_t *findings, const char *todo, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void without_docker(json_t *findings, const char *todo, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *why = xvasprintf(fmt, ap);
    va_end(ap);
    cleanup_free char *wish = xasprintf("for containers that are isolated: %s", todo);
    find(findings, "Docker", NOTE, wish,
         "%s. Labs run without it: containers are then processes of your own, and labs that "
         "require Docker are left out",
         why);
}

static void socket_forbidden(json_t *findings, const char *path)
{
    struct stat st;
    const struct group *g = stat(path, &st) == 0 ? getgrgid(st.st_gid) : NULL;
    const char *name = g != NULL ? g->gr_name : "docker";
    cleanup_free char *todo =
        g != NULL && in_group(g->gr_gid)
            ? xstrdup("ask whoever runs Docker on this machine why its group may not use it")
            : xasprintf("sudo usermod -aG %s \"$USER\", then log in again; or for this once: sg %s "
                        "'podlab start'",
                        name, name);
    without_docker(findings, todo, "%s belongs to the group %s, and you may not use it", path,
                   name);
}

struct answer {
    bool done;
    int status;
    json_t *json;
};

static void on_answer(void *arg, const struct http_response *res)
{
    struct answer *a = arg;
    struct err ignored;
    a->done = true;
    a->status = res->status;
    if (jx_parse(res->body, res->len, false, &a->json, &ignored) < 0) {
        a->json = NULL;
    }
}

static json_t *docker_version(const char *path)
{
    struct answer a = {0};
    struct loop *loop = loop_new();
    struct http_client *client =
        http_client_new(loop, &(struct http_client_opts){.unix_path = path});
    struct http_request req = {.method = "GET",
                               .url = "http://docker/version",
                               .timeout_ns = LOOP_S(5),
                               .done = on_answer,
                               .arg = &a};
    http_client_call(client, &req);
    loop_run_until(loop, &a.done, LOOP_S(6));
    http_client_free(client);
    loop_free(loop);
    if (a.status != 200) {
        json_decref(a.json);
        return NULL;
    }
    return a.json;
}

static void look_at_docker(json_t *findings)
{
    const char *path = cluster_docker_socket();
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    str_copy(at.sun_path, sizeof(at.sun_path), path);
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
        if (errno == EACCES) {
            socket_forbidden(findings, path);
        } else if (errno == ENOENT) {
            without_docker(findings, "sudo apt-get install docker.io",
                           "there is no %s: no Docker Engine is installed, or it does not run",
                           path);
        } else {
            without_docker(findings, "start it: sudo systemctl start docker",
                           "nobody answers at %s: %s", path, strerror(errno));
        }
        return;
    }
    json_auto_t *version = docker_version(path);
    if (version == NULL) {
        without_docker(findings, "restart it: sudo systemctl restart docker",
                       "%s takes connections but does not answer", path);
        return;
    }
    find(findings, "Docker", OK, NULL, "Engine %s, API %s, at %s", jx_str(version, "Version", "?"),
         jx_str(version, "ApiVersion", "?"), path);
}

/* ---- programs ---- */

static void look_at_kubectl(json_t *findings)
{
    static const char install[] = "script/start fetches one; or install kubectl 1.20 or newer";
    cleanup_free char *path = place_find_kubectl();
    cleanup_free char *output = NULL;
    json_auto_t *version = NULL;
    struct err err;
    if (path == NULL) {
        find(findings, "kubectl", PROBLEM, install, "there is none on PATH");
        return;
    }
    const char *const argv[] = {path, "version", "--client", "-o", "json", NULL};
    if (cluster_run_program(argv, &output, &err) != 0 ||
        jx_parse(output, strlen(output), false, &version, &err) < 0) {
        find(findings, "kubectl", PROBLEM, install, "%s does not say its version", path);
        return;
    }
    const char *words = jx_str(version, "clientVersion.gitVersion", "?");
    int minor = atoi(jx_str(version, "clientVersion.minor", "0"));
    if (minor < OLDEST_KUBECTL) {
        find(findings, "kubectl", PROBLEM, install, "%s is %s, which is too old", path, words);
    } else {
        find(findings, "kubectl", OK, NULL, "%s at %s", words, path);
    }
}

static void look_at_mini_cluster(json_t *findings)
{
    cleanup_free char *dir = place_of_program();
    cleanup_free char *path = place_find_program("mini-cluster", dir);
    cleanup_free char *output = NULL;
    struct err err;
    const char *const argv[] = {path, "version", NULL};
    if (path == NULL) {
        find(findings, "mini-cluster", PROBLEM, "make", "it is neither in %s nor on PATH", dir);
    } else if (cluster_run_program(argv, &output, &err) != 0) {
        find(findings, "mini-cluster", PROBLEM, "make", "%s does not run", path);
    } else {
        output[strcspn(output, "\n")] = '\0';
        find(findings, "mini-cluster", OK, NULL, "%s", output);
    }
}

/* ---- room ---- */

static long memory_free_mb(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char line[256];
    long kib = -1;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "MemAvailable: %ld kB", &kib) == 1) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib / 1024;
}

static void look_at_room(json_t *findings)
{
    struct err err;
    struct statvfs fs;
    long memory = memory_free_mb();
    cleanup_free char *dir = place_state("home");
    find(findings, "memory", memory < MEMORY_MB ? PROBLEM : OK,
         memory < MEMORY_MB ? "close something; a lab wants 500 MB" : NULL, "%ld MB are free",
         memory);
    if (place_make(dir, &err) < 0) {
        find(findings, "state folder", PROBLEM, "see that you may write there", "%s", err.msg);
        return;
    }
    if (statvfs(dir, &fs) == 0) {
        long mb = (long)(fs.f_bavail * (fs.f_frsize / 1024) / 1024);
        find(findings, "disk", mb < DISK_MB ? PROBLEM : OK,
             mb < DISK_MB ? "make room; a lab wants 1 GB" : NULL, "%ld MB are free at %s", mb, dir);
    }
}

/* ---- labs and leftovers ---- */

static void look_at_labs(json_t *findings)
{
    cleanup_free char *root = loader_root();
    char **names = root != NULL ? loader_list(root) : NULL;
    int good = 0;
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        struct err err;
        struct lab *lab;
        cleanup_free char *dir = xasprintf("%s/%s", root, names[i]);
        if (loader_load(dir, &lab, &err) < 0) {
            find(findings, "labs", NOTE, NULL, "%s", err.msg);
        } else {
            good++;
            lab_free(lab);
        }
        free(names[i]);
    }
    free(names);
    if (good == 0) {
        find(findings, "labs", PROBLEM, "name their folder in PODLAB_LABS", "none are found");
    } else {
        find(findings, "labs", OK, NULL, "%d at %s", good, root);
    }
}

static void look_at_leftovers(json_t *findings)
{
    json_t *clusters = NULL;
    struct err err;
    size_t i;
    json_t *c;
    if (cluster_list(&clusters, &err) < 0) {
        return; /* said of mini-cluster already */
    }
    jx_each(i, c, clusters)
    {
        const char *name = jx_str(c, "name", "");
        bool runs = jx_bool(c, "running", false);
        if (strcmp(name, "lab") == 0) {
            find(findings, "cluster lab", OK, NULL,
                 runs ? "runs; podlab stop ends it" : "does not run; podlab start continues it");
        } else {
            cleanup_free char *todo = xasprintf("if nobody needs it: podlab stop --name %s", name);
            find(findings, "clusters", NOTE, todo, "%s %s", name,
                 runs ? "runs too" : "is left over and does not run");
        }
    }
    json_decref(clusters);
}

/* ---- the command ---- */

static bool has_problem(const json_t *findings)
{
    return jx_find(findings, "verdict", "problem") != NULL;
}

static void print_text(const json_t *findings)
{
    size_t i;
    json_t *f;
    jx_each(i, f, findings)
    {
        printf("%-8s %-13s %s\n", jx_str(f, "verdict", ""), jx_str(f, "name", ""),
               jx_str(f, "text", ""));
        if (jx_get(f, "todo") != NULL) {
            printf("%-22s do: %s\n", "", jx_str(f, "todo", ""));
        }
    }
    printf(has_problem(findings) ? "\nSomething is missing; see the lines that say problem.\n"
                                 : "\nAll that a lab needs is here.\n");
}

int cmd_doctor(int argc, char **argv)
{
    const char *output = NULL;
    const struct option_row rows[] = {CMD_ROW_OUTPUT(&output), {0}};
    const struct options o = {
        .usage = "podlab doctor [options]",
        .summary = "Looks whether this machine has what a learner needs, and says what to do.",
        .rows = rows};
    int n;
    bool bad;
    enum options_result parsed = options_parse(&o, argc, argv, NULL, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    bool json = cmd_wants_json(output, &bad);
    if (bad) {
        return 2;
    }
    json_auto_t *findings = json_array();
    look_at_docker(findings);
    look_at_kubectl(findings);
    look_at_mini_cluster(findings);
    look_at_room(findings);
    look_at_labs(findings);
    look_at_leftovers(findings);
    if (json) {
        cmd_print_json(findings);
    } else {
        print_text(findings);
    }
    return has_problem(findings) ? 1 : 0;
}
