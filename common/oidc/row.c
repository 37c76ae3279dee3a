/*
 * row.c - from the words of a CloudEPSocialProvider to a provider, and what is wrong with them.
 */
#include "oidc/oidc.h"

#include <apr_strings.h>
#include "base/text/b64.h"
#include "base/text/json.h"
#include "base/text/validate.h"
#include "core/secret_file.h"

#define DIRECTIVE "CloudEPSocialProvider"
#define DEFAULT_SCOPE "openid email profile"
#define NAME_LONGEST 32
#define KEY_FILE_MAX 16384
#define HS256_SHORTEST 32 /* bytes of a secret that signs (RFC 7518, section 3.2) */
#define ALGORITHMS "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA, or HS256 alone"

/* The words of a row. */
enum { NAME, ISSUER, CLIENT_ID, SECRET, OPTIONS };

/* A row as far as it was read. */
typedef struct row_t {
    cloudep_oidc_provider_t *provider;
    apr_pool_t *p;
    const char *secret_kind; /* "jwt"; NULL: a word */
    const char *key_id;
    int by_secret; /* id_tokens are signed by the secret */
} row_t;

int cloudep_oidc_is_safe_url(apr_pool_t *p, const char *url)
{
    const char *scheme;
    const char *host;

    return cloudep_is_url(url) && !strpbrk(url, "?#") && cloudep_http_split(&scheme, &host, p, url) == APR_SUCCESS &&
           (!strcmp(scheme, "https") || cloudep_http_is_loopback(host));
}

/* ---- name=value ---- */

static const char *read_scope(row_t *row, const char *value)
{
    row->provider->scope = value;
    return strstr(apr_pstrcat(row->p, " ", value, " ", NULL), " openid ") ? NULL : "scope has to have openid in it";
}

static const char *read_auth(row_t *row, const char *value)
{
    row->provider->auth = value;
    return !strcmp(value, "basic") || !strcmp(value, "post") ? NULL : "auth is basic or post";
}

static const char *read_email(row_t *row, const char *value)
{
    row->provider->trusts_email = !strcmp(value, "trusted");
    return row->provider->trusts_email || !strcmp(value, "verified")
               ? NULL
               : "email is verified (the provider has to say email_verified) or trusted (it need not)";
}

static int is_published(const char *algorithm)
{
    static const char *const names[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                        "PS512", "ES256", "ES384", "ES512", "EdDSA"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strcmp(names[i], algorithm)) {
            return 1;
        }
    }
    return 0;
}

static const char *read_algorithms(row_t *row, const char *value)
{
    apr_array_header_t *algorithms = apr_array_make(row->p, 2, sizeof(const char *));
    char *rest = apr_pstrdup(row->p, value);
    const char *name;

    if (!strcmp(value, "HS256")) {
        row->by_secret = 1;
        return NULL;
    }
    while ((name = apr_strtok(rest, ",", &rest))) {
        if (!is_published(name)) {
            return apr_psprintf(row->p, "alg=%s: the algorithms of id_tokens are " ALGORITHMS, value);
        }
        APR_ARRAY_PUSH(algorithms, const char *) = name;
    }
    row->provider->algorithms = algorithms;
    return algorithms->nelts ? NULL : "alg names no algorithm";
}

static const char *read_response_mode(row_t *row, const char *value)
{
    row->provider->response_mode = value;
    return !strcmp(value, "form_post") || !strcmp(value, "query")
               ? NULL
               : "response_mode is form_post, or query, which is the default";
}

static const char *read_page(row_t *row, const char *value)
{
    const char *end = strpbrk(value, "?#");
    const char *path = end ? apr_pstrmemdup(row->p, value, (apr_size_t)(end - value)) : value;

    row->provider->page = value;
    return cloudep_oidc_is_safe_url(row->p, path) && !strchr(value, '#')
               ? NULL
               : "page must be an https URL without fragment: the page of the front end that ends the login";
}

static const char *read_secret_kind(row_t *row, const char *value)
{
    row->secret_kind = value;
    return !strcmp(value, "jwt") ? NULL : "secret is jwt; leave it out where the file has the secret itself";
}

static const char *read_key_id(row_t *row, const char *value)
{
    row->key_id = value;
    return NULL;
}

static const char *read_team_id(row_t *row, const char *value)
{
    row->provider->team_id = value;
    return NULL;
}

typedef struct option_t {
    const char *name;
    const char *(*read)(row_t *row, const char *value); /* NULL, or what is wrong */
} option_t;

static const option_t options[] = {
    {"scope", read_scope},
    {"auth", read_auth},
    {"email", read_email},
    {"alg", read_algorithms},
    {"response_mode", read_response_mode},
    {"page", read_page},
    {"secret", read_secret_kind},
    {"key_id", read_key_id},
    {"team_id", read_team_id},
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

/* Fields of the authorization request that are ours alone. */
static int is_reserved(const char *name)
{
    static const char *const names[] = {"response_type", "client_id",      "redirect_uri",          "state",
                                        "nonce",         "code_challenge", "code_challenge_method", "request",
                                        "request_uri"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strcmp(names[i], name)) {
            return 1;
        }
    }
    return 0;
}

/* One of the row's name=value. seen: a bit for each of the options that were there before. */
static const char *read_option(row_t *row, apr_table_t *parameters, unsigned *seen, const char *option)
{
    const char *equals = strchr(option, '=');
    const char *name = equals ? apr_pstrmemdup(row->p, option, (apr_size_t)(equals - option)) : option;

    if (!equals || equals == option || !equals[1]) {
        return apr_pstrcat(row->p, option, " is not name=value", NULL);
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(options[i].name, name) != 0) {
            continue;
        }
        if (*seen & (1U << i)) {
            return apr_pstrcat(row->p, name, " is there twice", NULL);
        }
        *seen |= 1U << i;
        return options[i].read(row, equals + 1);
    }
    if (is_reserved(name)) {
        return apr_pstrcat(row->p, name, " is set by CloudEP itself", NULL);
    }
    apr_table_addn(parameters, name, equals + 1);
    return NULL;
}

/* ---- the secret ---- */

/* A set of one key of ours; NULL: it is none, and *error says why. */
static const cloudep_jwks_t *set_of(json_t *jwk, apr_pool_t *p, const char **error)
{
    json_t *document = cloudep_json_own(json_pack("{s:[O]}", "keys", jwk), p);
    const cloudep_jwks_t *set = NULL;

    *error = "out of memory";
    return document && cloudep_jwks_from_json(&set, p, document, CLOUDEP_JWKS_OWN, error) == APR_SUCCESS ? set : NULL;
}

/* The key that signs the client secret. */
static const char *read_secret_key(row_t *row, const char *path)
{
    const cloudep_jwks_t *set;
    const char *pem, *ignored;
    const char *error = NULL;
    apr_size_t length;
    json_t *jwk;

    if (!row->key_id || !row->provider->team_id) {
        return "secret=jwt needs key_id=... and team_id=... as well";
    }
    if (cloudep_secret_file(&pem, &length, row->p, DIRECTIVE, path, KEY_FILE_MAX, &error) != APR_SUCCESS) {
        return error;
    }
    if (cloudep_jwk_of_pem(&jwk, row->p, apr_pstrmemdup(row->p, pem, length), row->key_id, "ES256") != APR_SUCCESS ||
        !(set = set_of(jwk, row->p, &ignored))) {
        return apr_psprintf(
            row->p, "%s: secret=jwt needs a private key of P-256 in PEM, the .p8 file that Apple gives out", path);
    }
    row->provider->secret_key = cloudep_jwks_active(set, CLOUDEP_KEY_SIGN);
    return NULL;
}

/* The secret as a key of id_tokens. */
static const char *make_secret_keys(row_t *row)
{
    const char *secret = row->provider->secret;
    const char *error = NULL;
    json_t *jwk;

    if (!secret || strlen(secret) < HS256_SHORTEST) {
        return "alg=HS256 needs a client secret of at least 32 bytes: id_tokens are signed with it";
    }
    jwk = cloudep_json_own(json_pack("{ss,ss,ss,ss}", "kty", "oct", "alg", "HS256", "kid", "secret", "k",
                                     cloudep_b64_encode(row->p, secret, strlen(secret))),
                           row->p);
    row->provider->secret_keys = jwk ? set_of(jwk, row->p, &error) : NULL;
    return row->provider->secret_keys ? NULL : error;
}

static const char *read_secret(row_t *row, const char *word)
{
    const char *path = ap_server_root_relative(row->p, word);
    const char *error = "the secret's file is no path";

    if (!row->secret_kind && (row->key_id || row->provider->team_id)) {
        return "key_id and team_id are for secret=jwt";
    }
    if (!strcmp(word, "none")) {
        return row->secret_kind ? "secret=jwt needs the file of the key that signs it in place of none" : NULL;
    }
    if (!path) {
        return error;
    }
    if (row->secret_kind) {
        return read_secret_key(row, path);
    }
    return cloudep_secret_line(&row->provider->secret, row->p, DIRECTIVE, path, &error) == APR_SUCCESS ? NULL : error;
}

/* ---- all of it ---- */

/* Microsoft answers there for every directory, each of which is an issuer of its own. */
static int is_for_all_directories(const char *issuer)
{
    static const char base[] = "https://login.microsoftonline.com/";
    const char *directory = issuer + sizeof(base) - 1;

    return !strncmp(issuer, base, sizeof(base) - 1) &&
           (!strncmp(directory, "common/", 7) || !strncmp(directory, "organizations/", 14) ||
            !strncmp(directory, "consumers/", 10));
}

static const char *check_words(const cloudep_oidc_t *oidc, apr_pool_t *p, const char *const *words)
{
    if (!cloudep_is_id(words[NAME]) || strlen(words[NAME]) > NAME_LONGEST || cloudep_oidc_social(oidc, words[NAME])) {
        return "the name must be one of its own, of letters, digits, - and _";
    }
    if (!cloudep_oidc_is_safe_url(p, words[ISSUER])) {
        return "the issuer must be an https URL, without query";
    }
    if (is_for_all_directories(words[ISSUER])) {
        return "the issuer must name one directory: https://login.microsoftonline.com/TENANT-ID/v2.0";
    }
    return NULL;
}

/* What only fits together. */
static const char *check_together(row_t *row)
{
    const cloudep_oidc_provider_t *provider = row->provider;
    int posts = provider->response_mode && !strcmp(provider->response_mode, "form_post");

    if (posts && !provider->page) {
        return "response_mode=form_post needs page=URL: the page of the front end that ends the login";
    }
    if (!posts && provider->page) {
        return "page is for response_mode=form_post: without it the provider sends the browser to redirect_uri itself";
    }
    return row->by_secret ? make_secret_keys(row) : NULL;
}

const char *cloudep_oidc_read_row(cloudep_oidc_provider_t *provider, apr_pool_t *p, const char *const *words)
{
    row_t row = {.provider = provider, .p = p};
    apr_table_t *parameters = apr_table_make(p, 2);
    unsigned seen = 0;
    const char *error = check_words(provider->all, p, words);

    if (error) {
        return error;
    }
    provider->name = words[NAME];
    provider->issuer = words[ISSUER];
    provider->client_id = words[CLIENT_ID];
    provider->scope = DEFAULT_SCOPE;
    provider->parameters = parameters;
    for (int i = OPTIONS; words[i]; i++) {
        if ((error = read_option(&row, parameters, &seen, words[i]))) {
            return error;
        }
    }
    if ((error = read_secret(&row, words[SECRET]))) {
        return error;
    }
    return check_together(&row);
}
