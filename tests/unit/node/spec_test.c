/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's words and what the runtime is told, group by group from tests/data/pod_spec.test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>

#include "../data.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "node/address.h"
#include "node/backoff.h"
#include "node/env.h"
#include "node/spec.h"

static json_t *parse(const char *text)
{
    struct err err;
    json_t *v = NULL;
    if (jx_parse(text, strlen(text), true, &v, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return v;
}

/* With ' for ", in C. */
static json_t *quoted(const char *text)
{
    cleanup_free char *copy = xstrdup(text);
    for (char *p = copy; *p != '\0'; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    return parse(copy);
}

static const char *const cluster =
    "{'configmaps/shop/settings': {'data': {'color': 'blue', 'file.txt': 'hello', 'bad=key': 'x'}},"
    "'secrets/shop/keys': {'data': {'password': 'czNjcmV0'}},"
    "'serviceaccounts/shop/default': {'metadata': {'uid': 'sa-1'}},"
    "'services/default/kubernetes': {'metadata': {'name': 'kubernetes'}, 'spec': {'clusterIP': "
    "'10.77.128.1', 'ports': [{'name': 'https', 'port': 443, 'protocol': 'TCP'}]}},"
    "'services/shop/my-db': {'metadata': {'name': 'my-db'}, 'spec': {'clusterIP': '10.77.128.9', "
    "'ports': [{'name': 'sql', 'port': 5432}, {'port': 9000, 'protocol': 'UDP'}]}}}";

static const json_t *find(void *arg, const char *gr, const char *ns, const char *name)
{
    cleanup_free char *key = xasprintf("%s/%s/%s", gr, ns, name);
    return jx_get(arg, key);
}

static void each_service(void *arg, const char *ns, void (*fn)(void *, const json_t *),
                         void *fn_arg)
{
    (void)ns;
    fn(fn_arg, jx_get(arg, "services/shop/my-db"));
}

static char *token(void *arg, const char *ns, const char *account, const char *uid)
{
    (void)arg;
    assert_string_equal(uid, "sa-1");
    return xasprintf("token-of-%s/%s", ns, account);
}

/* The pod around the members of line 1. */
static json_t *make_pod(const char *line)
{
    const char *bar = strstr(line, " | ");
    cleanup_free char *mine = bar != NULL ? xstrndup(line, (size_t)(bar - line)) : xstrdup(line);
    cleanup_free char *text = xasprintf("{\"containers\": [{\"name\": \"c\", %s}]%s%s}", mine,
                                        bar != NULL ? ", " : "", bar != NULL ? bar + 3 : "");
    json_t *pod = quoted("{'metadata': {'name': 'web-1', 'namespace': 'shop', 'uid': 'uid-1', "
                         "'labels': {'app.kubernetes.io/name': 'web', 'a': 'b'}, 'annotations': "
                         "{'note': 'hi there'}}}");
    json_object_set_new(pod, "spec", parse(text));
    json_t *spec = json_object_get(pod, "spec");
    jx_put_str(spec, "nodeName", "worker-1");
    if (json_object_get(spec, "serviceAccountName") == NULL) {
        jx_put_str(spec, "serviceAccountName", "default");
    }
    if (json_object_get(spec, "automountServiceAccountToken") == NULL) {
        jx_put_bool(spec, "automountServiceAccountToken", false);
    }
    return pod;
}

/* ---- what is looked at, as text; a newline is shown as ~ ---- */

static void show_env(const char *const *env, const char *name, struct str *out)
{
    size_t n = strlen(name);
    for (; env != NULL && *env != NULL; env++) {
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=') {
            str_add(out, *env + n + 1);
            return;
        }
    }
    str_add(out, "(not set)");
}

static void show_words(const char *const *v, struct str *out)
{
    for (; v != NULL && *v != NULL; v++) {
        str_add_f(out, "%s[%s]", out->len > 0 ? " " : "", *v);
    }
}

static void show_files(const struct runtime_spec *s, struct str *out)
{
    for (size_t i = 0; i < s->nfiles; i++) {
        str_add_f(out, "%s%s %o ", i > 0 ? ", " : "", s->files[i].path, s->files[i].mode);
        str_add_n(out, s->files[i].bytes, s->files[i].len);
    }
}

static void show_mounts(const struct runtime_spec *s, struct str *out)
{
    for (size_t i = 0; i < s->nmounts; i++) {
        const struct runtime_mount *m = &s->mounts[i];
        str_add_f(out, "%s %s%s%s", m->path, m->volume != NULL ? m->volume : "tmpfs",
                  m->read_only ? " ro" : "", m->keep ? " keep" : "");
    }
}

static void show_process(const struct runtime_spec *s, struct str *out)
{
    str_add_f(out, "user=%s dir=%s", s->user != NULL ? s->user : "(image)",
              s->workdir != NULL ? s->workdir : "(image)");
    str_add_f(out, "%s%s%s%s", s->read_only_root ? " ro" : "", s->no_new_privileges ? " nnp" : "",
              s->tty ? " tty" : "", s->stdin_open ? " stdin" : "");
    str_add_f(out, " add=%s drop=%s", s->cap_add != NULL ? s->cap_add[0] : "",
              s->cap_drop != NULL ? s->cap_drop[0] : "");
}

static void show(const char *what, const struct runtime_spec *s, struct str *out)
{
    if (strncmp(what, "env ", 4) == 0) {
        show_env(s->env, what + 4, out);
    } else if (strcmp(what, "command") == 0) {
        show_words(s->command, out);
    } else if (strcmp(what, "args") == 0) {
        show_words(s->args, out);
    } else if (strcmp(what, "files") == 0) {
        show_files(s, out);
    } else if (strcmp(what, "mounts") == 0) {
        show_mounts(s, out);
    } else if (strcmp(what, "process") == 0) {
        show_process(s, out);
    } else if (strcmp(what, "limits") == 0) {
        str_add_f(out, "%" PRId64 " %" PRId64 " %" PRId64, s->cpu_limit_milli, s->cpu_request_milli,
                  s->memory_limit);
    } else if (strcmp(what, "sandbox hostname") == 0) {
        str_add(out, s->hostname);
    } else if (strncmp(what, "sandbox ", 8) == 0) {
        show_env(s->env, what + 8, out);
    } else {
        fail_msg("nothing is called \"%s\"", what);
    }
}

/* `linked`: what services add was put together before. */
static void check_group(const struct data *d, json_t *known, bool linked)
{
    json_auto_t *pod = make_pod(d->text[0]);
    struct spec_in in = {.pod = pod,
                         .container = json_array_get(jx_arr(pod, "spec.containers"), 0),
                         .address = "10.77.1.7",
                         .host_address = "10.77.0.11",
                         .node_cpu_milli = 2000,
                         .node_memory = (int64_t)2 << 30,
                         .dns = "10.77.128.10",
                         .ca_pem = "CA",
                         .find = find,
                         .each_service = each_service,
                         .token = token,
                         .arg = known};
    struct spec_out out = {0};
    struct err err = {ERR_NONE, ""};
    cleanup_env struct env links = {0};
    if (linked) {
        env_put_services(&in, &links);
        in.links = &links;
    }
    cleanup_str struct str is = STR_INIT;
    bool sandbox = strncmp(d->text[1], "sandbox", 7) == 0;
    int rc = 0;
    if (sandbox) {
        spec_sandbox(&in, &out);
    } else {
        rc = spec_container(&in, &out, &err);
    }
    if (rc < 0) {
        str_add_f(&is, "%s%s%s%s", strcmp(d->text[1], "error") == 0 ? "" : "error: ",
                  out.volume != NULL ? "volume " : "", out.volume != NULL ? out.volume : "",
                  out.volume != NULL ? ": " : "");
        str_add(&is, err.msg);
    } else {
        show(d->text[1], &out.spec, &is);
    }
    for (char *p = is.p; p != NULL && *p != '\0'; p++) {
        *p = *p == '\n' ? '~' : *p;
    }
    assert_true(data_check(d, str_c(&is)));
    spec_out_fini(&out);
}

static void test_groups(void **state)
{
    struct data d;
    (void)state;
    jx_init();
    json_auto_t *known = quoted(cluster);
    data_open(&d, "pod_spec");
    while (data_next(&d)) {
        check_group(&d, known, false);
        check_group(&d, known, true);
    }
    assert_true(d.groups > 60);
    data_close(&d);
}

/* ---- addresses ---- */

static void test_addresses(void **state)
{
    (void)state;
    struct address_pool *p = address_pool_new("10.77.0.0/16");
    char a[16];
    assert_true(address_take(p, 0, a));
    assert_string_equal(a, "10.77.1.1");
    address_claim(p, "10.77.1.2");
    address_claim(p, "192.168.0.1"); /* none of ours: ignored */
    address_claim(p, "10.77.120.1");
    assert_true(address_take(p, 0, a));
    assert_string_equal(a, "10.77.1.3");
    for (int i = 0; i < 251; i++) {
        assert_true(address_take(p, 0, a));
    }
    assert_string_equal(a, "10.77.1.254");
    assert_true(address_take(p, 0, a));
    assert_string_equal(a, "10.77.2.1");
    address_release(p, "10.77.1.3", LOOP_S(1));
    int n = 0;
    while (address_take(p, LOOP_S(30), a)) {
        assert_string_not_equal(a, "10.77.1.3"); /* it rests */
        n++;
    }
    assert_int_equal(n, 119 * 254 - 255);
    assert_string_equal(a, "10.77.119.254");
    assert_true(address_take(p, LOOP_S(31), a));
    assert_string_equal(a, "10.77.1.3");
    address_pool_free(p);
}

static void test_backoff(void **state)
{
    (void)state;
    struct backoff b = {0};
    char text[32];
    assert_int_equal(backoff_left(&b, 5, 10, 40), 0);
    static const uint64_t delays[] = {10, 20, 40, 40};
    for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
        backoff_next(&b, 100);
        assert_int_equal(backoff_delay(&b, 10, 40), delays[i]);
        assert_int_equal(backoff_left(&b, 103, 10, 40), delays[i] - 3);
    }
    static const struct {
        uint64_t ns;
        const char *text;
    } rows[] = {{LOOP_MS(500), "500ms"}, {LOOP_S(10), "10s"},     {LOOP_S(80), "1m20s"},
                {LOOP_S(300), "5m0s"},   {LOOP_MS(1500), "1.5s"}, {LOOP_S(3600), "1h0m0s"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        backoff_format(text, sizeof(text), rows[i].ns);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_backoff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
