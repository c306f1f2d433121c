/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka, and what it wants included before it. */
#ifndef TESTS_UNIT_NET_TESTING_H
#define TESTS_UNIT_NET_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
