/*
 * identity.c - tells the server behind a guarded Location who asks.
 *
 * A header that a client sent must never be taken for ours. So inbound copies are removed before anything else looks
 * at the request, whether or not its Location is guarded. CGI reads "_" and "-" alike, and so do we here.
 */
#include "guard/identity.h"

#include <util_cookies.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include "access/place.h"
#include "core/module.h"
#include "guard/attributes.h"

static const char *const headers[] = {"X-CloudEP-UID", "X-CloudEP-Tenant", "X-CloudEP-Session", "X-CloudEP-AMR"};
#define HEADERS (sizeof(headers) / sizeof(headers[0]))

/* Compares as a CGI would: every byte that is no letter or digit becomes "_", and case does not matter. */
static int same_to_cgi(const char *name, const char *ours)
{
    for (; *name && *ours; name++, ours++) {
        int a = apr_isalnum(*name) ? apr_toupper(*name) : '_';
        int b = apr_isalnum(*ours) ? apr_toupper(*ours) : '_';

        if (a != b) {
            return 0;
        }
    }
    return *name == *ours;
}

/* more: headers of attributes, or NULL. */
static int is_ours(const char *name, const apr_array_header_t *more)
{
    for (size_t i = 0; i < HEADERS; i++) {
        if (same_to_cgi(name, headers[i])) {
            return 1;
        }
    }
    for (int i = 0; more && i < more->nelts; i++) {
        if (same_to_cgi(name, APR_ARRAY_IDX(more, i, const char *))) {
            return 1;
        }
    }
    return 0;
}

/*
 * Headers that Connection names are for the next hop only (RFC 9110 7.6.1). If a client named ours there, mod_proxy
 * would drop them, and the server behind would take a member for an anonymous client.
 */
static void scrub_connection(request_rec *r, const apr_array_header_t *more)
{
    const char *given = apr_table_get(r->headers_in, "Connection");
    const char *kept = NULL;
    char *state = NULL;
    int found = 0;

    if (!given || !strpbrk(given, "Xx")) {
        return;
    }
    for (char *word = apr_strtok(apr_pstrdup(r->pool, given), ",; \t", &state); word;
         word = apr_strtok(NULL, ",; \t", &state)) {
        if (is_ours(word, more)) {
            found = 1;
        }
        else {
            kept = kept ? apr_pstrcat(r->pool, kept, ", ", word, NULL) : word;
        }
    }
    if (found && kept) {
        apr_table_setn(r->headers_in, "Connection", kept);
    }
    else if (found) {
        apr_table_unset(r->headers_in, "Connection");
    }
}

void cloudep_identity_scrub(request_rec *r)
{
    const apr_array_header_t *all = apr_table_elts(r->headers_in);
    const apr_table_entry_t *entries = (const apr_table_entry_t *)all->elts;
    const apr_array_header_t *more = cloudep_all_attribute_headers(r);
    apr_table_t *clean = NULL;

    scrub_connection(r, more);
    for (int i = 0; i < all->nelts && !clean; i++) {
        if (apr_toupper(entries[i].key[0]) == 'X' && is_ours(entries[i].key, more)) {
            clean = apr_table_make(r->pool, all->nelts);
        }
    }
    if (!clean) {
        return;
    }
    for (int i = 0; i < all->nelts; i++) {
        if (!is_ours(entries[i].key, more)) {
            apr_table_addn(clean, entries[i].key, entries[i].val);
        }
    }
    r->headers_in = clean;
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, CENO(210) "identity headers sent by the client were removed");
}

/* In the order of the names above. */
static void values_of(const char **values, const cloudep_principal_t *principal)
{
    values[0] = principal->uid;
    values[1] = principal->tenant_slug;
    values[2] = principal->session_id;
    values[3] = principal->amr;
}

void cloudep_identity_headers(apr_table_t *table, const cloudep_principal_t *principal)
{
    const char *values[HEADERS];

    values_of(values, principal);
    for (size_t i = 0; i < HEADERS; i++) {
        if (values[i]) {
            apr_table_setn(table, headers[i], values[i]);
        }
    }
}

/* Header and cookie, wherever the token came from: the server behind gets no token that it could use elsewhere. */
static void strip_token(request_rec *r, const char *cookie)
{
    const char *value;

    apr_table_unset(r->headers_in, "Authorization");
    if (cookie && ap_cookie_read(r, cookie, &value, 1) != APR_SUCCESS) {
        apr_table_unset(r->headers_in, "Cookie"); /* httpd cannot remove one that is there twice */
    }
}

void cloudep_identity_publish(request_rec *r, const cloudep_principal_t *principal)
{
    static const char *const names[HEADERS] = {"CLOUDEP_UID", "CLOUDEP_TENANT", "CLOUDEP_SESSION", "CLOUDEP_AMR"};
    const cloudep_place_t *place = cloudep_place_of(r);
    const char *values[HEADERS];

    values_of(values, principal);
    for (size_t i = 0; i < HEADERS; i++) {
        if (values[i]) {
            apr_table_setn(r->subprocess_env, names[i], values[i]);
        }
    }
    if (place->identity_headers > 0) {
        cloudep_identity_headers(r->headers_in, principal);
    }
    cloudep_attribute_headers(r, r->headers_in, principal);
    if (place->strip_token > 0) {
        strip_token(r, place->cookie);
    }
}
