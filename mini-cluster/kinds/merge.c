/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the patch room how lists merge. A node is always a field: the whole object and a list's
 * items are the nameless value of their message. */
#include "kinds/kinds.h"

const void *kinds_merge_root(const struct kind *k)
{
    return k->message->as_value;
}

const void *kinds_merge_child(const void *node, const char *field)
{
    const struct kind_field *f = node;
    if (f == NULL || f->message == NULL) {
        return NULL;
    }
    if (field == NULL) {
        return f->shape == KIND_ONE ? NULL : f->message->as_value;
    }
    return f->shape == KIND_ONE ? kinds_field(f->message, field) : NULL;
}

const char *kinds_merge_key(const void *node)
{
    return node != NULL ? ((const struct kind_field *)node)->merge_key : NULL;
}

int kinds_merge_retain_keys(const void *node)
{
    return node != NULL && ((const struct kind_field *)node)->retain_keys;
}
