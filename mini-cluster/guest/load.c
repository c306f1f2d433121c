/* SPDX-License-Identifier: Apache-2.0 */
/* A load generator: so many requests a second, each on a connection of its own, and what became of
 * them. It does not wait for slow answers before it sends the next request. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/guest.h"
#include "guest/table.h"

enum {
    MAX_OPEN = 1000,
    SLOW_MS = 500,
    TIMEOUT_MS = 3000,
    TICK_MS = 10,
    MAX_PODS = 256,
    KEEP = 2048
};

struct request {
    struct ev ev; /* first */
    struct ev_timer timer;
    uint64_t began;
    bool sent;
    size_t len;
    char head[KEEP]; /* of the answer */
};

static struct {
    char host[256], path[512];
    unsigned port, rate;
    uint64_t seconds; /* 0: until stopped */
    struct table_target at;
    bool known; /* the name has an address */
} job;

static struct sums {
    unsigned long answered, slow, failed;
} second, total;
static struct {
    char name[128];
    unsigned long answers, in_second;
} pods[MAX_PODS];
static size_t npods;
static char last_error[128];
static unsigned open_requests;
static uint64_t owed; /* requests that should have been sent by now, in thousandths */
static uint64_t began_at, last_tick;
static struct ev_timer tick_timer, second_timer;

/* ---- what became of a request ---- */

static void count_pod(const char *pod)
{
    for (size_t i = 0; i < npods; i++) {
        if (strcmp(pods[i].name, pod) == 0) {
            pods[i].answers++;
            pods[i].in_second++;
            return;
        }
    }
    if (npods < MAX_PODS) {
        snprintf(pods[npods].name, sizeof(pods[0].name), "%s", pod);
        pods[npods].answers = pods[npods].in_second = 1;
        npods++;
    }
}

static void end(struct request *r)
{
    ev_close(&r->ev);
    ev_timer_stop(&r->timer);
    open_requests--;
    ev_free_later(r);
}

static void failed(struct request *r, const char *why)
{
    snprintf(last_error, sizeof(last_error), "%.127s", why);
    second.failed++;
    total.failed++;
    job.known = false; /* the name may lead elsewhere by now */
    if (r != NULL) {
        end(r);
    }
}

static bool find_pod(const char *head, char ret[128])
{
    static const char name[] = "\r\nX-Pod: ";
    const char *at = guest_find(head, strlen(head), name);
    if (at == NULL) {
        return false;
    }
    at += sizeof(name) - 1;
    snprintf(ret, 128, "%.*s", (int)strcspn(at, "\r\n"), at);
    return true;
}

static void answered(struct request *r)
{
    char pod[128];
    r->head[r->len] = '\0';
    if (strncmp(r->head, "HTTP/1.", 7) != 0 || r->len < 13) {
        failed(r, "the connection ended without an answer");
        return;
    }
    if (r->head[9] != '2' && r->head[9] != '3') {
        char why[32];
        snprintf(why, sizeof(why), "HTTP %.3s", r->head + 9);
        failed(r, why);
        return;
    }
    if (find_pod(r->head, pod)) {
        count_pod(pod);
    }
    bool slow = ev_now() - r->began >= SLOW_MS;
    second.answered++;
    second.slow += slow;
    total.answered++;
    total.slow += slow;
    end(r);
}

static void on_timeout(struct ev_timer *t)
{
    struct request *r = (struct request *)((char *)t - offsetof(struct request, timer));
    failed(r, r->sent ? "no answer within 3 s" : "no connection within 3 s");
}

/* ---- sending ---- */

static void send_request(struct request *r)
{
    char text[1024];
    int error = sock_error(r->ev.fd);
    int n = snprintf(text, sizeof(text),
                     "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: podlab-load\r\n"
                     "Accept: text/plain\r\nConnection: close\r\n\r\n",
                     job.path, job.host);
    if (error != 0 || send(r->ev.fd, text, (size_t)n, MSG_NOSIGNAL) != n) {
        failed(r, strerror(error != 0 ? error : errno));
        return;
    }
    r->sent = true;
    ev_change(&r->ev, EPOLLIN);
}

static void on_request(struct ev *ev, uint32_t events)
{
    struct request *r = (struct request *)ev;
    char rest[4096];
    if (!r->sent) {
        send_request(r);
        return;
    }
    bool full = r->len == KEEP - 1;
    ssize_t n = full ? recv(ev->fd, rest, sizeof(rest), 0)
                     : recv(ev->fd, r->head + r->len, KEEP - 1 - r->len, 0);
    if (n > 0) {
        r->len += full ? 0 : (size_t)n;
    } else if (n == 0) {
        answered(r);
    } else if (errno != EAGAIN) {
        failed(r, strerror(errno));
    }
}

static bool resolve(void)
{
    job.known = job.known || sock_resolve(job.host, &job.at.addr);
    if (!job.known) {
        char why[128];
        snprintf(why, sizeof(why), "no address for %.80s", job.host);
        failed(NULL, why);
    }
    return job.known;
}

static void begin_request(void)
{
    if (!resolve()) {
        return;
    }
    int fd = open_requests < MAX_OPEN ? sock_connect(SOCK_STREAM, &job.at) : -1;
    if (fd < 0) {
        failed(NULL, open_requests < MAX_OPEN ? strerror(errno) : "1000 requests wait already");
        return;
    }
    struct request *r = guest_alloc(sizeof(*r));
    r->began = ev_now();
    r->timer.fn = on_timeout;
    open_requests++;
    if (ev_add(&r->ev, fd, EPOLLOUT, on_request) < 0) {
        close(fd);
        failed(r, strerror(errno));
        return;
    }
    ev_timer_start(&r->timer, TIMEOUT_MS);
}

/* After a stall the backlog of at most a second is caught up. */
static void on_tick(struct ev_timer *t)
{
    owed += job.rate * (ev_now() - last_tick);
    last_tick = ev_now();
    if (owed > job.rate * 1000) {
        owed = job.rate * 1000;
    }
    for (; owed >= 1000; owed -= 1000) {
        begin_request();
    }
    ev_timer_start(t, TICK_MS);
}

/* ---- telling ---- */

static unsigned pods_in_second(void)
{
    unsigned n = 0;
    for (size_t i = 0; i < npods; i++) {
        n += pods[i].in_second > 0;
        pods[i].in_second = 0;
    }
    return n;
}

static void on_second(struct ev_timer *t)
{
    uint64_t at = (ev_now() - began_at + 500) / 1000;
    printf("%4u s  answered %lu  slow %lu  failed %lu  pods %u", (unsigned)at, second.answered,
           second.slow, second.failed, pods_in_second());
    printf(second.failed > 0 ? "  (%s)\n" : "\n", last_error);
    fflush(stdout);
    second = (struct sums){0};
    if (job.seconds > 0 && at >= job.seconds) {
        ev_stop();
    }
    ev_timer_start(t, began_at + (at + 1) * 1000 - ev_now());
}

static void print_total(void)
{
    printf("total: %lu answered, %lu slow, %lu failed in %u s; %zu pods", total.answered,
           total.slow, total.failed, (unsigned)((ev_now() - began_at + 500) / 1000), npods);
    for (size_t i = 0; i < npods; i++) {
        printf("%s %s %lu", i == 0 ? ":" : ",", pods[i].name, pods[i].answers);
    }
    printf("\n");
    fflush(stdout);
}

/* ---- what to do ---- */

static bool parse_url(const char *url)
{
    const char *at = strncmp(url, "http://", 7) == 0 ? url + 7 : url;
    size_t n = strcspn(at, ":/");
    size_t digits;
    if (n == 0 || n >= sizeof(job.host)) {
        return false;
    }
    memcpy(job.host, at, n);
    at += n;
    job.port = 80;
    if (*at == ':') {
        digits = strspn(at + 1, "0123456789");
        job.port = (unsigned)atoi(at + 1);
        at += 1 + digits;
    }
    snprintf(job.path, sizeof(job.path), "%s", *at == '/' ? at : "/");
    job.at.port = (uint16_t)job.port;
    return job.port > 0 && job.port < 65536 && (*at == '/' || *at == '\0');
}

static int usage(void)
{
    fprintf(stderr,
            "usage: load URL [REQUESTS-PER-SECOND [SECONDS]]\n"
            "or URL, RATE and DURATION in the environment; without SECONDS it never ends\n");
    return 2;
}

int load_main(int argc, char **argv)
{
    const char *url = argc > 0 ? argv[0] : guest_env("URL", NULL);
    job.rate = (unsigned)atoi(argc > 1 ? argv[1] : guest_env("RATE", "10"));
    job.seconds = (uint64_t)atoi(argc > 2 ? argv[2] : guest_env("DURATION", "0"));
    if (url == NULL || !parse_url(url) || job.rate == 0 || job.rate > 10000) {
        return usage();
    }
    ev_init();
    ev_raise_files();
    printf("%u requests a second to http://%s:%u%s\n", job.rate, job.host, job.port, job.path);
    fflush(stdout);
    began_at = last_tick = ev_now();
    owed = 1000;
    tick_timer.fn = on_tick;
    second_timer.fn = on_second;
    ev_timer_start(&second_timer, 1000);
    ev_timer_start(&tick_timer, 0);
    ev_run(NULL);
    print_total();
    return total.answered > 0 ? 0 : 1;
}
