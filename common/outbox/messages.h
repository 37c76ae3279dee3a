/*
 * messages.h - the texts of our mails and SMS: which there are, what they may say, in which languages.
 *
 * A message is files in a folder that an administrator may replace: <message>.<language>.txt, for mails with
 * "Subject: ..." as its first line, and beside it, if wanted, <message>.<language>.html.
 */
#ifndef CLOUDEP_MESSAGES_H
#define CLOUDEP_MESSAGES_H

#include <apr_pools.h>
#include <apr_time.h>
#include <jansson.h>
#include "base/status.h"

/* All messages in all languages of one folder; immutable. */
typedef struct cloudep_messages_t cloudep_messages_t;

/* A rendered message. */
typedef struct cloudep_text_t {
    const char *subject; /* NULL for an SMS */
    const char *text;
    const char *html;     /* or NULL */
    const char *language; /* the one that was found */
} cloudep_text_t;

/**
 * Reads the messages of a channel. Each must be there in default_language or in English. What folder lacks, a message
 * in a language, is taken from installed.
 * On failure *error is a sentence that names file and line.
 */
apr_status_t cloudep_messages_load(const cloudep_messages_t **messages, apr_pool_t *pool, const char *folder,
                                   const char *installed, const char *channel, const char *default_language,
                                   const char **error);

/**
 * Whether params (an object) hold all that a message needs, in values that can be shown.
 * APR_NOTFOUND: no such message. CLOUDEP_EDATA: not so; *lacking names the first one at fault.
 */
apr_status_t cloudep_messages_check(const char *channel, const char *name, apr_pool_t *pool, const json_t *params,
                                    const char **lacking);

/** Whether a message takes nothing of params: it may go without. */
int cloudep_messages_needs_nothing(const char *channel, const char *name);

/** The language that a message is in and Accept-Language asks for first; NULL: none. */
const char *cloudep_messages_accept(const cloudep_messages_t *messages, apr_pool_t *pool, const char *name,
                                    const char *header);

/**
 * Renders a message in the language nearest to the one given (NULL: the default).
 * target and created fill {{target}} and {{time}}. params may be NULL where a message needs nothing. Fails as
 * cloudep_messages_check() and cloudep_template_render() do; APR_NOTFOUND also when the folder has no such message.
 */
apr_status_t cloudep_messages_render(cloudep_text_t *out, const cloudep_messages_t *messages, apr_pool_t *pool,
                                     const char *name, const char *language, const json_t *params, const char *target,
                                     apr_time_t created);

#endif
