/* SPDX-License-Identifier: Apache-2.0 */
/* How the parts of the HTTP client hang together: http_client.c drives libcurl on the loop,
 * http_client_call.c is one request. */
#ifndef COMMON_HTTP_CLIENT_IMPL_H
#define COMMON_HTTP_CLIENT_IMPL_H

#include <curl/curl.h>

#include "common/http_client.h"
#include "common/loop.h"
#include "common/str.h"

struct http_client {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;
    struct http_call *calls;
    char *unix_path;
    char *bearer_header;
    int ca_fd, cert_fd, key_fd; /* PEM in memory files: this TLS flavour of libcurl wants paths */
    bool insecure;
    bool in_curl; /* libcurl forbids most of its functions in its callbacks: they are deferred */
    bool any_cancelled; /* in such a callback */
    bool dying;         /* freed in such a callback */
};

struct http_call {
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    char *method;
    char *url;
    char *body; /* of the request */
    struct str answer;
    size_t max_body;
    bool all_data;
    bool (*on_data)(void *arg, const char *bytes, size_t n);
    void (*on_header)(void *arg, const char *name, const char *value);
    void (*on_headers)(void *arg, int status, const char *content_type);
    void (*done)(void *arg, const struct http_response *res);
    void *arg;
    struct err err; /* ERR_NONE, or why we broke it off ourselves */
    char detail[CURL_ERROR_SIZE];
    CURLcode result;
    bool running; /* libcurl has it */
    bool headers_in;
    bool cancelled; /* in a callback: it ends soon, and nobody is told */
    bool in_done;
    bool paused; /* asked for */
    bool held;   /* libcurl was told */
    struct http_call *prev, *next;
};

/* ---- http_client.c ---- */

/* Brackets calls of libcurl that may call back. */
void http_client_enter(struct http_client *c);
void http_client_leave(struct http_client *c);

/* ---- http_client_call.c ---- */

/* libcurl is through with it; `done` comes next, deferred. */
void http_call_finished(struct http_call *call, CURLcode result);
void http_call_free(struct http_call *call);

#endif
