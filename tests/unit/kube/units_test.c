/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that quantities and times are read as Kubernetes writes them. */
#include "common/testing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data.h"
#include "kube/units.h"

static void words(const char *what, const char *text, char *got)
{
    int64_t n = 0;
    char buf[KUBE_WORDS_SIZE];
    if (strcmp(what, "milli") == 0 && kube_milli(text, &n)) {
        snprintf(got, 64, "%" PRId64 " %s", n, kube_cpu_words(n, buf));
    } else if (strcmp(what, "bytes") == 0 && kube_bytes(text, &n)) {
        snprintf(got, 64, "%" PRId64 " %s", n, kube_bytes_words(n, buf));
    } else if (strcmp(what, "time") == 0 && kube_time(text, &n)) {
        char time[KUBE_TIME_SIZE];
        kube_time_format(n, time);
        snprintf(got, 64, "%" PRId64 " %s", n, time);
    } else if (strcmp(what, "duration") == 0 && kube_duration(text, &n)) {
        snprintf(got, 64, "%" PRId64, n);
    } else if (strcmp(what, "span") == 0) {
        sscanf(text, "%" SCNd64, &n);
        snprintf(got, 64, "%s", kube_span_words(n, buf));
    } else {
        strcpy(got, "refused");
    }
}

static void test_rows(void **state)
{
    struct data d;
    bool good = true;
    data_open(&d, "runner-units");
    while (data_next(&d)) {
        char got[64] = "";
        words(d.text[0], d.text[1], got);
        good &= data_check(&d, got);
    }
    assert_true(d.groups > 20);
    data_close(&d);
    assert_true(good);
}

static void test_members(void **state)
{
    json_t *obj = json_pack("{s:s, s:i, s:f, s:s}", "a", "600m", "b", 2, "c", 0.5, "d", "64Mi");
    assert_int_equal(kube_milli_of(obj, "a"), 600);
    assert_int_equal(kube_milli_of(obj, "b"), 2000);
    assert_int_equal(kube_milli_of(obj, "c"), 500);
    assert_int_equal(kube_bytes_of(obj, "d"), 67108864);
    assert_int_equal(kube_milli_of(obj, "e"), 0);
    assert_int_equal(kube_bytes_of(NULL, "e"), 0);
    json_decref(obj);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_members)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
