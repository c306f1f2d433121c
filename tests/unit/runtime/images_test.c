/* SPDX-License-Identifier: Apache-2.0 */
/* Archives are read back with tar(1): what we write is what the rest of the world reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "runtime/guest_blob.h"
#include "runtime/image_archive.h"
#include "runtime/image_name.h"
#include "runtime/images.h"
#include "runtime/tar.h"

/* What `command` prints when `input` is a file whose name replaces the %s. */
static void run(const struct str *input, const char *command, struct str *out)
{
    char path[] = "/tmp/podlab-images-XXXXXX", line[512], bytes[4096];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, input->p, input->len), (ssize_t)input->len);
    close(fd);
    snprintf(line, sizeof(line), "f=%s; %s", path, command);
    FILE *p = popen(line, "r");
    assert_non_null(p);
    size_t n;
    while ((n = fread(bytes, 1, sizeof(bytes), p)) > 0) {
        str_add_n(out, bytes, n);
    }
    int rc = pclose(p);
    unlink(path);
    assert_int_equal(rc, 0);
}

static void test_tar_is_read_by_tar(void **state)
{
    cleanup_str struct str tar = STR_INIT, list = STR_INIT, text = STR_INIT;
    char name[200] = "var/run/secrets/";
    memset(name + strlen(name), 'x', 150);
    tar_add_dir(&tar, "/tmp/", 01777);
    tar_add_file(&tar, "/etc/app.conf", "a=1\n", 4, 0640);
    tar_add_file(&tar, name, "long", 4, 0400);
    tar_add_file(&tar, "empty", "", 0, 0644);
    tar_add_symlink(&tar, "bin/sh", "busybox");
    tar_end(&tar);
    assert_int_equal(tar.len % 512, 0);
    run(&tar, "tar --utc -tvf $f | sed 's/  */ /g'", &list);
    cleanup_free char *expected = xasprintf("drwxrwxrwt 0/0 0 2026-01-01 00:00 tmp/\n"
                                            "-rw-r----- 0/0 4 2026-01-01 00:00 etc/app.conf\n"
                                            "-r-------- 0/0 4 2026-01-01 00:00 %s\n"
                                            "-rw-r--r-- 0/0 0 2026-01-01 00:00 empty\n"
                                            "lrwxrwxrwx 0/0 0 2026-01-01 00:00 bin/sh -> busybox\n",
                                            name);
    assert_string_equal(str_c(&list), expected);
    run(&tar, "tar -xOf $f etc/app.conf", &text);
    assert_string_equal(str_c(&text), "a=1\n");
}

static void test_the_archive_never_changes(void **state)
{
    cleanup_str struct str one = STR_INIT, two = STR_INIT;
    images_archive(&one);
    images_archive(&two);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.p, two.p, one.len);
}

static void test_images_share_a_layer_and_keep_their_ids(void **state)
{
    cleanup_str struct str archive = STR_INIT, manifest = STR_INIT, sums = STR_INIT;
    images_archive(&archive);
    run(&archive, "tar -xOf $f manifest.json", &manifest);
    json_t *rows = NULL;
    struct err err;
    assert_int_equal(jx_parse(manifest.p, manifest.len, true, &rows, &err), 0);
    const char *layer = jx_str(rows, "[0].Layers[0]", "");
    size_t i = 0;
    for (; images_bundled[i] != NULL; i++) {
        struct image_identity id;
        const json_t *row = json_array_get(rows, i);
        assert_true(images_identity(images_bundled[i], &id));
        assert_string_equal(jx_str(row, "RepoTags[0]", ""), images_bundled[i]);
        assert_string_equal(jx_str(row, "Layers[0]", ""), layer);
        assert_memory_equal(jx_str(row, "Config", ""), id.id + 7, 64);
        assert_memory_equal(layer, id.layer + 7, 64);
    }
    assert_int_equal(json_array_size(rows), i);
    json_decref(rows);
    /* the digests are those of the files */
    run(&archive,
        "d=$(mktemp -d); tar -xf $f -C $d; cd $d; for j in *.json; do "
        "[ $j = manifest.json ] || [ $(sha256sum <$j | cut -c1-64).json = $j ] || echo $j; done; "
        "for l in */layer.tar; do [ $(sha256sum <$l | cut -c1-64)/layer.tar = $l ] || echo $l; "
        "done; rm -r $d",
        &sums);
    assert_string_equal(str_c(&sums), "");
}

static void test_identities_differ_and_strangers_have_none(void **state)
{
    struct image_identity a, b;
    assert_true(images_identity("podlab/web:v1", &a));
    assert_true(images_identity("podlab/web:v2", &b));
    assert_string_not_equal(a.id, b.id);
    assert_string_not_equal(a.label, b.label);
    assert_string_equal(a.layer, b.layer);
    assert_false(images_identity("podlab/web:v9", &a));
}

static void test_the_guest_is_a_program(void **state)
{
    assert_true(guest_blob_end - guest_blob > 1000);
    assert_memory_equal(guest_blob, "\177ELF", 4);
}

static void test_busybox_has_its_applets(void **state)
{
    cleanup_str struct str archive = STR_INIT, list = STR_INIT;
    struct err err;
    if (access("/bin/busybox", X_OK) != 0) {
        assert_int_equal(images_busybox(&archive, &err), -1);
        assert_int_equal(err.code, ERR_NOT_FOUND);
        return;
    }
    assert_int_equal(images_busybox(&archive, &err), 0);
    run(&archive, "tar -xOf $f --wildcards '*/layer.tar' | tar -tvf -", &list);
    assert_non_null(strstr(str_c(&list), "bin/sh -> busybox"));
    assert_non_null(strstr(str_c(&list), "bin/httpd -> busybox"));
}

static void test_busybox_must_be_static(void **state)
{
    cleanup_str struct str archive = STR_INIT;
    struct err err;
    assert_int_equal(images_busybox_from("/bin/ls", &archive, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.msg, "busybox-static"));
    assert_int_equal(images_busybox_from("/etc/passwd", &archive, &err), -1);
    assert_int_equal(images_busybox_from("/nowhere", &archive, &err), -1);
    assert_int_equal(archive.len, 0);
}

static void test_names_are_understood(void **state)
{
    static const struct {
        const char *text, *registry, *full;
    } rows[] = {
        {"busybox", "docker.io", "busybox:latest"},
        {"docker.io/library/nginx:1.25", "docker.io", "nginx:1.25"},
        {"index.docker.io/podlab/web:v1", "docker.io", "podlab/web:v1"},
        {"ghcr.io/a/b-c__d", "ghcr.io", "ghcr.io/a/b-c__d:latest"},
        {"localhost:5000/x:y", "localhost:5000", "localhost:5000/x:y"},
        {"localhost/x", "localhost", "localhost/x:latest"},
        {"a--b/c", "docker.io", "a--b/c:latest"},
        {"x:v1@sha256:0123456789abcdef0123456789abcdef", "docker.io",
         "x@sha256:0123456789abcdef0123456789abcdef"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct image_name name;
        struct err err;
        char full[512];
        assert_int_equal(image_name_parse(rows[i].text, &name, &err), 0);
        image_name_text(&name, full, sizeof(full));
        assert_string_equal(name.registry, rows[i].registry);
        assert_string_equal(full, rows[i].full);
    }
}

static void test_what_is_no_name_is_refused(void **state)
{
    static const char *const bad[] = {
        "",      "Web",   "../x", "a/../b",   "a//b",  "a/./b",        "/a",           "a/", "a b",
        "a?x=1", "a%2f",  "a#b",  "a:",       "a:b c", "a:-x",         "a@sha256:zz",  "-a", "a-",
        "a..b",  "a___b", "a@",   "a:b/c:d:", "\n",    "x\r\nHost: y", "a/b/..",       "..", ".",
        "a._b",  "@",     ":",    "podlab/",  "a_",    "a:b@foo",      "ghcr.io/../a",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct image_name name;
        struct err err = {0};
        if (image_name_parse(bad[i], &name, &err) == 0) {
            fail_msg("\"%s\" was taken for \"%s\"", bad[i], name.repository);
        }
        assert_int_equal(err.code, ERR_INVALID);
    }
    char longer[600];
    memset(longer, 'a', sizeof(longer) - 1);
    struct image_name name;
    struct err err;
    for (size_t n = 200; n < sizeof(longer); n++) {
        longer[n] = '\0';
        (void)!image_name_parse(longer, &name, &err);
        longer[n] = 'a';
    }
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tar_is_read_by_tar),
        cmocka_unit_test(test_the_archive_never_changes),
        cmocka_unit_test(test_images_share_a_layer_and_keep_their_ids),
        cmocka_unit_test(test_identities_differ_and_strangers_have_none),
        cmocka_unit_test(test_the_guest_is_a_program),
        cmocka_unit_test(test_busybox_has_its_applets),
        cmocka_unit_test(test_busybox_must_be_static),
        cmocka_unit_test(test_names_are_understood),
        cmocka_unit_test(test_what_is_no_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
