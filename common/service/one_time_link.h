/*
 * one_time_link.h - links that are mailed: each good once, for a while, and for whoever has the mail.
 *
 * They are used by POST only, so that a mail scanner that opens them does nothing.
 */
#ifndef CLOUDEP_ONE_TIME_LINK_H
#define CLOUDEP_ONE_TIME_LINK_H

#include "base/store/link_store.h"
#include "core/context.h"

/* A link about to be mailed; what is kept of it is the caller's to store. */
typedef struct cloudep_new_link_t {
    const char *url;    /* NULL: CloudEPAccountURL is not set, there is no link */
    const char *digest; /* NULL: the same */
} cloudep_new_link_t;

/** A new link of that kind (CLOUDEP_LINK_...). */
cloudep_outcome_t cloudep_new_link(cloudep_context_t *ctx, const char *tenant_id, const char *kind,
                                   cloudep_new_link_t *out);

/** The link of a token, if it is still good; its member is noted for the event. LINK_GONE. */
cloudep_outcome_t cloudep_find_link(cloudep_context_t *ctx, const char *token, cloudep_link_t *link);

/** Uses it up, before anything that it allows. LINK_GONE: another request was first. */
cloudep_outcome_t cloudep_use_link(cloudep_context_t *ctx, const cloudep_link_t *link);

/** Puts a used link back, after the step that it allowed has failed. */
void cloudep_restore_link(cloudep_context_t *ctx, const cloudep_link_t *link);

#endif
