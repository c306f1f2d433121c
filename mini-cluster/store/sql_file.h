/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a file is, found out before SQLite touches it. */
#ifndef STORE_SQL_FILE_H
#define STORE_SQL_FILE_H

#include "common/err.h"

#define STORE_SQL_APPLICATION 0x706f646c /* "podl", at byte 68 of the file */
#define STORE_SQL_FORMAT 1               /* user_version, at byte 60 */

/* 0 when the file is ours, empty, missing, or a creation of ours that was cut short. Otherwise
 * ERR_INVALID with the file's name; nothing was written. */
int store_sql_file_check(const char *path, const char *vfs, struct err *err) WARN_UNUSED;

#endif
