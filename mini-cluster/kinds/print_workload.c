/* SPDX-License-Identifier: Apache-2.0 */
/* How workloads show in a table: how far they are with what was asked of them. */
#include "kinds/print.h"

#include "common/json/jx.h"
#include "meta/object.h"
#include "meta/time.h"

json_t *print_ready_of_desired(const struct print_args *a)
{
    return print_cell_f("%lld/%lld", (long long)jx_int(a->obj, "status.readyReplicas", 0),
                        (long long)jx_int(a->obj, "spec.replicas", 0));
}

struct members {
    const char *key;
    struct str list;
};

static void add_member(const json_t *container, void *ctx)
{
    struct members *m = ctx;
    print_list_add(&m->list, jx_get_str(container, m->key, ""));
}

/* One member of every container in the list at the column's path. */
static json_t *containers_cell(const struct print_args *a, const char *key)
{
    struct members m = {.key = key};
    const json_t *containers = jx_arr(a->obj, a->column->path != NULL ? a->column->path : "");
    print_walk(containers, "[]", add_member, &m);
    json_t *cell = print_cell(&m.list);
    str_fini(&m.list);
    return cell;
}

json_t *print_container_images(const struct print_args *a)
{
    return containers_cell(a, "image");
}

json_t *print_container_names(const struct print_args *a)
{
    return containers_cell(a, "name");
}

json_t *print_job_status(const struct print_args *a)
{
    /* Before it is complete or failed, being deleted counts more than the rest. */
    if (object_condition_is(a->obj, "Complete", "True")) {
        return json_string("Complete");
    }
    if (object_condition_is(a->obj, "Failed", "True")) {
        return json_string("Failed");
    }
    if (object_deleting(a->obj)) {
        return json_string("Terminating");
    }
    if (object_condition_is(a->obj, "Suspended", "True")) {
        return json_string("Suspended");
    }
    if (object_condition_is(a->obj, "FailureTarget", "True")) {
        return json_string("FailureTarget");
    }
    return json_string("Running");
}

json_t *print_job_completions(const struct print_args *a)
{
    int64_t succeeded = jx_int(a->obj, "status.succeeded", 0);
    int64_t completions = jx_int(a->obj, "spec.completions", -1);
    int64_t parallelism = jx_int(a->obj, "spec.parallelism", 0);
    if (completions >= 0) {
        return print_cell_f("%lld/%lld", (long long)succeeded, (long long)completions);
    }
    if (parallelism > 1) {
        return print_cell_f("%lld/1 of %lld", (long long)succeeded, (long long)parallelism);
    }
    return print_cell_f("%lld/1", (long long)succeeded);
}

json_t *print_job_duration(const struct print_args *a)
{
    int64_t start, end;
    if (!time_parse(jx_str(a->obj, "status.startTime", ""), &start)) {
        return json_string("");
    }
    if (!time_parse(jx_str(a->obj, "status.completionTime", ""), &end)) {
        end = a->now_us;
    }
    char text[32];
    time_duration(text, sizeof(text), end - start);
    return json_string(text);
}
