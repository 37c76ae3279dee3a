/*
 * needs.h - the parts of a configuration that an operation cannot do without.
 */
#ifndef CLOUDEP_NEEDS_H
#define CLOUDEP_NEEDS_H

enum {
    CLOUDEP_NEEDS_DATABASE = 1,
    CLOUDEP_NEEDS_CACHE = 2,
    CLOUDEP_NEEDS_SIGNING = 4,   /* a private signing key */
    CLOUDEP_NEEDS_VERIFYING = 8, /* at least public keys */
    CLOUDEP_NEEDS_SEALING = 16,
    CLOUDEP_NEEDS_PROVIDER = 32,
    CLOUDEP_NEEDS_MAIL = 64,
    CLOUDEP_NEEDS_SMS = 128,
    CLOUDEP_NEEDS_SOCIAL = 256,
    CLOUDEP_NEEDS_EXCHANGE = 512,
    CLOUDEP_NEEDS_SESSION_KEYS = 1024, /* where the session cookie says who asks */
    CLOUDEP_NEEDS_PASSKEYS = 2048,
    CLOUDEP_NEEDS_TENANT = 4096 /* CloudEPTenant, as nothing in a request names the tenant */
};

#endif
