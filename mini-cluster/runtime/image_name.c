/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of image references. Names also become parts of request paths, so nothing that is not
 * in the grammar gets through. */
#include "runtime/image_name.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"

#define DEFAULT_REGISTRY "docker.io"

static bool is_low(char c)
{
    return islower((unsigned char)c) || isdigit((unsigned char)c);
}

/* How many bytes of a separator stand here; 0: none. */
static size_t separator(const char *s)
{
    if (*s == '-') {
        return strspn(s, "-");
    }
    return strncmp(s, "__", 2) == 0 ? 2 : *s == '_' || *s == '.' ? 1 : 0;
}

/* Up to the next slash: runs of [a-z0-9] with ".", "_", "__" or dashes between them. */
static bool part_ok(const char *s, size_t n)
{
    for (size_t i = 0;;) {
        size_t start = i;
        while (i < n && is_low(s[i])) {
            i++;
        }
        if (i == start) {
            return false;
        }
        if (i == n) {
            return true;
        }
        size_t gap = separator(s + i);
        if (gap == 0) {
            return false;
        }
        i += gap;
    }
}

static bool path_ok(const char *s)
{
    for (;;) {
        size_t n = strcspn(s, "/");
        if (!part_ok(s, n)) {
            return false;
        }
        if (s[n] == '\0') {
            return true;
        }
        s += n + 1;
    }
}

/* "host", "host.name", "host:5000", "[::1]:5000". */
static bool registry_ok(const char *s)
{
    bool brackets = s[0] == '[';
    for (const char *p = s; *p != '\0'; p++) {
        if (!isalnum((unsigned char)*p) && strchr(brackets ? "[]:.-" : ".-:", *p) == NULL) {
            return false;
        }
    }
    return isalnum((unsigned char)s[0]) || brackets;
}

static bool tag_ok(const char *s)
{
    size_t n = strlen(s);
    bool ok = n > 0 && n <= 128 && (isalnum((unsigned char)s[0]) || s[0] == '_');
    for (size_t i = 1; ok && i < n; i++) {
        ok = isalnum((unsigned char)s[i]) || strchr("_.-", s[i]) != NULL;
    }
    return ok;
}

static bool digest_ok(const char *s)
{
    const char *hex = strchr(s, ':');
    size_t n = hex != NULL ? strspn(hex + 1, "0123456789abcdef") : 0;
    return hex != NULL && hex > s &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+.-_") == (size_t)(hex - s) && n >= 32 &&
           n <= 128 && hex[1 + n] == '\0';
}

static int refuse(struct err *err, const char *text, const char *why)
{
    return err_set(err, ERR_INVALID, "couldn't parse image name \"%.200s\": %s", text, why);
}

/* Takes the tag and the digest off the end of rest. */
static int take_ends(char *rest, const char *text, struct image_name *ret, struct err *err)
{
    char *at = strchr(rest, '@');
    if (at != NULL) {
        *at = '\0';
        if (strlen(at + 1) >= sizeof(ret->digest) || !digest_ok(at + 1)) {
            return refuse(err, text,
                          "invalid digest: expected \"sha256:\" and 64 hexadecimal digits");
        }
        str_copy(ret->digest, sizeof(ret->digest), at + 1);
    }
    char *slash = strrchr(rest, '/');
    char *colon = strchr(slash != NULL ? slash : rest, ':');
    if (colon != NULL) {
        *colon = '\0';
        if (!tag_ok(colon + 1)) {
            return refuse(err, text,
                          "invalid tag: expected letters, digits, \"_\", \".\" and \"-\"");
        }
        str_copy(ret->tag, sizeof(ret->tag), at != NULL ? "" : colon + 1);
    } else if (at == NULL) {
        str_copy(ret->tag, sizeof(ret->tag), "latest");
    }
    return 0;
}

/* Takes the registry off the front: the first part is one when it looks like a host. */
static const char *take_registry(char *rest, struct image_name *ret)
{
    str_copy(ret->registry, sizeof(ret->registry), DEFAULT_REGISTRY);
    char *slash = strchr(rest, '/');
    if (slash == NULL) {
        return rest;
    }
    *slash = '\0';
    bool host = strpbrk(rest, ".:[") != NULL || strcmp(rest, "localhost") == 0;
    if (host) {
        str_copy(ret->registry, sizeof(ret->registry),
                 strcmp(rest, "index.docker.io") == 0 ? DEFAULT_REGISTRY : rest);
    }
    *slash = '/';
    return host ? slash + 1 : rest;
}

int image_name_parse(const char *text, struct image_name *ret, struct err *err)
{
    char rest[512];
    struct image_name name = {0};
    if (text[0] == '\0') {
        return refuse(err, text, "it is empty");
    }
    if (str_copy(rest, sizeof(rest), text) >= sizeof(rest)) {
        return refuse(err, text, "it is longer than 511 bytes");
    }
    if (take_ends(rest, text, &name, err) != 0) {
        return -1;
    }
    const char *path = take_registry(rest, &name);
    bool hub = strcmp(name.registry, DEFAULT_REGISTRY) == 0;
    if (hub && str_has_prefix(path, "library/")) {
        path += strlen("library/");
    }
    if (strlen(path) + strlen(name.registry) + 2 > sizeof(name.repository)) {
        return refuse(err, text, "repository name must not be longer than 255 characters");
    }
    for (const char *p = path; *p != '\0'; p++) {
        if (isupper((unsigned char)*p)) {
            return refuse(err, text, "repository name must be lowercase");
        }
    }
    if (!registry_ok(name.registry) || !path_ok(path)) {
        return refuse(err, text, "invalid reference format");
    }
    int n = snprintf(name.repository, sizeof(name.repository), "%s%s%s", hub ? "" : name.registry,
                     hub ? "" : "/", path);
    if (n < 0 || (size_t)n >= sizeof(name.repository)) {
        return refuse(err, text, "it is too long");
    }
    *ret = name;
    return 0;
}

void image_name_text(const struct image_name *name, char *ret, unsigned size)
{
    snprintf(ret, size, "%s%s%s", name->repository, name->digest[0] != '\0' ? "@" : ":",
             name->digest[0] != '\0' ? name->digest : name->tag);
}

bool image_name_is_podlab(const struct image_name *name)
{
    return str_has_prefix(name->repository, "podlab/");
}
