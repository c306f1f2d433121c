/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities and times as Kubernetes writes them, in numbers, and back in words for people. */
#ifndef KUBE_UNITS_H
#define KUBE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* "600m", "2", "0.5": thousandths, rounded up. False when it is no quantity or too large. */
bool kube_milli(const char *text, int64_t *ret);
/* "64Mi", "1G", "128974848", "1e3": whole units, rounded up. */
bool kube_bytes(const char *text, int64_t *ret);
/* The same of a member that may also be a number; 0 when there is none. */
int64_t kube_milli_of(const json_t *obj, const char *key);
int64_t kube_bytes_of(const json_t *obj, const char *key);

/* "500ms", "20s", "1m30s", "2h": microseconds. False, and nothing written, when it is none. */
bool kube_duration(const char *text, int64_t *ret_us);

/* "2026-01-01T00:00:05Z", with or without a fraction: microseconds since 1970. False when it is no
 * time in UTC. */
bool kube_time(const char *text, int64_t *ret_us);
/* "2026-01-01T00:00:05.000123Z". */
enum { KUBE_TIME_SIZE = 28 };
void kube_time_format(int64_t us, char buf[KUBE_TIME_SIZE]);

/* "800m", "2", "1.5": CPU for people. */
enum { KUBE_WORDS_SIZE = 32 };
const char *kube_cpu_words(int64_t milli, char buf[KUBE_WORDS_SIZE]);
/* "32Mi", "1.4Gi", "900". */
const char *kube_bytes_words(int64_t bytes, char buf[KUBE_WORDS_SIZE]);
/* "0.2 s", "40 s", "3 min", "2 h", "4 d". */
const char *kube_span_words(int64_t us, char buf[KUBE_WORDS_SIZE]);

#endif
