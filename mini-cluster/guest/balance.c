/* SPDX-License-Identifier: Apache-2.0 */
/* The roles that forward: a simulated machine's ports, and the services with their names. */
#include <string.h>

#include "guest/control.h"
#include "guest/dns_server.h"
#include "guest/forward.h"
#include "guest/guest.h"
#include "guest/zone.h"

static bool with_names;

static void snapshot_begin(void)
{
    forward_snapshot_begin();
    zone_snapshot_begin();
}

static void snapshot_end(void)
{
    forward_snapshot_end();
    zone_snapshot_end();
}

static void configure(const struct table_config *c)
{
    static struct table_config last;
    if (!with_names || memcmp(&last, c, sizeof(last)) == 0) {
        return;
    }
    last = *c;
    forward_opts.dns = c->dns;
    dns_server_config(c);
    dns_upstream_config(c);
}

static void apply(const struct table_record *r)
{
    switch (r->op) {
    case TABLE_FORWARD_PUT:
        forward_put(&r->forward);
        break;
    case TABLE_FORWARD_DELETE:
        forward_delete(r->forward.key);
        break;
    case TABLE_NAME_PUT:
        zone_put(&r->name);
        break;
    case TABLE_NAME_DELETE:
        zone_delete(r->name.kind, r->name.name);
        break;
    case TABLE_CONFIG:
        configure(&r->config);
        break;
    }
}

static int run(void)
{
    static const struct control_ops ops = {
        .begin = snapshot_begin, .apply = apply, .end = snapshot_end, .settle = forward_settle};
    ev_init();
    relay_init(ev_raise_files());
    control_start(&ops);
    ev_run(NULL);
    return 0;
}

int host_main(int argc, char **argv)
{
    return run();
}

int services_main(int argc, char **argv)
{
    with_names = true;
    forward_opts.addresses = true;
    return run();
}
