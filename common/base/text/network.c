/*
 * network.c - see network.h.
 */
#include "base/text/network.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

const char *cloudep_ipv6_network(const apr_sockaddr_t *address, unsigned prefix, apr_pool_t *pool)
{
    const unsigned kept = prefix / 8;
    struct in6_addr network;
    char text[INET6_ADDRSTRLEN];

    if (address->family != APR_INET6 || IN6_IS_ADDR_V4MAPPED(&address->sa.sin6.sin6_addr)) {
        return NULL;
    }
    network = address->sa.sin6.sin6_addr;
    memset(network.s6_addr + kept, 0, sizeof(network.s6_addr) - kept);
    if (!inet_ntop(AF_INET6, &network, text, sizeof(text))) {
        return NULL;
    }
    return apr_psprintf(pool, "%s/%u", text, prefix);
}
