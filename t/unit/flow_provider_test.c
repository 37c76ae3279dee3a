/*
 * flow_provider_test.c - an OpenID provider as the core asks it: what is sent to redeem a code, what of the answer is
 * believed, when keys are read again, and when the provider is left alone.
 */
#include <apr_base64.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include "base/text/b64.h"
#include "provider.h"

#define SECRET "se:cret/of+32 bytes, as HS256 needs"
#define ODD_CLIENT "cli ent"

/* The names of rows; all are of the same issuer. */
#define PUBLIC "public"     /* no secret */
#define BASIC "basic"       /* a secret, and a client id that has to be encoded */
#define POST "post"         /* auth=post */
#define FORCED "forced"     /* auth=basic */
#define SIGNED "signed"     /* a secret that a key signs */
#define BY_SECRET "secret"  /* id_tokens that the secret signs */
#define CURVES "curves"     /* alg=ES384,EdDSA */
#define TRUSTING "trusting" /* email=trusted */

static const cloudep_jwks_t *team; /* verifies client secrets */

static const cloudep_oidc_return_t back = {
    .code = "the code", .redirect_uri = "https://app.test/back", .verifier = "the-verifier", .nonce = "the-nonce"};

static const cloudep_oidc_provider_t *row(const char *name)
{
    return cloudep_oidc_social(flow.run.oidc, name);
}

/* ---- the provider ---- */

static const char *secret_file(const char *name, const char *text)
{
    const char *path = apr_psprintf(flow.pool, "%s/%s", postgres.dir, name);
    FILE *file = fopen(path, "we");

    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, 0600) != 0) {
        flow_bail_out("a secret could not be written");
    }
    return path;
}

/* A private key of P-256 as Apple gives it out. */
static const char *key_file(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *out = BIO_new(BIO_s_mem());
    const cloudep_jwks_t *keys;
    const char *error, *path;
    json_t *jwk, *set;
    char *pem;
    long length;

    if (!key || !out || !PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL)) {
        flow_bail_out("no key");
    }
    length = BIO_get_mem_data(out, &pem);
    path = secret_file("key.p8", apr_pstrmemdup(flow.pool, pem, (apr_size_t)length));
    flow_must(
        cloudep_jwk_of_pem(&jwk, flow.pool, apr_pstrmemdup(flow.pool, pem, (apr_size_t)length), "the-key", "ES256"),
        "the key of client secrets");
    set = json_pack("{s[O]}", "keys", jwk);
    flow_must(cloudep_jwks_from_json(&keys, flow.pool, set, CLOUDEP_JWKS_OWN, &error), "its set");
    json_decref(set);
    team = keys;
    BIO_free(out);
    EVP_PKEY_free(key);
    return path;
}

/* options: words with a space between. */
static void add_row(const char *name, const char *client, const char *secret, const char *options)
{
    apr_array_header_t *words = apr_array_make(flow.pool, 8, sizeof(const char *));
    char *rest = apr_pstrdup(flow.pool, options);
    const char *word;

    APR_ARRAY_PUSH(words, const char *) = name;
    APR_ARRAY_PUSH(words, const char *) = provider.peer.url;
    APR_ARRAY_PUSH(words, const char *) = client;
    APR_ARRAY_PUSH(words, const char *) = secret;
    while ((word = apr_strtok(rest, " ", &rest))) {
        APR_ARRAY_PUSH(words, const char *) = word;
    }
    APR_ARRAY_PUSH(words, const char *) = NULL;
    provider_row((const char *const *)(const void *)words->elts);
}

static void start_provider(void)
{
    const char *secret = secret_file("secret", SECRET "\n");

    provider_start();
    add_row(PUBLIC, PROVIDER_CLIENT, "none", "");
    add_row(BASIC, ODD_CLIENT, secret, "");
    add_row(POST, PROVIDER_CLIENT, secret, "auth=post");
    add_row(FORCED, PROVIDER_CLIENT, secret, "auth=basic");
    add_row(SIGNED, PROVIDER_CLIENT, key_file(), "secret=jwt key_id=the-key team_id=the-team auth=post");
    add_row(BY_SECRET, PROVIDER_CLIENT, secret, "alg=HS256");
    add_row(CURVES, PROVIDER_CLIENT, "none", "alg=ES384,EdDSA");
    add_row(TRUSTING, PROVIDER_CLIENT, "none", "email=trusted");
    provider_use();
}

/* ---- what it says ---- */

/* Claims of an id_token that ends this login, with more, which are released. */
static json_t *good(json_t *more)
{
    return provider_with(provider_with(provider_claims("ada"), json_pack("{ss}", "nonce", back.nonce)),
                         more ? more : json_object());
}

static void gives_token(const char *token)
{
    peer_answers(&provider.peer, PROVIDER_TOKEN, 200,
                 apr_psprintf(flow.pool, "{\"access_token\":\"the-access\",\"id_token\":\"%s\"}", token));
}

static void gives(flow_case_t *at, json_t *claims)
{
    gives_token(provider_signs(at, claims));
}

static void userinfo_says(json_t *claims)
{
    char *text = json_dumps(claims, 0);

    peer_answers(&provider.peer, PROVIDER_USERINFO, 200, text);
    free(text);
    json_decref(claims);
}

static apr_status_t redeem(flow_case_t *at, const char *name, cloudep_oidc_profile_t *profile)
{
    const char *subject = NULL;
    apr_status_t rv;

    if (profile) {
        *profile = (cloudep_oidc_profile_t){0};
    }
    rv = cloudep_oidc_redeem(&subject, profile, row(name), at->p, &back);
    return rv == APR_SUCCESS && (!subject || strcmp(subject, "ada") != 0) ? APR_EGENERAL : rv;
}

static void is_status(apr_status_t got, apr_status_t want, const char *name)
{
    is_str(cloudep_status_name(got), cloudep_status_name(want), name);
}

/* The last form that the token endpoint was sent. */
static const char *form(void)
{
    const char *body = strstr(peer_request(&provider.peer, PROVIDER_TOKEN), "\r\n\r\n");

    return body ? body + 4 : "";
}

/* One parameter of it, as it was sent; NULL: it has none. */
static const char *sent(flow_case_t *at, const char *name)
{
    const char *found = strstr(apr_pstrcat(at->p, "&", form(), NULL), apr_pstrcat(at->p, "&", name, "=", NULL));

    return found ? apr_pstrndup(at->p, found + strlen(name) + 2, strcspn(found + strlen(name) + 2, "&")) : NULL;
}

/* A header of a request; NULL: it has none. */
static const char *header(flow_case_t *at, const char *request, const char *name)
{
    const char *found = strstr(request, apr_pstrcat(at->p, "\r\n", name, ": ", NULL));

    return found ? apr_pstrndup(at->p, found + strlen(name) + 4, strcspn(found + strlen(name) + 4, "\r")) : NULL;
}

/* ---- what is sent ---- */

static void test_request(void)
{
    flow_case_t *at = flow_begin();
    const char *request;

    gives(at, good(NULL));
    is_status(redeem(at, PUBLIC, NULL), APR_SUCCESS, "a code");
    request = peer_request(&provider.peer, PROVIDER_TOKEN);
    is_str(header(at, request, "Content-Type"), "application/x-www-form-urlencoded", "is sent in a form");
    is_str(header(at, request, "Accept"), "application/json", "whose answer is to be JSON");
    is_str(sent(at, "grant_type"), "authorization_code", "with the grant's type");
    is_str(sent(at, "code"), "the+code", "the code");
    is_str(sent(at, "redirect_uri"), "https%3a%2f%2fapp.test%2fback", "where the browser came back to");
    is_str(sent(at, "code_verifier"), "the-verifier", "PKCE's verifier");
    is_str(sent(at, "client_id"), PROVIDER_CLIENT, "and the client id");
    ok(!sent(at, "client_secret") && !header(at, request, "Authorization"), "of a client without a secret");
    flow_end(at);
}

static void test_client(void)
{
    flow_case_t *at = flow_begin();
    char basic[256] = "Basic ";
    const char *request;

    gives(at, good(json_pack("{ss}", "aud", ODD_CLIENT)));
    (void)apr_base64_encode(basic + 6, "cli+ent:se%3acret%2fof%2b32+bytes%2c+as+HS256+needs", 51);
    is_status(redeem(at, BASIC, NULL), APR_SUCCESS, "a client with a secret");
    request = peer_request(&provider.peer, PROVIDER_TOKEN);
    is_str(header(at, request, "Authorization"), basic, "is known by Basic, each part encoded");
    ok(!sent(at, "client_id") && !sent(at, "client_secret"), "and the form has neither");
    gives(at, good(NULL));
    is_status(redeem(at, POST, NULL), APR_SUCCESS, "a client of auth=post");
    request = peer_request(&provider.peer, PROVIDER_TOKEN);
    is_str(sent(at, "client_secret"), "se%3acret%2fof%2b32+bytes%2c+as+HS256+needs", "has its secret in the form");
    is_str(sent(at, "client_id"), PROVIDER_CLIENT, "beside its id");
    ok(!header(at, request, "Authorization"), "and no Basic");
    provider_describes("http://127.0.0.1/a", ",\"token_endpoint_auth_methods_supported\":[\"client_secret_post\"]");
    provider_use();
    gives(at, good(json_pack("{ss}", "aud", ODD_CLIENT)));
    is_status(redeem(at, BASIC, NULL), APR_SUCCESS, "where the provider takes only that");
    ok(sent(at, "client_secret") != NULL, "the form has the secret without a word in the row");
    gives(at, good(NULL));
    is_status(redeem(at, FORCED, NULL), APR_SUCCESS, "a client of auth=basic");
    ok(header(at, peer_request(&provider.peer, PROVIDER_TOKEN), "Authorization") && !sent(at, "client_secret"),
       "is known by Basic all the same");
    provider_describes("http://127.0.0.1/a", "");
    provider_use();
    flow_end(at);
}

static void test_signed_secret(void)
{
    flow_case_t *at = flow_begin();
    const apr_int64_t before = apr_time_sec(apr_time_now());
    const cloudep_jwt_t *jwt = NULL;
    const char *reason = NULL;
    apr_int64_t iat, exp;

    gives(at, good(NULL));
    is_status(redeem(at, SIGNED, NULL), APR_SUCCESS, "a client whose secret is signed");
    flow_must(cloudep_jwt_verify(&jwt, at->p, team, sent(at, "client_secret"), CLOUDEP_JWT_OWN, &reason),
              "the client secret");
    is_str(cloudep_claim_text(jwt->claims, "iss"), "the-team", "its issuer is the team");
    is_str(cloudep_claim_text(jwt->claims, "sub"), PROVIDER_CLIENT, "its subject the client");
    is_str(cloudep_claim_text(jwt->claims, "aud"), provider.peer.url, "it is for the provider");
    iat = json_integer_value(json_object_get(jwt->claims, "iat"));
    exp = json_integer_value(json_object_get(jwt->claims, "exp"));
    ok(iat >= before && iat <= apr_time_sec(apr_time_now()), "of this moment");
    is_int(exp - iat, 300, "for five minutes");
    flow_end(at);
}

/* ---- what comes back ---- */

static void test_refusals(void)
{
    static const struct {
        int status;
        apr_status_t want;
        const char *body;
        const char *log, *name;
    } cases[] = {
        {400, CLOUDEP_EFORGED, "{\"error\":\"invalid_grant\"}", NULL, "invalid_grant is the code's fault"},
        {400, CLOUDEP_EFORGED, "{\"error\":\"invalid_request\"}", NULL, "so is invalid_request"},
        {400, CLOUDEP_EPROVIDER, "{\"error\":\"invalid_client\"}", "does not accept our client id and secret",
         "invalid_client is the configuration's"},
        {400, CLOUDEP_EPROVIDER, "{\"error\":\"unsupported_grant_type\"}", "answers 400",
         "other errors are the provider's"},
        {401, CLOUDEP_EPROVIDER, "{\"error\":\"invalid_grant\"}", "answers 401", "invalid_grant with another status"},
        {400, CLOUDEP_EPROVIDER, "invalid_grant", "answers 400", "an error that is not JSON"},
        {201, CLOUDEP_EPROVIDER, "{}", "answers 201", "another success than 200"},
        {200, CLOUDEP_EPROVIDER, "[]", "the answer is not a JSON object", "tokens that are no object"},
        {200, CLOUDEP_EPROVIDER, "{\"access_token\":\"a\"}", "the answer has no id_token", "no id_token"},
        {200, CLOUDEP_EPROVIDER, "{\"id_token\":[\"a\"]}", "the answer has no id_token", "an id_token that is no text"},
    };
    flow_case_t *at = flow_begin();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        peer_answers(&provider.peer, PROVIDER_TOKEN, cases[i].status, cases[i].body);
        (void)flow_logged("");
        is_status(redeem(at, PUBLIC, NULL), cases[i].want, cases[i].name);
        ok(!cases[i].log || flow_logged(cases[i].log), "%s: the log says it", cases[i].name);
    }
    flow_end(at);
}

static void test_id_token(void)
{
    flow_case_t *at = flow_begin();
    const json_int_t now = apr_time_sec(apr_time_now());

    gives(at, good(json_pack("{ss}", "nonce", "another")));
    is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EFORGED, "the nonce of another login: its code was put in here");
    gives(at, good(json_pack("{sn}", "nonce")));
    is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EFORGED, "no nonce");
    gives(at, good(json_pack("{ss}", "aud", "another")));
    is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EPROVIDER, "an id_token for another client");
    gives(at, good(json_pack("{ss}", "iss", "https://evil.test")));
    is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EPROVIDER, "one of another issuer");
    gives(at, good(json_pack("{sI}", "exp", now - flow.config.oidc_leeway - 1)));
    is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EPROVIDER, "one that has expired");
    gives(at, good(json_pack("{sI}", "exp", now - flow.config.oidc_leeway + 30)));
    is_status(redeem(at, PUBLIC, NULL), APR_SUCCESS, "one that has, within the leeway");
    gives(at, good(json_pack("{sI}", "iat", now - 86400)));
    is_status(redeem(at, PUBLIC, NULL), APR_SUCCESS, "how long ago it was issued does not matter");
    gives_token("a.b.c");
    is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EPROVIDER, "what is no token");
    flow_end(at);
}

/* Which algorithms count for a row. */
static void test_algorithms(void)
{
    const cloudep_jwks_t *published = provider.keys;
    const char *error;
    const cloudep_jwks_t *shared;
    flow_case_t *at = flow_begin();
    json_t *set = json_pack("{s[{ss,ss,ss,ss}]}", "keys", "kty", "oct", "alg", "HS256", "kid", "secret", "k",
                            cloudep_b64_encode(at->p, SECRET, strlen(SECRET)));

    gives(at, good(NULL));
    (void)flow_logged("");
    is_status(redeem(at, CURVES, NULL), CLOUDEP_EPROVIDER, "ES256 where alg= names others");
    ok(flow_logged("its algorithm is not among those that alg= names"), "and the log says it");
    is_status(redeem(at, BY_SECRET, NULL), CLOUDEP_EPROVIDER, "a published key where the secret signs");
    flow_must(cloudep_jwks_from_json(&shared, at->p, set, CLOUDEP_JWKS_OWN, &error), "the secret as a key");
    provider.keys = shared;
    gives(at, good(NULL));
    is_status(redeem(at, BY_SECRET, NULL), APR_SUCCESS, "the secret where it signs");
    is_status(redeem(at, POST, NULL), CLOUDEP_EPROVIDER, "the secret where published keys do");
    for (int i = 0; i < 2; i++) {
        provider.keys = flow_keys(i ? "eddsa" : "es384", i ? "EdDSA" : "ES384");
        provider_publishes(provider.keys);
        provider_use();
        gives(at, good(NULL));
        is_status(redeem(at, CURVES, NULL), APR_SUCCESS,
                  i ? "the last of the algorithms that alg= names" : "the first");
    }
    provider.keys = published;
    provider_publishes(published);
    provider_use();
    json_decref(set);
    flow_end(at);
}

/* ---- the profile ---- */

static void test_userinfo(void)
{
    flow_case_t *at = flow_begin();
    cloudep_oidc_profile_t profile;

    gives(at, good(json_pack("{ss,sb,ss}", "email", "Ada@Prov.test", "email_verified", 1, "name", "Ada")));
    peer_forgets(&provider.peer);
    is_status(redeem(at, PUBLIC, &profile), APR_SUCCESS, "an id_token with all that is needed");
    is_str(profile.email, "ada@prov.test", "its address");
    is_str(profile.name, "Ada", "its name");
    is_int(peer_asked(&provider.peer, PROVIDER_USERINFO), 0, "userinfo is not asked for more");
    gives(at, good(NULL));
    userinfo_says(
        json_pack("{ss,ss,sb,ss}", "sub", "ada", "email", "info@prov.test", "email_verified", 1, "name", "Info"));
    is_status(redeem(at, PUBLIC, &profile), APR_SUCCESS, "an id_token without an address");
    is_str(profile.email, "info@prov.test", "userinfo is asked for it");
    is_str(profile.name, "Info", "and for the name");
    is_str(header(at, peer_request(&provider.peer, PROVIDER_USERINFO), "Authorization"), "Bearer the-access",
           "with the access token");
    is_str(header(at, peer_request(&provider.peer, PROVIDER_USERINFO), "Accept"), "application/json", "as JSON");
    peer_forgets(&provider.peer);
    is_status(redeem(at, PUBLIC, NULL), APR_SUCCESS, "where the address does not matter");
    is_int(peer_asked(&provider.peer, PROVIDER_USERINFO), 0, "userinfo is not asked");
    userinfo_says(json_pack("{ss,ss,sb}", "sub", "eve", "email", "eve@prov.test", "email_verified", 1));
    is_status(redeem(at, PUBLIC, &profile), CLOUDEP_EPROVIDER, "userinfo about somebody else");
    userinfo_says(json_pack("{ss,sb}", "email", "eve@prov.test", "email_verified", 1));
    is_status(redeem(at, PUBLIC, &profile), CLOUDEP_EPROVIDER, "userinfo that does not say about whom it is");
    peer_answers(&provider.peer, PROVIDER_USERINFO, 403, "{\"sub\":\"ada\"}");
    is_status(redeem(at, PUBLIC, &profile), CLOUDEP_EPROVIDER, "userinfo that is refused");
    peer_answers(&provider.peer, PROVIDER_USERINFO, 200, "ada");
    is_status(redeem(at, PUBLIC, &profile), CLOUDEP_EPROVIDER, "userinfo that is no object");
    peer_answers(&provider.peer, PROVIDER_TOKEN, 200,
                 apr_psprintf(at->p, "{\"id_token\":\"%s\"}", provider_signs(at, good(NULL))));
    is_status(redeem(at, PUBLIC, &profile), APR_SUCCESS, "without an access token there is no userinfo to be had");
    is_int(profile.email_state, CLOUDEP_EMAIL_ABSENT, "and no address");
    flow_end(at);
}

static void test_belief(void)
{
    static const struct {
        cloudep_email_state_e state;
        int verified, trusted;
        const char *name;
    } cases[] = {
        {CLOUDEP_EMAIL_VERIFIED, 1, 1, "an address that is verified"},
        {CLOUDEP_EMAIL_UNSTATED, 0, 1, "one of which nothing is said"},
        {CLOUDEP_EMAIL_DENIED, 0, 0, "one that is said not to be verified"},
        {CLOUDEP_EMAIL_ABSENT, 0, 0, "none"},
    };
    flow_case_t *at = flow_begin();
    cloudep_oidc_profile_t profile;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        profile = (cloudep_oidc_profile_t){.email_state = cases[i].state};
        ok(cloudep_oidc_believes(row(PUBLIC), &profile) == cases[i].verified, "%s, by itself", cases[i].name);
        ok(cloudep_oidc_believes(row(TRUSTING), &profile) == cases[i].trusted, "%s, with email=trusted", cases[i].name);
    }
    gives(at, good(json_pack("{ss}", "email", "ada@prov.test")));
    userinfo_says(json_pack("{ss,ss,sb}", "sub", "ada", "email", "ada@prov.test", "email_verified", 1));
    peer_forgets(&provider.peer);
    is_status(redeem(at, TRUSTING, &profile), APR_SUCCESS, "an address that is trusted");
    is_int(peer_asked(&provider.peer, PROVIDER_USERINFO), 0, "needs no userinfo");
    is_status(redeem(at, PUBLIC, &profile), APR_SUCCESS, "one that is not");
    is_int(profile.email_state, CLOUDEP_EMAIL_VERIFIED, "is believed of userinfo");
    flow_end(at);
}

/* ---- one request ---- */

/* A code that is seen twice may end all that it led to. */
static void test_once(void)
{
    flow_case_t *at = flow_begin();
    cloudep_oidc_profile_t profile;

    gives(at, good(NULL));
    userinfo_says(json_pack("{ss,ss,sb}", "sub", "ada", "email", "ada@prov.test", "email_verified", 1));
    is_status(redeem(at, PUBLIC, &profile), APR_SUCCESS, "a code over a connection that is kept");
    peer_forgets(&provider.peer);
    peer_answers_once(&provider.peer, PROVIDER_TOKEN, PEER_BREAKS, "");
    is_status(redeem(at, PUBLIC, &profile), CLOUDEP_EPROVIDER, "a connection that breaks with a code on its way");
    is_int(peer_asked(&provider.peer, PROVIDER_TOKEN), 1, "it is not sent again");
    flow_end(at);
}

static void test_size(void)
{
    const size_t most = 256 * 1024;
    flow_case_t *at = flow_begin();
    cloudep_oidc_profile_t profile;
    char *text = malloc(most + 2);
    const size_t begun = strlen("{\"sub\":\"ada\"}");

    gives(at, good(NULL));
    memset(text, ' ', most + 1);
    memcpy(text, "{\"sub\":\"ada\"}", begun);
    text[most] = '\0';
    peer_answers(&provider.peer, PROVIDER_USERINFO, 200, text);
    is_status(redeem(at, PUBLIC, &profile), APR_SUCCESS, "an answer of 256 KiB");
    text[most] = ' ';
    text[most + 1] = '\0';
    peer_answers(&provider.peer, PROVIDER_USERINFO, 200, text);
    is_status(redeem(at, PUBLIC, &profile), CLOUDEP_EPROVIDER, "a byte more");
    free(text);
    flow_end(at);
}

static void test_metadata(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_oidc_metadata_t *metadata;
    const int interval = flow.config.jwks_min_interval;

    flow.config.jwks_min_interval = 0;
    provider_use();
    gives(at, good(NULL));
    is_status(redeem(at, PUBLIC, NULL), APR_SUCCESS, "a code");
    peer_forgets(&provider.peer);
    is_status(redeem(at, PUBLIC, NULL), APR_SUCCESS, "another");
    flow.config.jwks_min_interval = interval;
    is_int(peer_asked(&provider.peer, PROVIDER_METADATA), 0, "what is known is not read again");
    is_int(peer_asked(&provider.peer, PROVIDER_KEYS), 0, "nor are keys");
    peer_answers(
        &provider.peer, PROVIDER_METADATA, 200,
        apr_psprintf(at->p, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}", provider.peer.url, provider.peer.url));
    provider_use();
    is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EPROVIDER, "a provider without a token endpoint");
    ok(flow_logged("it names no token endpoint"), "and the log says it");
    peer_answers(&provider.peer, PROVIDER_METADATA, 200,
                 apr_psprintf(at->p, "{\"issuer\":\"https://evil.test\",\"jwks_uri\":\"%s/keys\"}", provider.peer.url));
    provider_use();
    is_status(cloudep_oidc_metadata(&metadata, row(PUBLIC), at->p), CLOUDEP_EPROVIDER, "another issuer's description");
    peer_answers(
        &provider.peer, PROVIDER_METADATA, 203,
        apr_psprintf(at->p, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}", provider.peer.url, provider.peer.url));
    provider_use();
    is_status(cloudep_oidc_metadata(&metadata, row(PUBLIC), at->p), CLOUDEP_EPROVIDER, "one with another status");
    provider_describes("http://127.0.0.1/a", "");
    provider_use();
    flow_end(at);
}

/* ---- its keys ---- */

/* The same keys, each called by the other's kid. */
static const cloudep_jwks_t *named_as(flow_case_t *at, const cloudep_jwks_t *keys, const cloudep_jwks_t *others)
{
    json_t *set = json_loads(cloudep_jwks_public_json(keys, at->p), 0, NULL);
    json_t *other = json_loads(cloudep_jwks_public_json(others, at->p), 0, NULL);
    const cloudep_jwks_t *made;
    const char *error;

    (void)json_object_set(json_array_get(json_object_get(set, "keys"), 0), "kid",
                          json_object_get(json_array_get(json_object_get(other, "keys"), 0), "kid"));
    flow_must(cloudep_jwks_from_json(&made, at->p, set, CLOUDEP_JWKS_FOREIGN, &error), "a set of keys");
    json_decref(set);
    json_decref(other);
    return made;
}

static void test_keys(void)
{
    const int interval = flow.config.jwks_min_interval;
    const cloudep_jwks_t *next = flow_keys("next", "ES256");
    const cloudep_jwks_t *before = provider.keys;
    flow_case_t *at = flow_begin();

    flow.config.jwks_min_interval = 0;
    provider_use();
    gives(at, good(NULL));
    is_status(redeem(at, PUBLIC, NULL), APR_SUCCESS, "a key that is published");
    provider.keys = next;
    gives(at, good(NULL));
    is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EPROVIDER, "a key that is not");
    provider_publishes(next);
    is_status(redeem(at, PUBLIC, NULL), APR_SUCCESS, "it is read anew once it is");
    provider_publishes(named_as(at, before, next));
    provider_use();
    is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EPROVIDER, "another key under the same kid");
    provider_publishes(next);
    is_status(redeem(at, PUBLIC, NULL), APR_SUCCESS, "a key that was replaced under its kid");
    provider.keys = before;
    gives(at, good(NULL));
    peer_answers(&provider.peer, PROVIDER_KEYS, 500, "");
    (void)flow_logged("");
    is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EPROVIDER, "keys that cannot be read anew");
    ok(flow_logged("the provider's keys cannot be had"), "nobody knows whether it is one of them");
    flow.config.jwks_min_interval = 30; /* in microseconds it would be over at once */
    provider_publishes(next);
    provider_use();
    peer_forgets(&provider.peer);
    for (int i = 0; i < 3; i++) {
        is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EPROVIDER, "a key that nobody has");
    }
    is_int(peer_asked(&provider.peer, PROVIDER_KEYS), 1, "has the keys read no more often than allowed");
    peer_answers(&provider.peer, PROVIDER_KEYS, 200, "{\"keys\":[]}");
    provider_use();
    (void)flow_logged("");
    is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EPROVIDER, "a set without keys");
    ok(flow_logged("no key in there that we could use"), "is none, says the log");
    flow.config.jwks_min_interval = interval;
    provider_publishes(before);
    provider_use();
    flow_end(at);
}

/* ---- left alone ---- */

/* Asks so often with that answer. */
static void ask(flow_case_t *at, int status, int times)
{
    peer_answers(&provider.peer, PROVIDER_TOKEN, status, "{\"error\":\"invalid_grant\"}");
    for (int i = 0; i < times; i++) {
        (void)redeem(at, PUBLIC, NULL);
    }
}

static void test_breaker(void)
{
    const int failures = flow.config.oidc_failures;
    flow_case_t *at = flow_begin();

    flow.config.oidc_failures = 3;
    provider_use();
    ask(at, 400, 5);
    ask(at, 401, 5);
    ok(!cloudep_oidc_is_left_alone(row(PUBLIC)), "refusals, which a client can cause, are no failures");
    ask(at, 500, 2);
    ok(!cloudep_oidc_is_left_alone(row(PUBLIC)), "two failures of three");
    ask(at, 400, 1);
    ask(at, 503, 1);
    ok(cloudep_oidc_is_left_alone(row(PUBLIC)), "the third: a refusal between them changes nothing");
    ok(flow_logged(apr_psprintf(at->p, "OpenID provider %s fails: not asked for %d s", provider.peer.url,
                                flow.config.oidc_pause)),
       "the log says for how long");
    peer_forgets(&provider.peer);
    ask(at, 200, 1);
    is_int(peer_asked(&provider.peer, PROVIDER_TOKEN), 0, "then it is not asked");
    ok(!cloudep_oidc_is_left_alone(row(POST)), "another provider is");
    provider_use();
    ask(at, 429, 3);
    ok(cloudep_oidc_is_left_alone(row(PUBLIC)), "a provider that is asked too much is left alone, too");
    provider_use();
    gives(at, good(NULL));
    ask(at, 500, 2);
    gives(at, good(NULL));
    is_status(redeem(at, PUBLIC, NULL), APR_SUCCESS, "a success between failures");
    ask(at, 500, 2);
    ok(!cloudep_oidc_is_left_alone(row(PUBLIC)), "begins the count anew");
    ask(at, PEER_BREAKS, 1);
    ok(cloudep_oidc_is_left_alone(row(PUBLIC)), "no answer is a failure as well");
    flow.config.oidc_failures = failures;
    provider_use();
    flow_end(at);
}

static void test_timeout(void)
{
    const int timeout = flow.config.oidc_timeout;
    flow_case_t *at = flow_begin();

    gives(at, good(NULL));
    is_status(redeem(at, PUBLIC, NULL), APR_SUCCESS, "a provider that answers");
    flow.config.oidc_timeout = 100;
    peer_answers(&provider.peer, PROVIDER_TOKEN, PEER_LATE + 200,
                 apr_psprintf(at->p, "{\"id_token\":\"%s\"}", provider_signs(at, good(NULL))));
    (void)flow_logged("");
    is_status(redeem(at, PUBLIC, NULL), CLOUDEP_EPROVIDER, "a provider that answers too late");
    ok(flow_logged("/token: "), "the log names the address");
    flow.config.oidc_timeout = timeout;
    flow_end(at);
}

int main(void)
{
    flow_start();
    start_provider();
    test_request();
    test_client();
    test_signed_secret();
    test_refusals();
    test_id_token();
    test_algorithms();
    test_userinfo();
    test_belief();
    test_once();
    test_size();
    test_metadata();
    test_keys();
    test_breaker();
    test_timeout();
    return done_testing();
}
