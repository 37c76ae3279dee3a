/*
 * handoff.c - see handoff.h.
 *
 * The code is the id of a challenge and as much randomness again, of which only the digest is kept, so that nobody who
 * reads memcached has a code. What it is for is in the challenge's extra, one line each.
 */
#include "flow/handoff.h"

#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include "base/crypto/random.h"
#include "base/store/session_store.h"
#include "base/text/b64.h"

#define LIFETIME 30 /* seconds: a redirect takes no longer */
#define PURPOSE "handoff"
#define HALF 22 /* characters of the id, and of the secret */

/* The lines of extra. */
enum { SECRET, SESSION, ENTER, ORIGIN, PATH, LINES };

static apr_status_t digest_of(const char **digest, apr_pool_t *p, const char *text)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    if (!SHA256((const unsigned char *)text, strlen(text), hash)) {
        return APR_EGENERAL;
    }
    *digest = cloudep_b64_encode(p, hash, sizeof(hash));
    return APR_SUCCESS;
}

cloudep_outcome_t cloudep_hand_over(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_handoff_t *in,
                                    const char **code)
{
    cloudep_challenge_spec_t spec = {.tenant_id = who->tenant_id, .purpose = PURPOSE, .uid = who->uid};
    cloudep_challenge_t *challenge;
    const char *secret, *digest;
    apr_status_t rv;

    if (!who->session_id) {
        return cloudep_refuse(CLOUDEP_TOKEN_MISSING);
    }
    rv = cloudep_random_id(&secret, ctx->p);
    if (rv == APR_SUCCESS) {
        rv = digest_of(&digest, ctx->p, secret);
    }
    if (rv == APR_SUCCESS) {
        spec.extra =
            apr_pstrcat(ctx->p, digest, "\n", who->session_id, "\n", in->enter, "\n", in->origin, "\n", in->path, NULL);
        rv = cloudep_challenge_open(&challenge, cloudep_challenges(ctx), &spec, LIFETIME, ctx->p);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "making the code of a handoff");
    }
    *code = apr_pstrcat(ctx->p, challenge->id, secret, NULL);
    return cloudep_done();
}

/* Takes extra apart. Whether it has all its lines. */
static int read_lines(apr_pool_t *p, const char *extra, const char *lines[LINES])
{
    char *rest = apr_pstrdup(p, extra ? extra : "");

    for (int i = 0; i < LINES; i++) {
        lines[i] = rest;
        rest = strchr(rest, '\n');
        if (i < LINES - 1) {
            if (!rest) {
                return 0;
            }
            *rest++ = '\0';
        }
    }
    return 1;
}

static int same(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && !CRYPTO_memcmp(a, b, strlen(a));
}

static cloudep_outcome_t gone(cloudep_context_t *ctx, const char *why)
{
    CLOUDEP_LOG(ctx, INFO, 0, CENO(1483) "handoff refused: %s", why);
    return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
}

/* Why a code does not fit where it came to; NULL: it does. */
static const char *misfit(const cloudep_entry_t *in, const char *const lines[LINES], const char *secret_digest)
{
    if (!same(lines[SECRET], secret_digest)) {
        return "there is no such code";
    }
    if (strcmp(lines[ORIGIN], in->origin) != 0) {
        return "it is of another host";
    }
    return !in->enter                      ? "the browser has no cookie of this host"
           : same(lines[ENTER], in->enter) ? NULL
                                           : "it is of another browser";
}

cloudep_outcome_t cloudep_take_over(cloudep_context_t *ctx, const cloudep_entry_t *in, cloudep_entered_t *out)
{
    const char *lines[LINES], *digest, *why;
    cloudep_challenge_t *challenge;
    cloudep_live_session_t live = {0};
    apr_status_t rv;

    if (strlen(in->code) != (apr_size_t)2 * HALF) {
        return gone(ctx, "there is no such code");
    }
    rv = cloudep_challenge_load(&challenge, cloudep_challenges(ctx), apr_pstrmemdup(ctx->p, in->code, HALF), ctx->p);
    if (rv == APR_NOTFOUND) {
        return gone(ctx, "there is no such code, or not any more");
    }
    if (rv == APR_SUCCESS) {
        rv = digest_of(&digest, ctx->p, in->code + HALF);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up a handoff");
    }
    if (strcmp(challenge->spec.purpose, PURPOSE) != 0 || !read_lines(ctx->p, challenge->spec.extra, lines)) {
        return gone(ctx, "it is no code of a handoff");
    }
    if ((why = misfit(in, lines, digest))) {
        return gone(ctx, why);
    }
    rv = cloudep_challenge_consume(challenge, cloudep_challenges(ctx), ctx->p);
    if (rv == APR_SUCCESS) {
        *out = (cloudep_entered_t){challenge->spec.tenant_id, lines[SESSION], challenge->spec.uid, lines[PATH]};
        cloudep_note(ctx, out->tenant_id, out->uid, NULL);
        rv = cloudep_session_principal(cloudep_database(ctx), ctx->p, &live, out->tenant_id, out->session_id, out->uid);
    }
    if (rv == APR_NOTFOUND) {
        return gone(ctx, "it was used before, or its session is over");
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "taking up a handoff");
}
