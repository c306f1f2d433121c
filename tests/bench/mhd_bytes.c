/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick: libmicrohttpd serving the bytes of a file over TLS, from memory, and nothing else. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

static char *bytes;
static size_t length;

static char *slurp(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "re");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    long n = ftell(f);
    char *text = calloc(1, (size_t)n + 1);
    rewind(f);
    if (text == NULL || fread(text, 1, (size_t)n, f) != (size_t)n) {
        perror(path);
        exit(1);
    }
    fclose(f);
    *ret_n = (size_t)n;
    return text;
}

/* Called once with the headers, and again when the request is complete: an answer before that would
 * close the connection, and then it is TLS handshakes that are measured. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **state)
{
    static char seen;
    if (*state == NULL) {
        *state = &seen;
        return MHD_YES;
    }
    struct MHD_Response *r =
        MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(r, "Content-Type", "application/json");
    enum MHD_Result rc = MHD_queue_response(c, 200, r);
    MHD_destroy_response(r);
    return rc;
}

int main(int argc, char **argv)
{
    size_t n;
    if (argc != 5) {
        fprintf(stderr, "Usage: mhd_bytes FILE CERT KEY PORT\n");
        return 2;
    }
    bytes = slurp(argv[1], &length);
    char *cert = slurp(argv[2], &n);
    char *key = slurp(argv[3], &n);
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, (uint16_t)atoi(argv[4]), NULL,
        NULL, on_request, NULL, MHD_OPTION_HTTPS_MEM_CERT, cert, MHD_OPTION_HTTPS_MEM_KEY, key,
        MHD_OPTION_END);
    if (d == NULL) {
        fprintf(stderr, "mhd_bytes: port %s cannot be served\n", argv[4]);
        return 1;
    }
    sigset_t set;
    int signum;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigwait(&set, &signum);
    MHD_stop_daemon(d);
    free(bytes);
    free(cert);
    free(key);
    return 0;
}
