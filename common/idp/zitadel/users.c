/*
 * users.c - users at ZITADEL, through its User API v2.
 *
 * A user is created under our own uid, so that a lost answer can be asked for again: ours being there already is a
 * success. ZITADEL sends no mail of its own: the address is given as not verified, and confirmed later by us.
 */
#include "idp/zitadel/zitadel.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include "base/crypto/seal.h"
#include "base/text/json.h"

/* ---- Create --------------------------------------------------------------------------------------------- */

/* What the rules for passwords are called, behind "COMMA-" or "DOMAIN-". */
static const struct {
    const char *rule;
    const char *reason;
} rules[] = {
    {"HuJf6", "is too short"},
    {"co3Xw", "needs a lower case letter"},
    {"VoaRj", "needs an upper case letter"},
    {"ZBv4H", "needs a digit"},
    {"ZDLwA", "needs a character that is neither a letter nor a digit"},
};

/* The reason why a password is refused; NULL: the answer does not say that it is. */
static const char *refusal(const zitadel_answer_t *answer)
{
    const char *rule = strchr(answer->id, '-');

    if (answer->status != 400 || answer->code != ZITADEL_INVALID ||
        (strncmp(answer->id, "COMMA-", 6) && strncmp(answer->id, "DOMAIN-", 7))) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (!strcmp(rule + 1, rules[i].rule)) {
            return rules[i].reason;
        }
    }
    return "is refused by the identity provider";
}

static int too_long(const char *password, const char **reason)
{
    *reason = NULL;
    if (strlen(password) > ZITADEL_PASSWORD_BYTES) {
        *reason = "is longer than 72 bytes";
    }
    return *reason != NULL;
}

/* ZITADEL wants two names. Who gave one has it as both; who gave none is called by the address. */
static void split_name(apr_pool_t *p, const char *name, const char *email, const char **given, const char **family)
{
    char *text = apr_pstrmemdup(p, name ? name : email, name ? strlen(name) : strcspn(email, "@"));
    char *end = text + strlen(text);
    char *space;

    while (apr_isspace(*text)) {
        text++;
    }
    while (end > text && apr_isspace(end[-1])) {
        *--end = '\0';
    }
    *given = *family = *text ? text : "-";
    space = strrchr(text, ' ');
    if (space) {
        *family = space + 1;
        *given = apr_pstrmemdup(p, text, (apr_size_t)(space - text));
    }
}

static json_t *new_user(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *username,
                        const char *password)
{
    const char *given;
    const char *family;

    split_name(ctx->p, user->display_name, user->email, &given, &family);
    return cloudep_json_own(json_pack("{ss,ss,s{ss},s{ss,ss,ss},s{ss,sb},s{ss,sb}}", "userId", user->uid, "username",
                                      username, "organization", "orgId", user->tenant->organization, "profile",
                                      "givenName", given, "familyName", family, "displayName",
                                      user->display_name ? user->display_name : given, "email", "email", user->email,
                                      "isVerified", 0, "password", "password", password, "changeRequired", 0),
                            ctx->p);
}

/* One creation, sent again when its answer was lost on the way. *in_doubt: it may have been, or may yet be, done. */
static apr_status_t post_user(zitadel_answer_t *answer, int *in_doubt, const cloudep_idp_context_t *ctx,
                              const json_t *body)
{
    const zitadel_request_t request = {.method = "POST", .path = "/v2/users/human", .body = body, .hashes = 1};
    apr_status_t rv = body ? zitadel_call(answer, ctx, &request) : APR_ENOMEM;

    if (!body) {
        return rv;
    }
    *in_doubt = answer->in_doubt;
    if (answer->lost) {
        rv = zitadel_call(answer, ctx, &request);
    }
    return rv;
}

/* Whether the organization has a user of that name itself. */
static apr_status_t name_is_in_organization(int *found, const cloudep_idp_context_t *ctx,
                                            const cloudep_idp_user_t *user)
{
    json_t *body =
        cloudep_json_own(json_pack("{s{si},s[{s{ss}},{s{ss,ss}}]}", "query", "limit", 1, "queries",
                                   "organizationIdQuery", "organizationId", user->tenant->organization, "userNameQuery",
                                   "userName", user->email, "method", "TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE"),
                         ctx->p);
    const zitadel_request_t request = {.method = "POST", .path = "/v2/users", .body = body};
    zitadel_answer_t answer;
    apr_status_t rv = body ? zitadel_call(&answer, ctx, &request) : APR_ENOMEM;

    if (rv == APR_SUCCESS && !zitadel_is_2xx(&answer)) {
        rv = zitadel_unexpected(ctx, &answer, "looking for a user name");
    }
    *found = rv == APR_SUCCESS && json_array_size(json_object_get(answer.body, "result")) > 0;
    return rv;
}

/* There is a user of that name, or another organization has reserved the domain for itself. */
static int is_name_taken(const zitadel_answer_t *answer)
{
    return answer->status == 409 || zitadel_is(answer, "COMMAND-SFd21");
}

/* What an answer to a creation means. */
static apr_status_t created(const cloudep_idp_context_t *ctx, const zitadel_answer_t *answer, const char **reason)
{
    if (zitadel_is_2xx(answer) || zitadel_is(answer, "COMMAND-7yiox1isql")) {
        return APR_SUCCESS;
    }
    *reason = refusal(answer);
    if (*reason) {
        return CLOUDEP_EREFUSED;
    }
    return is_name_taken(answer) ? CLOUDEP_ECONFLICT : zitadel_unexpected(ctx, answer, "creating a user");
}

apr_status_t zitadel_create(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                            const char **reason)
{
    zitadel_answer_t answer;
    int in_doubt = 0;
    int taken;
    apr_status_t rv;

    if (!user->tenant->organization) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, ctx->s,
                     CENO(615) "tenant %s has no organization at ZITADEL: cloudepctl tenant set --organization",
                     user->tenant->slug);
        return CLOUDEP_EUNSET;
    }
    if (too_long(password, reason)) {
        return CLOUDEP_EREFUSED;
    }
    rv = post_user(&answer, &in_doubt, ctx, new_user(ctx, user, user->email, password));
    rv = rv == APR_SUCCESS ? created(ctx, &answer, reason) : rv;
    /*
     * User names are unique in all of a ZITADEL by default, while an email is a member's in each tenant. Where another
     * organization has it, or a member who has proved the address meets a user who has not, the user is named by its
     * uid, which nobody ever needs to type.
     */
    taken = 0;
    if (rv == CLOUDEP_ECONFLICT &&
        (rv = user->proved ? APR_SUCCESS : name_is_in_organization(&taken, ctx, user)) == APR_SUCCESS) {
        rv = CLOUDEP_ECONFLICT;
        if (!taken) {
            rv = post_user(&answer, &in_doubt, ctx, new_user(ctx, user, user->uid, password));
            rv = rv == APR_SUCCESS ? created(ctx, &answer, reason) : rv;
        }
    }
    return in_doubt && rv != APR_SUCCESS && rv != CLOUDEP_EREFUSED && rv != CLOUDEP_ECONFLICT ? APR_INCOMPLETE : rv;
}

/* ---- Passwords of attempts ------------------------------------------------------------------------------ */

static const char *attempt_aad(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user)
{
    return apr_pstrcat(ctx->p, "registration_attempts:", user->tenant->id, ":", user->uid, NULL);
}

apr_status_t zitadel_keep(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                          const char **kept, const char **reason)
{
    if (too_long(password, reason)) {
        return CLOUDEP_EREFUSED;
    }
    return cloudep_seal(kept, ctx->p, ctx->config->run->sealing, password, strlen(password), attempt_aad(ctx, user));
}

apr_status_t zitadel_unkeep(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *kept,
                            const char **password)
{
    const unsigned char *plain;
    apr_size_t length;
    apr_status_t rv = cloudep_unseal(&plain, &length, ctx->p, ctx->config->run->sealing, kept, attempt_aad(ctx, user));

    *password = (const char *)plain;
    return rv == CLOUDEP_EFORGED || rv == CLOUDEP_EMALFORMED || rv == APR_NOTFOUND ? CLOUDEP_EDATA : rv;
}

/* ---- Password, address, removal ------------------------------------------------------------------------- */

static const char *user_path(const cloudep_idp_context_t *ctx, const char *uid, const char *more)
{
    return apr_pstrcat(ctx->p, "/v2/users/", uid, more, NULL);
}

static apr_status_t post_empty(zitadel_answer_t *answer, const cloudep_idp_context_t *ctx, const char *uid,
                               const char *what)
{
    const json_t *body = cloudep_json_own(json_object(), ctx->p);
    const zitadel_request_t request = {.method = "POST", .path = user_path(ctx, uid, what), .body = body};

    return zitadel_call(answer, ctx, &request);
}

/* The first password of a member who came by a social provider: there is no user yet. The address is proved to us. */
static apr_status_t create_late(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                                const char **reason)
{
    apr_status_t rv = zitadel_create(ctx, user, password, reason);

    if (rv == APR_SUCCESS) {
        rv = zitadel_defer_mark_verified(zitadel_of(ctx)->deferred, user->uid, user->email);
        return rv == APR_SUCCESS ? rv : zitadel_mark_verified(ctx, user->uid, user->email, 0);
    }
    return rv == CLOUDEP_ECONFLICT || rv == APR_INCOMPLETE ? CLOUDEP_EPROVIDER : rv;
}

apr_status_t zitadel_set_password(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user,
                                  const char *password, const char **phc, const char **reason)
{
    const json_t *body =
        cloudep_json_own(json_pack("{s{ss,sb}}", "newPassword", "password", password, "changeRequired", 0), ctx->p);
    const zitadel_request_t request = {
        .method = "POST", .path = user_path(ctx, user->uid, "/password"), .body = body, .hashes = 1};
    zitadel_answer_t answer;
    apr_status_t rv;

    *phc = NULL;
    if (too_long(password, reason)) {
        return CLOUDEP_EREFUSED;
    }
    rv = zitadel_call(&answer, ctx, &request);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (user->first_password && (answer.status == 404 || zitadel_is(&answer, "COMMAND-G8dh3"))) {
        return create_late(ctx, user, password, reason);
    }
    if (!zitadel_is_2xx(&answer)) {
        *reason = refusal(&answer);
        return *reason ? CLOUDEP_EREFUSED : zitadel_unexpected(ctx, &answer, "setting a password");
    }
    /* A new password does not lift a lock. */
    rv = post_empty(&answer, ctx, user->uid, "/unlock");
    if (rv != APR_SUCCESS || zitadel_is_2xx(&answer) || zitadel_is(&answer, "COMMAND-olb9vb0oca")) {
        return rv;
    }
    return zitadel_unexpected(ctx, &answer, "unlocking a user");
}

/* Sets the address of a user, as a verified one, and (not NULL) the user name. last: the child ends. */
static apr_status_t set_address(zitadel_answer_t *answer, const cloudep_idp_context_t *ctx, const char *uid,
                                const char *email, const char *username, int last)
{
    json_t *address = cloudep_json_own(
        json_pack("{s{ss,sb},ss*}", "email", "email", email, "isVerified", 1, "username", username), ctx->p);
    json_t *human = cloudep_json_own(
        json_pack("{s{sO},ss*}", "human", "email", json_object_get(address, "email"), "username", username), ctx->p);
    const zitadel_request_t patch = {.method = "PATCH", .path = user_path(ctx, uid, ""), .body = human, .last = last};
    const zitadel_request_t put = {
        .method = "PUT", .path = apr_pstrcat(ctx->p, "/v2/users/human/", uid, NULL), .body = address, .last = last};
    apr_status_t rv = zitadel_call(answer, ctx, &patch);

    /* Before version 4 there is no such route. */
    if (rv != APR_SUCCESS && !*answer->id &&
        (answer->status == 404 || answer->status == 405 || answer->status == 501)) {
        rv = zitadel_call(answer, ctx, &put);
    }
    return rv;
}

apr_status_t zitadel_mark_verified(const cloudep_idp_context_t *ctx, const char *uid, const char *email, int last)
{
    zitadel_answer_t answer;
    apr_status_t rv = set_address(&answer, ctx, uid, email, NULL, last);

    if (rv != APR_SUCCESS || zitadel_is_2xx(&answer)) {
        return rv;
    }
    /* Somebody has removed it there: trying again would not help. */
    return answer.status == 404 ? APR_NOTFOUND : zitadel_unexpected(ctx, &answer, "marking an address as verified");
}

apr_status_t zitadel_change_email(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user)
{
    zitadel_answer_t answer;
    apr_status_t rv = set_address(&answer, ctx, user->uid, user->email, user->email, 0);

    if (rv == APR_SUCCESS && is_name_taken(&answer)) {
        rv = set_address(&answer, ctx, user->uid, user->email, user->uid, 0);
    }
    if (rv != APR_SUCCESS || zitadel_is_2xx(&answer) || (user->first_password && answer.status == 404)) {
        return rv;
    }
    return zitadel_unexpected(ctx, &answer, "changing an address");
}

/* Without the permission to delete, a user can still be kept out. */
static apr_status_t deactivate(const cloudep_idp_context_t *ctx, const char *uid)
{
    zitadel_answer_t answer;
    apr_status_t rv = post_empty(&answer, ctx, uid, "/deactivate");

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (answer.status == 404) {
        return APR_SUCCESS; /* gone already */
    }
    if (!zitadel_is_2xx(&answer) && !zitadel_is(&answer, "COMMAND-5gunjw0cd7")) {
        return zitadel_unexpected(ctx, &answer, "deactivating a user");
    }
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, ctx->s,
                 CENO(616) "ZITADEL: our service account may not delete users (role IAM_USER_MANAGER): %s is only"
                           " deactivated, and keeps its user name",
                 uid);
    return APR_SUCCESS;
}

apr_status_t zitadel_remove(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user)
{
    const zitadel_request_t request = {.method = "DELETE", .path = user_path(ctx, user->uid, "")};
    zitadel_answer_t answer;
    apr_status_t rv = zitadel_call(&answer, ctx, &request);

    if (rv != APR_SUCCESS) {
        return answer.status == 403 ? deactivate(ctx, user->uid) : rv;
    }
    /* Gone already, or never there. */
    return zitadel_is_2xx(&answer) || answer.status == 404 ? APR_SUCCESS
                                                           : zitadel_unexpected(ctx, &answer, "removing a user");
}
