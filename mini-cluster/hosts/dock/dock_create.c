/* SPDX-License-Identifier: Apache-2.0 */
/* The body of POST /containers/create but for its HostConfig, and what must fit together in it. */
#include "hosts/dock/dock_create_impl.h"

#include <string.h>
#include <strings.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/dock/dock_ports.h"

/* ---- single fields ---- */

static int read_image(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    struct dock_create *c = arg;
    (void)out;
    if (!json_is_string(v) || json_string_length(v) > 512) {
        return err_set(err, ERR_BAD_REQUEST, "%s must be the name of an image", path);
    }
    free(c->image);
    c->image = xstrdup(json_string_value(v));
    return 0;
}

static int read_exposed(void *arg, const char *path, const json_t *v, json_t *out, struct err *err)
{
    const char *key;
    json_t *value;
    bool udp;
    int port;
    (void)arg;
    json_t *ports = json_object();
    json_object_set_new(out, "ExposedPorts", ports);
    json_object_foreach((json_t *)(uintptr_t)v, key, value)
    {
        if (!dock_port_parse(key, &udp, &port)) {
            return err_set(err, ERR_BAD_REQUEST, "%s: \"%.60s\" is no TCP or UDP port", path, key);
        }
        json_object_set_new(ports, key, json_object());
    }
    return json_is_object(v) ? 0 : err_set(err, ERR_BAD_REQUEST, "%s must be an object", path);
}

/* ---- NetworkingConfig ---- */

static const char one_network[] = "a container of a podlab host is on its bridge, at an address "
                                  "that the host chooses";

static const struct dock_field endpoint_fields[] = {
    DOCK_REFUSE("IPAMConfig", one_network),
    DOCK_REFUSE("Links", one_network),
    DOCK_REFUSE("Aliases", one_network),
    DOCK_REFUSE("NetworkID", one_network),
    DOCK_REFUSE("EndpointID", one_network),
    DOCK_REFUSE("Gateway", one_network),
    DOCK_REFUSE("IPAddress", one_network),
    DOCK_REFUSE("IPPrefixLen", one_network),
    DOCK_REFUSE("IPv6Gateway", one_network),
    DOCK_REFUSE("GlobalIPv6Address", one_network),
    DOCK_REFUSE("GlobalIPv6PrefixLen", one_network),
    DOCK_REFUSE("MacAddress", one_network),
    DOCK_REFUSE("DriverOpts", one_network),
    DOCK_REFUSE("GwPriority", one_network),
    DOCK_REFUSE("DNSNames", one_network),
    {0},
};

static const struct dock_field endpoints_fields[] = {
    DOCK_TAKE("default", DOCK_OBJECT, .fields = endpoint_fields),
    DOCK_TAKE("bridge", DOCK_OBJECT, .fields = endpoint_fields),
    DOCK_TAKE("none", DOCK_OBJECT, .fields = endpoint_fields),
    {0},
};

static int read_endpoints(void *arg, const char *path, const json_t *v, json_t *out,
                          struct err *err)
{
    json_auto_t *ignored = json_object();
    (void)out;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)v, key, value)
    {
        bool joins = str_has_prefix(key, "container:"); /* that mode, again */
        if (!joins && dock_fields_find(endpoints_fields, key) == NULL) {
            return err_set(err, ERR_FORBIDDEN,
                           "%s: network %.100s not found: a podlab host has bridge and none", path,
                           key);
        }
        if (json_is_object(value) &&
            dock_fields_read(endpoint_fields, value, path, ignored, arg, err) != 0) {
            return -1;
        }
    }
    return json_is_object(v) ? 0 : err_set(err, ERR_BAD_REQUEST, "%s must be an object", path);
}

static const struct dock_field networking_fields[] = {
    DOCK_TAKE("EndpointsConfig", DOCK_OWN, .fn = read_endpoints),
    {0},
};

static const struct dock_field health_fields[] = {
    DOCK_TAKE("Test", DOCK_STRS),
    DOCK_TAKE("Interval", DOCK_INT, DOCK_ANY_INT),
    DOCK_TAKE("Timeout", DOCK_INT, DOCK_ANY_INT),
    DOCK_TAKE("StartPeriod", DOCK_INT, DOCK_ANY_INT),
    DOCK_TAKE("StartInterval", DOCK_INT, DOCK_ANY_INT),
    DOCK_TAKE("Retries", DOCK_INT, .min = 0, .max = 1000),
    {0},
};

/* ---- the whole ---- */

static const struct dock_field create_fields[] = {
    DOCK_TAKE("ArgsEscaped", DOCK_IGNORE),
    DOCK_TAKE("AttachStderr", DOCK_BOOL),
    DOCK_TAKE("AttachStdin", DOCK_BOOL),
    DOCK_TAKE("AttachStdout", DOCK_BOOL),
    DOCK_TAKE("Cmd", DOCK_WORDS),
    DOCK_TAKE("Domainname", DOCK_STR),
    DOCK_TAKE("Entrypoint", DOCK_WORDS),
    DOCK_TAKE("Env", DOCK_STRS),
    DOCK_TAKE("ExposedPorts", DOCK_OWN, .fn = read_exposed),
    DOCK_TAKE("Healthcheck", DOCK_OBJECT, .fields = health_fields),
    DOCK_TAKE("HostConfig", DOCK_OWN, .fn = dock_create_host),
    DOCK_TAKE("Hostname", DOCK_STR),
    DOCK_TAKE("Image", DOCK_OWN, .fn = read_image),
    DOCK_TAKE("Labels", DOCK_OWN, .fn = dock_create_labels_read),
    DOCK_REFUSE("MacAddress", one_network),
    DOCK_REFUSE("NetworkDisabled", "use --network none"),
    DOCK_TAKE("NetworkingConfig", DOCK_OBJECT, .fields = networking_fields),
    DOCK_REFUSE("OnBuild", "nothing is built here"),
    DOCK_TAKE("OpenStdin", DOCK_BOOL),
    DOCK_TAKE("Shell", DOCK_STRS),
    DOCK_TAKE("StdinOnce", DOCK_BOOL),
    DOCK_TAKE("StopSignal", DOCK_STR),
    DOCK_TAKE("StopTimeout", DOCK_INT, .min = -1, .max = 86400),
    DOCK_TAKE("Tty", DOCK_BOOL),
    DOCK_TAKE("User", DOCK_STR),
    DOCK_TAKE("Volumes", DOCK_OWN, .fn = dock_mounts_volumes),
    DOCK_TAKE("WorkingDir", DOCK_STR),
    {0},
};

static int check_together(const struct dock_create *c, struct err *err)
{
    if (c->image == NULL || c->image[0] == '\0') {
        return err_set(err, ERR_BAD_REQUEST, "no image specified");
    }
    if (c->policy.restart != DOCK_NEVER && jx_bool(c->host, "AutoRemove", false)) {
        return err_set(err, ERR_BAD_REQUEST,
                       "can't create 'AutoRemove' container with restart policy");
    }
    bool publishes =
        jx_len(c->shown, "PortBindings") > 0 || jx_bool(c->shown, "PublishAllPorts", false);
    if (c->network == DOCK_NET_JOINED && publishes) {
        return err_set(err, ERR_BAD_REQUEST,
                       "conflicting options: port publishing and the "
                       "container type network mode");
    }
    return 0;
}

int dock_create_read(const char *body, size_t n, const char *host_address, struct dock_create *ret,
                     struct err *err)
{
    struct dock_create c = {.config = json_object(),
                            .host = json_object(),
                            .shown = json_object(),
                            .address = host_address};
    if (dock_fields_parse(create_fields, body, n, c.config, &c, err) != 0 ||
        check_together(&c, err) != 0) {
        dock_create_fini(&c);
        return -1;
    }
    json_object_del(c.config, "NetworkingConfig"); /* it said nothing that may be said */
    json_object_set_new(c.shown, "RestartPolicy", dock_policy_show(&c.policy));
    if (json_object_get(c.shown, "NetworkMode") == NULL) {
        json_object_set_new(c.shown, "NetworkMode", json_string("default"));
    }
    *ret = c;
    return 0;
}

void dock_create_fini(struct dock_create *c)
{
    for (size_t i = 0; i < c->mounts.n; i++) {
        free(c->mounts.v[i].source);
        free(c->mounts.v[i].target);
        json_decref(c->mounts.v[i].labels);
    }
    for (size_t i = 0; i < c->froms.n; i++) {
        free(c->froms.v[i].ref);
    }
    for (size_t i = 0; i < DOCK_JOINS; i++) {
        free(c->joins[i]);
    }
    vec_fini(&c->mounts);
    vec_fini(&c->froms);
    json_decref(c->config);
    json_decref(c->host);
    json_decref(c->shown);
    free(c->image);
    *c = (struct dock_create){0};
}
