/* SPDX-License-Identifier: Apache-2.0 */
/* How the rest of the core group shows in a table. Events are read in its shape and in that of
 * events.k8s.io. */
#include "kinds/print.h"

#include <ctype.h>
#include <string.h>

#include "common/json/jx.h"
#include "meta/time.h"

json_t *print_config_map_data(const struct print_args *a)
{
    size_t n = jx_len(a->obj, "data") + jx_len(a->obj, "binaryData");
    return print_count_cell(a, n);
}

/* ---- events ---- */

/* The first of two members that is there and not empty. */
static const char *either(const json_t *event, const char *path, const char *other)
{
    const char *text = jx_str(event, path, "");
    return *text != '\0' ? text : jx_str(event, other, "");
}

static json_t *age_cell(const struct print_args *a, const char *since)
{
    char age[32];
    time_age(age, sizeof(age), *since != '\0' ? since : NULL, a->now_us);
    return json_string(age);
}

static const char *first_seen(const json_t *event)
{
    const char *first = either(event, "firstTimestamp", "deprecatedFirstTimestamp");
    return *first != '\0' ? first : jx_str(event, "eventTime", "");
}

json_t *print_event_first_seen(const struct print_args *a)
{
    return age_cell(a, first_seen(a->obj));
}

json_t *print_event_last_seen(const struct print_args *a)
{
    const char *last = jx_str(a->obj, "series.lastObservedTime", "");
    if (*last == '\0') {
        last = either(a->obj, "lastTimestamp", "deprecatedLastTimestamp");
    }
    return age_cell(a, *last != '\0' ? last : first_seen(a->obj));
}

json_t *print_event_count(const struct print_args *a)
{
    int64_t count = jx_int(a->obj, "series.count", 0);
    if (count == 0) {
        count = jx_int(a->obj, "count", jx_int(a->obj, "deprecatedCount", 1));
    }
    return print_cell_f("%lld", (long long)(count > 0 ? count : 1));
}

json_t *print_event_object(const struct print_args *a)
{
    cleanup_str struct str text = STR_INIT;
    for (const char *p = either(a->obj, "involvedObject.kind", "regarding.kind"); *p != '\0'; p++) {
        str_add_c(&text, (char)tolower((unsigned char)*p));
    }
    const char *name = either(a->obj, "involvedObject.name", "regarding.name");
    if (*name != '\0') {
        str_add_f(&text, "/%s", name);
    }
    return print_cell(&text);
}

json_t *print_event_source(const struct print_args *a)
{
    const char *component = either(a->obj, "source.component", "deprecatedSource.component");
    const char *host = either(a->obj, "source.host", "deprecatedSource.host");
    if (*component == '\0') {
        component = either(a->obj, "reportingComponent", "reportingController");
        host = jx_str(a->obj, "reportingInstance", "");
    }
    return print_cell_f("%s%s%s", component, *host != '\0' ? ", " : "", host);
}

json_t *print_event_message(const struct print_args *a)
{
    const char *text = either(a->obj, "message", "note");
    size_t n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1])) {
        n--;
    }
    size_t from = 0;
    while (from < n && isspace((unsigned char)text[from])) {
        from++;
    }
    return print_cell_f("%.*s", (int)(n - from), text + from);
}
