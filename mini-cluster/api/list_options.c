/* SPDX-License-Identifier: Apache-2.0 */
/* Which combinations of list and watch options are refused: clients fall back when told so, and
 * hang when an option is silently ignored. */
#include <string.h>

#include "api/fault.h"
#include "api/list.h"
#include "api/ops.h"
#include "api/query.h"
#include "kinds/field_errs.h"

static void check_watch(const struct api_query *q, struct field_errs *errs)
{
    const char *match = api_query_get(q, "resourceVersionMatch");
    bool asked = api_query_nth(q, "sendInitialEvents", 0) != NULL;
    if (asked && strcmp(match, "NotOlderThan") != 0) {
        field_errs_forbidden(errs, "resourceVersionMatch",
                             "sendInitialEvents requires setting resourceVersionMatch to "
                             "NotOlderThan");
    }
    if (!asked && match[0] != '\0') {
        field_errs_forbidden(errs, "resourceVersionMatch",
                             "resourceVersionMatch is forbidden for watch unless "
                             "sendInitialEvents is provided");
    }
}

static void check_list(const struct api_query *q, struct field_errs *errs)
{
    const char *match = api_query_get(q, "resourceVersionMatch");
    const char *rev = api_query_get(q, "resourceVersion");
    if (api_query_nth(q, "sendInitialEvents", 0) != NULL) {
        field_errs_forbidden(errs, "sendInitialEvents", "sendInitialEvents is forbidden for list");
    }
    if (match[0] == '\0') {
        return;
    }
    if (api_query_get(q, "continue")[0] != '\0') {
        field_errs_forbidden(errs, "resourceVersionMatch",
                             "resourceVersionMatch is forbidden when continue is provided");
    } else if (rev[0] == '\0') {
        field_errs_forbidden(errs, "resourceVersionMatch",
                             "resourceVersionMatch is forbidden unless resourceVersion is "
                             "provided");
    } else if (strcmp(match, "Exact") == 0 && strcmp(rev, "0") == 0) {
        field_errs_forbidden(errs, "resourceVersionMatch",
                             "resourceVersionMatch \"exact\" is forbidden for resourceVersion "
                             "\"0\"");
    }
}

static void check_match(const struct api_query *q, struct field_errs *errs)
{
    const char *match = api_query_get(q, "resourceVersionMatch");
    if (match[0] != '\0' && strcmp(match, "Exact") != 0 && strcmp(match, "NotOlderThan") != 0) {
        static const char *const allowed[] = {"Exact", "NotOlderThan", "", NULL};
        json_auto_t *value = json_string(match);
        field_errs_not_supported(errs, "resourceVersionMatch", value, allowed);
    }
}

int api_list_check_options(struct api_ctx *ctx, const struct api_query *q, bool watch,
                           struct err *err)
{
    struct field_errs errs = {0};
    check_match(q, &errs);
    if (errs.n == 0 && watch) {
        check_watch(q, &errs);
    } else if (errs.n == 0) {
        check_list(q, &errs);
    }
    int rc = field_errs_finish(&errs, "ListOptions", "meta.k8s.io", "", err);
    if (rc < 0) {
        ctx->fault.group = "meta.k8s.io";
        ctx->fault.kind = "ListOptions";
        ctx->fault.causes = field_errs_causes(&errs);
    }
    field_errs_fini(&errs);
    return rc;
}
