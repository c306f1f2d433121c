/* SPDX-License-Identifier: Apache-2.0 */
/* Small private facts of the workers, beside the objects and in the same transactions. */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "common/err.h"

struct store_records;
struct store_sql;

struct store_records *store_records_new(void);
void store_records_free(struct store_records *r);
/* Reads them all, once, before any change. */
int store_records_load(struct store_records *r, struct store_sql *sql, struct err *err) WARN_UNUSED;

/* Takes the value; NULL deletes. False when nothing changed. */
bool store_records_stage(struct store_records *r, const char *table, const char *key,
                         json_t *value);
const json_t *store_records_find(const struct store_records *r, const char *table,
                                 const char *key);
/* In the order of the keys; fn may stage what it likes. */
void store_records_each(const struct store_records *r, const char *table,
                        bool (*fn)(void *arg, const char *key, const json_t *value), void *arg);

size_t store_records_staged(const struct store_records *r);
int store_records_write(const struct store_records *r, struct store_sql *sql,
                        struct err *err) WARN_UNUSED;
/* The stage ended: keeps what was staged, or brings back what was there before. */
void store_records_settle(struct store_records *r, bool keep);

#endif
