/*
 * accept.h - what a client would rather have: Accept and Accept-Language (RFC 9110, 12.5.1 and 12.5.4).
 *
 * Weights are read as digits, never by the C locale. What cannot be read is as if it were not there.
 */
#ifndef CLOUDEP_TEXT_ACCEPT_H
#define CLOUDEP_TEXT_ACCEPT_H

#include "base/export.h"

/**
 * Choose a media type. The most specific range of the header that a type matches gives its weight; the highest weight
 * wins, then the more specific range (a client that names JSON and then any type wants JSON), then the order
 * of @a available. Parameters of a range other than q are ignored.
 * @param header the value of Accept; NULL: none was sent
 * @param available the types that there are, in lower case and without parameters, ended by NULL, best first
 * @return one of @a available: the first when the header has no range that can be read; NULL when it wants none of them
 */
CLOUDEP_DECLARE(const char *)
cloudep_accept_media(const char *header, const char *const available[]);

/**
 * Choose a language by CLDR's matching (ICU): zh-HK is served by zh-TW, since both are written in traditional
 * characters, en-GB by en, pt by pt-BR; zh-CN is not served by zh-TW.
 * @param header the value of Accept-Language; NULL: none was sent
 * @param available the language tags that there are, ended by NULL, with hyphens
 * @return one of @a available, or NULL: none was asked for, among them "*" alone and a header that cannot be read.
 *         The caller has a default then
 */
const char *cloudep_accept_language(const char *header, const char *const available[]);

#endif
