/*
 * request.h - messages that the operator's tool asks for: a row without params, whose text the worker makes.
 *
 * cloudepctl has no sealing key and must not know a link's token. So it writes a row that says whom to tell what, and
 * the worker looks the names up, and makes the token, when it sends it. Each try makes another token; those of tries
 * that failed end by themselves.
 */
#ifndef CLOUDEP_OUTBOX_REQUEST_H
#define CLOUDEP_OUTBOX_REQUEST_H

#include <jansson.h>
#include "base/store/outbox_store.h"
#include "core/settings.h"

/**
 * The params of such a row, from p.
 * @param error what failed, in words for the row
 * @return CLOUDEP_EDATA: the message cannot be made; else as cloudep_db_run
 */
apr_status_t cloudep_outbox_fulfil(json_t **params, apr_pool_t *p, const cloudep_config_t *config,
                                   const cloudep_outbox_row_t *row, const char **error);

#endif
