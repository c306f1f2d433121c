/* SPDX-License-Identifier: Apache-2.0 */
/* What a host's Docker takes of a body, what it refuses, and what the daemon is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "data.h"
#include "hosts/dock/dock_create.h"

/* As if every container that is named had the id "id-of-NAME". */
static json_t *build(const struct dock_create *c)
{
    const char *ids[16];
    json_auto_t *volumes = json_pack("{s:{}}", "/own");
    struct dock_place p = {
        .cluster = "lab",
        .uid = "u1",
        .host = "worker-1",
        .prefix = "pre-",
        .network = "podlab-lab",
        .epoch = 3,
        .address = c->network == DOCK_NET_BRIDGE ? "10.77.124.7" : NULL,
        .image_id = "sha256:abc",
        .image_volumes = volumes,
        .from_ids = ids,
    };
    assert_true(c->froms.n <= ARRAY_LEN(ids));
    for (size_t i = 0; i < c->froms.n; i++) {
        ids[i] = xasprintf("id-of-%s", c->froms.v[i].ref);
    }
    for (size_t i = 0; i < DOCK_JOINS; i++) {
        p.joined[i] = c->joins[i] != NULL ? xasprintf("id-of-%s", c->joins[i]) : NULL;
    }
    json_t *body = dock_create_body(c, &p);
    for (size_t i = 0; i < c->froms.n; i++) {
        free((char *)(uintptr_t)ids[i]);
    }
    for (size_t i = 0; i < DOCK_JOINS; i++) {
        free((char *)(uintptr_t)p.joined[i]);
    }
    return body;
}

static int read_create(const char *body, const char *where, json_t **ret, struct err *err)
{
    struct dock_create c;
    if (dock_create_read(body, strlen(body), "10.77.0.11", &c, err) != 0) {
        return -1;
    }
    *ret = build(&c);
    dock_create_fini(&c);
    if (strcmp(where, "asked") == 0) {
        const json_t *labels = jx_obj(*ret, "Labels");
        const char *text = jx_get_str(labels, DOCK_LABEL_ASKED, "");
        json_t *asked;
        assert_int_equal(jx_parse(text, strlen(text), true, &asked, err), 0);
        json_t *wrapped = json_pack("{s:o}", "asked", asked);
        json_decref(*ret);
        *ret = wrapped;
    }
    return 0;
}

static int read_body(const char *kind, const char *where, const char *body, json_t **ret,
                     struct err *err)
{
    struct dock_policy policy = {0};
    size_t n = strlen(body);
    bool has = false;
    if (strcmp(kind, "create") == 0) {
        return read_create(body, where, ret, err);
    }
    *ret = json_object();
    int rc = strcmp(kind, "update") == 0  ? dock_update_read(body, n, *ret, &policy, &has, err)
             : strcmp(kind, "exec") == 0  ? dock_exec_read(body, n, *ret, err)
             : strcmp(kind, "start") == 0 ? dock_exec_start_read(body, n, *ret, err)
                                          : dock_volume_read(body, n, *ret, err);
    if (has) {
        json_object_set_new(*ret, "policy", dock_policy_show(&policy));
    }
    if (rc != 0) {
        json_decref(*ret);
    }
    return rc;
}

static char *outcome(const struct data *d)
{
    char kind[16];
    char where[128];
    struct err err;
    json_t *all = NULL;
    assert_int_equal(sscanf(d->text[1], "%15s %127s", kind, where), 2);
    if (read_body(kind, where, d->text[0], &all, &err) != 0) {
        return xasprintf("%s %s", err_reason(err.code), err.msg);
    }
    const json_t *seen = strcmp(where, "-") == 0 ? all : jx_path(all, where);
    char *text = seen != NULL ? jx_dump_text(seen) : xstrdup("null");
    json_decref(all);
    return text;
}

static void the_data(void **state)
{
    (void)state;
    struct data d;
    int wrong = 0;
    for (data_open(&d, "dock_bodies"); data_next(&d);) {
        cleanup_free char *got = outcome(&d);
        wrong += data_check(&d, got) ? 0 : 1;
    }
    assert_true(d.groups > 80);
    data_close(&d);
    assert_int_equal(wrong, 0);
}

/* Every label that says whose it is, and nothing that Docker would do by itself. */
static void labels_are_ours(void **state)
{
    (void)state;
    struct err err;
    json_t *body;
    assert_int_equal(read_create("{\"Image\":\"web\",\"Labels\":{\"a\":\"b\"}}", "", &body, &err),
                     0);
    const json_t *labels = jx_obj(body, "Labels");
    assert_string_equal(jx_get_str(labels, "dev.podlab.cluster", ""), "lab");
    assert_string_equal(jx_get_str(labels, "dev.podlab.cluster-uid", ""), "u1");
    assert_string_equal(jx_get_str(labels, "dev.podlab.host", ""), "worker-1");
    assert_string_equal(jx_get_str(labels, "dev.podlab.role", ""), "hand");
    assert_string_equal(jx_get_str(labels, "dev.podlab.epoch", ""), "3");
    assert_string_equal(jx_get_str(labels, "dev.podlab.address", ""), "10.77.124.7");
    assert_string_equal(jx_get_str(labels, "a", ""), "b");
    assert_string_equal(jx_str(body, "HostConfig.LogConfig.Type", ""), "json-file");
    assert_null(jx_path(body, "HostConfig.Binds"));
    assert_null(jx_path(body, "HostConfig.PublishAllPorts"));
    json_decref(body);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_data),
        cmocka_unit_test(labels_are_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
