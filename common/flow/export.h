/*
 * export.h - all that is kept of a member, for that member; no secret is in it.
 */
#ifndef CLOUDEP_FLOW_EXPORT_H
#define CLOUDEP_FLOW_EXPORT_H

#include "base/store/identity_store.h"
#include "base/store/operator_store.h"
#include "base/store/passkey_store.h"
#include "core/context.h"
#include "core/principal.h"

/* Rows of one kind, and what their columns are. */
typedef struct cloudep_exported_rows_t {
    const cloudep_record_t *record;
    apr_array_header_t *rows;
} cloudep_exported_rows_t;

typedef struct cloudep_exported_t {
    cloudep_exported_rows_t member; /* one row: cloudep_operator_member_details_t */
    cloudep_exported_rows_t identities;
    cloudep_exported_rows_t passkeys; /* without their keys */
    cloudep_exported_rows_t sessions; /* those that are over, too */
    cloudep_exported_rows_t events;   /* newest first */
    int complete;                     /* no: there are more sessions or events than one answer takes */
} cloudep_exported_t;

/** MEMBER_UNKNOWN. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_export(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_exported_t *out);

#endif
