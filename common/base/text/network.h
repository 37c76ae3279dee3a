/*
 * network.h - the networks of an IPv6 address, as limits count clients.
 *
 * A customer has a /64 at the least (RFC 6177), often a /56 or a /48, and chooses what is behind that prefix as they
 * like (RFC 8981). An IPv4 address is a network of its own.
 */
#ifndef CLOUDEP_NETWORK_H
#define CLOUDEP_NETWORK_H

#include <apr_network_io.h>
#include <apr_pools.h>

/**
 * The network of an IPv6 address with that length of prefix.
 * @param prefix bits, a multiple of 8 and at most 128
 * @return "2001:db8:1:2::/64", from the pool; NULL: the address is IPv4, also one mapped into IPv6
 */
const char *cloudep_ipv6_network(const apr_sockaddr_t *address, unsigned prefix, apr_pool_t *pool);

#endif
