/* SPDX-License-Identifier: Apache-2.0 */
/* Who has left HTTP, so that nobody is left over: neither when a caller goes before its protocol is
 * switched, nor when the server stops. */
#include "common/mem.h"
#include "http/http_impl.h"

void speaker_join(struct call *c, struct speaker *s, void (*free_fn)(struct speaker *s))
{
    struct http *h = c->http;
    s->call = c;
    s->free = free_fn;
    s->next = h->speakers;
    s->at = &h->speakers;
    if (s->next != NULL) {
        s->next->at = &s->next;
    }
    h->speakers = s;
    c->speaker = s;
}

void speaker_opened(struct speaker *s)
{
    if (s->call != NULL) {
        s->call->speaker = NULL;
        s->call = NULL;
    }
}

void speaker_leave(struct speaker *s)
{
    speaker_opened(s);
    *s->at = s->next;
    if (s->next != NULL) {
        s->next->at = s->at;
    }
}

void speaker_free_all(struct http *h)
{
    while (h->speakers != NULL) {
        h->speakers->free(h->speakers);
    }
}
