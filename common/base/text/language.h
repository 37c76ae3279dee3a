/*
 * language.h - language tags as people and programs write them, and which of our languages suits a tag best.
 */
#ifndef CLOUDEP_TEXT_LANGUAGE_H
#define CLOUDEP_TEXT_LANGUAGE_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "base/status.h"

/**
 * Check a language tag and bring it to the canonical form of BCP 47 ("zh-tw" becomes "zh-TW"). Blank characters around
 * it are dropped, and an underscore is a hyphen ("zh_TW", as POSIX, Java and Android write it). Language, script and
 * region must be ones that ISO knows; at most 35 characters (RFC 5646, 4.4.1).
 * @param tag the form, in @a pool; NULL on failure
 * @param text NUL-terminated
 * @return APR_SUCCESS or CLOUDEP_EMALFORMED
 */
apr_status_t cloudep_normalize_language(const char **tag, const char *text, apr_pool_t *pool);

/**
 * Find the language that whoever asked for a tag reads best. CLDR's rules come first, as for cloudep_accept_language():
 * the same language in the same script, so zh-HK, zh-MO and zh-Hant get zh-TW, which zh, zh-CN and zh-Hans do not.
 * Then RFC 4647's lookup: the tag without its last subtag, and so on, so that a bare zh serves all of them.
 * @param tag a language tag
 * @param available the tags that there are, ended by NULL, in any case and with hyphens
 * @param pool scratch
 * @return one of @a available, or NULL
 */
const char *cloudep_language_nearest(const char *tag, const char *const available[], apr_pool_t *pool);

#endif
