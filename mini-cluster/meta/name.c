/* SPDX-License-Identifier: Apache-2.0 */
/* Which names are well-formed, said in the sentences learners will meet in every cluster, and where
 * generated names come from. */
#include "meta/name.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"

/* Without vowels and look-alikes: generated names spell no words. */
static const char ALPHABET[] = "bcdfghjklmnpqrstvwxz2456789";

enum { MAX_LABEL = 63, MAX_SUBDOMAIN = 253, MAX_PORT_NAME = 15, MAX_GENERATED_BASE = 58 };

#define LABEL_RE "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define SUBDOMAIN_SENTENCE                                                                         \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is '" LABEL_RE "(\\." LABEL_RE ")*')"
#define QUALIFIED_SENTENCE                                                                         \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "    \
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "         \
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

/* ASCII only, whatever the locale. */
static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? over n bytes. */
static bool is_label(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool edge = i == 0 || i == n - 1;
        if (!is_lower(s[i]) && !is_digit(s[i]) && (edge || s[i] != '-')) {
            return false;
        }
    }
    return n > 0;
}

/* Labels joined by dots; their length is not limited here. */
static bool is_subdomain(const char *s, size_t n)
{
    const char *end = s + n;
    for (;;) {
        const char *dot = memchr(s, '.', (size_t)(end - s));
        const char *stop = dot != NULL ? dot : end;
        if (!is_label(s, (size_t)(stop - s))) {
            return false;
        }
        if (dot == NULL) {
            return true;
        }
        s = dot + 1;
    }
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9] */
static bool is_qualified(const char *s)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++) {
        bool edge = i == 0 || i == n - 1;
        if (!is_alnum(s[i]) && (edge || strchr("-_.", s[i]) == NULL)) {
            return false;
        }
    }
    return n > 0;
}

const char *name_check_label(const char *s)
{
    size_t n = strlen(s);
    if (n > MAX_LABEL) {
        return "must be no more than 63 bytes";
    }
    if (is_label(s, n)) {
        return NULL;
    }
    return is_subdomain(s, n)
               ? "must not contain dots"
               : "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "
                 "'-', and must start and end with an alphanumeric character (e.g. 'my-name',  or "
                 "'123-abc', regex used for validation is '" LABEL_RE "')";
}

const char *name_check_subdomain(const char *s)
{
    size_t n = strlen(s);
    if (n > MAX_SUBDOMAIN) {
        return "must be no more than 253 bytes";
    }
    return is_subdomain(s, n) ? NULL : SUBDOMAIN_SENTENCE;
}

const char *name_check_dns1035(const char *s)
{
    size_t n = strlen(s);
    if (n > MAX_LABEL) {
        return "must be no more than 63 bytes";
    }
    if (is_label(s, n) && is_lower(s[0])) {
        return NULL;
    }
    return "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with "
           "an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
           "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
}

const char *name_check_key(const char *s)
{
    const char *slash = strchr(s, '/');
    const char *name = slash != NULL ? slash + 1 : s;
    if (strchr(name, '/') != NULL) {
        return "a qualified name " QUALIFIED_SENTENCE
               " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
    }
    if (slash == s) {
        return "prefix part must be non-empty";
    }
    if (slash != NULL && slash - s > MAX_SUBDOMAIN) {
        return "prefix part must be no more than 253 bytes";
    }
    if (slash != NULL && !is_subdomain(s, (size_t)(slash - s))) {
        return "prefix part " SUBDOMAIN_SENTENCE;
    }
    if (*name == '\0') {
        return "name part must be non-empty";
    }
    if (strlen(name) > MAX_LABEL) {
        return "name part must be no more than 63 bytes";
    }
    return is_qualified(name) ? NULL : "name part " QUALIFIED_SENTENCE;
}

const char *name_check_label_value(const char *s)
{
    if (strlen(s) > MAX_LABEL) {
        return "must be no more than 63 bytes";
    }
    if (*s == '\0' || is_qualified(s)) {
        return NULL;
    }
    return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "
           "or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
           "'my_value',  or '12345', regex used for validation is "
           "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
}

const char *name_check_env(const char *s)
{
    if (*s == '\0') {
        return "environment variable name must be non-empty";
    }
    for (; *s != '\0'; s++) {
        if (*s < ' ' || *s > '~' || *s == '=') {
            return "a valid environment variable name must consist only of printable ASCII "
                   "characters other than '='";
        }
    }
    return NULL;
}

const char *name_check_config_key(const char *s)
{
    if (strlen(s) > MAX_SUBDOMAIN) {
        return "must be no more than 253 bytes";
    }
    if (strcmp(s, ".") == 0) {
        return "must not be '.'";
    }
    if (strcmp(s, "..") == 0) {
        return "must not be '..'";
    }
    if (str_has_prefix(s, "..")) {
        return "must not start with '..'";
    }
    const char *p = s;
    while (is_alnum(*p) || (*p != '\0' && strchr("-_.", *p) != NULL)) {
        p++;
    }
    return p > s && *p == '\0'
               ? NULL
               : "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
                 "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
                 "'[-._a-zA-Z0-9]+')";
}

const char *name_check_port(const char *s)
{
    size_t n = strlen(s);
    bool letter = false;
    if (n > MAX_PORT_NAME) {
        return "must be no more than 15 bytes";
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_lower(s[i]) && !is_digit(s[i]) && s[i] != '-') {
            return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
        }
        letter = letter || is_lower(s[i]);
    }
    if (!letter) {
        return "must contain at least one letter (a-z)";
    }
    if (strstr(s, "--") != NULL) {
        return "must not contain consecutive hyphens";
    }
    return s[0] == '-' || s[n - 1] == '-' ? "must not begin or end with a hyphen" : NULL;
}

/* ---- generated names ---- */

char *name_generate(struct loop *loop, const char *base)
{
    char suffix[6] = {0};
    for (int i = 0; i < 5; i++) {
        suffix[i] = ALPHABET[loop_random_below(loop, LOOP_RANDOM_NAME, sizeof(ALPHABET) - 1)];
    }
    return xasprintf("%.*s%s", (int)MAX_GENERATED_BASE, base, suffix);
}

/* Shuffles the numbers of 24 bits among themselves: each step can be undone, so no two meet. */
static uint32_t shuffle(uint32_t x, uint64_t key)
{
    for (int round = 0; round < 4; round++) {
        x = (x + (uint32_t)(key >> (16 * round) & 0xffff)) & 0xffffffu;
        x = x * 0x9e3779b1u & 0xffffffu;
        x ^= x >> 11;
    }
    return x;
}

char *name_numbered(const char *base, const char *seed, uint64_t n)
{
    enum { LETTERS = sizeof(ALPHABET) - 1, NAMES = LETTERS * LETTERS * LETTERS * LETTERS * LETTERS };
    uint64_t key = str_hash(seed, strlen(seed));
    uint32_t x = shuffle((uint32_t)(n % NAMES), key);
    while (x >= NAMES) { /* what is no name is shuffled on: it leads to one, and to another each */
        x = shuffle(x, key);
    }
    char suffix[6] = {0};
    for (int i = 0; i < 5; i++, x /= LETTERS) {
        suffix[i] = ALPHABET[x % LETTERS];
    }
    return xasprintf("%.*s%s", (int)MAX_GENERATED_BASE, base, suffix);
}

void name_safe_hash(char buf[11], unsigned hash)
{
    snprintf(buf, 11, "%u", hash);
    for (char *p = buf; *p != '\0'; p++) {
        *p = ALPHABET[(unsigned char)*p % (sizeof(ALPHABET) - 1)];
    }
}

void name_uid(struct loop *loop, char buf[37])
{
    uint8_t b[16];
    loop_random(loop, LOOP_RANDOM_UID, b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* version 4 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80); /* the RFC's variant */
    char hex[33];
    str_hex(hex, b, sizeof(b));
    snprintf(buf, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}
