/* SPDX-License-Identifier: Apache-2.0 */
/* What a lab is; plain structs. */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum lab_check_kind {
    LAB_GET,
    LAB_LIST,
    LAB_HTTP,
    LAB_URL,
    LAB_HOST,
    LAB_SHELL,
    LAB_PROBE,
    LAB_ASK
};

/* One thing that must be so. All strings belong to the lab. */
struct lab_check {
    const char *id;   /* unique in its step */
    const char *name; /* "three replicas are ready": what the learner reads */
    enum lab_check_kind kind;
    bool keep; /* judged last, over the whole step: must never have been false */
    const char
        *resource;      /* LAB_GET: "deployments", LAB_LIST: "pods", LAB_HOST: "hosts.podlab.dev" */
    const char *object; /* LAB_GET: the name; LAB_HOST: the host's */
    const char *ns;     /* NULL: default */
    const char *container; /* LAB_HOST: one made by hand that must run; NULL */
    int port;              /* LAB_HOST: that it (or any) must publish; 0 */
    bool gone;             /* LAB_HOST: there must be no such container */
    const char *selector;  /* LAB_LIST: labels; NULL: all */
    const char *service;   /* LAB_HTTP: "web" or "web:80", through services/proxy */
    const char *url;    /* LAB_URL: "worker-1:8080", asked for as curl in the lab's shell would */
    const char *path;   /* LAB_HTTP: "/" */
    unsigned requests;  /* LAB_HTTP, LAB_URL: how many for one look (distinct pods); 1 */
    const char *expect; /* jq; NULL for LAB_SHELL and LAB_ASK. Input: the object ("null" when
                         * there is none), the list, the answer {status, body, pods, ...}, the
                         * probe's figures */
    const char *shell;  /* LAB_SHELL: run by bash in the learner's folder; status 0 is true */
    const char *probe;  /* LAB_PROBE: which of the lab's probes */
    bool eventually;    /* once true, it stays so */
    int64_t within_ms;  /* it must come true this soon after the step began; 0: whenever */
    struct lab_check
        *any; /* alternatives: one of them is enough; then the kind fields above are unused */
    size_t nany;
    int line; /* in lab.yaml, for messages */
};

struct lab_hint {
    const char *text; /* Markdown */
};

struct lab_ask {
    const char *id;
    const char *question;       /* Markdown; NULL: the text asks it */
    const char *const *choices; /* NULL-terminated */
    int answer;                 /* 1-based */
    const char *right, *wrong;  /* what is said to each, when it is taken up again; may be NULL */
    bool recall_after;          /* come back to it when the step's checks pass */
};

/* What the lab does to a host while the learner works. */
struct lab_fault {
    const char *check; /* it strikes when this check becomes true; NULL: when the step begins ... */
    int64_t after_ms;  /* ... and so long after that */
    const char *host;
    const char *field; /* "power" or "network" */
    const char *value; /* "Off", "Paused"; "Partitioned" */
    int64_t for_ms;    /* then it is undone; 0: when the step is left */
};

/* How soon a silent node is given up; NULL: as the preset has it. Durations as text: "20s". */
struct lab_clock {
    const char *preset; /* "lab", "kubernetes", "swarm", "mesos" */
    const char *heartbeat, *grace, *eviction;
};

struct lab_step {
    const char *id;
    const char *title;
    const char *text; /* Markdown without the hints */
    struct lab_hint *hints;
    size_t nhints;
    const char *setup;   /* shell; NULL */
    struct lab_ask *ask; /* NULL */
    struct lab_check *checks;
    size_t nchecks;
    struct lab_fault *faults;
    size_t nfaults;
    struct lab_clock *clock;             /* NULL: the lab's */
    bool map;                            /* the hosts are drawn above the text */
    const char *solution;                /* path of solution/NN.sh; NULL */
    const char *const *near_misses;      /* paths, NULL-terminated */
    const char *const *near_miss_causes; /* of each: "no-room"; NULL when the file names none */
    const char
        *from; /* replaying up to this step (its id) is enough to begin this one; NULL: all */
};

/* Traffic that runs while the learner works: what `probe` checks judge. One of `service`, `url` and
 * `addresses` says where to. */
struct lab_probe {
    const char *id;
    const char *service;   /* through services/proxy: "web" */
    const char *url;       /* "worker-1:8080" */
    const char *addresses; /* a file in the learner's folder: HOST:PORT lines, taken in turn, as a
                            * caller does who was given the list */
    const char *path;
    unsigned per_second; /* 10 */
    int64_t slow_ms;     /* slower answers are drawn as slow */
};

struct lab {
    const char *id;  /* "09-scaling-and-self-healing": the folder's name */
    const char *dir; /* absolute */
    const char *title, *summary, *level;
    int minutes;
    const char *const *requires; /* "docker", "hosts" ..., NULL-terminated */
    const char *const *images;
    const char *ns;  /* "default" */
    json_t *cluster; /* {workers, cpu, memory, clock ...}: what mini-cluster is started with; {} */
    struct lab_probe *probes;
    size_t nprobes;
    struct lab_step *steps;
    size_t nsteps;
    char sha[65]; /* of everything in the folder */
    void *arena;  /* owns every string above */
};

void lab_free(struct lab *lab); /* NULL is fine */
const struct lab_step *lab_find_step(const struct lab *lab, const char *id);
bool lab_requires(const struct lab *lab, const char *what);
size_t lab_step_index(const struct lab *lab, const struct lab_step *step);
/* Which steps' solutions make the beginning of step n, in order; ret has room for nsteps. */
size_t lab_path(const struct lab *lab, size_t n, size_t *ret);
const struct lab_probe *lab_find_probe(const struct lab *lab, const char *id);

#endif
