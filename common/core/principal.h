/*
 * principal.h - whom a live token or session speaks for.
 */
#ifndef CLOUDEP_PRINCIPAL_H
#define CLOUDEP_PRINCIPAL_H

#include "base/store/session_store.h"

typedef struct cloudep_principal_t {
    const char *tenant_id;
    const char *uid;
    const char *tenant_slug;        /* NULL with development headers */
    const char *session_id;         /* NULL with development headers */
    const char *amr;                /* space separated, RFC 8176 */
    cloudep_proofs_t proofs;        /* nothing with development headers */
    int cookie_seq;                 /* of the session cookie that said so; 0: another way than a cookie of kind own */
    const char *attributes;         /* a JSON object; NULL: it was not asked for */
    const cloudep_member_t *member; /* NULL: the member's row is gone, or was not asked for (guarded Locations) */
} cloudep_principal_t;

#endif
