/*
 * sessions.c - the password check: ZITADEL has no password grant, so a check starts a session.
 *
 * ZITADEL tells in milliseconds that there is no such user, and takes about a second to refuse a password. So a request
 * that is refused without a comparison waits as long as others took lately. It makes the same call, so that an outage
 * looks the same for all, and holds the same permit, so that such requests are as bounded as the others. The
 * alternative, a user to compare with, would be an extra user in every organization, and could be locked.
 */
#include "idp/zitadel/zitadel.h"

#include <apr_atomic.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include "base/text/json.h"
#include "base/text/opaque_string.h"
#include "base/crypto/random.h"

#define NOBODY "00000000-0000-0000-0000-000000000000"
#define LIFETIME "60s"
/* What bcrypt takes with ZITADEL's default cost; used until a time was measured. */
#define USUAL_TIME apr_time_from_sec(1)

/* ---- Equal time ----------------------------------------------------------------------------------------- */

static void note_time(zitadel_times_t *times, apr_interval_time_t took)
{
    const apr_uint32_t n = apr_atomic_add32(&times->count, 1);

    apr_atomic_set32(&times->took[n % ZITADEL_TIMES], took < APR_UINT32_MAX ? (apr_uint32_t)took : APR_UINT32_MAX);
}

/* One of the times measured lately, so that the distribution is alike and not only the mean. */
static apr_interval_time_t usual_time(zitadel_times_t *times)
{
    const apr_uint32_t count = apr_atomic_read32(&times->count);
    unsigned char pick = 0;

    (void)cloudep_random_bytes(&pick, sizeof(pick));
    return count ? apr_atomic_read32(&times->took[pick % (count < ZITADEL_TIMES ? count : ZITADEL_TIMES)]) : USUAL_TIME;
}

/* ---- Sessions ------------------------------------------------------------------------------------------- */

/* Also where ZITADEL has just made the user and its session API does not know of it yet. No check is made twice. */
static apr_status_t check(zitadel_answer_t *answer, const cloudep_idp_context_t *ctx, const char *uid,
                          const char *password)
{
    const json_t *body =
        cloudep_json_own(json_pack("{s{s{ss},s{ss}},ss}", "checks", "user", "userId", uid ? uid : NOBODY, "password",
                                   "password", password, "lifetime", LIFETIME),
                         ctx->p);
    const zitadel_request_t post = {.method = "POST", .path = "/v2/sessions", .body = body, .hashes = 1, .once = 1};
    const zitadel_request_t get = {.method = "GET", .path = apr_pstrcat(ctx->p, "/v2/users/", uid, NULL)};
    apr_status_t rv = body ? zitadel_exchange(answer, ctx, &post) : APR_ENOMEM;

    if (rv != APR_SUCCESS || answer->status != 404 || !uid) {
        return rv;
    }
    /* This look-up brings ZITADEL's projection up to date. */
    rv = zitadel_exchange(answer, ctx, &get);
    return rv == APR_SUCCESS && zitadel_is_2xx(answer) ? zitadel_exchange(answer, ctx, &post) : rv;
}

/* What an answer to a check means. *compared: the password was looked at. */
static apr_status_t verdict(int *compared, const cloudep_idp_context_t *ctx, const zitadel_answer_t *answer)
{
    *compared = 0;
    if (zitadel_is_2xx(answer) && json_is_string(json_object_get(answer->body, "sessionId"))) {
        *compared = 1;
        return APR_SUCCESS;
    }
    if (answer->status == 400 && answer->code == ZITADEL_INVALID) {
        *compared = 1;
        return CLOUDEP_EFORGED;
    }
    /* No such user, removed a moment ago, or one without a password. */
    if (answer->status == 404 || zitadel_is(answer, "COMMAND-Df4b3") || zitadel_is(answer, "COMMAND-3nJ4t")) {
        return CLOUDEP_EFORGED;
    }
    if (zitadel_is(answer, "SESSION-Gj4ko") || zitadel_is(answer, "COMMAND-JLK35") ||
        zitadel_is(answer, "COMMAND-SFA3t")) {
        return CLOUDEP_EREFUSED;
    }
    return zitadel_unexpected(ctx, answer, "checking a password");
}

apr_status_t zitadel_verify(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password)
{
    cloudep_zitadel_t *zitadel = zitadel_of(ctx);
    const cloudep_password_form_e form =
        user->member && user->member->password_form ? CLOUDEP_PASSWORD_OPAQUE : CLOUDEP_PASSWORD_RAW;
    const char *sent;
    /* Only the beginning of a longer one would be compared. Nobody has one, nor one that has no form. */
    const char *uid = cloudep_password_prepare(&sent, NULL, ctx->p, form, password) == APR_SUCCESS &&
                              strlen(sent) <= ZITADEL_PASSWORD_BYTES
                          ? user->uid
                          : NULL;
    zitadel_answer_t answer;
    zitadel_permit_t permit;
    cloudep_breaker_end_e end;
    apr_interval_time_t took;
    apr_time_t began;
    int compared = 0;
    apr_status_t rv = zitadel_enter(&permit, ctx, ZITADEL_PASSWORDS);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    began = apr_time_now();
    rv = check(&answer, ctx, uid, uid ? sent : password);
    end = zitadel_health(rv, &answer);
    if (rv == APR_SUCCESS) {
        rv = verdict(&compared, ctx, &answer);
        end = compared ? CLOUDEP_BREAKER_WORKED : CLOUDEP_BREAKER_NEITHER; /* hashing may be what hangs */
    }
    took = apr_time_now() - began;
    if (compared && (rv == CLOUDEP_EFORGED || !apr_atomic_read32(&zitadel->times->count))) {
        note_time(zitadel->times, took);
    }
    if (rv == CLOUDEP_EFORGED && !compared) {
        const apr_interval_time_t usual = usual_time(zitadel->times);

        apr_sleep(usual > took ? usual - took : 0);
    }
    zitadel_leave(ctx, &permit, end);
    if (rv == APR_SUCCESS) {
        zitadel_defer_end_session(zitadel->deferred, json_string_value(json_object_get(answer.body, "sessionId")));
    }
    return rv;
}

apr_status_t zitadel_end_session(const cloudep_idp_context_t *ctx, const char *session_id)
{
    const zitadel_request_t request = {.method = "DELETE",
                                       .path = apr_pstrcat(ctx->p, "/v2/sessions/", session_id, NULL)};
    zitadel_answer_t answer;

    return zitadel_call(&answer, ctx, &request);
}
