/*
 * webauthn_vectors_test.c - what W3C printed and what Chromium's authenticators sent: accepted where the algorithm is
 * ours, and refused as soon as a bit of it is another.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/text/b64.h"
#include "base/webauthn/webauthn.h"
#include "tap.h"
#include "vectors.h"

static struct {
    int registrations, assertions, refused, changed, no_response;
} count;

static const int algorithms[] = {CLOUDEP_COSE_ES256, CLOUDEP_COSE_EDDSA, CLOUDEP_COSE_RS256, 0};

/* Members of a response in base64url; NULL data when there is none. */
static cloudep_webauthn_bytes_t member(apr_pool_t *pool, const json_t *response, const char *name)
{
    const json_t *text = json_object_get(response, name);
    cloudep_webauthn_bytes_t bytes = {NULL, 0};
    unsigned char *data;

    if (json_is_string(text) &&
        cloudep_b64_decode(&data, &bytes.len, pool, json_string_value(text), json_string_length(text)) == APR_SUCCESS) {
        bytes.data = data;
    }
    return bytes;
}

/* What a vector set expects. W3C's set does not print the challenges but in the client data. */
typedef struct set_t {
    const char *file;
    const char *rp_id;
    const char *origins[2];
    const char *challenge_create;
    const char *challenge_get;
} set_t;

/* Vectors that are not accepted, and why. */
static cloudep_webauthn_reason_t expected(const char *name)
{
    static const char *const other_algorithms[] = {"packed-es384", "packed-es512", "packed-ed448", "mldsa44"};

    for (size_t i = 0; i < sizeof(other_algorithms) / sizeof(*other_algorithms); i++) {
        if (!strcmp(name, other_algorithms[i])) {
            return CLOUDEP_WEBAUTHN_ALGORITHM;
        }
    }
    return CLOUDEP_WEBAUTHN_ACCEPTED;
}

static const char *challenge_in(apr_pool_t *pool, const cloudep_webauthn_bytes_t *client)
{
    const char *reason;
    json_t *object;

    return cloudep_json_parse(&object, &reason, (const char *)client->data, client->len, pool) == APR_SUCCESS
               ? text_of(object, "challenge")
               : "";
}

/* The bytes with one bit of byte number i changed. */
static cloudep_webauthn_bytes_t changed(apr_pool_t *pool, const cloudep_webauthn_bytes_t *bytes, apr_size_t i)
{
    unsigned char *copy = apr_pmemdup(pool, bytes->data, bytes->len);
    const cloudep_webauthn_bytes_t other = {copy, bytes->len};

    copy[i] ^= 1;
    return other;
}

/* Each part of an assertion with a bit changed, in 16 places of it, is refused. */
static void change(apr_pool_t *pool, const cloudep_webauthn_rule_t *rule,
                   const cloudep_webauthn_credential_t *credential, const cloudep_webauthn_bytes_t parts[3],
                   const char *name)
{
    int wrong = 0, tried = 0;

    for (int part = 0; part < 3; part++) {
        for (int place = 0; place < 16; place++) {
            cloudep_webauthn_bytes_t now[3] = {parts[0], parts[1], parts[2]};
            cloudep_webauthn_assertion_t assertion;
            cloudep_webauthn_reason_t reason;

            now[part] = changed(pool, &parts[part], parts[part].len * (apr_size_t)place / 16);
            wrong += cloudep_webauthn_assert(&assertion, &reason, pool, rule, credential, &now[0], &now[1], &now[2]) ==
                     APR_SUCCESS;
            tried++;
        }
    }
    count.changed += tried - wrong;
    is_int(wrong, 0, apr_pstrcat(pool, name, ": nothing of the assertion can be changed", NULL));
}

static void check_assertion(apr_pool_t *pool, const set_t *set, const json_t *vector,
                            const cloudep_webauthn_credential_t *credential)
{
    const char *name = text_of(vector, "name");
    const json_t *response = json_object_get(json_object_get(vector, "asr"), "response");
    const cloudep_webauthn_bytes_t parts[] = {member(pool, response, "authenticatorData"),
                                              member(pool, response, "clientDataJSON"),
                                              member(pool, response, "signature")};
    cloudep_webauthn_rule_t rule = {.rp_id = set->rp_id, .origins = set->origins, .challenge = set->challenge_get};
    cloudep_webauthn_assertion_t assertion;
    cloudep_webauthn_reason_t reason;
    const json_t *at_authenticator = json_array_get(json_object_get(vector, "creds"), 0);

    if (!response) {
        count.no_response++;
        return;
    }
    rule.challenge = rule.challenge ? rule.challenge : challenge_in(pool, &parts[1]);
    (void)cloudep_webauthn_assert(&assertion, &reason, pool, &rule, credential, &parts[0], &parts[1], &parts[2]);
    count.assertions +=
        is_str(cloudep_webauthn_reason_text(reason), "accepted", apr_pstrcat(pool, name, ": the assertion", NULL));
    ok(!assertion.counter_went_back, "%s: its counter is right", name);
    if (at_authenticator) {
        ok(assertion.sign_count == json_integer_value(json_object_get(at_authenticator, "signCount")) &&
               assertion.backed_up == json_is_true(json_object_get(at_authenticator, "bs")) &&
               credential->backup_eligible == json_is_true(json_object_get(at_authenticator, "be")),
           "%s: count and backup as the authenticator has them", name);
    }
    change(pool, &rule, credential, parts, name);
}

static void check_vector(apr_pool_t *pool, const set_t *set, const json_t *vector)
{
    const char *name = text_of(vector, "name");
    const json_t *response = json_object_get(json_object_get(vector, "reg"), "response");
    const cloudep_webauthn_bytes_t object = member(pool, response, "attestationObject");
    const cloudep_webauthn_bytes_t client = member(pool, response, "clientDataJSON");
    const cloudep_webauthn_bytes_t spki = member(pool, response, "publicKey");
    const cloudep_webauthn_bytes_t id = member(pool, json_object_get(vector, "reg"), "rawId");
    cloudep_webauthn_rule_t rule = {
        .rp_id = set->rp_id, .origins = set->origins, .challenge = set->challenge_create, .algorithms = algorithms};
    cloudep_webauthn_credential_t credential;
    cloudep_webauthn_reason_t reason;

    if (!response) {
        ok(json_object_get(vector, "error") != NULL, "%s: the browser gave nothing", name);
        count.no_response++;
        return;
    }
    rule.challenge = rule.challenge ? rule.challenge : challenge_in(pool, &client);
    (void)cloudep_webauthn_register(&credential, &reason, pool, &rule, &object, &client);
    is_str(cloudep_webauthn_reason_text(reason), cloudep_webauthn_reason_text(expected(name)),
           apr_pstrcat(pool, name, ": the registration", NULL));
    if (reason != CLOUDEP_WEBAUTHN_ACCEPTED) {
        count.refused++;
        return;
    }
    count.registrations++;
    if (spki.data && id.data) {
        ok(credential.spki.len == spki.len && !memcmp(credential.spki.data, spki.data, spki.len),
           "%s: the key is the one that the browser gives", name);
        is_int(credential.algorithm, json_integer_value(json_object_get(response, "publicKeyAlgorithm")),
               apr_pstrcat(pool, name, ": so is its algorithm", NULL));
        ok(credential.id.len == id.len && !memcmp(credential.id.data, id.data, id.len), "%s: and the id", name);
    }
    check_assertion(pool, set, vector, &credential);
}

static void run(apr_pool_t *parent, const set_t *set, int how_many)
{
    const json_t *document = vectors(parent, set->file);
    const json_t *vector;
    size_t i;

    is_int((long long)json_array_size(document), how_many, set->file);
    json_array_foreach(document, i, vector)
    {
        apr_pool_t *pool;

        apr_pool_create(&pool, parent);
        check_vector(pool, set, vector);
        apr_pool_destroy(pool);
    }
}

int main(void)
{
    static const set_t w3c = {"webauthn_l3.json", "example.org", {"https://example.org", NULL}, NULL, NULL};
    static const set_t chromium = {"webauthn_chromium.json",
                                   "localhost",
                                   {"http://localhost:8911", NULL},
                                   "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
                                   "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk"};
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    run(pool, &w3c, 13);
    run(pool, &chromium, 13);
    is_int(count.registrations, 20, "registrations accepted");
    is_int(count.assertions, 19, "assertions accepted");
    printf("# accepted: %d registrations, %d assertions; refused: %d registrations of other algorithms, %d changed "
           "assertions; %d without a response\n",
           count.registrations, count.assertions, count.refused, count.changed, count.no_response);
    apr_terminate();
    return done_testing();
}
