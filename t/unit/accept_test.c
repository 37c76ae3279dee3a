/*
 * accept_test.c - Accept and Accept-Language: whole headers as browsers and programs send them, and broken ones.
 */
#include <locale.h>

#include <apr_general.h>

#include "base/text/accept.h"
#include "tap.h"

#define HTML "text/html"
#define JSON "application/json"
#define SVG "image/svg+xml"
#define PNG "image/png"

static const char *const pages[] = {HTML, JSON, NULL};
static const char *const pictures[] = {SVG, PNG, NULL};

static void test_media(void)
{
    static const struct {
        const char *const *available;
        const char *header, *chosen;
    } cases[] = {
        /* What is sent: nothing, curl, a browser's page, axios, fetch(). */
        {pages, NULL, HTML},
        {pages, "*/*", HTML},
        {pages, "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", HTML},
        {pages, "application/json, text/plain, */*", JSON},
        {pages, "application/json", JSON},
        /* Chrome's, Firefox' and Safari's pictures. */
        {pictures, "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", SVG},
        {pictures, "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", SVG},
        {pictures, "image/png,image/*;q=0.8,*/*;q=0.5", PNG},
        /* Weights. */
        {pages, "text/html;q=0.5, application/json;q=0.8", JSON},
        {pages, "text/html;q=0.8, application/json;q=0.5", HTML},
        {pages, "text/html;q=0.001, application/json;q=0.002", JSON},
        {pages, "text/html;q=1.000, application/json;q=0.999", HTML},
        {pages, "text/html ; q=0.3 ,application/json\t;\tq=0.4", JSON},
        {pages, "text/html;Q=0.3, application/json;q=0.4", JSON},
        {pages, "text/html;level=1;q=0.3, application/json;q=0.4", JSON},
        {pages, "TEXT/HTML;q=0.4, Application/JSON;q=0.3", HTML},
        {pages, "text/*;q=0.4, application/*;q=0.5", JSON},
        {pages, "text/html;q=0, */*;q=0.1", JSON},
        {pages, "text/*;q=0.9, text/html;q=0.1, application/json;q=0.5", JSON},
        {pages, "*/*;q=0.9, application/json;q=0.1", HTML},
        /* The more specific range of two with one weight. */
        {pages, "*/*, application/*", JSON},
        {pages, "application/*, text/html", HTML},
        /* None of them. */
        {pages, "image/png", NULL},
        {pages, "text/html;q=0, application/json;q=0.0", NULL},
        {pages, "*/*;q=0.000", NULL},
        {pages, "text/htmlx, application/js", NULL},
        {pages, "*/html", NULL},
        {pages, "*", NULL},
        /* What cannot be read is not there. */
        {pages, "", HTML},
        {pages, " , ,, ", HTML},
        {pages, "application/json;q=x", HTML},
        {pages, "application/json;q=", HTML},
        {pages, "application/json;q=2, text/html;q=0.1", HTML},
        {pages, "application/json;q=1.001, text/html;q=0.1", HTML},
        {pages, "application/json;q=-1, text/html;q=0.1", HTML},
        {pages, "application/json;q=0.1234, text/html;q=0.1", HTML},
        {pages, "application/json;q=1e0, text/html;q=0.1", HTML},
        {pages, "application/json;q=0,9, text/html;q=0.1", HTML}, /* a comma is no point: weight 0, then "9" */
        {pages, "application/json;q=1., text/html;q=0.1", JSON},
        /* Separators in quotes are no separators. */
        {pages, "text/html;a=\"x,application/json;q=1\";q=0.1, application/json;q=0.2", JSON},
        {pages, "text/html;a=\"\\\",\";q=0.3, application/json;q=0.2", HTML},
        {pages, "text/html;q=0.1;a=\"\\\",application/json,\"", HTML},
        {pages, "text/html;a=\"unfinished, application/json", HTML},
        {pages, "text/html;a=\"\\", HTML},
        {pages, ";q=1", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_str(cloudep_accept_media(cases[i].header, cases[i].available), cases[i].chosen,
               cases[i].header ? cases[i].header : "(none)");
    }
}

static void test_language(void)
{
    static const char *const ours[] = {"en", "zh-TW", NULL};
    static const char *const none[] = {NULL};
    static const struct {
        const char *header, *chosen;
    } cases[] = {
        {NULL, NULL},
        {"", NULL},
        {"zh-TW,zh;q=0.9,en-US;q=0.8,en;q=0.7", "zh-TW"},
        {"en-US,en;q=0.9,zh-TW;q=0.8,zh;q=0.7", "en"},
        {"zh-HK", "zh-TW"},
        {"zh-Hant-HK, en", "zh-TW"},
        {"zh-CN,zh;q=0.9,en;q=0.8", "en"},
        {"zh-CN,zh;q=0.9", NULL},
        {"fr-CH, fr;q=0.9, zh-TW;q=0.5, *;q=0.1", "zh-TW"},
        {"en;q=0.5, zh-TW;q=0.8", "zh-TW"},
        {"en;q=0.8, zh-TW;q=0.50", "en"},
        {"zh-tw , en-us ; q=0.3", "zh-TW"},
        {"zh-TW;q=0, en", "en"},
        {"en;q=0, zh-TW;q=0", NULL},
        {"*", NULL},
        {"ja,ko", NULL},
        {",,en", "en"},
        {"xx-yy-zz-@@, en", "en"},
        {"en;q=abc, zh-TW", NULL},
        {"garbage;;;", NULL},
        {"en;q=0,8", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_str(cloudep_accept_language(cases[i].header, ours), cases[i].chosen,
               cases[i].header ? cases[i].header : "(none)");
    }
    is_str(cloudep_accept_language("en", none), NULL, "nothing to choose from");
}

/* A header as long as httpd takes one, of elements that each have to be looked at. */
static void test_long(void)
{
    static const char element[] = "application/json;q=0.5;a=\"\\\"\",";
    static const char *const ours[] = {"en", NULL};
    static char header[8191];

    for (size_t at = 0; at + sizeof(element) < sizeof(header); at += sizeof(element) - 1) {
        memcpy(header + at, element, sizeof(element));
    }
    is_str(cloudep_accept_media(header, pages), JSON, "a header of eight thousand characters");
    memset(header, ',', sizeof(header) - 1);
    is_str(cloudep_accept_media(header, pages), HTML, "one of commas");
    is_str(cloudep_accept_language(header, ours), NULL, "for languages as well");
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS) {
        return 1;
    }
    test_media();
    test_language();
    test_long();
    /* A decimal comma changes nothing; machines without German have no such locale, and "C" stays. */
    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    test_media();
    test_language();
    apr_terminate();
    return done_testing();
}
