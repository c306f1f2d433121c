/* SPDX-License-Identifier: Apache-2.0 */
/* Begins when the terminal's size is known, ends with a Status. */
#include "http/session.h"

#include <string.h>

#include "api/api.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"

#define SIZE_NS LOOP_MS(200) /* a caller with a terminal says its size at once */

enum { MAX_SIZE_TEXT = 1024, EARLY = 64 * 1024, MAX_SIDE = 65535 };

struct session {
    struct loop *loop;
    struct api_connect *connect;
    const struct session_ops *ops;
    void *speaker;
    struct api_pipe *pipe; /* NULL: not begun, or over */
    struct loop_timer *patience;
    struct str early; /* input before it was begun */
    struct str size;  /* the beginning of what says a size */
    bool begun, end_wanted, over;
};

/* ---- the Status at the end ---- */

void session_failure(const struct err *err, const char *message, struct str *out)
{
    json_auto_t *text = json_string(message);
    json_auto_t *cause = json_string(err->msg);
    json_auto_t *status = json_pack(
        "{s:{}, s:s, s:O, s:s, s:{s:[{s:O}]}, s:i}", "metadata", "status", "Failure", "message",
        text != NULL ? text : json_null(), "reason", err_reason(err->code), "details", "causes",
        "message", cause != NULL ? cause : json_null(), "code", err_http(err->code));
    jx_dump(out, status);
}

static void exit_status(int exit_code, struct str *out)
{
    char code[16], message[80];
    snprintf(code, sizeof(code), "%d", exit_code);
    snprintf(message, sizeof(message), "command terminated with non-zero exit code: exit status %d",
             exit_code);
    json_auto_t *status =
        json_pack("{s:{}, s:s, s:s, s:s, s:{s:[{s:s, s:s}]}}", "metadata", "status", "Failure",
                  "message", message, "reason", "NonZeroExitCode", "details", "causes", "reason",
                  "ExitCode", "message", code);
    jx_dump(out, status);
}

static void runtime_failure(const struct session *s, const struct err *err, struct str *out)
{
    bool exec = s->connect->type == API_CONNECT_EXEC;
    struct err why;
    err_set(&why, ERR_INTERNAL, "error %s container: %s",
            exec ? "executing command in" : "attaching to", err->msg);
    cleanup_free char *message = xasprintf("Internal error occurred: %s", why.msg);
    session_failure(&why, message, out);
}

static void finish(struct session *s, const struct str *status)
{
    s->over = true;
    loop_timer_stop(s->patience);
    s->ops->over(s->speaker, str_c(status), status->len);
}

static void on_end(void *arg, int exit_code, const struct err *err)
{
    struct session *s = arg;
    cleanup_str struct str status = STR_INIT;
    if (err->code != ERR_NONE) {
        runtime_failure(s, err, &status);
    } else if (exit_code != 0) {
        exit_status(exit_code, &status);
    } else {
        str_add(&status, "{\"metadata\":{},\"status\":\"Success\"}");
    }
    struct api_pipe *pipe = steal(s->pipe);
    pipe->free(pipe);
    finish(s, &status);
}

/* ---- the process ---- */

static bool on_output(void *arg, int fd, const char *bytes, size_t n)
{
    struct session *s = arg;
    bool wanted = fd == 1 ? s->connect->stdout_open : s->connect->stderr_open;
    return !wanted || s->ops->output(s->speaker, fd, bytes, n);
}

static void on_drain(void *arg)
{
    struct session *s = arg;
    s->ops->drained(s->speaker);
}

static const struct api_pipe_events events = {
    .on_output = on_output, .on_drain = on_drain, .on_end = on_end};

/* What came before. */
static void catch_up(struct session *s)
{
    bool more = s->early.len == 0 || s->pipe->write(s->pipe, s->early.p, s->early.len);
    bool held_back = s->early.len >= EARLY;
    str_fini(&s->early);
    if (s->end_wanted) {
        s->pipe->end(s->pipe);
    }
    if (more && held_back) {
        s->ops->drained(s->speaker);
    }
}

static void open_now(void *arg)
{
    struct session *s = arg;
    struct err err;
    if (s->pipe != NULL || s->over) {
        return;
    }
    loop_timer_stop(s->patience);
    if (api_connect_open(s->connect, &events, s, &s->pipe, &err) < 0) {
        cleanup_str struct str status = STR_INIT;
        session_failure(&err, err.msg, &status);
        finish(s, &status);
        return;
    }
    catch_up(s);
}

/* ---- the caller ---- */

struct session *session_new(struct loop *loop, struct api_connect *c, const struct session_ops *ops,
                            void *speaker)
{
    struct session *s = xnew(struct session);
    s->loop = loop;
    s->connect = c;
    s->ops = ops;
    s->speaker = speaker;
    s->patience = loop_timer_new(loop, open_now, s);
    return s;
}

void session_free(struct session *s)
{
    if (s == NULL) {
        return;
    }
    if (s->pipe != NULL) {
        s->pipe->free(s->pipe);
    }
    loop_timer_free(s->patience);
    api_connect_free(s->connect);
    str_fini(&s->early);
    str_fini(&s->size);
    free(s);
}

const struct api_connect *session_connect(const struct session *s)
{
    return s->connect;
}

void session_begin(struct session *s)
{
    s->begun = true;
    loop_timer_start(s->patience, s->connect->tty && s->connect->width == 0 ? SIZE_NS : 0);
}

bool session_input(struct session *s, const char *bytes, size_t n)
{
    if (!s->connect->stdin_open || s->end_wanted || s->over) {
        return true;
    }
    if (s->pipe != NULL) {
        return s->pipe->write(s->pipe, bytes, n);
    }
    str_add_n(&s->early, bytes, n);
    if (s->early.len >= EARLY && s->begun) {
        loop_timer_start(s->patience, 0); /* it has waited long enough for a size */
    }
    return s->early.len < EARLY;
}

void session_end_input(struct session *s)
{
    s->end_wanted = true;
    if (s->pipe != NULL) {
        s->pipe->end(s->pipe);
    }
}

static void set_size(struct session *s, const json_t *size)
{
    int64_t width = jx_int(size, "Width", 0), height = jx_int(size, "Height", 0);
    if (!s->connect->tty || width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE) {
        return;
    }
    s->connect->width = (unsigned)width;
    s->connect->height = (unsigned)height;
    if (s->pipe != NULL) {
        s->pipe->resize(s->pipe, s->connect->width, s->connect->height);
    } else if (s->begun) {
        loop_timer_start(s->patience, 0);
    }
}

void session_resize(struct session *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n && !s->over; i++) {
        if (bytes[i] == '{' || s->size.len >= MAX_SIZE_TEXT) {
            str_clear(&s->size);
        }
        str_add_c(&s->size, bytes[i]);
        if (bytes[i] == '}') {
            json_t *size = NULL;
            struct err err;
            if (jx_parse(s->size.p, s->size.len, false, &size, &err) == 0) {
                set_size(s, size);
            }
            json_decref(size);
            str_clear(&s->size);
        }
    }
}

void session_go_on(struct session *s)
{
    if (s->pipe != NULL) {
        s->pipe->resume(s->pipe);
    }
}
