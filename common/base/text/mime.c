/*
 * mime.c - writes mails.
 *
 * Bodies are quoted-printable: what is ASCII stays readable in the spool folder, and "=_" cannot occur in them, so
 * a boundary that holds it needs no search through the text.
 */
#include "base/text/mime.h"

#include <apr_base64.h>
#include <apr_strings.h>
#include <string.h>
#include "base/text/validate.h"

#define LINE_MAX_QP 76
/* Bytes of UTF-8 in one encoded word: behind "Subject: " its line has 77 characters. */
#define WORD_BYTES 42

static int is_plain(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e) {
            return 0;
        }
    }
    return 1;
}

int cloudep_is_mail_address(const char *text)
{
    const char *at = strchr(text, '@');

    return at && at != text && at[1] && !strchr(at + 1, '@') && is_plain(text) && !strpbrk(text, " <>()[]\\,;:\"") &&
           strlen(text) <= 254;
}

/* The text between first and last without the white space and the quotes around it. */
static const char *unquoted(apr_pool_t *pool, const char *first, const char *last)
{
    while (first < last && *first == ' ') {
        first++;
    }
    while (last > first && last[-1] == ' ') {
        last--;
    }
    if (last - first >= 2 && *first == '"' && last[-1] == '"') {
        first++;
        last--;
    }
    return apr_pstrmemdup(pool, first, (apr_size_t)(last - first));
}

apr_status_t cloudep_mailbox_parse(cloudep_mailbox_t *mailbox, apr_pool_t *pool, const char *text)
{
    const char *open = strchr(text, '<');
    const char *end = text + strlen(text);
    cloudep_mailbox_t found = {NULL, text};

    if (open) {
        if (end[-1] != '>') {
            return CLOUDEP_EMALFORMED;
        }
        found.name = unquoted(pool, text, open);
        found.address = apr_pstrmemdup(pool, open + 1, (apr_size_t)(end - open - 2));
        if (!*found.name) {
            found.name = NULL;
        }
    }
    if (!cloudep_is_mail_address(found.address) ||
        (found.name && (!cloudep_is_printable(found.name) || strpbrk(found.name, "\"\\<>")))) {
        return CLOUDEP_EMALFORMED;
    }
    *mailbox = (cloudep_mailbox_t){found.name, apr_pstrdup(pool, found.address)};
    return APR_SUCCESS;
}

/* Bytes of the longest run of whole characters in text that is at most max bytes. */
static apr_size_t whole_characters(const char *text, apr_size_t max)
{
    apr_size_t len = strlen(text);

    if (len <= max) {
        return len;
    }
    for (len = max; len > 1 && ((unsigned char)text[len] & 0xc0) == 0x80; len--) {
    }
    return len;
}

/* A header's value by RFC 2047, folded. ASCII that fits on the line and cannot be mistaken stays as it is. */
static const char *header_text(apr_pool_t *pool, const char *text)
{
    const char *out = "";

    if (is_plain(text) && strlen(text) <= 60 && !strstr(text, "=?")) {
        return text;
    }
    while (*text) {
        apr_size_t len = whole_characters(text, WORD_BYTES);
        char *coded = apr_palloc(pool, (apr_size_t)apr_base64_encode_len((int)len));

        (void)apr_base64_encode(coded, text, (int)len);
        out = apr_pstrcat(pool, out, *out ? "\r\n " : "", "=?UTF-8?B?", coded, "?=", NULL);
        text += len;
    }
    return out;
}

static const char *mailbox_text(apr_pool_t *pool, const cloudep_mailbox_t *mailbox)
{
    const char *name;

    if (!mailbox->name) {
        return mailbox->address;
    }
    name = header_text(pool, mailbox->name);
    if (name == mailbox->name) {
        name = apr_pstrcat(pool, "\"", name, "\"", NULL);
    }
    return apr_pstrcat(pool, name, "\r\n <", mailbox->address, ">", NULL);
}

/* Whether the byte at text may stand for itself (RFC 2045, 6.7); a space may not end a line. */
static int is_literal(const char *text)
{
    if (*text == ' ' || *text == '\t') {
        return text[1] && text[1] != '\n' && text[1] != '\r';
    }
    return *text >= 0x21 && *text <= 0x7e && *text != '=';
}

/* Quoted-printable with CRLF, ending in a line end. Line ends in text may be LF or CRLF. */
static const char *quoted_printable(apr_pool_t *pool, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    /* Three for each byte, and three for a soft line break at least every 24 bytes. */
    char *out = apr_palloc(pool, strlen(text) * 4 + 8);
    char *o = out;
    int column = 0;

    for (; *text; text++) {
        int literal = is_literal(text);

        if (*text == '\n' || (*text == '\r' && text[1] == '\n')) {
            text += *text == '\r';
            *o++ = '\r';
            *o++ = '\n';
            column = 0;
            continue;
        }
        /* A dot that begins a line would be stuffed on its way: do not let it. */
        literal = literal && !(column == 0 && *text == '.');
        if (column + (literal ? 1 : 3) > LINE_MAX_QP - 1) {
            memcpy(o, "=\r\n", 3);
            o += 3;
            column = 0;
            literal = literal && *text != '.';
        }
        if (literal) {
            *o++ = *text;
            column++;
        }
        else {
            *o++ = '=';
            *o++ = hex[(unsigned char)*text >> 4];
            *o++ = hex[(unsigned char)*text & 15];
            column += 3;
        }
    }
    if (column) {
        *o++ = '\r';
        *o++ = '\n';
    }
    *o = 0;
    return out;
}

static const char *body_part(apr_pool_t *pool, const char *type, const char *text)
{
    return apr_pstrcat(pool, "Content-Type: ", type, "; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable",
                       "\r\n\r\n", quoted_printable(pool, text), NULL);
}

static apr_status_t check(const cloudep_mail_t *mail)
{
    apr_size_t characters;

    if (!cloudep_is_mail_address(mail->from.address) || !cloudep_is_mail_address(mail->to) ||
        !cloudep_is_id(mail->id) || !cloudep_is_printable(mail->subject)) {
        return CLOUDEP_EDATA;
    }
    if (mail->from.name && (!cloudep_is_printable(mail->from.name) || strpbrk(mail->from.name, "\"\\"))) {
        return CLOUDEP_EDATA;
    }
    if (mail->language && !cloudep_is_id(mail->language)) {
        return CLOUDEP_EDATA;
    }
    if (cloudep_utf8_length(&characters, mail->text) != APR_SUCCESS ||
        (mail->html && cloudep_utf8_length(&characters, mail->html) != APR_SUCCESS)) {
        return CLOUDEP_EDATA;
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_mime_compose(const char **message, apr_size_t *len, apr_pool_t *pool, const cloudep_mail_t *mail)
{
    char date[APR_RFC822_DATE_LEN];
    const char *body;
    apr_status_t rv = check(mail);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    (void)apr_rfc822_date(date, mail->date);
    /* RFC 5322 wants a number where RFC 822 wrote GMT. */
    body = body_part(pool, "text/plain", mail->text);
    if (mail->html) {
        body = apr_pstrcat(pool, "Content-Type: multipart/alternative;\r\n boundary=\"=_", mail->id, "\"\r\n\r\n--=_",
                           mail->id, "\r\n", body, "\r\n--=_", mail->id, "\r\n",
                           body_part(pool, "text/html", mail->html), "\r\n--=_", mail->id, "--\r\n", NULL);
    }
    *message = apr_pstrcat(pool, "Date: ", apr_pstrmemdup(pool, date, strlen(date) - 3),
                           "+0000\r\nFrom: ", mailbox_text(pool, &mail->from), "\r\nTo: ", mail->to,
                           "\r\nSubject: ", header_text(pool, mail->subject), "\r\nMessage-ID: <", mail->id,
                           strchr(mail->from.address, '@'), ">\r\nAuto-Submitted: auto-generated\r\n",
                           mail->language ? apr_pstrcat(pool, "Content-Language: ", mail->language, "\r\n", NULL) : "",
                           "MIME-Version: 1.0\r\n", body, NULL);
    *len = strlen(*message);
    return APR_SUCCESS;
}
