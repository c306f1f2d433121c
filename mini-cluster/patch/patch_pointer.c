/* SPDX-License-Identifier: Apache-2.0 */
/* JSON pointers: split, unescaped and followed. */
#include "patch_pointer.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* Cuts one token out of p, which is rewritten in place: ~1 is a slash, ~0 a tilde. Any other tilde
 * stands for itself, as in Kubernetes. Returns what follows the token, NULL at the end. */
static char *cut_token(char *p)
{
    char *to = p;
    while (*p != '\0' && *p != '/') {
        if (*p == '~' && (p[1] == '0' || p[1] == '1')) {
            *to++ = p[1] == '1' ? '/' : '~';
            p += 2;
        } else {
            *to++ = *p++;
        }
    }
    char *next = *p == '/' ? p + 1 : NULL;
    *to = '\0';
    return next;
}

const char *patch_pointer_parse(const char *text, struct pointer *ret)
{
    ret->text = NULL;
    ret->n = 0;
    if (*text == '\0') {
        return NULL;
    }
    if (*text != '/') {
        return "a path must begin with '/'";
    }
    ret->text = xstrdup(text);
    for (char *p = ret->text + 1; p != NULL;) {
        if (ret->n == JX_MAX_DEPTH) {
            return "the path is too deep";
        }
        char *next = cut_token(p);
        ret->tokens[ret->n++] = p;
        p = next;
    }
    return NULL;
}

void patch_pointer_fini(struct pointer *p)
{
    free(p->text);
    p->text = NULL;
}

bool patch_pointer_index(const char *token, size_t size, bool append, size_t *ret)
{
    size_t v = 0;
    if (append && strcmp(token, "-") == 0) {
        *ret = size;
        return true;
    }
    if (*token == '\0' || (*token == '0' && token[1] != '\0')) {
        return false;
    }
    for (const char *p = token; *p != '\0'; p++) {
        if (*p < '0' || *p > '9') {
            return false;
        }
        v = v * 10 + (size_t)(*p - '0');
        if (v > size) {
            return false; /* stops long before it could overflow */
        }
    }
    *ret = v;
    return v < size || append;
}

json_t *patch_pointer_walk(json_t *doc, const struct pointer *p, size_t n)
{
    for (size_t i = 0; i < n && doc != NULL; i++) {
        size_t at = 0;
        if (json_is_array(doc)) {
            doc = patch_pointer_index(p->tokens[i], json_array_size(doc), false, &at)
                      ? json_array_get(doc, at)
                      : NULL;
        } else {
            doc = json_object_get(doc, p->tokens[i]);
        }
    }
    return doc;
}

bool patch_pointer_is_inside(const struct pointer *p, const struct pointer *outer)
{
    if (p->n <= outer->n) {
        return false;
    }
    for (size_t i = 0; i < outer->n; i++) {
        if (strcmp(p->tokens[i], outer->tokens[i]) != 0) {
            return false;
        }
    }
    return true;
}
