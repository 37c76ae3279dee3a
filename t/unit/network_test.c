/*
 * network_test.c - the networks that an address is counted by.
 */
#include <apr_general.h>

#include "base/text/network.h"
#include "tap.h"

static const apr_sockaddr_t *address(const char *text, apr_pool_t *pool)
{
    apr_sockaddr_t *address = NULL;

    if (apr_sockaddr_info_get(&address, text, APR_UNSPEC, 0, 0, pool) != APR_SUCCESS) {
        ok(0, "%s is read", text);
    }
    return address;
}

static void test_networks(apr_pool_t *pool)
{
    static const struct {
        const char *address;
        unsigned prefix;
        const char *network, *name;
    } cases[] = {
        {"192.0.2.7", 64, NULL, "IPv4 has no IPv6 network"},
        {"::ffff:192.0.2.7", 64, NULL, "nor has IPv4 in IPv6 clothes"},
        {"2001:db8:1:2::7", 64, "2001:db8:1:2::/64", "a /64"},
        {"2001:db8:1:2:ffff:ffff:ffff:ffff", 64, "2001:db8:1:2::/64", "the last address of a /64"},
        {"2001:db8:1:3::", 64, "2001:db8:1:3::/64", "the next /64"},
        {"2001:db8:1:2ff::7", 56, "2001:db8:1:200::/56", "a /56"},
        {"2001:db8:1:300::7", 56, "2001:db8:1:300::/56", "the next /56"},
        {"2001:db8:1:ffff::7", 48, "2001:db8:1::/48", "a /48"},
        {"2001:db8:2::7", 48, "2001:db8:2::/48", "the next /48"},
        {"::1", 64, "::/64", "loopback"},
        {"2001:db8::1", 128, "2001:db8::1/128", "a whole address"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const apr_sockaddr_t *of = address(cases[i].address, pool);

        if (of) {
            is_str(cloudep_ipv6_network(of, cases[i].prefix, pool), cases[i].network, cases[i].name);
        }
    }
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_networks(pool);
    apr_terminate();
    return done_testing();
}
