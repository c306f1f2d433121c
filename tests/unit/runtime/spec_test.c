/* SPDX-License-Identifier: Apache-2.0 */
/* What a role may do is decided in the body of its creation: so that is looked at field by field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "runtime/docker/docker_files.h"
#include "runtime/docker/docker_spec.h"

static const struct runtime_cluster cluster = {.name = "lab", .uid = "u-1"};

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static json_t *body_of(const struct runtime_spec *spec)
{
    struct err err;
    json_t *body = docker_spec_body(&cluster, spec, 4, &err);
    if (body == NULL) {
        fail_msg("%s", err.msg);
    }
    return body;
}

/* That the value at `path` is this JSON; "null": it is not there. */
static void expect(const json_t *body, const char *path, const char *json)
{
    const json_t *value = jx_path(body, path);
    cleanup_free char *text = value != NULL ? jx_dump_text(value) : xstrdup("null");
    if (strcmp(text, json) != 0) {
        fail_msg("%s is %s, not %s", path, text, json);
    }
}

static void test_sandbox(void **state)
{
    const struct runtime_spec spec = {.name = "s1",
                                      .role = RUNTIME_SANDBOX,
                                      .host = "worker-1",
                                      .hash = "h",
                                      .hostname = "web-0",
                                      .address = "10.77.1.2",
                                      .env = LIST("PODLAB_DNS=10.77.128.10")};
    json_t *b = body_of(&spec);
    expect(b, "Image", "\"podlab/guest:1\"");
    expect(b, "Entrypoint", "null");
    expect(b, "Cmd", "[\"pause\"]");
    expect(b, "Hostname", "\"web-0\"");
    expect(b, "OpenStdin", "false");
    expect(b, "HostConfig.NetworkMode", "\"podlab-lab\"");
    expect(b, "HostConfig.IpcMode", "\"shareable\"");
    expect(b, "HostConfig.CapDrop", "[\"ALL\"]");
    expect(b, "HostConfig.CapAdd", "[]");
    expect(b, "HostConfig.LogConfig", "{\"Type\":\"none\"}");
    expect(b, "HostConfig.RestartPolicy.Name", "\"no\"");
    expect(b, "NetworkingConfig.EndpointsConfig.podlab-lab.IPAMConfig.IPv4Address",
           "\"10.77.1.2\"");
    expect(b, "HostConfig.Privileged", "null");
    expect(b, "HostConfig.SecurityOpt", "null");
    json_decref(b);
}

static void test_app(void **state)
{
    const struct runtime_file file = {"/etc/app.conf", "x", 1, 0644};
    const struct runtime_mount mounts[] = {
        {.path = "/data", .volume = "pod1-data"},
        {.path = "/tmp"},
        {.path = "/keep", .volume = "pvc", .keep = true, .read_only = true}};
    const struct runtime_spec spec = {.name = "a1",
                                      .role = RUNTIME_APP,
                                      .host = "worker-1",
                                      .hash = "h",
                                      .image = "nginx",
                                      .command = LIST("sh", "-c"),
                                      .args = LIST("echo hi"),
                                      .workdir = "/srv",
                                      .user = "1000:1000",
                                      .hostname = "ignored",
                                      .join = "s1",
                                      .cap_add = LIST("NET_RAW"),
                                      .cap_drop = LIST("CHOWN"),
                                      .no_new_privileges = true,
                                      .tty = true,
                                      .stdin_open = true,
                                      .cpu_limit_milli = 64000,
                                      .cpu_request_milli = 250,
                                      .memory_limit = 64 << 20,
                                      .files = &file,
                                      .nfiles = 1,
                                      .mounts = mounts,
                                      .nmounts = 3,
                                      .labels = LIST("a=b=c", "dev.podlab.cluster-uid=forged")};
    json_t *b = body_of(&spec);
    expect(b, "Image", "\"nginx\"");
    expect(b, "Entrypoint", "[\"sh\",\"-c\"]");
    expect(b, "Cmd", "[\"echo hi\"]");
    expect(b, "WorkingDir", "\"/srv\"");
    expect(b, "User", "\"1000:1000\"");
    expect(b, "Hostname", "null"); /* Docker refuses it together with a joined network */
    expect(b, "Tty", "true");
    expect(b, "OpenStdin", "true");
    expect(b, "StdinOnce", "false");
    expect(b, "Healthcheck.Test", "[\"NONE\"]");
    expect(b, "Labels.a", "\"b=c\"");
    const json_t *labels = jx_path(b, "Labels");
    assert_string_equal(jx_get_str(labels, DOCKER_LABEL_UID, ""), "u-1"); /* ours wins */
    assert_string_equal(jx_get_str(labels, DOCKER_LABEL_CLUSTER, ""), "lab");
    assert_string_equal(jx_get_str(labels, DOCKER_LABEL_ROLE, ""), "app");
    assert_string_equal(jx_get_str(labels, DOCKER_LABEL_HOST, ""), "worker-1");
    assert_string_equal(jx_get_str(labels, DOCKER_LABEL_HASH, ""), "h");
    assert_string_equal(jx_get_str(labels, DOCKER_LABEL_EPOCH, ""), "4");
    expect(b, "HostConfig.NetworkMode", "\"container:s1\"");
    expect(b, "HostConfig.IpcMode", "\"container:s1\"");
    expect(b, "HostConfig.PidMode", "null");
    expect(b, "HostConfig.Sysctls", "null");
    expect(b, "NetworkingConfig", "null");
    expect(b, "HostConfig.CapAdd", "[\"NET_RAW\"]");
    expect(b, "HostConfig.CapDrop", "[\"CHOWN\"]");
    expect(b, "HostConfig.SecurityOpt", "[\"no-new-privileges\"]");
    expect(b, "HostConfig.CpuPeriod", "100000");
    expect(b, "HostConfig.CpuQuota", "6400000");
    expect(b, "HostConfig.CpuShares", "256");
    expect(b, "HostConfig.Memory", "67108864");
    expect(b, "HostConfig.MemorySwap", "67108864");
    expect(b, "HostConfig.LogConfig.Type", "\"json-file\"");
    expect(b, "HostConfig.LogConfig.Config.max-size", "\"5m\"");
    expect(b, "HostConfig.Mounts[0].Source", "\"podlab-u-1-pod1-data\"");
    expect(b, "HostConfig.Mounts[0].VolumeOptions.NoCopy", "true");
    const json_t *marks = jx_path(b, "HostConfig.Mounts[0].VolumeOptions.Labels");
    assert_string_equal(jx_get_str(marks, DOCKER_LABEL_SANDBOX, ""), "s1");
    expect(b, "HostConfig.Mounts[1].ReadOnly", "true");
    marks = jx_path(b, "HostConfig.Mounts[1].VolumeOptions.Labels");
    assert_string_equal(jx_get_str(marks, DOCKER_LABEL_SANDBOX, "none"), "none");
    assert_int_equal(jx_len(b, "HostConfig.Mounts"), 2);
    assert_string_equal(jx_get_str(jx_path(b, "HostConfig.Tmpfs"), "/tmp", ""),
                        "rw,exec,mode=0777");
    json_decref(b);
}

static void test_hosts_and_services(void **state)
{
    struct runtime_spec spec = {.name = "w1",
                                .role = RUNTIME_HOST,
                                .host = "worker-1",
                                .hostname = "worker-1",
                                .address = "10.77.0.10",
                                .tty = true};
    json_t *b = body_of(&spec);
    expect(b, "Cmd", "[\"host\"]");
    expect(b, "OpenStdin", "true");
    expect(b, "StdinOnce", "false");
    expect(b, "Tty", "false"); /* frames would be mangled */
    expect(b, "HostConfig.CapDrop", "[\"ALL\"]");
    expect(b, "HostConfig.CapAdd", "[]");
    const json_t *sysctls = jx_path(b, "HostConfig.Sysctls");
    assert_string_equal(jx_get_str(sysctls, "net.ipv4.ip_unprivileged_port_start", ""), "0");
    json_decref(b);
    spec.role = RUNTIME_SERVICES;
    spec.args = LIST("--dns", "10.77.128.10");
    b = body_of(&spec);
    expect(b, "Cmd", "[\"services\",\"--dns\",\"10.77.128.10\"]");
    expect(b, "HostConfig.CapDrop", "[\"ALL\"]");
    expect(b, "HostConfig.CapAdd", "[\"NET_ADMIN\"]");
    json_decref(b);
    spec.command = LIST("/bin/true");
    b = body_of(&spec);
    expect(b, "Entrypoint", "[\"/bin/true\"]");
    expect(b, "Cmd", "[\"--dns\",\"10.77.128.10\"]");
    json_decref(b);
}

static void test_small_limits_are_the_kernels(void **state)
{
    const struct runtime_spec spec = {.name = "a1",
                                      .role = RUNTIME_APP,
                                      .image = "x",
                                      .cpu_limit_milli = 5,
                                      .cpu_request_milli = 1};
    json_t *b = body_of(&spec);
    expect(b, "HostConfig.CpuQuota", "1000");
    expect(b, "HostConfig.CpuShares", "2");
    expect(b, "HostConfig.NetworkMode", "\"none\""); /* it joins nobody and has no address */
    json_decref(b);
}

static void test_names_and_paths_are_checked(void **state)
{
    static const char *const names[] = {"", "a", "../x", "a/b", "-ab", "a b", "a%2f", "a\nb"};
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct runtime_spec spec = {.name = names[i], .role = RUNTIME_APP, .image = "x"};
        assert_null(docker_spec_body(&cluster, &spec, 1, &err));
        assert_int_equal(err.code, ERR_INVALID);
        const struct runtime_spec joins = {.name = "ok", .role = RUNTIME_APP, .join = names[i]};
        assert_null(docker_spec_body(&cluster, &joins, 1, &err));
    }
    const struct runtime_spec odd = {
        .name = "ok", .role = RUNTIME_APP, .image = "x", .args = LIST("a", "\xff\xfe")};
    assert_null(docker_spec_body(&cluster, &odd, 1, &err));
    assert_non_null(strstr(err.msg, "UTF-8"));
    static const char *const paths[] = {"", "/", "etc/x", "/a/../b", "/..", "/a/", "/a/.."};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const struct runtime_file file = {paths[i], "x", 1, 0644};
        const struct runtime_spec spec = {
            .name = "ok", .role = RUNTIME_APP, .image = "x", .files = &file, .nfiles = 1};
        assert_null(docker_spec_body(&cluster, &spec, 1, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
}

/* Which archives a spec leads to, as "path,path". */
static void put_paths(const struct runtime_spec *spec, struct str *out)
{
    struct docker_puts puts;
    docker_files_puts(spec, &puts);
    for (size_t i = 0; i < puts.all.n; i++) {
        str_add_f(out, "%s%s", i > 0 ? "," : "", puts.all.v[i].path);
        assert_true(puts.all.v[i].tar.len >= 1024);
    }
    docker_puts_fini(&puts);
}

static void test_files_of_a_read_only_root_go_to_volumes(void **state)
{
    const struct runtime_file files[] = {{"/etc/a/x", "1", 1, 0644},
                                         {"/etc/a/y", "2", 1, 0644},
                                         {"/var/run/token", "3", 1, 0400},
                                         {"/data/in", "4", 1, 0644}};
    const struct runtime_mount mount = {.path = "/data/", .volume = "v"};
    struct runtime_spec spec = {.name = "a1",
                                .role = RUNTIME_APP,
                                .image = "x",
                                .read_only_root = true,
                                .files = files,
                                .nfiles = 4,
                                .mounts = &mount,
                                .nmounts = 1};
    cleanup_str struct str read_only = STR_INIT, writable = STR_INIT;
    json_t *b = body_of(&spec);
    expect(b, "HostConfig.ReadonlyRootfs", "true");
    assert_int_equal(jx_len(b, "HostConfig.Mounts"), 3);
    expect(b, "HostConfig.Mounts[1]", "{\"Type\":\"volume\",\"Target\":\"/etc/a\"}");
    expect(b, "HostConfig.Mounts[2]", "{\"Type\":\"volume\",\"Target\":\"/var/run\"}");
    json_decref(b);
    put_paths(&spec, &read_only);
    assert_string_equal(str_c(&read_only), "/etc/a,/var/run,/data");
    spec.read_only_root = false;
    put_paths(&spec, &writable);
    assert_string_equal(str_c(&writable), "/");
    const struct runtime_file top = {"/x", "1", 1, 0644};
    struct err err;
    spec = (struct runtime_spec){
        .name = "a1", .role = RUNTIME_APP, .read_only_root = true, .files = &top, .nfiles = 1};
    assert_null(docker_spec_body(&cluster, &spec, 1, &err));
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sandbox),
        cmocka_unit_test(test_app),
        cmocka_unit_test(test_hosts_and_services),
        cmocka_unit_test(test_small_limits_are_the_kernels),
        cmocka_unit_test(test_names_and_paths_are_checked),
        cmocka_unit_test(test_files_of_a_read_only_root_go_to_volumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
