/*
 * tls_test.c - outgoing HTTPS to a server of this program: whose certificates are trusted, and for which name.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "core/http.h"
#include "folder.h"
#include "memcached.h"
#include "tap.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"

static apr_pool_t *p;
static cloudep_http_t *http;

/* A server with a certificate that it has signed itself. */
typedef struct tls_server_t {
    SSL_CTX *ctx;
    int listener;
    const char *certificate; /* its file */
    pthread_t thread;
} tls_server_t;

static X509 *make_certificate(EVP_PKEY *key, const char *whose)
{
    X509 *made = X509_new();
    X509_NAME *name = X509_get_subject_name(made);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, whose);

    (void)X509_set_version(made, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(made), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)whose, -1, -1, 0);
    (void)X509_set_issuer_name(made, name);
    (void)X509_set_pubkey(made, key);
    (void)X509_add_ext(made, names, -1);
    X509_EXTENSION_free(names);
    if (!X509_sign(made, key, EVP_sha256())) {
        folder_bail_out("no certificate");
    }
    return made;
}

static void *serve_all(void *serverv)
{
    tls_server_t *server = serverv;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        SSL *ssl = SSL_new(server->ctx);
        char request[4096];

        (void)SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request)) > 0) {
            (void)SSL_write(ssl, ANSWER, sizeof(ANSWER) - 1);
            (void)SSL_shutdown(ssl);
        }
        SSL_free(ssl);
        close(fd);
    }
    return NULL;
}

/* whose: the names of its certificate, as "DNS:example.com". */
static tls_server_t *start(const char *file, const char *whose)
{
    tls_server_t *server = apr_pcalloc(p, sizeof(*server));
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key, whose);
    FILE *out;

    server->certificate = folder_file(file, "", 0600);
    out = fopen(server->certificate, "we");
    server->ctx = SSL_CTX_new(TLS_server_method());
    server->listener = loopback(0, 1);
    if (!out || !PEM_write_X509(out, certificate) || fclose(out) != 0 ||
        SSL_CTX_use_certificate(server->ctx, certificate) != 1 || SSL_CTX_use_PrivateKey(server->ctx, key) != 1 ||
        pthread_create(&server->thread, NULL, serve_all, server) != 0) {
        folder_bail_out("no server");
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return server;
}

static void stop(tls_server_t *server)
{
    shutdown(server->listener, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    close(server->listener);
    SSL_CTX_free(server->ctx);
}

static apr_status_t ask(const tls_server_t *server, const char *trusted, const char **body)
{
    cloudep_http_response_t *response = NULL;
    const cloudep_http_request_t request = {.url = apr_psprintf(p, "https://127.0.0.1:%d/", port_of(server->listener)),
                                            .ca_file = trusted};
    const apr_status_t rv = cloudep_http_exchange(&response, http, p, &request);

    *body = rv == APR_SUCCESS ? response->body : "";
    return rv;
}

static void test_certificates(void)
{
    tls_server_t *right = start("right.pem", "IP:127.0.0.1");
    tls_server_t *other = start("other.pem", "DNS:other.example");
    const char *body;

    is_int(ask(right, right->certificate, &body), APR_SUCCESS, "a server whose certificate is trusted");
    is_str(body, "hello", "answers");
    is_int(ask(right, NULL, &body), CLOUDEP_EFORGED, "one whose certificate nobody trusts is refused");
    is_int(ask(right, other->certificate, &body), CLOUDEP_EFORGED, "one that others trust as well");
    is_int(ask(other, other->certificate, &body), CLOUDEP_EFORGED, "as is a certificate for another name");
    stop(right);
    stop(other);
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS ||
        cloudep_http_startup(p) != APR_SUCCESS || cloudep_http_create(&http, p) != APR_SUCCESS) {
        return 1;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    folder_make(p);
    test_certificates();
    folder_remove();
    return done_testing();
}
