/* SPDX-License-Identifier: Apache-2.0 */
/* The child as the parent has it: the same binary again, two pipes and an empty environment. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/str.h"
#include "expr/expr_impl.h"

enum { MAX_LINE = 16 << 20 };

struct expr_process {
    uv_process_t proc;
    uv_pipe_t in, out;  /* its stdin and stdout */
    unsigned handles;   /* not yet closed */
    bool exited, ended; /* the process; its output */
    bool dead;          /* no callback any more */
    int signal;
    char buf[65536];
    struct str line;
    const struct expr_process_ops *ops;
    void *arg;
};

struct sending {
    uv_write_t req;
    char *text;
};

static void on_closed(uv_handle_t *h)
{
    struct expr_process *p = h->data;
    if (--p->handles == 0) {
        str_fini(&p->line);
        free(p);
    }
}

/* The memory goes when libuv is done with the handles. */
static void close_all(struct expr_process *p)
{
    p->dead = true;
    uv_close((uv_handle_t *)&p->proc, on_closed);
    uv_close((uv_handle_t *)&p->in, on_closed);
    uv_close((uv_handle_t *)&p->out, on_closed);
}

void expr_process_kill(struct expr_process *p)
{
    if (!p->exited) {
        (void)uv_process_kill(&p->proc, SIGKILL);
    }
}

void expr_process_free(struct expr_process *p)
{
    if (p == NULL) {
        return;
    }
    if (!p->exited) {
        pid_t pid = p->proc.pid;
        (void)kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    close_all(p);
}

/* Both ends are awaited: what it said before it died is read first. */
static void check_end(struct expr_process *p)
{
    if (!p->dead && p->exited && p->ended) {
        close_all(p);
        p->ops->on_exit(p->arg, p->signal);
    }
}

static void on_ended(uv_process_t *proc, int64_t status, int signal)
{
    struct expr_process *p = proc->data;
    p->exited = true;
    p->signal = signal;
    check_end(p);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct expr_process *p = h->data;
    *buf = uv_buf_init(p->buf, sizeof(p->buf));
}

static void take_lines(struct expr_process *p)
{
    for (char *end;
         !p->dead && p->line.len > 0 && (end = memchr(p->line.p, '\n', p->line.len)) != NULL;) {
        size_t n = (size_t)(end - p->line.p);
        cleanup_free char *line = xstrndup(p->line.p, n);
        str_drop_front(&p->line, n + 1);
        p->ops->on_line(p->arg, line, n);
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct expr_process *p = stream->data;
    if (p->dead) {
        return;
    }
    if (n > 0) {
        str_add_n(&p->line, buf->base, (size_t)n);
        if (p->line.len > MAX_LINE) {
            expr_process_kill(p);
        }
        take_lines(p);
    } else if (n < 0) {
        uv_read_stop(stream);
        p->ended = true;
        check_end(p);
    }
}

static void on_sent(uv_write_t *req, int status)
{
    struct sending *s = container_of(req, struct sending, req);
    free(s->text);
    free(s);
}

void expr_process_send(struct expr_process *p, struct str *line)
{
    struct sending *s = xnew(struct sending);
    str_add_c(line, '\n');
    uv_buf_t buf = uv_buf_init(NULL, (unsigned)line->len);
    s->text = str_take(line);
    buf.base = s->text;
    if (uv_write(&s->req, (uv_stream_t *)&p->in, &buf, 1, on_sent) != 0) {
        on_sent(&s->req, 0); /* it is dying; its end is reported */
    }
}

static int spawn(struct expr_process *p, uv_loop_t *uv)
{
    char name[] = "podlab", option[] = EXPR_CHILD_ARG;
    char *args[] = {name, option, NULL};
    char *env[] = {NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&p->in},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&p->out},
        {.flags = UV_IGNORE},
    };
    uv_process_options_t o = {
        .file = "/proc/self/exe",
        .args = args,
        .env = env,
        .flags = UV_PROCESS_DETACHED, /* Ctrl-C is meant for others */
        .stdio = stdio,
        .stdio_count = 3,
        .exit_cb = on_ended,
    };
    return uv_spawn(uv, &p->proc, &o);
}

struct expr_process *expr_process_new(struct loop *loop, const struct expr_process_ops *ops,
                                      void *arg, const char **ret_why)
{
    struct expr_process *p = xnew(struct expr_process);
    uv_loop_t *uv = loop_uv(loop);
    p->ops = ops;
    p->arg = arg;
    p->handles = 3;
    p->proc.data = p->in.data = p->out.data = p;
    uv_pipe_init(uv, &p->in, 0);
    uv_pipe_init(uv, &p->out, 0);
    int rc = spawn(p, uv);
    if (rc != 0) {
        *ret_why = uv_strerror(rc);
        close_all(p);
        return NULL;
    }
    uv_read_start((uv_stream_t *)&p->out, on_alloc, on_read);
    return p;
}
