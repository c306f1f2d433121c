/* SPDX-License-Identifier: Apache-2.0 */
/* Scans a stream that may be cut anywhere. */
#include "term/marks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

static const char intro[] = "\033]133;";
enum { INTRO = sizeof(intro) - 1 };

void marks_init(struct marks *m, const char *nonce)
{
    *m = (struct marks){0};
    str_copy(m->nonce, sizeof(m->nonce), nonce);
}

/* held is "ESC]133;KIND[;STATUS];NONCE", without the BEL. */
static bool is_ours(const struct marks *m, enum marks_kind *ret_kind, int *ret_status)
{
    const char *kind = m->held + INTRO;
    const char *last = memrchr(m->held, ';', m->nheld);
    size_t nonce = strlen(m->nonce);
    if (m->nheld < INTRO + 2 + nonce || kind[1] != ';' || strchr("ACDPT", kind[0]) == NULL) {
        return false;
    }
    last++;
    if ((size_t)(m->held + m->nheld - last) != nonce || memcmp(last, m->nonce, nonce) != 0) {
        return false;
    }
    *ret_kind = (enum marks_kind)kind[0];
    *ret_status = kind + 2 < last ? atoi(kind + 2) : 0;
    return true;
}

/* What is held is text after all. */
static void release(struct marks *m, const struct marks_ops *ops, void *arg)
{
    if (m->nheld > 0) {
        size_t n = m->nheld;
        m->nheld = 0;
        ops->text(arg, m->held, n);
    }
}

/* One byte more of what may be a mark. True: it was taken. */
static bool hold(struct marks *m, char c, const struct marks_ops *ops, void *arg)
{
    enum marks_kind kind;
    int status;
    if (m->nheld < INTRO) {
        if (c != intro[m->nheld]) {
            return false;
        }
    } else if (c == '\a') {
        if (!is_ours(m, &kind, &status)) {
            return false;
        }
        m->nheld = 0;
        ops->mark(arg, kind, status);
        return true;
    } else if ((unsigned char)c < ' ' || m->nheld == MARKS_MAX - 1) {
        return false;
    }
    m->held[m->nheld++] = c;
    m->held[m->nheld] = '\0';
    return true;
}

void marks_feed(struct marks *m, const char *bytes, size_t n, const struct marks_ops *ops,
                void *arg)
{
    size_t from = 0; /* text that was not given away yet begins here */
    for (size_t i = 0; i < n; i++) {
        if (m->nheld == 0) {
            const char *esc = memchr(bytes + i, intro[0], n - i);
            if (esc == NULL) {
                break;
            }
            i = (size_t)(esc - bytes);
            if (i > from) {
                ops->text(arg, bytes + from, i - from);
            }
            from = i;
        }
        if (hold(m, bytes[i], ops, arg)) {
            from = i + 1;
            continue;
        }
        release(m, ops, arg);
        from = i;
        if (bytes[i] == intro[0]) { /* what broke off one may begin the next */
            i--;
        }
    }
    if (n > from) {
        ops->text(arg, bytes + from, n - from);
    }
}
