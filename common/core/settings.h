/*
 * settings.h - the settings of a server, each declared once, and what a process makes of them; without httpd's headers.
 *
 * CLOUDEP_SETTINGS is the one list: member, directive, default, bounds and help text. The struct, create, merge,
 * the command table and the defaults are made from it (config.c), and what "describe" prints. Unset until "settled" in
 * check_config, so a virtual host inherits what the main server says and not what it defaulted to.
 */
#ifndef CLOUDEP_SETTINGS_H
#define CLOUDEP_SETTINGS_H

#include <apr_tables.h>
#include "base/cache/challenge.h"

#define CLOUDEP_UNSET (-1)

/*
 * FLAG(member, directive, default, help)
 * NUMBER(member, directive, default, min, max, help)
 * SECONDS(member, directive, default, min, max, help)   takes "90", "90s", "15min", "24h", "30d"
 * TEXT(member, directive, default, help)
 * FILENAME(member, directive, help)                     below ServerRoot unless absolute
 * LIST(member, directive, help)                         may be repeated; a virtual host's replaces its server's
 * ROWS(member, directive, min, max, help)               the same, each a row of min to max words, ended by NULL
 */
#define CLOUDEP_SETTINGS(FLAG, NUMBER, SECONDS, TEXT, FILENAME, LIST, ROWS)                                            \
    FLAG(database, "CloudEPDatabase", 0, "On: use the PostgreSQL that mod_dbd's directives name")                      \
    NUMBER(database_connections, "CloudEPDatabaseConnections", 10, 1, 1000,                                            \
           "Connections a child may use at once; not more than DBDMax")                                                \
    NUMBER(database_wait, "CloudEPDatabaseWait", 2000, 1, 60000,                                                       \
           "Milliseconds to wait for a free connection before answering 503")                                          \
    NUMBER(statement_timeout, "CloudEPStatementTimeout", 5000, 100, 600000, "Milliseconds a statement may take")       \
    NUMBER(lock_timeout, "CloudEPLockTimeout", 2000, 10, 60000, "Milliseconds to wait for a row lock")                 \
    LIST(tls_proxies, "CloudEPTLSProxy", "Proxies that end TLS, and whose X-Forwarded-Proto is believed")              \
    LIST(memcache_servers, "CloudEPMemcacheServer", "host:port of a memcached; repeat for several")                    \
    NUMBER(memcache_timeout, "CloudEPMemcacheTimeout", 1000, 10, 60000, "Milliseconds a memcached may take")           \
    FILENAME(signing_file, "CloudEPSigningKeys", "Key set that signs and verifies tokens (cloudepctl key)")            \
    FILENAME(sealing_file, "CloudEPSealingKeys", "Key set that seals secrets at rest (cloudepctl key)")                \
    FILENAME(session_file, "CloudEPSessionKeys",                                                                       \
             "Key set that session cookies are made with (cloudepctl key); default: from the sealing keys")            \
    TEXT(xsrf_cookie, "CloudEPXSRFCookie", "XSRF-TOKEN", "Name of the cookie that scripts of our pages read")          \
    TEXT(xsrf_header, "CloudEPXSRFHeader", "X-XSRF-TOKEN", "Name of the header in which they send its value")          \
    TEXT(issuer, "CloudEPIssuer", NULL, "iss of our tokens: the public https URL of this server")                      \
    TEXT(account_url, "CloudEPAccountURL", NULL, "https URL of the account pages, which mailed links lead to")         \
    LIST(allow_origins, "CloudEPAllowOrigin",                                                                          \
         "Origin whose pages may call the API (CORS); tenants have their own, too")                                    \
    LIST(application_origins, "CloudEPApplicationOrigin",                                                              \
         "Origin of an application that the login page may lead back to, and hand its session over to")                \
    TEXT(audience, "CloudEPAudience", "cloudep", "aud of our tokens")                                                  \
    SECONDS(access_lifetime, "CloudEPAccessTokenLifetime", 900, 10, 86400, "Life of an access token")                  \
    SECONDS(refresh_idle, "CloudEPSessionIdleTimeout", 30 * 86400, 60, 366 * 86400,                                    \
            "A session ends when it was not refreshed for this long")                                                  \
    SECONDS(session_lifetime, "CloudEPSessionLifetime", 90 * 86400, 60, 3660 * 86400,                                  \
            "A session ends after this long, refreshed or not")                                                        \
    NUMBER(sessions_per_member, "CloudEPSessionsPerMember", 0, 0, 1000,                                                \
           "Sessions a member may have at once; the next login ends the oldest; 0: any number")                        \
    SECONDS(refresh_grace, "CloudEPRefreshGrace", 10, 0, 300,                                                          \
            "The same refresh token again within this time gets the same successor")                                   \
    TEXT(refresh_tokens, "CloudEPRefreshTokens", NULL,                                                                 \
         "hmac: refresh tokens under a key that only CloudEP has; signed: under CloudEPSigningKeys, as 1.0 does")      \
    SECONDS(session_cache, "CloudEPSessionCache", 0, 0, 3600,                                                          \
            "A guarded Location may take a session for alive for this long after a look; 0: look each time")           \
    SECONDS(clock_leeway, "CloudEPClockLeeway", 5, 0, 300, "How far the clocks of our nodes may differ")               \
    SECONDS(code_lifetime, "CloudEPCodeLifetime", 600, 30, 3600, "Life of a one-time code")                            \
    NUMBER(code_attempts, "CloudEPCodeAttempts", 5, 1, 20, "Guesses a one-time code allows")                           \
    SECONDS(code_cooldown, "CloudEPCodeCooldown", 60, 0, 3600, "Time between two codes to the same address")           \
    SECONDS(freshness, "CloudEPFreshness", 900, 0, 86400,                                                              \
            "What changes a credential takes a login, second factor or reauthenticate within this time; 0: off")       \
    NUMBER(known_guesses, "CloudEPKnownGuesses", 10, 1, 1000000,                                                       \
           "Wrong passwords (second factors, codes) of an account at a network that it is known at before a wait")     \
    NUMBER(unknown_guesses, "CloudEPUnknownGuesses", 100, 1, 1000000, "The same from all other networks together")     \
    SECONDS(guess_wait, "CloudEPGuessWait", 60, 1, 3600, "The first such wait; every further failure doubles it")      \
    SECONDS(known_longest_wait, "CloudEPKnownLongestWait", 3600, 1, 86400, "The longest such wait at a known network") \
    SECONDS(unknown_longest_wait, "CloudEPUnknownLongestWait", 86400, 1, 86400, "The longest such wait elsewhere")     \
    SECONDS(guess_memory, "CloudEPGuessMemory", 30 * 86400, 60, 366 * 86400,                                           \
            "Failures are forgotten this long after the last one")                                                     \
    NUMBER(                                                                                                            \
        address_attempts, "CloudEPAddressAttempts", 50, 0, 100000,                                                     \
        "Failures of a network in a tenant before its next try has to wait; a /56 four times, a /48 16 times; 0: off") \
    SECONDS(address_wait, "CloudEPAddressWait", 1, 1, 3600, "The first such wait; every further failure doubles it")   \
    SECONDS(address_longest_wait, "CloudEPAddressLongestWait", 300, 1, 86400, "The longest such wait")                 \
    SECONDS(address_memory, "CloudEPAddressMemory", 600, 1, 86400,                                                     \
            "A network without a failure for this long starts again")                                                  \
    NUMBER(codes_per_target, "CloudEPCodesPerTarget", 10, 0, 1000000,                                                  \
           "Codes an hour to one mail address or phone number; 0: no limit")                                           \
    NUMBER(codes_per_address, "CloudEPCodesPerAddress", 100, 0, 1000000,                                               \
           "Codes an hour that one client address may cause in a tenant; 0: no limit")                                 \
    NUMBER(codes_per_tenant, "CloudEPCodesPerTenant", 10000, 0, 100000000,                                             \
           "Mails with codes an hour of one tenant; 0: no limit")                                                      \
    NUMBER(texts_per_tenant, "CloudEPSMSPerTenant", 1000, 0, 100000000,                                                \
           "Text messages an hour of one tenant; 0: no limit")                                                         \
    SECONDS(event_retention, "CloudEPEventRetention", 90 * 86400, 86400, 3660 * 86400,                                 \
            "Events are removed after this long")                                                                      \
    SECONDS(pending_lifetime, "CloudEPPendingLifetime", 7 * 86400, 1, 366 * 86400,                                     \
            "A registration that was not confirmed is removed after this long and its invite's use given back")        \
    SECONDS(reserved_lifetime, "CloudEPReservedLifetime", 120, 1, 86400,                                               \
            "A registration that a crash left half done is undone after this long")                                    \
    SECONDS(sweep_interval, "CloudEPSweepInterval", 30, 1, 86400, "Time between two sweeps")                           \
    TEXT(event_log, "CloudEPEventLog", NULL,                                                                           \
         "Where events go in place of the error log: a file, \"|program\", syslog[:facility] or off")                  \
    TEXT(provider, "CloudEPIdentityProvider", "local", "Where passwords live: local or zitadel")                       \
    NUMBER(password_memory, "CloudEPPasswordMemory", 19456, 8, 4194304, "argon2id: KiB of memory")                     \
    NUMBER(password_passes, "CloudEPPasswordPasses", 2, 1, 100, "argon2id: passes")                                    \
    NUMBER(password_lanes, "CloudEPPasswordLanes", 1, 1, 64, "argon2id: lanes")                                        \
    NUMBER(password_workers, "CloudEPPasswordWorkers", 0, 0, 1024,                                                     \
           "Passwords a child hashes at once; 0: one for each processor")                                              \
    NUMBER(password_queue, "CloudEPPasswordQueue", 0, 0, 10000,                                                        \
           "Requests that may wait for their turn to hash; those beyond get 503; 0: a quarter of a child's threads")   \
    NUMBER(password_wait, "CloudEPPasswordWait", 500, 1, 60000, "Milliseconds they wait at most")                      \
    FILENAME(breached_passwords, "CloudEPBreachedPasswords",                                                           \
             "File of passwords from data breaches, which nobody may choose (cloudepctl breached import)")             \
    TEXT(zitadel_url, "CloudEPZitadelURL", NULL, "ZITADEL's public https URL, which is its issuer")                    \
    FILENAME(zitadel_token_file, "CloudEPZitadelTokenFile",                                                            \
             "File with a personal access token of the service account")                                               \
    FILENAME(zitadel_key_file, "CloudEPZitadelKeyFile", "Key file (JSON) of the service account, in place of a token") \
    NUMBER(zitadel_connections, "CloudEPZitadelConnections", 8, 1, 1000,                                               \
           "Calls with a password, and other calls, a child may make to ZITADEL at once")                              \
    NUMBER(zitadel_queue, "CloudEPZitadelQueue", 4, 0, 10000,                                                          \
           "Requests that may wait for their turn to call; those beyond get 503")                                      \
    NUMBER(zitadel_wait, "CloudEPZitadelWait", 2000, 1, 60000, "Milliseconds they wait at most")                       \
    NUMBER(zitadel_connect_timeout, "CloudEPZitadelConnectTimeout", 2000, 10, 60000,                                   \
           "Milliseconds a connection to ZITADEL may take")                                                            \
    NUMBER(zitadel_timeout, "CloudEPZitadelTimeout", 5000, 10, 60000, "Milliseconds a call may take")                  \
    NUMBER(zitadel_password_timeout, "CloudEPZitadelPasswordTimeout", 12000, 10, 60000,                                \
           "Milliseconds a call with a password may take; ZITADEL needs about one second to hash it")                  \
    NUMBER(zitadel_failures, "CloudEPZitadelFailures", 5, 1, 1000,                                                     \
           "Failed calls in a row after which ZITADEL is left alone for a while")                                      \
    SECONDS(zitadel_pause, "CloudEPZitadelPause", 10, 1, 3600, "That while; then one call tries")                      \
    TEXT(outbox, "CloudEPOutbox", NULL,                                                                                \
         "Name of this server's mails and SMS; default: a virtual host's ServerName, none for the main server")        \
    TEXT(mail_transport, "CloudEPMailTransport", NULL, "smtp://host[:port], smtps://host[:port] or spool:/folder")     \
    TEXT(mail_from, "CloudEPMailFrom", NULL, "Sender, e.g. \"Example <no-reply@example.com>\"")                        \
    TEXT(mail_user, "CloudEPMailUser", NULL, "SMTP login name")                                                        \
    FILENAME(mail_password_file, "CloudEPMailPasswordFile", "File that holds the SMTP password")                       \
    LIST(mail_auth, "CloudEPMailAuth",                                                                                 \
         "Mechanisms that the SMTP login may use; default: PLAIN LOGIN CRAM-MD5 DIGEST-MD5")                           \
    TEXT(mail_hello, "CloudEPMailHello", NULL,                                                                         \
         "Name in EHLO; default: ServerName if it has a dot, else the host's name")                                    \
    FLAG(mail_starttls, "CloudEPMailStartTLS", CLOUDEP_UNSET,                                                          \
         "On: insist on STARTTLS; Off: do without; unset: insist unless the mail server is on loopback")               \
    TEXT(sms_transport, "CloudEPSMSTransport", NULL, "https://... of an SMS gateway, or spool:/folder")                \
    TEXT(sms_method, "CloudEPSMSMethod", "POST", "Method of the gateway: POST or GET")                                 \
    LIST(sms_headers, "CloudEPSMSHeader", "\"Name: value\" for the gateway; may hold {{secret}} and {{id}}")           \
    TEXT(sms_body, "CloudEPSMSBody", NULL, "Body with {{to}}, {{text}}, ...: JSON when it starts with {, else a form") \
    TEXT(sms_success, "CloudEPSMSSuccess", NULL, "Regular expression that the gateway's answer has to match")          \
    TEXT(sms_user, "CloudEPSMSUser", NULL, "User for HTTP Basic; its password is the secret")                          \
    FILENAME(sms_secret_file, "CloudEPSMSSecretFile", "File that holds the gateway's secret, {{secret}}")              \
    LIST(sms_countries, "CloudEPSMSCountries", "Countries that text messages go to, e.g. TW JP; default: all")         \
    TEXT(sms_home_code, "CloudEPSMSHomeCode", NULL, "Country code, e.g. 886, whose numbers {{to_local}} writes as 0")  \
    FILENAME(ca_file, "CloudEPCAFile", "CA certificates for outgoing TLS; default: the system's")                      \
    FILENAME(template_dir, "CloudEPTemplateDir", "Mail and SMS templates; default: those installed")                   \
    TEXT(default_language, "CloudEPDefaultLanguage", "en", "Language of messages to members who named none")           \
    NUMBER(body_limit, "CloudEPBodyLimit", 16384, 1024, 1048576, "Bytes a request body may have")                      \
    ROWS(social_providers, "CloudEPSocialProvider", 4, 32,                                                             \
         "name issuer client-id secret-file|none [\"scope=...\"] [auth=basic|post] [parameter=value ...]")             \
    SECONDS(social_lifetime, "CloudEPSocialLifetime", 600, 10, 3600, "Time to log in at a social provider")            \
    NUMBER(social_starts_per_address, "CloudEPSocialStartsPerAddress", 1000, 0, 1000000,                               \
           "Social logins an hour that one client address may begin in a tenant; 0: no limit")                         \
    NUMBER(passkey_starts_per_address, "CloudEPPasskeyStartsPerAddress", 1000, 0, 1000000,                             \
           "Passkey logins and registrations an hour that one client address may begin in a tenant; 0: no limit")      \
    FLAG(social_binding, "CloudEPSocialBinding", 1,                                                                    \
         "Off: who comes back from a social provider need not be who went there; open to login CSRF")                  \
    TEXT(                                                                                                              \
        passkey_domain, "CloudEPPasskeyDomain", NULL,                                                                  \
        "Domain that passkeys are for (RP ID), such as example.com: it can never be changed for those that are there") \
    LIST(passkey_origins, "CloudEPPasskeyOrigin",                                                                      \
         "Origins of that domain whose pages may use passkeys; default: https:// and the domain")                      \
    LIST(passkey_related_origins, "CloudEPPasskeyRelatedOrigin",                                                       \
         "Origins of other domains whose pages may use them; told at /.well-known/webauthn")                           \
    TEXT(exchange_issuer, "CloudEPExchangeIssuer", NULL, "Issuer of the id_tokens that token/exchange takes")          \
    TEXT(exchange_audience, "CloudEPExchangeAudience", NULL, "Client id that those id_tokens must be for")             \
    LIST(exchange_parties, "CloudEPExchangeAuthorizedParty",                                                           \
         "Client ids that may have asked for them (azp); default: the audience")                                       \
    SECONDS(exchange_max_age, "CloudEPExchangeMaxAge", 600, 10, 86400, "Age that such an id_token may have")           \
    TEXT(exchange_organization, "CloudEPExchangeOrganizationClaim", "urn:zitadel:iam:user:resourceowner:id",           \
         "Claim that must be the tenant's organisation")                                                               \
    FLAG(exchange_single_use, "CloudEPExchangeSingleUse", 1, "Off: such an id_token serves more than once")            \
    NUMBER(oidc_connections, "CloudEPOIDCConnections", 8, 1, 1000,                                                     \
           "Calls to an OpenID provider at once, and as many that wait; those beyond get 503")                         \
    NUMBER(oidc_failures, "CloudEPOIDCFailures", 5, 1, 1000,                                                           \
           "Failed calls in a row after which a provider is not asked for a while")                                    \
    SECONDS(oidc_pause, "CloudEPOIDCPause", 10, 1, 3600, "That while; then one call tries")                            \
    NUMBER(oidc_timeout, "CloudEPOIDCTimeout", 5000, 100, 60000, "Milliseconds an OpenID provider may take")           \
    SECONDS(oidc_leeway, "CloudEPOIDCClockLeeway", 60, 0, 300, "How far an OpenID provider's clock may differ")        \
    SECONDS(jwks_lifetime, "CloudEPJWKSLifetime", 300, 1, 86400,                                                       \
            "Time after which an OpenID provider's keys and addresses are read again")                                 \
    SECONDS(jwks_min_interval, "CloudEPJWKSMinInterval", 30, 1, 3600,                                                  \
            "Time between two such readings, also when tokens name unknown keys")                                      \
    FLAG(conceal_accounts, "CloudEPConcealAccounts", 0, "On: never tell whether an email is registered")               \
    FLAG(dev_identity_headers, "CloudEPDevIdentityHeaders", 0,                                                         \
         "On: believe X-Tenant-ID and X-UID from loopback; for development only")

/* Directives that have another name now: httpd does not start with the old one and is told the new one. */
#define CLOUDEP_RENAMED_SETTINGS(RENAMED)                                                                              \
    RENAMED("CloudEPStepUp", "CloudEPFreshness")                                                                       \
    RENAMED("CloudEPLoginAttempts", "CloudEPKnownGuesses and CloudEPUnknownGuesses")                                   \
    RENAMED("CloudEPLoginWait", "CloudEPGuessWait and CloudEPAddressWait")                                             \
    RENAMED("CloudEPLoginLongestWait", "CloudEPKnownLongestWait and CloudEPUnknownLongestWait")                        \
    RENAMED("CloudEPMFAAttempts", "CloudEPKnownGuesses and CloudEPUnknownGuesses")                                     \
    RENAMED("CloudEPMFAWait", "CloudEPGuessWait")                                                                      \
    RENAMED("CloudEPMFALongestWait", "CloudEPKnownLongestWait and CloudEPUnknownLongestWait")

/* What check_config and child_init make of the settings; shared by servers with equal settings. */
typedef struct cloudep_runtime_t {
    const struct cloudep_jwks_t *signing; /* NULL: not configured */
    const struct cloudep_jwks_t *sealing;
    const struct cloudep_jwks_t *refresh;     /* derived from sealing, in no JWKS; empty without sealing keys */
    const struct cloudep_jwk_t *refresh_key;  /* what refresh tokens are signed with; NULL: nothing */
    const struct cloudep_jwks_t *cookie_keys; /* derived, of session cookies; empty: there are no keys for them */
    const struct cloudep_jwks_t *xsrf_keys;   /* the same, of XSRF tokens */
    const struct cloudep_idp_t *idp;          /* NULL: not configured */
    const struct cloudep_outbox_setup_t *outbox_setup; /* NULL: neither mail nor SMS is configured */
    struct cloudep_outbox_t *outbox;                   /* the child's delivery threads */
    struct cloudep_tenant_origins_t *origins;          /* of the tenants' pages; made in the child */
    struct cloudep_db_t *db;                           /* NULL: not configured; made in the child */
    cloudep_challenges_t challenges;                   /* cache NULL: not configured; made in the child */
    struct cloudep_http_t *http;                       /* outgoing HTTP; made in the child */
    const struct cloudep_event_log_t *event_log;       /* NULL: events go to the error log */
    struct cloudep_events_t *events;                   /* NULL: no database; made in the child */
    struct cloudep_oidc_t *oidc;                       /* OpenID providers; NULL: none is configured */
    struct cloudep_zitadel_t *zitadel;                 /* NULL: not configured; calls are made in the child */
    struct cloudep_hasher_t *hasher;                   /* made in the child */
    const struct cloudep_breached_t *breached;         /* NULL: not configured */
    struct cloudep_token_cache_t *tokens;
    struct cloudep_activity_t *activity; /* sessions whose idle life goes on; NULL: no database; made in the child */
    struct cloudep_checker_t *checker;   /* whether sessions live, for guarded Locations */
    struct cloudep_slugs_t *slugs;
    int old_files; /* a file that is named here was not good at the restart: what it held before is in use */
    struct cloudep_health_t *health;                 /* what was found out lately; made in the child */
    const struct cloudep_passkey_domain_t *passkeys; /* NULL: not configured */
    int clock_compared;                              /* with the database's, in this child */
    int schema_compared;                             /* with CLOUDEP_SCHEMA_VERSION, in this child */
    const struct apr_array_header_t *tls_proxies;    /* of apr_ipsubnet_t *, see access/tls.h */
    volatile apr_uint32_t told_in_the_clear;         /* in this child */
    const char *decoy;                               /* hash of a password that nobody knows */
} cloudep_runtime_t;

#define CLOUDEP_MEMBER_INT(member, ...) int member;
#define CLOUDEP_MEMBER_TEXT(member, ...) const char *member;
#define CLOUDEP_MEMBER_LIST(member, ...) apr_array_header_t *member;
typedef struct cloudep_config_t {
    CLOUDEP_SETTINGS(CLOUDEP_MEMBER_INT, CLOUDEP_MEMBER_INT, CLOUDEP_MEMBER_INT, CLOUDEP_MEMBER_TEXT,
                     CLOUDEP_MEMBER_TEXT, CLOUDEP_MEMBER_LIST, CLOUDEP_MEMBER_LIST)
    int is_set;             /* whether a directive of ours is in force for the server, its defaults apart */
    unsigned off;           /* CLOUDEP_NEEDS_... that this server does not have */
    cloudep_runtime_t *run; /* set in check_config */
} cloudep_config_t;

#endif
