/* SPDX-License-Identifier: Apache-2.0 */
/* Docker publishes nothing of these containers: the host's guest forwards, and this says what. */
#include "hosts/dock/dock_ports.h"

#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

enum {
    MAX_PUBLISHED = 256,
    FIRST_EPHEMERAL = 32768,
    LAST_EPHEMERAL = 60999,
};

static const char any_address[] = "0.0.0.0";

void dock_ports_fini(struct dock_ports *p)
{
    vec_fini(&p->all);
}

bool dock_port_parse(const char *text, bool *ret_udp, int *ret_port)
{
    char number[8];
    int64_t port;
    size_t n = strcspn(text, "/");
    const char *proto = text[n] == '/' ? text + n + 1 : "tcp";
    if (n >= sizeof(number) || (strcmp(proto, "tcp") != 0 && strcmp(proto, "udp") != 0)) {
        return false;
    }
    memcpy(number, text, n);
    number[n] = '\0';
    if (!str_to_i64(number, 1, 65535, &port)) {
        return false;
    }
    *ret_udp = strcmp(proto, "udp") == 0;
    *ret_port = (int)port;
    return true;
}

/* ---- what is wanted ---- */

/* "", "0", "8080" or "8000-8010". */
static bool parse_range(const char *text, int *ret_low, int *ret_high)
{
    char first[8];
    int64_t low;
    int64_t high;
    size_t n = strcspn(text, "-");
    if (text[0] == '\0' || strcmp(text, "0") == 0) {
        *ret_low = *ret_high = 0;
        return true;
    }
    if (n >= sizeof(first)) {
        return false;
    }
    memcpy(first, text, n);
    first[n] = '\0';
    if (!str_to_i64(first, 1, 65535, &low)) {
        return false;
    }
    high = low;
    if (text[n] == '-' && !str_to_i64(text + n + 1, low, 65535, &high)) {
        return false;
    }
    *ret_low = (int)low;
    *ret_high = (int)high;
    return true;
}

static int check_address(const char *key, const char *ip, const char *address, struct err *err)
{
    if (ip[0] == '\0' || strcmp(ip, any_address) == 0 || strcmp(ip, "::") == 0 ||
        strcmp(ip, address) == 0) {
        return 0;
    }
    return err_set(
        err, ERR_FORBIDDEN,
        "HostConfig.PortBindings[%.20s]: %.60s is no address of this host, which has %s. "
        "Leave the address out, as in -p 8080:80",
        key, ip, address);
}

static int read_binding(const char *key, const json_t *b, const char *address,
                        struct dock_published *d, struct err *err)
{
    const char *field;
    json_t *value;
    if (!json_is_object(b)) {
        return err_set(err, ERR_BAD_REQUEST, "HostConfig.PortBindings[%.20s] must hold objects",
                       key);
    }
    json_object_foreach((json_t *)(uintptr_t)b, field, value)
    {
        if (strcmp(field, "HostIp") != 0 && strcmp(field, "HostPort") != 0) {
            return err_set(err, ERR_BAD_REQUEST,
                           "HostConfig.PortBindings[%.20s]: there is no field %.60s", key, field);
        }
        if (!json_is_string(value)) {
            return err_set(err, ERR_BAD_REQUEST,
                           "HostConfig.PortBindings[%.20s].%s must be a string", key, field);
        }
    }
    if (!parse_range(jx_get_str(b, "HostPort", ""), &d->low, &d->high)) {
        return err_set(err, ERR_BAD_REQUEST, "Invalid port specification: \"%.60s\"",
                       jx_get_str(b, "HostPort", ""));
    }
    return check_address(key, jx_get_str(b, "HostIp", ""), address, err);
}

static int read_bindings(const char *key, const json_t *list, const char *address,
                         struct dock_ports *ret, struct err *err)
{
    struct dock_published d = {0};
    const json_t *b;
    size_t i;
    if (!dock_port_parse(key, &d.udp, &d.target)) {
        return err_set(err, ERR_BAD_REQUEST,
                       "HostConfig.PortBindings: \"%.60s\" is no TCP or UDP port", key);
    }
    if (json_is_null(list) || (json_is_array(list) && json_array_size(list) == 0)) {
        vec_push(&ret->all, d); /* any port */
        return 0;
    }
    if (!json_is_array(list)) {
        return err_set(err, ERR_BAD_REQUEST, "HostConfig.PortBindings[%.20s] must be a list", key);
    }
    jx_each(i, b, list)
    {
        if (read_binding(key, b, address, &d, err) != 0) {
            return -1;
        }
        /* The same port of every kind of address counts once. */
        bool again = ret->all.n > 0 && ret->all.v[ret->all.n - 1].udp == d.udp &&
                     ret->all.v[ret->all.n - 1].target == d.target &&
                     ret->all.v[ret->all.n - 1].low == d.low && d.low != 0;
        if (!again) {
            vec_push(&ret->all, d);
        }
    }
    return 0;
}

int dock_ports_read(const json_t *bindings, const char *address, struct dock_ports *ret,
                    struct err *err)
{
    const char *key;
    json_t *list;
    if (bindings == NULL || json_is_null(bindings)) {
        return 0;
    }
    if (!json_is_object(bindings)) {
        return err_set(err, ERR_BAD_REQUEST, "HostConfig.PortBindings must be an object");
    }
    json_object_foreach((json_t *)(uintptr_t)bindings, key, list)
    {
        if (read_bindings(key, list, address, ret, err) != 0) {
            return -1;
        }
        if (ret->all.n > MAX_PUBLISHED) {
            return err_set(err, ERR_BAD_REQUEST, "more than %d ports are published",
                           (int)MAX_PUBLISHED);
        }
    }
    return 0;
}

static bool publishes(const struct dock_ports *p, bool udp, int target)
{
    for (size_t i = 0; i < p->all.n; i++) {
        if (p->all.v[i].udp == udp && p->all.v[i].target == target) {
            return true;
        }
    }
    return false;
}

void dock_ports_add_exposed(struct dock_ports *p, const json_t *exposed)
{
    const char *key;
    json_t *value;
    struct dock_published d = {0};
    json_object_foreach((json_t *)(uintptr_t)exposed, key, value)
    {
        if (dock_port_parse(key, &d.udp, &d.target) && !publishes(p, d.udp, d.target) &&
            p->all.n < MAX_PUBLISHED) {
            vec_push(&p->all, d);
        }
    }
}

/* ---- what is had ---- */

struct choice {
    const struct dock_ports *ports;
    dock_port_taken *taken;
    void *arg;
};

static bool is_taken(const struct choice *c, bool udp, int port)
{
    for (size_t i = 0; i < c->ports->all.n; i++) {
        const struct dock_published *d = &c->ports->all.v[i];
        if (d->udp == udp && d->port == port) {
            return true;
        }
    }
    return c->taken(c->arg, udp, port);
}

static int choose_any(const struct choice *c, bool udp, int *cursor)
{
    enum { COUNT = LAST_EPHEMERAL - FIRST_EPHEMERAL + 1 };
    for (int i = 0; i < COUNT; i++) {
        int port = FIRST_EPHEMERAL + (*cursor + i) % COUNT;
        if (!is_taken(c, udp, port)) {
            *cursor = (port - FIRST_EPHEMERAL + 1) % COUNT;
            return port;
        }
    }
    return 0;
}

static int choose(const struct choice *c, const struct dock_published *d, int *cursor)
{
    if (d->low == 0) {
        return choose_any(c, d->udp, cursor);
    }
    for (int port = d->low; port <= d->high; port++) {
        if (!is_taken(c, d->udp, port)) {
            return port;
        }
    }
    return 0;
}

int dock_ports_choose(struct dock_ports *p, int *cursor, dock_port_taken *taken, void *arg,
                      struct err *err)
{
    struct choice c = {p, taken, arg};
    for (size_t i = 0; i < p->all.n; i++) {
        p->all.v[i].port = 0;
    }
    for (size_t i = 0; i < p->all.n; i++) {
        struct dock_published *d = &p->all.v[i];
        d->port = choose(&c, d, cursor);
        if (d->port == 0 && d->low == 0) {
            return err_set(err, ERR_CONFLICT, "all ports are allocated");
        }
        if (d->port == 0) {
            return err_set(err, ERR_CONFLICT, "Bind for %s:%d failed: port is already allocated",
                           any_address, d->low);
        }
    }
    return 0;
}

/* ---- kept ---- */

json_t *dock_ports_pack(const struct dock_ports *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->all.n; i++) {
        const struct dock_published *d = &p->all.v[i];
        json_array_append_new(list,
                              json_pack("[s, i, i]", d->udp ? "udp" : "tcp", d->target, d->port));
    }
    return list;
}

void dock_ports_unpack(const json_t *packed, struct dock_ports *ret)
{
    size_t i;
    const json_t *row;
    jx_each(i, row, packed)
    {
        struct dock_published d = {
            .udp = str_eq(json_string_value(json_array_get(row, 0)), "udp"),
            .target = (int)json_integer_value(json_array_get(row, 1)),
            .port = (int)json_integer_value(json_array_get(row, 2)),
        };
        if (d.target > 0 && d.target < 65536 && d.port > 0 && d.port < 65536) {
            d.low = d.high = d.port;
            vec_push(&ret->all, d);
        }
    }
}

/* ---- shown ---- */

json_t *dock_ports_map(const struct dock_ports *p, const json_t *exposed)
{
    json_t *map = json_object();
    char key[16];
    char number[8];
    const char *name;
    json_t *value;
    for (size_t i = 0; i < p->all.n; i++) {
        const struct dock_published *d = &p->all.v[i];
        snprintf(key, sizeof(key), "%d/%s", d->target, d->udp ? "udp" : "tcp");
        snprintf(number, sizeof(number), "%d", d->port);
        json_t *list = json_object_get(map, key);
        if (list == NULL) {
            list = json_array();
            json_object_set_new(map, key, list);
        }
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "HostIp", any_address, "HostPort", number));
    }
    json_object_foreach((json_t *)(uintptr_t)exposed, name, value)
    {
        if (json_object_get(map, name) == NULL) {
            json_object_set_new(map, name, json_null());
        }
    }
    return map;
}

json_t *dock_ports_rows(const struct dock_ports *p, const json_t *exposed)
{
    json_t *rows = json_array();
    const json_t *row;
    size_t j;
    for (size_t i = 0; i < p->all.n; i++) {
        const struct dock_published *d = &p->all.v[i];
        json_array_append_new(rows, json_pack("{s:s, s:i, s:i, s:s}", "IP", any_address,
                                              "PrivatePort", d->target, "PublicPort", d->port,
                                              "Type", d->udp ? "udp" : "tcp"));
    }
    jx_each(j, row, exposed)
    {
        if (!publishes(p, str_eq(jx_get_str(row, "Type", ""), "udp"),
                       (int)jx_int(row, "PrivatePort", 0))) {
            json_array_append_new(rows, jx_edit(row));
        }
    }
    return rows;
}
