/* SPDX-License-Identifier: Apache-2.0 */
/* A request that becomes a raw connection, which libcurl cannot hand over cleanly: we write the
 * request, read a bounded status line and headers, and pass on the bytes. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/http_client.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "duplex.h"

#define MAX_HEAD ((size_t)16 << 10)
#define MAX_REFUSAL ((size_t)4 << 10)
#define CONNECT_RETRY_NS LOOP_MS(10) /* the peer's backlog is full */
#define OPEN_NS LOOP_S(30)           /* connecting and the peer's status line */

#define REFUSAL_NS LOOP_S(1) /* for the body of a refusal that does not say its length */

enum stage { CONNECTING, READING_HEAD, READING_REFUSAL, OPEN, ENDED };

struct http_upgrade {
    struct loop *loop;
    struct http_upgrade_opts opts; /* its strings and body are not kept */
    char *unix_path;
    char *what;         /* method and target, for messages */
    struct str request; /* until it is connected */
    struct str early;   /* written before it is open */
    int fd;
    struct duplex *duplex;
    struct loop_timer *timer; /* retries connect, then bounds the wait for the answer */
    uint64_t give_up_ns;
    struct str head; /* status line and headers, then the body of a refusal */
    size_t head_len;
    enum stage stage;
    bool end_wanted; /* asked for before it is open; so is: */
    bool paused;
    bool *freed; /* set by http_upgrade_free while a callback is under way */
    struct err err;
};

/* ---- the end ---- */

static void tell_end(void *arg)
{
    struct http_upgrade *u = arg;
    u->opts.on_close(u->opts.arg, &u->err);
}

/* The reason is in u->err; on_close comes deferred. */
static void end(struct http_upgrade *u)
{
    if (u->stage == ENDED) {
        return;
    }
    u->stage = ENDED;
    loop_timer_stop(u->timer);
    if (u->err.code != ERR_NONE) {
        err_wrap(&u->err, "%s", u->what);
    }
    if (u->duplex != NULL) {
        duplex_pause(u->duplex, true);
    }
    loop_defer(u->loop, tell_end, u);
}

/* ---- the peer's answer ---- */

/* The status of "HTTP/1.1 101 ..."; -1 when it is no status line. */
static int parse_status(const char *head)
{
    int64_t status;
    char digits[4];
    if ((!str_has_prefix(head, "HTTP/1.1 ") && !str_has_prefix(head, "HTTP/1.0 ")) ||
        strlen(head) < 12) {
        return -1;
    }
    memcpy(digits, head + 9, 3);
    digits[3] = '\0';
    return str_to_i64(digits, 100, 999, &status) ? (int)status : -1;
}

/* Content-Length of the head; -1 when there is none. */
static int64_t parse_length(const char *head)
{
    static const char name[] = "\r\nContent-Length:";
    const char *line = strcasestr(head, name);
    if (line == NULL) {
        return -1;
    }
    const char *value = line + strlen(name);
    value += strspn(value, " \t");
    cleanup_free char *digits = xstrndup(value, strcspn(value, " \t\r"));
    int64_t length;
    return str_to_i64(digits, 0, INT64_MAX, &length) ? length : -1;
}

static enum err_code code_of_status(int status)
{
    static const enum err_code codes[] = {
        ERR_BAD_REQUEST, ERR_UNAUTHORIZED, ERR_FORBIDDEN, ERR_NOT_FOUND,         ERR_CONFLICT,
        ERR_EXPIRED,     ERR_TOO_LARGE,    ERR_INVALID,   ERR_TOO_MANY_REQUESTS, ERR_UNAVAILABLE,
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (err_http(codes[i]) == status) {
            return codes[i];
        }
    }
    return status >= 500 ? ERR_INTERNAL : ERR_BAD_REQUEST;
}

/* The text of {"message":"..."}, which is how Docker and Kubernetes say why; other bodies as they
 * are. Only what every such message needs is unescaped. */
static void read_message(const char *body, struct str *ret)
{
    const char *p = strstr(body, "\"message\":");
    p = p != NULL ? strchr(p + strlen("\"message\":"), '"') : NULL;
    if (body[0] != '{' || p == NULL) {
        str_add_n(ret, body, strcspn(body, "\r\n"));
        return;
    }
    for (p++; *p != '\0' && *p != '"'; p++) {
        if (*p == '\\' && p[1] != '\0') {
            p++;
            str_add_c(ret, *p == 'n' || *p == 't' ? ' ' : *p);
        } else {
            str_add_c(ret, *p);
        }
    }
}

static void refuse(struct http_upgrade *u)
{
    cleanup_str struct str message = STR_INIT;
    int status = parse_status(u->head.p);
    read_message(u->head.p + u->head_len, &message);
    if (message.len > 0) {
        err_set(&u->err, code_of_status(status), "%s", message.p);
    } else {
        err_set(&u->err, code_of_status(status), "refused with status %d", status);
    }
    end(u);
}

static void read_refusal(struct http_upgrade *u)
{
    int64_t length = parse_length(u->head.p);
    size_t have = u->head.len - u->head_len;
    if (have >= MAX_REFUSAL || (length >= 0 && have >= (uint64_t)length)) {
        refuse(u);
    }
}

static void open_now(struct http_upgrade *u)
{
    cleanup_str struct str rest = STR_INIT; /* the first bytes may come with the headers */
    str_add_n(&rest, u->head.p + u->head_len, u->head.len - u->head_len);
    str_fini(&u->head);
    u->stage = OPEN;
    loop_timer_stop(u->timer);
    duplex_pause(u->duplex, u->paused);
    duplex_write(u->duplex, str_c(&u->early), u->early.len);
    str_fini(&u->early);
    if (u->end_wanted) {
        duplex_end(u->duplex);
    }
    bool freed = false;
    u->freed = &freed;
    u->opts.on_open(u->opts.arg);
    if (!freed && rest.len > 0) {
        u->opts.on_data(u->opts.arg, rest.p, rest.len);
    }
    if (!freed) {
        u->freed = NULL;
    }
}

static void read_head(struct http_upgrade *u)
{
    const char *blank = memmem(u->head.p, u->head.len, "\r\n\r\n", 4);
    if (blank == NULL) {
        if (u->head.len > MAX_HEAD) {
            err_set(&u->err, ERR_UNAVAILABLE, "the answer's headers are longer than %zu bytes",
                    MAX_HEAD);
            end(u);
        }
        return;
    }
    u->head_len = (size_t)(blank - u->head.p) + 4;
    int status = parse_status(u->head.p);
    if (status == 101 || status == 200) {
        open_now(u);
    } else if (status < 0 || memchr(u->head.p, '\0', u->head_len) != NULL) {
        err_set(&u->err, ERR_UNAVAILABLE, "the answer is not HTTP");
        end(u);
    } else {
        u->stage = READING_REFUSAL;
        loop_timer_start(u->timer, REFUSAL_NS);
        read_refusal(u);
    }
}

/* ---- the connection ---- */

static void peer_ended(struct http_upgrade *u)
{
    if (u->stage == READING_REFUSAL) {
        refuse(u);
    } else if (u->stage == READING_HEAD) {
        err_set(&u->err, ERR_UNAVAILABLE, "the peer closed the connection without an answer");
        end(u);
    } else if (u->stage == OPEN) {
        end(u); /* before the call, which may free u */
        u->opts.on_data(u->opts.arg, "", 0);
    }
}

static void on_duplex_data(void *arg, const char *bytes, size_t n)
{
    struct http_upgrade *u = arg;
    if (n == 0) {
        peer_ended(u);
    } else if (u->stage == OPEN) {
        u->opts.on_data(u->opts.arg, bytes, n);
    } else if (u->stage == READING_HEAD) {
        str_add_n(&u->head, bytes, n);
        read_head(u);
    } else if (u->stage == READING_REFUSAL) {
        str_add_n(&u->head, bytes, n);
        read_refusal(u);
    }
}

static void on_duplex_drain(void *arg)
{
    struct http_upgrade *u = arg;
    if (u->stage == OPEN && u->opts.on_drain != NULL) {
        u->opts.on_drain(u->opts.arg);
    }
}

static void on_duplex_close(void *arg, int errnum)
{
    struct http_upgrade *u = arg;
    if (errnum != 0 && u->stage != ENDED) {
        err_errno(&u->err, errnum, "the connection broke");
        u->err.code = ERR_UNAVAILABLE;
    }
    end(u);
}

static const struct duplex_ops upgrade_duplex = {
    .on_data = on_duplex_data,
    .on_drain = on_duplex_drain,
    .on_close = on_duplex_close,
};

static void connected(struct http_upgrade *u)
{
    u->stage = READING_HEAD;
    u->duplex = duplex_new(u->loop, u->fd, NULL, &upgrade_duplex, u);
    duplex_pause(u->duplex, false);
    duplex_write(u->duplex, u->request.p, u->request.len);
    str_fini(&u->request);
    loop_timer_start(u->timer, OPEN_NS);
}

static void connect_now(void *arg)
{
    struct http_upgrade *u = arg;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (str_copy(sa.sun_path, sizeof(sa.sun_path), u->unix_path) >= sizeof(sa.sun_path)) {
        err_set(&u->err, ERR_BAD_REQUEST, "the path %s is too long for a socket", u->unix_path);
        end(u);
        return;
    }
    if (u->fd < 0) {
        u->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (u->fd >= 0 && connect(u->fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0) {
        connected(u);
    } else if (errno == EAGAIN && loop_mono_ns(u->loop) < u->give_up_ns) {
        loop_timer_start(u->timer, CONNECT_RETRY_NS);
    } else {
        err_errno(&u->err, errno, "connect to %s", u->unix_path);
        u->err.code = ERR_UNAVAILABLE;
        end(u);
    }
}

static void on_timer(void *arg)
{
    struct http_upgrade *u = arg;
    if (u->stage == CONNECTING) {
        connect_now(u);
    } else if (u->stage == READING_REFUSAL) {
        refuse(u);
    } else {
        err_set(&u->err, ERR_TIMEOUT, "no answer within %d s", (int)(OPEN_NS / LOOP_S(1)));
        end(u);
    }
}

static void write_request(struct str *r, const struct http_upgrade_opts *opts)
{
    str_add_f(r, "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: podlab\r\n", opts->method,
              opts->target);
    str_add_f(r, "Connection: Upgrade\r\nUpgrade: %s\r\n", opts->protocol);
    if (opts->content_type != NULL) {
        str_add_f(r, "Content-Type: %s\r\n", opts->content_type);
    }
    if (opts->len > 0 || strcmp(opts->method, "GET") != 0) {
        str_add_f(r, "Content-Length: %zu\r\n", opts->len);
    }
    str_add(r, "\r\n");
    str_add_n(r, opts->body, opts->len);
}

struct http_upgrade *http_upgrade_new(struct loop *loop, const struct http_upgrade_opts *opts)
{
    struct http_upgrade *u = xnew(struct http_upgrade);
    u->loop = loop;
    u->opts = *opts;
    u->unix_path = xstrdup(opts->unix_path);
    u->what = xasprintf("%s %s", opts->method, opts->target);
    u->fd = -1;
    u->timer = loop_timer_new(loop, on_timer, u);
    u->give_up_ns = loop_mono_ns(loop) + LOOP_S(5);
    write_request(&u->request, opts);
    loop_defer(loop, connect_now, u);
    return u;
}

void http_upgrade_free(struct http_upgrade *u)
{
    if (u == NULL) {
        return;
    }
    if (u->freed != NULL) {
        *u->freed = true;
    }
    loop_undefer(u->loop, u);
    loop_timer_free(u->timer);
    duplex_free(u->duplex);
    if (u->fd >= 0) {
        close(u->fd);
    }
    str_fini(&u->request);
    str_fini(&u->early);
    str_fini(&u->head);
    free(u->unix_path);
    free(u->what);
    free(u);
}

bool http_upgrade_write(struct http_upgrade *u, const void *bytes, size_t n)
{
    if (u->stage == ENDED) {
        return true; /* on_close tells */
    }
    if (u->stage == OPEN) {
        return duplex_write(u->duplex, bytes, n);
    }
    if (n > DUPLEX_MAX_QUEUE || u->early.len > DUPLEX_MAX_QUEUE - n) {
        return false;
    }
    str_add_n(&u->early, bytes, n);
    return true;
}

void http_upgrade_end(struct http_upgrade *u)
{
    u->end_wanted = true;
    if (u->stage == OPEN) {
        duplex_end(u->duplex);
    }
}

void http_upgrade_pause(struct http_upgrade *u, bool paused)
{
    u->paused = paused;
    if (u->stage == OPEN) {
        duplex_pause(u->duplex, paused);
    }
}

size_t http_upgrade_queued(const struct http_upgrade *u)
{
    return u->early.len + (u->stage == OPEN ? duplex_queued(u->duplex) : 0);
}
