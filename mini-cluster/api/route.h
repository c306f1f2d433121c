/* SPDX-License-Identifier: Apache-2.0 */
/* From method and path to what is wanted of which object. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include <stdbool.h>

#include "common/err.h"

struct kind;

enum { API_ROUTE_SEGMENTS = 12 };

enum api_route_type {
    API_ROUTE_OBJECT, /* a kind: see `kind` */
    API_ROUTE_REVIEW, /* a question that is posted and answered, never stored: see `kind` */
    API_ROUTE_OTHER,  /* discovery, health, version: see `segments` */
};

struct api_route {
    enum api_route_type type;
    const struct kind *kind;
    const char *group, *version;
    const char *ns;          /* "" : none, or all */
    const char *name;        /* "" : the collection */
    const char *subresource; /* "" : none */
    const char *rest;        /* what follows /proxy, as it was sent; "" or begins with '/' */
    const char *verb;        /* "get", "list", "watch", "create", ... ; NULL: not allowed here */
    const char *segments[API_ROUTE_SEGMENTS]; /* decoded */
    unsigned nsegments;
    char *text; /* what the others point into */
};

/* ERR_BAD_REQUEST for encodings that mean nothing or too much, ERR_NOT_FOUND for a path under /api
 * or /apis that leads nowhere. */
int api_route_parse(const char *method, const char *path, struct api_route *ret,
                    struct err *err) WARN_UNUSED;
/* The query asks to watch: a list becomes a watch. */
void api_route_watch(struct api_route *r);
void api_route_fini(struct api_route *r);
#define cleanup_route __attribute__((cleanup(api_route_fini)))

#endif
