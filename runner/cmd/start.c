/* SPDX-License-Identifier: Apache-2.0 */
/* podlab start: from a word to a lab that is open in the terminal. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cluster.h"
#include "cmd/cmd.h"
#include "cmd/home.h"
#include "cmd/place.h"
#include "cmd/reach.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/str.h"
#include "journal/journal.h"
#include "kube/kube.h"
#include "lab/lab.h"
#include "loader/loader.h"
#include "repl/repl.h"
#include "session/session.h"

struct flags {
    const char *lab, *kubeconfig, *name, *runtime;
    bool plain, yes;
};

/* Everything of one sitting. */
struct start {
    const struct flags *f;
    struct loop *loop;
    struct lab *lab;
    struct journal *journal;
    struct kube *kube;
    struct session *session;
    struct home home;
    char *kubeconfig, *workdir;
    char *uid; /* of the cluster */
    struct journal_session
        earlier;       /* an unfinished one to go on with; uuid "" when there is none */
    bool made_before;  /* the cluster was there before this start */
    uint64_t stage_ns; /* when the present stage began */
};

/* ---- stages, one line each ---- */

static void stage(struct start *s, const char *what)
{
    s->stage_ns = loop_mono_ns(s->loop);
    printf("%-60s", what);
    fflush(stdout);
}

static void stage_over(const struct start *s, bool ok)
{
    double took = (double)(loop_mono_ns(s->loop) - s->stage_ns) / 1e9;
    if (ok) {
        printf(" %5.1f s\n", took);
    } else {
        printf(" failed\n");
    }
    fflush(stdout);
}

/* ---- which lab ---- */

/* Whether the lab may be begun here: some are about Docker itself. */
static bool is_possible(const struct start *s, const char *root, const char *name)
{
    cleanup_free char *dir = xasprintf("%s/%s", root, name);
    struct lab *lab = NULL;
    struct err err;
    bool wished = s->f->runtime != NULL && strcmp(s->f->runtime, "process") == 0;
    if ((!wished && cluster_docker_connects()) || loader_load(dir, &lab, &err) < 0) {
        return true; /* what is wrong with it is said when it is opened */
    }
    bool possible = true;
    for (size_t i = 0; lab->requires != NULL && lab->requires[i] != NULL; i++) {
        possible = possible && strcmp(lab->requires[i], "docker") != 0;
    }
    lab_free(lab);
    return possible;
}

/* The one the learner is in, else the first that is not done, else the first. */
static int choose_lab(struct start *s, struct err *err)
{
    cleanup_free char *root = loader_root();
    cleanup_free char *pick = NULL;
    struct journal_session earlier;
    char **names = root != NULL ? loader_list(root) : NULL;
    bool begun = false;
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        bool unfinished = journal_unfinished(s->journal, names[i], &earlier);
        bool fresh = pick == NULL && !journal_lab_done(s->journal, names[i]) &&
                     is_possible(s, root, names[i]);
        if (!begun && (unfinished || fresh)) {
            free(pick);
            pick = xstrdup(names[i]);
            begun = unfinished;
        }
    }
    if (pick == NULL && names != NULL) {
        pick = xstrdup(names[0]);
    }
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        free(names[i]);
    }
    free(names);
    if (pick == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "there are no labs; PODLAB_LABS may name the folder that holds them");
    }
    cleanup_free char *dir = xasprintf("%s/%s", root, pick);
    return loader_load(dir, &s->lab, err);
}

static int find_lab(struct start *s, struct err *err)
{
    cleanup_free char *dir = NULL;
    if (s->f->lab == NULL) {
        return choose_lab(s, err);
    }
    return loader_find(s->f->lab, &dir, err) < 0 ? -1 : loader_load(dir, &s->lab, err);
}

/* ---- going on with an earlier session ---- */

static void abandon(struct start *s)
{
    struct err err;
    if (journal_append(s->journal, s->earlier.uuid, loop_mono_ns(s->loop), loop_wall_us(s->loop),
                       "abandoned", "", NULL, NULL, &err) < 0) {
        log_warn("start", "%s", err.msg);
    }
    s->earlier.uuid[0] = '\0';
}

static void ask_to_go_on(struct start *s)
{
    struct journal_progress p;
    if (!journal_unfinished(s->journal, s->lab->id, &s->earlier)) {
        return;
    }
    journal_progress(s->journal, s->earlier.uuid, &p);
    const struct lab_step *step = lab_find_step(s->lab, p.step);
    if (strcmp(s->earlier.lab_sha, s->lab->sha) != 0) {
        printf("This lab has changed since you began it; it begins anew.\n");
        abandon(s);
        return;
    }
    if (step == NULL || lab_step_index(s->lab, step) == 0) {
        return; /* the beginning is the beginning */
    }
    cleanup_free char *question =
        xasprintf("Continue at step %zu of %zu, \"%s\"?", lab_step_index(s->lab, step) + 1,
                  s->lab->nsteps, step->title);
    if (!cmd_ask(question, true, s->f->yes)) {
        abandon(s);
    }
}

static int take_lock(const char *name, const char *what, struct err *err)
{
    if (place_lock(name, err) == 0) {
        return 0;
    }
    if (err->code != ERR_CONFLICT) {
        return -1;
    }
    cleanup_free char *who = xstrdup(err->msg);
    return err_set(err, ERR_CONFLICT, "%s is open in another terminal (%s); quit leaves it there",
                   what, who);
}

/* One terminal to a lab, and one lab to a cluster: two would undo each other's work. */
static int take_locks(const struct start *s, struct err *err)
{
    char cluster[32];
    cleanup_free char *lab = xasprintf("lab-%s", s->lab->id);
    if (take_lock(lab, "this lab", err) < 0) {
        return -1;
    }
    if (s->f->kubeconfig != NULL) {
        snprintf(cluster, sizeof(cluster), "kubeconfig-%08x",
                 str_hash32(s->f->kubeconfig, strlen(s->f->kubeconfig)));
    } else {
        snprintf(cluster, sizeof(cluster), "cluster-%.20s", s->f->name);
    }
    return take_lock(cluster, "another lab of this cluster", err);
}

/* ---- the cluster ---- */

static int bring_up(struct start *s, struct err *err)
{
    const char *name = s->f->name;
    if (s->f->kubeconfig != NULL) {
        s->kubeconfig = realpath(s->f->kubeconfig, NULL);
        return s->kubeconfig != NULL
                   ? 0
                   : err_set(err, ERR_NOT_FOUND, "--kubeconfig: there is no file %s",
                             s->f->kubeconfig);
    }
    s->made_before = cluster_exists(name);
    s->kubeconfig = cluster_kubeconfig(name);
    int rc = cluster_up(name, s->lab->cluster, s->f->runtime, err);
    if (rc == 0 || err->code != ERR_CONFLICT) {
        return rc;
    }
    stage_over(s, false);
    printf("The cluster %s was made for another lab: %s\n", name, err->msg);
    if (!cmd_ask("Remove it and make a new one? Your progress is kept.", true, s->f->yes)) {
        return -1;
    }
    stage(s, "Making a new cluster");
    s->made_before = false;
    return cluster_down(name, err) < 0 ? -1 : cluster_up(name, s->lab->cluster, s->f->runtime, err);
}

/* Somebody who expects containers must know that there are none. */
static void say_what_it_is(const struct start *s)
{
    cleanup_free char *why = NULL;
    if (s->f->kubeconfig != NULL || !cluster_is_without_docker(s->f->name, &why)) {
        return;
    }
    if (why[0] != '\0') {
        printf("Without Docker: %s.\n", why);
    }
    printf(
        "Containers are processes of your own here: nothing is isolated, and only podlab's images "
        "run.\n");
}

/* What goes wrong on the way is kept, and not thrown between the learner's lines. */
static void open_log(const struct start *s)
{
    cleanup_free char *path = xasprintf("%s/log", s->home.dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        log_to_fd(fd);
    }
}

static int prepare_home(struct start *s, struct err *err)
{
    cleanup_free char *dir = place_state("home");
    cleanup_free char *work = xasprintf("work/%s", s->lab->id);
    s->workdir = place_state(work);
    if (place_make(dir, err) < 0 || place_make(s->workdir, err) < 0) {
        return -1;
    }
    if (home_init(&s->home, dir, s->kubeconfig, s->lab->id, err) < 0) {
        return -1;
    }
    open_log(s);
    return 0;
}

static int connect_hosts(struct start *s, struct err *err)
{
    json_t *hosts = NULL;
    if (reach_hosts(s->kube, &hosts, err) < 0) {
        return -1;
    }
    int rc = home_set_hosts(&s->home, hosts, s->f->kubeconfig == NULL ? s->f->name : NULL, err);
    json_decref(hosts);
    return rc < 0 ? -1 : reach_requires(s->kube, s->lab, s->home.docker, err);
}

static int prepare_cluster(struct start *s, struct err *err)
{
    stage(s, s->f->kubeconfig != NULL ? "Reading the kubeconfig" : "Starting the cluster");
    if (bring_up(s, err) < 0) {
        stage_over(s, false);
        return -1;
    }
    stage_over(s, true);
    say_what_it_is(s);
    stage(s, "Waiting for its API and its hosts");
    if (prepare_home(s, err) < 0 ||
        reach_cluster(s->loop, s->kubeconfig, &s->kube, &s->uid, err) < 0 ||
        connect_hosts(s, err) < 0) {
        stage_over(s, false);
        return -1;
    }
    stage_over(s, true);
    return 0;
}

/* ---- the session ---- */

static int open_session(struct start *s, struct err *err)
{
    struct journal_session latest;
    bool resume = s->earlier.uuid[0] != '\0';
    bool foreign = s->f->kubeconfig != NULL;
    /* As the learner left it: nobody has done another lab there since. */
    bool untouched = resume && strcmp(s->earlier.cluster, s->uid) == 0 &&
                     journal_latest(s->journal, s->uid, &latest) &&
                     strcmp(latest.uuid, s->earlier.uuid) == 0;
    if (resume && strcmp(s->earlier.cluster, s->uid) != 0 &&
        journal_move(s->journal, s->earlier.uuid, s->uid, err) < 0) {
        return -1;
    }
    struct session_opts opts = {
        .loop = s->loop,
        .lab = s->lab,
        .kube = s->kube,
        .journal = s->journal,
        .uuid = resume ? s->earlier.uuid : NULL,
        .replay = resume && !untouched,
        .clear = !foreign && s->made_before && !untouched,
        .foreign = foreign,
        .workdir = s->workdir,
        .env = (const char *const *)s->home.env,
        .runtime = foreign ? "kubernetes" : "mini-cluster",
        .clock = jx_str(s->lab->cluster, "clock", "lab"),
        .cluster = s->uid,
        .shell = "bash",
    };
    return session_new(&opts, &s->session, err);
}

static int run_lab(struct start *s, struct err *err)
{
    cleanup_free char *stop = strcmp(s->f->name, "lab") == 0
                                  ? xstrdup("podlab stop")
                                  : xasprintf("podlab stop --name %s", s->f->name);
    struct repl_opts opts = {
        .loop = s->loop,
        .session = s->session,
        .kube = s->kube,
        .home = s->home.dir,
        .workdir = s->workdir,
        .env = (const char *const *)s->home.env,
        .plain = s->f->plain,
        .newcomer = s->earlier.uuid[0] == '\0',
        .stop_words = s->f->kubeconfig == NULL ? stop : NULL,
    };
    int rc = repl_run(&opts, err);
    session_put_back(s->session);
    return rc;
}

static int run(struct start *s, struct err *err)
{
    if (place_journal(&s->journal, err) < 0 || find_lab(s, err) < 0) {
        return -1;
    }
    if (take_locks(s, err) < 0) {
        return -1;
    }
    printf("%s: %s (%d min)\n", s->lab->id, s->lab->title, s->lab->minutes);
    ask_to_go_on(s);
    if (prepare_cluster(s, err) < 0 || open_session(s, err) < 0) {
        return -1;
    }
    return run_lab(s, err);
}

static void finish(struct start *s)
{
    session_free(s->session);
    kube_free(s->kube);
    journal_close(s->journal);
    lab_free(s->lab);
    home_fini(&s->home);
    loop_free(s->loop);
    free(s->kubeconfig);
    free(s->workdir);
    free(s->uid);
}

static enum options_result parse(int argc, char **argv, struct flags *f)
{
    const struct option_row rows[] = {
        {"--kubeconfig", OPTION_TEXT, &f->kubeconfig, "FILE",
         "do the lab on this cluster instead of making one", 0, 0},
        {"--name", OPTION_TEXT, &f->name, "NAME", "which cluster (default lab)", 0, 0},
        {"--plain", OPTION_FLAG, &f->plain, NULL,
         "for screen readers and scripts: nothing drawn, no colours, lines in and lines out", 0, 0},
        {"--runtime", OPTION_TEXT, &f->runtime, "NAME",
         "what runs containers: auto, docker, process (default auto: Docker where it is)", 0, 0},
        {"--yes", OPTION_FLAG, &f->yes, NULL, "do not ask before it begins", 0, 0},
        {0},
    };
    const struct options o = {
        .usage = "podlab start [LAB] [options]",
        .summary = "Begins a lab, or goes on with it. LAB is a name from `podlab list`, its "
                   "beginning,\nor a folder; without one, the lab that you are in, or the next.",
        .rows = rows,
        .max_words = 1,
    };
    int n;
    return options_parse(&o, argc, argv, &f->lab, &n);
}

/* Why this is no place to start a lab; NULL when it is. */
static const char *refusal(const struct flags *f)
{
    if (getenv("PODLAB_LAB") != NULL) {
        return "you are in a lab already; quit leaves it";
    }
    if (!f->plain && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
        return "a lab needs a terminal; --plain reads commands line by line";
    }
    return NULL;
}

int cmd_start(int argc, char **argv)
{
    struct flags f = {.name = "lab"};
    enum options_result parsed = parse(argc, argv, &f);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    const char *why_not = refusal(&f);
    if (why_not != NULL) {
        fprintf(stderr, "podlab start: %s\n", why_not);
        return 2;
    }
    struct err err = {0};
    struct start s = {.f = &f, .loop = loop_new()};
    int rc = run(&s, &err);
    if (rc < 0) {
        fprintf(stderr, "podlab start: %s\n", err.msg);
    }
    finish(&s);
    return rc < 0 ? 1 : 0;
}
