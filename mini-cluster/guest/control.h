/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's end of the control stream: frames on stdin become records, acks and counts go to
 * stdout. */
#ifndef GUEST_CONTROL_H
#define GUEST_CONTROL_H

#include "guest/table.h"

struct control_ops {
    void (*begin)(void); /* of a snapshot */
    void (*apply)(const struct table_record *r);
    void (*end)(void);    /* what the snapshot did not name is gone */
    void (*settle)(void); /* after each batch */
};
void control_start(const struct control_ops *ops);

#endif
