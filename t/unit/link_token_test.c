/*
 * link_token_test.c - tokens of one-time links: each is another one, and only what was made is read.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <string.h>

#include "base/crypto/link_token.h"
#include "tap.h"

#define TENANT "0f9d2c1a-7b6e-4c3d-8a5f-112233445566"

int main(void)
{
    cloudep_link_token_t one, two, back;
    apr_pool_t *p;
    char *other;

    apr_initialize();
    apr_pool_create(&p, NULL);
    is_int(cloudep_link_token_make(&one, p, TENANT), APR_SUCCESS, "a token is made");
    is_int((int)strlen(one.text), CLOUDEP_LINK_TOKEN_SIZE, "a token has 64 characters");
    is_int(cloudep_link_token_make(&two, p, TENANT), APR_SUCCESS, "another token is made");
    ok(strcmp(one.text, two.text) != 0 && strcmp(one.digest, two.digest) != 0, "two tokens differ, and their digests");
    ok(!strstr(one.text, one.digest) && strcmp(one.text, one.digest) != 0, "the digest is not the token");
    is_int(cloudep_link_token_read(&back, p, one.text), APR_SUCCESS, "a token is read back");
    is_str(back.tenant_id, TENANT, "a token names its tenant");
    is_str(back.digest, one.digest, "a token read back has the digest that was kept");
    other = apr_pstrdup(p, one.text);
    memcpy(other, "AAAAAAAAAAAAAAAAAAAAA", 21);
    is_int(cloudep_link_token_read(&back, p, other), APR_SUCCESS, "the same bits under another tenant are a token");
    ok(strcmp(back.digest, one.digest) != 0, "which is another one");
    is_int(cloudep_link_token_read(&back, p, ""), CLOUDEP_EMALFORMED, "no token");
    is_int(cloudep_link_token_read(&back, p, one.text + 1), CLOUDEP_EMALFORMED, "a token that lacks a character");
    is_int(cloudep_link_token_read(&back, p, apr_pstrcat(p, one.text, "A", NULL)), CLOUDEP_EMALFORMED,
           "a token with a character too many");
    other = apr_pstrdup(p, one.text);
    other[30] = '=';
    is_int(cloudep_link_token_read(&back, p, other), CLOUDEP_EMALFORMED, "a token with a character that none has");
    is_int(cloudep_link_token_make(&one, p, "acme"), APR_EINVAL, "a tenant's slug is no tenant's id");
    apr_pool_destroy(p);
    apr_terminate();
    return done_testing();
}
