/*
 * challenge_private.h - what challenge.c, challenge_record.c and challenge_list.c share.
 */
#ifndef CLOUDEP_CHALLENGE_PRIVATE_H
#define CLOUDEP_CHALLENGE_PRIVATE_H

#include "base/cache/challenge.h"

/* Seconds: memcached counts them its own way and may be early; the end that counts is in the record. */
#define CLOUDEP_CHALLENGE_SLACK 2

/** Where the record of an id is. */
cloudep_cache_key_t cloudep_challenge_record_key(const char *id);

/**
 * Writes the record of a challenge, all but its guesses. replace 0: only where there is none.
 * @return APR_EEXIST: there is one; APR_EINVAL: what it is about is no UTF-8; else as cloudep_mac and the cache
 */
apr_status_t cloudep_challenge_record_write(const cloudep_challenge_t *c, const cloudep_challenges_t *in, int replace,
                                            apr_pool_t *pool);

/**
 * Reads the record of c->id into c.
 * @return APR_NOTFOUND: there is none, or its key is gone; CLOUDEP_EDATA: not one that we wrote; CLOUDEP_ECACHE
 */
apr_status_t cloudep_challenge_record_read(cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_pool_t *pool);

/**
 * Whether what load() would find is there, its place in the list apart.
 * @return APR_SUCCESS; APR_NOTFOUND: used, expired or ended; CLOUDEP_EDATA; CLOUDEP_ECACHE
 */
apr_status_t cloudep_challenge_is_there(const cloudep_challenges_t *in, const char *id, apr_pool_t *pool);

/**
 * Gives a challenge a place among those that are alive for its account and purpose, as the youngest; one that has a
 * place keeps whose it was. Where there is none left one goes, see cloudep_challenge_start().
 * @param wait with CLOUDEP_EREFUSED the seconds until one expires
 * @return APR_SUCCESS; CLOUDEP_EREFUSED: none may go; APR_EGENERAL: no randomness; CLOUDEP_ECACHE
 */
apr_status_t cloudep_challenge_list_enter(const cloudep_challenge_t *c, apr_uint32_t *wait,
                                          const cloudep_challenges_t *in, const cloudep_challenge_asker_t *asker,
                                          apr_pool_t *pool);

/** Whether it has one. @return APR_SUCCESS; APR_NOTFOUND; CLOUDEP_ECACHE */
apr_status_t cloudep_challenge_list_has(const cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_pool_t *pool);

#endif
