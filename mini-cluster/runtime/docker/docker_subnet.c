/* SPDX-License-Identifier: Apache-2.0 */
/* Two ranges clash when one contains the other's first address. Routes as wide as half of all
 * addresses are ways out (VPNs make them instead of a default route), not networks. */
#include "runtime/docker/docker_subnet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/vec.h"

#define NARROWEST_WAY_OUT 8 /* bits: anything shorter leads to everywhere */

struct range {
    uint32_t first;
    int bits;
};
struct ranges {
    VEC(struct range) all;
};

static uint32_t mask_of(int bits)
{
    return bits == 0 ? 0 : UINT32_MAX << (32 - bits);
}

static bool clash(const struct range *a, const struct range *b)
{
    uint32_t mask = mask_of(a->bits < b->bits ? a->bits : b->bits);
    return (a->first & mask) == (b->first & mask);
}

static bool is_free(const struct ranges *used, const struct range *candidate)
{
    for (size_t i = 0; i < used->all.n; i++) {
        if (clash(&used->all.v[i], candidate)) {
            return false;
        }
    }
    return true;
}

/* "172.17.0.0/16"; anything else, IPv6 too, cannot clash. */
static void add_subnet(struct ranges *used, const char *text)
{
    char address[INET_ADDRSTRLEN];
    struct in_addr in;
    int64_t bits;
    size_t n = strcspn(text, "/");
    if (n >= sizeof(address) || text[n] != '/' || !str_to_i64(text + n + 1, 0, 32, &bits)) {
        return;
    }
    memcpy(address, text, n);
    address[n] = '\0';
    if (inet_pton(AF_INET, address, &in) == 1) {
        struct range r = {ntohl(in.s_addr), (int)bits};
        vec_push(&used->all, r);
    }
}

static void add_networks(struct ranges *used, const json_t *networks)
{
    size_t i, j;
    const json_t *network, *config;
    jx_each(i, network, networks)
    {
        const json_t *configs = jx_arr(network, "IPAM.Config");
        jx_each(j, config, configs)
        {
            add_subnet(used, jx_str(config, "Subnet", ""));
        }
    }
}

/* Iface, destination, gateway, flags, refs, use, metric, mask; numbers in the machine's byte order.
 */
static void add_routes(struct ranges *used, const char *routes)
{
    for (const char *line = strchr(routes, '\n'); line != NULL; line = strchr(line + 1, '\n')) {
        unsigned destination, mask;
        if (sscanf(line + 1, "%*31s %8x %*8x %*x %*d %*d %*d %8x", &destination, &mask) == 2) {
            struct range r = {ntohl(destination), __builtin_popcount(mask)};
            if (r.bits >= NARROWEST_WAY_OUT) {
                vec_push(&used->all, r);
            }
        }
    }
}

static bool try_candidate(const struct ranges *used, unsigned a, unsigned b, char ret[24])
{
    const struct range candidate = {(uint32_t)a << 24 | (uint32_t)b << 16, 16};
    snprintf(ret, 24, "%u.%u.0.0/16", a & 255, b & 255);
    return is_free(used, &candidate);
}

static bool choose(const struct ranges *used, char ret[24])
{
    for (unsigned b = 77; b <= 126; b++) {
        if (try_candidate(used, 10, b, ret)) {
            return true;
        }
    }
    for (unsigned b = 30; b >= 18; b--) {
        if (try_candidate(used, 172, b, ret)) {
            return true;
        }
    }
    return try_candidate(used, 198, 18, ret) || try_candidate(used, 198, 19, ret);
}

static void add_words(struct ranges *used, const char *words)
{
    char word[24];
    int end;
    while (sscanf(words, "%23s%n", word, &end) == 1) {
        add_subnet(used, word);
        words += end;
    }
}

int docker_subnet_choose(const json_t *networks, const char *routes, const char *avoid,
                         char ret[24], struct err *err)
{
    struct ranges used = {0};
    char found[24];
    add_networks(&used, networks);
    add_routes(&used, routes);
    add_words(&used, avoid != NULL ? avoid : "");
    bool ok = choose(&used, found);
    vec_fini(&used.all);
    if (!ok) {
        return err_set(err, ERR_CONFLICT,
                       "no free subnet: Docker's networks and this machine's routes use all of "
                       "10.77 to 10.126, 172.18 to 172.30 and 198.18 to 198.19; remove unused "
                       "networks with `docker network prune`");
    }
    memcpy(ret, found, sizeof(found));
    return 0;
}
