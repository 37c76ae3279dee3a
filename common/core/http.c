/*
 * http.c - libcurl in a process of many threads.
 *
 * A handle belongs to one thread at a time. Handles that did well are reset and kept, last used first, so a few warm
 * connections serve; one whose transfer failed is destroyed with its connections. None exists before the fork: a
 * child would end its parent's TLS session.
 */
#include "core/http.h"

#include <apr_atomic.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <string.h>
#include "core/trace.h"

#define KEPT 64

struct cloudep_http_t {
    apr_thread_mutex_t *mutex;
    CURL *kept[KEPT];
    int count;
    CURLSH *share; /* DNS and TLS sessions */
    apr_thread_mutex_t *share_locks[CURL_LOCK_DATA_LAST];
};

/* The body as it comes in. */
typedef struct sink_t {
    apr_pool_t *pool;
    char *bytes;
    apr_size_t len;
    apr_size_t room;
    apr_size_t max;
} sink_t;

static apr_status_t cleanup_global(void *unused)
{
    (void)unused;
    curl_global_cleanup();
    return APR_SUCCESS;
}

apr_status_t cloudep_http_startup(apr_pool_t *pconf)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return APR_EGENERAL;
    }
    apr_pool_cleanup_register(pconf, NULL, cleanup_global, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

static void lock_share(CURL *handle, curl_lock_data data, curl_lock_access access, void *baton)
{
    cloudep_http_t *http = baton;

    (void)handle;
    (void)access;
    apr_thread_mutex_lock(http->share_locks[data]);
}

static void unlock_share(CURL *handle, curl_lock_data data, void *baton)
{
    cloudep_http_t *http = baton;

    (void)handle;
    apr_thread_mutex_unlock(http->share_locks[data]);
}

static apr_status_t cleanup_http(void *baton)
{
    cloudep_http_t *http = baton;

    while (http->count) {
        curl_easy_cleanup(http->kept[--http->count]);
    }
    /* Refused while a worker that a hard stop did not wait for is still in a transfer. */
    (void)curl_share_cleanup(http->share);
    return APR_SUCCESS;
}

apr_status_t cloudep_http_create(cloudep_http_t **out, apr_pool_t *pchild)
{
    cloudep_http_t *http = apr_pcalloc(pchild, sizeof(*http));
    apr_status_t rv = apr_thread_mutex_create(&http->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);

    for (int i = 0; rv == APR_SUCCESS && i < CURL_LOCK_DATA_LAST; i++) {
        rv = apr_thread_mutex_create(&http->share_locks[i], APR_THREAD_MUTEX_DEFAULT, pchild);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    http->share = curl_share_init();
    if (!http->share) {
        return APR_ENOMEM;
    }
    apr_pool_cleanup_register(pchild, http, cleanup_http, apr_pool_cleanup_null);
    if (curl_share_setopt(http->share, CURLSHOPT_LOCKFUNC, lock_share) ||
        curl_share_setopt(http->share, CURLSHOPT_UNLOCKFUNC, unlock_share) ||
        curl_share_setopt(http->share, CURLSHOPT_USERDATA, http) ||
        curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) ||
        curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION)) {
        return APR_EGENERAL;
    }
    *out = http;
    return APR_SUCCESS;
}

apr_status_t cloudep_http_status(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return APR_SUCCESS;
    case CURLE_OPERATION_TIMEDOUT:
        return APR_TIMEUP;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return APR_ECONNREFUSED;
    case CURLE_ABORTED_BY_CALLBACK:
        return APR_EINTR;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return CLOUDEP_EFORGED;
    case CURLE_WRITE_ERROR: /* our own cap */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
        return CLOUDEP_EMALFORMED;
    case CURLE_OUT_OF_MEMORY:
        return APR_ENOMEM;
    default:
        return APR_EGENERAL;
    }
}

int cloudep_http_is_loopback(const char *host)
{
    return !strcasecmp(host, "localhost") || !strcmp(host, "[::1]") ||
           (!strncmp(host, "127.", 4) && strspn(host, "0123456789.") == strlen(host));
}

/* A part of a URL into the pool; NULL when it is not there. */
static const char *url_part(CURLU *url, CURLUPart part, apr_pool_t *pool)
{
    char *text = NULL;
    const char *copy = NULL;

    if (curl_url_get(url, part, &text, 0) == CURLUE_OK) {
        copy = apr_pstrdup(pool, text);
    }
    curl_free(text);
    return copy;
}

apr_status_t cloudep_http_split(const char **scheme, const char **host, apr_pool_t *pool, const char *url)
{
    CURLU *parts = curl_url();
    apr_status_t rv = CLOUDEP_EMALFORMED;

    if (!parts) {
        return APR_ENOMEM;
    }
    if (curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK) {
        *scheme = url_part(parts, CURLUPART_SCHEME, pool);
        *host = url_part(parts, CURLUPART_HOST, pool);
        rv = *scheme && *host ? APR_SUCCESS : CLOUDEP_EMALFORMED;
    }
    curl_url_cleanup(parts);
    return rv;
}

static int watch_stop(void *stop, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
    (void)dltotal;
    (void)dlnow;
    (void)ultotal;
    (void)ulnow;
    return apr_atomic_read32(stop) != 0;
}

static int set_common(CURL *curl, cloudep_http_t *http, const char *ca_file, int connect_timeout, int total_timeout,
                      apr_uint32_t *stop)
{
    int failed = 0;

    failed |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_timeout) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)total_timeout) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_SHARE, http->share) != CURLE_OK;
    failed |= ca_file && curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file) != CURLE_OK;
    if (stop) {
        failed |= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) != CURLE_OK;
        failed |= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch_stop) != CURLE_OK;
        failed |= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stop) != CURLE_OK;
    }
    return failed ? -1 : 0;
}

CURL *cloudep_http_handle(cloudep_http_t *http, const char *ca_file, int connect_timeout, int total_timeout,
                          apr_uint32_t *stop)
{
    CURL *curl = curl_easy_init();

    if (curl && set_common(curl, http, ca_file, connect_timeout, total_timeout, stop)) {
        curl_easy_cleanup(curl);
        return NULL;
    }
    return curl;
}

static CURL *take(cloudep_http_t *http)
{
    CURL *curl = NULL;

    apr_thread_mutex_lock(http->mutex);
    if (http->count) {
        curl = http->kept[--http->count];
    }
    apr_thread_mutex_unlock(http->mutex);
    return curl ? curl : curl_easy_init();
}

/* Gives a handle back. What fitted no more, or failed, goes. */
static void give_back(cloudep_http_t *http, CURL *curl, CURLcode code)
{
    if (code == CURLE_OK) {
        curl_easy_reset(curl);
        apr_thread_mutex_lock(http->mutex);
        if (http->count < KEPT) {
            http->kept[http->count++] = curl;
            curl = NULL;
        }
        apr_thread_mutex_unlock(http->mutex);
    }
    curl_easy_cleanup(curl);
}

static size_t receive(char *bytes, size_t size, size_t count, void *baton)
{
    sink_t *sink = baton;
    apr_size_t len = size * count;

    if (len > sink->max - sink->len) {
        return 0;
    }
    if (sink->len + len + 1 > sink->room) {
        char *more;

        sink->room = (sink->len + len + 1) * 2;
        more = apr_palloc(sink->pool, sink->room);
        if (sink->len) {
            memcpy(more, sink->bytes, sink->len);
        }
        sink->bytes = more;
    }
    memcpy(sink->bytes + sink->len, bytes, len);
    sink->len += len;
    sink->bytes[sink->len] = 0;
    return len;
}

static apr_status_t check_request(int *loopback, apr_pool_t *pool, const cloudep_http_request_t *request)
{
    const char *scheme;
    const char *host;
    apr_status_t rv = cloudep_http_split(&scheme, &host, pool, request->url);

    if (rv != APR_SUCCESS) {
        return CLOUDEP_EREFUSED;
    }
    *loopback = cloudep_http_is_loopback(host);
    if (strcmp(scheme, "https") && (strcmp(scheme, "http") || !(*loopback || request->plain))) {
        return CLOUDEP_EREFUSED;
    }
    for (int i = 0; request->headers && i < request->headers->nelts; i++) {
        for (const char *c = APR_ARRAY_IDX(request->headers, i, const char *); *c; c++) {
            if (apr_iscntrl(*c)) {
                return CLOUDEP_EREFUSED;
            }
        }
    }
    return APR_SUCCESS;
}

size_t cloudep_http_give(char *to, size_t size, size_t count, void *baton)
{
    cloudep_http_source_t *source = baton;
    apr_size_t len = size * count < source->left ? size * count : source->left;

    memcpy(to, source->bytes, len);
    source->bytes += len;
    source->left -= len;
    return len;
}

/*
 * libcurl itself repeats a request when a kept connection turns out to be dead before the answer, unless it would
 * have to rewind a body that it reads and cannot seek in.
 */
static int set_body(CURL *curl, const cloudep_http_request_t *request, cloudep_http_source_t *source)
{
    int failed = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len) != CURLE_OK;

    if (!request->once) {
        return failed | (curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body) != CURLE_OK);
    }
    *source = (cloudep_http_source_t){request->body, request->body_len};
    failed |= curl_easy_setopt(curl, CURLOPT_POST, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_READFUNCTION, cloudep_http_give) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_READDATA, source) != CURLE_OK;
    return failed;
}

/* The caller frees *list whatever comes back. */
static int make_headers(struct curl_slist **list, const cloudep_http_request_t *request, apr_pool_t *pool)
{
    const char *traceparent = cloudep_trace_of(pool);
    struct curl_slist *more;

    /* Without this libcurl waits a second for "100 Continue" before a larger body. */
    *list = curl_slist_append(NULL, "Expect:");
    if (*list && traceparent) {
        more = curl_slist_append(*list, apr_pstrcat(pool, "traceparent: ", traceparent, NULL));
        if (!more) {
            return -1;
        }
        *list = more;
    }
    for (int i = 0; *list && request->headers && i < request->headers->nelts; i++) {
        more = curl_slist_append(*list, APR_ARRAY_IDX(request->headers, i, const char *));
        if (!more) {
            return -1;
        }
        *list = more;
    }
    return *list ? 0 : -1;
}

static int set_request(CURL *curl, const cloudep_http_request_t *request, struct curl_slist *headers, sink_t *sink,
                       cloudep_http_source_t *source, int loopback)
{
    int failed = 0;

    failed |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_URL, request->url) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_USERAGENT, "CloudEP") != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink) != CURLE_OK;
    failed |= loopback && curl_easy_setopt(curl, CURLOPT_PROXY, "") != CURLE_OK;
    failed |= request->body && set_body(curl, request, source);
    if (request->method && !strcmp(request->method, "HEAD")) {
        failed |= curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) != CURLE_OK;
    }
    else if (request->method) {
        failed |= curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method) != CURLE_OK;
    }
    if (request->user) {
        failed |= curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) != CURLE_OK;
        failed |= curl_easy_setopt(curl, CURLOPT_USERNAME, request->user) != CURLE_OK;
        failed |= curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password ? request->password : "") != CURLE_OK;
    }
    return failed ? -1 : 0;
}

static cloudep_http_response_t *read_response(CURL *curl, apr_pool_t *pool, const sink_t *sink)
{
    cloudep_http_response_t *response = apr_pcalloc(pool, sizeof(*response));
    apr_table_t *headers = apr_table_make(pool, 16);
    struct curl_header *header = NULL;
    long status = 0;

    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    while ((header = curl_easy_nextheader(curl, CURLH_HEADER, -1, header)) != NULL) {
        apr_table_add(headers, header->name, header->value);
    }
    response->status = (int)status;
    response->body = sink->len ? sink->bytes : "";
    response->len = sink->len;
    response->headers = headers;
    return response;
}

apr_status_t cloudep_http_exchange(cloudep_http_response_t **response, cloudep_http_t *http, apr_pool_t *pool,
                                   const cloudep_http_request_t *request)
{
    sink_t sink = {.pool = pool, .max = request->max_bytes ? request->max_bytes : 1024 * 1024};
    struct curl_slist *headers = NULL;
    cloudep_http_source_t source;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    CURL *curl;
    int loopback;
    apr_status_t rv = http ? check_request(&loopback, pool, request) : CLOUDEP_EUNSET;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    curl = take(http);
    if (curl && !make_headers(&headers, request, pool) &&
        !set_common(curl, http, request->ca_file, request->connect_timeout ? request->connect_timeout : 2000,
                    request->total_timeout ? request->total_timeout : 5000, request->stop) &&
        !set_request(curl, request, headers, &sink, &source, loopback)) {
        code = curl_easy_perform(curl);
    }
    if (code == CURLE_OK) {
        *response = read_response(curl, pool, &sink);
    }
    if (curl) {
        give_back(http, curl, code);
    }
    curl_slist_free_all(headers);
    return cloudep_http_status(code);
}
